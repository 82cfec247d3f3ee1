package iso

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

func bootSector() []byte {
	b := bytes.Repeat([]byte{0x90}, SectorSize)
	b[510], b[511] = 0x55, 0xaa
	return b
}

func TestMBR(t *testing.T) {
	b, err := MBR(bootSector(), 0x1_2345_6789, 20000, 0xcafebabe)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b[:0x1b0], bootSector()[:0x1b0]) {
		t.Error("the boot code is not whole")
	}
	for name, tc := range map[string]struct {
		at   int
		want []byte
	}{
		"where GRUB goes on": {0x1b0, []byte{0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0}},
		"signature":          {440, []byte{0xbe, 0xba, 0xfe, 0xca, 0, 0}},
		"protective":         {446, []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0x1f, 0x4e, 0, 0}},
		"active":             {462, []byte{0x80, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}},
		"the rest":           {478, make([]byte, 32)},
		"magic":              {510, []byte{0x55, 0xaa}},
	} {
		if got := b[tc.at : tc.at+len(tc.want)]; !bytes.Equal(got, tc.want) {
			t.Errorf("%s: % x, want % x", name, got, tc.want)
		}
	}
}

func TestMBRWithoutCode(t *testing.T) {
	b, err := MBR(nil, 0, 1<<33, 1)
	if err != nil {
		t.Fatal(err)
	}
	if b[462] != 0 {
		t.Error("active, but with nothing to run")
	}
	if n := binary.LittleEndian.Uint32(b[458:]); n != 0xffffffff {
		t.Errorf("a large disk is %d sectors, want all ones", n)
	}
	if _, err := MBR(make([]byte, 512), 0, 100, 1); err == nil {
		t.Error("took 512 zeros for a boot sector")
	}
}

func TestGPT(t *testing.T) {
	const total = 1000
	primary, backup, err := GPT(total, GUID{1}, []Partition{
		{Type: linuxType(), ID: GUID{2}, First: 34, Sectors: 100, Attributes: attrReadOnly, Name: "Floe"},
		{Type: espType(), ID: GUID{3}, First: 134, Sectors: 966 - 134 + 1, Name: "EFI"},
	})
	if err != nil {
		t.Fatal(err)
	}
	array := primary[SectorSize:]
	if !bytes.Equal(array, backup[:len(array)]) {
		t.Error("the two arrays differ")
	}
	for name, tc := range map[string]struct {
		h                  []byte
		self, other, table uint64
	}{
		"primary": {primary[:SectorSize], 1, 999, 2},
		"backup":  {backup[len(array):], 999, 1, 967},
	} {
		if len(tc.h) != SectorSize || string(tc.h[:8]) != "EFI PART" {
			t.Fatalf("%s: no header", name)
		}
		for at, want := range map[int]uint64{24: tc.self, 32: tc.other, 40: 34, 48: 966, 72: tc.table} {
			if got := binary.LittleEndian.Uint64(tc.h[at:]); got != want {
				t.Errorf("%s: %d at byte %d, want %d", name, got, at, want)
			}
		}
		if got := binary.LittleEndian.Uint32(tc.h[88:]); got != crc32.ChecksumIEEE(array) {
			t.Errorf("%s: checksum of the array %08x", name, got)
		}
		h := bytes.Clone(tc.h[:92])
		sum := binary.LittleEndian.Uint32(h[16:])
		clear(h[16:20])
		if sum != crc32.ChecksumIEEE(h) {
			t.Errorf("%s: checksum of the header %08x", name, sum)
		}
	}
	if first, last := binary.LittleEndian.Uint64(array[32:]), binary.LittleEndian.Uint64(array[40:]); first != 34 || last != 133 {
		t.Errorf("partition 1 from %d to %d", first, last)
	}
}

func TestGPTRefuses(t *testing.T) {
	for name, parts := range map[string][]Partition{
		"overlap":       {{First: 34, Sectors: 100}, {First: 133, Sectors: 10}},
		"in the table":  {{First: 33, Sectors: 10}},
		"in the backup": {{First: 900, Sectors: 68}},
		"empty":         {{First: 34}},
		"long name":     {{First: 34, Sectors: 1, Name: strings.Repeat("x", 37)}},
		"too many":      make([]Partition, 129),
	} {
		if _, _, err := GPT(1000, GUID{}, parts); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestGUID(t *testing.T) {
	if got := espType().String(); got != "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" {
		t.Errorf("EFI system partition: %s", got)
	}
	if got := linuxType().String(); got != "0FC63DAF-8483-4772-8E79-3D69D8477DE4" {
		t.Errorf("Linux data: %s", got)
	}
	a, b, c := Derive([16]byte{1}, "disk"), Derive([16]byte{1}, "esp"), Derive([16]byte{2}, "disk")
	if a == b || a == c {
		t.Error("two uses or two images have the same GUID")
	}
	if s := a.String(); s[14] != '8' || !strings.ContainsRune("89AB", rune(s[19])) {
		t.Errorf("%s is not of version 8", s)
	}
}

func TestBootImage(t *testing.T) {
	image := make([]byte, 2600)
	for i := range image {
		image[i] = byte(i)
	}
	got, err := bootImage(image, 0x2000_0001)
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(got[2548:]); n != 0x2000_0001*4+5 {
		t.Errorf("GRUB goes on at %#x", n)
	}
	if pvd, block, size := binary.LittleEndian.Uint32(got[8:]), binary.LittleEndian.Uint32(got[12:]), binary.LittleEndian.Uint32(got[16:]); pvd != 16 || block != 0x2000_0001 || size != 2600 {
		t.Errorf("boot information %d %#x %d", pvd, block, size)
	}
	if !bytes.Equal(got[24:64], make([]byte, 40)) || !bytes.Equal(got[:8], image[:8]) || !bytes.Equal(got[64:2548], image[64:2548]) {
		t.Error("more or less was changed than the table")
	}
	if image[8] != 8 {
		t.Error("the caller's image was changed")
	}
	if _, err := bootImage(image[:2000], 1); err == nil {
		t.Error("took a short image")
	}
}
