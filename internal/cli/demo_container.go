package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"floe/internal/fault"
	"floe/internal/report"
	"floe/qemu"
	"floe/steps"
	"floe/ui"
)

// runtimePatience is how long a container runtime may take from ssh to its
// first answer. Emulation on a busy host is slow.
const runtimePatience = 3 * time.Minute

// client is how a runtime's own client is called on the machine.
var client = map[string]string{steps.Docker: "docker", steps.Podman: "sudo podman"}

// limits are what the demo's container gets, and reads back.
const limits = "--memory 32m --cpus 0.5 --pids-limit 20"

// contained are what the container tells of itself, each a command for its
// shell.
var contained = []struct{ name, command string }{
	{"memory limit", `echo $(($(cat /sys/fs/cgroup/memory.max) / 1048576)) MiB`},
	{"processors", `awk '{print $1 / $2}' /sys/fs/cgroup/cpu.max`},
	{"processes", `echo "at most $(cat /sys/fs/cgroup/pids.max)"`},
	{"memory used", `echo $(($(cat /sys/fs/cgroup/memory.current) / 1024)) KiB`},
	{"process 1", `echo $(tr '\0' ' ' </proc/1/cmdline)`},
	{"seccomp", `awk '/^Seccomp:/ {print ($2 == 2 ? "a filter is in force" : "off")}' /proc/self/status`},
	{"AppArmor", `cat /proc/self/attr/current`},
}

// contain makes an image of the system's own busybox, runs a container of it
// with limits, and gives what it says of itself.
func (t *terminal) contain(ctx context.Context, plan *steps.Plan, r *qemu.Running, runtime string, sink report.Sink) ([]ui.Row, error) {
	stage := report.Start(sink, "runtime", "Wait for "+runtime)
	waiting, cancel := context.WithTimeoutCause(ctx, runtimePatience, fault.New(fault.Build, "wait for", runtime,
		fmt.Errorf("it does not answer after %s", runtimePatience), "its log is /var/log/"+runtime+"/current on the machine; 'floe run' starts one"))
	defer cancel()
	waiting, done := fed(waiting, r, 0)
	defer done()
	ready, err := r.Reached(waiting, qemu.Runtime)
	if err != nil {
		if waiting.Err() != nil {
			err = context.Cause(waiting)
		}
		return nil, stage.Fail(err)
	}
	stage.Done(fmt.Sprintf("its API answers %.1f s after power-on", ready.At.Seconds()))

	stage = report.Start(sink, "container", "Run a container")
	rows, err := t.runContainer(ctx, plan, r, runtime)
	if err != nil {
		return nil, stage.Fail(err)
	}
	stage.Done("an image of one busybox")
	return rows, nil
}

func (t *terminal) runContainer(ctx context.Context, plan *steps.Plan, r *qemu.Running, runtime string) ([]ui.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, runtimePatience)
	defer cancel()
	c, err := dial(ctx, r) // as one who is by now in the runtime's group
	if err != nil {
		return nil, err
	}
	defer c.Close()
	version, err := ask(ctx, c, client[runtime]+` version --format '{{.Server.Version}}'`)
	if err != nil {
		return nil, err
	}
	root, err := t.containerRoot(ctx, plan)
	if err != nil {
		return nil, err
	}
	if _, err := feed(ctx, c, client[runtime]+" import - floe", root); err != nil {
		return nil, err
	}
	rows := []ui.Row{{Key: runtime, Value: version}}
	var script strings.Builder
	for _, q := range contained {
		script.WriteString(q.command + "; ")
	}
	started := time.Now()
	// The script comes by standard input, so that nothing has to be quoted.
	said, err := feed(ctx, c, client[runtime]+" run --rm -i "+limits+" floe /bin/sh", []byte(script.String()))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(said, "\n")
	if len(lines) != len(contained) {
		return nil, fault.New(fault.Build, "ask the container", "", fmt.Errorf("it said %q", said), "")
	}
	for i, q := range contained {
		rows = append(rows, ui.Row{Key: q.name, Value: lines[i]})
	}
	rows = append(rows, ui.Row{Key: "ran for", Value: fmt.Sprintf("%.1f s, from the command to its end", time.Since(started).Seconds())})
	used, err := ask(ctx, c, `awk '/^MemTotal/ {t=$2} /^MemAvailable/ {a=$2} END {printf "%d MiB of %d used by all\n", (t-a)/1024, t/1024}' /proc/meminfo`)
	return append(rows, ui.Row{Key: "machine", Value: used}), err
}

// containerRoot makes the container's root file system.
func (t *terminal) containerRoot(ctx context.Context, plan *steps.Plan) ([]byte, error) {
	s, err := t.openStore()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var root bytes.Buffer
	err = t.builder(s, plan, report.Discard).ContainerRoot(ctx, plan.Arch, &root)
	return root.Bytes(), err
}

// goOn are the two lines that a person would type next.
func goOn(image, runtime string) []ui.Command {
	return []ui.Command{
		{What: "boot it again", Line: "floe run --detach " + steps.ShellWord(image)},
		{What: "and give it work", Line: "floe ssh " + client[runtime] + " run --rm -m 64m alpine uname -a"},
	}
}
