package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"floe/internal/fault"
	"floe/internal/machines"
	"floe/internal/report"
	"floe/internal/sshclient"
	"floe/qemu"
	"floe/steps"
)

// makeReady waits until a machine answers by ssh and its runtimes by their
// API and has the shared folder, and tells ssh, docker and podman of the machine.
// It gives the runtimes whose client here knows it; the notes are for the person.
func (t *terminal) makeReady(ctx context.Context, r *qemu.Running, spec machines.Spec, w wish, sink report.Sink) (told, notes []string, err error) {
	stage := report.Start(sink, "ready", "Wait until it is ready")
	patience := bootPatience
	if len(spec.Runtimes) > 0 {
		patience += runtimePatience
	}
	waiting, cancel := context.WithTimeoutCause(ctx, patience, fault.New(fault.Build, "wait for machine", w.name,
		fmt.Errorf("it is not ready after %s", patience), "it runs on: 'floe logs "+w.name+"' has its console, 'floe stop "+w.name+"' ends it"))
	defer cancel()
	_, known := r.Guest().Starved()
	waiting, enough := fed(waiting, r, known)
	defer enough()
	client, answers, err := ready(waiting, r, spec.Runtimes, stage)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, nil, stage.Fail(context.Cause(ctx)) // and not what was waited for
		case errors.Is(waiting.Err(), context.Canceled):
			return nil, nil, stage.Fail(context.Cause(waiting))
		case waiting.Err() != nil:
			err = errors.Join(context.Cause(waiting), err)
		}
		for _, p := range r.Guest().Problems {
			err = errors.Join(err, errors.New("it says: "+p))
		}
		return nil, nil, stage.Fail(err)
	}
	defer client.Close()
	if spec.Share != "" {
		if _, err := ask(waiting, client, "grep -q ' "+machines.SharePoint+" 9p ' /proc/mounts"); err != nil {
			return nil, nil, stage.Fail(fault.New(fault.Build, "share a folder with machine", w.name, errors.New("nothing is mounted there at "+machines.SharePoint),
				"'floe logs "+w.name+"' may tell why; an image of an older Floe does not look for it: --build makes a new one"))
		}
		answers = append(answers, spec.Share+" is at "+machines.SharePoint)
	}
	stage.Done(strings.Join(answers, ", "))
	told, notes, err = tell(waiting, r, client, spec, w)
	for _, p := range r.Guest().Problems {
		notes = append(notes, "the machine says: "+p)
	}
	return told, notes, err
}

// fed gives a context that ends when the machine runs out of memory while it
// starts; its cause says so. A machine that small may never get on. Signs of before,
// known in number, do not count: that may be long ago.
func fed(ctx context.Context, r *qemu.Running, known int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			_, changed := r.Milestones()
			if signs, n := r.Guest().Starved(); n > known {
				cancel(starved(r, signs))
				return
			}
			select {
			case <-changed:
			case <-r.Ended():
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// ready logs in and asks each runtime for its version until all have answered.
// It logs in anew each time: what groups a user is in counts from the login,
// and a runtime that starts puts the user into its own.
func ready(ctx context.Context, r *qemu.Running, runtimes []string, stage *report.Stage) (*sshclient.Client, []string, error) {
	const firstPause, lastPause = 200 * time.Millisecond, 2 * time.Second
	var last error
	for pause := firstPause; ; pause = min(pause*2, lastPause) {
		client, err := dial(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		answers := []string{"ssh answers"}
		last = nil
		for _, runtime := range runtimes {
			version, err := machines.Version(ctx, client, runtime)
			if err != nil {
				last = err
				break
			}
			answers = append(answers, runtime+" "+version+" answers")
		}
		if last == nil {
			return client, answers, nil
		}
		client.Close()
		stage.Log(last.Error())
		if signs, n := r.Guest().Starved(); n > 0 { // before this floe looked
			return nil, nil, errors.Join(starved(r, signs), last)
		}
		select {
		case <-time.After(pause):
		case <-r.Ended():
			_, err := r.Wait(ctx)
			return nil, nil, errors.Join(last, err)
		case <-ctx.Done():
			return nil, nil, last
		}
	}
}

// tell lets ssh, docker and podman know the machine.
func tell(ctx context.Context, r *qemu.Running, client *sshclient.Client, spec machines.Spec, w wish) (told, notes []string, err error) {
	sh, user, port := shelf(), userOf(r), r.State().SSHPort()
	if err := sh.ForgetKey(w.name, client.PublicHostKey(), knownHosts()); err != nil {
		return nil, nil, err
	}
	if err := sh.TellSSH(w.name, user, port, client.PublicHostKey(), ownKeyOpens(ctx, client), ownIdentities()...); err != nil {
		return nil, nil, err
	}
	config := sshConfig()
	if w.sshConfig && spec.SSHConfig && slices.Contains(spec.Runtimes, steps.Docker) {
		added, err := sh.IncludeSSH(config)
		if err != nil {
			notes = append(notes, err.Error()+"; "+fault.Hint(err))
		}
		if added {
			notes = append(notes, fmt.Sprintf("ssh knows this machine as %q, by an Include that was added to %s", machines.Alias(w.name), config))
		}
	}
	told, more, err := sh.Connect(w.name, spec.Runtimes, sh.Targets(w.name, user, port, sh.SSHConfigured(config)), clients())
	return told, append(notes, more...), err
}

// ownKeyOpens tells whether floe's own key is one of those that open the machine.
func ownKeyOpens(ctx context.Context, client *sshclient.Client) bool {
	line, err := ownKey()
	if err != nil {
		return false
	}
	list, err := ask(ctx, client, "cat ~/.ssh/authorized_keys")
	return err == nil && opens(list, line)
}

// opens tells whether a list as authorized_keys(5) has it has a key, whatever the comment.
func opens(list, key string) bool {
	want := strings.Fields(key)
	for line := range strings.Lines(list) {
		if has := strings.Fields(line); len(want) > 1 && len(has) > 1 && has[0] == want[0] && has[1] == want[1] {
			return true
		}
	}
	return false
}

// ownIdentities are the keys that ssh takes without being told, as far as they are there:
// once it is told of one, it does not look for them.
func ownIdentities() (paths []string) {
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		path := filepath.Join(xdg.Home, ".ssh", name)
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}
