package steps

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
)

func newFlow(t *testing.T, given map[string][]string) *Flow {
	t.Helper()
	f, err := NewFlow(Source{Name: "test", Given: given})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func at(f *Flow) string {
	s, ok := f.Current()
	if !ok {
		return "review"
	}
	return s.Key
}

func keysOf(list []Step) (keys []string) {
	for _, s := range list {
		keys = append(keys, s.Key)
	}
	return keys
}

func TestFlowThereAndBack(t *testing.T) {
	f := newFlow(t, nil)
	var there, back []string
	for ; at(f) != "review"; f.Next() {
		there = append(there, at(f))
		if n, of := f.Position(); n != len(there) || of != len(f.Asked())+1 {
			t.Errorf("%s is %d of %d", at(f), n, of)
		}
	}
	if !slices.Equal(there, keysOf(f.Asked())) {
		t.Errorf("asked %v of %v", there, keysOf(f.Asked()))
	}
	f.Next()
	if n, of := f.Position(); n != of || at(f) != "review" {
		t.Errorf("the review is %d of %d", n, of)
	}
	for f.Back() {
		back = append(back, at(f))
	}
	slices.Reverse(back)
	if !slices.Equal(there, back) {
		t.Errorf("there by %v, back by %v", there, back)
	}
	if at(f) != there[0] {
		t.Errorf("going back before the first question leads to %s", at(f))
	}
}

// A question with one possible answer is not asked, but it is in the review.
func TestFlowLeavesOutWhatIsNoQuestion(t *testing.T) {
	f := newFlow(t, nil)
	for _, s := range f.Applying() {
		asked := slices.Contains(keysOf(f.Asked()), s.Key)
		if want := !s.Detail && len(s.Choices) != 1; asked != want {
			t.Errorf("%s is asked: %t", s.Key, asked)
		}
	}
	if len(f.Applying()) != len(All())-1 { // boards are for arm64
		t.Errorf("the review has %v", keysOf(f.Applying()))
	}
}

func TestFlowAnswers(t *testing.T) {
	f := newFlow(t, map[string][]string{"hostname": {"box"}, "memory": {"1G"}})
	f.Jump("hostname")
	if got := f.Plan().Hostname; got != "box" {
		t.Errorf("the default is %q", got)
	}
	if err := f.Answer("-x"); err == nil || at(f) != "hostname" || f.Plan().Hostname != "box" || f.Changed() {
		t.Errorf("a bad answer: %v, then %s with %+v", err, at(f), f.Plan())
	}
	if err := f.Check("hostname", []string{"deep"}); err != nil || f.Plan().Hostname != "box" {
		t.Errorf("a check changes the plan: %v %q", err, f.Plan().Hostname)
	}
	if err := f.Answer("deep"); err != nil || at(f) != "boot-codes" || f.Plan().Hostname != "deep" || !f.Changed() {
		t.Errorf("a good answer: %v, then %s with %q", err, at(f), f.Plan().Hostname)
	}
	if f.Plan().Memory != 1024 {
		t.Errorf("memory is %d", f.Plan().Memory)
	}
	f.Plan().SSHKeys[0] = "changed"
	if f.Plan().SSHKeys[0] != OwnKey {
		t.Error("a copy of the plan is the plan")
	}
}

func TestFlowEdit(t *testing.T) {
	for _, way := range []string{"next", "back", "answer"} {
		f := newFlow(t, nil)
		f.Review()
		if !f.Edit("cpus") || at(f) != "cpus" || !f.Editing() {
			t.Fatalf("editing leads to %s", at(f))
		}
		f.Review()
		f.Edit("hostname") // one that is asked in turn too
		switch way {
		case "next":
			f.Next()
		case "back":
			f.Back()
		case "answer":
			if err := f.Answer("box"); err != nil || f.Plan().Hostname != "box" {
				t.Errorf("%v, %q", err, f.Plan().Hostname)
			}
		}
		if at(f) != "review" || f.Editing() {
			t.Errorf("%s leads from an edit to %s", way, at(f))
		}
		f.Jump("hostname")
		f.Next()
		if at(f) != "boot-codes" {
			t.Errorf("after an edit the way leads to %s", at(f))
		}
	}
	f := newFlow(t, nil)
	if f.Edit("nonsense") || f.Jump("nonsense") || at(f) != f.Asked()[0].Key {
		t.Error("a step that is not there can be gone to")
	}
}

func TestFlowRefusesBadSources(t *testing.T) {
	if _, err := NewFlow(Source{Name: "environment", Given: map[string][]string{"memory": {"1"}}}); err == nil ||
		!strings.Contains(err.Error(), "environment") {
		t.Errorf("%v", err)
	}
}

// Every step has what each way of asking needs.
func TestStepsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	kinds := []Kind{OneOf, Keys, Text, Size, Path, Codes}
	f := newFlow(t, nil)
	for _, s := range All() {
		if seen[s.Key] {
			t.Errorf("there are two steps %q", s.Key)
		}
		seen[s.Key] = true
		if s.Title == "" || !strings.HasSuffix(s.Ask, "?") || !strings.HasSuffix(s.Help, ".") || s.Value == "" || !slices.Contains(kinds, s.Kind) {
			t.Errorf("%s lacks something: %+v", s.Key, s)
		}
		if (s.Kind == OneOf) != (len(s.Choices) > 0) || (s.Kind == Keys) != s.Many {
			t.Errorf("%s is of the kind %q with %d choices", s.Key, s.Kind, len(s.Choices))
		}
		if shown := s.Show(f.Plan()); shown == "" || strings.Contains(shown, "\n") {
			t.Errorf("%s stands in the review as %q", s.Key, shown)
		}
		for _, c := range s.Choices {
			if c.Title == "" || c.Help == "" {
				t.Errorf("%s: the choice %+v lacks something", s.Key, c)
			}
		}
	}
}

