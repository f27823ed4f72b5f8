#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# reboot.sh - a guest reboot loads kernel and tables anew; -no-reboot ends instead.
. "$(dirname "$0")/lib.sh"
need_guest
guest -machine q35 -cpu max -m 256M -nodefaults -nographic -no-reboot -serial stdio \
	-kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
	-append "console=ttyS0 quiet panic=-1 lodge.test=boot lodge.end=reboot"
[ "$rc" = 0 ] || {
	show
	fail "exit status $rc"
}
expect cpus 1
# Without it the guest comes up again: two reports, then we end it.
timeout -k 5 "$limit" "$LODGE" -accel "$LODGE_ACCEL" -machine q35 -cpu max -m 256M -nodefaults -nographic \
	-serial "file:$tmp/serial" -kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
	-append "console=ttyS0 quiet panic=-1 lodge.test=boot lodge.end=reboot" >"$tmp/err" 2>&1 &
vm=$!
twice=yes
wait_for "$tmp/serial" 'LODGE: done' 2 || twice=
kill -TERM $vm 2>/dev/null
wait $vm
rc=$?
[ -n "$twice" ] || {
	cat "$tmp/err"
	tail -n 30 "$tmp/serial"
	fail "the guest did not come up a second time"
}
[ $rc = 0 ] || fail "SIGTERM: exit status $rc"
echo "PASS: reboot"
