#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# badkvm.sh - a KVM that is not there, not allowed or not KVM, and accelerator options that
# make no sense: one clear sentence and exit status 1; 'kvm:tcg' goes on with the translator.
. "$(dirname "$0")/lib.sh"

base="-machine q35 -m 64M -nodefaults -display none -S"

# starts TEXT COMMAND...: comes up (and is ended by QMP), says TEXT on the way
starts()
{
	text=$1
	shift
	printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"quit"}' |
		timeout "$limit" "$@" -qmp stdio >"$tmp/o" 2>&1 || {
		cat "$tmp/o"
		fail "$*: exit status $?"
	}
	grep -q '"QMP"' "$tmp/o" || fail "$*: no greeting"
	grep -qi -- "$text" "$tmp/o" || {
		cat "$tmp/o"
		fail "$*: does not say '$text'"
	}
}

# ---- options ----
# shellcheck disable=SC2086
{
	says "unknown option 'nonesuch'" "$LODGE" $base -accel tcg,nonesuch=1
	says "unknown option 'nonesuch'" "$LODGE" $base -accel kvm,nonesuch=1
	says "unknown option 'fallback'" "$LODGE" $base -accel tcg,fallback=off
	says "'nonesuch' is not an accelerator" "$LODGE" $base -accel nonesuch
	says "'nonesuch' is not an accelerator" "$LODGE" $base -accel tcg:nonesuch
	says "'nonesuch' is not an accelerator" "$LODGE" $base -accel tcg -accel nonesuch
	says "'nonesuch' is not an accelerator" "$LODGE" $base -machine accel=nonesuch
	says 'exclude each other' "$LODGE" $base -machine accel=tcg -enable-kvm
	says 'exclude each other' "$LODGE" $base -machine accel=tcg -accel tcg
	says "'engine' does not accept" "$LODGE" $base -accel tcg,engine=nonesuch
	says 'out of range' "$LODGE" $base -accel tcg -smp 100000
	says 'between 1M and 1T' "$LODGE" $base -accel tcg -m 100T
	says 'address bits' "$LODGE" $base -accel tcg -m 1T
	says 'no such model' "$LODGE" $base -accel tcg -cpu nonesuch
	says 'no such feature' "$LODGE" $base -accel tcg -cpu max,+nonesuch
	says 'this accelerator lacks: .*avx512f' "$LODGE" $base -accel tcg -cpu max,+avx512f,enforce
	says 'needs -accel kvm' "$LODGE" $base -accel tcg -cpu host
	starts '"QMP"' "$LODGE" $base -accel tcg -accel kvm
	starts 'accelerator ' "$LODGE" $base -accel auto
}
"$LODGE" -accel help | grep -q '^  tcg$' || fail "-accel help"
"$LODGE" -accel tcg,help | grep -q 'tb-size' || fail "-accel tcg,help"
"$LODGE" -accel kvm,help | grep -q 'fallback' || fail "-accel kvm,help"
"$LODGE" -accel kvm:tcg,help | grep -q 'tb-size' || fail "-accel kvm:tcg,help"

# ---- another /dev/kvm: in a mount namespace of its own ----
if ! unshare -m sh -c 'mount -t tmpfs none /mnt' 2>/dev/null; then
	echo "PASS: options (not tried: /dev/kvm missing or forbidden: no mount namespaces here)"
	exit 0
fi
cat >"$tmp/without" <<END
#!/bin/sh
# without KIND ARGS...: lodge where /dev/kvm is KIND
kind=\$1
shift
exec unshare -m sh -c '
	mount -t tmpfs none /dev || exit 99
	mknod /dev/null c 1 3; mknod /dev/zero c 1 5; mknod /dev/urandom c 1 9
	case \$1 in
	missing) ;;
	null) mknod /dev/kvm c 1 3 ;;
	file) : >/dev/kvm ;;
	nomodule) mknod /dev/kvm c 10 254 ;;
	esac
	shift
	exec "$LODGE" "\$@"' sh "\$kind" "\$@"
END
chmod 755 "$tmp/without"
# shellcheck disable=SC2086
if "$tmp/without" missing -version >/dev/null 2>&1; then
	says 'load the kvm module' "$tmp/without" missing $base -accel kvm
	says 'load the kvm module' "$tmp/without" missing $base -enable-kvm
	says 'load the kvm module' "$tmp/without" missing $base -machine accel=kvm
	starts 'using accelerator tcg (kvm: /dev/kvm does not exist' "$tmp/without" missing $base \
		-accel kvm:tcg
	starts 'using accelerator tcg' "$tmp/without" missing $base -accel kvm -accel tcg
	starts 'using accelerator tcg' "$tmp/without" missing $base -machine accel=kvm:tcg
	starts 'accelerator tcg (the translator): /dev/kvm does not exist' \
		"$tmp/without" missing $base -accel auto
	says "is not KVM's device" "$tmp/without" file $base -accel kvm
	if "$tmp/without" null $base -accel kvm 2>&1 | grep -q 'ermission'; then
		echo "(devices in a namespace are not allowed here)"
	else
		says "is not KVM's device" "$tmp/without" null $base -accel kvm
		says 'no kvm module serves it' "$tmp/without" nomodule $base -accel kvm
	fi
fi

# ---- not allowed ----
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null 2>&1; then
	cp "$LODGE" "$tmp/lodge"
	chmod 755 "$tmp" "$tmp/lodge"
	cat >"$tmp/as-nobody" <<END
#!/bin/sh
exec unshare -m sh -c '
	mount -t tmpfs none /dev && mknod -m 600 /dev/kvm c 10 232 && mknod -m 666 /dev/null c 1 3
	exec setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/lodge" "\$@"' sh "\$@"
END
	chmod 755 "$tmp/as-nobody"
	if "$tmp/as-nobody" -version >/dev/null 2>&1; then
		# shellcheck disable=SC2086
		says 'permission denied: add yourself to group kvm' "$tmp/as-nobody" $base -accel kvm
		# shellcheck disable=SC2086
		starts 'permission denied' "$tmp/as-nobody" $base -accel kvm:tcg
	fi
fi

# ---- a KVM that works, asked for too much ----
if [ -r /dev/kvm ] && [ -w /dev/kvm ] && "$LODGE" $base -accel kvm -pidfile /dev/full 2>&1 |
	grep -q 'No space'; then
	# shellcheck disable=SC2086
	{
		says 'this accelerator lacks' "$LODGE" $base -accel kvm -cpu max,+avx512f,+sse4a,+svm,enforce
		says 'CPUs at most' "$LODGE" $base -accel kvm -smp 4000
		says 'address bits' "$LODGE" $base -accel kvm -m 1T
		says 'does not accept value' "$LODGE" $base -accel kvm,kernel-irqchip=maybe
		says "expects 'on' or 'off'" "$LODGE" $base -accel kvm,fallback=maybe
	}
	# The vCPUs' files do not fit. (A warning about their number may come first.)
	(
		ulimit -n 24
		# shellcheck disable=SC2086
		timeout "$limit" "$LODGE" $base -accel kvm -smp 16 2>&1 | tail -n 1 | grep -q 'too many open files'
	) || fail "too few open files allowed: not said"
fi
echo "PASS: KVM that refuses"
