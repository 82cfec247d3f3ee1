// Command gen writes what is made from the table of boot codes: the manual
// page and the booted system's parser. With -zones FILE it also writes the
// list of time zones from a zip of the time zone database, as Go brings one in
// lib/time/zoneinfo.zip.
package main

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"floe/internal/bootcode"
)

func main() {
	zones := flag.String("zones", "", "zip of the time zone database")
	flag.Parse()
	if err := run(*zones); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(zones string) error {
	root, err := projectRoot()
	if err != nil {
		return err
	}
	if zones != "" {
		text, err := readZones(zones)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "assets/rootfs/etc/floe/zones"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	parser := filepath.Join(root, bootcode.ShellFile)
	old, err := os.ReadFile(parser)
	if err != nil {
		return err
	}
	script, err := bootcode.Shell(string(old))
	if err != nil {
		return err
	}
	if err := os.WriteFile(parser, []byte(script), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, bootcode.ManualFile), []byte(bootcode.Manual()), 0o644)
}

// projectRoot is the folder above that has go.mod.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above")
		}
	}
	return "", err
}

// readZones gives a line of name and POSIX form for each zone, sorted.
func readZones(path string) (string, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer z.Close()
	var lines []string
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || f.Name == "Factory" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return "", err
		}
		footer, err := footerOf(data)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.Name, err)
		}
		lines = append(lines, f.Name+" "+footer+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// footerOf gives the footer of a file of the time zone database: a POSIX TZ
// string between newlines (RFC 9636, section 3.3).
func footerOf(data []byte) (string, error) {
	if !bytes.HasPrefix(data, []byte("TZif")) || len(data) < 5 || data[4] < '2' {
		return "", fmt.Errorf("not a TZif file of version 2 or later")
	}
	body := bytes.TrimSuffix(data, []byte("\n"))
	at := bytes.LastIndexByte(body, '\n')
	if at < 0 || at == len(body)-1 {
		return "", fmt.Errorf("no footer")
	}
	return string(body[at+1:]), nil
}
