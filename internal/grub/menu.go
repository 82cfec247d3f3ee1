package grub

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"floe/assets"
	"floe/internal/fault"
)

// MenuSpec says what the boot menu offers.
type MenuSpec struct {
	Title   string   // the system's name with its version: "Floe 1.0"
	Initrds []string // paths in the image, in the order in which the kernel unpacks them
	Args    []string // words of the kernel's command line, the person's boot codes included
	Serial  string   // the kernel's name of the serial console: "ttyS0"; "" for none
	Timeout int      // seconds until the first entry boots; 0 boots at once, -1 waits
	Help    []HelpPage
}

// HelpPage is a screen of text that a key of the menu shows.
type HelpPage struct {
	Key   string   // "f2"
	Title string   // as listed in the menu
	Lines []string // at most 80 columns each, to fit a text screen
}

// Serial port and speed of the menu on a BIOS, and of the kernel's console.
const (
	serialUnit  = 0
	serialSpeed = 115200
)

// kernelEntry is an entry that boots the kernel.
type kernelEntry struct {
	ID, Key, Title string
	Args           []string
}

type helpEntry struct {
	ID string
	HelpPage
}

// Config gives the boot menu. A word that GRUB's script or the kernel's
// command line could not carry is an error.
func Config(spec MenuSpec) ([]byte, error) {
	const op = "write the boot menu"
	if err := spec.check(); err != nil {
		return nil, fault.New(fault.Usage, op, "", err, "")
	}
	menu, err := template.New("grub.cfg").Funcs(template.FuncMap{"quote": quote}).Parse(assets.GRUBMenu)
	if err != nil {
		return nil, fault.New(fault.Build, op, "", err, "")
	}
	args := spec.Line()
	rescue := append(slices.Clone(args), "superuser", "base")
	help := make([]helpEntry, len(spec.Help))
	for i, h := range spec.Help {
		help[i] = helpEntry{fmt.Sprintf("help%d", i+1), h}
	}
	var b bytes.Buffer
	err = menu.Execute(&b, map[string]any{
		"Title": spec.Title, "Timeout": spec.Timeout, "Initrds": rooted(spec.Initrds), "Help": help,
		"Modules": menuModules(), "SerialUnit": serialUnit, "SerialSpeed": serialSpeed,
		"Entries": []kernelEntry{
			{"boot", "b", spec.Title, args},
			{"rescue", "r", spec.Title + ", rescue: a root shell, no packages", rescue},
		},
	})
	if err != nil {
		return nil, fault.New(fault.Build, op, "", err, "")
	}
	return b.Bytes(), nil
}

// Line gives the words of the kernel's command line: consoles, then Args.
func (s MenuSpec) Line() []string { return slices.Concat(s.consoles(), s.Args) }

// consoles gives the kernel's consoles: screen and serial port, the last of
// them for what init says. A person's own console= stands alone.
func (s MenuSpec) consoles() []string {
	if slices.ContainsFunc(s.Args, func(a string) bool { return strings.HasPrefix(a, "console=") }) {
		return nil
	}
	list := []string{"console=tty0"}
	if s.Serial != "" {
		list = append(list, fmt.Sprintf("console=%s,%d", s.Serial, serialSpeed))
	}
	return list
}

func rooted(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = "/" + strings.TrimPrefix(p, "/")
	}
	return out
}

func (s MenuSpec) check() error {
	text := slices.Concat([]string{s.Title}, s.Initrds)
	for _, h := range s.Help {
		text = append(text, h.Title)
		text = append(text, h.Lines...)
		if !slices.Contains(strings.Fields("f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12"), h.Key) {
			return fmt.Errorf("help page %q has the key %q instead of f1 to f12", h.Title, h.Key)
		}
	}
	for _, t := range text {
		if !printable(t) {
			return fmt.Errorf("%q has a character that not every console can show", t)
		}
	}
	for _, a := range s.Args {
		switch {
		case a == "" || !printable(a):
			return fmt.Errorf("boot code %q is empty or not of printable ASCII", a)
		case strings.ContainsAny(a, `'"\`):
			// GRUB puts a backslash before these, and the kernel keeps it.
			return fmt.Errorf("boot code %q has a quotation mark or a backslash", a)
		}
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// quote makes one word of GRUB's script language (GRUB manual, "Quoting").
func quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+.,:/@%"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
