#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# accel-nasty.sh - what KVM cannot execute, the translator does: the payload guest/nasty does
# it all, in the translator, under KVM as lodge's policy wants it, and under KVM because an
# operator says so.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-qmp.sh"
board="-machine q35 -cpu max -m 64M -nodefaults -display none -device pc-testdev"

# run NAME PAYLOAD ARGS...: to its end through isa-debug-exit.
run()
{
	name=$1
	payload=$2
	shift 2
	rc=0
	# shellcheck disable=SC2086
	timeout -k 5 "$limit" "$LODGE" "$@" $board -kernel "$payload" -device isa-debug-exit \
		-serial "file:$tmp/serial" </dev/null >"$tmp/log" 2>&1 || rc=$?
	[ "$rc" = 1 ] && grep -q 'NASTY: all well' "$tmp/serial" || {
		vm=
		cat "$tmp/log" "$tmp/serial"
		fail "$name: status $rc"
	}
	echo "$name: all well"
}

# ordered NAME PAYLOAD ARGS...: an operator moves it to KVM before its first instruction.
ordered()
{
	name=$1
	payload=$2
	shift 2
	rm -f "$tmp/serial"
	# shellcheck disable=SC2086
	vm_start -S "$@" $board -kernel "$payload" -serial "file:$tmp/serial"
	qmp x-lodge-set-accel '{"accel":"kvm","force":true}'
	qmp cont
	wait_for "$tmp/serial" 'NASTY: \(all well\|BAD\|FAILED exc\)'
	qmp x-lodge-query-accel
	grep -q 'NASTY: all well' "$tmp/serial" || {
		vm_show
		fail "$name"
	}
	echo "$name: all well: $(echo "$reply" | grep -o '"\(stays\|failures\|bursts\|burst-instructions\|page-table-bursts\)": [0-9]*' | tr '\n' ' ')"
	vm_quit
}

nasty "$tmp/nasty"
run tcg "$tmp/nasty" -accel tcg
need_kvm
run "kvm" "$tmp/nasty" -accel kvm
if [ -n "$kvm_hardware" ]; then
	less=
else
	# Such a KVM raises #UD for opcodes that it does not know, and loses system calls.
	echo "KVM has no hardware behind it: less is asked of it"
	less="-DUSER_SYSCALLS=0"
fi
# shellcheck disable=SC2086
nasty "$tmp/limited" $less
ordered "kvm, chips in user space" "$tmp/limited" -accel kvm,kernel-irqchip=off
ordered "kvm, chips in the kernel" "$tmp/limited" -accel kvm,kernel-irqchip=on
