# shellcheck shell=dash disable=SC2154,SC2034 # tce-load, which sources this, has the variables
# What tce-load does with a package that is mounted: makes links to its files, copies its
# settings, adds its users and starts its services.

# merge NAME: makes its files appear in /usr and /etc.
merge() {
	local from="$mounts/$1" file at
	# What is there already stays, but for applets: two packages may bring the
	# same library, and /etc is the person's.
	graft -rs "$from" usr || return 1
	[ ! -d "$from/etc" ] || { renew "$1" && graft -rP "$from" etc; } || return 1
	# Where programs look for their loader on some architectures.
	[ ! -d "$root/usr/lib64" ] || [ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
	# A program of a package wins over the applet of the same name, which is
	# replaced in one step: somebody may be starting it just now. That comes last,
	# for it needs the libraries, and by applets, for ln or mv may be among them.
	for file in "$from"/usr/bin/*; do
		at=$root/usr/bin/${file##*/}
		[ -e "$at" ] || continue
		case ${file##*/} in
		sh | init | busybox | sudo | mount | umount) continue ;;
		esac
		if [ "$at" -ef "$root/usr/bin/busybox" ] || [ "$at" -ef "$root/usr/bin/dropbear" ]; then
			busybox ln -sf "$file" "$at.tcz" && busybox mv -f "$at.tcz" "$at" || return 1
		fi
	done
}

# graft HOW FROM DIR: copies (-rP) or links (-rs) what is not there yet. Only folders
# that are there are looked into, so this starts few programs.
graft() {
	local how="$1" from="$2" dir="$3" at="$root/$3" file
	set --
	for file in "$from/$dir"/* "$from/$dir"/.[!.]*; do
		if [ ! -e "$file" ] && [ ! -L "$file" ]; then
			continue
		elif [ -d "$file" ] && [ ! -L "$file" ] && [ -d "$at/${file##*/}" ]; then
			graft "$how" "$from" "$dir/${file##*/}" || return 1
		elif [ ! -e "$at/${file##*/}" ] && [ ! -L "$at/${file##*/}" ]; then
			set -- "$@" "$file"
		fi
	done
	[ $# != 0 ] || return 0
	case $dir in # see "restore" in /etc/init.d/data
	etc/docker* | etc/container* | etc/ssh* | etc/dropbear*)
		if [ -L "$tce/dir" ]; then
			# What starts without them may be what makes room.
			settle "$at" "$@" || say "the data disk has no room for settings in $dir"
			return 0
		fi
		;;
	esac
	cp "$how" -t "$at" "$@"
}

# settle DIR FILE...: copies settings into a folder that may be on the data disk, each
# whole or not at all, for the power may go.
settle() {
	local at="$1" new="$1/.tcz" file
	shift
	rm -rf "$new"
	if ! mkdir "$new" || ! cp -rP -t "$new" "$@" || ! sync -f "$new"; then
		rm -rf "$new"
		return 1
	fi
	for file; do
		mv "$new/${file##*/}" "$at" || return 1
	done
	rmdir "$new"
}

# renew NAME: settings on the data disk that are as the package once brought them give
# way to those that it brings by now. What somebody has changed stays.
renew() {
	local list="$tce/dir/settings/$1" sum file
	[ -L "$tce/dir" ] || return 0
	(cd "$mounts/$1/etc" && find . -type f -exec sha256sum {} +) >"$tce/settings"
	! cmp -s "$tce/settings" "$list" || return 0
	[ ! -e "$list" ] || ! full || return 0 # those of before are better than none
	[ ! -r "$list" ] || while read -r sum file; do
		grep -q -x -F "$sum  $file" "$tce/settings" ||
			! echo "$sum  $root/etc/$file" | sha256sum -c -s 2>/dev/null || rm "$root/etc/$file"
	done <"$list"
	mkdir -p "$tce/dir/settings"
	if ! { cp "$tce/settings" "$list.new" && lasting "$list.new" && mv "$list.new" "$list"; } 2>/dev/null; then
		say "$1: the disk has no room to remember its settings"
	fi
}

# accounts NAME: adds the groups and users that it wants.
accounts() {
	local person word a b c d members
	read -r person <"$root/etc/floe/user"
	while read -r word a b c d; do
		case $word in
		group)
			members=
			for c in $c $d; do
				[ "$c" != @user ] || c=$person
				members="$members${members:+,}$c"
			done
			has "$a" "$root/etc/group" && continue
			[ "$b" != - ] || free_id "$a:group"
			echo "$a:*:$b:$members" >>"$root/etc/group"
			;;
		user)
			has "$a" "$root/etc/passwd" && continue
			[ "$b" != - ] || free_id "$a"
			case $c in
			*[!0-9]*)
				id_of "$c" "$root/etc/group" || id=65534
				c=$id
				;;
			esac
			echo "$a:*:$b:$c:$a:$d:/usr/bin/false" >>"$root/etc/passwd"
			;;
		subids)
			for c in subuid subgid; do
				has "$person" "$root/etc/$c" || echo "$person:100000:65536" >>"$root/etc/$c"
			done
			;;
		esac
	done <"$mounts/$1/usr/share/floe/$1"
}

# has NAME FILE: is there a line of NAME in a file like /etc/passwd?
has() {
	[ -e "$2" ] || return 1
	while IFS=: read -r first _; do
		[ "$first" != "$1" ] || return 0
	done <"$2"
	return 1
}

# free_id NAME: sets $b to an id that no group and no user has. A data disk remembers
# it: files there may belong to it.
free_id() {
	ids=$tce/dir/ids
	mkdir -p "$tce/dir"
	[ ! -r "$ids" ] || while read -r b first; do
		[ "$first" != "$1" ] || return 0
	done <"$ids"
	b=900
	while grep -q "^[^:]*:[^:]*:$b:" "$root/etc/group" "$root/etc/passwd" || grep -q "^$b " "$ids" 2>/dev/null; do
		b=$((b + 1))
	done
	if echo "$b $1" 2>/dev/null >>"$ids"; then
		lasting "$ids"
	else
		say "$1: its id $b cannot be kept for the next boot"
	fi
}

# id_of NAME FILE: sets $id to what a file like /etc/group says.
id_of() {
	while IFS=: read -r first _ id _; do
		[ "$first" != "$1" ] || return 0
	done <"$2"
	return 1
}

# services NAME: starts its services, and what keeps them running, at once:
# runsvdir would look for new ones every five seconds only.
services() {
	local word a
	while read -r word a; do
		[ "$word" = service ] || continue
		[ ! -e "$root/run/service/$a" ] || continue
		[ -d "$root/run/service" ] || mkdir -p "$root/run/service"
		ln -s "/etc/sv/$a" "$root/run/service/$a"
		[ -n "$root" ] || (
			echo 0 >/sys/fs/cgroup/init.scope/cgroup.procs # and not where whoever asked is
			exec env -i PATH="$PATH" HOME=/root setsid runsv "/run/service/$a"
		) </dev/null >/dev/console 2>&1 8<&- 9>&- &
	done <"$mounts/$1/usr/share/floe/$1"
}
