package assemble_test

import "strings"

// dockerSymbols are what moby's contrib/check-config.sh looks for, by its own
// headings. Not there: MEMCG_SWAP, which kernels since 6.1 have no switch for,
// and what it asks of cgroup v1 alone.
var dockerSymbols = map[string]string{
	"necessary": `NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CGROUPS CGROUP_CPUACCT CGROUP_DEVICE CGROUP_FREEZER CGROUP_SCHED
		CPUSETS MEMCG KEYS VETH BRIDGE BRIDGE_NETFILTER IP_NF_FILTER IP_NF_MANGLE IP_NF_TARGET_MASQUERADE IP6_NF_FILTER
		IP6_NF_MANGLE IP6_NF_TARGET_MASQUERADE NETFILTER_XT_MATCH_ADDRTYPE NETFILTER_XT_MATCH_CONNTRACK
		NETFILTER_XT_MATCH_IPVS NETFILTER_XT_MARK IP_NF_RAW IP_NF_NAT NF_NAT IP6_NF_RAW IP6_NF_NAT POSIX_MQUEUE CGROUP_BPF`,
	"optional": `USER_NS SECCOMP SECCOMP_FILTER CGROUP_PIDS BLK_CGROUP BLK_DEV_THROTTLING CGROUP_PERF CGROUP_HUGETLB
		NET_CLS_CGROUP CGROUP_NET_PRIO CFS_BANDWIDTH FAIR_GROUP_SCHED IP_NF_TARGET_REDIRECT IP_VS IP_VS_NFCT
		IP_VS_PROTO_TCP IP_VS_PROTO_UDP IP_VS_RR SECURITY_SELINUX SECURITY_APPARMOR EXT4_FS EXT4_FS_POSIX_ACL
		EXT4_FS_SECURITY`,
	"network drivers": `VXLAN BRIDGE_VLAN_FILTERING CRYPTO CRYPTO_AEAD CRYPTO_GCM CRYPTO_SEQIV CRYPTO_GHASH XFRM XFRM_USER
		XFRM_ALGO INET_ESP NETFILTER_XT_MATCH_BPF IPVLAN MACVLAN DUMMY NF_NAT_FTP NF_CONNTRACK_FTP NF_NAT_TFTP
		NF_CONNTRACK_TFTP`,
	"storage drivers": `BTRFS_FS BTRFS_FS_POSIX_ACL OVERLAY_FS`,
}

// dockerKernel looks for each symbol in the kernel that runs.
func dockerKernel(b *box) {
	config := b.run("zcat /proc/config.gz")
	for heading, symbols := range dockerSymbols {
		for _, s := range strings.Fields(symbols) {
			if !strings.Contains(config, "\nCONFIG_"+s+"=y\n") {
				b.t.Errorf("%s: the kernel has no %s", heading, s)
			}
		}
	}
}
