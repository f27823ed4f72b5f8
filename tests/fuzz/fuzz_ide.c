/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_ide.c - task file, data port, bus master and PRD lists of a disk and a CD-ROM. The
 * input is a list of three-byte steps: which access, and two bytes of value.
 */
#include "config.h"

#include "tests/unit/ide-rig.h"

extern const struct device_class ide_hd_class, ide_cd_class;
const struct device_class *const device_classes[] = { &ide_hd_class, &ide_cd_class,
	                                              NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_STEPS = 600 };

static void fuzz_step(struct ide_rig *r, uint8_t what, uint16_t v)
{
	struct harness *h = r->h;

	switch (what & 15) {
	case 0 ... 7: harness_outb(h, r->cmd + (what & 7), (uint8_t)v); break;
	case 8: harness_inw(h, r->cmd); break;
	case 9: harness_outw(h, r->cmd, v); break;
	case 10: /* a whole block of the data port */
		for (unsigned i = 0; i < (v & 0x1ff); i++) {
			harness_inl(h, r->cmd);
		}
		break;
	case 11: harness_outb(h, r->cmd + 0x206, (uint8_t)v); break;
	case 12: harness_outb(h, r->bm + (v >> 8 & 3), (uint8_t)v); break;
	case 13: /* an entry of the list, then where the list is */
		rig_prd(r, v & 7, RIG_DATA + (v >> 4) * 514u, (uint16_t)(v * 37u),
		        v & 8);
		harness_outl(h, r->bm + 4, RIG_PRD + (v >> 12) * 8);
		break;
	case 14:
		harness_settle(
			h); /* not rig_wait(): SRST may be held, and no one lets it go */
		break;
	case 15: rig_channel(r, v & 1); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ide_rig r;

	if (!r.h) {
		rig_init(&r);
		rig_node("null-co,node-name=hd,size=1M,read-zeroes=on,discard=unmap");
		rig_node("null-co,node-name=iso,size=900k,read-zeroes=on,read-only=on");
		if (!rig_drive(&r, "ide-hd,drive=hd,bus=ide.0") ||
		    !rig_drive(&r, "ide-cd,drive=iso,bus=ide.1")) {
			abort();
		}
	}
	rig_channel(&r, 0);
	for (size_t i = 0; i + 3 <= size && i < 3 * FUZZ_STEPS; i += 3) {
		fuzz_step(&r, data[i], (uint16_t)(data[i + 1] | data[i + 2] << 8));
	}
	for (unsigned n = 0; n < 2; n++) { /* a reset always ends, and ends well */
		rig_channel(&r, n);
		harness_outb(r.h, r.cmd + 0x206, 4);
		harness_outb(r.h, r.cmd + 0x206, 0);
		if (rig_wait(&r) & (IDE_BSY | IDE_DRQ | IDE_ERR)) {
			abort();
		}
		harness_outb(r.h, r.bm, 0);
	}
	return 0;
}
