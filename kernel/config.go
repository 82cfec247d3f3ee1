package kernel

import (
	"bufio"
	"bytes"
)

// Config is a finished configuration: the value of every symbol that is set.
// A symbol that is not in it is "n".
type Config map[string]string

// ParseConfig reads a .config file.
func ParseConfig(text []byte) (Config, error) {
	c := Config{}
	sc := bufio.NewScanner(bytes.NewReader(text))
	for sc.Scan() {
		if m := setLine.FindStringSubmatch(sc.Text()); m != nil {
			c[m[1]] = unquote(m[2])
		}
	}
	return c, sc.Err()
}

// Value gives the value of a symbol, "n" if it is not set.
func (c Config) Value(symbol string) string {
	if v, ok := c[symbol]; ok {
		return v
	}
	return "n"
}

// Miss is a request that the configuration does not fulfil.
type Miss struct {
	Request
	Got string // the value that the symbol has instead
}

// Check compares a configuration with what was asked for. The kernel's
// configuration program drops silently what does not fit; this finds it.
func (c Config) Check(reqs []Request) []Miss {
	var out []Miss
	for _, r := range reqs {
		if got := c.Value(r.Symbol); got != r.Value {
			out = append(out, Miss{Request: r, Got: got})
		}
	}
	return out
}
