#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pause.sh - a machine is stopped for seconds: its guest sees no time go by, on any clock, and no
# watchdog of its own barks. With every accelerator that works here. The guest's span lies inside
# one of this host's, which the pause is taken from: how slow either is makes no difference.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-qmp.sh"
need_guest
mkfifo "$tmp/keys"
exec 4<>"$tmp/keys"

# pause ARGS...
pause()
{
	unseen=$(cs)
	# shellcheck disable=SC2154
	vm_start "$@" -cpu max -m 256M -nodefaults -display none -no-reboot \
		-chardev "file,id=tty,path=$tmp/serial,input-path=$tmp/keys" -serial chardev:tty \
		-kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
		-append "console=ttyS0 quiet panic=-1 lodge.test=boot,pause"
	wait_for "$tmp/serial" 'LODGE: looking' && begin=$unseen &&
		wait_for "$tmp/serial" 'LODGE: pausing' || {
		! grep -q 'test_pause: not found' "$tmp/serial" || skip "the guest is old: run ./quickstart guest"
		vm_show
		fail "$*: the guest did not come up"
	}
	qmp stop
	stopped=$(cs)
	sleep 10
	stopped=$(($(cs) - stopped))
	qmp cont
	echo >&4
	wait_for "$tmp/serial" 'LODGE: saw' || :
	span=$(($(cs) - begin))
	vm_wait
	saw=$(sed -n 's/.*LODGE: saw \([0-9]*\).*/\1/p' "$tmp/serial")
	# Half of the pause is for clocks that do not agree how long a second is.
	[ "$rc" = 0 ] && [ "${saw:-$span}" -lt $((span - stopped / 2)) ] &&
		grep -q 'LODGE: wall agrees' "$tmp/serial" && grep -q 'LODGE: trouble 0' "$tmp/serial" || {
		vm_show
		fail "$*: status $rc, of $span hundredths of a second, $stopped stopped, it saw ${saw:-?}"
	}
	echo "$1 $2: of $span hundredths of a second, $stopped stopped, it saw $saw"
	rm -f "$tmp/serial"
}

pause -accel tcg -machine q35
if [ -c /dev/kvm ] && [ -w /dev/kvm ]; then
	pause -accel kvm -machine q35 -smp 2
	pause -accel kvm -machine microvm
fi
echo "PASS"
