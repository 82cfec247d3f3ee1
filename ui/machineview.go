package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

func (s *machineScreen) view(f frame) picture {
	switch s.state {
	case machineStarting:
		return picture{lines: s.starting(f)}
	case machineOver:
		return picture{lines: s.over(f)}
	}
	lines := s.status(f)
	return picture{lines: append(lines, s.console(f, f.height-len(lines))...)}
}

// starting draws what has to be done before there is a machine.
func (s *machineScreen) starting(f frame) []string {
	lines := s.board.fill(f.Styles, f.width, f.height-1)
	if len(lines) == 0 {
		lines = []string{f.spinner() + " " + f.Muted.Render("starting the machine")}
	}
	return lines
}

// sideFrom is the width from which on the facts stand beside the milestones.
const sideFrom = 56

// status draws the milestones, and beside them or below what else there is to
// tell of the machine.
func (s *machineScreen) status(f frame) []string {
	marks := s.milestones(f)
	if f.width < sideFrom {
		return append(marks, s.facts(f, f.width)...)
	}
	column := 0
	for _, l := range marks {
		column = max(column, ansi.StringWidth(l))
	}
	column += 4
	facts := s.facts(f, f.width-column)
	lines := make([]string, max(len(marks), len(facts)))
	for i := range lines {
		if i < len(marks) {
			lines[i] = marks[i]
		}
		if i < len(facts) {
			lines[i] = pad(lines[i], column) + facts[i]
		}
	}
	return lines
}

func (s *machineScreen) milestones(f frame) []string {
	next, waiting := s.seen.next()
	names := 8
	for _, m := range s.seen.Milestones {
		names = max(names, ansi.StringWidth(m.Name))
	}
	var lines []string
	for i, m := range s.seen.Milestones {
		name := pad(clean(m.Name), names) + "  "
		switch {
		case m.Reached:
			lines = append(lines, f.OK.Render(f.Glyphs.OK)+" "+f.Text.Render(name)+f.Muted.Render(fmt.Sprintf("%6s", span(m.At))))
		case waiting && i == next && s.state == machineOn:
			lines = append(lines, f.spinner()+" "+f.Strong.Render(name)+f.Ice.Render(fmt.Sprintf("%6s", span(s.seen.Up))))
		case i < next:
			lines = append(lines, f.Muted.Render(f.Glyphs.Stopped+" "+name+"silent"))
		default:
			lines = append(lines, f.Muted.Render(f.Glyphs.Ahead+" "+strings.TrimRight(name, " ")))
		}
	}
	return lines
}

// facts are memory, time and place of the machine.
func (s *machineScreen) facts(f frame, width int) []string {
	rows := []Row{{Key: "memory", Value: s.memory()}, {Key: "running", Value: span(s.seen.Up)}}
	rows = append(rows, s.seen.Facts...)
	keys := 0
	for _, r := range rows {
		keys = max(keys, ansi.StringWidth(r.Key))
	}
	var lines []string
	for _, r := range rows {
		style := f.Text
		if r.Level != Note {
			_, _, style = f.level(r.Level)
		}
		line := f.Muted.Render(pad(clean(r.Key), keys)) + "  " + style.Render(clean(r.Value))
		if r.Key == "memory" && s.seen.Used > 0 {
			line += "  " + f.meter(s.seen.Used, s.seen.Memory, min(16, width-ansi.StringWidth(line)-2))
		}
		lines = append(lines, f.fit(line, width))
	}
	return lines
}

// memory says how much is in use, as seen from inside, or, as long as nobody
// could log in, how much QEMU takes here.
func (s *machineScreen) memory() string {
	switch {
	case s.seen.Used > 0:
		return fmt.Sprintf("%d of %d MiB used", s.seen.Used, s.seen.Memory)
	case s.seen.Host > 0:
		return fmt.Sprintf("%d MiB; %d on host", s.seen.Memory, s.seen.Host)
	}
	return fmt.Sprintf("%d MiB", s.seen.Memory)
}

// meter is a bar that is full up to a part of a whole.
func (f frame) meter(part, whole, width int) string {
	if width < 4 || whole <= 0 {
		return ""
	}
	width -= len(f.Glyphs.BarLeft) + len(f.Glyphs.BarRight)
	full := min(width, (part*width+whole/2)/whole)
	return f.Muted.Render(f.Glyphs.BarLeft) + f.Ice.Render(strings.Repeat(f.Glyphs.Full, full)) +
		f.Muted.Render(strings.Repeat(f.Glyphs.Empty, width-full)+f.Glyphs.BarRight)
}

// console draws the end of what the machine said.
func (s *machineScreen) console(f frame, height int) []string {
	if height < 3 {
		return nil
	}
	lines := []string{"", f.Deep.Render(f.Glyphs.Rule+f.Glyphs.Rule) + " " + f.Muted.Render("console") + " "}
	lines[1] += f.Deep.Render(strings.Repeat(f.Glyphs.Rule, max(0, f.width-ansi.StringWidth(lines[1]))))
	height -= len(lines)
	tail := s.seen.Tail
	tail = tail[max(0, len(tail)-height):]
	if len(tail) == 0 {
		return append(lines, f.Muted.Render("nothing has been said yet"))
	}
	for _, l := range tail {
		lines = append(lines, f.fit(f.Muted.Render(clean(l)), f.width))
	}
	return lines
}

// over says how the machine ended, and what can be done.
func (s *machineScreen) over(f frame) []string {
	var lines []string
	if s.err != nil {
		lines = f.errorLines(s.err, "", f.height-len(s.actions)-1)
	} else {
		lines = []string{f.OK.Render(f.Glyphs.OK) + " " + f.Text.Render("The machine has ended: "+s.seen.Ending+".")}
		if len(s.seen.Milestones) > 0 {
			lines = append(append(lines, ""), s.milestones(f)...)
		}
	}
	return f.withActions(lines, s.actions, s.at)
}
