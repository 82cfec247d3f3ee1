package cli

import (
	"testing"
	"time"

	"floe/qemu"
)

// TestMeterConfirms: what the console tells of ssh and the runtime counts once they were
// seen to answer, and of a machine that was reset since, once they do so again.
func TestMeterConfirms(t *testing.T) {
	since := time.Now().Add(-10 * time.Second)
	m := &meter{since: func() time.Time { return since }, answered: map[qemu.Stage]time.Time{}}
	if at, ok := m.confirms(qemu.Milestone{Stage: qemu.Kernel, At: time.Second}); !ok || at != time.Second {
		t.Errorf("the kernel: %s, %v", at, ok)
	}
	ssh := qemu.Milestone{Stage: qemu.SSHReady, At: time.Second}
	if _, ok := m.confirms(ssh); ok {
		t.Error("ssh is ready, and nobody has seen it answer")
	}
	m.answers(qemu.SSHReady)
	if at, ok := m.confirms(ssh); !ok || at < 10*time.Second || at > 15*time.Second {
		t.Errorf("it has answered: %s, %v", at, ok)
	}
	if _, ok := m.confirms(qemu.Milestone{Stage: qemu.Runtime}); ok {
		t.Error("the runtime is ready, and nobody has asked it")
	}
	since = time.Now()
	if _, ok := m.confirms(ssh); ok {
		t.Error("the machine was reset, and ssh is ready")
	}
	m.answers(qemu.SSHReady)
	if at, ok := m.confirms(ssh); !ok || at != time.Second {
		t.Errorf("it has answered again: %s, %v", at, ok)
	}
}
