package steps

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"floe/internal/fault"
)

func publicKey(t *testing.T, comment string) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment
}

func TestDefaults(t *testing.T) {
	plan, origins, err := Resolve()
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{Arch: "amd64", Board: "none", Runtime: "docker", Hostname: "floe", SSHKeys: []string{"own"}, Memory: 512, CPUs: 2,
		Firmware: AutoFirmware, Output: "floe-amd64.iso", Toolchain: "sandbox"}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("got %+v\nwant %+v", plan, want)
	}
	for _, s := range All() {
		if origins[s.Key] != "default" {
			t.Errorf("%s comes from %q", s.Key, origins[s.Key])
		}
	}
}

func TestFirstSourceWins(t *testing.T) {
	flags := Source{"flag", map[string][]string{"hostname": {"a"}}}
	env := Environment(func(k string) (string, bool) {
		v, ok := map[string]string{"FLOE_HOSTNAME": "b", "FLOE_MEMORY": "1G", "FLOE_SSH_KEY": ""}[k]
		return v, ok
	})
	file := Source{"floe.toml", map[string][]string{"hostname": {"c"}, "memory": {"300"}, "boot-codes": {"noembed"}}}
	plan, origins, err := Resolve(flags, env, file)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Hostname != "a" || plan.Memory != 1024 || plan.BootCodes != "noembed" {
		t.Errorf("%+v", plan)
	}
	for key, want := range map[string]string{"hostname": "flag", "memory": "environment", "boot-codes": "floe.toml", "ssh-key": "default"} {
		if origins[key] != want {
			t.Errorf("%s comes from %q, not %q", key, origins[key], want)
		}
	}
}

