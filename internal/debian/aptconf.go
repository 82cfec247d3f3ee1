package debian

import (
	"bytes"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"floe/internal/debian/deb822"
)

// aptEntry is one source of packages in apt's configuration.
type aptEntry struct {
	uri        string
	suites     []string
	components []string
	signedBy   string
}

// aptMirrors gives the Debian mirrors of the apt configuration below the
// folder root (sources.list(5)). Sources of others are ignored, and so is what
// cannot be read: apt's configuration is a hint here, not an input.
func aptMirrors(root string) []Mirror {
	var sure, likely, security []string
	for _, e := range aptEntries(root) {
		for _, uri := range expandMirrorFile(root, e.uri) {
			switch uri = trimRoot(uri); {
			case !isHTTP(uri) || e.foreign():
			case strings.HasSuffix(uri, "/debian-security") || e.hasSecuritySuite():
				security = append(security, uri)
			case strings.HasSuffix(uri, "/debian") && slices.Contains(e.components, "main"):
				sure = append(sure, uri)
			case e.hasDebianSuite() && slices.Contains(e.components, "main"):
				likely = append(likely, uri)
			}
		}
	}
	var mirrors []Mirror
	for _, main := range append(sure, likely...) {
		if slices.ContainsFunc(mirrors, func(m Mirror) bool { return m.Main == main }) {
			continue
		}
		mirrors = append(mirrors, Mirror{Main: main, Security: pickSecurity(main, security), From: "apt's configuration"})
	}
	return mirrors
}

// pickSecurity chooses the security root for a main root: one on the same
// host, else any that apt knows, else the place beside it.
func pickSecurity(main string, security []string) string {
	for _, s := range security {
		if host(s) == host(main) {
			return s
		}
	}
	if len(security) > 0 {
		return security[0]
	}
	return sibling(main)
}

func host(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Host
}

func isHTTP(uri string) bool {
	return strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://")
}

// foreign says that the entry is signed by keyrings none of which is Debian's.
// Fingerprints and keys within the entry tell nothing.
func (e aptEntry) foreign() bool {
	rings := 0
	for ring := range strings.FieldsFuncSeq(e.signedBy, func(c rune) bool { return c == ' ' || c == ',' || c == '\n' }) {
		if strings.HasPrefix(path.Base(ring), "debian-archive-") {
			return false
		}
		if strings.HasPrefix(ring, "/") {
			rings++
		}
	}
	return rings > 0 && !strings.Contains(e.signedBy, "BEGIN PGP")
}

func (e aptEntry) hasSecuritySuite() bool {
	return slices.ContainsFunc(e.suites, func(s string) bool {
		base, ok := strings.CutSuffix(s, "-security")
		if !ok {
			base, ok = strings.CutSuffix(s, "/updates")
		}
		return ok && isDebianRelease(base)
	})
}

func (e aptEntry) hasDebianSuite() bool {
	return slices.ContainsFunc(e.suites, func(s string) bool {
		for _, suffix := range []string{"-updates", "-backports", "-proposed-updates"} {
			s = strings.TrimSuffix(s, suffix)
		}
		return isDebianRelease(s)
	})
}

// isDebianRelease knows the releases that a host of today may follow.
func isDebianRelease(s string) bool {
	switch s {
	case "stable", "oldstable", "oldoldstable", "testing", "unstable", "sid", "experimental",
		"buster", "bullseye", "bookworm", "trixie", "forky", "duke":
		return true
	}
	return false
}

// expandMirrorFile follows apt-transport-mirror(1): the address of a file that
// lists mirrors, one on each line with optional words after it, is replaced by
// what the file lists. Debian's cloud images are set up so.
func expandMirrorFile(root, uri string) []string {
	file, ok := strings.CutPrefix(uri, "mirror+file:")
	if !ok {
		return []string{uri}
	}
	text, err := os.ReadFile(filepath.Join(root, strings.TrimPrefix(file, "//")))
	if err != nil {
		return nil
	}
	var uris []string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			uris = append(uris, words[0])
		}
	}
	return uris
}

// aptEntries reads sources.list and the files beside it, in apt's order.
func aptEntries(root string) []aptEntry {
	dir := filepath.Join(root, "etc", "apt")
	files := []string{filepath.Join(dir, "sources.list")}
	more, _ := filepath.Glob(filepath.Join(dir, "sources.list.d", "*")) // the pattern is valid; no folder gives no files
	slices.Sort(more)
	var entries []aptEntry
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		switch filepath.Ext(file) {
		case ".list":
			entries = append(entries, parseSourcesList(string(text))...)
		case ".sources":
			entries = append(entries, parseSourcesStanzas(text)...)
		}
	}
	return entries
}

// parseSourcesList reads the one-line style:
// "deb [ option=value ... ] uri suite component ...".
func parseSourcesList(text string) []aptEntry {
	var entries []aptEntry
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "deb" && kind != "deb-src" {
			continue
		}
		var e aptEntry
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				continue
			}
			for option := range strings.FieldsSeq(options) {
				if value, ok := strings.CutPrefix(option, "signed-by="); ok {
					e.signedBy = value
				}
			}
			rest = after
		}
		if words := strings.Fields(rest); len(words) >= 2 {
			e.uri, e.suites, e.components = words[0], words[1:2], words[2:]
			entries = append(entries, e)
		}
	}
	return entries
}

// parseSourcesStanzas reads the deb822 style.
func parseSourcesStanzas(text []byte) []aptEntry {
	var entries []aptEntry
	r := deb822.NewReader(bytes.NewReader(text))
	for {
		p, err := r.Next()
		if err != nil {
			return entries
		}
		if strings.EqualFold(p.Get("Enabled"), "no") {
			continue
		}
		for _, uri := range strings.Fields(p.Get("URIs")) {
			entries = append(entries, aptEntry{
				uri:        uri,
				suites:     strings.Fields(p.Get("Suites")),
				components: strings.Fields(p.Get("Components")),
				signedBy:   strings.TrimSpace(p.Get("Signed-By")),
			})
		}
	}
}
