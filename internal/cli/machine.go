package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/report"
	"floe/qemu"
	"floe/steps"
)

// machineName is the name of a machine that nobody gave one.
const machineName = machines.DefaultName

// bootPatience is how long a machine may take from power-on to ssh. Emulation
// on a busy host is slow.
const bootPatience = 5 * time.Minute

// machineFlags are the flags by which commands say which machine they mean.
func machineFlags(cmd *cobra.Command) *string {
	return cmd.Flags().String("name", machineName, "`NAME` of the machine")
}

// trial is what a machine that tries an image out is like.
type trial struct {
	name, image, medium string
	sshPort             int
	detach              bool
	kept                bool     // it is no trial: 'floe up' keeps what it is like
	runtimes            []string // that are on the image, for the live view
	codes               []string // boot codes for this boot, added to the image's own
	ephemeral           bool     // no data disk
	wantsDisk           bool     // even without a runtime
	diskSize            string   // of a new one
	more                []qemu.Option
	begin               func() error // called when only the start itself is left; may be nil
}

// start starts a machine that boots an image. KVM is used where it works.
func (t *terminal) start(ctx context.Context, plan *steps.Plan, try trial, sink report.Sink) (*qemu.Running, error) {
	image, err := filepath.Abs(try.image)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(image); errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.Missing, "boot", try.image, errors.New("there is no such image"), "'floe build' makes one; 'floe run IMAGE' boots another.")
	}
	if isCard(image) {
		return nil, noMachine(try.image)
	}
	if a := assemble.ArchOf(image); a != "" && a != plan.Arch {
		return nil, fault.New(fault.Usage, "boot", try.image, fmt.Errorf("it is for %s, and the machine is %s", a, plan.Arch),
			"--arch "+a.String()+" makes a machine that boots it.")
	}
	if err := enough(try.name, plan.Arch, plan.Memory, loads(image, try.codes)); err != nil {
		return nil, err
	}
	direct, forget, err := withCodes(ctx, image, try.codes)
	if err != nil {
		return nil, err
	}
	defer forget()
	options := append([]qemu.Option{direct}, try.more...)
	if plan.Firmware != steps.AutoFirmware {
		options = append(options, qemu.With(qemu.Firmware(plan.Firmware)))
	}
	disk, err := try.disk()
	if err != nil {
		return nil, err
	}
	machine, err := qemu.New(try.name, plan.Arch, append(options, qemu.Memory(plan.Memory), qemu.CPUs(plan.CPUs),
		qemu.Boot(qemu.MediumKind(try.medium), image), disk, qemu.SSH(try.sshPort))...)
	if err != nil {
		return nil, err
	}
	warning, err := qemu.CheckMemory(machine, "")
	if err != nil {
		return nil, err
	}
	s, err := t.openStore()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := home().Forget(ctx, try.name); err != nil {
		return nil, err
	}
	if try.begin != nil {
		if err := try.begin(); err != nil {
			return nil, err
		}
	}
	program, err := t.builder(s, plan, sink).QEMU(ctx, plan.Arch)
	if err != nil {
		return nil, err
	}
	stage := report.Start(sink, "start", "Start the machine")
	if warning != "" {
		stage.Log(warning)
	}
	running, err := home().Start(ctx, program, machine, qemu.Launch{Accel: qemu.DetectAccel(plan.Arch, qemu.Host{}), Detach: try.detach, Trial: !try.kept})
	if err != nil {
		return nil, stage.Fail(err)
	}
	stage.Done(fmt.Sprintf("QEMU %s, %s", program.Version, running.Accel()))
	return running, nil
}

// boot starts a machine and reports its boot until ssh is ready. If QEMU itself gives up
// before the system has begun, which emulating several processors makes it do now and then
// (iotlb_to_section: Assertion ... failed), it is started once more. Where the boot fails
// the machine is there beside the error, unless it could not be started at all.
func (t *terminal) boot(ctx context.Context, plan *steps.Plan, try trial, sink report.Sink) (*qemu.Running, error) {
	for again := false; ; again = true {
		r, err := t.start(ctx, plan, try, sink)
		if err != nil {
			return nil, err
		}
		if err = follow(ctx, r, sink); err == nil || again || !r.Aborted() {
			return r, err
		}
		r.Close()
		report.Start(sink, "again", "Start the machine once more, for QEMU itself gave up before there was a kernel").Done("")
	}
}

// milestones are the steps of a boot, in words.
var milestones = map[qemu.Stage]string{
	qemu.PowerOn: "firmware", qemu.Loader: "boot loader", qemu.Kernel: "kernel",
	qemu.Init: "init", qemu.Network: "network", qemu.SSHReady: "ssh", qemu.Runtime: "runtime",
}

// follow reports a boot until ssh is ready.
func follow(ctx context.Context, r *qemu.Running, sink report.Sink) error {
	stage := report.Start(sink, "boot", "Boot")
	ctx, cancel := context.WithTimeoutCause(ctx, bootPatience, fault.New(fault.Build, "boot the machine", r.Name(),
		fmt.Errorf("ssh is not ready after %s", bootPatience), "it runs on: 'floe logs "+r.Name()+"' has its console, 'floe stop "+r.Name()+"' ends it"))
	defer cancel()
	ctx, enough := fed(ctx, r, 0)
	defer enough()
	done := make(chan error, 1)
	go func() {
		_, err := r.Reached(ctx, qemu.SSHReady)
		done <- err
	}()
	for told := 0; ; {
		reached, changed := r.Milestones()
		for ; told < len(reached); told++ {
			stage.Log(fmt.Sprintf("%s after %.1f s", milestones[reached[told].Stage], reached[told].At.Seconds()))
		}
		select {
		case <-changed:
		case err := <-done:
			if err != nil {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				return stage.Fail(err)
			}
			stage.Done(bootSummary(r))
			return nil
		}
	}
}

// bootSummary tells when the machine reached what.
func bootSummary(r *qemu.Running) string {
	reached, _ := r.Milestones()
	summary := ""
	for _, m := range reached {
		if m.At < 0 {
			continue
		}
		if summary != "" {
			summary += ", "
		}
		summary += fmt.Sprintf("%s %.1f s", milestones[m.Stage], m.At.Seconds())
	}
	return summary
}
