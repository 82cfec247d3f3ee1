package steps

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"floe/internal/nearest"
)

// decode reads TOML 1.0 into answers, keyed as the steps are. Keys that no
// step has are errors, with the nearest known key.
func decode(r io.Reader) (map[string][]string, error) {
	var raw map[string]any
	if err := toml.NewDecoder(r).Decode(&raw); err != nil {
		if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := bad.Position()
			return nil, fmt.Errorf("line %d, column %d: %s", line, column, strings.TrimPrefix(bad.Error(), "toml: "))
		}
		return nil, err
	}
	given := map[string][]string{}
	for _, step := range All() {
		value, ok := raw[step.Key]
		if !ok {
			continue
		}
		delete(raw, step.Key)
		values, err := texts(step, value)
		if err != nil {
			return nil, err
		}
		given[step.Key] = values
	}
	for key := range raw {
		if near := Nearest(key); near != "" {
			return nil, fmt.Errorf("unknown key %q; did you mean %q?", key, near)
		}
		return nil, fmt.Errorf("unknown key %q", key)
	}
	return given, nil
}

// texts gives a TOML value in the form in which a person would have typed it.
func texts(step Step, value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	case []any:
		if !step.Many {
			return nil, fmt.Errorf("%s takes one value, not a list", step.Key)
		}
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("%s: %v is not text; put it in quotes", step.Key, e)
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, fmt.Errorf("%s: %v is neither text nor a whole number", step.Key, value)
}

// encode writes the plan's file. An answer that is only what follows from the others
// is a comment: it would not follow any longer if it were written out.
func (p *Plan) encode() string {
	var b strings.Builder
	b.WriteString("# A plan for floe. 'floe build -c floe.toml' builds it.\n")
	for _, step := range All() {
		values, off := step.Values(p), ""
		if step.preset != nil && slices.Equal(values, step.defaults(p)) {
			off = "# "
		}
		fmt.Fprintf(&b, "\n# %s\n%s%s = %s\n", step.Help, off, step.Key, tomlValue(step, values))
	}
	return b.String()
}

func tomlValue(step Step, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		if _, err := strconv.Atoi(v); err == nil && !step.Many {
			return v
		}
		quoted[i] = quote(v)
	}
	if step.Many {
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return quoted[0]
}

// quote makes a TOML basic string.
func quote(s string) string {
	out, err := toml.Marshal(map[string]string{"v": s})
	if err != nil {
		return strconv.Quote(s)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(out), "v = "))
}

// Nearest gives the known key that is closest to what was typed, or "" where
// none is close.
func Nearest(typed string) string {
	var keys []string
	for _, step := range All() {
		keys = append(keys, step.Key)
	}
	return nearest.Word(typed, keys)
}
