# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# lib.sh - for the functional tests: where things are, skips, guests that report.
#
#   LODGE        the program under test (default: ./lodge of the build directory)
#   LODGE_GUEST  directory with vmlinuz, initrd and disk.img (./quickstart guest makes it)
#   LODGE_ACCEL  accelerator (default tcg)
#   LODGE_LIMIT  seconds after which a program is taken to hang (default 600: far more than
#                a slow machine needs)
set -u

skip()
{
	echo "SKIP: $*"
	exit 77
}

fail()
{
	echo "FAIL: $*"
	exit 1
}

LODGE=${LODGE:-$PWD/lodge}
LODGE_GUEST=${LODGE_GUEST:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lodge}
LODGE_ACCEL=${LODGE_ACCEL:-tcg}
limit=${LODGE_LIMIT:-600}
[ -x "$LODGE" ] || skip "no program $LODGE"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/lodge-test.XXXXXX")
httpd=
cleanup()
{
	[ -z "$httpd" ] || kill "$httpd" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# says TEXT COMMAND...: exit status 1 and one line that holds TEXT
says()
{
	text=$1
	shift
	timeout "$limit" "$@" >"$tmp/o" 2>&1 </dev/null
	rc=$?
	[ $rc = 1 ] || {
		cat "$tmp/o"
		fail "$*: exit status $rc"
	}
	grep -qi -- "$text" "$tmp/o" || {
		cat "$tmp/o"
		fail "$*: does not say '$text'"
	}
	[ "$(wc -l <"$tmp/o")" = 1 ] || {
		cat "$tmp/o"
		fail "$*: more than one line"
	}
}

# Hundredths of a second since this host's boot.
cs()
{
	read -r cs_up _ </proc/uptime
	echo "${cs_up%.*}${cs_up#*.}"
}

# wait_for FILE PATTERN [TIMES]: until so many lines have it; false if process $vm ends first. Sets
# $unseen to the latest cs() at which they were not there.
wait_for()
{
	wait_n=0
	while wait_look=$(cs) && ! wait_has "$@"; do
		# shellcheck disable=SC2034
		unseen=$wait_look
		kill -0 "$vm" 2>/dev/null || break
		wait_n=$((wait_n + 1))
		[ "$wait_n" -lt $((limit * 20)) ] || return 1
		sleep 0.05
	done
	wait_has "$@"
}
wait_has()
{
	wait_lines=$(grep -c "$2" "$1" 2>/dev/null)
	[ "${wait_lines:-0}" -ge "${3:-1}" ]
}

need()
{
	for p in "$@"; do
		command -v "$p" >/dev/null 2>&1 || skip "$p is not installed"
	done
}

need_guest()
{
	for f in vmlinuz initrd disk.img; do
		[ -r "$LODGE_GUEST/$f" ] || skip "no $LODGE_GUEST/$f: run ./quickstart guest"
	done
}

# A web server on 127.0.0.1, which guests reach as 10.0.2.2; sets $port.
serve()
{
	need busybox
	mkdir -p "$tmp/www"
	head -c 300000 /dev/urandom >"$tmp/www/file"
	port=$((20000 + $$ % 20000))
	for _ in 1 2 3 4 5; do
		busybox httpd -f -p "127.0.0.1:$port" -h "$tmp/www" &
		httpd=$!
		until busybox wget -q -O "$tmp/got" "http://127.0.0.1:$port/file" 2>/dev/null; do
			kill -0 "$httpd" 2>/dev/null || break
			sleep 0.1
		done
		cmp -s "$tmp/got" "$tmp/www/file" && return
		kill "$httpd" 2>/dev/null
		port=$((port + 7))
	done
	fail "no web server could be started"
}

# guest ARGS...: runs the program, output in $tmp/out; sets $rc.
guest()
{
	rc=0
	timeout -k 5 "$limit" "$LODGE" -accel "$LODGE_ACCEL" "$@" </dev/null >"$tmp/out" 2>&1 || rc=$?
	tr -d '\r' <"$tmp/out" >"$tmp/lines"
}

# The value after "LODGE: KEY ".
said()
{
	sed -n "s/^.*LODGE: $1 //p" "$tmp/lines" | head -n 1
}

show()
{
	tail -n 60 "$tmp/lines"
}

expect()
{
	got=$(said "$1")
	[ "$got" = "$2" ] || {
		show
		fail "$1 is '$got', not '$2'"
	}
}
