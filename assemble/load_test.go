package assemble

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"floe/internal/fault"
)

// TestLoadNoISO: a file that is no ISO is called that, short or long.
func TestLoadNoISO(t *testing.T) {
	for _, size := range []int{0, 100, 1 << 20} {
		path := filepath.Join(t.TempDir(), "not.iso")
		if err := os.WriteFile(path, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(t.Context(), path, t.TempDir())
		if fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "it is no ISO") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
