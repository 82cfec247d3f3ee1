package assemble_test

// lastWords takes its time to end, and writes it down.
const lastWords = `trap "sleep 1; echo ended >>/v/words; exit" TERM; echo begun >>/v/words; while :; do sleep 1; done`

// words waits until that is what the container has written down.
func (b *box) words(client, want string) {
	b.t.Helper()
	b.run(`for i in $(seq 300); do [ "$(sudo cat $(` + client + ` volume inspect -f "{{.Mountpoint}}" words)/words | tr "\n" " ")" = "` + want + ` " ] && exit; usleep 200000; done; exit 1`)
}

// speaks starts a container that has last words, and is to run after a reboot.
func (b *box) speaks(client string) {
	b.t.Helper()
	b.run(client + " run -d --name speaks --restart unless-stopped -v words:/v tiny sh -c '" + lastWords + "'")
	b.words(client, "begun")
}

// hasSpoken wants, after a reboot, that it had the time to end, and runs again.
func (b *box) hasSpoken(client string) {
	b.t.Helper()
	b.words(client, "begun ended begun")
	b.expect("what runs again after a reboot", "speaks", client+" ps --format '{{.Names}}'")
	b.run(client + " rm -f speaks")
}

// dockerSpoilt gives docker settings that it refuses: that is told once, though it
// is started again and again, and with good ones it goes on.
func dockerSpoilt(b *box) {
	const settings = "/etc/docker/daemon.json"
	b.run("sudo cp " + settings + " /tmp/good && echo '{nonsense' | sudo tee " + settings + " >/dev/null && sudo kill -9 $(pidof dockerd)")
	b.run("for i in $(seq 300); do grep -q 'docker has ended before it answered' /etc/floe/problems && exit; usleep 200000; done; exit 1")
	b.run("sleep 10") // it is started some times more
	b.expect("what the console was told", "0\n1", "grep -c 'docker starts without' /etc/floe/problems; grep -c 'docker has ended' /etc/floe/problems")
	b.run("sudo mv /tmp/good " + settings + " && sudo rm /etc/floe/problems /run/docker.ended")
	b.run("for i in $(seq 300); do docker ps >/dev/null 2>&1 && exit; usleep 200000; done; exit 1")
}
