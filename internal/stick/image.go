package stick

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"floe/internal/board"
	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
)

// Image is an image that was found fit to be written. It is open.
type Image struct {
	*os.File
	Size   int64  // bytes
	SHA256 string // lower-case hexadecimal
	Floe   bool   // it is one of floe's

	seed   maphash.Seed
	pieces []uint64 // the hash of each piece of chunk bytes, with the seed; the last may be shorter
}

// floeLabel is the volume name of every image of floe's, and the name of the
// partition that holds it.
const floeLabel = "FLOE"

// Inspect looks at an image: it must be one of floe's, an ISO or the image of a
// board's memory card, or with any some
// ISO 9660 image, and have the SHA-256 that the file beside it tells, if there
// is one. The whole image is read. Progress goes to the stage.
func Inspect(ctx context.Context, path string, any bool, stage *report.Stage) (*Image, error) {
	return inspectAs(ctx, nil, path, any, stage)
}

func inspectAs(ctx context.Context, who *user.User, path string, any bool, stage *report.Stage) (*Image, error) {
	f, err := openAs(who, path)
	if err != nil {
		return nil, unreadableTo(who, path, err)
	}
	image := &Image{File: f}
	if err := image.inspect(ctx, who, path, any, stage); err != nil {
		f.Close()
		return nil, err
	}
	return image, nil
}

func unreadable(path string, err error) error {
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = "'floe build' makes one."
	}
	return fault.New(fault.Usage, "read the image", path, err, hint)
}

// unreadableTo is the error of a file that somebody may not read.
func unreadableTo(who *user.User, path string, err error) error {
	if who == nil || !errors.Is(err, fs.ErrPermission) {
		return unreadable(path, err)
	}
	return fault.New(fault.Usage, "read the image", path, err,
		fmt.Sprintf("It is read with the rights of user %s and of that user's own group, although the disk is written with root's: 'chmod a+r' lets them read it.", cmp.Or(who.Username, who.Uid)))
}

func (i *Image) inspect(ctx context.Context, who *user.User, path string, any bool, stage *report.Stage) error {
	info, err := i.Stat()
	if err != nil {
		return unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return unreadable(path, errors.New("it is no file"))
	}
	i.Size = info.Size()
	table, tableErr := iso.ReadGPT(i)
	_, card := table.Find(board.Volume)
	label, err := iso.Label(i)
	if err != nil && !card {
		return fault.New(fault.Usage, "write", path, err, "Only images that boot are written: floe's own, or with --any any ISO.")
	}
	_, stick := table.Find(floeLabel)
	i.Floe = tableErr == nil && (card || stick && label == floeLabel)
	if !i.Floe && !any {
		return fault.New(fault.Usage, "write", path, fmt.Errorf("it is no image of floe's (its name is %q)", label), "Add --any if you mean it.")
	}
	if i.SHA256, err = i.sum(ctx, stage); err != nil {
		return err
	}
	return i.beside(who, path)
}

// sum reads the whole image, and gives its SHA-256. In the same reading each piece
// gets a hash of 64 bits for what is read back later. The seed is this process's
// secret: no disk and no file can be made to fit it, and what happens to bytes by
// itself fits it once in 2⁶⁴ times. It takes a small part of the time of SHA-256, so
// that reading back waits for the disk only.
func (i *Image) sum(ctx context.Context, stage *report.Stage) (string, error) {
	hash, buf := sha256.New(), make([]byte, chunk)
	i.seed, i.pieces = maphash.MakeSeed(), make([]uint64, (i.Size+chunk-1)/chunk)
	for p := range i.pieces {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		at := int64(p) * chunk
		b := buf[:min(chunk, i.Size-at)]
		if err := i.read(b, at); err != nil {
			return "", unreadable(i.Name(), err)
		}
		hash.Write(b)
		i.pieces[p] = maphash.Bytes(i.seed, b)
		if p%32 == 0 {
			stage.Progress(at, i.Size, report.Bytes)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// read fills b from a place in the image.
func (i *Image) read(b []byte, at int64) error {
	n, err := i.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("it became shorter meanwhile")
	}
	return err
}

// had tells whether a piece is as it was when the image was looked at.
func (i *Image) had(b []byte, at int64) bool { return maphash.Bytes(i.seed, b) == i.pieces[at/chunk] }

// beside compares with the image's .sha256, as sha256sum writes it.
func (i *Image) beside(who *user.User, path string) error {
	f, err := openAs(who, path+".sha256")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unreadableTo(who, path+".sha256", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return unreadable(path+".sha256", err)
	}
	told, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if !strings.EqualFold(told, i.SHA256) {
		return fault.New(fault.Verify, "check the image", path,
			fmt.Errorf("its SHA-256 is %s, and %s says %.64q", i.SHA256, filepath.Base(path)+".sha256", told),
			"It was changed or damaged. Build it again: 'floe build' takes a second when nothing else changed.")
	}
	return nil
}

// caller is who had this process elevated; nil if nobody did.
func caller() *user.User {
	if os.Geteuid() != 0 {
		return nil
	}
	// doas sets its own last, and may pass on what its caller claims of others.
	if u, err := user.Lookup(os.Getenv("DOAS_USER")); err == nil {
		return u
	}
	for _, v := range []string{"SUDO_UID", "PKEXEC_UID"} { // run0 sets sudo's as well
		if id := os.Getenv(v); id != "" {
			if u, err := user.LookupId(id); err == nil {
				return u
			}
			return &user.User{Uid: id, Gid: id}
		}
	}
	if u, err := user.Lookup(os.Getenv("SUDO_USER")); err == nil {
		return u
	}
	return nil
}

// openAs opens a file for reading with the rights of a user, so that nobody
// reads through an elevated floe what is not theirs.
func openAs(who *user.User, path string) (*os.File, error) {
	open := func() (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) }
	if who == nil {
		return open()
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return nil, err
	}
	if uid == 0 {
		return open()
	}
	type opened struct {
		f   *os.File
		err error
	}
	result := make(chan opened)
	go func() {
		// The thread is not unlocked: it ends with its rights.
		runtime.LockOSThread()
		if err := unix.Setgroups([]int{gid}); err != nil && !errors.Is(err, unix.EPERM) {
			result <- opened{nil, err}
			return
		}
		unix.SetfsgidRetGid(gid)
		unix.SetfsuidRetUid(uid)
		if now, _ := unix.SetfsuidRetUid(-1); now != uid {
			result <- opened{nil, fmt.Errorf("the rights of user %d cannot be taken on", uid)}
			return
		}
		f, err := open()
		result <- opened{f, err}
	}()
	r := <-result
	return r.f, r.err
}
