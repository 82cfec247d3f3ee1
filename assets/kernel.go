package assets

import "embed"

// Kernel holds the fragments of the kernel's configuration, as
// kernel/NAME.config, and the changes to its source, as
// kernel/patches/NAME.patch. Which fragments an architecture takes, and in which
// order, is a table in the room "kernel"; it takes all patches.
//
//go:embed kernel/*.config kernel/patches/*.patch
var Kernel embed.FS
