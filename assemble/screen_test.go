package assemble_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"floe/qemu"
	"floe/qemu/qmp"
)

// screen is a person at a machine's own screen and keyboard.
type screen struct {
	t   *testing.T
	qmp *qmp.Client
	dir string
}

// withScreen gives a machine a graphics card; a keyboard it has.
func withScreen() qemu.Option { return qemu.Extra("-device", "VGA") }

// watch sits down in front of the screen.
func watch(t *testing.T, r *qemu.Running) *screen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := qmp.Dial(ctx, r.State().Files.Control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &screen{t, c, t.TempDir()}
}

// dump has QEMU write something to a file, and reads that.
func (s *screen) dump(command string, args map[string]any) []byte {
	s.t.Helper()
	path := filepath.Join(s.dir, "dump")
	args["filename"] = path
	if err := s.qmp.Run(s.t.Context(), command, args, nil); err != nil {
		s.t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// text reads the characters out of the memory of a VGA card in text mode,
// row by row, 80 columns each, where frames and arrows are no ASCII.
func (s *screen) text() string {
	s.t.Helper()
	const at, size, columns = 0xb8000, 32 << 10, 80
	memory := s.dump("pmemsave", map[string]any{"val": at, "size": size})
	var rows []string
	for row := range slices.Chunk(memory, 2*columns) {
		var text []byte
		for i := 0; i < len(row); i += 2 {
			text = append(text, row[i])
		}
		rows = append(rows, strings.TrimRight(string(text), " \x00"))
	}
	return strings.Join(rows, "\n")
}

// shows waits until the texts stand on a VGA screen, each in one row.
func (s *screen) shows(texts ...string) {
	s.t.Helper()
	var text string
	missing := func(want string) bool { return !strings.Contains(text, want) }
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
		if text = s.text(); !slices.ContainsFunc(texts, missing) {
			return
		}
	}
	s.t.Fatalf("the screen does not show all of %q:\n%s", texts, text)
}

// picture is what stands on the screen, whatever its mode.
func (s *screen) picture() []byte {
	s.t.Helper()
	return s.dump("screendump", map[string]any{})
}

// changes waits until the screen shows something else than a picture.
func (s *screen) changes(from []byte) {
	s.t.Helper()
	s.until("the screen goes on showing the same", func() bool { return !bytes.Equal(s.picture(), from) })
}

// returns waits until the screen shows a picture again.
func (s *screen) returns(to []byte) {
	s.t.Helper()
	s.until("the screen does not show again what it has shown before", func() bool { return bytes.Equal(s.picture(), to) })
}

// still waits until nothing changes any more, and gives the picture.
func (s *screen) still() (picture []byte) {
	s.t.Helper()
	same := 0
	s.until("the screen does not come to rest", func() bool {
		now := s.picture()
		if !bytes.Equal(now, picture) {
			picture, same = now, 0
		}
		same++
		return same == 10
	})
	return picture
}

func (s *screen) until(complaint string, done func() bool) {
	s.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
		if done() {
			return
		}
	}
	s.t.Fatal(complaint)
}

// presses presses a key of the machine's own keyboard, by QEMU's name for it.
func (s *screen) presses(key string) {
	s.t.Helper()
	args := map[string]any{"keys": []map[string]string{{"type": "qcode", "data": key}}}
	if err := s.qmp.Run(s.t.Context(), "send-key", args, nil); err != nil {
		s.t.Fatal(err)
	}
}

// plug puts a drive that QEMU has into the machine, as a USB stick.
func (s *screen) plug(drive string) {
	s.t.Helper()
	args := map[string]any{"driver": "usb-storage", "bus": "usb.0", "drive": drive}
	if err := s.qmp.Run(s.t.Context(), "device_add", args, nil); err != nil {
		s.t.Fatal(err)
	}
}

// unplug pulls the cable of the machine's first network card for a moment.
func (s *screen) unplug() {
	s.t.Helper()
	for _, up := range []bool{false, true} {
		args, _ := json.Marshal(map[string]any{"name": "net", "up": up})
		if err := s.qmp.Run(s.t.Context(), "set_link", json.RawMessage(args), nil); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(time.Second) // shorter than linkwatch's patience
	}
}

// colours counts the colours of a picture in the form of screendump: a binary
// PPM, three bytes for each pixel.
func colours(picture []byte) int {
	seen := map[[3]byte]bool{}
	fields := bytes.SplitN(picture, []byte("\n"), 4) // P6, width and height, 255, pixels
	for pixel := range slices.Chunk(fields[len(fields)-1], 3) {
		if len(pixel) == 3 {
			seen[[3]byte(pixel)] = true
		}
	}
	return len(seen)
}
