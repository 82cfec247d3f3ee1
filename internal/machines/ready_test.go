package machines

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"floe/steps"
)

// TestVersion asks an HTTP server for its version, as it would a runtime.
func TestVersion(t *testing.T) {
	answer := `{"Version":"26.1.5","ApiVersion":"1.45"}`
	status := http.StatusOK
	d := dialer(filepath.Join(t.TempDir(), "s"))
	l, err := net.Listen("unix", string(d))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	})}
	go server.Serve(l)
	defer server.Close()
	if v, err := Version(t.Context(), d, steps.Docker); v != "26.1.5" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	answer = `{}`
	if _, err := Version(t.Context(), d, steps.Podman); err == nil {
		t.Error("no version is an answer")
	}
	answer, status = `{"Version":"1"}`, http.StatusServiceUnavailable
	if _, err := Version(t.Context(), d, steps.Docker); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("503 is ready: %v", err)
	}
	server.Close()
	if _, err := Version(t.Context(), d, steps.Docker); err == nil {
		t.Error("nobody listens, and it is ready")
	}
}

type dialer string

func (d dialer) DialUnix(ctx context.Context, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", string(d))
}
