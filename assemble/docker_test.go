package assemble_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
	"floe/qemu"
)

// limited are the limits of a container, and what it reads of them from inside.
const (
	limits  = "--memory 32m --cpus 0.5 --pids-limit 20"
	readAll = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max; " +
		"sed -n 's/^Seccomp:.//p' /proc/self/status; cat /proc/self/attr/current; grep -c ^00000000000000000000000000000001 /proc/net/if_inet6"
	loopback6 = "1" // IPv6 is there
)

// TestDocker boots one machine with docker and does with it what people do. The
// parts build on each other.
func TestDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine several times")
	}
	b := newBox(t, arch.AMD64, qemu.CDROM, "docker", "docker=--insecure-registry=REGISTRY --label from=boot", "data=vda1", "showapps")
	b.parts([]part{
		{"client over ssh", dockerClient},
		{"info without warnings", dockerInfo},
		{"kernel", dockerKernel},
		{"what the kernel's patches touch", dockerPatches},
		{"pull and run with limits", dockerLimits},
		{"what is kept where", dockerKept},
		{"network", dockerNetwork},
		{"a registry by TLS", func(b *box) { b.trusts("docker", "/etc/docker") }},
		{"build", dockerBuild},
		{"killed", dockerKilled},
		{"settings that are none", dockerSpoilt},
		{"compose from the mirror", dockerCompose},
		{"power cut", dockerPowerCut},
		{"reboot", dockerReboot},
	})
}

func dockerClient(b *box) {
	if got := b.client("docker", "-H", "ssh://box", "version", "--format", "{{.Client.Version}} {{.Server.Version}}"); len(strings.Fields(got)) != 2 {
		b.t.Errorf("docker -H ssh://: %q", got)
	}
	// The same by a socket that ssh -L makes here.
	socket, end := b.forward("/run/docker.sock")
	defer end()
	if got := b.client("docker", "-H", "unix://"+socket, "version", "--format", "{{.Server.Os}}"); got != "linux" {
		b.t.Errorf("through ssh -L: %q", got)
	}
	b.expect("sockets that listen besides ssh's", "22", "netstat -ltn | awk '/LISTEN/ {sub(/.*:/, \"\", $4); print $4}' | sort -u")
}

