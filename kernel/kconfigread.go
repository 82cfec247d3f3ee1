package kernel

import (
	"fmt"
	"strings"
)

// statement reads one line of a Kconfig file and what belongs to it.
func (r *reader) statement(line string) error {
	word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "":
		return nil
	case "config", "menuconfig":
		r.begin(rest)
	case "choice":
		r.push().choice = &Choice{}
	case "menu":
		r.push()
	case "if":
		e, err := parseExpr(r.t.expand(rest))
		if err != nil {
			return err
		}
		s := r.push()
		s.depends = append(s.depends, e)
	case "endif", "endmenu", "endchoice":
		r.pop()
	case "comment", "mainmenu":
		// A comment may have "depends on" of its own: it takes part as a
		// definition of no symbol.
		r.flush()
		r.def, r.sym = &Def{}, &Symbol{}
	case "source":
		r.flush()
		return r.t.file(r.t.expand(unquote(rest)), r.scope())
	case "help", "---help---":
		r.help()
	default:
		return r.attribute(word, rest)
	}
	return nil
}

// attribute reads a line that belongs to a definition, a menu or a choice.
func (r *reader) attribute(word, rest string) error {
	rest = r.t.expand(rest)
	switch word {
	case "bool", "tristate", "int", "hex", "string":
		if r.sym != nil && r.sym.Type == "" {
			r.sym.Type = word
		}
		if rest != "" {
			return r.prompt(rest)
		}
	case "def_bool", "def_tristate":
		if r.sym != nil && r.sym.Type == "" {
			r.sym.Type = strings.TrimPrefix(word, "def_")
		}
	case "prompt":
		return r.prompt(rest)
	case "depends":
		return r.condition(strings.TrimSpace(strings.TrimPrefix(rest, "on")), false)
	case "visible":
		return r.condition(strings.TrimSpace(strings.TrimPrefix(rest, "if")), true)
	case "select":
		target, cond, err := splitIf(rest)
		if err != nil {
			return err
		}
		if r.def != nil {
			r.sels = append(r.sels, pendingSelect{target: target, cond: cond})
		}
	case "range":
		return r.rangeLine(rest)
	case "default", "imply", "optional", "option", "modules", "transitional":
		// Of no weight in why a symbol cannot have a value.
	default:
		if strings.Contains(word+rest, "=") || strings.HasPrefix(word, "$(") {
			return nil // an assignment or a call of the macro language
		}
		return fmt.Errorf("not a statement of a Kconfig file: %q", word)
	}
	return nil
}

// condition adds a "depends on" or "visible if" to the definition, or to the
// block if it stands before any definition.
func (r *reader) condition(text string, visible bool) error {
	e, err := parseExpr(text)
	if err != nil {
		return err
	}
	switch {
	case r.def != nil:
		r.def.Depends = append(r.def.Depends, e)
	case visible:
		r.scope().visible = append(r.scope().visible, e)
	default:
		r.scope().depends = append(r.scope().depends, e)
	}
	return nil
}

// prompt reads `"text" [if condition]`.
func (r *reader) prompt(rest string) error {
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return fmt.Errorf("a prompt without quotes: %s", rest)
	}
	end := closing(rest)
	text, tail := rest[1:end], strings.TrimSpace(rest[min(end+1, len(rest)):])
	var cond expr
	if c, ok := strings.CutPrefix(tail, "if"); ok {
		e, err := parseExpr(c)
		if err != nil {
			return err
		}
		cond = e
	}
	switch {
	case r.def != nil:
		r.def.Prompt, r.def.PromptIf = text, cond
	case r.scope().choice != nil && r.scope().choice.Prompt == "":
		r.scope().choice.Prompt = text
		if cond != nil {
			r.scope().visible = append(r.scope().visible, cond)
		}
	}
	return nil
}

// closing finds the quote that ends the text which s begins with.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if s[i] == s[0] {
			return i
		}
	}
	return len(s)
}

// rangeLine reads "low high [if condition]".
func (r *reader) rangeLine(rest string) error {
	bounds, cond, err := splitIf(rest)
	if err != nil {
		return err
	}
	low, high, _ := strings.Cut(bounds, " ")
	if r.def != nil {
		r.def.Range = append(r.def.Range, rangeOf{low: low, high: strings.TrimSpace(high), cond: cond})
	}
	return nil
}

// splitIf cuts "thing if condition".
func splitIf(s string) (string, expr, error) {
	thing, cond, ok := strings.Cut(s, " if ")
	if !ok {
		return strings.TrimSpace(s), nil, nil
	}
	e, err := parseExpr(cond)
	return strings.TrimSpace(thing), e, err
}

// expand puts the given variables in place of $(NAME) and $NAME; everything
// else that begins with a dollar stays as it is.
func (t *Tree) expand(s string) string {
	if !strings.Contains(s, "$") {
		return s
	}
	for name, value := range t.vars {
		s = strings.ReplaceAll(s, "$("+name+")", value)
		s = strings.ReplaceAll(s, "$"+name, value)
	}
	return s
}
