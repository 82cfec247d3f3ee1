# shellcheck shell=dash disable=SC2154,SC2034 # tce-load, which sources this, has the variables
# How tce-load downloads packages.

# fetch_list: gets the mirror's list, once.
fetch_list() {
	[ -z "$listed_now" ] || return "$listed_now"
	listed_now=1
	mirror_of packages.sha256 || return 1
	new=$tce/dir/packages.sha256
	mkdir -p "$tce/dir"
	if ! wget -q -T 30 -O "$new.new" "$url" || ! wget -q -T 30 -O "$new.new.sig" "$url.sig"; then
		why="cannot download $url and its signature"
		! full || why="there is no room for $url"
		rm -f "$new.new" "$new.new.sig"
		say "$why"
		return 1
	fi
	if ! trusted "$new.new"; then
		rm -f "$new.new" "$new.new.sig"
		refuse "REFUSED: $url is not signed by a key that this image was built with (see $keys)"
		return 1
	fi
	# The one of before stays: by it, what was downloaded then is right.
	if [ -s "$new" ] && ! cmp -s "$new" "$new.new"; then
		keep_list mv "$new"
	fi
	lasting "$new.new" "$new.new.sig"
	mv "$new.new" "$new" && mv "$new.new.sig" "$new.sig"
	gathered='' listed_now=0
}

# mirror FILE: sets $url.
mirror_of() {
	url=$bc_tce_mirror
	[ -n "$url" ] || [ ! -s "$root/etc/floe/mirror" ] || read -r url <"$root/etc/floe/mirror"
	if [ -z "$url" ]; then
		say 'no mirror: boot with tce.mirror=URL, or write it to /etc/floe/mirror'
		return 1
	fi
	url=${url%/}/$1
}

# download NAME [HERE]: sets $found. What arrives is worth nothing until its sum is
# right, and where there is one, unless it is newer: an old list has a good signature, too.
download() {
	listed "$1" || return 1
	mirror_of "$1.tcz" || return 1
	mkdir -p "$tce/dir/optional"
	found=$tce/dir/optional/$1.tcz from=$url
	if ! wget -q -T 30 -O "$found.part" "$from"; then
		! full || from="$from: there is no room for it"
		rm -f "$found.part"
		say "$1: cannot download $from"
		return 1
	fi
	# The mirror may have a newer one than the list of the last time knows.
	if ! right "$1" "$found.part" && ! { fetch_list && right "$1" "$found.part"; }; then
		rm -f "$found.part"
		refuse "$1: REFUSED: $from is not the package that this image knows (wrong sha256)"
		return 1
	fi
	if [ -n "$2" ] && ! newer "$found.part" "$2"; then
		rm -f "$found.part"
		say "$1: what the mirror has is another one, and no newer; $2 stays"
		found=$2
		return 0
	fi
	lasting "$found.part"
	mv "$found.part" "$found"
	wget -q -T 30 -O "$found.dep" "$from.dep" 2>/dev/null || rm -f "$found.dep"
	[ ! -e "$installed/$1" ] || say "$1: a newer one is kept; the one that is loaded stays until the next boot"
}

# superseded NAME: has the mirror another one than the one whose sum is $sum?
superseded() {
	# What is loaded would only take memory until it is forgotten.
	[ ! -e "$installed/$1" ] || [ -L "$tce/dir" ] || return 1
	[ -n "$bc_tce_mirror" ] || [ -s "$root/etc/floe/mirror" ] || return 1
	fetch_list && in_list "$tce/dir/packages.sha256" "$1" && ! in_list "$tce/dir/packages.sha256" "$1" "$sum"
}

# fetch NAME: downloads it and what it depends on, without loading anything: what is
# not there, and what the mirror has a newer one of.
fetch() {
	case " $unfetched " in
	*" $1 "*) return 1 ;;
	esac
	case " $fetched " in
	*" $1 "*) return 0 ;;
	esac
	fetched="$fetched $1"
	fetch_now "$1" || {
		unfetched="$unfetched $1"
		return 1
	}
}

fetch_now() {
	local here
	if ! find_package "$1" || ! right "$1" "$found"; then
		download "$1" || return 1
	elif here=$found && superseded "$1" && ! download "$1" "$here"; then
		found=$here # better than none
	fi
	# The .dep file is not signed for; a wrong one costs at most a package less.
	[ ! -r "$found.dep" ] || while read -r dep; do
		valid "${dep%.tcz}" && fetch "${dep%.tcz}" || return 1
	done <"$found.dep"
}
