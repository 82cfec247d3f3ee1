package debian

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"floe/internal/debian/deb822"
)

// release is what a verified release file says.
type release struct {
	suite      Suite
	signer     string // fingerprint of the primary key
	origin     string // "Debian"
	version    string // "13.7"; empty or short for updates and security
	date       time.Time
	validUntil time.Time // zero: no end
	byHash     bool      // indices are also there under by-hash/
	indices    map[string]indexFile
}

// indexFile is a file that a release names by its checksum.
type indexFile struct {
	path   string // below dists/<suite>/
	size   int64
	sha256 string
}

// dateForm is the form of dates in release files; the zone is always UTC,
// written as such or as +0000.
const dateForm = "Mon, _2 Jan 2006 15:04:05"

// parseRelease reads the signed text of a release file.
func parseRelease(suite Suite, text []byte) (*release, error) {
	p, err := deb822.One(text)
	if err != nil {
		return nil, err
	}
	r := &release{suite: suite, origin: p.Get("Origin"), version: p.Get("Version"), byHash: p.Get("Acquire-By-Hash") == "yes"}
	if got := p.Get("Codename"); got != suite.Codename {
		return nil, fmt.Errorf("it is the release file of %q, expected %q", got, suite.Codename)
	}
	if r.date, err = parseDate(p.Get("Date")); err != nil {
		return nil, fmt.Errorf("field Date: %w", err)
	}
	if until := p.Get("Valid-Until"); until != "" {
		if r.validUntil, err = parseDate(until); err != nil {
			return nil, fmt.Errorf("field Valid-Until: %w", err)
		}
	}
	r.indices, err = parseChecksums(p.Lines("SHA256"))
	return r, err
}

func parseDate(text string) (time.Time, error) {
	for _, zone := range []string{" UTC", " GMT", " +0000"} {
		if rest, ok := strings.CutSuffix(text, zone); ok {
			return time.ParseInLocation(dateForm, rest, time.UTC)
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date in UTC", text)
}

// parseChecksums reads lines of "sha256 size path".
func parseChecksums(lines []string) (map[string]indexFile, error) {
	if len(lines) == 0 {
		return nil, fmt.Errorf("it has no SHA256 checksums")
	}
	files := make(map[string]indexFile, len(lines))
	for _, line := range lines {
		f, err := parseChecksum(line)
		if err != nil {
			return nil, err
		}
		files[f.path] = f
	}
	return files, nil
}

func parseChecksum(line string) (indexFile, error) {
	parts := strings.Fields(line)
	if len(parts) != 3 || !isSHA256(parts[0]) {
		return indexFile{}, fmt.Errorf("%q is not a line of checksum, size and name", line)
	}
	size, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || size < 0 {
		return indexFile{}, fmt.Errorf("%q: not a size", line)
	}
	return indexFile{path: parts[2], size: size, sha256: parts[0]}, nil
}

// isSHA256 says whether s is a SHA-256 value in lower-case hexadecimal, which
// makes it safe as a file name.
func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && strings.ToLower(s) == s
}

// fresh says why the release must not be used at a time, or gives nil. An old
// date is fine where the archive sets no end: a stable release changes only
// with its point releases.
func (r *release) fresh(now time.Time) error {
	if r.date.After(now.Add(clockSkew)) {
		return fmt.Errorf("it is dated %s, which is in the future (now: %s)", stamp(r.date), stamp(now))
	}
	if r.expired(now) {
		return fmt.Errorf("it was valid until %s (now: %s)", stamp(r.validUntil), stamp(now))
	}
	return nil
}

func (r *release) expired(now time.Time) bool {
	return !r.validUntil.IsZero() && now.After(r.validUntil)
}

// index finds a file by its path without compression suffix, in the form that
// is quickest to come by.
func (r *release) index(path string) (indexFile, error) {
	for _, suffix := range []string{".xz", ".gz", ""} {
		if f, ok := r.indices[path+suffix]; ok {
			return f, nil
		}
	}
	return indexFile{}, fmt.Errorf("the release file of %s names no %s", r.suite.Codename, path)
}

// url gives the address of an index below an archive root. By hash it stays
// right while the mirror is being synchronised.
func (r *release) url(f indexFile) string {
	base := "dists/" + r.suite.Codename + "/"
	if !r.byHash {
		return base + f.path
	}
	dir := f.path[:strings.LastIndexByte(f.path, '/')+1]
	return base + dir + "by-hash/SHA256/" + f.sha256
}

// content gives one line per index that the listed paths name, sorted: what
// the release says about them, without the date of signing.
func (r *release) content(paths []string) []string {
	var lines []string
	for _, path := range paths {
		if f, err := r.index(path); err == nil {
			lines = append(lines, r.suite.Codename+" "+f.path+" "+f.sha256)
		}
	}
	slices.Sort(lines)
	return lines
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
