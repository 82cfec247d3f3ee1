package stick

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"floe/internal/fault"
	"floe/internal/iso"
	"floe/internal/report"
)

// TestStubborn: of a disk that takes writes and keeps what it had nobody says that
// it does not boot any more.
func TestStubborn(t *testing.T) {
	for _, place := range []func(*file) int64{func(*file) int64 { return 0 }, func(f *file) int64 { return f.size - tailSize }} {
		dev, j, s := newFile(t, NewData)
		dev.onRead = func(b []byte, at int64) {
			if at == place(dev) {
				b[7] = 0x55
			}
		}
		_, err := j.run(t.Context())
		if fault.Code(err) != int(fault.Verify) || !strings.Contains(err.Error(), "keeps what it had") || strings.Contains(fault.Hint(err), "does not boot") {
			t.Errorf("exit code %d: %v; %s", fault.Code(err), err, fault.Hint(err))
		}
		if strings.Contains(s.String(), "write/body") {
			t.Errorf("it was written all the same\n%s", s)
		}
	}
}

// TestAnyByte flips one bit of what is read back, at the edges of pieces, in the
// first MiB, in both partition tables and anywhere: each is found, and the place
// told.
func TestAnyByte(t *testing.T) {
	dev, j, _ := newFile(t, NewData)
	size := j.image.Size
	places := []int64{headSize, headSize + 1, 2*headSize - 1, 2 * headSize, size - 1, size - size%chunk, size - size%chunk - 1}
	ends := []int64{0, 1, iso.SectorSize, headSize - 1, dev.size - tailSize, dev.size - 1} // compared once more
	for range 20 {
		places = append(places, headSize+rand.Int64N(size-headSize))
	}
	for i, place := range slices.Concat(places, ends) {
		bit := byte(1) << (place % 8)
		if _, err := dev.WriteAt(make([]byte, headSize), 0); err != nil {
			t.Fatal(err)
		}
		times := 0
		dev.onRead = func(b []byte, at int64) {
			if at <= place && place < at+int64(len(b)) {
				if times++; i < len(places) || times > 1 {
					b[place-at] ^= bit
				}
			}
		}
		j, err := newJob(j.image, NewData, dev, "/dev/stick", report.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(places) {
			times = 0 // without the look before
		}
		_, err = j.run(t.Context())
		told := i >= len(places) || err != nil && strings.Contains(err.Error(), fmt.Sprintf("first at byte %d", place))
		if fault.Code(err) != int(fault.Verify) || !told {
			t.Errorf("byte %d: %v", place, err)
		}
	}
}
