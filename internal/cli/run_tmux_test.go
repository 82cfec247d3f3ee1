package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"floe/assemble/archivetest"
)

// tmux is a terminal of its own server, in which a shell runs.
type tmux struct {
	person
	socket string
}

// openTmux opens one whose shell has the person's surroundings.
func openTmux(p person) tmux {
	p.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		p.Skip("there is no tmux on this host")
	}
	dir, err := os.MkdirTemp("", "floe-tmux-*") // the path of a socket must be short
	if err != nil {
		p.Fatal(err)
	}
	p.env = append(p.env, "TMUX=", "ENV=", "LANG=C.UTF-8", "TERM=xterm-256color", "FLOE="+os.Args[0])
	m := tmux{p, filepath.Join(dir, "s")}
	m.tell("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "sh")
	p.Cleanup(func() {
		m.tell("kill-server")
		os.RemoveAll(dir)
	})
	return m
}

// tell gives tmux a command.
func (m tmux) tell(args ...string) string {
	m.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", m.socket}, args...)...)
	cmd.Env, cmd.Dir = m.env, m.home
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// types types text as it is.
func (m tmux) types(text string) tmux {
	m.Helper()
	m.tell("send-keys", "-l", "--", text)
	return m
}

// key presses a key by tmux's name for it.
func (m tmux) key(name string) tmux {
	m.Helper()
	m.tell("send-keys", name)
	return m
}

func (m tmux) screen() string {
	m.Helper()
	return m.tell("capture-pane", "-p")
}

// sees waits until the screen has something to match each pattern.
func (m tmux) sees(patterns ...string) tmux {
	m.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		missing, view := "", "\n"+strings.TrimRight(m.screen(), "\n")
		for _, p := range patterns {
			if !regexp.MustCompile(p).MatchString(view) {
				missing = p
			}
		}
		if missing == "" {
			return m
		}
		if time.Now().After(deadline) {
			m.Fatalf("nothing like %q is seen on\n%s", missing, view)
		}
	}
}

// modes are those of the terminal that a program must not leave changed.
func (m tmux) modes() string {
	m.Helper()
	return m.tell("display-message", "-p",
		"alternate=#{alternate_on} cursor=#{cursor_flag} mouse=#{mouse_any_flag} arrows=#{keypad_cursor_flag} keypad=#{keypad_flag} wrap=#{wrap_flag} insert=#{insert_flag} origin=#{origin_flag}"+
			" utf8=#{mouse_utf8_flag} sgr=#{mouse_sgr_flag} region=#{scroll_region_upper}-#{scroll_region_lower}")
}

// spoil is what a program in the machine leaves on the terminal that dies in the middle of
// it: the alternate screen, no cursor, the mouse, other arrow keys, no wrapping, a region,
// insertion, lines counted from the region's first.
const spoil = `printf '\033[?1049h\033[?25l\033[?1000h\033[?1005h\033[?1006h\033[?1004h\033[?1h\033=\033[?7l\033[5;9r\033[4h\033[?6h\033[4 q'`

// spoils types that, and sees it done.
func (m tmux) spoils() tmux {
	m.Helper()
	m.types(spoil).key("Enter").until("the terminal is spoilt", func() bool {
		now := m.modes()
		return strings.Contains(now, "alternate=1") && strings.Contains(now, "mouse=1") && strings.Contains(now, "insert=1 origin=1")
	})
	return m
}

// isClean finds the terminal as a program should leave it.
func (m tmux) isClean(after string) {
	m.Helper()
	const clean = "alternate=0 cursor=1 mouse=0 arrows=0 keypad=0 wrap=1 insert=0 origin=0 utf8=0 sgr=0 region=0-29"
	if now := strings.TrimSpace(m.modes()); now != clean {
		m.Errorf("after %s the terminal is left with %s", after, now)
	}
}

// TestRunInTmux goes through the live view of 'floe run' in a terminal that is nobody's
// of this project: from the first milestone to a terminal as it was before.
func TestRunInTmux(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image and boots it")
	}
	p := newPerson(t)
	m := openTmux(p)
	p.must("build", "--runtime", "none", "--output", filepath.Join(p.home, "box.iso"))
	archivetest.Seat(t)
	m.types("PS1='ready> '").key("Enter").sees(`\nready>$`).types("stty -g >before; $FLOE run box.iso --memory 128 --cpus 1; echo status=$?").key("Enter")
	m.sees(`firmware +[0-9.]+s`, `console`)
	m.sees(`kernel +[0-9.]+s`, `init +[0-9.]+s`, `network +[0-9.]+s`, `ssh +[0-9.]+s`, `of 128 MiB used`, `s log in`)

	m.types("c").sees("Console of floe", "comes back").types("echo con''sole-$((6*7))").key("Enter").sees("console-42")
	m.spoils().key("C-]")
	m.sees("Running", "of 128 MiB used", "s log in")
	m.types("s").sees("ssh to floe", `10\.0\.2\.15|\$`).types("stty size; id -un; echo in''side-$((6*7))").key("Enter").sees("30 100", "floe", "inside-42")
	m.spoils().types("exit").key("Enter").sees("Running", "of 128 MiB used", "s log in")
	m.types("p").sees("QEMU's command line", "-name floe").key("Escape").sees("s log in")
	m.types("r").sees("Restart the machine").types("j").key("Enter").sees("Restarted", `ssh +[0-9.]+s`, "of 128 MiB used")
	m.types("o").sees("Power the machine off").types("j").key("Enter").sees("The machine has ended: powered off", "status=0", `\nready>$`)

	m.isClean("the live view")
	m.types("$FLOE run box.iso --memory 128 --cpus 1 --console; echo status=$?").key("Enter").sees("ssh ready", `floe:~\$`)
	m.types("echo plain''-$((6*7))").key("Enter").sees("plain-42").spoils().key("C-]").sees("Powering the machine off", "status=0", `\nready>$`)
	m.isClean("its console alone")
	m.types(`stty -g >after; cmp before after && echo "the same"`).key("Enter").sees(`\nthe same`)
	if n := p.machinesHere(); n != 0 {
		t.Errorf("%d QEMUs are left", n)
	}
}
