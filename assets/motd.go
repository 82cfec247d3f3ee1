package assets

import "embed"

//go:embed motd
var motds embed.FS

// Motd gives the greeting, etc/motd, of an image with these runtimes: that of
// the first one that has its own. nil means the one in Rootfs.
func Motd(runtimes []string) []byte {
	for _, r := range runtimes {
		if text, err := motds.ReadFile("motd/" + r); err == nil {
			return text
		}
	}
	return nil
}
