package stick_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"floe/internal/disks"
	"floe/internal/fault"
	"floe/internal/stick"
)

// background starts 'floe write' and waits until it has begun to write. What
// it says goes to a file of the guest's, which await reads meanwhile.
func (g *guest) background(d listed) (end func() (string, int)) {
	g.t.Helper()
	type ended struct {
		code int
		err  error
	}
	done := make(chan ended, 1)
	g.say("rm -f /tmp/writing")
	ctx, cancel := context.WithTimeout(g.t.Context(), oneCommand)
	go func() {
		defer cancel()
		result, err := g.ssh.Run(ctx, fmt.Sprintf("%s --progress json write %s --to %s --serial %s --new-data >/tmp/writing 2>&1", program, inside, d.Path, d.Serial))
		done <- ended{result.Code, err}
	}()
	g.await("write/body")
	return func() (string, int) {
		e := <-done
		if e.err != nil {
			g.broken(e.err)
		}
		return g.say("cat /tmp/writing"), e.code
	}
}

// slowly writes in the background to a stick that takes next to nothing once
// its ends are blank.
func (g *guest) slowly(s stickDevice, d listed) (end func() (string, int)) {
	g.t.Helper()
	g.brake(s, mib)
	end = g.background(d)
	g.brake(s, 16<<10)
	return end
}

// await waits for a word in what a write in the background says.
func (g *guest) await(word string) {
	g.t.Helper()
	g.say("for i in $(seq 1800); do grep -q '" + word + "' /tmp/writing 2>/dev/null && exit 0; usleep 100000; done; cat /tmp/writing; exit 1")
}

// stalls: a stick that takes nothing for a while is told, nobody mounts it
// meanwhile, and it goes on.
func (g *guest) stalls(image string) {
	s := g.newStick("slow", "SLOW0001")
	g.plug(s)
	d := g.sees(s.serial)
	end := g.slowly(s, d)
	g.await("nothing has moved for")
	if out, code := g.try("sudo mkdir -p /media/slow && sudo mount -t vfat " + d.Path + " /media/slow"); code == 0 || !strings.Contains(out, "busy") {
		g.t.Errorf("mounted while it is written: exit code %d\n%s", code, out)
	}
	g.brake(s, 0)
	out, code := end()
	if code != 0 || !strings.Contains(out, "it goes on after") || !strings.Contains(out, `"stage":"write/finish","kind":"done"`) {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.pull(s)
	g.written(s, image)
}

func (g *guest) pulledBefore() {
	s := g.newStick("gone", "GONE0001")
	g.plug(s)
	d := g.sees(s.serial)
	g.pull(s)
	if out, code := g.write(d, ""); code != int(fault.Usage) || !strings.Contains(out, "no such file") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
}

func (g *guest) pulledWhile(uas bool) {
	s := g.newStick(fmt.Sprintf("pulled-%t", uas), fmt.Sprintf("PULL-%t", uas))
	s.uas = uas
	g.plug(s)
	d := g.sees(s.serial)
	end := g.slowly(s, d)
	g.pull(s)
	out, code := end()
	if code != int(fault.Disk) || !strings.Contains(out, "pulled out at") || !strings.Contains(out, "does not boot") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	g.cannotBoot(s)
}

// swapped: between choice and opening an equal stick takes the place of the
// chosen one. Only the kernel's count of disks tells them apart.
func (g *guest) swapped() {
	one, two := g.newStick("one", "SAME0001"), g.newStick("two", "SAME0001")
	g.plug(one)
	chosen := g.sees(one.serial)
	g.pull(one)
	g.plug(two)
	now := g.sees(two.serial)
	if now.Path != chosen.Path || now.Key() != chosen.Key() {
		g.t.Fatalf("they are not equal: %+v, %+v", chosen, now)
	}
	order := func(d disks.Disk) string {
		sum := strings.Fields(g.say("sha256sum " + inside))[0]
		size := strings.TrimSpace(g.say("stat -c %s " + inside))
		var n int64
		fmt.Sscan(size, &n)
		line, err := json.Marshal(stick.Order{Image: inside, SHA256: sum, Size: n, Disk: d.Identity, Data: stick.NewData})
		if err != nil {
			g.t.Fatal(err)
		}
		// A pipe that is open for writing here never comes to its end.
		return "mkfifo /tmp/orders && exec 3<>/tmp/orders && echo '" + string(line) + "' >&3 && sudo " + program + " serve-writing <&3"
	}
	if out, code := g.try(order(chosen.Disk)); code != int(fault.Disk) || !strings.Contains(out, "plugged in after the choice") {
		g.t.Errorf("exit code %d\n%s", code, out)
	}
	head := make([]byte, 8)
	if f, err := os.Open(two.file); err == nil {
		_, _ = f.ReadAt(head, 0)
		f.Close()
	}
	if string(head) != "old data" {
		g.t.Error("the other stick was written")
	}
	g.pull(two)
}
