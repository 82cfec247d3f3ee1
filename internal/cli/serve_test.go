package cli

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/arch"
)

// serving is 'floe serve' for as long as the test runs.
func (p person) serving(names ...string) (address string) {
	p.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	address = listener.Addr().String()
	listener.Close()
	cmd := exec.Command(os.Args[0], append([]string{"serve", "--listen", address}, names...)...)
	var said strings.Builder
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.home, &said, &said
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			if err != nil {
				p.Errorf("floe serve: %v\n%s", err, said.String())
			}
		case <-time.After(time.Minute):
			cmd.Process.Kill()
			p.Error("floe serve does not end by Ctrl-C")
		}
	})
	for late := time.Now().Add(10 * time.Minute); time.Now().Before(late); time.Sleep(200 * time.Millisecond) {
		select {
		case err := <-ended:
			p.Fatalf("floe serve has ended: %v\n%s", err, said.String())
		default:
		}
		resp, err := http.Get("http://" + address + "/" + assemble.SumsFile)
		if err != nil {
			continue
		}
		list, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(list), names[0]+".tcz") {
			return address
		}
	}
	p.Fatal("floe serve does not serve")
	return ""
}

// TestServe gives a machine whose image has no runtime everything by packages:
// the tools for a data disk, OpenSSH, docker and podman, which run at once. All
// of that is there again after the next boot, unless what is on the disk is to
// be left alone.
func TestServe(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine three times")
	}
	p := newPerson(t)
	address := p.serving("openssh", "docker", "podman", "e2fsprogs", "git", "buildx")
	_, port, _ := net.SplitHostPort(address)
	mirror := "http://10.0.2.2:" + port
	p.must("build", "--arch", arch.Host().String(), "--runtime", "none", "--boot-codes", "tce.mirror="+mirror, "-o", "none.iso")
	archivetest.Seat(t)
	run := func(more ...string) {
		t.Helper()
		p.must(append([]string{"run", "none.iso", "--detach", "--memory", "640", "--cpus", "1", "--disk-size", "2G"}, more...)...)
	}
	t.Cleanup(func() { p.floe("stop") })
	ssh := func(command string) string {
		t.Helper()
		return strings.TrimSpace(p.must("ssh", command))
	}
	expect := func(what, want, command string) {
		t.Helper()
		if got := ssh(command); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	// In one login, begun before there is a runtime: its groups are the image's own.
	ready := func(command string) {
		t.Helper()
		ssh(fmt.Sprintf("n=0; until %[1]s >/dev/null 2>&1; do [ $((n += 1)) -lt 600 ] || { %[1]s; exit 1; }; sleep 1; done", command))
	}

	run()
	expect("what the image itself knows", "0", "cat /etc/floe/packages.sha256 | wc -l")
	ready("grep -q tce-load /etc/floe/problems")
	if got := ssh("cat /etc/floe/problems"); !strings.Contains(got, "no tools to format it: tce-load -wi e2fsprogs, then sudo /etc/init.d/data") {
		t.Errorf("a disk that cannot be formatted: %q", got)
	}
	ssh("tce-load -wi openssh")
	expect("openssh", "OpenSSH", "ssh -V 2>&1 | cut -c 1-7")
	ssh("tce-load -wi e2fsprogs && sudo /etc/init.d/data")
	expect("the data disk", "ext4", `awk '$2 == "/data" {print $3}' /proc/mounts`)
	ready("{ tce-load -wi docker podman && docker info; }")
	ssh("echo mine >~/note && sync")
	expect("what is loaded at each boot", "docker\ne2fsprogs\nopenssh\npodman", "tce-status -o")
	ready("sudo podman info")
	// Both make networks, and both let the world be reached from them.
	ssh(`mkdir root root/bin && cp /usr/bin/busybox root/bin && for a in sh wget; do ln -s busybox root/bin/$a; done && tar -c -C root . >root.tar`)
	ssh("docker import root.tar tiny && sudo podman import root.tar tiny")
	for _, client := range []string{"docker", "sudo podman"} {
		expect(client+" beside the other", "4", fmt.Sprintf("%s run --rm tiny /bin/wget -q -O - %s/%s | grep -c -e docker.tcz -e podman.tcz -e openssh.tcz -e e2fsprogs.tcz", client, mirror, assemble.SumsFile))
	}
	ssh("tce-load -wl git buildx")
	expect("git", "one", "git init -q here && cd here && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && git clone -q . ../there && git -C ../there log --format=%s")
	expect("buildx", "built", `printf 'FROM tiny\nRUN ["/bin/sh", "-c", "echo built >/made"]\n' | docker buildx build -q -t made - >/dev/null && docker run --rm made /bin/busybox cat /made`)
	// OpenSSH's server takes dropbear's place; this session goes on.
	expect("who answers for ssh", "SSH-2.0-OpenSSH", `sudo ln -s /etc/sv/sshd /etc/service/ && for i in $(seq 150); do said=$(echo | busybox nc 127.0.0.1 22 | head -c 15); [ "$said" != SSH-2.0-OpenSSH ] || break; usleep 200000; done; echo "$said"`)
	expect("a login by OpenSSH", "floe", `ssh-keygen -q -t ed25519 -N "" -f k && cat k.pub >>~/.ssh/authorized_keys && ssh -i k -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null floe@127.0.0.1 id -un 2>/dev/null`)
	p.must("stop")

	run()
	ready("docker info")
	ready("sudo podman info")
	expect("what was loaded again", "docker\ne2fsprogs\nopenssh\npodman", "tce-status | grep -x -e docker -e e2fsprogs -e openssh -e podman")
	expect("openssh", "OpenSSH", "ssh -V 2>&1 | cut -c 1-7")
	expect("home", "mine", "cat ~/note")
	expect("docker's image", "1", "docker images -q tiny | wc -l")
	expect("podman's image", "1", "sudo podman images -q tiny | wc -l")
	expect("problems", "", "cat /etc/floe/problems 2>/dev/null; true")
	p.must("stop")

	run("--boot-codes", "norestore")
	ready("mountpoint -q /var/lib")
	expect("with norestore, for containers", "docker", "sudo ls /var/lib | grep -x docker")
	expect("with norestore, settings", "0\n0", "tce-status | wc -l; ls ~ | wc -l")
	p.must("stop")
}
