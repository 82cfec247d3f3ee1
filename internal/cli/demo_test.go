package cli

import (
	"strings"
	"testing"
)

// TestDemo runs what the README names first, to its end.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine")
	}
	said := newPerson(t).must("demo")
	for _, want := range []string{"32 MiB", "0.5", "at most 20", "/bin/sh", "a filter is in force", "docker-default (enforce)", "floe run --detach floe-amd64.iso"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
}
