package assets

import (
	"embed"
	"io/fs"
)

//go:embed all:packages
var packages embed.FS

// Packages is the table of the booted system's packages: NAME.toml says what a
// package is made of, the folder NAME beside it holds Floe's own files of it,
// laid out as in the package. Who reads it is internal/tcz.
func Packages() fs.FS {
	sub, err := fs.Sub(packages, "packages")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}
