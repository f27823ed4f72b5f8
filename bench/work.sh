#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# work.sh - the CPU work that bench/run times, in the guest and natively alike.
# Prints "BENCH name seconds" lines. Runs under busybox sh in $1 (default /bench).
dir=${1:-/bench}
bb=$dir/busybox
now() { $bb awk '{ print $1 }' /proc/uptime; }
bench() {
	name=$1
	shift
	t0=$(now)
	"$@" >/dev/null 2>&1 || { echo "BENCH $name failed"; return; }
	t1=$(now)
	echo "BENCH $name $($bb awk -v a="$t0" -v b="$t1" 'BEGIN { printf "%.2f", b - a }')"
}
shell_loop() { $bb sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done'; }
sha() { $bb dd if=/dev/zero bs=1M count=48 2>/dev/null | $bb sha256sum; }
sorting() { $bb sort "$dir/numbers"; }
zip() { $bb gzip -c "$dir/text"; }
procs() { i=0; while [ $i -lt 200 ]; do $bb true; i=$((i + 1)); done; }
compile() { [ -x "$dir/cc1" ] && "$dir/ld.so" --library-path "$dir/lib" "$dir/cc1" -fpreprocessed -quiet -O2 "$dir/unit.i" -o /dev/null; }

$bb seq 1 120000 | $bb awk '{ print ($1 * 7919) % 120011 }' >"${TMPDIR:-/tmp}/numbers" &&
	$bb mv "${TMPDIR:-/tmp}/numbers" "$dir/numbers" 2>/dev/null
bench shell-loop shell_loop
bench sha256 sha
bench sort sorting
bench gzip zip
bench process-start procs
[ -x "$dir/cc1" ] && bench compile compile
bench nbody-double "$dir/nbody" 400000
bench matmul-float "$dir/matmul" 12
