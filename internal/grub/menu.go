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
	Serial  []string // the kernel's names of serial consoles: "ttyS0"; those that a machine lacks do no harm
	Timeout int      // seconds until the first entry boots; 0 boots at once, -1 waits
	Help    []HelpPage
}

// HelpPage is a screen of text that a key of the menu shows.
type HelpPage struct {
	Key   string   // "f2"
	Title string   // as listed in the menu
	Lines []string // at most 79 columns each, to fit a text screen
}

// Serial port and speed of the menu on a BIOS, and of the kernel's console.
const (
	serialUnit  = 0
	serialSpeed = 115200
)

// variant is a way to boot besides the usual one.
type variant struct{ ID, Key, Title, Codes string }

// variants are an entry and a command of the prompt each.
var variants = [...]variant{
	{"toram", "t", ", packages copied to memory", "toram"},
	{"rescue", "r", ", rescue: a root shell, no packages", "superuser base"},
}

// kernelEntry is an entry that boots the kernel.
type kernelEntry struct {
	ID, Key, Title string
	Args           []string
}

type helpEntry struct {
	ID, Path, Listed string
	HelpPage
}

// promptFile is what the prompt reads before it asks: a file without entries.
const promptFile = Folder + "/prompt.cfg"

// Menu gives the files of the boot menu: MenuFile and what it needs besides
// modules. A word that GRUB's script or the kernel's command line could not
// carry is an error.
func Menu(spec MenuSpec) ([]File, error) {
	const op = "write the boot menu"
	if err := spec.check(); err != nil {
		return nil, fault.New(fault.Usage, op, "", err, "")
	}
	menu, err := spec.config()
	if err != nil {
		return nil, fault.New(fault.Build, op, "", err, "")
	}
	files := []File{
		{MenuFile, menu},
		{promptFile, []byte("# The prompt has no entries, only the commands that the menu has made.\n")},
		{localeFolder + "/" + language + ".mo", catalogue(spec.words())},
	}
	for _, h := range spec.help() {
		files = append(files, File{h.Path, []byte(strings.Join(h.Lines, "\n") + "\n")})
	}
	return files, nil
}

func (s MenuSpec) config() ([]byte, error) {
	menu, err := template.New("grub.cfg").Funcs(template.FuncMap{"quote": quote}).Parse(assets.GRUBMenu)
	if err != nil {
		return nil, err
	}
	entries := []kernelEntry{{"boot", "b", keyed(s.Title, "Enter"), s.Line()}}
	for _, v := range variants {
		entries = append(entries, kernelEntry{v.ID, v.Key, keyed(s.Title+v.Title, v.Key), append(s.Line(), strings.Fields(v.Codes)...)})
	}
	var b bytes.Buffer
	err = menu.Execute(&b, map[string]any{
		"Title": s.Title, "Timeout": s.Timeout, "Initrds": rooted(s.Initrds), "Args": s.Line(), "Help": s.help(), "Aliases": s.aliases(),
		"Modules": menuModules(), "SerialUnit": serialUnit, "SerialSpeed": serialSpeed,
		"Locale": localeFolder, "Language": language, "PromptFile": promptFile, "PromptTitle": keyed("Add boot codes ...", "Tab"),
		"DiskTitle": keyed("Boot from the first disk", "d"), "Entries": entries, "Variants": variants[:],
	})
	return b.Bytes(), err
}

// terminalKeys are what is left of the function keys that GRUB's serial console
// does not know (it expects F3 as ESC O w): their sequences arrive as single
// keys, and the last one that says something makes a hotkey. xterm and VT100
// send ESC O R for F3, rxvt and PuTTY ESC [ 1 3 ~.
var terminalKeys = map[string][]string{"f2": {"2"}, "f3": {"3", "R"}, "f4": {"4", "S"}}

// alias is an entry without a name, below all others, for one more key.
type alias struct{ ID, Key, Path string }

func (s MenuSpec) aliases() (list []alias) {
	for _, h := range s.help() {
		for _, key := range terminalKeys[h.Key] {
			list = append(list, alias{h.ID + key, key, h.Path})
		}
	}
	return list
}

func (s MenuSpec) help() []helpEntry {
	list := make([]helpEntry, len(s.Help))
	for i, h := range s.Help {
		id := fmt.Sprintf("help%d", i+1)
		list[i] = helpEntry{id, Folder + "/" + id + ".txt", keyed(h.Title, strings.ToUpper(h.Key)), h}
	}
	return list
}

// keyed puts a key's name behind a title, all in one column. GRUB shows titles
// in "setparams '...'" as well, at the head of a line that is edited: that
// fits on a text screen with its frame.
func keyed(title, key string) string { return fmt.Sprintf("%-57s%5s", title, key) }

// Line gives the words of the kernel's command line: consoles, then Args.
func (s MenuSpec) Line() []string { return slices.Concat(s.consoles(), s.Args) }

// consoles gives the kernel's consoles: screen and serial ports, the last of
// them for what init says. A person's own console= stands alone.
func (s MenuSpec) consoles() []string {
	if slices.ContainsFunc(s.Args, func(a string) bool { return strings.HasPrefix(a, "console=") }) {
		return nil
	}
	list := []string{"console=tty0"}
	for _, tty := range s.Serial {
		list = append(list, fmt.Sprintf("console=%s,%d", tty, serialSpeed))
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
		case strings.Contains(a, `"`):
			// GRUB puts a backslash before it, which the kernel does not know:
			// it would end the word somewhere else. (Before ' and \ as well; the
			// booted system takes those off again.)
			return fmt.Errorf("boot code %q has a quotation mark", a)
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
