package ui

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"floe/steps"
)

// Public keys, as ssh-keygen makes them.
const (
	publicAda = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNQ5hdtrUVdHpyhnbtZlmNkHBFnqdsa1Ay/mnvOVwlS ada"
	publicBob = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+1+xdzvjrWNHoeDYHquuaYcNlILEgdjjEZBS/MeYr4 bob"
)

// TestPublicKeysPasted: in the list as well as in its field, and several at once, as they
// are in a file; what is no key is said to be none.
func TestPublicKeysPasted(t *testing.T) {
	for _, way := range [][]string{nil, {"down", "down", "enter"}} {
		r := newRig(t, &testHouse{}).goTo("SSH keys").press(way...)
		r.send(tea.PasteMsg{Content: publicAda + "\n" + publicBob + "\n"})
		r.sees("[x] ada", "[x] bob", "Taken and selected").press("enter").at("Host name")
		if got := r.m.flow.Plan().SSHKeys; !slices.Equal(got, []string{steps.OwnKey, publicAda, publicBob}) {
			t.Errorf("after %q: %q", way, got)
		}
	}
	r := newRig(t, &testHouse{}).goTo("SSH keys")
	r.send(tea.PasteMsg{Content: "hello"})
	r.at("SSH keys").sees("not a public key")
	_, out, _ := ask(t, &testHouse{}, false, "1", "", "", publicAda, publicBob, "", "quit")
	if !strings.Contains(out, "Taken and selected.") || !strings.Contains(out, "ada\n* 3. ") || !strings.Contains(out, "Question 4 of 7") {
		t.Errorf("in plain lines:\n%s", out)
	}
}

// TestLateKeys: what comes for a form that was left neither closes another one nor says
// anything there; a key that was made in the meantime is in the list.
func TestLateKeys(t *testing.T) {
	late := func(r *rig, open ...string) tea.Cmd {
		r.press(open...)
		_, cmd := r.m.Update(named["enter"])
		r.press("esc")
		return cmd
	}
	for _, house := range []*testHouse{{imported: manyKeys(2)}, {importErr: steps.ErrPrivate}} {
		r := newRig(t, house).goTo("SSH keys")
		cmd := late(r, "down", "enter", "ada")
		r.press("down", "enter", "half a line")
		r.run(cmd)
		r.sees("Paste a public key", "half a line")
		if rows := r.m.screen.(*keysScreen).rows; len(rows) != 5 || r.m.message.text != "" {
			t.Errorf("%d rows, and it says %q", len(rows), r.m.message.text)
		}
	}
	r := newRig(t, &testHouse{}).goTo("SSH keys")
	cmd := late(r, "down", "down", "down", "enter")
	r.press("end", "home", "down", "enter", "ada")
	r.run(cmd)
	r.sees("Import public keys", "ada").press("esc").sees("[ ] new", "❯ Import")
}
