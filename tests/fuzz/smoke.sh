#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# smoke.sh TARGET... - a few seconds of each fuzz target on its seeds. Run by make check
# in the build directory; FUZZ_SECONDS lengthens it.
seeds=$(mktemp -d "${TMPDIR:-/tmp}/lodge-seeds.XXXXXX")
trap 'rm -rf "$seeds"' EXIT
trap 'exit 1' INT TERM HUP
tests/fuzz/seeds "$seeds" || exit 1
rc=0
for t in ${*:-$FUZZ_TARGETS}; do
	n=${t##*/fuzz_}
	dir=$seeds/$n
	set --
	[ ! -d "$dir" ] || set -- "$dir"
	work=$(mktemp -d "${TMPDIR:-/tmp}/lodge-fuzz.XXXXXX")
	# libFuzzer adds what it finds to the first directory: never to the seeds.
	printf '%s: ' "$n"
	if (bin=$PWD/$t && cd "$work" && mkdir found &&
		timeout -k 5 "$((${FUZZ_SECONDS:-3} + 300))" "$bin" \
			-max_total_time="${FUZZ_SECONDS:-3}" found "$@" >log 2>&1); then
		tail -n 1 "$work/log"
	else
		echo "FAILED"
		tail -n 40 "$work/log"
		cp "$work"/crash-* "$work"/timeout-* "$work"/oom-* . 2>/dev/null
		for c in "$work"/crash-*; do
			[ ! -f "$c" ] || base64 "$c"
		done
		rc=1
	fi
	rm -rf "$work"
done
exit $rc
