package cli

import (
	"fmt"
	"strings"
	"testing"

	"floe/steps"
)

// TestWays: a client that has an entry of somebody's own by the machine's name is not
// said to reach the machine by it.
func TestWays(t *testing.T) {
	both := []string{steps.Docker, steps.Podman}
	for _, tt := range []struct {
		runtimes, told []string
		want           string
	}{
		{both, both, "docker --context podman --connection floe env"},
		{both, both[1:], "podman --connection floe env"},
		{both, nil, "floe env"},
		{nil, nil, ""},
	} {
		text := fmt.Sprint(ways("box", tt.runtimes, tt.told))
		var got []string
		for _, way := range []string{"docker --context", "podman --connection", "floe env"} {
			if strings.Contains(text, way) {
				got = append(got, way)
			}
		}
		if strings.Join(got, " ") != tt.want || !strings.Contains(text, "floe ssh box") {
			t.Errorf("of %q, where the clients of %q were told: %s", tt.runtimes, tt.told, text)
		}
	}
}