func TestRefusedChoice(t *testing.T) {
	s := Step{Key: "x", Choices: []Choice{{Value: "a"}, {Value: "b", Refused: "it is not there"}},
		set: func(*Plan, []string) error { return nil }}
	if err := s.Set(&Plan{}, []string{"a"}); err != nil {
		t.Error(err)
	}
	if err := s.Set(&Plan{}, []string{"b"}); err == nil || !strings.Contains(err.Error(), "it is not there") {
		t.Error(err)
	}
}

// The command must lead to the same plan, through flags as cobra reads them.
func TestCommand(t *testing.T) {
	key := publicKey(t, "it's me")
	plan, _, err := Resolve(Source{"test", map[string][]string{
		"hostname": {"box"}, "boot-codes": {"noembed host=x"}, "ssh-key": {OwnKey, key, "~/.ssh/a b.pub"}, "cpus": {"4"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := plan.Command()
	want := `floe build --ssh-key own --ssh-key '` + strings.ReplaceAll(key, "'", `'\''`) + `' --ssh-key ~/'.ssh/a b.pub'` +
		` --hostname box --boot-codes 'noembed host=x' --cpus 4`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	plan, _, _ = Resolve()
	if got := plan.Command(); got != "floe build" {
		t.Errorf("all defaults: %s", got)
	}
}

// TestNeed: every runtime has its own least memory, with which nothing is hopeless, and
// more that is enough, with which nothing is tight.
func TestNeed(t *testing.T) {
	for _, s := range All() {
		if s.Key != runtimeKey {
			continue
		}
		for _, c := range s.Choices {
			p := &Plan{Runtime: c.Value, Memory: MinMemory}
			n := NeedOf(p.Arch, p.Runtimes())
			if n.Least < MinMemory || n.Enough < n.Least {
				t.Errorf("%s needs %+v", c.Value, n)
			}
			for memory, want := range map[int][2]bool{n.Least - 1: {true, false}, n.Least: {false, n.Least < n.Enough}, n.Enough: {false, false}} {
				err, tight := Hopeless(p.Arch, memory, p.Runtimes()), Tight(p.Arch, memory, p.Runtimes())
				if got := [2]bool{err != nil, tight != ""}; got != want {
					t.Errorf("%d MiB for %s: %v, %q", memory, c.Value, err, tight)
				}
			}
			if p.BootCodes = "base"; strings.Contains(p.Scarce(), "too little") {
				t.Errorf("with no packages loaded: %s", p.Scarce())
			}
		}
	}
	if err := Hopeless(arch.ARM64, 127, nil); err == nil || !strings.Contains(err.Error(), "firmware wants 128") || Hopeless(arch.ARM64, 128, nil) != nil {
		t.Errorf("arm64 in 127 MiB: %v", err)
	}
	if err := Hopeless(arch.AMD64, 96, []string{Docker}); err == nil || !strings.Contains(err.Error(), "96 MiB") || !strings.Contains(err.Error(), "docker") {
		t.Errorf("docker in 96 MiB: %v", err)
	}
}

func TestReadKeys(t *testing.T) {
	line := publicKey(t, "me@home")
	keys, err := ReadKeys([]byte("# mine\n" + line + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	k := keys[0]
	if k.Type != "ed25519" || k.Bits != 256 || !strings.HasPrefix(k.Fingerprint, "SHA256:") || k.Comment != "me@home" || k.Line != line || k.Weak != "" {
		t.Errorf("%+v", k)
	}
	for _, private := range []string{
		"-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0", "PuTTY-User-Key-File-3: ssh-ed25519\nc2VjcmV0",
	} {
		if _, err := ReadKeys([]byte(private)); !reflect.DeepEqual(err, ErrPrivate) {
			t.Errorf("%q: %v", private, err)
		}
		_, _, err := Resolve(Source{"flag", map[string][]string{"ssh-key": {private}}})
		if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("a private key in a plan: %v", err)
		}
	}
}

// TestChoicesThatOthersRuleOut: they are there, with the reason.
func TestChoicesThatOthersRuleOut(t *testing.T) {
	for arch, want := range map[string]string{"amd64": "", "arm64": "the architecture is arm64, and only machines for amd64 have a BIOS"} {
		f, err := NewFlow(Source{Name: "test", Given: map[string][]string{"arch": {arch}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range All() {
			for _, c := range f.Choices(s) {
				if s.Key == "firmware" && c.Value == "bios" {
					if c.Refused != want {
						t.Errorf("%s: bios is refused with %q, not %q", arch, c.Refused, want)
					}
				} else if c.Refused != "" && s.Key != boardKey {
					t.Errorf("%s: %s=%s is refused: %s", arch, s.Key, c.Value, c.Refused)
				}
			}
		}
	}
}
