#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# cpu.sh - -cpu as people and libvirt give it: help, mistakes, enforce; QMP's answers on models;
# and, where QEMU is installed, the same names stand for the same features there.
. "$(dirname "$0")/lib.sh"

timeout "$limit" "$LODGE" -cpu help >"$tmp/o" 2>&1 </dev/null || fail "-cpu help: status $?"
for m in max host qemu64 kvm64 Haswell-v4 Skylake-Server-noTSX-IBRS EPYC-Milan-v1 'avx512-4vnniw' \
	kvm-pv-unhalt; do
	grep -q "\b$m\b" "$tmp/o" || fail "-cpu help does not list $m"
done

# says TEXT CPU: refuses to start, in one line that holds TEXT
says()
{
	rc=0
	timeout "$limit" "$LODGE" -S -machine q35 -accel tcg -m 16M -nodefaults -display none -cpu "$2" \
		>"$tmp/o" 2>&1 </dev/null || rc=$?
	[ $rc = 1 ] && [ "$(wc -l <"$tmp/o")" = 1 ] && grep -qF -- "$1" "$tmp/o" || {
		cat "$tmp/o"
		fail "-cpu $2: status $rc, or not '$1'"
	}
}
says 'lacks: hle (CPUID[7].EBX bit 4), rtm (CPUID[7].EBX bit 11)' Haswell,enforce
says 'not supported: pmu=on' max,pmu=on,enforce
says 'near: Haswell' Haswel
says "no such feature or property 'smepp'; near: sep, smep" max,+smepp
says 'use on or off' max,smep=sometimes
says 'needs -accel kvm' host
says 'not a number up to 52' max,phys-bits=60

# A warning, once for all vCPUs, and the machine starts.
echo '{"execute":"qmp_capabilities"}{"execute":"quit"}' |
	timeout "$limit" "$LODGE" -S -machine q35 -accel tcg -m 16M -smp 4 -nodefaults -display none \
		-qmp stdio -cpu Haswell,hv-relaxed,+invtsc >"$tmp/q" 2>"$tmp/o" || fail "Haswell: status $?"
[ "$(grep -c 'lacks: hle' "$tmp/o")" = 1 ] && [ "$(grep -c 'not supported: hv-relaxed' "$tmp/o")" = 1 ] || {
	cat "$tmp/o"
	fail "not one warning of each kind"
}

# ---- QMP ----

# ask PROGRAM ARGS...: expands every model of $tmp/names; sorted lines "NAME feature" to $tmp/o
ask()
{
	{
		echo '{"execute":"qmp_capabilities"}'
		while read -r n; do
			echo "{\"execute\":\"query-cpu-model-expansion\",\"id\":\"$n\",\"arguments\":{\"type\":\"static\",\"model\":{\"name\":\"$n\"}}}"
		done <"$tmp/names"
		echo '{"execute":"quit"}'
	} | timeout "$limit" "$@" -accel tcg -S -nodefaults -display none -qmp stdio >"$tmp/q" 2>"$tmp/e" || {
		cat "$tmp/e"
		fail "$*: status $?"
	}
	tr -d '\r' <"$tmp/q" | awk '
		/"id": *"/ { id = $0; sub(/.*"id": *"/, "", id); sub(/".*/, "", id)
			n = split($0, w, /[,{}]/)
			for (i = 1; i <= n; i++) if (w[i] ~ /: *true/) {
				f = w[i]; sub(/^ *"/, "", f); sub(/".*/, "", f); print id, f
			} }' | sort >"$tmp/o"
	grep -q '"error"' "$tmp/q" && { grep '"error"' "$tmp/q"; fail "$1: no expansion"; }
	return 0
}

"$LODGE" -cpu help | sed -n 's/^x86 \([^ ]*-v[0-9]\) .*/\1/p' |
	grep -v -e x86-64 -e SapphireRapids -e Genoa >"$tmp/names"
[ "$(wc -l <"$tmp/names")" -gt 70 ] || fail "few versioned models"
ask "$LODGE" -machine none
mv "$tmp/o" "$tmp/ours"
grep -q '^Haswell-v1 hle$' "$tmp/ours" && ! grep -q '^Haswell-v2 hle$' "$tmp/ours" ||
	fail "Haswell-v1 has hle, v2 has not"

qemu=$(command -v qemu-system-x86_64) || {
	echo "PASS (no QEMU to compare models with)"
	exit 0
}
ask "$qemu" -machine q35
# What the translator gives every model, or what belongs to one of the two programs only.
ours='hypervisor|lodge-signature|tsc-adjust|tsc-deadline|x2apic|invtsc|stibp|ssbd|spec-ctrl|ibpb|ibrs'
ours="$ours|amd-stibp|amd-ssbd|amd-no-ssb|btc-no|auto-ibrs|srso-no|lfence-always-serializing|.*-no|ibrs-all"
ours="$ours|skip-l1dfl-vmentry|bhi-ctrl|arch-capabilities|kvm.*"
theirs='vmx-.*|kvm.*|hypervisor'
grep -v -E " ($ours)\$" "$tmp/ours" >"$tmp/a"
grep -v -E " ($theirs)\$" "$tmp/o" >"$tmp/b"
comm -23 "$tmp/a" "$tmp/b" >"$tmp/more"
comm -13 "$tmp/ours" "$tmp/b" >"$tmp/less"
[ ! -s "$tmp/more" ] && [ ! -s "$tmp/less" ] || {
	echo "lodge only:"
	head -n 20 "$tmp/more"
	echo "QEMU only:"
	head -n 20 "$tmp/less"
	fail "models differ"
}
echo "PASS: $(wc -l <"$tmp/names") models are QEMU's"
