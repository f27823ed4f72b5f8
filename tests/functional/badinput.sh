#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# badinput.sh - what a person gets wrong: each time one clear sentence and exit status 1.
. "$(dirname "$0")/lib.sh"

base="-accel qtest -machine q35 -m 64M -nodefaults -display none"

# bad TEXT ARGS...: what says() does, on a board
bad()
{
	text=$1
	shift
	# shellcheck disable=SC2086
	says "$text" "$LODGE" $base "$@"
}

# A kernel as far as its header goes.
kernel=$tmp/kernel
tests/fuzz/seeds "$tmp/seeds" || fail "no seeds"
cp "$tmp/seeds/boot/bzimage" "$kernel"

# missing file
bad 'no such file' -kernel "$tmp/none"
bad 'no such file' -kernel "$kernel" -initrd "$tmp/none"
bad 'no such file' -kernel "$kernel" -drive "file=$tmp/none,if=virtio,format=raw"
bad 'no such file' -kernel "$kernel" -blockdev "driver=file,node-name=n,filename=$tmp/none"
bad 'no such file' -kernel "$kernel" -serial "file:$tmp/none/x"
bad 'no such file' -kernel "$kernel" -pidfile "$tmp/none/x"
bad 'no such file' -kernel "$kernel" -chardev "socket,id=c,path=$tmp/none"
says 'no such file' "$LODGE" run "$tmp/none"

# unknown option, device, property
bad 'did you mean -kernel' -kernle x
says 'unknown option --nonesuch' "$LODGE" run "$kernel" --nonesuch
says 'unknown option --nonesuch' "$LODGE" run "$kernel" --nonesuch x
says 'needs a value' "$LODGE" run "$kernel" --memory
bad 'nonesuch' -kernel "$kernel" -device nonesuch
bad 'nonesuch' -kernel "$kernel" -device virtio-rng-pci,nonesuch=1
bad 'nonesuch' -kernel "$kernel" -device virtio-blk-pci,drive=nonesuch
bad 'nonesuch' -kernel "$kernel" -netdev nonesuch,id=n
bad 'nonesuch' -kernel "$kernel" -chardev nonesuch,id=c
bad 'nonesuch' -kernel "$kernel" -blockdev driver=nonesuch,node-name=n
bad 'nonesuch' -kernel "$kernel" -cpu nonesuch

# truncated or wrong kernel
head -c 1500 "$kernel" >"$tmp/cut"
bad 'truncated' -kernel "$tmp/cut"
head -c 900 "$kernel" >"$tmp/cut"
bad "$tmp/cut\|truncated" -kernel "$tmp/cut"
head -c 100 "$kernel" >"$tmp/cut"
bad "$tmp/cut" -kernel "$tmp/cut"
: >"$tmp/empty"
bad "$tmp/empty" -kernel "$tmp/empty"
bad 'regular file' -kernel "$tmp"
head -c 70000 /dev/urandom >"$tmp/noise"
bad "$tmp/noise" -kernel "$tmp/noise"

# busy port: a first machine listens, a second one wants the same
port=$((20000 + $$ % 20000))
for _ in 1 2 3 4 5 6 7 8; do
	timeout "$limit" "$LODGE" -machine none -accel qtest -nodefaults -display none \
		-pidfile "$tmp/pid" -qmp "tcp:127.0.0.1:$port,server=on,wait=off" >"$tmp/first" 2>&1 &
	vm=$!
	wait_for "$tmp/pid" . && break
	port=$((port + 13))
done
[ -s "$tmp/pid" ] || fail "no first machine: $(cat "$tmp/first")"
bad 'in use' -kernel "$kernel" -qmp "tcp:127.0.0.1:$port,server=on,wait=off"
bad 'in use' -kernel "$kernel" -chardev "socket,id=c,host=127.0.0.1,port=$port,server=on,wait=off"
"$LODGE" -netdev help 2>&1 | grep -q user &&
	bad 'in use' -kernel "$kernel" -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$port-:22"
kill "$(cat "$tmp/pid")"
wait $vm

# full disk
[ ! -c /dev/full ] || bad 'no space left' -kernel "$kernel" -pidfile /dev/full

# no permission: root may do everything, so the file is in the way of somebody else
: >"$tmp/secret"
chmod 0 "$tmp/secret"
if [ "$(id -u)" != 0 ]; then
	bad 'permission denied' -kernel "$tmp/secret"
	bad 'permission denied' -kernel "$kernel" -drive "file=$tmp/secret,if=virtio,format=raw"
elif command -v setpriv >/dev/null 2>&1; then
	# The program may lie where nobody can reach it: a copy.
	cp "$LODGE" "$tmp/lodge"
	chmod 755 "$tmp"
	LODGE=$tmp/lodge
	cat >"$tmp/as-nobody" <<-END
		#!/bin/sh
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/lodge" "\$@"
	END
	chmod 755 "$tmp/as-nobody"
	if "$tmp/as-nobody" -version >/dev/null 2>&1; then
		LODGE=$tmp/as-nobody
		bad 'permission denied' -kernel "$tmp/secret"
		bad 'permission denied' -kernel "$kernel" -drive "file=$tmp/secret,if=virtio,format=raw"
	fi
fi
echo "PASS: mistakes"
