package stick

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"floe/internal/disks"
	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/report"
)

// TestMain lets this test's own binary be the elevated child.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		os.Exit(Serve(context.Background(), os.Stdin, os.Stdout, disks.Here()))
	}
	os.Exit(m.Run())
}

// elevator makes a program that lets everybody through, for user 1001.
func elevator(t *testing.T, script string) Elevator {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sudo")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Elevator{Name: path}
}

const letThrough = `SUDO_UID=1001 exec "$@"`

// TestChild writes through a child, which keeps of root's rights what it needs.
func TestChild(t *testing.T) {
	image := disktest.Image(t, 1, 30)
	disktest.Readable(t, image)
	d := disktest.Loop(t, 128)
	c, err := Elevate(soon(t), elevator(t, letThrough), os.Args[0], []string{"serve"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	status := ""
	r, err := c.Write(soon(t), order(t, image, d, NewData), report.Func(func(e report.Event) {
		if e.Stage == "write/body" && e.Kind == report.Started {
			tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", c.cmd.Process.Pid))
			for _, task := range tasks {
				b, _ := os.ReadFile(task)
				status += string(b)
			}
		}
	}))
	if err != nil || r.Data == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	holds(t, d, image)
	for _, want := range []string{"Uid:\t1001\t1001\t1001\t1001", "CapEff:\t0000000000200000", "CapPrm:\t0000000000200000", "Gid:\t1001\t1001\t1001\t1001", "Groups:\t \n", "NoNewPrivs:\t1"} {
		if n := strings.Count(status, want); n == 0 || n != strings.Count(status, "CapEff:") {
			t.Errorf("%q with %d of %d threads", want, n, strings.Count(status, "CapEff:"))
		}
	}
}

// TestChildStops: the end of the order's pipe cancels, as when floe is killed.
func TestChildStops(t *testing.T) {
	image := disktest.Image(t, 1, 60)
	disktest.Readable(t, image)
	d := disktest.Loop(t, 128)
	c, err := Elevate(soon(t), elevator(t, letThrough), os.Args[0], []string{"serve"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(soon(t))
	_, err = c.Write(ctx, order(t, image, d, NewData), report.Func(func(e report.Event) {
		if e.Stage == "write/body" && e.Kind == report.Started {
			cancel()
		}
	}))
	if fault.Code(err) != int(fault.Cancelled) || !strings.Contains(fault.Hint(err), "does not boot") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
	unbootable(t, disktest.Content(t, d.Path, 0, headSize), disktest.Content(t, d.Path, d.Size-wipeSize, wipeSize))
}

// TestElevatorRefuses: what the elevator says is what the person gets, and
// nothing was changed.
func TestElevatorRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		dismissed    int
		class        fault.Class
		says         string
	}{
		{"sudo", "echo 'ada is not in the sudoers file.' >&2; exit 1", 0, fault.Missing, "become root with %s: ada is not in the sudoers file."},
		{"sudo that reports it", "printf 'ada is not in the sudoers file.\nThis incident has been reported to the administrator.\n' >&2; exit 1", 0, fault.Missing,
			"become root with %s: ada is not in the sudoers file. This incident has been reported to the administrator."},
		{"a wrong password", "printf 'Sorry, try again.\nSorry, try again.\nsudo: 3 incorrect password attempts\n' >&2; exit 1", 0, fault.Missing, "sudo: 3 incorrect password attempts"},
		{"doas", "echo 'doas: Operation not permitted' >&2; exit 1", 0, fault.Missing, "become root with %s: doas: Operation not permitted"},
		{"pkexec", "printf 'Error executing command as another user: Not authorized\n\nThis incident has been reported.\n' >&2; exit 127", 126, fault.Missing, "Not authorized This incident has been reported."},
		{"pkexec whose window was closed", "printf 'Error executing command as another user: Request dismissed\n\nThis incident has been reported.\n' >&2; exit 126", 126, fault.Cancelled, "become root with %s"},
		{"run0", "echo 'Failed to start transient service unit: Access denied' >&2; exit 1", 0, fault.Missing, "Access denied"},
		{"one without a word", "exit 1", 0, fault.Missing, "it did not say why"},
		{"one that runs something else", "echo hello; exit 0", 0, fault.Missing, "it did not say why"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var terminal bytes.Buffer
			e := elevator(t, tt.script)
			e.Dismissed = tt.dismissed
			_, err := Elevate(soon(t), e, os.Args[0], []string{"serve"}, &terminal)
			if fault.Code(err) != int(tt.class) || !strings.Contains(err.Error(), strings.ReplaceAll(tt.says, "%s", e.Name)) || !strings.Contains(fault.Hint(err), "Nothing was changed") {
				t.Errorf("exit code %d: %v; %s", fault.Code(err), err, fault.Hint(err))
			}
			if strings.Contains(tt.script, ">&2") && terminal.Len() == 0 {
				t.Error("the terminal does not show it")
			}
		})
	}
	codes := map[string]int{}
	for _, e := range Elevators() {
		codes[e.Name] = e.Dismissed
	}
	if want := (map[string]int{"sudo": 0, "doas": 0, "run0": 0, "pkexec": 126}); !maps.Equal(codes, want) {
		t.Errorf("%v", codes)
	}
}

// TestElevatorLines: the command line of each, by its manual. None has an option
// that it, or an older version of it, does not know.
func TestElevatorLines(t *testing.T) {
	want := map[string][]string{
		"sudo":   {"sudo", "--", "/opt/floe", "serve-writing"},
		"doas":   {"doas", "/opt/floe", "serve-writing"},
		"run0":   {"run0", "/opt/floe", "serve-writing"},
		"pkexec": {"pkexec", "/opt/floe", "serve-writing"},
	}
	for _, e := range Elevators() {
		if got := e.argv("/opt/floe", []string{"serve-writing"}); !slices.Equal(got, want[e.Name]) {
			t.Errorf("%q", got)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("not known: %v", want)
	}
}

// TestElevatorsGetPipes: what an elevator is given as standard input and output is
// no terminal, for one that sees one there puts another in between, and an order
// and its answers are not text that is typed.
func TestElevatorsGetPipes(t *testing.T) {
	e := elevator(t, `for fd in 0 1 2; do [ -p /dev/fd/$fd ] || { echo "$fd is no pipe" >&2; exit 1; }; done; exec "$@"`)
	c, err := Elevate(soon(t), e, os.Args[0], []string{"serve"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestElevatorCancelled: whoever does not want to be asked any longer gets back
// at once, whatever the elevator has started keeps open.
func TestElevatorCancelled(t *testing.T) {
	for _, script := range []string{"exec sleep 20", "sleep 20"} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := Elevate(ctx, elevator(t, script), os.Args[0], []string{"serve"}, io.Discard)
		if fault.Code(err) != int(fault.Cancelled) || !strings.Contains(fault.Hint(err), "Nothing was changed") || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %v after %s", script, err, time.Since(start))
		}
	}
}

// hostile is what a child might be fed.
func hostile(t testing.TB, image string, d disks.Disk) map[string]string {
	good := order(t, image, d, NewData)
	line := func(change func(*Order)) string {
		o := good
		change(&o)
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	return map[string]string{
		"nothing":            "",
		"no end of the line": strings.TrimSpace(line(func(*Order) {})),
		"no JSON":            "GET / HTTP/1.1\r\n\r\n",
		"an unknown field":   `{"force":true,` + line(func(*Order) {})[1:],
		"two orders":         strings.TrimSpace(line(func(*Order) {})) + line(func(*Order) {}),
		"too long":           strings.Repeat(" ", longestOrder) + line(func(*Order) {}),
		"the system's disk":  line(func(o *Order) { o.Disk = disks.Identity{Number: disks.Number{Major: 254}, Size: 1 << 40} }),
		"a terminal":         line(func(o *Order) { o.Disk.Number = disks.Number{Major: 4, Minor: 64} }),
		"somebody's secrets": line(func(o *Order) { o.Image = "/etc/shadow"; o.Any = true }),
		"a relative path":    line(func(o *Order) { o.Image = "../../etc/shadow" }),
		"a NUL in the path":  line(func(o *Order) { o.Image += "\x00.iso" }),
		"no file":            line(func(o *Order) { o.Image = "/proc/self/mem" }),
		"a size below zero":  line(func(o *Order) { o.Size = -1 }),
		"another size":       line(func(o *Order) { o.Size /= 2 }),
		"another hash":       line(func(o *Order) { o.SHA256 = strings.Repeat("0", 64) }),
		"no identity":        line(func(o *Order) { o.Disk = disks.Identity{Number: d.Number} }),
		"a smaller identity": line(func(o *Order) { o.Disk.Size -= 512 }),
		"an older identity":  line(func(o *Order) { o.Disk.Sequence = 0 }),
		"data of a new kind": line(func(o *Order) { o.Data = "../" }),
		"an unasked unmount": line(func(o *Order) { o.Unmount = []string{"/", "/proc"}; o.Disk.Serial = "" }),
		"keeps what is not":  line(func(o *Order) { o.Data = KeepData }),
	}
}

// TestHostileOrders: whatever comes, the child refuses and the disk keeps its
// data.
func TestHostileOrders(t *testing.T) {
	image := disktest.Image(t, 1, 3)
	d := disktest.Loop(t, 64)
	for name, input := range hostile(t, image, d) {
		t.Run(name, func(t *testing.T) {
			// A process of its own: the child gives up its rights.
			var out bytes.Buffer
			cmd := exec.CommandContext(soon(t), os.Args[0], "serve")
			cmd.Stdout = &out
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(in, input)
			if name == "nothing" || name == "no end of the line" {
				in.Close() // elsewhere the end of the input, which cancels, is not what refuses
			}
			_ = cmd.Wait() // closes the input once the child has ended
			code := cmd.ProcessState.ExitCode()
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			var last reply
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Failure == nil || code != last.Failure.Code {
				t.Errorf("code %d: %s", code, &out)
			}
			if !strings.Contains("2 4 5", fmt.Sprint(code)) {
				t.Errorf("code %d: %+v", code, last.Failure)
			}
		})
	}
	if got := disktest.Content(t, d.Path, 0, 9); string(got) != "old data " {
		t.Errorf("the disk has lost its data: %q", got)
	}
}

// TestReadsAsTheCaller: root reads for nobody what is not theirs.
func TestReadsAsTheCaller(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to become somebody")
	}
	image := disktest.Image(t, 1, 2)
	disktest.Readable(t, image)
	t.Setenv("SUDO_UID", "1001")
	stage := report.Start(report.Discard, "x", "x")
	f, err := inspectAs(t.Context(), caller(), image, false, stage)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chmod(image, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := inspectAs(t.Context(), caller(), image, false, stage); err == nil {
		f.Close()
		t.Error("an image that the caller may not read was read")
	}
	if f, err := inspectAs(t.Context(), nil, image, false, stage); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

// TestWhoseRightsRead: in a shell that sudo made root's, root reads what root may; a
// child that was elevated for somebody reads what they may, and says so.
func TestWhoseRightsRead(t *testing.T) {
	image, d := disktest.Image(t, 1, 2), disktest.Loop(t, 64)
	disktest.Readable(t, image)
	if err := os.Chmod(image, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SUDO_UID", "1001")
	o := order(t, image, d, NoData)
	c, err := Elevate(soon(t), elevator(t, letThrough), os.Args[0], []string{"serve"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(soon(t), o, report.Discard); fault.Code(err) != int(fault.Usage) || !strings.Contains(err.Error(), "permission denied") || !strings.Contains(fault.Hint(err), "chmod a+r") {
		t.Errorf("the child: %v; %s", err, fault.Hint(err))
	}
	if got := disktest.Content(t, d.Path, 0, 9); string(got) != "old data " {
		t.Errorf("the disk has lost its data: %q", got)
	}
	mustWrite(t, o)
	holds(t, d, image)
}

func FuzzServe(f *testing.F) {
	f.Add(`{"image":"/x.iso","sha256":"","size":1,"disk":{"number":"8:0","size":1},"data":"new"}` + "\n")
	f.Fuzz(func(t *testing.T, input string) {
		var out bytes.Buffer
		nowhere := t.TempDir() // a machine without disks
		if code := Serve(t.Context(), strings.NewReader(input), &out, disks.System{Sys: nowhere, Proc: nowhere, Dev: nowhere}); code == 0 {
			t.Errorf("%s", &out)
		}
	})
}
