package assets

import _ "embed"

// Zones are the time zones by name, one on each line, with the POSIX form of
// the variable TZ behind it: what holds there from now on, without history.
//
//go:embed rootfs/etc/floe/zones
var Zones string
