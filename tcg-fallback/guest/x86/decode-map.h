/* SPDX-License-Identifier: GPL-2.0-or-later */
/* decode-map.h - how the tables of decode-map*.c are written; for these only. */
#ifndef LODGE_TCG_X86_DECODE_MAP_H
#define LODGE_TCG_X86_DECODE_MAP_H

#include "tcg-fallback/guest/x86/decode.h"
#include "tcg-fallback/guest/x86/insn.h"

/* clang-format off */
#define I(n, f, a, flg, ...) { .name = n, .fn = xi_##f, .arg = a, .fl = flg, .op = { __VA_ARGS__ } }
#define IX(n, f, a, ft, flg, ...)                                                        \
	{ .name = n, .fn = xi_##f, .arg = a, .feat = ft, .fl = flg, .op = { __VA_ARGS__ } }
#define G(k, tab) { .kind = k, .sub = tab }
#define L FL_LOCK
#define T FL_T
/* clang-format on */

#endif
