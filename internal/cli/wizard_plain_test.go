package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"floe/internal/disks/disktest"
	"floe/internal/store"
)

// talk is floe between two pipes: nothing but lines goes in and comes out.
type talk struct {
	t        *testing.T
	cmd      *exec.Cmd
	in       io.WriteCloser
	mu       sync.Mutex
	out      bytes.Buffer
	seen     int // how much of out has been waited for
	exited   chan error
	patience time.Duration
}

func openTalk(t *testing.T, cmd *exec.Cmd) *talk {
	t.Helper()
	c := &talk{t: t, cmd: cmd, exited: make(chan error, 1), patience: time.Minute}
	cmd.Stdout, cmd.Stderr = c, c
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() { c.exited <- cmd.Wait() }()
	return c
}

// Write takes what floe says.
func (c *talk) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *talk) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

// hears waits until something is said that was not waited for yet, and gives
// all that was said up to there.
func (c *talk) hears(text string) string {
	c.t.Helper()
	for late := time.Now().Add(c.patience); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		all := c.String()
		if i := strings.Index(all[c.seen:], text); i >= 0 {
			said := all[c.seen : c.seen+i]
			c.seen += i + len(text)
			return said
		}
	}
	c.t.Fatalf("%q is not said; all that was:\n%s", text, c)
	return ""
}

func (c *talk) says(line string) { _, _ = io.WriteString(c.in, line+"\n") }

// ends waits for the end.
func (c *talk) ends(code int) {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(c.patience):
		c.t.Fatalf("floe does not end:\n%s", c)
	}
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, not %d\n%s", got, code, c)
	}
	if strings.Contains(c.String(), "\x1b") {
		c.t.Error("escape sequences on a pipe")
	}
}

// plainQuestions are what plain mode asks up to the review.
var plainQuestions = []string{"How to begin", "Architecture", "Runtime", "SSH keys", "Host name", "Boot codes", "Memory", "Image", "Review"}

// TestPlainWholeWay drives plain mode through a pipe, from the first question
// to an image that is written to a disk and read back. Before the disk's name
// was typed, nothing is lost by anything else, nor by the end of the input.
func TestPlainWholeWay(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds")
	}
	d := disktest.Loop(t, 96)
	dir, err := store.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"FLOE_STORE=" + dir, "FLOE_MIRROR=" + os.Getenv("FLOE_MIRROR"), "FLOE_RUNTIME=none", "FLOE_LOOP=1"}
	for _, confirmed := range []bool{false, true} {
		c := openTalk(t, floeFor(t, time.Hour, env, "--plain"))
		for _, question := range plainQuestions {
			c.hears(question)
			if question != "Review" {
				c.says("")
			}
		}
		c.says("write")
		c.patience = 40 * time.Minute // without a warm store
		list := c.hears("Number of the disk")
		c.patience = time.Minute
		number := regexp.MustCompile(`(?m)^ +(\d+)\. .*` + regexp.QuoteMeta(d.Path) + `,`).FindStringSubmatch(list)
		if number == nil {
			t.Fatalf("%s is not in\n%s", d.Path, list)
		}
		c.says(number[1])
		c.hears("The rest of the disk")
		c.says("2")
		c.hears("Type its name to erase it: loop device")
		if !confirmed {
			c.says("yes")
			c.hears("Nothing was erased")
			c.hears("Number of the disk")
			c.says(number[1])
			c.hears("Number [1]:")
			c.says("")
			c.hears("Type its name")
			c.in.Close()
			c.ends(2)
			if starts(t, d) != "old data" {
				t.Fatal("the disk has lost its data")
			}
			continue
		}
		c.says("loop device")
		c.hears("Written. It was read back")
		c.in.Close()
		c.ends(0)
		image, err := os.Stat(filepath.Join(c.cmd.Dir, "floe-amd64.iso"))
		if err != nil || starts(t, d) == "old data" {
			t.Errorf("the image: %v, %v; the disk begins with %q", image, err, starts(t, d))
		}
		if said := c.String(); !strings.Contains(said, "done   Read back and compare") || !strings.Contains(said, "What next") {
			t.Errorf("it says\n%s", said)
		}
	}
}

// TestPlainEndOfInput: wherever the input ends, the program does; nothing is
// taken for an answer, and the exit code says so.
func TestPlainEndOfInput(t *testing.T) {
	t.Parallel()
	for n := range plainQuestions {
		cmd := floe(t, []string{"FLOE_PLAIN=1"})
		cmd.Stdin = strings.NewReader(strings.Repeat("\n", n))
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "the input ended before the answer") || strings.Contains(string(out), "start ") {
			t.Errorf("after %d answers: exit code %d\n%s", n, code, out)
		}
	}
}
