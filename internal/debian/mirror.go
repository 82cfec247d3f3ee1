package debian

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"floe/internal/fault"
)

// Mirror is one place that carries the archive.
type Mirror struct {
	Main     string // URL of the archive root that has trixie below dists/, without a slash at the end
	Security string // URL of the root that has trixie-security; "" means not known
	From     string // where Floe knows it from, in words
}

// String names the mirror by its main root.
func (m Mirror) String() string { return m.Main }

func (m Mirror) root(r Root) string {
	if r == Security {
		return m.Security
	}
	return m.Main
}

// ParseMirror reads a mirror as a person gives it: the URL of the main
// archive, and optionally, after a blank or comma, that of the security
// archive. Without the second it is looked for beside the first, as
// debian-security.
func ParseMirror(text string) (Mirror, error) {
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' })
	bad := func(err error) (Mirror, error) {
		return Mirror{}, fault.New(fault.Usage, "read the mirror", text, err,
			"give the address of an archive root, such as http://mirror.example/debian, and after a comma that of the security archive if it is elsewhere")
	}
	if len(words) == 0 || len(words) > 2 {
		return bad(errors.New("expected one or two addresses"))
	}
	for i, w := range words {
		u, err := url.Parse(w)
		if err != nil {
			return bad(err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return bad(fmt.Errorf("%q is not an http or https address", w))
		}
		words[i] = trimRoot(w)
	}
	m := Mirror{Main: words[0], Security: sibling(words[0])}
	if len(words) == 2 {
		m.Security = words[1]
	}
	return m, nil
}

// trimRoot brings the URL of an archive root into one form.
func trimRoot(u string) string { return strings.TrimRight(u, "/") }

// sibling gives the place beside a main archive at which mirrors carry the
// security archive.
func sibling(main string) string {
	u, err := url.Parse(main)
	if err != nil {
		return ""
	}
	u.Path = path.Join("/", path.Dir(u.Path), "debian-security")
	u.RawPath = ""
	return u.String()
}

// FindMirrors lists the mirrors to try, in order. An explicit one (from flag,
// environment or floe.toml) is the only one: who names a mirror does not want
// another asked. Otherwise those of the host's apt configuration below the
// folder root come first ("/" on a real host), then official mirrors that
// carry both archives.
func FindMirrors(explicit, root string) ([]Mirror, error) {
	if explicit != "" {
		m, err := ParseMirror(explicit)
		m.From = "the mirror that was given"
		return []Mirror{m}, err
	}
	mirrors := aptMirrors(root)
	for _, m := range officialMirrors() {
		if !slices.ContainsFunc(mirrors, func(known Mirror) bool { return known.Main == m.Main }) {
			mirrors = append(mirrors, m)
		}
	}
	return mirrors, nil
}

// officialMirrors lists mirrors of Debian's mirror list that carry both
// archives below one host, spread over the world. Everything is signed, so
// plain http is enough and passes through every proxy.
func officialMirrors() []Mirror {
	roots := []string{
		"http://ftp.de.debian.org/debian",
		"http://ftp.us.debian.org/debian",
		"http://mirrors.ocf.berkeley.edu/debian",
		"http://mirror.leaseweb.com/debian",
		"http://mirrors.tuna.tsinghua.edu.cn/debian",
	}
	mirrors := make([]Mirror, len(roots))
	for i, r := range roots {
		mirrors[i] = Mirror{Main: r, Security: sibling(r), From: "Debian's list of mirrors"}
	}
	return mirrors
}
