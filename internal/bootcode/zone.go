package bootcode

import (
	"fmt"
	"regexp"
	"strings"

	"floe/assets"
	"floe/internal/nearest"
)

// posixZone is the form of TZ without a database; see tzset(3). The rules that
// may follow are looked at for their characters only.
var posixZone = regexp.MustCompile(`^(<[A-Za-z0-9+-]{3,}>|[A-Za-z]{3,})[+-]?[0-9]{1,2}(:[0-9]{2}){0,2}` +
	`((<[A-Za-z0-9+-]{3,}>|[A-Za-z]{3,})([+-]?[0-9]{1,2}(:[0-9]{2}){0,2})?(,[JM0-9./:+-]+,[JM0-9./:+-]+)?)?$`)

// Zone gives the POSIX form of a time zone: of a name in the database, or of
// one that is in this form already.
func Zone(name string) (posix string, ok bool) {
	for line := range strings.Lines(assets.Zones) {
		known, posix, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if known == name {
			return posix, true
		}
	}
	return name, posixZone.MatchString(name)
}

func checkZone(s string) error {
	if _, ok := Zone(s); ok {
		return nil
	}
	var names []string
	for line := range strings.Lines(assets.Zones) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
		if city := name[strings.LastIndexByte(name, '/')+1:]; strings.EqualFold(city, s) || strings.EqualFold(name, s) {
			return fmt.Errorf("no such time zone; did you mean %s?", name)
		}
	}
	if near := nearest.Word(s, names); near != "" {
		return fmt.Errorf("no such time zone; did you mean %s?", near)
	}
	return fmt.Errorf("no such time zone; wanted is one such as Europe/Berlin")
}
