package grub

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// GRUB takes what it says from a message catalogue, if there is one for the
// language: the one made here speaks of boot codes instead of commands.
const (
	localeFolder = Folder + "/locale"
	language     = "floe"
)

// words are GRUB's messages in Floe's words. What has no message of these
// exact words in GRUB is never asked for.
func (s MenuSpec) words() map[string]string {
	return map[string]string{
		"GNU GRUB  version %s": s.Title,
		"grub>":                "boot:",

		"Use the %C and %C keys to select which entry is highlighted.": "%C %C choose, Enter boots, Tab adds boot codes, e edits the line.",
		"Press enter to boot the selected OS, `e' to edit the commands before booting or `c' for a command-line.": "" +
			"F2 F3 F4 (or 2 3 4) list the boot codes.",
		"The highlighted entry will be executed automatically in %ds.": "Boots in %d s; any other key waits.",

		"Minimum Emacs-like screen editing is supported. TAB lists completions. Press Ctrl-x or F10 to boot, " +
			"Ctrl-c or F2 for a command-line or ESC to discard edits and return to the GRUB menu.": "" +
			"Boot codes go behind those on the line that begins with linux. Ctrl-x or F10 boots, Esc goes back without the changes.",

		"Minimal BASH-like line editing is supported. For the first word, TAB lists possible command completions. " +
			"Anywhere else TAB lists possible device or file completions. To enable less(1)-like paging, \"set pager=1\". %s": "" +
			"floe and boot codes to add to the image's own:   floe host=box toram\n" +
			"rescue or toram instead of floe boots that entry of the menu.\n" +
			"f2, f3 and f4 list the boot codes, menu goes back. Quotes go around\n" +
			"what has spaces or ; & | $ < > { } #:   docker=\"--debug --mtu=1400\"\n%s",
		"ESC at any time exits.": "Esc goes back as well.",
	}
}

// catalogue writes messages as GNU gettext's binary form, without a hash
// table; see "The Format of GNU MO Files" in gettext's manual.
func catalogue(messages map[string]string) []byte {
	const magic, header = 0x950412de, 7 * 4
	var ids []string
	for id := range messages {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	n := uint32(len(ids))
	var tables, text bytes.Buffer
	start := uint32(header) + 2*8*n
	put := func(s string) {
		binary.Write(&tables, binary.LittleEndian, [2]uint32{uint32(len(s)), start + uint32(text.Len())})
		text.WriteString(s + "\x00")
	}
	for _, id := range ids {
		put(id)
	}
	for _, id := range ids {
		put(messages[id])
	}
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, [7]uint32{magic, 0, n, header, header + 8*n, 0, header + 2*8*n})
	return append(append(out.Bytes(), tables.Bytes()...), text.Bytes()...)
}
