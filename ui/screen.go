package ui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"floe/steps"
)

// screen is a component of the wizard: one for each kind of question, and one
// for each other place. It holds what it shows, never how large the terminal
// is; that it is told with every view, so that nothing is lost on a resize.
type screen interface {
	// update takes a message and says what the wizard is to do.
	update(msg tea.Msg) (intent, tea.Cmd)
	// view draws the body.
	view(f frame) picture
	// keys are those that work here, the most useful first.
	keys(k keyMap) []key.Binding
	// typing says that letters are text at the moment.
	typing() bool
	// busy says that something moves, so that time must go on.
	busy() bool
}

// frame is the room that a screen may fill, with what it is drawn with.
type frame struct {
	Styles
	width, height int
	describe      bool // descriptions have room
	spin          int  // number of the spinner's frame
}

// spinner draws the spinner as it is now.
func (f frame) spinner() string {
	return f.Ice.Render(f.Glyphs.Spinner[f.spin%len(f.Glyphs.Spinner)])
}

// picture is a drawn body. The cursor is where text is typed.
type picture struct {
	lines  []string
	cursor *point
}

type point struct{ x, y int }

// intent is what a screen wants to happen. The wizard alone acts on it.
type intent any

// The intents.
type (
	answerIntent    struct{ values []string }     // of the current step
	backIntent      struct{}                      // to the place before
	beginIntent     struct{ beginning Beginning } // from the welcome
	editIntent      struct{ key string }          // in the review
	saveIntent      struct{}                      // floe.toml
	buildIntent     struct{ try bool }            // build, then try it out, then ask before writing
	cancelIntent    struct{}                      // the build, after asking
	retryIntent     struct{}                      // the build
	reviewIntent    struct{}                      // from the build to the answers
	tryIntent       struct{}                      // boot the image
	targetIntent    struct{}                      // to the disks
	newTargetIntent struct{}                      // to the disks, for an image that is yet to be built
	doneIntent      struct{}                      // to the image, or else to the answers
	eraseIntent     struct{ order WriteOrder }    // and write
	stopWriteIntent struct{}
	chooseIntent    struct { // a disk
		disk Disk
		data Data
	}
	leaveIntent    struct{}                 // at once
	privateIntent  struct{}                 // what was typed is a private key
	continueIntent struct{}                 // with the answers so far
	replaceIntent  struct{}                 // the floe.toml that is there
	askIntent      struct{ dialog *dialog } // ask something first
	sayIntent      struct {                 // in the message line
		level Level
		text  string
	}
)

// newScreen makes the screen for a step: one for each kind.
func newScreen(m *wizard, step steps.Step) screen {
	switch step.Kind {
	case steps.OneOf:
		return newChoiceScreen(m.flow, step)
	case steps.Keys:
		return newKeysScreen(m.ctx, m.house, step.Values(m.flow.Plan()))
	}
	if step.Kind == steps.Codes {
		return newCodesScreen(m.house, m.flow, step)
	}
	return newTextScreen(m.ctx, m.house, m.flow, step)
}
