package debian

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// cutAfter makes a hook that breaks the connection of the first request after
// n bytes, and records the ranges that later ones ask for.
func cutAfter(m *mirror, n int, ranges *[]string) func(http.ResponseWriter, *http.Request) bool {
	first := true
	return onTool(func(w http.ResponseWriter, r *http.Request) bool {
		*ranges = append(*ranges, r.Header.Get("Range"))
		if !first {
			return false
		}
		first = false
		w.Header().Set("Content-Length", fmt.Sprint(len(m.files[toolDeb])))
		w.Write(m.files[toolDeb][:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
}

func TestResumeAfterCut(t *testing.T) {
	m := newMirror(t)
	var ranges []string
	m.hook = cutAfter(m, 5000, &ranges)
	if _, _, err := fetchTool(t, m, m.options()); err != nil {
		t.Fatal(err)
	}
	if len(ranges) != 2 || ranges[0] != "" || ranges[1] != "bytes=5000-" {
		t.Errorf("ranges asked for: %q", ranges)
	}
}

func TestResumeIgnoredByServer(t *testing.T) {
	m := newMirror(t)
	var ranges []string
	cut := cutAfter(m, 5000, &ranges)
	m.hook = onTool(func(w http.ResponseWriter, r *http.Request) bool {
		if !cut(w, r) {
			w.Write(m.files[toolDeb]) // 200 and the whole
		}
		return true
	})
	if _, _, err := fetchTool(t, m, m.options()); err != nil {
		t.Fatal(err)
	}
}

// TestResumeOfEarlierRun finds what a killed run left, right and wrong.
func TestResumeOfEarlierRun(t *testing.T) {
	for name, spoil := range map[string]func([]byte){"right": func([]byte) {}, "damaged": func(b []byte) { b[7] ^= 1 }} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t)
			o := m.options()
			data := m.files[toolDeb]
			left := bytes.Clone(data[:6000])
			spoil(left)
			open(t, o)
			if err := os.WriteFile(filepath.Join(o.Cache, "partial", sum(data)), left, 0o644); err != nil {
				t.Fatal(err)
			}
			var sent atomic.Int64
			m.hook = onTool(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Range") == "bytes=6000-" {
					sent.Add(1)
				}
				return false
			})
			a, f, err := fetchTool(t, m, o)
			if err != nil || sent.Load() != 1 {
				t.Fatalf("%v; %d requests for the rest", err, sent.Load())
			}
			if k := kept(a, f); len(k) != 1 {
				t.Errorf("in the cache: %v", k)
			}
		})
	}
}
