package bootcode

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every code tells enough of itself, and its own example is right.
func TestTable(t *testing.T) {
	keys, variables := map[string]bool{}, map[string]string{}
	for _, c := range All() {
		if keys[c.Key] {
			t.Errorf("%s is there twice", c.Key)
		}
		keys[c.Key] = true
		if c.Help == "" || !slices.Contains(Pages(), c.Page) {
			t.Errorf("%s has no help or no page", c.Key)
		}
		if strings.HasSuffix(c.Help, ".") || c.Manual != "" && !strings.HasSuffix(c.Manual, ".") {
			t.Errorf("%s: help is words, the manual's text sentences", c.Key)
		}
		if other, taken := variables[c.Variable()]; taken && c.shellName == "" {
			t.Errorf("%s and %s share %s", c.Key, other, c.Variable())
		}
		variables[c.Variable()] = c.Key
		if (c.Form != nil) != (c.Example != "") {
			t.Errorf("%s: an example belongs to a code with a value", c.Key)
			continue
		}
		words, err := Parse(c.Example)
		if c.Form == nil {
			continue
		}
		if err != nil || len(words) != 1 || words[0].Key != c.Key || Check(c.Example) != nil {
			t.Errorf("%s: the example %q is wrong: %v, %v", c.Key, c.Example, err, Check(c.Example))
		}
	}
}

// The help pages fit a text screen with the menu's own lines around them.
func TestScreens(t *testing.T) {
	shown := 0
	for _, p := range Pages() {
		lines := Screen(p)
		shown += len(lines) - 2
		if len(lines) > 21 {
			t.Errorf("%s has %d lines", p, len(lines))
		}
		for _, l := range lines {
			if len(l) > pageWidth || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q is %d wide, or not ASCII", l, len(l))
			}
		}
	}
	if shown != len(All()) {
		t.Errorf("%d of %d codes are on a page", shown, len(All()))
	}
}

// The files that are made from the table are as the table makes them.
func TestGenerated(t *testing.T) {
	root := filepath.Join("..", "..")
	manual, err := os.ReadFile(filepath.Join(root, ManualFile))
	if err != nil || string(manual) != Manual() {
		t.Errorf("%s is not what the table says (%v): run go generate ./internal/bootcode", ManualFile, err)
	}
	parser, err := os.ReadFile(filepath.Join(root, ShellFile))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Shell(string(parser))
	if err != nil || string(parser) != want {
		t.Errorf("%s is not what the table says (%v): run go generate ./internal/bootcode", ShellFile, err)
	}
	if _, err := Shell("no marks"); err == nil {
		t.Error("a parser without marks was taken")
	}
}

