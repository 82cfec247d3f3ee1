package grub

// Messages gives GRUB's messages that have Floe's words instead.
func Messages(s MenuSpec) map[string]string { return s.words() }
