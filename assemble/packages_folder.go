package assemble

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/crypto/ssh"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/tcz"
)

// AddPackages copies packages, and what stands beside each, into a folder, and
// lists them in its SumsFile, which is signed anew. Lines of other packages stay.
// Own is the key that signed the list before, or else it is somebody else's: see
// SignedSums. Sign signs as SignSums does.
func AddPackages(folder string, list []Package, own ssh.PublicKey, sign func(sums []byte) ([]byte, error)) error {
	sums, err := SignedSums(folder, own)
	if err != nil {
		return err
	}
	sums = joinSums(sums, PackageSums(list))
	signatures, err := sign(sums) // before anything changes: an agent may be gone
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := copyPackage(folder, p); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{SumsFile, sums}, {SignatureFile, signatures}} {
		path := filepath.Join(folder, f.name)
		if err := renameio.WriteFile(path, f.data, 0o644); err != nil {
			return unwritten(path, err)
		}
	}
	return nil
}

// SignedSums gives the list of a folder of packages; nil if there is none. One that
// a key did not sign is an error: whoever signs what is added to it would sign what
// somebody else wrote there as well.
func SignedSums(folder string, own ssh.PublicKey) ([]byte, error) {
	path := filepath.Join(folder, SumsFile)
	sums, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var signatures []byte
	if err == nil {
		signatures, err = os.ReadFile(filepath.Join(folder, SignatureFile))
	}
	if err == nil && !signedBy(own, sums, signatures) {
		err = errors.New("floe's key did not sign it")
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "add to the list of packages", path, err,
			"Name another folder with --output, or take the list away: a new one is made then, of the new packages only.")
	}
	return sums, nil
}

// OtherArch is an error where a folder has packages for other machines than those of a:
// their files have the same names.
func OtherArch(folder string, a arch.Arch) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, "look for packages", folder, err, "Name another folder with --output.")
	}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), tcz.Ext+".info")
		if !is {
			continue
		}
		if there, err := tcz.MadeFor(folder, name); err == nil && there != "" && there != a {
			return fault.New(fault.Usage, "add to the packages", folder, fmt.Errorf("%s is there for %s, not for %s", name, there, a),
				"Name a folder for each architecture with --output.")
		}
	}
	return nil
}

// signedBy tells whether one of the signatures is a key's.
func signedBy(key ssh.PublicKey, sums, signatures []byte) bool {
	c, _ := key.(ssh.CryptoPublicKey)
	if c == nil {
		return false
	}
	k, ok := c.CryptoPublicKey().(ed25519.PublicKey)
	signed := append([]byte(signedHead), sums...)
	return ok && slices.ContainsFunc(strings.Fields(string(signatures)), func(line string) bool {
		signature, err := base64.StdEncoding.DecodeString(line)
		return err == nil && ed25519.Verify(k, signed, signature)
	})
}

// joinSums puts the lines of two lists into one, in the order of the names. Of a
// package that is in both, that of the second counts.
func joinSums(lists ...[]byte) []byte {
	lines := map[string]string{} // by the file's name
	for line := range strings.Lines(string(bytes.Join(lists, nil))) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			lines[name] = sum
		}
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%s  %s\n", lines[name], name)
	}
	return b.Bytes()
}

// copyPackage copies a package with what stands beside it.
func copyPackage(folder string, p Package) error {
	files, err := filepath.Glob(p.Path() + "*")
	if err != nil {
		return err
	}
	for _, from := range files {
		if err := copyInto(folder, from); err != nil {
			return unwritten(filepath.Join(folder, filepath.Base(from)), err)
		}
	}
	return nil
}

func unwritten(path string, err error) error {
	return fault.New(fault.Missing, "write", path, err, "See that there is room and that the folder can be written to.")
}

// copyInto copies a file into a folder; it appears there when it is whole.
func copyInto(folder, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := renameio.NewPendingFile(filepath.Join(folder, filepath.Base(from)), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer out.Cleanup()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.CloseAtomicallyReplace()
}
