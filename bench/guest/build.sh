#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh DIR - makes DIR/exits.bin (bzImage) and DIR/first.rom (firmware image).
set -eu
src=$(cd "$(dirname "$0")" && pwd)
out=$1
cc=${CC:-gcc}
mkdir -p "$out"
flags="-m64 -O2 -Wall -Wextra -ffreestanding -fno-pic -fno-pie -no-pie -mno-red-zone
-mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
-fno-tree-loop-distribute-patterns -static -nostdlib -Wl,--build-id=none -Wl,--no-warn-rwx-segments"
# shellcheck disable=SC2086
$cc $flags -Wl,-T,"$src/exits.ld" -Wl,-z,max-page-size=4096 -o "$out/exits.elf" "$src/head.S" "$src/exits.c"
objcopy -O binary "$out/exits.elf" "$out/exits.bin"
# shellcheck disable=SC2086
$cc $flags -Wl,-Ttext=0 -Wl,-e,0 -o "$out/first.elf" "$src/first.S"
objcopy -O binary -j .text "$out/first.elf" "$out/first.rom"
[ -n "${KEEP_ELF:-}" ] || rm -f "$out/exits.elf" "$out/first.elf"
