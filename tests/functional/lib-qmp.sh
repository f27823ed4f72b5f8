# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# lib-qmp.sh - after lib.sh: a machine in the background with a QMP monitor on its standard
# input and output, and the test payload guest/nasty.

trap '' PIPE

# vm_start ARGS...: runs the program; QMP in $tmp/qmp, messages in $tmp/log. Sets $vm.
vm_start()
{
	rm -f "$tmp/cmd"
	mkfifo "$tmp/cmd"
	: >"$tmp/qmp"
	timeout -k 5 "$limit" "$LODGE" -qmp stdio "$@" <"$tmp/cmd" >"$tmp/qmp" 2>"$tmp/log" &
	vm=$!
	exec 3>"$tmp/cmd"
	qmp qmp_capabilities
}

# qmp COMMAND [ARGUMENTS]: sends it and waits for its reply, which is in $reply.
replies='^{"\(return\|error\)"'
qmp()
{
	n_before=$(grep -c "$replies" "$tmp/qmp")
	if [ $# -gt 1 ]; then
		echo "{\"execute\":\"$1\",\"arguments\":$2}" >&3
	else
		echo "{\"execute\":\"$1\"}" >&3
	fi
	wait_for "$tmp/qmp" "$replies" $((n_before + 1)) || {
		kill -0 "$vm" 2>/dev/null || return 1
		fail "no reply to $1"
	}
	reply=$(grep "$replies" "$tmp/qmp" | tail -n 1)
}

# Ends it; $rc is its status.
vm_quit()
{
	qmp quit || true
	vm_wait
}
vm_wait()
{
	exec 3>&-
	rc=0
	wait "$vm" || rc=$?
	vm=
}

vm_show()
{
	tail -n 20 "$tmp/log" "$tmp/qmp"
	[ ! -f "$tmp/serial" ] || tail -n 30 "$tmp/serial"
}

# A KVM that works at all, whatever it is good for.
need_kvm()
{
	[ -c /dev/kvm ] || skip "no /dev/kvm here"
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "/dev/kvm may not be used"
	vm_start -S -accel kvm -machine q35 -m 32M -nodefaults -display none
	qmp x-lodge-query-accel || {
		cat "$tmp/log"
		skip "KVM does not work here"
	}
	# Says what lodge found out: no hardware behind it?
	case $reply in *"no hardware"*) kvm_hardware= ;; *) kvm_hardware=yes ;; esac
	vm_quit
}

# nasty OUT FLAGS...: builds the payload.
nasty()
{
	need "${CC:-gcc}"
	nasty_out=$1
	shift
	nasty_dir=$(dirname "$0")/guest
	# shellcheck disable=SC2046
	"${CC:-gcc}" $(cat "$nasty_dir/cflags") -Wl,-T,"$nasty_dir/nasty.ld" "$@" -o "$nasty_out" \
		"$nasty_dir/nasty.S" "$nasty_dir/nasty.c" >"$tmp/cc" 2>&1 || {
		cat "$tmp/cc"
		skip "the payload can't be built here"
	}
}
