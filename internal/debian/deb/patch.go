package deb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Patches are applied here rather than by patch(1), so that a source tree is
// the same on every host and needs no tool. The rules are those with which
// dpkg-source calls patch: -p1, no fuzz, hunks may have moved, files that
// become empty go away.

// filePatch is what a patch does to one file.
type filePatch struct {
	from, to string // without their first element; "" for /dev/null
	mode     fs.FileMode
	hunks    []hunk
}

// hunk is one change. Lines keep their line ends.
type hunk struct {
	at       int // line of the old file, from 1, at which the old lines are expected
	old, new []string
	before   int // lines of context at the start
	after    int // and at the end
}

// ErrUnfit is the error of a patch that was made for other files than there
// are.
var ErrUnfit = errors.New("the patch does not fit")

// ApplyPatch applies a unified diff to the tree below dir. It changes all
// files or, with ErrUnfit, none.
func ApplyPatch(dir string, diff []byte) (changed []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	patches, err := parsePatch(diff)
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, files: map[string]*patched{}}
	for _, p := range patches {
		if err := t.apply(p); err != nil {
			return nil, err
		}
	}
	return t.write()
}

// parsePatch reads a unified diff. Text between the parts is passed over.
func parsePatch(diff []byte) ([]filePatch, error) {
	lines := strings.SplitAfter(string(diff), "\n")
	var all []filePatch
	var mode fs.FileMode
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], "\r\n")
		switch {
		case strings.HasPrefix(line, "rename from "), strings.HasPrefix(line, "copy from "), line == "GIT binary patch":
			return nil, fmt.Errorf("line %d: %q is not supported", i+1, line)
		case strings.HasPrefix(line, "new file mode "), strings.HasPrefix(line, "new mode "):
			mode = parseMode(line)
		case strings.HasPrefix(line, "--- ") && i+2 < len(lines) && strings.HasPrefix(lines[i+1], "+++ ") && strings.HasPrefix(lines[i+2], "@@ "):
			p := filePatch{mode: mode}
			mode = 0
			var err error
			if p.from, err = patchName(line[4:]); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			if p.to, err = patchName(lines[i+1][4:]); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+2, err)
			}
			if i, err = p.readHunks(lines, i+2); err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	}
	return all, nil
}

func parseMode(line string) fs.FileMode {
	n, err := strconv.ParseUint(line[strings.LastIndexByte(line, ' ')+1:], 8, 32)
	switch {
	case err != nil:
		return 0
	case n&0o111 != 0:
		return 0o755
	}
	return 0o644
}

// patchName takes the first element off a name in a header; a time after a
// tab does not belong to it.
func patchName(text string) (string, error) {
	name, _, _ := strings.Cut(strings.TrimRight(text, "\r\n"), "\t")
	name = strings.TrimSpace(name)
	if name == "/dev/null" {
		return "", nil
	}
	_, rest, ok := strings.Cut(name, "/")
	if !ok {
		return "", fmt.Errorf("file name %q has no folder in front", name)
	}
	clean, err := inside(rest)
	if err != nil || clean == "." {
		return "", fmt.Errorf("file name %q: %w", name, ErrUnsafe)
	}
	return clean, nil
}

// readHunks reads the hunks from line i on and gives the last line it used.
func (p *filePatch) readHunks(lines []string, i int) (int, error) {
	for i < len(lines) && strings.HasPrefix(lines[i], "@@ ") {
		at, nOld, nNew, err := parseRange(lines[i])
		if err != nil {
			return i, fmt.Errorf("line %d: %w", i+1, err)
		}
		h := hunk{at: at}
		i++
		for len(h.old) < nOld || len(h.new) < nNew {
			if i >= len(lines) || lines[i] == "" {
				return i, fmt.Errorf("line %d: the hunk ends too early", i+1)
			}
			if err := h.add(lines[i]); err != nil {
				return i, fmt.Errorf("line %d: %w", i+1, err)
			}
			i++
			if i < len(lines) && strings.HasPrefix(lines[i], "\\") { // "\ No newline at end of file"
				h.noNewline(lines[i-1][0])
				i++
			}
		}
		if len(h.old) != nOld || len(h.new) != nNew {
			return i, fmt.Errorf("line %d: the hunk is longer than it says", i+1)
		}
		p.hunks = append(p.hunks, h)
	}
	return i - 1, nil
}

// parseRange reads "@@ -at,old +at,new @@".
func parseRange(line string) (at, nOld, nNew int, err error) {
	words := strings.Fields(line)
	if len(words) < 4 || words[1][0] != '-' || words[2][0] != '+' || words[3] != "@@" {
		return 0, 0, 0, fmt.Errorf("%q is not the head of a hunk", strings.TrimSpace(line))
	}
	at, nOld, err = parsePair(words[1][1:])
	if err == nil {
		_, nNew, err = parsePair(words[2][1:])
	}
	return at, nOld, nNew, err
}

func parsePair(s string) (at, n int, err error) {
	first, second, ok := strings.Cut(s, ",")
	if at, err = strconv.Atoi(first); err != nil || !ok {
		return at, 1, err
	}
	n, err = strconv.Atoi(second)
	return at, n, err
}

