package assets

import "time"

// Version is Floe's version, in the image as in the program.
const Version = "0.1.0"

// Date is when this version was made. It is the time of every file in an
// image: the clock of the building host never gets into one.
func Date() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
