// Package keysource finds, fetches and makes ssh public keys for the question
// who may log in: files in ~/.ssh, the agent, the key lists of GitHub, GitLab
// and Launchpad, and new keys.
//
// It never reads a private key and never overwrites a file. It asks nothing,
// shows nothing and chooses nothing: whoever asks decides what to take.
package keysource

import "floe/steps"

// Key is a public key with where it was found.
type Key struct {
	steps.PublicKey
	Value string // how the plan names it: a file's path, or the key's line
	From  string // where it was found, for people: "~/.ssh/id_ed25519.pub", "agent", "GitHub, alice"
}