// Every step must be reachable by file and by environment, and what the file
// says must survive being written and read again.
func TestFileRoundTrip(t *testing.T) {
	key := publicKey(t, `me@"home"`)
	plan, _, err := Resolve(Source{"test", map[string][]string{
		"hostname": {"box"}, "boot-codes": {`noembed host=a-b`}, "ssh-key": {"own", key},
		"memory": {"96"}, "mirror": {"http://127.0.0.1:1/debian"}, "output": {`C:\x "y".iso`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "floe.toml")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	source, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(source.Given) != len(All()) {
		t.Errorf("the file gives %d of %d keys", len(source.Given), len(All()))
	}
	again, _, err := Resolve(source)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plan, again) {
		t.Errorf("wrote %+v\nread  %+v", plan, again)
	}
}

// TestFileFollows: the image's name in a plan's file follows the architecture and the
// board that are named beside it, unless it was chosen.
func TestFileFollows(t *testing.T) {
	for _, tt := range []struct{ output, key, value, want string }{
		{"", "arch", "arm64", "floe-arm64.iso"},
		{"", "board", "rpi", "floe-rpi.img"},
		{"box.iso", "arch", "arm64", "box.iso"},
	} {
		given := map[string][]string{"hostname": {"box"}}
		if tt.output != "" {
			given["output"] = []string{tt.output}
		}
		plan, _, err := Resolve(Source{"test", given})
		if err != nil {
			t.Fatal(err)
		}
		file, err := decode(strings.NewReader(plan.encode()))
		if err != nil {
			t.Fatal(err)
		}
		plan, _, err = Resolve(Source{"flag", map[string][]string{tt.key: {tt.value}}}, Source{"floe.toml", file})
		if err != nil || plan.Output != tt.want || plan.Hostname != "box" {
			t.Errorf("%+v: %+v, %v", tt, plan, err)
		}
	}
}

// TestFirmwareFits: no BIOS for a machine that cannot have one.
func TestFirmwareFits(t *testing.T) {
	for _, tt := range []struct {
		key, value, firmware string
		taken                bool
	}{
		{"arch", "amd64", "bios", true}, {"arch", "arm64", "uefi", true}, {"arch", "arm64", AutoFirmware, true},
		{"arch", "arm64", "bios", false}, {"board", "rpi", "bios", true}, // a board is not tried out
	} {
		_, _, err := Resolve(Source{"flag", map[string][]string{tt.key: {tt.value}, "firmware": {tt.firmware}}})
		if (err == nil) != tt.taken || err != nil && (fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "BIOS")) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	for _, tt := range []struct{ key, value, says string }{
		{"arch", "sparc", "amd64"},
		{"board", "beagle", "none, rpi"},
		{"hostname", "-x", "dashes"},
		{"hostname", "", "dashes"},
		{"hostname", strings.Repeat("a", 64), "63"},
		{"memory", "63", "too few"},
		{"memory", "lots", "number"},
		{"memory", "9999999999999999999", "number"},
		{"memory", "99999G", "more than"},
		{"cpus", "0", "1 to 255"},
		{"firmware", "openfirmware", "bios, uefi"},
		{"boot-codes", "a\nb", "cannot stand"},
		{"boot-codes", `host="x`, "never closed"},
		{"boot-codes", `mdadm=a\b`, "boot loader"},
		{"boot-codes", "noembed=1", "takes no value"},
		{"boot-codes", "tz=Berlin", "did you mean Europe/Berlin"},
		{"output", "", "wanted"},
		{"output", "images/", "folder"},
		{"output", "~/", "folder"},
		{"output", "\x1b]0;x\a.iso", "control characters"},
		{"output", "a\x00b", "control characters"},
		{"mirror", "http://x/\u009b", "control characters"},
		{"ssh-key", "id\x1b[2J.pub", "control characters"},
		{"boot-codes", strings.Repeat("x", 1025), "too many"},
		{"mirror", "ftp://x/debian", "http://"},
		{"mirror", "mirror.example", "http://"},
		{"ssh-key", "", "empty"},
		{"toolchain", "cloud", "sandbox, host"},
	} {
		_, _, err := Resolve(Source{"flag", map[string][]string{tt.key: {tt.value}}})
		if err == nil {
			t.Errorf("%s=%q was taken", tt.key, tt.value)
			continue
		}
		if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.key) || !strings.Contains(err.Error(), "flag") {
			t.Errorf("%s=%q: %v", tt.key, tt.value, err)
		}
		if fault.Code(err) != int(fault.Usage) {
			t.Errorf("%s=%q: exit code %d", tt.key, tt.value, fault.Code(err))
		}
	}
}

// TestLongAnswersAreCut: between characters, and with ASCII only.
func TestLongAnswersAreCut(t *testing.T) {
	_, _, err := Resolve(Source{"flag", map[string][]string{"hostname": {strings.Repeat("ü", 61)}}})
	if want := strings.Repeat("ü", 60) + `..."`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if got := keyWord(strings.Repeat("ü", 41)); got != strings.Repeat("ü", 40)+"..." {
		t.Error(got)
	}
}

// TestArchInOutput: the architecture takes the place of its word in the image's name, and a
// plan that is kept names the image of another architecture in the same way.
func TestArchInOutput(t *testing.T) {
	for given, want := range map[string]string{
		"box-ARCH.iso": "box-arm64.iso", "ARCH/boxARCH.iso": "arm64/boxarm64.iso", "x.iso": "x.iso",
		"RESEARCH/ARCHIVE.iso": "RESEARCH/ARCHIVE.iso",
	} {
		plan, _, err := Resolve(Source{"flag", map[string][]string{"arch": {"arm64"}, "output": {given}}})
		if err != nil || plan.Output != want {
			t.Fatalf("%s: %+v, %v", given, plan, err)
		}
		file, err := decode(strings.NewReader(plan.encode()))
		if err != nil || file["output"][0] != given {
			t.Errorf("%s: %q, %v", given, file["output"], err)
		}
		plan.Output = "elsewhere-" + given // as the image of a machine is
		if got := outputAnswer(plan)[0]; got != plan.Output {
			t.Errorf("%s, not %s", got, plan.Output)
		}
	}
}

// TestHomeOfOutput: ~/ is the home folder, wherever the answer comes from; the command line
// for the plan then means the same file.
func TestHomeOfOutput(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	plan, _, err := Resolve(Source{"flag", map[string][]string{"output": {"~/x.iso"}}})
	if err != nil || plan.Output != "/home/ada/x.iso" || !strings.HasSuffix(plan.Command(), "--output /home/ada/x.iso") {
		t.Errorf("%q, %v: %s", plan.Output, err, plan.Command())
	}
}

// TestNoPrivateKeyIsAnAnswer: not to any question, and none is said.
func TestNoPrivateKeyIsAnAnswer(t *testing.T) {
	for _, step := range All() {
		_, _, err := Resolve(Source{"flag", map[string][]string{step.Key: {"x -----BEGIN OPENSSH PRIVATE KEY----- c2VjcmV0"}}})
		if !errors.Is(err, ErrPrivate) || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%s: %v", step.Key, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	for text, says := range map[string]string{
		"hostnam = \"x\"\n":                `did you mean "hostname"`,
		"\n\nhostname = \n":                "line 3",
		"wholly-different = 1\n":           `unknown key "wholly-different"`,
		"hostname = [\"a\"]\n":             "not a list",
		"memory = 1.5\n":                   "whole number",
		"ssh-key = [1]\n":                  "not text",
		"hostname=\"a\"\nhostname=\"b\"\n": "hostname",
	} {
		path := filepath.Join(t.TempDir(), "floe.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAuthorizedKeys(t *testing.T) {
	mine, theirs := publicKey(t, "mine"), publicKey(t, "theirs")
	file := filepath.Join(t.TempDir(), "id.pub")
	if err := os.WriteFile(file, []byte("# keys\n\n"+theirs+"\n"+mine+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := &Plan{SSHKeys: []string{"own", file, theirs}}
	lines, err := plan.AuthorizedKeys(func() (string, error) { return mine, nil })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(lines, []string{mine, theirs}) {
		t.Errorf("%q", lines)
	}
	plan.SSHKeys = []string{"none"}
	if lines, err := plan.AuthorizedKeys(nil); err != nil || len(lines) != 0 {
		t.Errorf("%q %v", lines, err)
	}
}

func TestRefusedKeys(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(&weak.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for value, says := range map[string]string{
		string(ssh.MarshalAuthorizedKey(pub)):                 "too weak",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n----": "private key",
		"ssh-ed25519 nonsense":                                "not a public key",
		"/nowhere/id.pub":                                     "no such file",
	} {
		plan := &Plan{SSHKeys: []string{value}}
		_, err := plan.AuthorizedKeys(nil)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", value, err)
		}
		if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("the private key is shown: %v", err)
		}
	}
}

func TestBootWords(t *testing.T) {
	for codes, want := range map[string][]string{
		"":                           {},
		"  noembed   host=box ":      {"noembed", "host=box"},
		`docker="a b" "x=y z" quiet`: {`docker=a b`, `x=y z`, "quiet"},
		`sshkey=ssh-ed25519:AAAA==`:  {"sshkey=ssh-ed25519:AAAA=="},
	} {
		if got := (&Plan{BootCodes: codes}).BootWords(); !slices.Equal(got, want) {
			t.Errorf("%q: %q", codes, got)
		}
	}
}
