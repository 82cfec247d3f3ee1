package ui

import (
	"errors"
	"io"
	"slices"
	"strings"

	"floe/internal/fault"
)

// Error writes an error for a person: what was being done, where, why it
// failed, what to do next, and where the log is (logPath may be empty). An
// interruption is no failure and gets one line.
func Error(w io.Writer, s Styles, err error, logPath string) {
	_, _ = io.WriteString(w, s.Error(err, logPath))
}

// Error renders an error as the function of the same name writes it.
func (s Styles) Error(err error, logPath string) string {
	if err == nil {
		return ""
	}
	if fault.Code(err) == int(fault.Cancelled) {
		var b strings.Builder
		left := "what was finished is kept; the same command goes on from there"
		if hint := fault.Hint(err); hint != "" {
			left = hint
		}
		s.hang(&b, margin(s.Width)+s.Warn.Render(s.Glyphs.Stopped+" stopped")+"  ", clean(left), s.Text.Render)
		return b.String()
	}
	var all []string
	for _, p := range s.errorParts(err, logPath) {
		all = append(all, p.lines...)
	}
	return strings.Join(all, "\n") + "\n"
}

// errorPart is a part of a rendered error: what happened, or one of the rows
// below it, with that row's key.
type errorPart struct {
	key   string
	lines block
}

// errorParts renders an error part by part.
func (s Styles) errorParts(err error, logPath string) (parts []errorPart) {
	what, rows := anatomy(err)
	if logPath != "" {
		rows = append(rows, Row{Key: "log", Value: logPath})
	}
	add := func(key string, write func(*strings.Builder)) {
		var b strings.Builder
		write(&b)
		parts = append(parts, errorPart{key, strings.Split(strings.TrimRight(b.String(), "\n"), "\n")})
	}
	m := margin(s.Width)
	add("", func(b *strings.Builder) {
		s.hang(b, m+s.Fail.Render(s.Glyphs.Fail+" error")+"  ", clean(what), s.Strong.Render)
	})
	for _, r := range rows {
		add(r.Key, func(b *strings.Builder) { s.errorRow(b, m, r) })
	}
	return parts
}

// errorRow writes a row below the sign and word of the first line.
func (s Styles) errorRow(b *strings.Builder, m string, r Row) {
	key, value := s.Muted.Render, s.Text.Render
	if r.Key == "next" {
		key, value = s.Warm.Render, s.Warm.Render
	}
	head := m + "  " + key(pad(r.Key, 5)) + "  "
	for _, line := range cleanLines(r.Value) {
		if r.Key == "log" { // a path is there to be copied
			b.WriteString(head + value(line) + "\n")
		} else {
			s.hang(b, head, line, value)
		}
		head = m + strings.Repeat(" ", 9)
	}
}

// leading are the words after which an operation's place belongs on its line.
var leading = [...]string{"for", "to", "of", "on", "at", "in", "into", "with", "through"}

// longPlace is from how many bytes on a place has a row of its own all the same.
const longPlace = 40

// anatomy takes an error apart.
func anatomy(err error) (what string, rows []Row) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		lines := cleanLines(err.Error())
		if len(lines) > 1 {
			rows = append(rows, Row{Key: "why", Value: strings.Join(lines[1:], "\n")})
		}
		return lines[0], rows
	}
	what, where, context := "could not "+f.Op, f.On, "while"
	if last := what[strings.LastIndexByte(what, ' ')+1:]; slices.Contains(leading[:], last) && len(where) < longPlace {
		what, where = what+" "+where, ""
	}
	if f.Class == fault.Usage { // what was typed needs no place of its own
		what, where, context = strings.TrimSpace(f.Op+" "+f.On), "", "from"
	}
	if around := strings.TrimSuffix(err.Error(), f.Error()); around != err.Error() && around != "" {
		rows = append(rows, Row{Key: context, Value: strings.TrimRight(around, ": ")})
	}
	if where != "" {
		rows = append(rows, Row{Key: "where", Value: where})
	}
	if f.Err != nil {
		rows = append(rows, Row{Key: "why", Value: f.Err.Error()})
	}
	if hint := fault.Hint(f); hint != "" {
		rows = append(rows, Row{Key: "next", Value: hint})
	}
	return what, rows
}
