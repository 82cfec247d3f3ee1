// Package kernel makes a Linux kernel from Debian's linux-source package: it
// applies a few patches, merges the configuration's fragments, proves that
// every symbol they ask for got the value they ask for, compiles, and leaves one
// image, with the device trees of the boards that need one.
//
// It builds kernels without modules only. It does not fetch or verify the
// source, does not choose the toolchain and does not know what the kernel is
// for: no initial RAM disk, no boot loader, no machine.
//
// Specifications followed: Documentation/kbuild in the source of Linux
// (kconfig-language.rst for the language of Kconfig files, reproducible-builds.rst
// for what must be fixed so that two builds give the same bytes).
package kernel