func TestParse(t *testing.T) {
	for line, want := range map[string][]Word{
		"":                                {},
		"  noembed   host=box ":           {{"noembed", "", false}, {"host", "box", true}},
		`docker="--a b" "podman=c d" x=`:  {{"docker", "--a b", true}, {"podman", "c d", true}, {"x", "", true}},
		`sshkey=ssh-ed25519:AAAA==`:       {{"sshkey", "ssh-ed25519:AAAA==", true}},
		`docker=it's host=\`:              {{"docker", "it's", true}, {"host", `\`, true}},
		`proxy=http://h/$(x)?a=b&c;d|e#f`: {{"proxy", "http://h/$(x)?a=b&c;d|e#f", true}},
	} {
		got, err := Parse(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
		again, err := Parse(Join(got))
		if err != nil || !slices.Equal(got, again) {
			t.Errorf("%q: written as %q and read as %q, %v", line, Join(got), again, err)
		}
	}
	for line, says := range map[string]string{
		"a\nb": "cannot stand", "h=ö": "cannot stand", `a="b`: "never closed", `a=b"c d"`: "around a whole value",
		`a="b"c`: "around a whole value", `"a="b c""`: "around a whole value", "=x": "no name", `"a b"=c`: "around a whole", `"a b"`: "space in its name",
	} {
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, line := range []string{
		"", "quiet mitigations=off nvme.poll_queues=2", "host=a.b-c user=_x", "tz=UTC tz=<+03>-3 tz=CET-1CEST,M3.5.0,M10.5.0/3",
		"ip=10.0.0.2/24 ip=10.0.0.2/24,,9.9.9.9@eth0 ip=fd00::2/64,fd00::1 ip=dhcp ip=10.0.0.2::10.0.0.1:255.255.255.0::eth0:off",
		"tce=sda1 tce=/dev/sda1/x/y tce=LABEL=a.b/c tce=UUID=12-ab", "data=none waitusb=0 waitusb=5:UUID=ab-1", "zram=100%", `docker="--a 'b c'"`,
		"console=ttyS0,115200n8 loglevel=7", "rsyslog=logs:514 ntpserver=::1",
	} {
		if err := Check(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for line, says := range map[string]string{
		"noembed=1": "takes no value", "host": "wants a value", "host=": "wanted is", "host=-a": "wanted is", "host=a_b": "wanted is",
		"user=root": "of the system", "user=Ada": "small letters", "tz=Berlin": "Europe/Berlin", "tz=Europe/Berln": "Europe/Berlin", "tz=xy": "no such",
		"sshkey=abc": "TYPE:BASE64", "sshkey=ssh-ed25519:!": "base64", "sshkey=ssh-ed25519:AAAA": "not a public key",
		"sshkey=ssh-rsa:AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzdd5m7IDfu2IVZb+2wX4JfcFA4J6dQGe0vHWFJT": "type is ssh-ed25519",
		"ip=10.0.0.2": "prefix length", "ip=10.0.0.2/33": "prefix length", "ip=10.0.0.2/24,x": "not an address", "ip=10.0.0.2/24,fd00::1": "same kind",
		"ip=10.0.0.2/24@e/0": "network card", "ip=10.0.0.2::nobody:": "not an IPv4", "ip=1:2:3:4:5:6:7:8:9:10:11": "ten fields",
		"tce.mirror=ftp://x": "http://", "proxy=x": "http://", "waitusb=x": "seconds", "data=a b": "", "zram=x": "0 to 999", "lst=a/b": "folder",
		"loglevel=9": "0 to 7", `mdadm='x'`: "boot loader", `root=a\b`: "boot loader", "format=none/x": "sdb1",
	} {
		if err := Check(line); says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestValue(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{{nil, "floe"}, {[]string{"user"}, "floe"}, {[]string{"user=ada", "users=x", "host=user=y", "user=bob"}, "bob"}} {
		if got := Value(tt.args, "user"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.args, got, tt.want)
		}
	}
}

func TestHints(t *testing.T) {
	for line, want := range map[string]string{
		"noembedd": "did you mean noembed", "hsot=x": "did you mean host", "registry_mirror=x": "did you mean registry-mirror",
		"host=a host=b": "twice", "secure superuser": "secure wins over superuser",
		"sshkey=a:b sshkey=c:d quiet ro root=/dev/sda1 hostname=x mitigations=off console=a console=b": "",
	} {
		if got := strings.Join(Hints(line), "; "); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: %q", line, got)
		}
	}
}

// The list of zones agrees with Go's own time zones, half a year apart.
func TestZones(t *testing.T) {
	for name, want := range map[string]string{"UTC": "UTC0", "Europe/Berlin": "CET-1CEST,M3.5.0,M10.5.0/3", "Asia/Kathmandu": "<+0545>-5:45"} {
		posix, ok := Zone(name)
		if !ok || posix != want {
			t.Errorf("%s: %q", name, posix)
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		if _, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, zone).Zone(); name == "Asia/Kathmandu" && offset != 5*3600+45*60 {
			t.Errorf("%s is %d s off", name, offset)
		}
	}
}

// FuzzParse: what is read is written and read again as it was, nothing panics,
// and every word is split where the kernel splits it.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"", "a b=c", `docker="--a b" "x=y z"`, `a="b`, `"`, `=`, `a==b`, `"a=b"c d`, "a  b\t", `h="a\"b"`, "ip=10.0.0.1/24,,1.1.1.1@eth0 waitusb=1"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		_, _, _ = Check(line), Hints(line), Nearest(line)
		words, err := Parse(line)
		if err != nil {
			return
		}
		again, err := Parse(Join(words))
		if err != nil || !slices.Equal(words, again) {
			t.Fatalf("%q: %q became %q, %v", line, words, again, err)
		}
		if kernel := kernelWordsOf(line); !slices.Equal(words, kernel) {
			t.Fatalf("%q: %q, but the kernel reads %q", line, words, kernel)
		}
	})
}

// kernelWordsOf reads a line as next_arg in the kernel's lib/cmdline.c does:
// byte by byte, with its treatment of quotes that stand anywhere.
func kernelWordsOf(line string) []Word {
	var words []Word
	args := strings.TrimLeft(line, " ")
	for args != "" {
		inQuote, quoted := false, false
		if args[0] == '"' {
			args, inQuote, quoted = args[1:], true, true
		}
		equals, i := 0, 0
		for ; i < len(args) && (args[i] != ' ' || inQuote); i++ {
			if equals == 0 && args[i] == '=' {
				equals = i
			}
			if args[i] == '"' {
				inQuote = !inQuote
			}
		}
		text := args[:i]
		args = strings.TrimLeft(args[i:], " ")
		if equals == 0 {
			if quoted {
				text = strings.TrimSuffix(text, `"`)
			}
			words = append(words, Word{Key: text})
			continue
		}
		value := text[equals+1:]
		if strings.HasPrefix(value, `"`) {
			value = strings.TrimSuffix(value[1:], `"`)
		} else if quoted {
			value = strings.TrimSuffix(value, `"`)
		}
		words = append(words, Word{text[:equals], value, true})
	}
	return words
}