// add takes a line of the hunk's body.
func (h *hunk) add(line string) error {
	text := line[1:]
	switch line[0] {
	case ' ', '\n':
		if line[0] == '\n' { // an empty line of context whose blank was lost on the way
			text = "\n"
		}
		if len(h.old) == h.before && len(h.new) == h.before {
			h.before++
		}
		h.after++
		h.old, h.new = append(h.old, text), append(h.new, text)
	case '-':
		h.after = 0
		h.old = append(h.old, text)
	case '+':
		h.after = 0
		h.new = append(h.new, text)
	default:
		return fmt.Errorf("%q is not a line of a hunk", strings.TrimSpace(line))
	}
	return nil
}

// noNewline takes the line end off the last line of a kind.
func (h *hunk) noNewline(kind byte) {
	if kind != '+' && len(h.old) > 0 {
		h.old[len(h.old)-1] = strings.TrimSuffix(h.old[len(h.old)-1], "\n")
	}
	if kind != '-' && len(h.new) > 0 {
		h.new[len(h.new)-1] = strings.TrimSuffix(h.new[len(h.new)-1], "\n")
	}
}

// tree holds the files that a patch changes until all of it fits.
type tree struct {
	root  *os.Root
	files map[string]*patched
}

type patched struct {
	lines []string
	mode  fs.FileMode // 0: not there
}

// load reads a file once. Links are not followed: they could lead anywhere.
func (t *tree) load(name string) (*patched, error) {
	if f := t.files[name]; f != nil {
		return f, nil
	}
	f := &patched{}
	t.files[name] = f
	info, err := t.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, escape(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := t.root.ReadFile(name)
	if err != nil {
		return nil, escape(err)
	}
	f.mode, f.lines = info.Mode().Perm(), splitLines(data)
	return f, nil
}

// splitLines splits after each line end; the last line may have none.
func splitLines(data []byte) []string {
	lines := strings.SplitAfter(string(data), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// target chooses the file that the part is about, as patch(1) does: the one of
// the two names that exists, the shorter path first.
func (t *tree) target(p filePatch) (string, error) {
	switch {
	case p.from == "" && p.to == "":
		return "", errors.New("a part of the patch names no file")
	case p.from == "":
		return p.to, nil
	case p.to == "" || p.from == p.to:
		return p.from, nil
	}
	names := []string{p.from, p.to}
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	for _, n := range names {
		if f, err := t.load(n); err != nil || f.mode != 0 {
			return n, err
		}
	}
	return p.to, nil
}

// apply changes one file in memory.
func (t *tree) apply(p filePatch) error {
	name, err := t.target(p)
	if err != nil {
		return err
	}
	f, err := t.load(name)
	if err != nil {
		return err
	}
	if p.from == "" && len(f.lines) > 0 {
		return fmt.Errorf("%s is to be made, but it is there already: %w", name, ErrUnfit)
	}
	if p.from != "" && f.mode == 0 && len(p.hunks[0].old) > 0 {
		return fmt.Errorf("%s is not there: %w", name, ErrUnfit)
	}
	out, err := applyHunks(f.lines, p.hunks)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f.lines = out
	switch {
	case len(out) == 0:
		f.mode = 0
	case p.mode != 0:
		f.mode = p.mode
	case f.mode == 0:
		f.mode = 0o644
	}
	return nil
}

// applyHunks gives the lines with the hunks applied, in order. A hunk that
// moved is looked for from its expected place outwards.
func applyHunks(lines []string, hunks []hunk) ([]string, error) {
	var out []string
	done, moved := 0, 0 // lines used up; how far the last hunk was from its place
	for i, h := range hunks {
		want := h.at - 1
		if len(h.old) == 0 {
			want = h.at // an insertion into nothing names the line before
		}
		at := h.find(lines, done, want+moved)
		if at < 0 {
			return nil, fmt.Errorf("hunk %d (line %d): %w", i+1, h.at, ErrUnfit)
		}
		moved = at - want
		out = append(out, lines[done:at]...)
		// The context at the end stays in hand: the next hunk may start in it.
		out = append(out, h.new[:len(h.new)-h.after]...)
		done = at + len(h.old) - h.after
	}
	return append(out, lines[done:]...), nil
}

// find gives the index of the hunk's old lines in lines, at done or later and
// as near to want as can be, or -1. Less context at one end than at the other
// means that the file starts or ends there.
func (h hunk) find(lines []string, done, want int) int {
	last := len(lines) - len(h.old)
	fits := func(at int) bool {
		return at >= done && at <= last && slices.Equal(lines[at:at+len(h.old)], h.old)
	}
	switch {
	case h.before < h.after:
		if fits(0) {
			return 0
		}
		return -1
	case h.after < h.before:
		if fits(last) {
			return last
		}
		return -1
	}
	want = max(done, min(want, last))
	for off := 0; off <= len(lines); off++ {
		if fits(want + off) {
			return want + off
		}
		if fits(want - off) {
			return want - off
		}
	}
	return -1
}

// write brings the changes to disk and names the files that were changed and
// are there, in order.
func (t *tree) write() ([]string, error) {
	names := make([]string, 0, len(t.files))
	for name := range t.files {
		names = append(names, name)
	}
	slices.Sort(names)
	var changed []string
	for _, name := range names {
		f := t.files[name]
		if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, escape(err)
		}
		if f.mode == 0 {
			continue
		}
		if err := t.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return nil, escape(err)
		}
		if err := t.root.WriteFile(name, []byte(strings.Join(f.lines, "")), f.mode); err != nil {
			return nil, escape(err)
		}
		changed = append(changed, name)
	}
	return changed, nil
}
