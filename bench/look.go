package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"golang.org/x/crypto/ssh"

	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/qemu"
	"floe/steps"
)

// booted is what was seen of one boot. Available is what MemAvailable says once
// everything is up and idle, and used the rest of MemTotal, in MB of 10^6 bytes.
type booted struct {
	power, api          time.Duration // from power-on to where ssh, and the runtime, answered
	ssh, runtime        time.Duration // the same from the kernel's start; of a look at how it idles
	availableMB, usedMB float64       // of the same
	container, fromAPI  float64       // seconds; see contain
	starved             string        // by what it showed that it has too little memory
}

// look sees what a machine is like from where ssh answers.
type look func(context.Context, *qemu.Running, bootCase, *booted) error

// idle lets a machine come to rest, and sees when it was ready and what memory it has
// left then. Nobody logs in before all is up, for that takes time as well.
func idle(ctx context.Context, r *qemu.Running, c bootCase, out *booted) error {
	if err := answered(ctx, r, c, out); err != nil {
		return err
	}
	client, err := login(ctx, r)
	if err != nil {
		return err
	}
	defer client.Close()
	started, err := kernelStart(ctx, client)
	if err != nil {
		return err
	}
	firmware := started.Sub(r.State().Started)
	out.ssh, out.runtime = out.power-firmware, out.api-firmware
	// Free pages that a processor has at hand count as used; it gives most of them
	// back within seconds when nothing asks for them.
	memory, err := numbers(ctx, client, "sleep 15; awk '/^MemTotal|^MemAvailable/ {print $2}' /proc/meminfo", 2)
	if err != nil {
		return err
	}
	out.availableMB, out.usedMB = memory[1]*1024/1e6, (memory[0]-memory[1])*1024/1e6
	return nil
}

// contain has a container run as soon as the runtime answers, before anything is read
// ahead: whoever wants it is logged in already. It sees how long the run alone took, of
// each runtime, and how long it was from the answer to the container's end.
func contain(ctx context.Context, r *qemu.Running, c bootCase, out *booted) error {
	client, err := login(ctx, r)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := answered(ctx, r, c, out); err != nil || c.kind == steps.NoRuntime {
		return err
	}
	for i, runtime := range strings.Split(c.kind, ",") {
		command := fmt.Sprintf(runFirst, clients[runtime])
		if i > 0 {
			command = fmt.Sprintf(await, clients[runtime]) + command
		}
		took, err := numbers(ctx, client, command, 1)
		if err != nil {
			return err
		}
		out.container += took[0]
	}
	out.fromAPI = (time.Since(r.State().Started) - out.api).Seconds()
	return nil
}

// runFirst makes an image of the system's busybox, and prints how long a container of it
// takes, in seconds; the client's name is to be filled in.
const runFirst = `set -e; d=$(mktemp -d); cp /usr/bin/busybox $d/sh; tar -C $d -c . | %[1]s import - bench >/dev/null
read a _ </proc/uptime; %[1]s run --rm --memory 32m bench /sh -c 'exit 0'; read b _ </proc/uptime; echo "$a $b" | awk '{print $2 - $1}'`

// await waits for a runtime, where another one answered first.
const await = `until %[1]s version >/dev/null 2>&1; do sleep 1; done; `

// clients are how the runtimes' own clients are called.
var clients = map[string]string{steps.Docker: "docker", steps.Podman: "sudo podman"}

// answered waits until the machine's runtime, if it has one, answers.
func answered(ctx context.Context, r *qemu.Running, c bootCase, out *booted) error {
	out.api = out.power
	if c.kind == steps.NoRuntime {
		return nil
	}
	out.api = 0
	stage, err := r.Reached(ctx, qemu.Runtime)
	if err != nil {
		return err
	}
	out.api = stage.At
	return nil
}

func login(ctx context.Context, r *qemu.Running) (*sshclient.Client, error) {
	own, _, err := sshclient.Identity(filepath.Join(xdg.DataHome, "floe"))
	if err != nil {
		return nil, err
	}
	return sshclient.Dial(ctx, sshclient.Options{Addr: r.SSHAddr(), User: "floe", Signers: []ssh.Signer{own}, HostKeys: r.Guest().HostKeys})
}

// numbers runs a command that prints n numbers.
func numbers(ctx context.Context, c *sshclient.Client, command string, n int) ([]float64, error) {
	result, err := c.Run(ctx, command)
	if err != nil {
		return nil, err
	}
	var list []float64
	for _, field := range strings.Fields(string(result.Stdout)) {
		number, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, number)
	}
	if len(list) != n {
		return nil, fmt.Errorf("%s: printed %q, %q", command, result.Stdout, result.Stderr)
	}
	return list, nil
}

// greeted waits until an ssh server at addr has said its first word.
func greeted(ctx context.Context, addr string) error {
	for {
		try, cancel := context.WithTimeout(ctx, time.Second)
		err := greeting(try, addr)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func greeting(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = io.ReadFull(conn, make([]byte, len("SSH-2.0-")))
	return err
}

// kernelStart is when the guest's clock began to run, by the host's. The guest
// says several times how long it has been up; the answer that was quickest on
// its way is the one that counts, and what its way took makes the figures
// that are reckoned from it too small: by a millisecond or two.
func kernelStart(ctx context.Context, c *sshclient.Client) (time.Time, error) {
	var first time.Time
	var wrong error
	lines := report.Lines(func(line string) {
		up, err := strconv.ParseFloat(strings.Fields(line + " ?")[0], 64)
		if err != nil {
			wrong = err
			return
		}
		at := time.Now().Add(-time.Duration(up * float64(time.Second)))
		if first.IsZero() || at.Before(first) {
			first = at
		}
	})
	_, err := c.Stream(ctx, "for i in 1 2 3 4 5 6 7 8; do cat /proc/uptime; sleep 0.1; done", sshclient.Streams{Out: lines})
	return first, errors.Join(err, lines.Close(), wrong)
}
