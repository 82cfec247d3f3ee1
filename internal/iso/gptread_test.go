package iso

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"testing"
)

func TestReadGPT(t *testing.T) {
	const total = 200_000
	want := []Partition{
		{Type: linuxType(), ID: GUID{1}, First: 64, Sectors: 1000, Attributes: attrReadOnly, Name: "FLOE"},
		{Type: espType(), ID: GUID{2}, First: 2048, Sectors: 4096, Name: "EFI system partition"},
		DataPartition(GUID{3}, 10_000, 50_000),
	}
	primary, _, err := GPT(total, GUID{9}, want)
	if err != nil {
		t.Fatal(err)
	}
	disk := append(make([]byte, SectorSize), primary...)
	table, err := ReadGPT(bytes.NewReader(disk))
	if err != nil || table.Disk != (GUID{9}) || !reflect.DeepEqual(table.Partitions, want) {
		t.Errorf("%+v, %v", table, err)
	}
	if p, ok := table.Find(DataName); !ok || p.First != 10_000 {
		t.Errorf("%+v", p)
	}
	for at := SectorSize; at < len(disk); at += 61 {
		broken := bytes.Clone(disk)
		broken[at] ^= 1
		if _, err := ReadGPT(bytes.NewReader(broken)); err == nil && at < SectorSize+gptHeaderSize {
			t.Fatalf("a flipped bit in byte %d is not seen", at)
		} else if err == nil && at >= 2*SectorSize {
			t.Fatalf("a flipped bit in byte %d is not seen", at)
		}
	}
}

// TestReadBackupGPT: the copy at a disk's end is read by itself, and every bit
// of it counts.
func TestReadBackupGPT(t *testing.T) {
	const total = 5000
	want := []Partition{DataPartition(GUID{3}, 1000, 2000)}
	_, backup, err := GPT(total, GUID{9}, want)
	if err != nil {
		t.Fatal(err)
	}
	disk := append(make([]byte, (total-BackupSectors)*SectorSize), backup...)
	table, err := ReadBackupGPT(bytes.NewReader(disk), total)
	if err != nil || table.Disk != (GUID{9}) || !reflect.DeepEqual(table.Partitions, want) {
		t.Errorf("%+v, %v", table, err)
	}
	for at := len(disk) - len(backup); at < len(disk)-SectorSize+gptHeaderSize; at += 61 {
		broken := bytes.Clone(disk)
		broken[at] ^= 1
		if _, err := ReadBackupGPT(bytes.NewReader(broken), total); err == nil {
			t.Fatalf("a flipped bit in byte %d is not seen", at)
		}
	}
	// One that was moved with its image belongs to another disk.
	if table, err := ReadBackupGPT(bytes.NewReader(disk[SectorSize:]), total-1); err == nil {
		t.Errorf("a table from elsewhere: %+v", table)
	}
	// Its array is where its header says.
	moved := bytes.Clone(disk)
	h := moved[(total-1)*SectorSize:]
	copy(moved[3000*SectorSize:], backup[:gptArray*SectorSize])
	clear(moved[(total-BackupSectors)*SectorSize : (total-1)*SectorSize])
	binary.LittleEndian.PutUint64(h[72:], 3000)
	binary.LittleEndian.PutUint32(h[16:], 0)
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:gptHeaderSize]))
	if table, err := ReadBackupGPT(bytes.NewReader(moved), total); err != nil || !reflect.DeepEqual(table.Partitions, want) {
		t.Errorf("an array that is elsewhere: %+v, %v", table, err)
	}
	for _, tt := range []int64{0, 1, 33, 66, total - 1, total + 1} {
		if table, err := ReadBackupGPT(bytes.NewReader(disk), tt); err == nil {
			t.Errorf("on a disk of %d sectors: %+v", tt, table)
		}
	}
}

// TestOverlaps: partitions that touch do not overlap.
func TestOverlaps(t *testing.T) {
	table := Table{Partitions: []Partition{{First: 100, Sectors: 50}}}
	for first, want := range map[int64]bool{89: false, 90: false, 91: true, 100: true, 149: true, 150: false} {
		if got := table.Overlaps(Partition{First: first, Sectors: 10}); got != want {
			t.Errorf("from %d: %v", first, got)
		}
	}
}

func FuzzReadGPT(f *testing.F) {
	primary, _, _ := GPT(200_000, GUID{9}, []Partition{DataPartition(GUID{3}, 10_000, 50_000)})
	f.Add(append(make([]byte, SectorSize), primary...))
	f.Fuzz(func(t *testing.T, disk []byte) {
		table, err := ReadGPT(bytes.NewReader(disk))
		for _, p := range table.Partitions {
			if err == nil && (p.First < 0 || p.Sectors < 0) {
				t.Errorf("%+v", p)
			}
		}
		_, _ = ReadBackupGPT(bytes.NewReader(disk), int64(len(disk)/SectorSize))
		_, _ = Label(bytes.NewReader(disk))
	})
}
