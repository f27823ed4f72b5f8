/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-setup.c - what firmware does to PCI before a kernel sees it: numbers the
 * buses, places BARs, opens bridge windows. PCI Local Bus 3.0 section 6.2.5, PCI-to-PCI
 * Bridge 1.2 chapter 3.
 *
 * BARs are placed on the control thread with the VM stopped, through the same
 * configuration accesses a guest would make. BARs go below 4 GiB unless they are
 * 64-bit and large, so that 32-bit guests see everything. Bridges get a spare
 * window for what is hot-plugged later.
 *
 * Known gap: no retry with another order when a window is full; the BAR stays off.
 */
#include "config.h"

#include "base/bytes.h"
#include "base/log.h"
#include "devices/bus/pci-host.h"
#include "machine/pc.h"

enum {
	PCI_SETUP_DEPTH = 8,
	PCI_LARGE_BAR = 256 << 20,
	PCI_SPARE_MEM = 2 << 20,
	PCI_SPARE_IO = 0x1000,
};

struct pci_setup {
	struct pci_host *h;
	struct pci_windows w; /* `io`, `mem`, `mem64` move up as they are used */
	unsigned last_bus;
};

static bool pci_setup_take(uint64_t *next, uint64_t end, uint64_t size, uint64_t align,
                           uint64_t *at)
{
	uint64_t a = ALIGN_UP(*next, align);

	if (a < *next || !range_fits(a, size, end)) {
		return false;
	}
	*at = a;
	*next = a + size;
	return true;
}

static void pci_setup_bar(struct pci_setup *s, struct pci_dev *d, unsigned n,
                          uint16_t *cmd)
{
	struct pci_bar *b = &d->bar[n];
	unsigned off = 0x10 + n * 4;
	bool io = b->flags & PCI_BAR_IO, wide = b->flags & PCI_BAR_MEM64;
	uint64_t at = 0,
		 align = io ? MAX(b->size, (uint64_t)4) : MAX(b->size, (uint64_t)4096);
	bool ok;

	if (io) {
		ok = pci_setup_take(&s->w.io, s->w.io_end, b->size, align, &at);
	} else if (wide && b->size >= PCI_LARGE_BAR) {
		ok = pci_setup_take(&s->w.mem64, s->w.mem64_end, b->size, align, &at);
	} else {
		ok = pci_setup_take(&s->w.mem, s->w.mem_end, b->size, align, &at);
	}
	if (!ok) {
		log_warn("%s: no room for BAR %u (%llu bytes)",
		         d->dev.path ? d->dev.path : "PCI", n,
		         (unsigned long long)b->size);
		return;
	}
	pci_config_write(d, off, (uint32_t)at, 4);
	if (wide) {
		pci_config_write(d, off + 4, at >> 32, 4);
	}
	*cmd |= io ? 1 : 2;
}

static void pci_setup_function(struct pci_setup *s, struct pci_dev *d)
{
	uint16_t cmd = 0;
	unsigned pin = pci_config_read(d, 0x3d, 1);

	for (unsigned n = 0; n < PCI_BARS; n++) {
		if (d->bar[n].mr && d->bar[n].size) {
			pci_setup_bar(s, d, n, &cmd);
		}
	}
	if (pin) { /* which ISA interrupt is behind INTx while the PIC is used */
		pci_config_write(d, 0x3c, s->w.isa_irq[pci_host_intx_line(d)], 1);
	}
	pci_config_write(d, 0x04, pci_config_read(d, 0x04, 2) | cmd, 2);
}

static void pci_setup_bus(struct pci_setup *s, unsigned bus, unsigned depth);

/* Opens the bridge for its children's numbers first, then for exactly what they took. */
static void pci_setup_bridge(struct pci_setup *s, struct pci_dev *d, unsigned bus,
                             unsigned depth)
{
	unsigned sec = ++s->last_bus;
	uint64_t io, mem, t;

	pci_config_write(d, 0x18, bus, 1);
	pci_config_write(d, 0x19, sec, 1);
	pci_config_write(d, 0x1a, 0xff, 1);
	s->w.io = ALIGN_UP(s->w.io, (uint64_t)0x1000);
	s->w.mem = ALIGN_UP(s->w.mem, (uint64_t)0x100000);
	io = s->w.io;
	mem = s->w.mem;
	pci_setup_bus(s, sec, depth + 1);
	pci_config_write(d, 0x1a, s->last_bus, 1);
	if (!pci_setup_take(&s->w.mem, s->w.mem_end, PCI_SPARE_MEM, 0x100000, &t)) {
		s->w.mem = ALIGN_UP(s->w.mem, (uint64_t)0x100000);
	}
	s->w.mem = ALIGN_UP(s->w.mem, (uint64_t)0x100000);
	s->w.io = ALIGN_UP(s->w.io, (uint64_t)0x1000);
	/* Base above limit closes a window. */
	pci_config_write(d, 0x20, mem >> 16 & 0xfff0, 2);
	pci_config_write(d, 0x22, (s->w.mem - 1) >> 16 & 0xfff0, 2);
	pci_config_write(d, 0x24, 0xfff0, 2);
	pci_config_write(d, 0x26, 0x0000, 2);
	if (s->w.io > io) {
		pci_config_write(d, 0x1c, io >> 8 & 0xf0, 1);
		pci_config_write(d, 0x1d, (s->w.io - 1) >> 8 & 0xf0, 1);
	} else {
		pci_config_write(d, 0x1c, 0xf0, 1);
		pci_config_write(d, 0x1d, 0x00, 1);
	}
	pci_config_write(d, 0x04, 7, 2);
}

/* Depth is bounded by us: buses come from our own -device options. */
static void pci_setup_bus(struct pci_setup *s, unsigned bus, unsigned depth)
{
	if (depth >= PCI_SETUP_DEPTH) {
		log_warn("PCI bridges are nested too deeply: bus %u is left alone",
		         bus);
		return;
	}
	for (unsigned fn = 0; fn < 256; fn++) {
		struct pci_dev *d = pci_find(s->h, bus, fn);

		if (!d) {
			continue;
		}
		pci_setup_function(s, d);
		if ((pci_config_read(d, 0x0e, 1) & 0x7f) == 1) {
			pci_setup_bridge(s, d, bus, depth);
		}
	}
}

void pci_setup(struct pci_host *h, const struct pci_windows *w)
{
	struct pci_setup s = { .h = h, .w = *w };

	pci_setup_bus(&s, 0, 0);
}
