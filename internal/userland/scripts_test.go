package userland

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"floe/assets"
)

// builtins are the shell's own commands and words, as busybox's ash has them.
var builtins = strings.Fields(`. : [ alias break case cd command continue do done echo elif else esac eval exec exit export
	false fi for getopts if kill local printf pwd read return set shift test then trap true umask unset until wait while ! { }`)

// applets gives the names of the programs that the list makes of busybox.
// Their symbols are their names in capitals, but for these.
func applets(t *testing.T) map[string]bool {
	special := map[string]string{"BB_SYSCTL": "sysctl", "MKFS_VFAT": "mkfs.vfat", "TEST1": "["}
	names := map[string]bool{"sh": true}
	for _, s := range embeddedList(t) {
		if s.Value != "y" || strings.HasPrefix(s.Name, "FEATURE_") {
			continue
		}
		if name, ok := special[s.Name]; ok {
			names[name] = true
			continue
		}
		names[strings.ReplaceAll(strings.ToLower(s.Name), "_", "-")] = true
		names[strings.ToLower(s.Name)] = true
	}
	return names
}

var (
	heredoc    = regexp.MustCompile(`(?s)<<-?(\w+)[^\n]*\n.*?\n\s*(\w+)\n`)
	quoted     = regexp.MustCompile(`(?s)"(\\.|[^"\\])*"|'[^']*'`)
	comment    = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	arithmetic = regexp.MustCompile(`\$\(\([^()]*\)\)`)
	function   = regexp.MustCompile(`(?m)^\s*(\w+)\(\)`)
	pattern    = regexp.MustCompile(`(?m)^\s*[^\s();&|]+( \| [^\s();&|]+)*\)`) // of a case
	assigns    = regexp.MustCompile(`^\w+=`)
)

// commands lists the words of a script that stand where a command stands. It
// knows the shell's grammar only as far as these scripts use it.
func commands(text string) []string {
	// What is in quotes is data, but for $(...), which these scripts avoid.
	text = heredoc.ReplaceAllString(text, "\n")
	text = comment.ReplaceAllString(text, "")
	text = arithmetic.ReplaceAllString(text, "N")
	text = quoted.ReplaceAllString(text, "Q")
	own := map[string]bool{}
	for _, m := range function.FindAllStringSubmatch(text, -1) {
		own[m[1]] = true
	}
	text = function.ReplaceAllString(text, "")
	text = pattern.ReplaceAllString(text, ";")
	text = strings.ReplaceAll(text, "\\\n", " ")
	text = regexp.MustCompile(`[0-9]*[<>]&?\s*\S+`).ReplaceAllString(text, " ")
	var found []string
	for _, piece := range regexp.MustCompile(`[\n;|&()]+`).Split(text, -1) {
		for _, word := range strings.Fields(piece) {
			if assigns.MatchString(word) {
				continue
			}
			if slices.Contains([]string{"if", "then", "else", "elif", "while", "until", "do", "!", "{", "exec", "command"}, word) {
				continue
			}
			if !own[word] {
				found = append(found, word)
			}
			break
		}
	}
	return found
}

func TestCommandsOfAScript(t *testing.T) {
	got := commands(`#!/bin/sh
# mount nothing
f() {
	umount /x && x=1 y=2 sync || exit 1
}
case $a in
in | out) if ! grep -q "a; b" </c; then f; fi ;;
esac
(cd / && find . ! -type f | cpio -p)
exec udhcpc -f >/dev/null 2>&1
`)
	want := []string{"umount", "sync", "exit", "case", "grep", "fi", "esac", "cd", "find", "cpio", "udhcpc"}
	got = slices.DeleteFunc(got, func(s string) bool { return s == "}" })
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every command in the system's scripts is the shell's, one of our programs or
// an applet in the list.
func TestScriptsUseWhatIsThere(t *testing.T) {
	known := applets(t)
	for _, name := range append(slices.Clone(dropbearPrograms), SudoName, LinkwatchName, SigcheckName, "in") {
		known[name] = true
	}
	// Floe's own scripts, and functions that they source.
	for _, e := range assets.Rootfs() {
		if path.Dir(e.Path) == "usr/bin" {
			known[path.Base(e.Path)] = true
		}
		if strings.HasSuffix(e.Path, ".sh") {
			for _, m := range function.FindAllStringSubmatch(string(e.Data), -1) {
				known[m[1]] = true
			}
		}
	}
	for _, word := range builtins {
		known[word] = true
	}
	// Of the package e2fsprogs: used where they are there.
	for _, name := range []string{"e2fsck", "mke2fs", "partx", "resize2fs", "sfdisk"} {
		known[name] = true
	}
	programs := 0
	for _, e := range assets.Rootfs() {
		if e.Data == nil || !strings.HasPrefix(string(e.Data), "#!/bin/sh") {
			continue
		}
		for _, word := range commands(string(e.Data)) {
			if strings.HasPrefix(word, "/etc/") || strings.HasPrefix(word, "Q") {
				continue
			}
			programs++
			if !known[path.Base(word)] {
				t.Errorf("%s uses %q, which is not in assets/userland/busybox.config", e.Path, word)
			}
		}
	}
	if programs < 100 {
		t.Errorf("found only %d commands: the scripts are not read as they should be", programs)
	}
	// init starts these.
	for _, e := range assets.Rootfs() {
		if e.Path != "etc/inittab" {
			continue
		}
		for _, m := range regexp.MustCompile(`:/usr/bin/(\w+)`).FindAllStringSubmatch(string(e.Data), -1) {
			if !known[m[1]] {
				t.Errorf("inittab starts %s, which is not in assets/userland/busybox.config", m[1])
			}
		}
	}
}
