package kernel

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"floe/internal/arch"
)

func merged(t *testing.T, a arch.Arch) []Request {
	t.Helper()
	frags, err := Fragments(a)
	if err != nil {
		t.Fatal(err)
	}
	reqs, err := Merge(frags)
	if err != nil {
		t.Fatal(err)
	}
	return reqs
}

// The fragments of every architecture can be read, ask for nothing twice, and
// ask for nothing that cannot be.
func TestFragments(t *testing.T) {
	name := regexp.MustCompile(`^[A-Z0-9][A-Z0-9_]*[a-z0-9_A-Z]*$`)
	for _, a := range arch.All() {
		for _, r := range merged(t, a) {
			if !name.MatchString(r.Symbol) {
				t.Errorf("%s: %s.config:%d: %q is no name of a symbol", a, r.Fragment, r.Line, r.Symbol)
			}
			if r.Value == "m" {
				t.Errorf("%s: %s is asked for as a module", a, r.Symbol)
			}
		}
	}
}

func TestParseFragment(t *testing.T) {
	text := "# words\n\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"a \\\"b\\\"\"\nCONFIG_D=0x10\n#\n"
	got, err := ParseFragment("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Request{
		{"A", "y", "x", 3, "CONFIG_A=y"}, {"B", "n", "x", 4, "# CONFIG_B is not set"},
		{"C", `a "b"`, "x", 5, `CONFIG_C="a \"b\""`}, {"D", "0x10", "x", 6, "CONFIG_D=0x10"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	for _, bad := range []string{"CONFIG_A", "CONFIG_A = y", "A=y", "#CONFIG_A is not set\nx", "# CONFIG_A is not sett", "# CONFIG_A=y"} {
		if _, err := ParseFragment("x", []byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestMergeRefusesDoubles(t *testing.T) {
	frags := []Fragment{
		{Name: "one", Requests: []Request{{Symbol: "A", Value: "y", Fragment: "one", Line: 1}}},
		{Name: "two", Requests: []Request{{Symbol: "A", Value: "n", Fragment: "two", Line: 7}}},
	}
	_, err := Merge(frags)
	if err == nil || !strings.Contains(err.Error(), "one.config, line 1") || !strings.Contains(err.Error(), "two.config, line 7") {
		t.Errorf("error: %v", err)
	}
}

func TestConfigCheck(t *testing.T) {
	conf, err := ParseConfig([]byte("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_S=\"x\"\nCONFIG_N=64\nCONFIG_E=\"\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var missed []string
	for _, m := range conf.Check([]Request{
		{Symbol: "A", Value: "y"}, {Symbol: "A", Value: "n"}, {Symbol: "B", Value: "n"}, {Symbol: "B", Value: "y"},
		{Symbol: "S", Value: "x"}, {Symbol: "N", Value: "64"}, {Symbol: "N", Value: "32"}, {Symbol: "GONE", Value: "y"},
		{Symbol: "E", Value: ""},
	}) {
		missed = append(missed, m.Symbol+"="+m.Value+" got "+m.Got)
	}
	if got, want := strings.Join(missed, "; "), "A=n got y; B=y got n; N=32 got 64; GONE=y got n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What moby's contrib/check-config.sh asks for on a host with Linux 6.12 and
// cgroup v2, in its own order. What it asks of other kernels only (cgroup v1,
// versions before 5.8) is left out, and so is MEMCG_SWAP: Linux 6.1 made it a
// part of MEMCG.
var (
	checkConfigNecessary = strings.Fields(`
		NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CGROUPS CGROUP_SCHED KEYS
		VETH BRIDGE BRIDGE_NETFILTER
		IP_NF_FILTER IP_NF_MANGLE IP_NF_TARGET_MASQUERADE
		IP6_NF_FILTER IP6_NF_MANGLE IP6_NF_TARGET_MASQUERADE
		NETFILTER_XT_MATCH_ADDRTYPE NETFILTER_XT_MATCH_CONNTRACK NETFILTER_XT_MATCH_IPVS NETFILTER_XT_MARK
		IP_NF_RAW IP_NF_NAT NF_NAT IP6_NF_RAW IP6_NF_NAT
		POSIX_MQUEUE CGROUP_BPF`)
	checkConfigOptional = strings.Fields(`
		USER_NS SECCOMP SECCOMP_FILTER CGROUP_PIDS CGROUP_HUGETLB MEMCG CPUSETS CGROUP_FREEZER CGROUP_DEVICE CGROUP_CPUACCT
		BLK_CGROUP BLK_DEV_THROTTLING CGROUP_PERF NET_CLS_CGROUP CGROUP_NET_PRIO CFS_BANDWIDTH FAIR_GROUP_SCHED
		IP_NF_TARGET_REDIRECT IP_VS IP_VS_NFCT IP_VS_PROTO_TCP IP_VS_PROTO_UDP IP_VS_RR
		SECURITY_SELINUX SECURITY_APPARMOR
		EXT4_USE_FOR_EXT2 EXT4_FS EXT4_FS_POSIX_ACL EXT4_FS_SECURITY
		VXLAN BRIDGE_VLAN_FILTERING
		CRYPTO CRYPTO_AEAD CRYPTO_GCM CRYPTO_SEQIV CRYPTO_GHASH XFRM XFRM_USER XFRM_ALGO INET_ESP NETFILTER_XT_MATCH_BPF
		IPVLAN MACVLAN DUMMY NF_NAT_FTP NF_CONNTRACK_FTP NF_NAT_TFTP NF_CONNTRACK_TFTP
		BTRFS_FS BTRFS_FS_POSIX_ACL OVERLAY_FS`)
	// What dockerd's and netavark's own nftables rules, and iptables-nft,
	// need beside it.
	nftables = strings.Fields(`
		NF_TABLES NF_TABLES_INET NF_TABLES_IPV4 NF_TABLES_IPV6 NFT_COMPAT
		NFT_CT NFT_FIB_INET NFT_FIB_IPV4 NFT_FIB_IPV6 NFT_LIMIT NFT_LOG NFT_MASQ NFT_NAT NFT_NUMGEN NFT_HASH
		NFT_REDIR NFT_REJECT NFT_QUOTA NETFILTER_XT_NAT NETFILTER_XT_TARGET_MASQUERADE NETFILTER_XT_MATCH_COMMENT
		NETFILTER_XT_MATCH_MULTIPORT NETFILTER_XT_MATCH_STATISTIC NETFILTER_XT_TARGET_REDIRECT`)
)

func TestCheckConfig(t *testing.T) {
	for _, a := range arch.All() {
		asked := map[string]string{}
		for _, r := range merged(t, a) {
			asked[r.Symbol] = r.Value
		}
		for _, list := range [][]string{checkConfigNecessary, checkConfigOptional, nftables} {
			for _, s := range list {
				if asked[s] != "y" {
					t.Errorf("%s: CONFIG_%s=y is not asked for", a, s)
				}
			}
		}
	}
}

// What the Kernel Self Protection Project recommends and the fragments leave
// out must be named in a comment there, with its reason.
var kspp = map[arch.Arch]struct{ on, off []string }{
	arch.AMD64: {
		on: strings.Fields(`
			RANDOMIZE_MEMORY X86_KERNEL_IBT X86_USER_SHADOW_STACK X86_UMIP LEGACY_VSYSCALL_NONE
			AMD_IOMMU INTEL_IOMMU INTEL_IOMMU_DEFAULT_ON INTEL_IOMMU_SVM
			MITIGATION_PAGE_TABLE_ISOLATION MITIGATION_RETPOLINE MITIGATION_RETHUNK MITIGATION_SLS MITIGATION_SRSO
			MITIGATION_GDS MITIGATION_RFDS MITIGATION_SPECTRE_BHI MITIGATION_ITS MITIGATION_TSA`),
		off: strings.Fields(`IA32_EMULATION X86_X32_ABI MODIFY_LDT_SYSCALL COMPAT_VDSO`),
	},
	arch.ARM64: {
		on: strings.Fields(`
			UNMAP_KERNEL_AT_EL0 MITIGATE_SPECTRE_BRANCH_HISTORY RODATA_FULL_DEFAULT_ENABLED ARM64_SW_TTBR0_PAN
			ARM64_PAN ARM64_EPAN ARM64_PTR_AUTH ARM64_PTR_AUTH_KERNEL ARM64_BTI ARM64_BTI_KERNEL ARM64_MTE ARM64_E0PD
			SHADOW_CALL_STACK`),
		off: strings.Fields(`COMPAT`),
	},
}

var ksppEverywhere = struct{ on, off []string }{
	on: strings.Fields(`
		BUG STRICT_KERNEL_RWX DEBUG_WX STACKPROTECTOR STACKPROTECTOR_STRONG SYN_COOKIES
		DEBUG_NOTIFIERS DEBUG_LIST DEBUG_SG DEBUG_VIRTUAL LIST_HARDENED BUG_ON_DATA_CORRUPTION SCHED_STACK_END_CHECK SCHED_CORE
		SECCOMP SECCOMP_FILTER SECURITY SECURITY_YAMA SECURITY_LANDLOCK SECURITY_LOCKDOWN_LSM SECURITY_LOCKDOWN_LSM_EARLY
		LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY HARDENED_USERCOPY SLAB_FREELIST_RANDOM SLAB_FREELIST_HARDENED SLAB_BUCKETS
		RANDOM_KMALLOC_CACHES SHUFFLE_PAGE_ALLOCATOR SLUB_DEBUG INIT_ON_ALLOC_DEFAULT_ON INIT_ON_FREE_DEFAULT_ON
		INIT_STACK_ALL_ZERO PAGE_TABLE_CHECK PAGE_TABLE_CHECK_ENFORCED KFENCE VMAP_STACK FORTIFY_SOURCE SECURITY_DMESG_RESTRICT
		UBSAN UBSAN_TRAP UBSAN_BOUNDS ZERO_CALL_USED_REGS RESET_ATTACK_MITIGATION EFI_DISABLE_PCI_DMA
		RANDOMIZE_BASE RANDOMIZE_KSTACK_OFFSET_DEFAULT PANIC_ON_OOPS IOMMU_SUPPORT IOMMU_DEFAULT_DMA_STRICT
		STATIC_USERMODEHELPER HW_RANDOM_TPM RANDSTRUCT_FULL GCC_PLUGIN_STACKLEAK GCC_PLUGIN_LATENT_ENTROPY CFI_CLANG
		PROC_MEM_NO_FORCE BPF_UNPRIV_DEFAULT_OFF BPF_JIT_ALWAYS_ON`),
	off: strings.Fields(`
		DEVMEM PROC_KCORE COMPAT_BRK LDISC_AUTOLOAD LEGACY_PTYS LEGACY_TIOCSTI KEXEC HIBERNATION MODULES
		BINFMT_MISC INET_DIAG SECURITY_SELINUX_BOOTPARAM SECURITY_SELINUX_DEVELOP
		UBSAN_SHIFT UBSAN_UNREACHABLE UBSAN_BOOL UBSAN_ENUM SLAB_MERGE_DEFAULT`),
}

func TestKSPP(t *testing.T) {
	for _, a := range arch.All() {
		frags, err := Fragments(a)
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]string{}
		for _, r := range merged(t, a) {
			asked[r.Symbol] = r.Value
		}
		var comments strings.Builder
		for _, f := range frags {
			for line := range strings.Lines(string(f.Text)) {
				if strings.HasPrefix(line, "#") && !unsetLine.MatchString(strings.TrimSpace(line)) {
					comments.WriteString(line)
				}
			}
		}
		for want, list := range map[string][]string{
			"y": append(kspp[a].on, ksppEverywhere.on...),
			"n": append(kspp[a].off, ksppEverywhere.off...),
		} {
			for _, s := range list {
				explained := regexp.MustCompile(`\b` + s + `\b`).MatchString(comments.String())
				if asked[s] != want && !explained {
					t.Errorf("%s: %s: recommended %s, asked for %q, and no comment says why", a, s, want, asked[s])
				}
			}
		}
	}
}

// The key changes with every setting, and with nothing that has no influence.
func TestKeyParts(t *testing.T) {
	seen := map[string]string{}
	for _, a := range arch.All() {
		parts, err := KeyParts(a, "", epoch)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p.Value == "" {
				t.Errorf("%s: part %q is empty", a, p.Name)
			}
			if p.Name == "configuration" && seen[p.Value] != "" {
				t.Errorf("%s and %s have the same configuration", a, seen[p.Value])
			}
			seen[p.Value] = a.String()
		}
	}
	for _, prefix := range []string{"", "some-"} {
		parts, err := KeyParts(arch.ARM64, prefix, epoch)
		if err != nil {
			t.Fatal(err)
		}
		made := slices.IndexFunc(parts, func(p Part) bool { return p.Name == "make" })
		if named := strings.Contains(parts[made].Value, "CROSS_COMPILE=some-"); named != (prefix != "") {
			t.Errorf("%q: %s", prefix, parts[made].Value)
		}
	}
	parse := func(text string) string {
		reqs, err := ParseFragment("x", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return string(settings(reqs))
	}
	if parse("# why\nCONFIG_B=y\n\nCONFIG_A=\"t\"\n") != parse("CONFIG_A=\"t\"\nCONFIG_B=y\n# because\n") {
		t.Error("comments or order change the settings")
	}
	if got, want := parse("CONFIG_B=y\n# CONFIG_A is not set\nCONFIG_C=\"t\"\n"), "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=\"t\"\n"; got != want {
		t.Errorf("settings %q, want %q", got, want)
	}
}
