/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci-pam.c - the programmable attribute map of host bridges; see pci-pam.h. */
#include "config.h"

#include "devices/bus/pci-pam.h"

#include "core/vm.h"

#define PAM_VGA_START 0xa0000u
#define PAM_VGA_SIZE  0x20000u

/* Area i: 0 is f0000-fffff (first register, high half), then pairs of 16 KiB from c0000 up. */
static void pam_area(unsigned i, gpa_t *start, uint64_t *size)
{
	*start = i ? 0xc0000 + (i - 1) * 0x4000 : 0xf0000;
	*size = i ? 0x4000 : 0x10000;
}

static unsigned pam_value(const uint8_t *reg, unsigned i)
{
	return reg[(i + 1) / 2] >> (i & 1 ? 0 : 4) & 3;
}

void pam_wmask(uint8_t *reg)
{
	reg[0] = 0x30;
	for (unsigned i = 1; i < PAM_REGS; i++) {
		reg[i] = 0x33;
	}
}

void pam_defaults(uint8_t *reg, bool ram)
{
	for (unsigned i = 0; i < PAM_REGS; i++) {
		reg[i] = !ram ? 0 : i ? 0x33 : 0x30;
	}
}

void pam_update(struct pam *p, const uint8_t *reg)
{
	aspace_begin(&p->vm->mem);
	for (unsigned i = 0; i < PAM_AREAS; i++) {
		unsigned v = pam_value(reg, i);

		mr_set_enabled(&p->area[i], v == 0);
		if (p->has_ro) {
			mr_set_enabled(&p->ro[i], v == 1);
		}
	}
	aspace_commit(&p->vm->mem);
}

void pam_init(struct pam *p, struct pci_host *h, struct mr *low_ram)
{
	struct vm *vm = h->dev.vm;

	p->vm = vm;
	p->has_ro = low_ram != NULL;
	mr_init_alias(&p->vga, "vga-window", &h->mem, PAM_VGA_START, PAM_VGA_SIZE);
	mr_add(&vm->mem_root, PAM_VGA_START, &p->vga, 1);
	for (unsigned i = 0; i < PAM_AREAS; i++) {
		gpa_t start;
		uint64_t size;

		pam_area(i, &start, &size);
		mr_init_alias(&p->area[i], "pam-pci", &h->mem, start, size);
		mr_add(&vm->mem_root, start, &p->area[i], 1);
		if (low_ram) {
			mr_init_alias(&p->ro[i], "pam-ro", low_ram, start, size);
			mr_set_readonly(&p->ro[i], true);
			mr_set_enabled(&p->ro[i], false);
			mr_add(&vm->mem_root, start, &p->ro[i], 1);
		}
	}
}

void pam_fini(struct pam *p)
{
	mr_del(&p->vga);
	for (unsigned i = 0; i < PAM_AREAS; i++) {
		mr_del(&p->area[i]);
		if (p->has_ro) {
			mr_del(&p->ro[i]);
		}
	}
}
