#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# cli.sh - help everywhere, sentences for mistakes, exit codes, pidfile, signals.
. "$(dirname "$0")/lib.sh"

ok()
{
	timeout "$limit" "$LODGE" "$@" >"$tmp/o" 2>&1 </dev/null || {
		cat "$tmp/o"
		fail "$*: exit status $?"
	}
	[ -s "$tmp/o" ] || fail "$*: prints nothing"
}

# says TEXT ARGS...: fails with exit status 1 and a line that holds TEXT
says()
{
	text=$1
	shift
	timeout "$limit" "$LODGE" "$@" >"$tmp/o" 2>&1 </dev/null
	rc=$?
	[ $rc = 1 ] || fail "$*: exit status $rc"
	grep -q -- "$text" "$tmp/o" || {
		cat "$tmp/o"
		fail "$*: does not say '$text'"
	}
	[ "$(wc -l <"$tmp/o")" = 1 ] || fail "$*: more than one line"
}

ok -help
ok -version
ok run --help
for o in machine accel cpu device netdev object chardev display drive d; do
	ok "-$o" help
done
ok -device virtio-blk-pci,help
says 'did you mean -kernel' -kernal x
says 'needs an argument' -kernel
says 'not supported' -vnc :0
says 'is not supported' -machine nonesuch
says 'is not an accelerator' -accel nonesuch -machine none
says 'nonesuch' -accel qtest -machine q35,nonesuch=1 -kernel /dev/null
says "cannot open kernel '/nonexistent'" -accel qtest -machine q35 -nodefaults -kernel /nonexistent
says 'did you mean virtio-blk-pci' -accel qtest -machine q35 -nodefaults -kernel /nonexistent -device virtio-blk-pcj
says 'maxcpus' -accel qtest -machine q35 -smp 4,maxcpus=2
says 'out of range' -accel qtest -machine q35 -smp 0
says 'between 1M' -accel qtest -machine q35 -m 4T
says 'needs -kernel' -accel qtest -machine microvm -nodefaults
says 'file=' -accel qtest -machine q35 -kernel /nonexistent -nodefaults -drive id=x

# SIGTERM ends the machine cleanly and takes the pid file away.
for sig in TERM INT HUP; do
	timeout "$limit" "$LODGE" -machine none -accel qtest -nodefaults -pidfile "$tmp/pid" >"$tmp/o" 2>&1 &
	vm=$!
	wait_for "$tmp/pid" . || fail "no pid file: $(cat "$tmp/o")"
	kill -"$sig" "$(cat "$tmp/pid")" || fail "no process in the pid file"
	wait $vm || fail "SIG$sig: exit status $?"
	[ ! -e "$tmp/pid" ] || fail "the pid file stays"
done

# -daemonize: the parent ends when everything is up, and nothing holds its pipes.
out=$(timeout "$limit" "$LODGE" -machine none -accel qtest -nodefaults -daemonize -pidfile "$tmp/pid2" \
	-qmp "unix:$tmp/sock,server=on,wait=off" 2>&1) || fail "daemonize: $out"
[ -S "$tmp/sock" ] || fail "daemonize: no socket"
kill "$(cat "$tmp/pid2")" || fail "daemonize: no process"
echo "PASS: command line"
