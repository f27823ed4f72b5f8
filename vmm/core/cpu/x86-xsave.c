/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-xsave.c - where XSAVE puts what: sizes and places of the components of XCR0.
 *
 * Spec: SDM vol. 1, 13.4 (standard and compacted format); vol. 2A CPUID leaf 0xd.
 * Threads: any; the table is written on control before the first model is built.
 */
#include "config.h"

#include "core/cpu/x86-model.h"

#define XSAVE_ALIGN BIT(1) /* leaf 0xd ECX: 64-byte aligned where compacted */
#define XSAVE_XFD   BIT(2) /* can be disabled (IA32_XFD) */

/* Intel's places; a processor may have others, which the accelerator tells. */
static struct {
	uint32_t size, off, flags;
} xsave_comp[32] = {
	[2] = { 256, 576, 0 },
	[3] = { 64, 960, 0 },
	[4] = { 64, 1024, 0 },
	[5] = { 64, 1088, 0 },
	[6] = { 512, 1152, 0 },
	[7] = { 1024, 1664, 0 },
	[9] = { 8, 2688, 0 },
	[17] = { 64, 2752, XSAVE_ALIGN },
	[18] = { 8192, 2816, XSAVE_ALIGN | XSAVE_XFD },
};

void x86_xsave_set_component(unsigned i, uint32_t size, uint32_t off, uint32_t flags)
{
	if (i >= 2 && i < ARRAY_LEN(xsave_comp)) {
		xsave_comp[i].size = size;
		xsave_comp[i].off = off;
		xsave_comp[i].flags = flags;
	}
}

void x86_xsave_component(unsigned i, uint32_t *size, uint32_t *off)
{
	bool known = i < ARRAY_LEN(xsave_comp);

	*size = known ? xsave_comp[i].size : 0;
	*off = known ? xsave_comp[i].off : 0;
}

uint32_t x86_xsave_size(uint64_t xcr0)
{
	uint32_t end = 576, size, off;

	for (unsigned i = 2; i < 63; i++) {
		x86_xsave_component(i, &size, &off);
		if ((xcr0 >> i & 1) && off + size > end) {
			end = off + size;
		}
	}
	return end;
}

uint32_t x86_xsave_compact_size(uint64_t mask)
{
	uint32_t end = 576, size, off;

	for (unsigned i = 2; i < 63; i++) {
		x86_xsave_component(i, &size, &off);
		if ((mask >> i & 1) && i < ARRAY_LEN(xsave_comp) &&
		    (xsave_comp[i].flags & XSAVE_ALIGN)) {
			end = ALIGN_UP(end, 64u);
		}
		end += mask >> i & 1 ? size : 0;
	}
	return end;
}

uint32_t x86_xsave_component_flags(unsigned i)
{
	return i < ARRAY_LEN(xsave_comp) ? xsave_comp[i].flags : 0;
}