func dockerInfo(b *box) {
	got := b.run("docker info 2>&1")
	for _, bad := range []string{"WARNING", "containerized"} {
		if strings.Contains(got, bad) {
			b.t.Errorf("%s in\n%s", bad, got)
		}
	}
	for _, want := range []string{"Cgroup Version: 2", "Docker Root Dir: /var/lib/docker", "Init Binary: docker-init", "Cgroup Driver: cgroupfs", "Storage Driver: overlay2", "apparmor", "Profile: builtin", "Live Restore Enabled: true"} {
		if !strings.Contains(got, want) {
			b.t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// dockerKept wants the logs of what is supervised to be bound, and state in /run.
func dockerKept(b *box) {
	for _, name := range []string{"docker", "containerd"} {
		b.boundLog(name)
	}
	b.run("test -S /run/docker.sock && test -d /run/docker && test -S /run/containerd/containerd.sock")
	b.expect("process 1 with --init", "docker-init", "docker run --rm --init tiny sh -c 'cat /proc/1/comm'")
}

// boundLog wants the log of a service to be bound to 3 MB, and the service to run.
func (b *box) boundLog(name string) {
	b.t.Helper()
	b.expect("what the log of "+name+" is bound to", "s1000000\nn2", "cat /var/log/"+name+"/config")
	b.run("test -s /var/log/" + name + "/current && sudo sv status /run/service/" + name + " | grep -q ^run")
}

func dockerLimits(b *box) {
	b.push("tiny")
	b.push("library/mirrored")
	image := host + ":" + b.registry + "/tiny"
	client := []string{"docker", "-H", "ssh://box"} // of this host
	b.client(append(client, "pull", "-q", image)...)
	b.client(append(client, "tag", image, "tiny")...)
	b.throughProxy()
	b.run("docker pull -q mirrored && docker rmi mirrored") // its home is docker.io
	b.expect("options of the boot code", "from=boot", "docker info --format '{{json .Labels}}' | tr -d '[]\"'")
	b.expect("the disk that data= names", "/dev/vda1", `awk '$2 == "/data" {print $1}' /proc/mounts`)
	if console := strings.Join(b.r.Console().Tail(1000), "\n"); !strings.Contains(console, "floe: loaded docker") {
		b.t.Errorf("with showapps the console says\n%s", console)
	}
	got := b.client(slices.Concat(client, []string{"run", "--rm"}, strings.Fields(limits), []string{"tiny", "sh", "-c", readAll})...)
	if want := "33554432\n50000 100000\n20\n2\ndocker-default (enforce)\n" + loopback6; got != want {
		b.t.Errorf("from inside: got %q, want %q", got, want)
	}
}

func dockerNetwork(b *box) {
	b.expect("what iptables speaks to", "(nf_tables)", "iptables --version | cut -d ' ' -f 3")
	b.run("docker run -d --name web -p 8080:80 tiny nc -ll -p 80 -e echo hello from a container")
	answers(b.t, b.published(8080), "hello from a container")
	b.run("docker network create --ipv6 --subnet fd00:6::/64 inner && docker run -d --network inner --name peer tiny nc -ll -p 80 -e echo it is me")
	b.expect("by name", "it is me", "docker run --rm --network inner tiny sh -c 'nc peer 80 </dev/null'")
	b.expect("by IPv6", "it is me", "docker run --rm --network inner tiny sh -c 'nc "+b.address6("docker")+" 80 </dev/null'")
	b.run("docker rm -f web peer && docker network rm inner")
}

// address6 is the IPv6 address of the container peer.
func (b *box) address6(client string) string {
	b.t.Helper()
	return b.run(client + " inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' peer")
}

func dockerBuild(b *box) {
	b.client("docker", "-H", "ssh://box", "build", "-q", "-t", "made", b.recipe())
	b.expect("what was built", "built", "docker run --rm made")
}

func dockerKilled(b *box) {
	b.run("docker run -d --name lasts tiny sleep 100000")
	for _, dies := range []string{"dockerd", "containerd"} {
		before := b.run("pidof " + dies)
		b.run("sudo kill -9 " + before)
		b.run(`for i in $(seq 600); do now=$(pidof ` + dies + `) && [ "$now" != ` + before + ` ] && docker ps -q >/dev/null 2>&1 && exit; usleep 200000; done; exit 1`)
		b.expect("a container through the death of "+dies, "lasts", "docker ps --format '{{.Names}}'")
		b.expect("what enters it after the death of "+dies, "in", `for i in $(seq 300); do said=$(docker exec lasts echo in 2>&1) && [ "$said" = in ] && echo in && exit; usleep 200000; done; exit 1`)
	}
	b.run("docker rm -f lasts")
	b.run("docker run --rm tiny true")
}

func dockerCompose(b *box) {
	b.serve("compose")
	// A package that was changed on the way is refused, and ssh goes on.
	good, err := os.ReadFile(filepath.Join(b.mirror, "compose.tcz"))
	if err != nil {
		b.t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	file := filepath.Join(b.mirror, "compose.tcz")
	if err := os.WriteFile(file, bad, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.expect("a changed package", "1", "tce-load -wi compose 2>&1 | grep -c REFUSED")
	b.consoleSays("compose: REFUSED")
	if err := os.WriteFile(file, good, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.run("tce-load -wi compose")
	b.feed(strings.NewReader(project), "mkdir -p p && cat >p/compose.yaml && cd p && docker compose up -d --quiet-pull")
	b.expect("services of a project", "2", "cd p && docker compose ps -q | wc -l")
	b.expect("one service by its name from the other", "one", "cd p && docker compose exec -T two sh -c 'nc one 80 </dev/null'")
	b.run("cd p && docker compose down -t 1")
	b.composes("ssh://box", "docker", "tiny")
}

func dockerPowerCut(b *box) {
	b.run("docker volume create kept && docker run --rm -v kept:/v tiny sh -c 'echo committed >/v/file; sync'")
	b.run("docker run -d --restart always --name writes -v kept:/v tiny sh -c 'while :; do dd if=/dev/zero of=/v/noise bs=64k count=64 2>/dev/null; usleep 100000; done'")
	b.run("sleep 7") // more than what the file system waits before it commits
	key := b.r.Guest().HostKeys
	b.r.Kill()
	b.boot(qemu.CDROM)
	b.recovered()
	b.expect("what was committed", "committed", "docker run --rm -v kept:/v tiny cat /v/file")
	b.run("for i in $(seq 300); do docker ps --format '{{.Names}}' | grep -q writes && exit; usleep 200000; done; docker ps -a; exit 1")
	if again := b.r.Guest().HostKeys; len(key) != 1 || len(again) != 1 || key[0] != again[0] {
		b.t.Errorf("host keys %q, and after a power cut %q", key, again)
	}
	b.expect("problems", "", "cat /etc/floe/problems 2>/dev/null; true")
	b.expect("the package that was loaded to stay", "compose", "tce-status | grep compose")
	b.run("docker rm -f writes")
}

func dockerReboot(b *box) {
	b.run("echo mine >~/note; sudo touch /etc/docker/mark; sync")
	id := b.run("cat /etc/machine-id")
	b.speaks("docker")
	b.run("sudo fallocate -l $(df -P -B 1048576 /data | awk 'NR == 2 {print $4}')M /data/noise; sudo dd if=/dev/zero of=/data/rest bs=64k 2>/dev/null; sync")
	stopCleanly(b.t, b.r)
	enterAnyway(b)
	b.fullForDocker()
	b.hasSpoken("docker")
	b.expect("home, settings and machine id", "mine\n"+id, "cat ~/note /etc/machine-id; sudo ls /etc/docker | grep -q mark")
	b.expect("a volume", "committed", "docker run --rm -v kept:/v tiny cat /v/file")
	b.pullsByTLS("docker")
	stopCleanly(b.t, b.r)
	checkDisk(b)
}

// fullForDocker wants a full data disk to be told, and docker to come without anybody
// starting it once there is room.
func (b *box) fullForDocker() {
	b.t.Helper()
	b.consoleSays("PROBLEM: the data disk /dev/vda1 is full")
	b.run("for i in $(seq 300); do grep -q 'docker has ended before it answered' /etc/floe/problems && exit; usleep 200000; done; cat /etc/floe/problems; exit 1")
	b.run("sudo rm /data/noise /data/rest; for i in $(seq 300); do docker ps >/dev/null 2>&1 && exit; usleep 200000; done; tail /var/log/docker/current; exit 1")
}

// recovered wants e2fsck to have found nothing at boot but a journal to replay and
// what was open then.
func (b *box) recovered() {
	b.t.Helper()
	said := b.run("cat /run/e2fsck")
	if !strings.Contains(said, "recovering journal") && !strings.Contains(said, "clean") {
		b.t.Errorf("after the power cut e2fsck said\n%s", said)
	}
	for _, bad := range []string{"UNEXPECTED", "FIXED", "error"} {
		if strings.Contains(said, bad) {
			b.t.Errorf("after the power cut e2fsck said %q:\n%s", bad, said)
		}
	}
}

// checkDisk has e2fsck look at the data disk, which must be clean.
func checkDisk(b *box) {
	b.t.Helper()
	root, err := shared().builder.Tools(b.t.Context(), "checks-disk", "qemu-utils", "e2fsprogs")
	if err != nil {
		b.t.Fatal(err)
	}
	dir := filepath.Dir(b.disk)
	output(b.t, root, dir, "qemu-img", "convert", "-O", "raw", filepath.Base(b.disk), "data.raw")
	where := "data.raw?offset=1048576"
	if b.whole {
		where = "data.raw"
	}
	output(b.t, root, dir, "e2fsck", "-f", "-n", where)
	got := output(b.t, root, dir, "tune2fs", "-l", where)
	if !strings.Contains(got, "Filesystem state:         clean\n") || strings.Contains(got, "needs_recovery") {
		b.t.Errorf("the file system is not clean: %s", got)
	}
}
