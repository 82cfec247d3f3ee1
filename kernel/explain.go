package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// Explain says why the configuration has another value for a symbol than what
// was asked for: the dependency that is not met, the symbol that forces it,
// the other member of the choice, the range, or that no such symbol exists.
func (t *Tree) Explain(m Miss, c Config) string {
	s := t.symbols[m.Symbol]
	if s == nil || len(s.Defs) == 0 {
		if near := t.similar(m.Symbol); len(near) > 0 {
			return "no Kconfig file of this kernel and architecture defines it; similar: " + strings.Join(near, ", ")
		}
		return "no Kconfig file of this kernel and architecture defines it"
	}
	if m.Value == "n" {
		if by := s.forcedBy(c); len(by) > 0 {
			return "it is selected by " + strings.Join(by, ", ")
		}
	}
	if other := s.rival(c, m.Value); other != "" {
		return other
	}
	if why := s.outOfRange(m.Value, c); why != "" {
		return why
	}
	return t.explainVisibility(s, c)
}

// explainVisibility says what keeps a symbol from being asked for.
func (t *Tree) explainVisibility(s *Symbol, c Config) string {
	var reasons []string
	for _, d := range s.Defs {
		if d.Prompt == "" {
			continue
		}
		unmet := unmet(d.conditions(), c)
		if len(unmet) == 0 {
			return "its dependencies are met; the configuration program set it to " + c.Value(s.Name) + " all the same"
		}
		reasons = append(reasons, t.terms(unmet, c))
	}
	if len(reasons) > 0 {
		return "unmet dependency: " + strings.Join(reasons, "; or ")
	}
	by := s.selectors()
	if len(by) == 0 {
		return "nobody can set it: it has no prompt, and its value is worked out from other symbols"
	}
	return "nobody can set it directly: it has no prompt and is selected by " + strings.Join(by, ", ")
}

// conditions are all that must hold for the prompt of d to be asked.
func (d *Def) conditions() []expr {
	out := slices.Concat(d.Depends, d.Visible)
	if d.PromptIf != nil {
		out = append(out, d.PromptIf)
	}
	return out
}

// unmet gives the smallest parts of conditions that do not hold. Of an "and"
// these are the parts of it that do not hold, of an "or" it is the whole.
func unmet(es []expr, c Config) []expr {
	var out []expr
	for _, e := range es {
		switch a, ok := e.(andExpr); {
		case e.eval(c) == yes:
		case ok:
			out = append(out, unmet(a.of, c)...)
		default:
			out = append(out, e)
		}
	}
	return out
}

// terms writes unmet conditions with the values of their symbols, and, for a
// symbol that has an unmet dependency itself, that dependency.
func (t *Tree) terms(es []expr, c Config) string {
	var out []string
	for _, e := range es {
		text := e.String()
		switch e := e.(type) {
		case macroExpr:
			text += " (a test of the toolchain)"
		case symbolExpr:
			text += "=" + c.Value(string(e)) + t.behind(string(e), c)
		default:
			text += values(e, c)
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// behind says in parentheses what an unmet symbol needs in its turn.
func (t *Tree) behind(name string, c Config) string {
	s := t.symbols[name]
	if s == nil || len(s.Defs) == 0 {
		return " (not defined for this architecture)"
	}
	for _, d := range s.Defs {
		if d.Prompt == "" {
			continue
		}
		if miss := unmet(d.conditions(), c); len(miss) > 0 {
			return " (needs " + andExpr{miss}.String() + ")"
		}
		return " (ask for it too)"
	}
	if by := s.selectors(); len(by) > 0 {
		return " (selected by " + strings.Join(by, ", ") + ")"
	}
	return ""
}

// values lists the symbols of a condition with their values.
func values(e expr, c Config) string {
	var names []string
	var walk func(expr)
	walk = func(e expr) {
		switch e := e.(type) {
		case symbolExpr:
			if v := value(e, c); v != string(e) {
				names = append(names, string(e)+"="+v)
			}
		case notExpr:
			walk(e.of)
		case andExpr:
			for _, o := range e.of {
				walk(o)
			}
		case orExpr:
			for _, o := range e.of {
				walk(o)
			}
		case cmpExpr:
			walk(e.left)
			walk(e.right)
		}
	}
	walk(e)
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// forcedBy lists the enabled symbols whose select statements hold.
func (s *Symbol) forcedBy(c Config) []string {
	var out []string
	for _, r := range s.selectedBy {
		if c.Value(r.by) != "n" && r.cond.eval(c) != no {
			out = append(out, r.by)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// selectors lists up to five symbols that select s.
func (s *Symbol) selectors() []string {
	var out []string
	for _, r := range s.selectedBy {
		out = append(out, r.by)
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) > 5 {
		out = append(out[:5], fmt.Sprintf("%d more", len(out)-5))
	}
	return out
}

// rival names the member of the symbol's choice that is y instead of it.
func (s *Symbol) rival(c Config, want string) string {
	for _, d := range s.Defs {
		if d.Choice == nil || want != "y" || len(unmet(d.conditions(), c)) > 0 {
			continue
		}
		for _, m := range d.Choice.Members {
			if m != s.Name && c.Value(m) == "y" {
				return fmt.Sprintf("the choice %q went to %s", d.Choice.Prompt, m)
			}
		}
	}
	return ""
}

// outOfRange says whether a number lies outside the range of the symbol.
func (s *Symbol) outOfRange(want string, c Config) string {
	if s.Type != "int" && s.Type != "hex" {
		return ""
	}
	for _, d := range s.Defs {
		for _, r := range d.Range {
			if r.cond != nil && r.cond.eval(c) == no {
				continue
			}
			low, high := symbolExpr(r.low), symbolExpr(r.high)
			if (cmpExpr{"<", textExpr(want), low}).eval(c) == yes || (cmpExpr{">", textExpr(want), high}).eval(c) == yes {
				return fmt.Sprintf("it must lie between %s and %s", value(low, c), value(high, c))
			}
		}
	}
	return ""
}

// similar finds up to three symbols that a person may have meant: those that
// contain the name as whole words (RETPOLINE became MITIGATION_RETPOLINE), or
// that the name contains.
func (t *Tree) similar(name string) []string {
	var out []string
	for other, s := range t.symbols {
		if len(s.Defs) == 0 {
			continue
		}
		a, b := "_"+name+"_", "_"+other+"_"
		if strings.Contains(b, a) || len(other) > 5 && strings.Contains(a, b) {
			out = append(out, other)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := len(a) - len(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out[:min(3, len(out))]
}
