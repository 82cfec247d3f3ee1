package stick

import (
	"os"
	"testing"

	"floe/internal/disks/disktest"
	"floe/internal/fault"
	"floe/internal/report"
)

func TestInspect(t *testing.T) {
	image := disktest.Image(t, 3, 2)
	stage := report.Start(report.Discard, "x", "x")
	i, err := Inspect(t.Context(), image, false, stage)
	if err != nil || !i.Floe || i.Size == 0 {
		t.Fatalf("%+v, %v", i, err)
	}
	defer i.Close()
	if err := os.WriteFile(image+".sha256", []byte(i.SHA256+"  floe.iso\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again, err := Inspect(t.Context(), image, false, stage); err != nil {
		t.Error(err)
	} else {
		again.Close()
	}
	if _, err := Inspect(t.Context(), image+".none", false, stage); fault.Code(err) != int(fault.Usage) {
		t.Error(err)
	}
}
