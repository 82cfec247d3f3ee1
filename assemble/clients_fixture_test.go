package assemble_test

import (
	"context"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// client runs one of the archive's own clients on this host. The ssh that it
// starts is the archive's too, and knows the machine by the name box.
func (b *box) client(args ...string) string {
	b.t.Helper()
	root, err := shared().builder.Tools(b.t.Context(), "checks-clients", "docker-cli", "docker-compose", "openssh-client", "podman", "dash")
	if err != nil {
		b.t.Fatal(err)
	}
	b.setUpSSH(root.Direct("/usr/bin/ssh"))
	b.script(".docker/cli-plugins/docker-compose", root.Direct("/usr/libexec/docker/cli-plugins/docker-compose"))
	ctx, cancel := context.WithTimeout(b.t.Context(), long)
	defer cancel()
	argv := root.Direct("/usr/bin/"+args[0], args[1:]...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + b.tools + ":/usr/bin:/bin", "HOME=" + b.tools, "TMPDIR=" + b.tools}
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// setUpSSH makes an ssh that logs in to the machine: its key, its port, its
// host key unseen.
func (b *box) setUpSSH(argv []string) {
	b.t.Helper()
	if b.tools == "" {
		b.tools = b.top.TempDir()
	}
	key, err := os.ReadFile(filepath.Join(folder, "key", "id_ed25519"))
	if err != nil {
		b.t.Fatal(err)
	}
	if block, _ := pem.Decode(key); block == nil {
		b.t.Fatal("the key is no PEM")
	}
	_, sshPort, err := net.SplitHostPort(b.r.SSHAddr())
	if err != nil {
		b.t.Fatal(err)
	}
	config := filepath.Join(b.tools, "config")
	for name, text := range map[string]string{
		"id": string(key),
		"config": "Host box\n HostName 127.0.0.1\n Port " + sshPort + "\n User floe\n IdentityFile " + filepath.Join(b.tools, "id") +
			"\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n",
	} {
		if err := os.WriteFile(filepath.Join(b.tools, name), []byte(text), 0o700); err != nil {
			b.t.Fatal(err)
		}
	}
	b.script("ssh", append(argv, "-F", config))
}

// script makes a command among the tools that stands for a longer one.
func (b *box) script(name string, argv []string) {
	b.t.Helper()
	path := filepath.Join(b.tools, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte("#!/bin/sh\nexec '"+strings.Join(argv, "' '")+"' \"$@\"\n"), 0o700)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// forward makes a socket of the machine one of this host, as ssh -L does.
func (b *box) forward(socket string) (here string, end func()) {
	b.t.Helper()
	here = filepath.Join(b.tools, strings.ReplaceAll(strings.Trim(socket, "/"), "/", "-"))
	os.Remove(here)
	cmd := exec.CommandContext(b.t.Context(), filepath.Join(b.tools, "ssh"), "-N", "-L", here+":"+socket, "box")
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(here); err == nil {
			break
		}
	}
	return here, func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// project is one of two services, of which one answers by its name.
const project = "services:\n  one:\n    image: tiny\n    command: nc -ll -p 80 -e echo one\n  two:\n    image: tiny\n    command: sleep 100000\n"

// composes brings that project up and down by the compose of this host, with a
// name for its image, and counts what runs in the machine.
func (b *box) composes(engine, client, image string) {
	b.t.Helper()
	file := filepath.Join(b.tools, "compose.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(project, "tiny", image)), 0o600); err != nil {
		b.t.Fatal(err)
	}
	compose := []string{"docker", "-H", engine, "compose", "-p", "far", "-f", file}
	b.client(append(compose, "up", "-d", "--quiet-pull")...)
	b.expect("services of a project from afar", "2", client+" ps -q --filter label=com.docker.compose.project=far | wc -l")
	if got := b.client(append(compose, "exec", "-T", "two", "sh", "-c", "nc one 80 </dev/null")...); got != "one" {
		b.t.Errorf("one service by its name from the other: %q", got)
	}
	b.client(append(compose, "down", "-t", "1")...)
}

// recipe is how an image is built.
const recipe = "FROM tiny\nRUN echo built >/made && test -s /made\nCMD cat /made\n"

// recipe is a folder of this host with nothing but that in it.
func (b *box) recipe() string {
	b.t.Helper()
	dir := b.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(recipe), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return dir
}
