package userland

import (
	"fmt"
	"slices"
	"strings"
)

// Symbol is a request to busybox's configuration: CONFIG_Name shall be Value.
type Symbol struct {
	Name  string
	Value string // "y", "n", a number, or a string with its quotes
	Line  int    // in the list
}

// line is the symbol as it stands in a .config.
func (s Symbol) line() string {
	if s.Value == "n" {
		return "# CONFIG_" + s.Name + " is not set"
	}
	return "CONFIG_" + s.Name + "=" + s.Value
}

// ParseList reads a list of symbols: words, "NAME" for "y" or "NAME=VALUE",
// with "#" comments on lines of their own. A symbol must not come twice.
func ParseList(text string) ([]Symbol, error) {
	var list []Symbol
	seen := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			name, value, ok := strings.Cut(word, "=")
			if !ok {
				value = "y"
			}
			if name == "" || value == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
				return nil, fmt.Errorf("line %d: %q is no symbol", n, word)
			}
			if first, twice := seen[name]; twice {
				return nil, fmt.Errorf("line %d: %s is in line %d already", n, name, first)
			}
			seen[name] = n
			list = append(list, Symbol{Name: name, Value: value, Line: n})
		}
	}
	return list, nil
}

// configName is the symbol that a line of a .config is about, or "".
func configName(line string) string {
	if rest, ok := strings.CutPrefix(line, "# CONFIG_"); ok {
		if name, ok := strings.CutSuffix(rest, " is not set"); ok {
			return name
		}
		return ""
	}
	if rest, ok := strings.CutPrefix(line, "CONFIG_"); ok {
		name, _, _ := strings.Cut(rest, "=")
		return name
	}
	return ""
}

// Apply puts the requests into a .config, in place of what it says about
// these symbols. A busybox .config names every symbol, so a request for
// one that it does not name is an error: there is no such symbol.
func Apply(config string, list []Symbol) (string, error) {
	want := map[string]Symbol{}
	for _, s := range list {
		want[s.Name] = s
	}
	var out strings.Builder
	for line := range strings.Lines(config) {
		line = strings.TrimSuffix(line, "\n")
		if name := configName(line); name != "" {
			if s, ok := want[name]; ok {
				line = s.line()
				delete(want, name)
			}
		}
		out.WriteString(line + "\n")
	}
	if len(want) > 0 {
		var unknown ConfigError
		for _, s := range want {
			unknown = append(unknown, Miss{Symbol: s})
		}
		unknown.sort()
		return "", unknown
	}
	return out.String(), nil
}

// Check compares a finished .config with the requests. Its error is a
// ConfigError.
func Check(config string, list []Symbol) error {
	got := map[string]string{}
	for line := range strings.Lines(config) {
		line = strings.TrimSuffix(line, "\n")
		if name := configName(line); name != "" {
			got[name] = line
		}
	}
	var missed ConfigError
	for _, s := range list {
		if line := got[s.Name]; line != s.line() {
			missed = append(missed, Miss{Symbol: s, Got: line})
		}
	}
	if len(missed) == 0 {
		return nil
	}
	missed.sort()
	return missed
}

// Miss is a request that was not fulfilled.
type Miss struct {
	Symbol
	Got string // the line of the .config, "" if there is no such symbol
}

// String is one line.
func (m Miss) String() string {
	if m.Got == "" {
		return fmt.Sprintf("%s (busybox.config, line %d): busybox has no such symbol", m.Name, m.Line)
	}
	return fmt.Sprintf("%s=%s (busybox.config, line %d) became %q: something that it depends on is missing",
		m.Name, m.Value, m.Line, m.Got)
}

// ConfigError lists every request that was not fulfilled.
type ConfigError []Miss

func (e ConfigError) sort() {
	slices.SortFunc(e, func(a, b Miss) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// Error has a line for each.
func (e ConfigError) Error() string {
	lines := make([]string, len(e))
	for i, m := range e {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}
