package assemble_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"floe/assemble"
	"floe/assemble/archivetest"
	"floe/internal/bootcode"
	"floe/internal/fault"
	"floe/internal/sshclient"
	"floe/qemu"
)

// TestPromptTakesCodes goes through the menu as a person at a serial console
// does: help pages, then the prompt, a slip of the fingers, and codes whose
// effects are read from inside. Somebody sits at the VGA screen as well, and
// sees and does the same.
func TestPromptTakesCodes(t *testing.T) {
	t.Parallel()
	image, key := testImage(t)
	archivetest.Seat(t)
	r := start(t, qemu.Boot(qemu.CDROM, image.Path), withScreen(), qemu.Data(packagesDisk(t, "ca-certificates", "coreutils"), "stuff"))
	s, v := sit(t, r), watch(t, r)
	menu := []string{"Floe ", "Tab adds boot codes", "packages copied to memory", "a root shell, no packages", "Boot from the first disk"}
	s.sees(append(menu, "Boots in")...)
	v.presses("up")
	v.shows(menu...)
	for i, keys := range [][]string{{f2Xterm}, {f3Xterm, f3Linux}, {f4Xterm, f4PuTTY}} {
		page := append(bootcode.Screen(bootcode.Pages()[i]), "Enter goes back")
		for _, k := range keys {
			s.presses(k, page...)
			v.shows(page...)
			s.types("\r")
			s.sees("choose, Enter boots")
		}
		v.presses("f" + strconv.Itoa(i+2))
		s.sees(page...)
		v.presses("ret")
		s.sees("choose, Enter boots")
		v.shows(menu...)
	}
	v.presses("tab")
	s.sees("floe and boot codes to add", "boot:")
	v.shows("floe and boot codes to add", "boot:")
	s.types("menu\r")
	s.sees("choose, Enter boots")
	s.types("\t")
	s.sees("boot:")
	logs := listen(t)
	s.types("floe host=bax" + eraseKey + eraseKey + `ox user=ada tz=Europe/Berlin "podman=--x 'a b' \\ \"c\"" colour=blue noautologin`)
	s.types(" multivt tce=LABEL=stuff/packages lst=lab.lst waitusb=20:LABEL=stuff showapps ip=10.0.2.15/24,10.0.2.2,10.0.2.3@eth0 ip=fd00::15/64@eth0 ntpserver=10.0.2.2 nozswap pause syslog rsyslog=10.0.2.2:" + logs.port)
	s.types(" sshkey=" + strings.Join(strings.Fields(otherKey)[:2], ":") + "\r")
	s.sees("unknown boot code: colour=blue", "paused, Enter goes on")
	v.shows("paused, Enter goes on")
	v.presses("ret")
	s.sees("10.0.2.15/24 on eth0", "no login at the console")
	v.shows("no login at the console")
	s.sees("floe: loaded ca-certificates")
	v.unplug()

	c, err := loginAs(t, r, "ada", key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	settled(t, c)
	for _, tt := range []struct{ name, command, want string }{
		{"host", "hostname; grep -c box /etc/hosts", "box\n1"},
		{"user", "id -un; pwd; sudo id -un", "ada\n/home/ada\nroot"},
		{"tz", "date -d @1782900000 +%Z%z; cat /etc/timezone", "CEST+0200\nEurope/Berlin"},
		{"sshkey", "cut -d ' ' -f 2 ~/.ssh/authorized_keys | tail -n 1", strings.Fields(otherKey)[1]},
		{"quotes", `. /etc/floe/bootcodes.sh; bootcodes_read; echo "$bc_podman"`, `--x 'a b' \ "c"`},
		{"multivt", "grep -c '^tty[234]::respawn' /etc/inittab", "3"},
		{"ip", "ip route | grep -c 'default via 10.0.2.2'; cat /etc/resolv.conf; pgrep udhcpc | wc -l", "1\nnameserver 10.0.2.3\n0"},
		{"two addresses", "ip addr show eth0 | grep -c -e 10.0.2.15/24 -e fd00::15/64; cut -d ' ' -f 1 /run/net/eth0.lease", "2\n10.0.2.15/24\nfd00::15/64"},
		{"tce and lst", "tce-status", "ca-certificates"},
		{"nozswap", "grep -c zram /proc/swaps; true", "0"},
		{"ntpserver", "until pgrep -o ntpd >/dev/null; do sleep 0.5; done; tr '\\0' ' ' </proc/$(pgrep -o ntpd)/cmdline", "ntpd -n -p 10.0.2.2"},
		{"syslog", "sudo logger -t test hello; sleep 1; grep -c 'test: hello' /var/log/messages", "1"},
		{"unknown", "sudo dmesg | grep -c 'unknown boot code: colour=blue'", "1"},
		{"problems", "cat /etc/floe/problems 2>/dev/null | wc -l", "0"},
		// Programs that replace those with which packages are loaded.
		{"applets that give way", "tce-load -l coreutils; for i in mv ln cp mkdir; do $i --version | head -n 1 | cut -d ' ' -f 1-3; done", "mv (GNU coreutils)\nln (GNU coreutils)\ncp (GNU coreutils)\nmkdir (GNU coreutils)"},
	} {
		if got := say(t, c, tt.command); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	logs.hear("test: hello")
}

// settled waits until what nobody waits for at a boot is done as well.
func settled(t *testing.T, c *sshclient.Client) {
	t.Helper()
	say(t, c, "for i in $(seq 240); do ! [ -e /etc/service/acpid ] || exit 0; sleep 0.25; done; exit 1")
}

// otherKey is a key that may log in by its boot code; nobody has its other half.
const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzdd5m7IDfu2IVZb+2wX4JfcFA4J6dQGe0vHWFJT somebody"

// TestCodesThatCannotBeHonoured gives the firmware's menu nonsense: each code
// is told of, and the machine can be reached all the same. On the way the menu
// is looked at on the firmware's screen, too.
func TestCodesThatCannotBeHonoured(t *testing.T) {
	t.Parallel()
	image, key := testImage(t)
	archivetest.Seat(t)
	r := start(t, qemu.With(qemu.UEFI), qemu.Boot(qemu.USBStick, image.Path), qemu.Memory(192), withScreen(),
		qemu.Extra("-netdev", "user,id=second,restrict=on", "-device", "virtio-net-pci,netdev=second,romfile="))
	s, v := sit(t, r), watch(t, r)
	s.sees("Tab adds boot codes")
	s.presses(f2Xterm, "noautologin ", "Enter goes back")
	s.types("\r")
	s.sees("choose, Enter boots")
	menu := v.still()
	if n := colours(menu); n < 3 {
		t.Errorf("the firmware's screen shows %d colours: a menu has a ground, text and a bar", n)
	}
	for i, page := range bootcode.Pages() {
		v.presses("f" + strconv.Itoa(i+2))
		s.sees(append(bootcode.Screen(page), "Enter goes back")...)
		v.changes(menu)
		v.presses("ret")
		v.returns(menu)
		s.sees("choose, Enter boots")
	}
	v.presses("tab")
	s.sees("boot:")
	v.changes(menu)
	s.types("floe secure superuser noembed host=no_name user=root tz=Nowhere/Land sshkey=nonsense ip=300.1.1.1/24 ip=10.9.9.9/24@eth7")
	s.types(" ip=10.9.8.7/24 ip=10.9.8.8/24")
	s.types(" zram=lots swapfile=LABEL=nowhere waitusb=1:LABEL=gone base=1 ip nozswap=no lst=none.lst tce=LABEL=FLOE/nowhere\r")
	s.sees("boot code base takes no value", "boot code ip= wants a value", "boot code nozswap takes no value")
	c, err := loginAs(t, r, "floe", key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	settled(t, c)
	for _, tt := range []struct{ name, command, want string }{
		{"noembed", `awk '$2 == "/" {print $3}' /proc/mounts | tail -n 1`, "tmpfs"},
		{"lockdown", "sudo cat /sys/kernel/security/lockdown", "none [integrity] confidentiality"},
		{"sysrq", "cat /proc/sys/kernel/sysrq", "0"},
		{"name", "hostname", "testbox"},
		{"zram", "grep -c zram /proc/swaps", "1"},
		{"address", "ip -4 addr show eth0 | grep -c 10.0.2.15", "1"},
		{"second address", "ip -4 addr show eth1 | grep -c 10.9.8.7/24", "1"},
	} {
		if got := say(t, c, tt.command); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	told := say(t, c, "for i in $(seq 200); do ! grep -q swapfile /etc/floe/problems || ! grep -q 10.9.8.8 /etc/floe/problems || break; sleep 0.25; done; cat /etc/floe/problems")
	logged := say(t, c, "sudo dmesg")
	for _, want := range []string{"superuser", "host=no_name", "user=root", "tz=Nowhere/Land", "sshkey=nonsense", "ip=300.1.1.1/24", "network card eth7", "ip=10.9.8.8/24: it is the address for network card 3", "zram=lots", "swapfile=LABEL=nowhere", "waitusb=1:LABEL=gone: it has not appeared", "has no folder nowhere", "lst=none.lst: there is no such list"} {
		if !strings.Contains(told, want) || !strings.Contains(logged, want) {
			t.Errorf("nobody is told of %s:\n%s", want, told)
		}
	}
	if text, _ := s.since(); !strings.Contains(text, "PROBLEM: tz=Nowhere/Land") || !strings.Contains(text, "no login at the console") {
		t.Errorf("the console says\n%s", text)
	}
}

// TestEditedLine edits an entry's line and works at the root shell that it
// asks for, without a network.
func TestEditedLine(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	disk := swapDisk(t, "spare")
	archivetest.Seat(t)
	r := start(t, qemu.Boot(qemu.CDROM, image.Path), qemu.Data(otherData(t), "theirs"),
		qemu.Extra("-device", "qemu-xhci,id=usb", "-drive", "if=none,id=stick,format=raw,file="+disk))
	s, v := sit(t, r), watch(t, r)
	s.sees("Tab adds boot codes")
	s.presses(downKey, "*Floe")
	s.presses(downKey, "*Floe")
	s.types("e")
	s.sees("goes back without the changes", "superuser base")
	s.types(ctrlN + ctrlN + ctrlN + ctrlE) // past the title, an empty line and the message
	s.types(" nodhcp embed nontp noutc zram=30 swapfile=LABEL=spare waitusb=99 tz=UTC-3 data=none loglevel=5")
	s.types(ctrlX)
	s.sees("# ")
	v.plug("stick") // somebody is late
	s.says("until grep -q sda /proc/swaps; do usleep 100000; done")
	s.says("for i in $(seq 240); do ! [ -e /etc/service/acpid ] || break; sleep 0.25; done; sleep 2")
	for _, tt := range []struct{ name, command, want string }{
		{"superuser", "id -u", "0"},
		{"base", "ls /usr/local/tcz 2>/dev/null | wc -l", "0"},
		{"embed", `awk '$2 == "/" {print $3}' /proc/mounts`, "rootfs"},
		{"nodhcp", "ip -4 addr show eth0 | grep -c inet", "0"},
		{"nontp", "sleep 6; pgrep ntpd | wc -l", "0"},
		{"noutc", "echo $((($(cat /sys/class/rtc/rtc0/since_epoch) - $(date +%s) + 1800) / 3600))", "3"},
		{"swapfile", "awk '/sda/ {print $5}' /proc/swaps", "10"},
		{"data", "blkid /dev/vda | grep -c floe-data; grep -c /dev/vda /proc/mounts", "1\n0"},
		{"loglevel", "cut -f 1 /proc/sys/kernel/printk", "5"},
		{"zram", "awk '/zram/ {print int($3 * 100 / 115000 + 5) / 10 * 10}' /proc/swaps | cut -c 1", "3"},
		{"tz", "date +%z", "+0300"},
		{"problems", "cat /etc/floe/problems 2>/dev/null | wc -l", "0"},
	} {
		if got := s.says(tt.command); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestLoad reads back from an image what its boot loader would load.
func TestLoad(t *testing.T) {
	f := shared()
	spec := f.spec(filepath.Join(t.TempDir(), "floe.iso"))
	spec.BootCodes = []string{"docker=--a 'b c'", "noembed"}
	image, err := f.builder.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	l, err := assemble.Load(t.Context(), image.Path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if a := assemble.ArchOf(image.Path); a != spec.Arch {
		t.Errorf("it is for %q", a)
	}
	if args := assemble.ArgsOf(image.Path); !slices.Equal(args, l.Args) {
		t.Errorf("it boots with %q, and %q is loaded", args, l.Args)
	}
	if n := len(l.Args); n < 3 || l.Args[n-1] != "noembed" || l.Args[n-2] != "docker=--a 'b c'" {
		t.Errorf("the line is %q", l.Args)
	}
	kernel, err := os.ReadFile(l.Kernel)
	if err != nil || len(kernel) < 0x206 || string(kernel[0x202:0x206]) != "HdrS" {
		t.Errorf("%s is no kernel (%v)", l.Kernel, err)
	}
	if len(l.Initrds) != 2 {
		t.Errorf("initrds: %q", l.Initrds)
	}
	if _, err := assemble.Load(t.Context(), l.Kernel, t.TempDir()); fault.Code(err) != int(fault.Usage) {
		t.Errorf("took a kernel for an image: %v", err)
	}
}

// TestFirstDisk leaves the machine to its disk, whose boot sector says hello
// on the serial port.
func TestFirstDisk(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	sector := make([]byte, 1<<20)
	copy(sector, "\x31\xc0"+ // xor ax, ax
		"\x8e\xd8\xfc"+ // mov ds, ax; cld
		"\xbe\x16\x7c"+ // mov si, text
		"\xac\x84\xc0"+ // next: lodsb; test al, al
		"\x74\x06"+ // jz end
		"\xba\xf8\x03\xee"+ // mov dx, 0x3f8; out dx, al
		"\xeb\xf5"+ // jmp next
		"\xf4\xeb\xfd"+ // end: hlt; jmp end
		"hello from the first disk\r\n\x00")
	copy(sector[510:], "\x55\xaa")
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(disk, sector, 0o600); err != nil {
		t.Fatal(err)
	}
	archivetest.Seat(t)
	r := start(t, qemu.Boot(qemu.CDROM, image.Path), qemu.Data(disk, "first"))
	s := sit(t, r)
	s.sees("Tab adds boot codes")
	s.types("d")
	s.sees("hello from the first disk")
}
