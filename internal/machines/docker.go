package machines

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// docker keeps a context in a file of its own below its folder:
// contexts/meta/SHA256-OF-THE-NAME/meta.json.
type docker struct{}

// dockerMeta is the file of a context.
func dockerMeta(folder, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(folder, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json")
}

// dockerContext is that file, as far as a context by ssh has anything to say.
type dockerContext struct {
	Name      string
	Metadata  dockerMetadata
	Endpoints map[string]dockerEndpoint
}

type dockerMetadata struct {
	Description string `json:",omitempty"`
}

type dockerEndpoint struct {
	Host          string
	SkipTLSVerify bool
}

func (docker) target(m Made) (string, error) {
	text, err := os.ReadFile(m.File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var c dockerContext
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return "", err
	}
	if host := c.Endpoints["docker"].Host; host != "" {
		return host, nil
	}
	return nowhere, nil
}

func (docker) put(m Made) error {
	text, err := json.Marshal(dockerContext{
		Name:      m.Name,
		Metadata:  dockerMetadata{Description: "A machine of floe's"},
		Endpoints: map[string]dockerEndpoint{"docker": {Host: m.Target}},
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.File), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(m.File, text, 0o644)
}

func (docker) remove(m Made) (note string, err error) {
	if err := os.Remove(m.File); err != nil {
		return "", err
	}
	os.Remove(filepath.Dir(m.File)) // what else is in it is not floe's
	// …/contexts/meta/SHA/meta.json
	config := filepath.Join(filepath.Dir(m.File), "..", "..", "..", "config.json")
	var c struct{ CurrentContext string }
	if text, err := os.ReadFile(config); err == nil && json.Unmarshal(text, &c) == nil && c.CurrentContext == m.Name {
		note = fmt.Sprintf("docker still wants its context %q, which is gone: 'docker context use default'", m.Name)
	}
	return note, nil
}
