package iso

import (
	"bytes"
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
		_, _ = Label(bytes.NewReader(disk))
	})
}
