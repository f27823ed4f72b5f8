#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# acpi.sh - Intel's compiler takes the boards' tables apart and puts them together again,
# without an error or a warning.
. "$(dirname "$0")/lib.sh"
need iasl
need_guest
for m in pc q35 microvm; do
	d=$tmp/$m
	mkdir "$d"
	case $m in
	microvm) s=device ;;
	*) s=pci ;;
	esac
	printf '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n' |
		timeout "$limit" "$LODGE" -machine "$m,x-dump-acpi=$d" -accel qtest -smp 2,maxcpus=4 -m 256M -S \
			-nodefaults -serial null -kernel "$LODGE_GUEST/vmlinuz" -device "virtio-rng-$s" \
			-qmp stdio >"$tmp/log" 2>&1 || {
		cat "$tmp/log"
		fail "$m: exit status $?"
	}
	for t in DSDT FACP APIC; do
		[ -s "$d/$t.aml" ] || fail "$m: no $t"
	done
	(cd "$d" && iasl -d ./*.aml) >"$tmp/iasl" 2>&1
	grep -E 'Error|Warning|Invalid|Incorrect' "$tmp/iasl" && fail "$m: tables are wrong"
	(cd "$d" && iasl DSDT.dsl) >"$tmp/iasl" 2>&1 || {
		cat "$tmp/iasl"
		fail "$m: DSDT does not compile"
	}
	grep -q ' 0 Errors, 0 Warnings' "$tmp/iasl" || {
		cat "$tmp/iasl"
		fail "$m: DSDT has warnings"
	}
done
grep -q LNRO0005 "$tmp/microvm/DSDT.dsl" || fail "microvm: no virtio-mmio slot in the DSDT"
echo "PASS: ACPI tables"
