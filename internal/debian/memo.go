package debian

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// memoVersion counts changes of the resolver or of what it remembers.
const memoVersion = "1"

// memoAge is how long an answer that nobody asks for is kept on disk.
const memoAge = 30 * 24 * time.Hour

// memo is an answer as it is kept on disk.
type memo[T any] struct {
	Identity string   `json:"identity"`
	Request  []string `json:"request"`
	Answer   T        `json:"answer"`
}

// remember gives the answer to a request from disk, if it was worked out
// before for the same contents of the archive, and else works it out and
// keeps it. An answer that cannot be kept is given all the same.
func remember[T any](a *Archive, v *view, request []string, work func() (T, error)) (T, error) {
	dir := filepath.Join(a.opt.Cache, "memo")
	key := sha256.New()
	json.NewEncoder(key).Encode([]any{memoVersion, tableVersion, v.identity, request}) // strings always encode
	name := filepath.Join(dir, fmt.Sprintf("%x", key.Sum(nil)))
	var m memo[T]
	if data, err := os.ReadFile(name); err == nil && json.Unmarshal(data, &m) == nil && m.Identity == v.identity {
		return m.Answer, nil
	}
	answer, err := work()
	if err != nil {
		return answer, err
	}
	data, err := json.Marshal(memo[T]{Identity: v.identity, Request: request, Answer: answer})
	if err != nil || os.MkdirAll(dir, 0o755) != nil {
		return answer, nil
	}
	a.forget(dir)
	if out, err := os.CreateTemp(dir, ".new-*"); err == nil {
		_, err = out.Write(data)
		if cerr := out.Close(); err == nil && cerr == nil {
			err = os.Rename(out.Name(), name)
		}
		if err != nil {
			os.Remove(out.Name())
		}
	}
	return answer, nil
}

// forget removes old answers.
func (a *Archive) forget(dir string) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range names {
		if info, err := e.Info(); err == nil && a.opt.Now().Sub(info.ModTime()) > memoAge {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
