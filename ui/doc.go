// Package ui is everything a person sees on a terminal: the progress of a
// build (on a terminal, as plain lines, or as JSON lines for programs) and the
// styled one-shot outputs of the command line: errors, checks, tables, what to
// do next, help.
//
// It decides nothing and builds nothing: it renders values that the other
// rooms made and events that package report carries. It ends no process, except
// to obey a signal that would have ended it anyway once the terminal is clean.
//
// The pieces, from the bottom up: [Terminal] is what is known about an output,
// [Styles] is the one style sheet made for it, [Pump] turns a stream of events
// into at most ten batches a second, [Board] holds what a build has come to and
// draws it, and [Progress] joins them.
package ui
