package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestProxy: the archive is asked through the proxy that the usual variable names.
func TestProxy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.RequestURI)
		http.NotFound(w, r)
	}))
	defer proxy.Close()
	run(t, []string{"FLOE_MIRROR=http://mirror.example/debian", "http_proxy=" + proxy.URL}, "doctor")
	mu.Lock()
	defer mu.Unlock()
	if len(asked) == 0 || !strings.HasPrefix(asked[0], "http://mirror.example/debian/dists/") {
		t.Errorf("the proxy was asked for %q", asked)
	}
}
