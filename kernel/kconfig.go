package kernel

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Tree is what Kconfig files say about the symbols of one architecture: enough
// of it to tell why a symbol cannot have a value.
//
// It reads the language of Documentation/kbuild/kconfig-language.rst. Of the
// macro language it knows only $(NAME) for given names: a condition that calls
// a function, such as $(cc-option,...), counts as one that nobody can judge.
type Tree struct {
	symbols map[string]*Symbol
	vars    map[string]string
	fsys    fs.FS
}

// Symbol is a configuration symbol. The same symbol may be defined in several
// places, each with conditions of its own.
type Symbol struct {
	Name string
	Type string // "bool", "tristate", "int", "hex", "string"; "" if not told
	Defs []*Def

	selectedBy []reverse // select statements elsewhere
}

// Def is one definition of a symbol: one config statement.
type Def struct {
	File string
	Line int

	Prompt   string // what a person is asked; "" if nobody can set the symbol
	PromptIf expr   // condition of the prompt alone; nil: none
	Depends  []expr // conditions of the definition, from the outside in
	Visible  []expr // "visible if" of the menus around it
	Range    []rangeOf
	Choice   *Choice // the choice that the definition is a member of
}

// Choice is a group of symbols of which one is y.
type Choice struct {
	Prompt  string
	Members []string
}

// reverse is a select statement, seen from the selected symbol.
type reverse struct {
	by   string
	cond expr // the statement's condition and its definition's
}

type rangeOf struct {
	low, high string
	cond      expr
}

// ReadTree reads the Kconfig files below fsys, beginning with the file root.
// The variables are those of the environment that Kconfig files refer to,
// such as SRCARCH.
func ReadTree(fsys fs.FS, root string, vars map[string]string) (*Tree, error) {
	t := &Tree{symbols: map[string]*Symbol{}, vars: vars, fsys: fsys}
	if err := t.file(root, &scope{}); err != nil {
		return nil, err
	}
	return t, nil
}

// Symbol gives a symbol by name, nil if no file defines it.
func (t *Tree) Symbol(name string) *Symbol { return t.symbols[name] }

func (t *Tree) symbol(name string) *Symbol {
	s := t.symbols[name]
	if s == nil {
		s = &Symbol{Name: name}
		t.symbols[name] = s
	}
	return s
}

// scope is what a block (if, menu, choice) imposes on what is inside it.
type scope struct {
	depends []expr
	visible []expr
	choice  *Choice
}

func (s *scope) inner() *scope {
	return &scope{
		depends: append([]expr(nil), s.depends...),
		visible: append([]expr(nil), s.visible...),
		choice:  s.choice,
	}
}

// reader reads one file.
type reader struct {
	t      *Tree
	name   string
	lines  []string
	next   int // index of the next line
	scopes []*scope

	def  *Def // the definition that attributes belong to; nil: the scope
	sym  *Symbol
	sels []pendingSelect
}

// pendingSelect waits for the end of its definition: "depends on" may follow.
type pendingSelect struct {
	target string
	cond   expr
}

// file reads one file and those that it names into the tree.
func (t *Tree) file(name string, outer *scope) error {
	text, err := fs.ReadFile(t.fsys, path.Clean(name))
	if err != nil {
		return err
	}
	r := &reader{t: t, name: name, lines: strings.Split(string(text), "\n"), scopes: []*scope{outer}}
	for r.next < len(r.lines) {
		line, n := r.line()
		if err := r.statement(line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	r.flush()
	return nil
}

// line gives the next line without comment, with continued lines joined to
// it, and the number of its first part.
func (r *reader) line() (string, int) {
	n := r.next + 1
	s := r.lines[r.next]
	r.next++
	for strings.HasSuffix(s, `\`) && r.next < len(r.lines) {
		s = s[:len(s)-1] + " " + strings.TrimSpace(r.lines[r.next])
		r.next++
	}
	return strings.TrimSpace(stripComment(s)), n
}

// help skips a help text: everything indented deeper than what ends it.
func (r *reader) help() {
	depth := -1
	for r.next < len(r.lines) {
		s := r.lines[r.next]
		if strings.TrimSpace(s) == "" {
			r.next++
			continue
		}
		d := indent(s)
		if depth < 0 {
			depth = d
		}
		if d < depth || d == 0 {
			return
		}
		r.next++
	}
}

func (r *reader) scope() *scope { return r.scopes[len(r.scopes)-1] }

func (r *reader) push() *scope {
	r.flush()
	s := r.scope().inner()
	r.scopes = append(r.scopes, s)
	return s
}

func (r *reader) pop() {
	r.flush()
	if len(r.scopes) > 1 {
		r.scopes = r.scopes[:len(r.scopes)-1]
	}
}

// flush ends the definition that is being read.
func (r *reader) flush() {
	if r.def != nil {
		for _, s := range r.sels {
			r.t.symbol(s.target).selectedBy = append(r.t.symbol(s.target).selectedBy,
				reverse{by: r.sym.Name, cond: all(append([]expr{s.cond}, r.def.Depends...))})
		}
	}
	r.def, r.sym, r.sels = nil, nil, nil
}

// begin starts a definition of a symbol.
func (r *reader) begin(name string) {
	r.flush()
	s := r.scope()
	r.sym = r.t.symbol(name)
	r.def = &Def{
		File: r.name, Line: r.next, Choice: s.choice,
		Depends: append([]expr(nil), s.depends...),
		Visible: append([]expr(nil), s.visible...),
	}
	r.sym.Defs = append(r.sym.Defs, r.def)
	if s.choice != nil {
		s.choice.Members = append(s.choice.Members, name)
	}
}

func indent(s string) int {
	col := 0
	for _, c := range s {
		switch c {
		case ' ':
			col++
		case '\t':
			col = col&^7 + 8
		default:
			return col
		}
	}
	return col
}

// stripComment cuts a comment off a line; a # inside quotes is none.
func stripComment(s string) string {
	quote := rune(0)
	for i, c := range s {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			return s[:i]
		}
	}
	return s
}
