package cli

// tidy undoes what a program in a machine may have left on the terminal that died in the
// middle of it. A terminal that does not know one of these leaves it out. The alternate
// screen is left to whoever draws next.
const tidy = "\x1b[0m\x1b(B\x0f" + // attributes, another character set
	"\x1b[4l\x1b[?7h" + // what is written moves the rest of its line; lines do not wrap
	"\x1b[?25h\x1b[0 q" + // a cursor that is hidden, or of another shape
	"\x1b[?1l\x1b>" + // keys of applications
	"\x1b[>4m\x1b[<u" + // keys told in xterm's and in kitty's way; the live view itself says both, too
	"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l" + // the mouse, in all its ways
	"\x1b[?1004l\x1b[?2004l" + // reports of the focus; bracketed paste
	"\x1b[r\x1b[?6l" + // a scrolling region, and lines counted from it: both take the cursor to the top,
	"\x1b[9999;1H\r\n" // so it goes on below everything

// tidyPlain is for where nobody draws next. Of the ways to leave the alternate screen it
// is the one that does not put the cursor to where it was in a program of long ago.
const tidyPlain = "\x1b[?1047l" + tidy
