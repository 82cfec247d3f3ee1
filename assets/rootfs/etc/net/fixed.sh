# shellcheck shell=dash disable=SC2034,SC2154 # $bc_ip is of bootcodes.sh; who sources this reads the others
# Which fixed address, of ip=, is meant for which network card. To be sourced
# after bootcodes.sh, with "set -f".
#
# A code that names its card is for that one; several may name the same. Of the
# others, a single one goes to the first card that has a link. Of several, the
# first goes to the first card, the second to the second: in the kernel's order,
# without the cards that are named. IPv4 and IPv6 count apart, so that a card
# can have one of each.

# bits_of MASK: sets bits to the length of a mask such as 255.255.255.0.
bits_of() {
	bits=0
	octets=$1.
	while [ -n "$octets" ]; do
		case ${octets%%.*} in
		255) bits=$((bits + 8)) ;;
		254) bits=$((bits + 7)) ;;
		252) bits=$((bits + 6)) ;;
		248) bits=$((bits + 5)) ;;
		240) bits=$((bits + 4)) ;;
		224) bits=$((bits + 3)) ;;
		192) bits=$((bits + 2)) ;;
		128) bits=$((bits + 1)) ;;
		esac
		octets=${octets#*.}
	done
	[ "$bits" != 0 ] || bits=24 # no mask given
}

# address_of ITEM: takes the value of an ip= apart, into $addr, $gw, $dns and
# $card; $kind is 4 or 6. 1 if it is none.
#   ADDR/LEN[,GW[,DNS...]][@IF]
#   CLIENT:SERVER:GW:MASK:HOST:IF:AUTOCONF:DNS:DNS   (the kernel's own form)
# In the kernel's form $addr may be empty: that card asks by DHCP.
address_of() {
	dns='' card='' gw='' kind=4
	case $1 in
	*,* | */* | *@*)
		card=${1##*@}
		[ "$card" != "$1" ] || card=
		rest=${1%@*},
		addr=${rest%%,*} rest=${rest#*,}
		gw=${rest%%,*} rest=${rest#*,}
		while [ -n "$rest" ]; do
			dns="$dns ${rest%%,*}" rest=${rest#*,}
		done
		;;
	*:*:*)
		rest=$1:::::::::
		addr=${rest%%:*} rest=${rest#*:}
		rest=${rest#*:}
		gw=${rest%%:*} rest=${rest#*:}
		if [ -n "$addr" ]; then
			bits_of "${rest%%:*}"
			addr=$addr/$bits
		fi
		rest=${rest#*:}
		rest=${rest#*:}
		card=${rest%%:*} rest=${rest#*:}
		rest=${rest#*:}
		dns="${rest%%:*} ${rest#*:}"
		dns=${dns%%:*}
		;;
	*) return 1 ;; # "yes" and the like
	esac
	case $addr in
	*:*) kind=6 ;;
	esac
}

# is_named CARD: does a code name that card?
is_named() {
	for word in $bc_ip; do
		case $word in
		*"@$1" | *:*:*:*:*:"$1":* | *:*:*:*:*:"$1") return 0 ;;
		esac
	done
	return 1
}

# free_cards [INDEX]: sets $count to how many wired cards no code names; with
# INDEX, only those that the kernel has found before the card of that number.
free_cards() {
	count=0
	set +f
	for dir in /sys/class/net/*/device; do
		dir=${dir%/device}
		if [ ! -e "$dir/ifindex" ] || [ -e "$dir/phy80211" ]; then
			continue
		fi
		read -r index <"$dir/ifindex"
		[ -z "$1" ] || [ "$index" -lt "$1" ] || continue
		is_named "${dir##*/}" || count=$((count + 1))
	done
	set -f
}

# place_of ITEM: sets $place to which of the codes without a card it is, of its
# kind, and $places to how many these are. It takes ITEM apart as well.
place_of() {
	place=0 places=0
	address_of "$1"
	this=$kind
	for word in $bc_ip; do
		if ! address_of "$word" || [ -z "$addr" ] || [ -n "$card" ] || [ "$kind" != "$this" ]; then
			continue
		fi
		places=$((places + 1))
		[ "$word" != "$1" ] || place=$places
	done
	address_of "$1"
}

# meant_for IF ITEM: is this address for this card?
meant_for() {
	if [ -n "$card" ]; then
		[ "$card" = "$1" ]
		return
	fi
	! is_named "$1" || return 1
	place_of "$2"
	if [ "$places" = 1 ]; then # the first one with a link takes it
		(set -C && echo "$1" >/run/net/static) 2>/dev/null || {
			read -r first </run/net/static
			[ "$first" = "$1" ]
		}
		return
	fi
	read -r own <"/sys/class/net/$1/ifindex"
	free_cards "$own"
	[ "$place" = $((count + 1)) ]
}
