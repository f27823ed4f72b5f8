#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# accel-fail.sh - -accel kvm,fallback=off: what KVM can't execute stops the machine with the
# registers and the instruction; it can be inspected and reset, and nothing spins.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-qmp.sh"
nasty "$tmp/nasty" -DUSER_SYSCALLS=0
need_kvm
vm_start -accel kvm,fallback=off -machine q35 -cpu max -m 64M -nodefaults -display none \
	-device pc-testdev -serial "file:$tmp/serial" -kernel "$tmp/nasty"
wait_for "$tmp/qmp" '"event": "STOP"' || {
	vm_show
	fail "no STOP"
}
qmp query-status
case $reply in *'"internal-error"'*) ;; *) fail "status is $reply" ;; esac
grep -q 'internal error 1: it cannot execute this instruction: at 0x[0-9a-f]*: [a-z]' "$tmp/log" ||
	grep -q 'internal error.*at 0x[0-9a-f]*: (bytes' "$tmp/log" || {
	vm_show
	fail "the instruction is not named"
}
grep -q '^RAX=' "$tmp/log" || fail "no registers in the report"
lines=$(wc -l <"$tmp/log")
qmp cont
case $reply in *'"error"'*) ;; *) fail "cont was taken: $reply" ;; esac
qmp x-lodge-set-accel '{"accel":"tcg"}'
case $reply in *'"error"'*fallback*) ;; *) fail "the translator is not there: $reply" ;; esac
qmp human-monitor-command '{"command-line":"info registers"}'
case $reply in *RIP=*) ;; *) fail "no registers: $reply" ;; esac
# It does not spin: no CPU time, no more lines.
pid=$(pgrep -P "$vm" | head -n 1)
t0=$(awk '{ print $14 + $15 }' "/proc/${pid:-$vm}/stat")
sleep 1
t1=$(awk '{ print $14 + $15 }' "/proc/${pid:-$vm}/stat")
[ $((t1 - t0)) -le 10 ] || fail "it uses the processor: $((t1 - t0)) ticks in a second"
[ "$(wc -l <"$tmp/log")" = "$lines" ] || fail "it goes on talking"
# A reset makes a new machine of it, which runs into the same.
qmp system_reset
qmp query-status
sleep 0.3
qmp cont
wait_for "$tmp/qmp" '"event": "RESET"' || fail "no RESET"
wait_for "$tmp/qmp" '"event": "STOP"' 2 || {
	vm_show
	fail "it did not stop again"
}
qmp query-status
case $reply in *'"internal-error"'*) ;; *) fail "status after the reset is $reply" ;; esac
vm_quit
[ "$rc" = 0 ] || fail "exit status $rc"

# A triple fault is a reset, or the end with -no-reboot; under whatever executes the guest.
nasty "$tmp/triple" -DTRIPLE_FAULT
for args in "-accel tcg" "-accel kvm" "-accel kvm,fallback=off" "-accel kvm,kernel-irqchip=on"; do
	rm -f "$tmp/serial"
	# shellcheck disable=SC2086
	vm_start -S $args -machine q35 -cpu max -m 64M -nodefaults -display none -no-reboot \
		-serial "file:$tmp/serial" -kernel "$tmp/triple"
	case $args in *on) qmp x-lodge-set-accel '{"accel":"kvm","force":true}' ;; esac
	qmp cont
	wait_for "$tmp/qmp" '"SHUTDOWN".*"guest-reset"' || {
		vm_show
		fail "$args: a triple fault is no shutdown"
	}
	vm_wait
	[ "$rc" = 0 ] || fail "$args: exit status $rc after a triple fault"
	[ "$(grep -c 'triple fault' "$tmp/serial")" = 1 ] || fail "$args: it went on"
done
echo "PASS"
