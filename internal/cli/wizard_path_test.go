package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/assemble"
	"floe/internal/arch"
	"floe/ui"
)

// TestLookAt: what the wizard says of a path is what the build, at its beginning, finds of it.
func TestLookAt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.iso"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		level ui.Level
		says  string
	}{
		"new.iso":         {ui.OK, " free"},
		"old.iso":         {ui.Warn, "will be replaced"},
		".":               {ui.Fail, "is a folder"},
		"nowhere/x.iso":   {ui.Fail, "There is no folder " + dir + "/nowhere."},
		"old.iso/x.iso":   {ui.Fail, "old.iso is no folder"},
		"old.iso/x/x.iso": {ui.Fail, "not a directory"},
		"/dev/null":       {ui.Fail, "is no file"},
	} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		level, text := (&house{}).LookAt(context.Background(), path)
		if level != want.level || !strings.Contains(text, want.says) {
			t.Errorf("%s: %v, %s", path, level, text)
		}
		if err := assemble.Ready(t.Context(), "", arch.AMD64, path); (err != nil) != (level == ui.Fail) {
			t.Errorf("%s: the build finds %v, the wizard %v", path, err, level)
		}
	}
}
