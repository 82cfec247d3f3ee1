package assets

import "embed"

// Kernel holds the fragments of the kernel's configuration, as
// kernel/NAME.config. Which of them an architecture takes, and in which order,
// is a table in the room "kernel".
//
//go:embed kernel/*.config
var Kernel embed.FS
