// Package tcz makes the packages of the booted system: NAME.tcz, a squashfs of
// what a program needs and no more, from Debian's signed packages.
//
// What goes in is the paths that a Definition lists, what these link to, the
// libraries that their ELF files need (DT_NEEDED of the System V ABI, found
// along DT_RUNPATH and Debian's multiarch folders), the copyright file of every
// Debian package that something was taken from, and the Definition's own files:
// configuration and services. Manuals and translations stay out. What a package
// of the same table has that this one depends on is not packed again.
//
// Beside NAME.tcz come, in Tiny Core's formats, NAME.tcz.dep (packages that
// it needs, one NAME.tcz in a line; what loading it waits for is what the
// package itself says), NAME.tcz.info (what it is and what it was made from),
// NAME.tcz.list (its files), and NAME.tcz.sha256, in the form that sha256sum -c
// reads. The same inputs give the same bytes.
//
// The layout is the booted system's: everything is below usr/, but for etc/,
// which holds what is copied and may be changed there; there is no usr/sbin.
// usr/share/floe/NAME tells tce-load which architecture the package is for,
// which users, groups and services belong to it, and which of its programs to
// read ahead.
//
// Programs are Debian's own bytes, but for those that a Definition names to be
// trimmed or linked to a fixed address; NAME.tcz.info tells which.
//
// It runs no maintainer script: what these would have made, a Definition
// lists. Of a Debian package that no Definition tells of, the links of
// alternatives and the users and groups of services are read from its script and
// from its files in sysusers.d(5), as far as they stand there in plain words, and
// programs keep their setuid bits. It neither resolves nor downloads Debian packages, loads nothing, and
// finds no library that a program opens by name at run time (dlopen(3)): a
// Definition has to name these.
package tcz
