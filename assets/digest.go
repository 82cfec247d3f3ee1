package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// RootfsDigest is a hash, in hexadecimal, of all that Rootfs gives.
func RootfsDigest() string {
	h := sha256.New()
	for _, e := range Rootfs() {
		fmt.Fprintf(h, "%q %o %d %d %t %q %d\n", e.Path, e.Mode, e.UID, e.GID, e.Dir, e.Target, len(e.Data))
		h.Write(e.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// UserlandDigest is a hash, in hexadecimal, of all that Userland holds.
func UserlandDigest() string {
	h := sha256.New()
	err := fs.WalkDir(Userland, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := Userland.ReadFile(path)
		fmt.Fprintf(h, "%q %d\n", path, len(data))
		h.Write(data)
		return err
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	return hex.EncodeToString(h.Sum(nil))
}
