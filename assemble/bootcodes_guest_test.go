package assemble_test

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"floe/assets"
	"floe/internal/bootcode"
)

// parser runs the booted system's parser of boot codes in its own shell.
type parser struct {
	t            *testing.T
	dir, busybox string
	before       []string // names of files
}

func newParser(t *testing.T) *parser {
	t.Helper()
	f := shared()
	if f.err != nil {
		t.Fatal(f.err)
	}
	p := &parser{t: t, dir: t.TempDir(), busybox: filepath.Join(programsHere(t, f.builder), "busybox")}
	for _, e := range assets.Rootfs() {
		if e.Path == "etc/floe/bootcodes.sh" {
			p.write("bootcodes.sh", string(e.Data))
		}
	}
	// Names that a careless expansion would find.
	for _, name := range []string{"cmdline", "a", "b", "ssh-ed25519:x"} {
		p.write(name, "")
	}
	p.before = p.files()
	return p
}

func (p *parser) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *parser) files() []string {
	list, err := os.ReadDir(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// run gives the variables that the parser makes of a command line, and what it
// says of words that nobody knows. Nothing may be executed on the way: no
// file appears or goes, and no program is found, for the path is empty.
func (p *parser) run(line string) map[string]string {
	p.t.Helper()
	p.write("cmdline", line+"\n")
	var script strings.Builder
	script.WriteString("set -u; bc_cmdline=cmdline bc_environ_file=/dev/null; . ./bootcodes.sh; bootcodes_unknown >/dev/null; bootcodes_read\n")
	for _, c := range bootcode.All() {
		if !c.Kernel {
			fmt.Fprintf(&script, "printf '%%s\\001%%s\\002' %s \"$%s\"\n", c.Variable(), c.Variable())
		}
	}
	cmd := exec.Command(p.busybox, "ash", "-c", script.String())
	cmd.Dir, cmd.Env = p.dir, []string{"PATH=/nowhere"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%q: %v\n%s", line, err, out)
	}
	if now := p.files(); !slices.Equal(now, p.before) {
		p.t.Fatalf("%q: something was executed: %q", line, now)
	}
	got := map[string]string{}
	for _, pair := range strings.Split(strings.TrimSuffix(string(out), "\x02"), "\x02") {
		name, value, ok := strings.Cut(pair, "\x01")
		if !ok {
			p.t.Fatalf("%q: the shell said %q", line, pair)
		}
		got[name] = value
	}
	return got
}

// want are the variables as they should be, from the words of a line.
func wantVariables(words []bootcode.Word) map[string]string {
	want := map[string]string{}
	for _, c := range bootcode.All() {
		if !c.Kernel {
			want[c.Variable()] = ""
		}
	}
	want["bc_lst"] = "onboot.lst"
	for _, w := range words {
		c, known := bootcode.Find(w.Key)
		if !known || c.Kernel || w.HasValue != (c.Form != nil) {
			continue
		}
		switch v := c.Variable(); {
		case v == "bc_root":
			want[v] = w.Key
		case !w.HasValue:
			want[v] = "1"
		case c.Repeat && want[v] != "":
			want[v] += "\n" + w.Value
		default:
			want[v] = w.Value
		}
	}
	return want
}

func (p *parser) check(line string, words []bootcode.Word) {
	p.t.Helper()
	got, want := p.run(line), wantVariables(words)
	for name, value := range want {
		if got[name] != value {
			p.t.Errorf("%q:\n%s is   %q,\nshould be %q", line, name, got[name], value)
		}
	}
}

// hostile lines: data like any other.
var hostile = []string{
	"host=$(touch${IFS}pwned)", "host=`>pwned`", "host=;>pwned", "host=*", "host=? user=* tz=~", "host=$PATH user=${HOME}",
	"docker=*;>pwned;#", `docker="$(>pwned) *"`, `docker="a;>pwned;b"`, "host=a&>pwned", "host=a|>pwned", "host=$((1+1))",
	"sshkey=* sshkey=ssh-ed25519:* sshkey=$(>pwned)", "ip=*", "-x --help host=-n user=-e", "host=%s%n docker=\\n\\0",
	"!x host=!! tz=[a-z]", "registry-mirror=http://h/?a=b&c=d proxy=http://u:p@h:1/#x", "host=a'b user='x'", `docker=a\b docker=\`,
	"}; >pwned; {", "host) >pwned ;; host=x", "=host host== =", "HOST=x Host=y hosts=z ghost=q", "bc_host=x PATH=/ IFS=x",
	"host=" + strings.Repeat("x*", 900), strings.Repeat("a=b ", 500) + "host=end", strings.Repeat("noembed ", 250),
	`docker="` + strings.Repeat("long words ", 180) + `"`, "host=\x7f\x1b[31m",
}

func TestParserInItsShell(t *testing.T) {
	p := newParser(t)
	for _, line := range hostile {
		var words []bootcode.Word
		for _, f := range strings.Fields(line) {
			if strings.Contains(line, `"`) {
				break
			}
			key, value, has := strings.Cut(f, "=")
			words = append(words, bootcode.Word{Key: key, Value: value, HasValue: has})
		}
		if strings.Contains(line, `"`) {
			var err error
			if words, err = bootcode.Parse(line); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		p.check(line, words)
	}
}

// TestParsersAgree gives lines made by chance to the booted system's parser
// and to Go's, as the kernel gets them and as GRUB hands them on.
func TestParsersAgree(t *testing.T) {
	p := newParser(t)
	chance := rand.New(rand.NewSource(1))
	var keys []string
	for _, c := range bootcode.All() {
		keys = append(keys, c.Key)
	}
	keys = append(keys, "quiet", "hostname", "x")
	const letters = `ab*?[]$;&|<>(){}#~!'\\/.,:=-+%@ `
	for range 150 {
		var words []bootcode.Word
		for range chance.Intn(6) {
			w := bootcode.Word{Key: keys[chance.Intn(len(keys))], HasValue: chance.Intn(4) > 0}
			for n := chance.Intn(12); w.HasValue && n > 0; n-- {
				w.Value += string(letters[chance.Intn(len(letters))])
			}
			words = append(words, w)
		}
		p.check(bootcode.Join(words), words)
		p.check(throughGRUB(words), words)
	}
}

// throughGRUB writes words as GRUB makes the kernel's command line of its
// command's arguments (grub_create_loader_cmdline in its lib/cmdline.c).
func throughGRUB(words []bootcode.Word) string {
	line := "BOOT_IMAGE=/boot/vmlinuz"
	for _, w := range words {
		arg := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`).Replace(w.Arg())
		if strings.Contains(arg, " ") {
			arg = `"` + arg + `"`
		}
		line += " " + arg
	}
	return line
}
