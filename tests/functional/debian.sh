#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# debian.sh - a full Debian boots to its login prompt, compiles, computes, keeps its data on
# disks, talks over user networking, port forwards and a tap, and powers off cleanly.
#
#   LODGE_DEBIAN_IMAGE   raw image of one ext4 file system: systemd, a serial getty, gcc,
#                        python3, fio, wget, openssh-server, eth0 by DHCP. The file is copied.
#                        Beside it: vmlinuz, initrd.img, and key (ssh, authorised for root).
#   LODGE_DEBIAN_LIMIT   seconds for the boot (default 300)
#   LODGE_DEBIAN_SMP     processors (default 2)
#
# Everything happens in a network namespace of its own: ports and the tap disturb no one.
. "$(dirname "$0")/lib.sh"
image=${LODGE_DEBIAN_IMAGE:-}
[ -n "$image" ] || skip "LODGE_DEBIAN_IMAGE names no Debian image"
where=$(dirname "$image")
for f in "$image" "$where/vmlinuz" "$where/initrd.img" "$where/key"; do
	[ -r "$f" ] || skip "cannot read $f"
done
need unshare ip ssh python3 sha256sum e2fsck timeout
ping=ping
command -v ping >/dev/null 2>&1 || {
	need busybox
	ping="busybox ping"
}
if [ -z "${LODGE_DEBIAN_INSIDE:-}" ]; then
	as=-n
	[ "$(id -u)" = 0 ] || as=-rn
	unshare $as true 2>/dev/null || skip "no network namespaces for this user"
	cleanup
	LODGE_DEBIAN_INSIDE=1 exec unshare $as "$0" "$@"
fi
limit=${LODGE_DEBIAN_LIMIT:-300}
start=$(date +%s)
vm=
web=
debian_end()
{
	[ -z "$vm" ] || kill -KILL "$vm" 2>/dev/null
	[ -z "$web" ] || kill "$web" 2>/dev/null
	cleanup
}
trap debian_end EXIT

passed()
{
	echo "ok: $* ($(($(date +%s) - start)) s)"
}

failed()
{
	tail -n 40 "$tmp/serial" 2>/dev/null | tr -d '\r'
	cat "$tmp/err" 2>/dev/null
	fail "$*"
}

# inside SECONDS COMMAND: runs the command in the guest
inside()
{
	timeout -k 5 "$1" ssh -q -i "$tmp/key" -p 2222 -o StrictHostKeyChecking=no -o BatchMode=yes \
		-o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 root@127.0.0.1 "$2" </dev/null
}

# same NAME WANTED GOT
same()
{
	[ "$2" = "$3" ] || failed "$1 is '$3', not '$2'"
	passed "$1"
}

ip link set lo up || skip "cannot bring up a network namespace"
ip tuntap add dev tap0 mode tap 2>/dev/null || skip "no tap devices here"
ip addr add 10.9.0.1/24 dev tap0
ip link set tap0 up
cp --sparse=always "$image" "$tmp/root.raw"
truncate -s 256M "$tmp/second.raw"
install -m 600 "$where/key" "$tmp/key"
mkdir "$tmp/www"
head -c 67108864 /dev/urandom >"$tmp/www/file"
sum=$(sha256sum <"$tmp/www/file" | cut -c1-64)
python3 -m http.server --bind 127.0.0.1 --directory "$tmp/www" 8000 >"$tmp/web" 2>&1 &
web=$!

"$LODGE" -machine q35 -accel "$LODGE_ACCEL" -cpu max -smp "${LODGE_DEBIAN_SMP:-2}" -m 1G \
	-nodefaults -nographic -serial "file:$tmp/serial" \
	-kernel "$where/vmlinuz" -initrd "$where/initrd.img" \
	-append "console=ttyS0 root=/dev/vda rw net.ifnames=0" \
	-blockdev "driver=file,node-name=d0,filename=$tmp/root.raw" -device virtio-blk-pci,drive=d0 \
	-blockdev "driver=file,node-name=d1,filename=$tmp/second.raw" -device virtio-blk-pci,drive=d1 \
	-netdev user,id=n0,hostfwd=tcp:127.0.0.1:2222-:22 -device virtio-net-pci,netdev=n0 \
	-netdev tap,id=n1,ifname=tap0,script=no,downscript=no \
	-device virtio-net-pci,netdev=n1,mac=52:54:00:12:34:57 \
	-device virtio-rng-pci </dev/null >"$tmp/err" 2>&1 &
vm=$!
wait_for "$tmp/serial" 'login: ' || {
	kill -0 $vm 2>/dev/null || failed "lodge ended before the login prompt"
	failed "no login prompt after $limit s"
}
passed "login prompt"

i=0
until inside 90 true; do
	kill -0 $vm 2>/dev/null || failed "lodge ended before ssh worked"
	[ $i -lt 5 ] || failed "ssh through the port forward does not work"
	sleep 3
	i=$((i + 1))
done
passed "ssh through a port forward"
same "number of processors" "${LODGE_DEBIAN_SMP:-2}" "$(inside 60 nproc)"
same "compiled program" "sum 499999500000" "$(inside 180 'cd /tmp && cat >t.c <<E
#include <stdio.h>
int main(void)
{
	long s = 0;
	for (long i = 0; i < 1000000; i++)
		s += i;
	printf("sum %ld\\n", s);
	return 0;
}
E
gcc -O2 -Wall -o t t.c && ./t')"
same "python3" "1.4142135623730951 3628800 b10a8db164e0754105b7a99be72e3fe5" "$(inside 120 \
	'python3 -c "import math,hashlib
print(2**.5, math.factorial(10), hashlib.md5(b\"Hello World\").hexdigest())"')"

# 256 MiB of a pattern that both sides can make
pattern='python3 -c "import sys
b = bytes((i * 7 + (i >> 8)) & 255 for i in range(1 << 16))
for i in range(4096): sys.stdout.buffer.write(i.to_bytes(4, \"little\") + b[4:])"'
want=$(sh -c "$pattern" | sha256sum | cut -c1-64)
same "sha256sum of 256 MiB" "$want" \
	"$(inside 400 "$pattern >/root/big && sync && sha256sum </root/big | cut -c1-64; rm -f /root/big")"

inside 400 'fio --name=v --filename=/dev/vdb --rw=randwrite --bsrange=4k-64k --size=64M --direct=1 \
	--ioengine=libaio --iodepth=16 --verify=crc32c --do_verify=1 --verify_fatal=1' \
	>"$tmp/fio" 2>&1 || {
	cat "$tmp/fio"
	failed "fio --verify"
}
passed "fio --verify=crc32c on a second disk"
same "64 MiB over HTTP" "$sum" \
	"$(inside 300 'wget -q -O - http://10.0.2.2:8000/file | sha256sum | cut -c1-64')"

inside 60 'ip addr add 10.9.0.2/24 dev eth1 && ip link set eth1 up' || failed "eth1"
$ping -q -c 5 -W 10 10.9.0.2 >"$tmp/ping" 2>&1 || {
	cat "$tmp/ping"
	failed "no ping over the tap"
}
passed "ping over a tap"

inside 60 'systemctl poweroff --no-block' || true
(sleep 180; kill -KILL $vm) 2>/dev/null &
dog=$!
rc=0
wait $vm || rc=$?
vm=
kill $dog 2>/dev/null
[ $rc = 0 ] || failed "poweroff: exit status $rc"
passed "poweroff"
e2fsck -fn "$tmp/root.raw" >"$tmp/fsck" 2>&1 || {
	cat "$tmp/fsck"
	failed "the file system is not clean"
}
passed "fsck"
echo "PASS: debian"
