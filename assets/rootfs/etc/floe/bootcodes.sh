# shellcheck shell=dash disable=SC2034 # the variables are for those who source this
# Boot codes: words of the kernel's command line that are meant for Floe.
# To be sourced; bootcodes_read sets one variable bc_NAME for each code.
#
# Words are split and unquoted as the kernel does it (next_arg in lib/cmdline.c),
# keys match exactly, and no word is ever evaluated: a value is only data. Who
# splits a value into words says "set -f" before, or names of files come out.
# A code that may be repeated has a line for each.
bc_newline='
'

# problem TEXT: tells of what could not be done, on every console, in the kernel's
# log and in a file where it stays to be read. The boot goes on.
problem() {
	announce "PROBLEM: $1"
	echo "$1" >>/etc/floe/problems
	if [ -c /dev/kmsg ]; then
		echo "<4>floe: $1" >/dev/kmsg
	else # /init has no devices yet: late brings it to the log
		echo "$1" >>/etc/floe/early
	fi
}

# disks: sets $disks to the folders of the disks in /sys; 1 if there is none.
disks() {
	set -- /sys/block/[hmnsvx][dmv]*
	[ -e "$1" ] || return 1
	disks=$*
}

# device_of SPEC: sets $device to the block device that is meant by LABEL=NAME,
# UUID=ID, /dev/sdb1 or sdb1; 1 if there is none.
device_of() {
	device=
	case $1 in
	LABEL=* | UUID=*)
		# To a file, and not by $(), for each caller its own.
		findfs "$1" >"/run/device.$$" 2>/dev/null && read -r device <"/run/device.$$"
		rm -f "/run/device.$$"
		;;
	/dev/*) device=$1 ;;
	*) device=/dev/$1 ;;
	esac
	[ -b "$device" ]
}

# seconds_of VALUE DEFAULT: sets $seconds to the seconds that waitusb= says, or to
# those if it says none.
seconds_of() {
	seconds=${1%%:*}
	case $seconds in
	'' | *[!0-9]* | ?????*) seconds=$2 ;;
	esac
	while [ "${seconds#0?}" != "$seconds" ]; do # 08 is no number to the shell
		seconds=${seconds#0}
	done
}

# announce TEXT: tells what whoever stands before a console wants to know, on every
# one that the kernel has been given: the last of them may be none that is looked at.
# Only that one is waited for: somebody may have stopped another by Ctrl-S.
announce() {
	bc_consoles=
	[ ! -r /sys/class/tty/console/active ] || read -r bc_consoles </sys/class/tty/console/active
	bc_last=${bc_consoles##* }
	for bc_console in ${bc_consoles% *}; do
		[ "$bc_console" != "$bc_last" ] || continue
		{ echo "floe: $1"; } >"/dev/$bc_console" 9>&- & # which is a lock of some
	done
	echo "floe: $1" >"/dev/${bc_last:-console}"
}

# device_within SECONDS SPEC: the same as device_of, as soon as it appears.
device_within() {
	seconds_of "$1" 0
	bc_left=$((seconds * 10))
	until device_of "$2"; do
		[ "$bc_left" -gt 0 ] || return 1
		bc_left=$((bc_left - 1))
		usleep 100000
	done
}

# --- from the table of boot codes: go generate ./internal/bootcode ---
# bootcode_set KEY VALUE HAS_VALUE: 0 if KEY is a boot code in its right form, else 1.
bootcode_set() {
	case $3$1 in
	=host) bc_host=$2 ;;
	=user) bc_user=$2 ;;
	=tz) bc_tz=$2 ;;
	=sshkey) bc_sshkey="$bc_sshkey${bc_sshkey:+$bc_newline}$2" ;;
	-superuser) bc_superuser=1 ;;
	-noautologin) bc_noautologin=1 ;;
	-secure) bc_secure=1 ;;
	-base) bc_base=1 ;;
	-showapps) bc_showapps=1 ;;
	-pause) bc_pause=1 ;;
	-multivt) bc_multivt=1 ;;
	-noembed) bc_root=$1 ;;
	-embed) bc_root=$1 ;;
	-cde) bc_cde=1 ;;
	-toram) bc_toram=1 ;;
	=tce) bc_tce=$2 ;;
	=lst) bc_lst=$2 ;;
	=tce.mirror) bc_tce_mirror=$2 ;;
	=waitusb) bc_waitusb=$2 ;;
	=data) bc_data=$2 ;;
	=format) bc_format=$2 ;;
	-norestore) bc_norestore=1 ;;
	-nozswap) bc_nozswap=1 ;;
	=zram) bc_zram=$2 ;;
	=swapfile) bc_swapfile=$2 ;;
	-nodhcp) bc_nodhcp=1 ;;
	=ip) bc_ip="$bc_ip${bc_ip:+$bc_newline}$2" ;;
	=ntpserver) bc_ntpserver=$2 ;;
	-nontp) bc_nontp=1 ;;
	-noutc) bc_noutc=1 ;;
	-syslog) bc_syslog=1 ;;
	=rsyslog) bc_rsyslog=$2 ;;
	=docker) bc_docker=$2 ;;
	=podman) bc_podman=$2 ;;
	=registry-mirror) bc_registry_mirror=$2 ;;
	=proxy) bc_proxy=$2 ;;
	=BOOT_IMAGE) bc_grub=1 ;; # GRUB's note about itself: it quotes with backslashes
	*) return 1 ;;
	esac
}

# bootcodes_clear sets every variable to what it is without a code.
bootcodes_clear() {
	bc_host='' bc_user='' bc_tz='' bc_sshkey='' bc_superuser='' bc_noautologin='' bc_secure=''
	bc_base='' bc_showapps='' bc_pause='' bc_multivt='' bc_root='' bc_cde='' bc_toram='' bc_tce=''
	bc_lst=onboot.lst bc_tce_mirror='' bc_waitusb='' bc_data='' bc_format='' bc_norestore=''
	bc_nozswap='' bc_zram='' bc_swapfile='' bc_nodhcp='' bc_ip='' bc_ntpserver='' bc_nontp=''
	bc_noutc='' bc_syslog='' bc_rsyslog='' bc_docker='' bc_podman='' bc_registry_mirror='' bc_proxy=''
}

# bootcode_wrong KEY: says how a code that bootcode_set did not take is wrong.
bootcode_wrong() {
	case $1 in
	superuser | noautologin | secure | base | showapps | pause | multivt | noembed | embed | cde | toram | norestore | nozswap | nodhcp | nontp | noutc | syslog) echo "boot code $1 takes no value" ;;
	host | user | tz | sshkey | tce | lst | tce.mirror | waitusb | data | format | zram | swapfile | ip | ntpserver | rsyslog | docker | podman | registry-mirror | proxy) echo "boot code $1= wants a value" ;;
	*) return 1 ;;
	esac
}
# --- end of the table ---

# bootcode_next takes the first word off $bc_rest: sets bc_word (raw), bc_key,
# bc_value and bc_eq ("=" or "-": with or without a value). 1 at the end.
bootcode_next() {
	while :; do
		case $bc_rest in
		'') return 1 ;;
		[[:space:]]*) bc_rest=${bc_rest#?} ;;
		*) break ;;
		esac
	done
	# A space inside double quotes does not end a word.
	bc_word=
	while :; do
		bc_part=${bc_rest%%[\"[:space:]]*}
		bc_word=$bc_word$bc_part
		bc_rest=${bc_rest#"$bc_part"}
		case $bc_rest in
		\"*\"*)
			bc_rest=${bc_rest#?}
			bc_word=$bc_word\"${bc_rest%%\"*}\"
			bc_rest=${bc_rest#*\"}
			;;
		\"*) # never closed: the rest of the line
			bc_word=$bc_word$bc_rest
			bc_rest=
			;;
		*) break ;;
		esac
	done
	# "key=a b" and key="a b" are the same; other quotes stay.
	bc_key=$bc_word
	case $bc_key in
	\"*)
		bc_key=${bc_key#?}
		bc_key=${bc_key%\"}
		;;
	esac
	bc_eq=- bc_value=
	case $bc_key in
	?*=*)
		bc_eq='='
		bc_value=${bc_key#*=}
		bc_key=${bc_key%%=*}
		case $bc_value in
		\"*)
			bc_value=${bc_value#?}
			bc_value=${bc_value%\"}
			;;
		esac
		case $bc_grub$bc_value in
		1*\\*) bootcode_unescape ;;
		esac
		;;
	esac
}

# bootcode_unescape takes off $bc_value the backslashes that GRUB puts before
# quotes and backslashes (lib/cmdline.c of its source).
bootcode_unescape() {
	bc_left=$bc_value bc_value=
	while :; do
		case $bc_left in
		*\\[\"\'\\]*) ;;
		*) break ;;
		esac
		bc_part=${bc_left%%\\[\"\'\\]*}
		bc_left=${bc_left#"$bc_part"?}
		bc_part=$bc_part${bc_left%"${bc_left#?}"}
		bc_left=${bc_left#?}
		bc_value=$bc_value$bc_part
	done
	bc_value=$bc_value$bc_left
}

# bootcodes_line reads the command line into bc_rest.
bootcodes_line() {
	bc_rest='' bc_grub=''
	[ ! -r "${bc_cmdline:=/proc/cmdline}" ] || read -r bc_rest <"$bc_cmdline" || :
}

# bootcodes_read sets the variables of all codes.
bootcodes_read() {
	bootcodes_clear
	bootcodes_line
	while bootcode_next; do
		bootcode_set "$bc_key" "$bc_value" "$bc_eq" || :
	done
}

# bootcodes_unknown WORDS...: names each word that neither the kernel nor Floe
# knows, and codes in the wrong form, on lines of its output. WORDS are the first
# program's arguments: what the kernel did not take. What has a value is in the
# environment instead, which ash reads without the zero bytes between; looking
# for "key=value" in it is good enough for a hint.
bootcodes_unknown() {
	bc_environ=
	read -r bc_environ <"${bc_environ_file:-/proc/self/environ}" 2>/dev/null || :
	bootcodes_clear
	bootcodes_line
	while bootcode_next; do
		bootcode_set "$bc_key" "$bc_value" "$bc_eq" && continue
		bootcode_wrong "$bc_key" && continue
		bc_found=
		if [ "$bc_eq" = '=' ]; then
			case $bc_environ in
			*"$bc_key=$bc_value"*) bc_found=1 ;;
			esac
		else
			for bc_arg; do
				[ "$bc_arg" != "$bc_key" ] || bc_found=1
			done
		fi
		[ -z "$bc_found" ] || echo "unknown boot code: $bc_word"
	done
}
