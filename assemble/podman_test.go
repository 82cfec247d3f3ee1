package assemble_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/qemu"
)

// TestPodman boots one machine with podman and does with it what people do, as
// root and as the user. The parts build on each other.
func TestPodman(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine several times")
	}
	b := newBox(t, arch.AMD64, qemu.CDROM, "podman", "toram", "podman=--log-level=info", "format=vda")
	b.parts([]part{
		{"packages in memory", func(b *box) { b.expect("the medium", "", "grep /media/floe /proc/mounts; true") }},
		{"boot codes", podmanCodes},
		{"client over ssh", podmanClient},
		{"what is kept where", podmanKeeps},
		{"root", func(b *box) { podmanWorks(b, "sudo podman", rootSocket, "8080") }},
		{"user", func(b *box) { podmanWorks(b, userPodman, userSocket, "8081") }},
		{"confined", podmanConfined},
		{"killed", podmanKilled},
		{"build", podmanBuild},
		{"compose", podmanCompose},
		{"power cut", podmanPowerCut},
		{"reboot", podmanReboot},
	})
}

func podmanCodes(b *box) {
	b.expect("what format= has made", "/dev/vda ext4", `awk '$2 == "/data" {print $1, $3}' /proc/mounts`)
	// That of the user starts itself again in its name space, and is there twice for a moment.
	b.expect("options of the boot code", "2", "for i in $(seq 50); do n=$(ps -o args | grep -c '^podman --log-level=info system service'); "+
		"[ $n != 2 ] || break; usleep 200000; done; echo $n")
}

// The sockets of root's and of the user's podman.
const (
	rootSocket = "/run/podman/podman.sock"
	userSocket = "/run/user/1000/podman/podman.sock"
)

// userPodman asks the service of the user, which has the user's cgroups.
const userPodman = "podman --url unix://" + userSocket

// podmanAt is the podman of this host with a socket of the machine, by ssh.
func (b *box) podmanAt(socket string) []string {
	return []string{"podman", "--url", "ssh://floe@" + b.r.SSHAddr() + socket, "--identity", filepath.Join(b.tools, "id")}
}

func podmanClient(b *box) {
	b.run("for i in $(seq 300); do [ -S /run/user/1000/podman/podman.sock ] && exit; usleep 200000; done; exit 1")
	b.client("podman", "--version") // makes the folder with the key
	for socket, want := range map[string]string{rootSocket: "false v2", userSocket: "true v2"} {
		got := b.client(append(b.podmanAt(socket), "info", "--format", "{{.Host.Security.Rootless}} {{.Host.CgroupsVersion}}")...)
		if !strings.HasSuffix(got, want) {
			b.t.Errorf("%s: %q, not %q", socket, got, want)
		}
	}
}

// podmanKeeps wants the logs of what is supervised to be bound, and the user's
// network to be made by pasta.
func podmanKeeps(b *box) {
	for _, name := range []string{"podman", "podman-user"} {
		b.boundLog(name)
	}
	b.expect("who makes the user's network", "pasta", "podman info --format '{{.Host.RootlessNetworkCmd}}'")
}

// podmanWorks pulls, runs with limits, publishes a port and finds containers
// by name.
func podmanWorks(b *box, podman, socket, published string) {
	b.push("tiny")
	b.push("library/mirrored")
	b.run(podman + " pull -q docker.io/library/mirrored && " + podman + " rmi docker.io/library/mirrored") // its home is docker.io
	b.throughProxy()
	b.run(podman + " pull -q --tls-verify=false " + host + ":" + b.registry + "/tiny")
	if socket == rootSocket {
		b.trusts(podman, "/etc/containers")
	} else {
		b.pullsByTLS(podman)
	}
	b.run(podman + " tag " + host + ":" + b.registry + "/tiny tiny")
	// The client of this host, by ssh.
	got := b.client(slices.Concat(b.podmanAt(socket), []string{"run", "--rm"}, strings.Fields(limits), []string{"tiny", "sh", "-c", readAll})...)
	if want := "33554432\n50000 100000\n20\n2\n"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, loopback6) {
		b.t.Errorf("from inside: got %q, want it to begin with %q and end with IPv6", got, want)
	}
	profile := map[string]string{rootSocket: "containers-default-", userSocket: "containers-floe "}[socket]
	if !strings.Contains(got, profile) || !strings.Contains(got, " (enforce)\n") {
		b.t.Errorf("no AppArmor profile is in force: %q", got)
	}
	if socket == userSocket {
		// And the user's own, without a service.
		got := b.run("podman run --rm " + limits + " tiny sh -c '" + strings.ReplaceAll(readAll, "'", `'\''`) + "'")
		if want := "33554432\n50000 100000\n20\n2\ncontainers-floe (enforce)\n"; !strings.HasPrefix(got, want) {
			b.t.Errorf("from inside, without a service: got %q, want it to begin with %q", got, want)
		}
	}
	b.run(podman + " run -d --name web -p " + published + ":80 tiny nc -ll -p 80 -e echo hello from a container")
	guest, err := strconv.Atoi(published)
	if err != nil {
		b.t.Fatal(err)
	}
	answers(b.t, b.published(guest), "hello from a container")
	b.run(podman + " network create --ipv6 inner && " + podman + " run -d --network inner --name peer tiny nc -ll -p 80 -e echo it is me")
	b.expect("by name", "it is me", podman+" run --rm --network inner tiny sh -c 'nc peer 80 </dev/null'")
	b.expect("by IPv6", "it is me", podman+" run --rm --network inner tiny sh -c 'nc "+b.address6(podman)+" 80 </dev/null'")
	b.run(podman + " rm -f -t 1 web peer && " + podman + " network rm inner")
}

