package assets

import _ "embed"

// GRUBMenu is the template of the boot menu, in text/template's language; what
// fills it is grub.MenuSpec.
//
//go:embed grub/grub.cfg.tmpl
var GRUBMenu string

// GRUBFind is what GRUB's UEFI image does first: find the file system that the
// menu is on.
//
//go:embed grub/find.cfg
var GRUBFind string
