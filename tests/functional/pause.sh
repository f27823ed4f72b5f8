#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pause.sh - a machine is stopped for seconds: its guest sees no time go by, on any clock, and no
# watchdog of its own barks. With every accelerator that works here.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-qmp.sh"
need_guest

# pause ARGS...
pause()
{
	# shellcheck disable=SC2154
	vm_start "$@" -cpu max -m 256M -nodefaults -display none -no-reboot -serial "file:$tmp/serial" \
		-kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
		-append "console=ttyS0 quiet panic=-1 lodge.test=boot,pause"
	wait_for 100 "$tmp/serial" 'LODGE: pausing' || {
		! grep -q 'test_pause: not found' "$tmp/serial" || skip "the guest is old: run ./quickstart guest"
		vm_show
		fail "$*: the guest did not come up"
	}
	qmp stop
	sleep 6
	qmp cont
	wait_for 60 "$tmp/serial" 'LODGE: done' || :
	vm_wait
	gap=$(sed -n 's/.*LODGE: gap \([0-9]*\).*/\1/p' "$tmp/serial")
	[ "$rc" = 0 ] && [ "${gap:-999}" -lt 300 ] && grep -q 'LODGE: trouble 0' "$tmp/serial" &&
		grep -q 'LODGE: drift [-]*[01]' "$tmp/serial" || {
		vm_show
		fail "$*: status $rc, the longest gap ${gap:-?} hundredths of a second"
	}
	echo "$1 $2: longest gap $gap hundredths of a second, $(sed -n 's/.*LODGE: clock/clock/p' "$tmp/serial")"
	rm -f "$tmp/serial"
}

pause -accel tcg -machine q35
if [ -c /dev/kvm ] && [ -w /dev/kvm ]; then
	pause -accel kvm -machine q35 -smp 2
	pause -accel kvm -machine microvm
fi
echo "PASS"
