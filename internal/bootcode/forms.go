package bootcode

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Form is a form of values.
type Form struct {
	Value string // placeholder: "NAME"
	Means string // what is wanted, in words
	check func(string) error
}

// The forms. What a booted system can only know by trying is not checked: that
// a disk is there, that a server answers.
var (
	hostName   = matching("NAME", "letters, digits, dots and dashes, 64 at most", `[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?`)
	userName   = Form{"NAME", "small letters, digits, _ and -, 32 at most, and not a system user", checkUser}
	zone       = Form{"ZONE", "a time zone such as Europe/Berlin, or its POSIX form", checkZone}
	sshKey     = Form{"TYPE:BASE64", "a public key's type and its base64 text, with a colon in between", checkKey}
	folder     = matching("DEV[/dir]", "sdb1, /dev/sdb1, LABEL=name or UUID=id, and a folder behind it", deviceForm+`(/[^ ]*)?`)
	fileName   = matching("NAME", "a file's name, without a folder", `[A-Za-z0-9_][A-Za-z0-9._+-]*`)
	webAddress = Form{"URL", "an address that begins with http:// or https://", checkURL}
	wait       = matching("N[:LABEL=x]", "seconds, and LABEL=name or UUID=id of a disk", `[0-9]{1,4}(:(LABEL|UUID)=[^ /]+)?`)
	dataDisk   = matching("DEV", "none, sdb1, /dev/sdb1, LABEL=name or UUID=id", `none|`+deviceForm)
	device     = matching("DEV", "sdb1, /dev/sdb1, LABEL=name or UUID=id", deviceForm)
	percent    = matching("PERCENT", "a number from 0 to 999", `[0-9]{1,3}%?`)
	address    = Form{"ADDR/LEN[,GW[,DNS]][@IF]", "an address with its prefix length, the gateway, name servers, and the card behind an @", checkAddress}
	server     = matching("HOST", "a host's name or address", `[A-Za-z0-9:][A-Za-z0-9.:-]*`)
	logHost    = matching("HOST[:PORT]", "a host's name or address, and a port", `[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?`)
	options    = Form{Value: "OPTS", Means: "options, with double quotes around several"}
	console    = matching("TTY[,SPEED]", "tty0, ttyS0 and the like", `[A-Za-z][A-Za-z0-9]*(,[0-9a-z]+)?`)
	level      = matching("N", "a number from 0 to 7", `[0-7]`)
)

// deviceForm is how a partition or a disk is named.
const deviceForm = `(LABEL=[^ /"]+|UUID=[A-Fa-f0-9-]+|(/dev/)?[a-z][a-z0-9]*)`

// matching is the form of values that match a pattern as a whole.
func matching(value, means, pattern string) Form {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return Form{value, means, func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf("wanted is %s", means)
		}
		return nil
	}}
}

var userPattern = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func checkUser(s string) error {
	switch {
	case s == "root" || s == "daemon" || s == "nobody":
		return fmt.Errorf("%s is a user of the system", s)
	case !userPattern.MatchString(s):
		return errors.New("wanted are small letters, digits, _ and -, 32 at most")
	}
	return nil
}

// checkKey wants what an ssh server would take.
func checkKey(s string) error {
	kind, text, ok := strings.Cut(s, ":")
	if !ok {
		return errors.New("wanted is TYPE:BASE64, such as ssh-ed25519:AAAAC3Nz")
	}
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return errors.New("this is not base64 text, or not all of it")
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return errors.New("this is not a public key, or not all of it")
	}
	if key.Type() != kind {
		return fmt.Errorf("the key's type is %s, not %s", key.Type(), kind)
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("wanted is an address that begins with http:// or https://")
	}
	return nil
}

// kernelIP are the words that the kernel's own ip= takes instead of an address;
// see Documentation/admin-guide/nfs/nfsroot.rst.
var kernelIP = regexp.MustCompile(`^(on|any|dhcp|off|none)$`)

func checkAddress(s string) error {
	if kernelIP.MatchString(s) {
		return nil
	}
	spec, card, named := strings.Cut(s, "@")
	if !strings.ContainsAny(spec, "/,") && !named && strings.Count(s, ":") >= 2 {
		return checkKernelIP(strings.Split(s, ":"))
	}
	if named && !cardPattern.MatchString(card) {
		return fmt.Errorf("%q is no name of a network card", card)
	}
	parts := strings.Split(spec, ",")
	prefix, err := netip.ParsePrefix(parts[0])
	if err != nil {
		return fmt.Errorf("%s is not an address with its prefix length, such as 192.168.1.10/24", strconv.Quote(parts[0]))
	}
	for i, part := range parts[1:] {
		if i == 0 && part == "" {
			continue // no gateway, but name servers
		}
		a, err := netip.ParseAddr(part)
		if err != nil {
			return fmt.Errorf("%q is not an address", part)
		}
		if i == 0 && a.Is4() != prefix.Addr().Is4() {
			return fmt.Errorf("the gateway %s is not of the same kind as the address", part)
		}
	}
	return nil
}

var cardPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,14}$`)

// checkKernelIP checks CLIENT:SERVER:GATEWAY:MASK:HOST:IF:AUTOCONF:DNS:DNS:NTP.
func checkKernelIP(fields []string) error {
	if len(fields) > 10 {
		return errors.New("this form has ten fields at most")
	}
	for i, f := range fields {
		if isAddress := i < 4 || i > 6; !isAddress || f == "" {
			continue
		}
		if a, err := netip.ParseAddr(f); err != nil || !a.Is4() {
			return fmt.Errorf("%q is not an IPv4 address", f)
		}
	}
	return nil
}
