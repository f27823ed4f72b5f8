/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * odd.h - operands that arithmetic goes wrong with: ends of ranges; zeroes, infinities,
 * NaNs of both kinds, denormals, and what conversions overflow at.
 */
#ifndef LODGE_TESTS_ODD_H
#define LODGE_TESTS_ODD_H

#include <stdint.h>

#include "base/compiler.h"

static const uint64_t odd_int[] __unused = {
	0,          1,          2,          0x3f,      0x7f,
	0x80,       0xff,       0x7fff,     0x8000,    0xffff,
	0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, (uint64_t)INT64_MIN,
	UINT64_MAX,
};
static const uint32_t odd32[] __unused = {
	0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
	0x7fc00001, 0xffc12345, 0x7f800001, 0xff923456, 0x00000001, 0x80000001,
	0x007fffff, 0x4f000000, 0xcf000000, 0x4effffff, 0x40490fdb, 0x7f7fffff,
	0x3f000000, 0x3fc00000, 0x40200000, 0x33800000, 0x387fe000, 0x477ff000,
	0x477fefff, 0xdf000000, 0x5f000000,
};
static const uint64_t odd64[] __unused = {
	0,
	UINT64_C(0x8000000000000000),
	UINT64_C(0x3ff0000000000000),
	UINT64_C(0xbff8000000000000),
	UINT64_C(0x7ff0000000000000),
	UINT64_C(0xfff0000000000000),
	UINT64_C(0x7ff8000000000001),
	UINT64_C(0xfff8123456789abc),
	UINT64_C(0x7ff0000000000001),
	UINT64_C(0xfff4000000000001),
	1,
	UINT64_C(0x000fffffffffffff),
	UINT64_C(0x41dfffffffc00000),
	UINT64_C(0x41e0000000000000),
	UINT64_C(0xc1e0000000000000),
	UINT64_C(0x43e0000000000000),
	UINT64_C(0xc3e0000000000000),
	UINT64_C(0x400921fb54442d18),
	UINT64_C(0x7fefffffffffffff),
	UINT64_C(0x3fe0000000000000),
};

#endif
