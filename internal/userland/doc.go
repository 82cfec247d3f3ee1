// Package userland builds the programs of the booted system: busybox and
// dropbear from Debian's source packages, and Floe's own two small ones (sudo,
// linkwatch), all static, against musl.
//
// Musl and not glibc, because every byte is held in memory: a static busybox
// is about half the size, and looking up names works without further files.
//
// Which parts of busybox there are is the list assets/userland/busybox.config;
// dropbear's options are assets/userland/localoptions.h. What busybox's
// "make oldconfig" drops from the list fails the build by name.
//
// It does not fetch or patch sources, does not know the image's other files,
// and never runs what it builds.
package userland
