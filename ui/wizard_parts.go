package ui

// title is the name of the place that is shown.
func (m *wizard) title() string {
	switch s := m.screen.(type) {
	case *welcomeScreen:
		return "Welcome"
	case *buildScreen:
		return s.title()
	case *writeScreen:
		return s.title()
	case *targetScreen:
		return "Disk"
	case *eraseScreen:
		return "Erase and write"
	case *reviewScreen:
		return "Review"
	case *machineScreen:
		return s.title()
	}
	if step, ok := m.flow.Current(); ok {
		return step.Title
	}
	return ""
}

// place tells how far the way is; 0 outside of the questions.
func (m *wizard) place() (n, of int) {
	if m.flow == nil || m.screen == screen(m.welcome) {
		return 0, 0
	}
	n, of = m.flow.Position()
	_, disks := m.screen.(*targetScreen)
	if m.build != nil && (m.afterReview() || disks && m.build.state == buildDone) {
		n = of + 1
	}
	return n, of + 1
}

// afterReview tells that the answers are behind: the build and what follows.
func (m *wizard) afterReview() bool {
	switch m.screen.(type) {
	case *buildScreen, *writeScreen, *eraseScreen, *machineScreen:
		return true
	}
	return false
}

// askToLeave asks before anything is lost; staying comes first.
func (m *wizard) askToLeave() *dialog {
	if m.machine != nil && m.machine.alive() {
		return m.askToLeaveMachine()
	}
	if m.writing() {
		if m.write.state == buildStopping {
			return m.write.leaveDialog()
		}
		return m.write.stopDialog()
	}
	if m.running() {
		if m.build.state == buildStopping {
			return newDialog("Leave before the build has stopped?", "It is being stopped; that takes a moment. Finished stages are kept.",
				option{"Wait", nil}, option{"Leave", leaveIntent{}})
		}
		return newDialog("Stop the build?", "Finished stages are kept; building again goes on from there.",
			option{"Keep building", nil}, option{"Stop the build", cancelIntent{}})
	}
	text := "Nothing has been built yet."
	if m.flow != nil && m.flow.Changed() {
		text = "Your answers are kept: 'Resume' brings them back."
	}
	if m.built != nil {
		text = "The image stays at " + m.built.Path + "."
	}
	return newDialog("Leave Floe?", text, option{"Stay", nil}, option{"Leave", leaveIntent{}})
}

// commandLines says what to type for the same plan.
func (m *wizard) commandLines() []string {
	lines := []string{"# This builds the same image:", "", m.flow.Plan().Command(), ""}
	return append(lines, "# Or save the answers (s in the review):", "", "floe build -c floe.toml")
}

// help explains the place that is shown, and all keys.
func (m *wizard) help() screen {
	var lines []string
	if m.flow != nil {
		if step, ok := m.flow.Current(); ok && m.screen != screen(m.build) && m.machine == nil {
			lines = append(lines, step.Ask, step.Help, "On the command line: --"+step.Key+". In floe.toml: "+step.Key+".", "")
		}
	}
	if h, ok := m.screen.(interface{ help() []string }); ok {
		if more := h.help(); len(more) > 0 {
			lines = append(append(lines, more...), "")
		}
	}
	k := newKeyMap(m.styles.Glyphs)
	lines = append(lines, "Keys")
	rows := [][2]string{
		{m.styles.Glyphs.Arrows + ", j, k", "move"}, {"space", "select, or take back"}, {"enter", "go on"},
		{"esc", "go back, always"}, {"tab", "next field"}, {"/", "filter a list"}, {"?, f1", "this help; in a text field only f1"},
		{"p", "the same from the command line"}, {"l", "the whole log, while building"}, {"s, e", "in the review: save floe.toml, edit an answer"},
		{k.Leave.Help().Key, "leave; asks first"},
	}
	for _, r := range rows {
		lines = append(lines, "  "+pad(r[0], 16)+r[1])
	}
	return newReader("Help", func() []string { return lines })
}
