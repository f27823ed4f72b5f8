#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lint.sh SRCDIR BUILDDIR: what a machine can check of our rules. Each check prints its
# findings; the exit status says whether any check failed. A tool that is not installed
# is skipped, visibly. Checks with a baseline (a file of known findings that may only
# shrink) fail on what is new; LINT_UPDATE=1 drops from them what was fixed.
set -u
src=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
here=$src/tests/lint
cd "$src" || exit 2
failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

mapfile -t files < <(find vmm devices blockstack tcg-fallback kvm xen qmp seccomp tests bench \
	-name '*.[ch]' | LC_ALL=C sort)
mapfile -t code < <(printf '%s\n' "${files[@]}" | grep -vE '^(tests|bench)/')
incs=(-I"$build" -I"$src/vmm" -I"$src/blockstack/include" -I"$src")

fail()
{
	echo "lint: FAILED: $*"
	failed=1
}

# baseline NAME FINDINGS: fails on lines that the baseline does not have.
baseline()
{
	local base=$here/$1.baseline
	LC_ALL=C sort -u "$2" -o "$2"
	case ${LINT_UPDATE:-} in
	force) cp "$2" "$base" ;;
	?*) # shrink only: what is both known and still there
		[ -f "$base" ] && LC_ALL=C comm -12 "$base" "$2" > "$tmp/shrunk" && cp "$tmp/shrunk" "$base" ;;
	esac
	touch "$tmp/empty"
	[ -f "$base" ] || base=$tmp/empty
	LC_ALL=C comm -13 "$base" "$2" > "$tmp/new"
	if [ -s "$tmp/new" ]; then
		cat "$tmp/new"
		fail "$1: $(wc -l < "$tmp/new") new findings"
	fi
	echo "lint: $1: $(wc -l < "$2") findings, $(LC_ALL=C comm -23 "$base" "$2" | wc -l) fewer than the baseline"
}

# make format: what check_format asks for, done.
check_reformat()
{
	clang-format -i "${files[@]}" || fail "reformat"
}

check_format()
{
	command -v clang-format > /dev/null || { echo "lint: skipped: clang-format is missing"; return; }
	for f in "${files[@]}"; do
		clang-format --dry-run "$f" 2>&1 | grep -q warning: && echo "$f"
	done > "$tmp/format"
	baseline format "$tmp/format"
}

# Includes against layers.txt.
check_layers()
{
	awk -v q='"' '
	FNR == NR { if ($0 !~ /^#/ && NF) { n = $1; $1 = ""; allow[n] = $0 } ; next }
	/^#include "/ {
		split($0, p, q); inc = p[2]
		dir = FILENAME; sub(/\/[^\/]*$/, "", dir)
		if (inc == "config.h" || inc !~ /\// && !(inc ~ /^block/)) next
		d = dir
		while (!(d in allow) && d ~ /\//) sub(/\/[^\/]*$/, "", d)
		if (!(d in allow) || allow[d] ~ /\*/) next
		ok = 0
		k = split(allow[d], a, " ")
		for (i = 1; i <= k; i++) if (index(inc, a[i]) == 1) ok = 1
		if (index(inc, dir "/") == 1) ok = 1
		if (!ok) print FILENAME ": includes " inc
	}' "$here/layers.txt" "${code[@]}" > "$tmp/layers"
	baseline layers "$tmp/layers"
}

# Every header compiles alone.
check_headers()
{
	for f in "${code[@]}"; do
		case $f in
		*.h) ;;
		*) continue ;;
		esac
		printf '#include "config.h"\n#include "%s"\n' "$src/$f" > "$tmp/h.c"
		${CC:-cc} -std=gnu11 -fsyntax-only -Wall -Wno-unused "${incs[@]}" "$tmp/h.c" \
			> "$tmp/out" 2>&1 || { grep -m1 error: "$tmp/out"; echo "$f" >> "$tmp/headers"; }
	done
	touch "$tmp/headers"
	baseline headers "$tmp/headers"
}

# Loops bounded by sizeof are loops over bytes by mistake: ARRAY_LEN is for arrays.
# No assert in devices: what a guest does must not end the program.
check_bans()
{
	grep -nE 'for *\(.*< *sizeof' "${code[@]}" > "$tmp/bans"
	grep -nE '\b(assert|abort) *\(' $(printf '%s\n' "${code[@]}" | grep '^devices/') \
		>> "$tmp/bans" 2> /dev/null
	grep -LE 'SPDX-License-Identifier: GPL-2.0-or-later' "${files[@]}" \
		| sed 's/$/: no SPDX line/' >> "$tmp/bans"
	sed -i 's/:[0-9]*:/: /' "$tmp/bans"
	baseline bans "$tmp/bans"
}

check_cppcheck()
{
	command -v cppcheck > /dev/null || { echo "lint: skipped: cppcheck is missing"; return; }
	# Compilers of ours shift signed integers arithmetically.
	cppcheck -q --enable=warning,performance,portability --inline-suppr --std=c11 \
		--max-configs=1 -DHAVE_LIBURING "${incs[@]}" --suppress=missingInclude --suppress=shiftTooManyBitsSigned \
		--template='{file}: {id}: {message}' "${code[@]}" 2> "$tmp/cppcheck" > /dev/null
	baseline cppcheck "$tmp/cppcheck"
}

# clang-tidy takes seconds a file: the folders that are held to it are named in tidy.dirs.
check_tidy()
{
	command -v clang-tidy > /dev/null || { echo "lint: skipped: clang-tidy is missing"; return; }
	grep -v '^#' "$here/tidy.dirs" | sed 's|$|/|' > "$tmp/dirs"
	for f in $(printf '%s\n' "${code[@]}" | awk 'NR == FNR { d[$0]; next }
			{ for (x in d) if (index($0, x) == 1) { print; next } }' "$tmp/dirs" -); do
		case $f in
		*.c) clang-tidy --quiet --config-file="$here/clang-tidy.yaml" "$f" -- \
			-std=gnu11 -D_GNU_SOURCE -include "$build/config.h" "${incs[@]}" 2> /dev/null ;;
		esac
	done | sed -n "s|^$src/||; s|^\([^ :]*\):[0-9]*:[0-9]*: warning: |\1: |p" > "$tmp/tidy"
	baseline tidy "$tmp/tidy"
}

# For information: where the big things are. Never fails.
check_sizes()
{
	echo "lint: biggest files (lines):"
	wc -l "${code[@]}" | grep -v ' total$' | sort -rn | head -20
	echo "lint: longest functions (lines):"
	awk 'FNR == 1 { start = 0 }
	/^[a-z].*\)$|^[a-z].*[^;]$/ { head = $0 }
	/^\{/ { start = FNR; name = head }
	/^\}/ { if (start) print FNR - start - 1, FILENAME ": " name; start = 0 }' \
		$(printf '%s\n' "${code[@]}" | grep '\.c$') | sort -rn | head -20
	echo "lint: headers by how many files include them:"
	grep -hoE '^#include "[^"]+"' "${code[@]}" | sort | uniq -c | sort -rn | head -20
}

checks=${LINT_CHECKS:-format layers headers bans cppcheck tidy sizes}
for c in $checks; do
	check_$c
done
[ $failed = 0 ] && echo "lint: passed: $checks"
exit $failed