// podmanConfined wants AppArmor to confine what the user's containers do, whoever
// starts it, unless somebody says that it is not to.
func podmanConfined(b *box) {
	const confined, free = "containers-floe (enforce)", "unconfined"
	const run, profile = "podman run --rm ", " cat /proc/self/attr/current"
	b.run("podman run -d --name confined tiny sleep 100000")
	for _, tt := range []struct{ name, command, want string }{
		{"exec", "podman exec confined" + profile, confined},
		{"a signal", "podman kill -s USR1 confined >/dev/null && echo sent", "sent"},
		{"no new privileges", run + "--security-opt no-new-privileges tiny" + profile, confined},
		{"init", run + "--init tiny" + profile, confined},
		{"a mount", run + "--cap-add sys_admin tiny mount -t tmpfs none /tmp 2>&1 | grep -o 'Permission denied'", "Permission denied"},
		{"a build", "printf 'FROM tiny\nRUN cat /proc/self/attr/current\n' | podman build --no-cache - | grep -o 'containers-floe.*'", confined},
		{"root's build", "printf 'FROM tiny\nRUN cat /proc/self/attr/current\n' | sudo podman build --no-cache - | grep -o 'containers-floe.*'", confined},
		{"unconfined", run + "--security-opt apparmor=unconfined tiny" + profile, free},
		{"privileged", run + "--privileged tiny" + profile, free},
		{"root's, privileged", "sudo " + run + "--privileged tiny" + profile, free},
	} {
		b.expect(tt.name, tt.want, tt.command)
	}
	b.run("podman rm -f -t 1 confined")
}

// podmanKilled kills the services. Both come back, and what root runs lives on.
func podmanKilled(b *box) {
	b.run("sudo podman run -d --name lasts tiny sleep 100000")
	started := b.run("sudo podman inspect -f '{{.State.Pid}}' lasts")
	for service, podman := range map[string]string{"podman": "sudo podman --url unix://" + rootSocket, "podman-user": userPodman} {
		pid := "sudo sv status /run/service/" + service + " | sed -n 's/^run: [^ ]* (pid \\([0-9]*\\)).*/\\1/p'"
		before := b.run(pid)
		b.run("sudo kill -9 " + before)
		b.run(`for i in $(seq 600); do now=$(` + pid + `); [ -n "$now" ] && [ "$now" != ` + before + ` ] && ` + podman + ` ps >/dev/null 2>&1 && exit; usleep 200000; done; exit 1`)
	}
	b.expect("a container through the death of podman", "lasts "+started, "sudo podman ps --format '{{.Names}} {{.Pid}}'")
	b.expect("the same by its service", "through", "sudo podman --url unix://"+rootSocket+" exec lasts echo through")
	b.expect("the user's service", "tiny", userPodman+" images -q localhost/tiny | sed 's/.*/tiny/'")
	b.run("sudo podman rm -f -t 1 lasts")
}

// podmanBuild builds by the podman of this host, and by the user's own without a
// service.
func podmanBuild(b *box) {
	b.expect("process 1 with --init", "podman-init", "sudo podman run --rm --init tiny sh -c 'cat /proc/1/comm'")
	for podman, socket := range map[string]string{"sudo podman": rootSocket, userPodman: userSocket} {
		b.client(append(b.podmanAt(socket), "build", "-q", "-t", "made", b.recipe())...)
		b.expect("what was built", "built", podman+" run --rm made")
	}
	b.feed(strings.NewReader(recipe), "podman build -q -t made-here -")
	b.expect("what was built here", "built", "podman run --rm made-here")
}

// podmanCompose has docker's client and compose talk to podman, through sockets
// that ssh -L makes here.
func podmanCompose(b *box) {
	for podman, socket := range map[string]string{"sudo podman": rootSocket, userPodman: userSocket} {
		here, end := b.forward(socket)
		b.composes("unix://"+here, podman, "localhost/tiny")
		end()
	}
}

// podmanPowerCut ends the machine while containers write.
func podmanPowerCut(b *box) {
	for _, podman := range []string{"sudo podman", userPodman} {
		b.run(podman + " volume create kept && " + podman + " run --rm -v kept:/v tiny sh -c 'echo committed >/v/file; sync'")
		b.run(podman + " run -d --name writes -v kept:/v tiny sh -c 'while :; do dd if=/dev/zero of=/v/noise bs=64k count=64 2>/dev/null; usleep 100000; done'")
	}
	b.run("sleep 7") // more than what the file system waits before it commits
	key := b.r.Guest().HostKeys
	b.r.Kill()
	b.boot(qemu.CDROM)
	b.recovered()
	if again := b.r.Guest().HostKeys; len(key) != 1 || !slices.Equal(key, again) {
		b.t.Errorf("host keys %q, and after a power cut %q", key, again)
	}
	b.expect("problems", "", "cat /etc/floe/problems 2>/dev/null; true")
	podmanKept(b)
}

// podmanKept wants the volumes of root and of the user to have what was committed.
func podmanKept(b *box) {
	b.run("for i in $(seq 300); do [ -S /run/user/1000/podman/podman.sock ] && exit; usleep 200000; done; exit 1")
	for _, podman := range []string{"sudo podman", userPodman} {
		b.expect("what was committed", "committed", podman+" run --rm -v kept:/v tiny cat /v/file")
	}
}

func podmanReboot(b *box) {
	clients := []string{"sudo podman", userPodman}
	for _, client := range clients {
		b.speaks(client)
	}
	stopCleanly(b.t, b.r)
	b.boot(qemu.CDROM)
	for _, client := range clients {
		b.hasSpoken(client)
	}
	podmanKept(b)
	b.pullsByTLS(userPodman)
	b.expect("problems", "", "cat /etc/floe/problems 2>/dev/null; true")
	stopCleanly(b.t, b.r)
	checkDisk(b)
}
