// Floe builds a tiny Linux for containers, and boots it. Run "floe --help".
package main

import (
	"os"

	"floe/internal/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:])) }
