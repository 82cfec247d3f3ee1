// Package bootcode is the table of Floe's boot codes: the words on the kernel's
// command line that the booted system reads. All that knows of boot codes has
// it from here: the plan's validation, the wizard, the help pages of the boot
// menu, the manual page (docs/bootcodes.md) and the parser that the booted
// system sources (assets/rootfs/etc/floe/bootcodes.sh).
//
// It splits, checks and writes lines of boot codes. It does not say what a
// booted system does with a code, beyond a line of help: that is in the
// system's own scripts.
//
// To add a code: a row in table.go, then "go generate ./internal/bootcode".
package bootcode

//go:generate go run ./gen

import (
	"slices"
	"strings"
)

// Code is a boot code.
type Code struct {
	Key     string // as it is typed: "tce.mirror". It matches exactly
	Form    *Form  // of its value; nil: it takes none
	Repeat  bool   // every one counts, not only the last
	Default string // what holds without it, in words; "" where that is plain
	Page    Page
	Help    string // in a few words: one line of a help page
	Manual  string // what else there is to say, for the manual
	Example string // a word as it may be typed; "" for a code without a value
	Kernel  bool   // the kernel's own: offered, but not the system's to read

	shellName  string // of the variable in the booted system, where it is not as usual
	shellStart string // the variable's value without the code
}

// Page is a subject, and the help page of the boot menu that tells of it.
type Page string

// The pages, in their order.
const (
	System   Page = "The system and its console"
	Packages Page = "Packages, disks and memory"
	Network  Page = "Network, time, log and containers"
)

// Pages lists the pages in their order.
func Pages() []Page { return []Page{System, Packages, Network} }

// Find gives the code of a key.
func Find(key string) (Code, bool) {
	all := All()
	i := slices.IndexFunc(all, func(c Code) bool { return c.Key == key })
	if i < 0 {
		return Code{}, false
	}
	return all[i], true
}

// On lists the codes of a page.
func On(p Page) []Code {
	return slices.DeleteFunc(All(), func(c Code) bool { return c.Page != p })
}

// String gives the code as help texts name it: "host=NAME".
func (c Code) String() string {
	if c.Form == nil {
		return c.Key
	}
	return c.Key + "=" + c.Form.Value
}

// Check tells what is wrong with a value.
func (c Code) Check(value string) error {
	if c.Form == nil || c.Form.check == nil {
		return nil
	}
	return c.Form.check(value)
}

// Variable is the shell variable in which the booted system has it: "1" or the
// key of a code without a value, the value, or a line for each of several.
func (c Code) Variable() string {
	if c.shellName != "" {
		return c.shellName
	}
	return "bc_" + strings.NewReplacer(".", "_", "-", "_").Replace(c.Key)
}
