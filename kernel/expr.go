package kernel

import (
	"fmt"
	"strconv"
	"strings"
)

// tri is a truth value of the Kconfig language, where "and" is the lower and
// "or" the higher of two. Between no and yes lies module; here it also stands
// for "nobody can tell" (see macro).
type tri int

const (
	no    tri = 0
	maybe tri = 1
	yes   tri = 2
)

// expr is a condition.
type expr interface {
	eval(Config) tri
	String() string
}

type (
	symbolExpr string // a symbol, or one of the constants y, m, n
	textExpr   string // a constant in quotes
	macroExpr  string // a call of the macro language: $(cc-option,-x)
	notExpr    struct{ of expr }
	andExpr    struct{ of []expr }
	orExpr     struct{ of []expr }
	cmpExpr    struct {
		op          string // = != < <= > >=
		left, right expr
	}
)

func (e symbolExpr) eval(c Config) tri {
	switch v := value(e, c); v {
	case "y":
		return yes
	case "m":
		if c.Value("MODULES") == "y" {
			return maybe
		}
	}
	return no
}

func (e textExpr) eval(c Config) tri { return symbolExpr(e).eval(c) }
func (macroExpr) eval(Config) tri    { return maybe }
func (e notExpr) eval(c Config) tri  { return yes - e.of.eval(c) }

func (e andExpr) eval(c Config) tri {
	v := yes
	for _, o := range e.of {
		v = min(v, o.eval(c))
	}
	return v
}

func (e orExpr) eval(c Config) tri {
	v := no
	for _, o := range e.of {
		v = max(v, o.eval(c))
	}
	return v
}

func (e cmpExpr) eval(c Config) tri {
	l, r := value(e.left, c), value(e.right, c)
	order := strings.Compare(l, r)
	a, errA := strconv.ParseInt(l, 0, 64)
	b, errB := strconv.ParseInt(r, 0, 64)
	if errA == nil && errB == nil {
		order = int(max(-1, min(1, a-b)))
	}
	holds := map[string]bool{
		"=": order == 0, "!=": order != 0,
		"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0,
	}
	if holds[e.op] {
		return yes
	}
	return no
}

// value gives what an operand of a comparison stands for: a constant itself,
// a symbol its value.
func value(e expr, c Config) string {
	switch e := e.(type) {
	case textExpr:
		return string(e)
	case symbolExpr:
		s := string(e)
		if s == "y" || s == "m" || s == "n" {
			return s
		}
		if v, ok := c[s]; ok {
			return v
		}
		if s[0] >= '0' && s[0] <= '9' {
			return s
		}
		return "n"
	}
	return e.String()
}

func (e symbolExpr) String() string { return string(e) }
func (e textExpr) String() string   { return `"` + string(e) + `"` }
func (e macroExpr) String() string  { return string(e) }
func (e notExpr) String() string    { return "!" + group(e.of) }
func (e andExpr) String() string    { return joinExprs(e.of, " && ") }
func (e orExpr) String() string     { return joinExprs(e.of, " || ") }
func (e cmpExpr) String() string    { return e.left.String() + e.op + e.right.String() }

func joinExprs(of []expr, by string) string {
	parts := make([]string, len(of))
	for i, o := range of {
		parts[i] = group(o)
	}
	return strings.Join(parts, by)
}

// group puts parentheses around what needs them.
func group(e expr) string {
	switch e.(type) {
	case andExpr, orExpr:
		return "(" + e.String() + ")"
	}
	return e.String()
}

// all is the conjunction of conditions, of which nil ones hold.
func all(es []expr) expr {
	var of []expr
	for _, e := range es {
		if e != nil {
			of = append(of, e)
		}
	}
	return andExpr{of}
}

// parseExpr reads a condition:
//
//	or   = and { "||" and }
//	and  = unit { "&&" unit }
//	unit = "!" unit | "(" or ")" | operand [ ("=" | "!=" | "<" ...) operand ]
func parseExpr(s string) (expr, error) {
	p := &exprParser{toks: tokens(s)}
	e, err := p.or()
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("condition %q: %q is one too many", s, p.peek())
	}
	return e, err
}

type exprParser struct{ toks []string }

func (p *exprParser) peek() string {
	if len(p.toks) == 0 {
		return ""
	}
	return p.toks[0]
}

func (p *exprParser) take() string {
	t := p.peek()
	if t != "" {
		p.toks = p.toks[1:]
	}
	return t
}

// series reads units of one level that are joined by an operator.
func (p *exprParser) series(op string, unit func() (expr, error)) ([]expr, error) {
	var of []expr
	for {
		e, err := unit()
		if err != nil {
			return nil, err
		}
		of = append(of, e)
		if p.peek() != op {
			return of, nil
		}
		p.take()
	}
}

func (p *exprParser) or() (expr, error) {
	of, err := p.series("||", p.and)
	if err != nil || len(of) == 1 {
		return first(of), err
	}
	return orExpr{of}, nil
}

func (p *exprParser) and() (expr, error) {
	of, err := p.series("&&", p.unit)
	if err != nil || len(of) == 1 {
		return first(of), err
	}
	return andExpr{of}, nil
}

func first(of []expr) expr {
	if len(of) == 0 {
		return nil
	}
	return of[0]
}

func (p *exprParser) unit() (expr, error) {
	switch p.peek() {
	case "!":
		p.take()
		e, err := p.unit()
		return notExpr{e}, err
	case "(":
		p.take()
		e, err := p.or()
		if err == nil && p.take() != ")" {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return e, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	switch op := p.peek(); op {
	case "=", "!=", "<", "<=", ">", ">=":
		p.take()
		right, err := p.operand()
		return cmpExpr{op, left, right}, err
	}
	return left, nil
}

func (p *exprParser) operand() (expr, error) {
	switch t := p.take(); {
	case t == "" || strings.ContainsAny(t[:1], ")&|=<>"):
		return nil, fmt.Errorf("a condition has %q where a symbol should be", t)
	case t[0] == '"' || t[0] == '\'':
		return textExpr(strings.Trim(t, t[:1])), nil
	case strings.Contains(t, "$("):
		return macroExpr(t), nil
	default:
		return symbolExpr(t), nil
	}
}

// tokens cuts a condition into its words and signs. A macro call, with all
// that is in its parentheses, is one word.
func tokens(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		j := i + 1
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
			continue
		case c == '"' || c == '\'':
			j = min(i+closing(s[i:])+1, len(s))
		case strings.HasPrefix(s[i:], "&&") || strings.HasPrefix(s[i:], "||") ||
			strings.HasPrefix(s[i:], "!=") || strings.HasPrefix(s[i:], "<=") || strings.HasPrefix(s[i:], ">="):
			j = i + 2
		case strings.IndexByte("!()=<>&|", c) >= 0:
		default:
			j = i + wordEnd(s[i:])
		}
		out = append(out, s[i:j])
		i = j
	}
	return out
}

// wordEnd gives the length of the word that s begins with.
func wordEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(' && (depth > 0 || i > 0 && s[i-1] == '$'):
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && strings.IndexByte(" \t!()=<>&|", c) >= 0:
			return i
		}
	}
	return len(s)
}
