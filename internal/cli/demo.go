package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/qemu"
	"floe/steps"
	"floe/ui"
)

func demoCommand(out *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Build with the defaults, boot in QEMU, run a container, power off",
		Long: "Does the whole way once: builds the image, boots it in QEMU, logs in over ssh, shows what is there,\n" +
			"runs a container, and powers the machine off. The container is made of Floe's own busybox, so that no\n" +
			"registry is needed. The image stays. It is for this machine's architecture unless --arch, the environment or\n" +
			"floe.toml names another, which is emulated: slowly.",
		Example: "  floe demo\n  floe demo --runtime podman --memory 256\n  floe demo --runtime none --memory 128 --firmware uefi",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := planHere(cmd, arch.Host())
			if err != nil {
				return err
			}
			if err := enterable(plan); err != nil {
				return err
			}
			if err := enough("demo", plan.Arch, plan.Memory, plan.Loads()); err != nil {
				return err
			}
			out.hints(plan)
			return out.demo(cmd.Context(), plan)
		},
	}
	addPlanFlags(cmd)
	archIsHosts(cmd)
	return cmd
}

// demo builds, boots, looks, and powers off.
func (t *terminal) demo(ctx context.Context, plan *steps.Plan) error {
	sink, done := t.progress(ctx)
	defer done()
	image, err := t.buildWith(ctx, plan, sink)
	if err != nil {
		return err
	}
	r, err := t.boot(ctx, plan, trial{name: "demo", image: image.Path, medium: string(qemu.CDROM), ephemeral: true}, sink)
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		return err
	}
	rows, err := lookInside(ctx, r, sink)
	if err != nil {
		return err
	}
	var contained []ui.Row
	runtime := demoRuntime(plan)
	if runtime != "" {
		if contained, err = t.contain(ctx, plan, r, runtime, sink); err != nil {
			return err
		}
	}
	if err := powerOff(ctx, r, sink); err != nil {
		return err
	}
	done()
	if t.mode == ui.JSON {
		return nil
	}
	styles := t.styles()
	t.print("\n" + styles.Mascot(plan.Runtime) + "\n" + styles.Table("What is inside", rows) + "\n")
	if contained != nil {
		t.print(styles.Table("A container, from its inside", contained) + "\n")
	}
	t.showImage(image, plan.Output)
	if contained != nil {
		t.print("\n" + styles.Next("Go on with "+runtime, goOn(plan.Output, runtime)))
	}
	return nil
}

// demoRuntime is the runtime that the demo's container gets; "" where the machine
// starts none, be it on the image or not.
func demoRuntime(plan *steps.Plan) string {
	if loads := plan.Loads(); len(loads) > 0 {
		return loads[0]
	}
	return ""
}

// questions are what the demo asks the machine, each a command for its shell.
var questions = []struct{ name, command string }{
	{"system", `. /etc/os-release; echo "$PRETTY_NAME"`},
	{"kernel", `uname -srm`},
	{"user", `id`},
	{"root", `sudo id -un`},
	{"up for", `cut -d' ' -f1 /proc/uptime | sed 's/$/ s since the kernel started/'`},
	{"memory", `awk '/^MemTotal|^MemAvailable/ {printf "%s%d MiB %s", s, $2/1024, ($1 ~ /Total/ ? "in all" : "available"); s=", "}' /proc/meminfo`},
	{"cgroup v2", `cat /sys/fs/cgroup/cgroup.controllers`},
	{"swap", `awk 'NR>1 {printf "%s, %d MiB\n", $1, $3/1024}' /proc/swaps`},
	{"address", `ip -4 -o addr show scope global | awk '{print $4" on "$2}'`},
	{"listens", `netstat -ltn | awk '/LISTEN/ {print $4}' | sort -u | xargs`},
}

// lookInside logs in and asks the questions.
func lookInside(ctx context.Context, r *qemu.Running, sink report.Sink) ([]ui.Row, error) {
	stage := report.Start(sink, "ssh", "Log in over ssh")
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client, err := dial(ctx, r)
	if err != nil {
		return nil, stage.Fail(err)
	}
	defer client.Close()
	var rows []ui.Row
	for _, q := range questions {
		answer, err := ask(ctx, client, q.command)
		if err != nil {
			return nil, stage.Fail(err)
		}
		rows = append(rows, ui.Row{Key: q.name, Value: answer})
	}
	stage.Done(fmt.Sprintf("host key %s, as the console told", client.HostKey()))
	return rows, nil
}

// ask runs a command in the machine and gives what it printed.
func ask(ctx context.Context, client *sshclient.Client, command string) (string, error) {
	return feed(ctx, client, command, nil)
}

// feed runs a command in the machine with something on its standard input.
func feed(ctx context.Context, client *sshclient.Client, command string, in []byte) (string, error) {
	var out, errs bytes.Buffer
	code, err := client.Stream(ctx, command, sshclient.Streams{In: bytes.NewReader(in), Out: &out, Err: &errs})
	if err != nil {
		return "", err
	}
	if code != 0 {
		return "", fault.New(fault.Build, "ask the machine", command,
			fmt.Errorf("exit status %d: %s", code, strings.TrimSpace(errs.String())), "")
	}
	return strings.TrimSpace(out.String()), nil
}
