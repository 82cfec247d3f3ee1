package assemble_test

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"floe/internal/arch"
)

// checkConfig is moby's own contrib/check-config.sh, as Debian ships it.
const checkConfig = "/usr/share/docker.io/contrib/check-config.sh"

// notThere is what that script may miss: a switch that kernels since 6.1 do not
// have, the programs and the device of a file system that is not in the kernel.
var notThere = []string{"CONFIG_MEMCG_SWAP", "/dev/zfs", "zfs command", "zpool command"}

// askedLater are symbols that later versions of the script ask for.
const askedLater = "IP_NF_RAW IP6_NF_FILTER IP6_NF_MANGLE IP6_NF_NAT IP6_NF_RAW IP6_NF_TARGET_MASQUERADE EXT4_FS_POSIX_ACL"

var missingLine = regexp.MustCompile(`(?m)^[ -]*(.+): missing$`)

// dockerKernel runs moby's script in the machine, which looks at /proc/config.gz
// and at the control groups.
func dockerKernel(b *box) {
	root, err := shared().builder.Tools(b.t.Context(), "checks-moby", "docker.io:"+arch.Host().Debian())
	if err != nil {
		b.t.Fatal(err)
	}
	path, err := root.Path(checkConfig)
	if err != nil {
		b.t.Fatal(err)
	}
	script, err := os.Open(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer script.Close()
	got := b.feed(script, "cat >/tmp/check-config.sh; sh /tmp/check-config.sh; true")
	if n := strings.Count(got, ": enabled"); n < 60 {
		b.t.Errorf("the script found %d symbols:\n%s", n, got)
	}
	for _, want := range []string{"cgroup hierarchy: cgroupv2", "cpuset: available", "apparmor: enabled and tools installed"} {
		if !strings.Contains(got, want) {
			b.t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, m := range missingLine.FindAllStringSubmatch(got, -1) {
		if !slices.Contains(notThere, m[1]) {
			b.t.Errorf("missing: %s", m[1])
		}
	}
	config := b.run("zcat /proc/config.gz")
	for _, s := range strings.Fields(askedLater) {
		if !strings.Contains(config, "\nCONFIG_"+s+"=y\n") {
			b.t.Errorf("the kernel has no %s", s)
		}
	}
}
