#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hotcpu.sh [BOARD] - the stock kernel gets a CPU while it runs, works on it, gives it back when
# it is asked to, gets it again, and keeps it over a reset.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-qmp.sh"
board=${1:-q35}
need_guest
# Where the new one is: 2 sockets, the second one is empty.
place='"socket-id":1,"core-id":0,"thread-id":0'

# guest_says TEXT TIMES: its serial line shows it so often
guest_says()
{
	wait_for "$tmp/serial" "LODGE: $1\|test_hotcpu: not found" "$2" || {
		vm_show
		fail "not seen $2 times: $1"
	}
	! grep -q 'test_hotcpu: not found' "$tmp/serial" || {
		vm_quit
		skip "the guest is old: run ./quickstart guest"
	}
}
ok()
{
	qmp "$@"
	case $reply in *'"error"'*) vm_show; fail "$1: $reply" ;; esac
}
refused() # PATTERN COMMAND...
{
	refused_want=$1
	shift
	qmp "$@"
	case $reply in *'"error"'*$refused_want*) ;; *) fail "$*: $reply" ;; esac
}
plug()
{
	ok device_add "{\"driver\":\"max-x86_64-cpu\",\"id\":\"$1\",$place}"
}
deleted() # TIMES
{
	wait_for "$tmp/qmp" DEVICE_DELETED "$1" || {
		vm_show
		fail "no DEVICE_DELETED"
	}
}

vm_start -accel "$LODGE_ACCEL" -machine "$board" -cpu max -smp 1,maxcpus=2,sockets=2,cores=1,threads=1 -m 512M -nodefaults \
	-display none -serial "file:$tmp/serial" -kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
	-append "console=ttyS0 quiet panic=-1 lodge.test=hotcpu"
ok query-hotpluggable-cpus
case $reply in *'"socket-id": 1'*'"socket-id": 0'*cpu?0*) ;; *) fail "$reply" ;; esac
guest_says 'boot cpus 1' 1

refused 'CPU core-id is not set' device_add '{"driver":"max-x86_64-cpu","socket-id":1}'
refused 'must be in range 0:1' device_add '{"driver":"max-x86_64-cpu","socket-id":2,"core-id":0,"thread-id":0}'
refused 'exists' device_add '{"driver":"max-x86_64-cpu","socket-id":0,"core-id":0,"thread-id":0}'
refused "expected cpu type: 'max-x86_64-cpu'" device_add "{\"driver\":\"qemu64-x86_64-cpu\",$place}"
refused 'DeviceNotFound' device_del '{"id":"new"}'

plug new
refused 'exists' device_add "{\"driver\":\"max-x86_64-cpu\",$place}"
guest_says 'works 1' 1
ok query-cpus-fast
case $reply in *'/machine/peripheral/new'*) ;; *) fail "$reply" ;; esac
ok device_del '{"id":"new"}'
deleted 1
guest_says 'gone 1' 1
ok query-cpus-fast
case $reply in *peripheral*) fail "$reply" ;; esac

plug again
guest_says 'works 1' 2
# A reset keeps it, and the next kernel finds it among its first.
ok system_reset
guest_says 'boot cpus 2' 1
guest_says 'works 1' 3
ok device_del '{"id":"again"}'
deleted 2
guest_says 'gone 1' 2
# One that should leave, and a reset comes: it is gone.
plug third
guest_says 'works 1' 4
ok stop
ok device_del '{"id":"third"}'
ok system_reset
ok cont
deleted 3
guest_says 'boot cpus 1' 2
refused "Boot CPU is unpluggable" device_del '{"id":"/machine/unattached/cpu[0]"}'
vm_quit
[ "$rc" = 0 ] || {
	vm_show
	fail "status $rc"
}

# Before it runs: on the command line, and by QMP in a machine that waits. Both are there from the
# kernel's first line on. No id is given twice.
vm_start -accel "$LODGE_ACCEL" -machine "$board" -cpu max -smp 1,maxcpus=3,cores=1 -m 512M -nodefaults -S \
	-display none -serial "file:$tmp/serial" -kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
	-append "console=ttyS0 quiet panic=-1 lodge.test=hotcpu" \
	-device max-x86_64-cpu,id=cold,socket-id=2,core-id=0,thread-id=0
refused 'Duplicate device ID' device_add "{\"driver\":\"max-x86_64-cpu\",\"id\":\"cold\",$place}"
refused 'Duplicate device ID' device_add '{"driver":"virtio-rng-pci","id":"cold"}'
plug waits
ok cont
guest_says 'boot cpus 3' 1
vm_quit

vm_start -accel qtest -machine microvm -smp 1,maxcpus=2 -m 64M -nodefaults -display none -S -kernel "$LODGE_GUEST/vmlinuz"
refused 'not supported' device_add "{\"driver\":\"max-x86_64-cpu\",$place}"
refused 'does not support hot-plugging CPUs' query-hotpluggable-cpus
vm_quit
echo "PASS"
