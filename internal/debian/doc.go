// Package debian reads Debian's signed archive: it verifies the release files
// of its suites, finds packages and their dependency closure in the indices
// those name, and fetches packages and source packages, each checked against
// the chain of SHA-256 values that starts at the signature.
//
// It follows Debian's repository format (RepositoryFormat in Debian's wiki),
// deb822(5), deb-version(7) and Debian Policy, chapters 5 and 7.
//
// It installs nothing, runs no maintainer script and does not look at
// Conflicts, Breaks or Recommends: a Selection is a set of packages to unpack,
// not a system that dpkg would configure. It does not know what the packages
// are used for. Unpacking is the business of the package deb below it.
package debian
