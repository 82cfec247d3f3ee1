package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestCodeAndHint(t *testing.T) {
	inner := New(Network, "download", "a.deb", errors.New("refused"), "check the network")
	for _, tt := range []struct {
		err        error
		code       int
		hint, text string
	}{
		{nil, 0, "", ""},
		{errors.New("odd"), 1, "", "odd"},
		{inner, 6, "check the network", "download a.deb: refused"},
		{fmt.Errorf("build: %w", inner), 6, "check the network", "build: download a.deb: refused"},
		{New(Build, "build the kernel", "", inner, ""), 7, "check the network", "build the kernel: download a.deb: refused"},
		{fmt.Errorf("stop: %w", context.Canceled), 130, "", "stop: context canceled"},
		{New(Usage, "no arguments", "", nil, ""), 2, "", "no arguments"},
	} {
		if got := Code(tt.err); got != tt.code {
			t.Errorf("Code(%v) = %d, want %d", tt.err, got, tt.code)
		}
		if got := Hint(tt.err); got != tt.hint {
			t.Errorf("Hint(%v) = %q, want %q", tt.err, got, tt.hint)
		}
		if tt.err != nil && tt.err.Error() != tt.text {
			t.Errorf("got %q, want %q", tt.err, tt.text)
		}
	}
}
