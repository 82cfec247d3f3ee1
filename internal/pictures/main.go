// Command pictures makes the manual's pictures: it drives the real program on a
// pseudo-terminal, through the wizard, a build and a try-out in QEMU, and draws
// what it shows.
//
//	go run ./internal/pictures [-store DIR] [-no-machine] [docs/pictures]
//
// With a store in which everything is built already it takes as long as the
// machine takes to boot. It leaves nothing behind but the pictures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/adrg/xdg"
	"github.com/creack/pty"

	"floe/internal/vt"
)

// step is something typed, what is on the screen then, and the picture of it.
type step struct {
	keys    string
	sees    []string
	picture string // its name; "": none
	title   string
	patient bool // it may take minutes
}

const (
	cols, rows = 80, 24
	quick      = 20 * time.Second
	patience   = 10 * time.Minute
	settle     = 400 * time.Millisecond // until what is drawn is drawn
)

// way is from the welcome to a login.
var way = []step{
	{"", []string{"Start", "signatures good"}, "welcome", "The wizard's welcome, with what this machine can do", false},
	{"\r", []string{"Which processor"}, "", "", false},
	{"\r", []string{"What will run the containers?"}, "runtime", "The choice of a runtime, with what each costs", false},
	{"k", []string{"❯ None"}, "", "", false},
	{"\r", []string{"Who may log in?"}, "", "", false},
	{"\r", []string{"What is the machine called?"}, "", "", false},
	{"\r", []string{"boot line"}, "codes", "Boot codes, from a list", false},
	{"\r", []string{"stays for containers"}, "memory", "How much memory stays for containers", false},
	{"\r", []string{"Where does the image go?"}, "", "", false},
	{"\r", []string{"This is what will be built."}, "review", "Every answer on a line", false},
	{"\r", []string{"Done", "Try it out"}, "done", "The finished image, and what to type next", true},
}

// trial is what comes after it with a machine.
var trial = []step{
	{"\r", []string{"Running", "MiB used"}, "machine", "A machine that boots the image, watched", true},
	{"o", []string{"Power the machine off?"}, "", "", false},
	{"j\r", []string{"has ended: powered off"}, "", "", true},
}

func main() {
	store := flag.String("store", filepath.Join(xdg.CacheHome, "floe"), "`DIR` with finished stages")
	without := flag.Bool("no-machine", false, "leave out the try-out")
	flag.Parse()
	dir := "docs/pictures"
	if flag.NArg() > 0 {
		dir = flag.Arg(0)
	}
	steps := way
	if !*without {
		steps = append(steps[:len(steps):len(steps)], trial...)
	}
	if err := run(context.Background(), *store, dir, steps); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// run plays the steps in a home of their own.
func run(ctx context.Context, store, dir string, steps []step) error {
	home := filepath.Join(os.TempDir(), "floe-pictures") // it is on the pictures
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(home)
	program := filepath.Join(home, "floe")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	if err := os.Symlink(store, filepath.Join(home, "store")); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--store", filepath.Join(home, "store"))
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=xterm-256color", "FLOE_ARCH=amd64", "COLORTERM=truecolor", "COLORFGBG=15;0"}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: cols, Rows: rows})
	if err != nil {
		return err
	}
	defer terminal.Close()
	watched := watch(terminal)
	for _, s := range steps {
		if _, err := terminal.WriteString(s.keys); err != nil {
			return err
		}
		if err := watched.until(s); err != nil {
			return err
		}
		if s.picture == "" {
			continue
		}
		if err := watched.draw(filepath.Join(dir, s.picture+".svg"), s.title); err != nil {
			return err
		}
	}
	if _, err := terminal.WriteString("\x03\x03"); err != nil {
		return err
	}
	if err := cmd.Wait(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		return err
	}
	return nil
}

// watched is a screen that is being drawn on.
type watched struct {
	mu     sync.Mutex
	screen *vt.Screen
}

func watch(terminal *os.File) *watched {
	w := &watched{screen: vt.New(cols, rows)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := terminal.Read(buf)
			if err != nil {
				return
			}
			w.mu.Lock()
			_, _ = w.screen.Write(buf[:n])
			w.mu.Unlock()
		}
	}()
	return w
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.screen.String()
}

// until waits until all that a step is about is on the screen.
func (w *watched) until(s step) error {
	limit := quick
	if s.patient {
		limit = patience
	}
	for late := time.Now().Add(limit); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		text, missing := w.text(), false
		for _, want := range s.sees {
			missing = missing || !strings.Contains(text, want)
		}
		if !missing {
			time.Sleep(settle)
			return nil
		}
	}
	return errors.New("not all of " + strings.Join(s.sees, ", ") + " is on the screen:\n" + w.text())
}

func (w *watched) draw(path, title string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.screen.SVG(f, title); err != nil {
		return err
	}
	return f.Close()
}
