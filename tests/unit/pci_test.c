/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci_test.c - PCI bus, bridges, vectors and the edu device. */
#include "config.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/clock.h"
#include "devices/bus/isa-ich9.h"
#include "devices/bus/pci-mch.h"
#include "tests/qtest/harness.h"

static struct err err;

extern const struct device_class edu_class;
extern const struct device_class pcie_root_port_class;

/* Table of this program: what -device would find. */
const struct device_class *const device_classes[] = { &edu_class, &pcie_root_port_class,
	                                              NULL };

struct pci_board {
	struct harness *h;
	struct pci_host *host;
	struct mch *mch;
	struct ich9_lpc *lpc;
};

#define ECAM 0xb0000000u

static void pci_board_new(struct pci_board *b, bool firmware)
{
	struct pci_host_cfg hc = { .bus_name = "pcie.0", .ports = true, .buses = 256 };
	struct mch_cfg mc = { .ecam_base = firmware ? 0 : ECAM,
		              .ram_below_1m = !firmware,
		              .low_ram_end = HARNESS_RAM };
	struct ich9_cfg ic = { .firmware = firmware };

	b->h = harness_new(0);
	mc.low_ram = &b->h->ram_mr;
	ic.gsi = b->h->line;
	b->host = pci_host_create(b->h->vm, &hc, &err);
	ck_assert_msg(b->host != NULL, "%s", err.text);
	b->mch = mch_create(b->host, &mc, &err);
	ck_assert_msg(b->mch != NULL, "%s", err.text);
	b->lpc = ich9_create(b->host, &ic, &err);
	ck_assert_msg(b->lpc != NULL, "%s", err.text);
}

static struct device *pci_add(struct pci_board *b, const char *text)
{
	struct opt *o;
	struct device *d;

	ck_assert_int_eq(opt_parse(&o, text, "driver", &err), 0);
	d = device_add(b->h->vm, o, &err);
	opt_free(o);
	return d;
}

static gpa_t pci_at(unsigned bus, unsigned slot, unsigned fn, unsigned reg)
{
	return ECAM + (bus << 20 | slot << 15 | fn << 12 | reg);
}

static uint32_t pci_rd(struct pci_board *b, unsigned bus, unsigned slot, unsigned reg,
                       unsigned n)
{
	return (uint32_t)harness_read(b->h, pci_at(bus, slot, 0, reg), n);
}

static void pci_wr(struct pci_board *b, unsigned bus, unsigned slot, unsigned reg,
                   uint32_t v, unsigned n)
{
	harness_write(b->h, pci_at(bus, slot, 0, reg), v, n);
}

START_TEST(pci_config_cycles)
{
	struct pci_board b;

	pci_board_new(&b, true);
	/* Ports. */
	harness_outl(b.h, 0xcf8, 0x80000000);
	ck_assert_uint_eq(harness_inl(b.h, 0xcf8), 0x80000000);
	ck_assert_uint_eq(harness_inl(b.h, 0xcfc), 0x29c08086);
	ck_assert_uint_eq(harness_inw(b.h, 0xcfe), 0x29c0);
	harness_outl(b.h, 0xcf8, 0x8000f800);
	ck_assert_uint_eq(harness_inl(b.h, 0xcfc), 0x29188086);
	harness_outl(b.h, 0xcf8, 0x80001000);
	ck_assert_uint_eq(harness_inl(b.h, 0xcfc), 0xffffffff);
	harness_outl(b.h, 0xcf8, 0x80ff0000);
	ck_assert_uint_eq(harness_inb(b.h, 0xcfd), 0xff);
	/* ECAM appears where the guest puts it. */
	ck_assert_uint_eq(harness_read(b.h, ECAM, 4), 0xffffffff);
	harness_outl(b.h, 0xcf8, 0x80000064);
	harness_outl(b.h, 0xcfc, 0);
	harness_outl(b.h, 0xcf8, 0x80000060);
	harness_outl(b.h, 0xcfc, ECAM | 1);
	ck_assert_uint_eq(pci_rd(&b, 0, 0, 0, 4), 0x29c08086);
	ck_assert_uint_eq(pci_rd(&b, 0, 31, 0, 4), 0x29188086);
	ck_assert_uint_eq(pci_rd(&b, 0, 31, 0x0e, 1), 0x80);
	/* Reset control. */
	ck_assert_uint_eq(atomic_load(&b.h->vm->req), 0);
	harness_outb(b.h, 0xcf9, 2);
	harness_outb(b.h, 0xcf9, 6);
	ck_assert_uint_ne(atomic_load(&b.h->vm->req), 0);
	ck_assert_uint_eq(harness_inb(b.h, 0xcf9), 2);
	device_reset_all(b.h->vm);
	ck_assert_uint_eq(harness_read(b.h, ECAM, 4), 0xffffffff);
}
END_TEST

START_TEST(pci_pam)
{
	struct pci_board b;
	struct ram_config rc = { .size = 0x20000 };
	struct ram_block *rom;
	static struct mr m;

	pci_board_new(&b, true);
	rom = ram_block_new("rom", &rc, &err);
	memset(rom->host, 0xaa, 0x20000);
	mr_init_rom(&m, "bios", rom);
	mr_add(&b.host->mem, 0xe0000, &m, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0xaa);
	harness_write(b.h, 0xf1234, 1, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0xaa);
	harness_outl(b.h, 0xcf8, 0x80000090);
	harness_outb(b.h, 0xcfc, 0x30);
	harness_write(b.h, 0xf1234, 0x55, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0x55);
	ck_assert_uint_eq(harness_read(b.h, 0xe1234, 1), 0xaa);
	harness_outb(b.h, 0xcfc, 0x10); /* read-only RAM */
	harness_write(b.h, 0xf1234, 0x66, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0x55);
	harness_outb(b.h, 0xcfc, 0x00);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0xaa);
	/* PAM5 low: e0000..e3fff */
	harness_outl(b.h, 0xcf8, 0x80000094);
	harness_outb(b.h, 0xcfd, 0x03);
	harness_write(b.h, 0xe3fff, 0x77, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xe3fff, 1), 0x77);
	ck_assert_uint_eq(harness_read(b.h, 0xe4000, 1), 0xaa);
}
END_TEST

START_TEST(pci_lpc)
{
	struct pci_board b;

	pci_board_new(&b, true);
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 0xffff);
	harness_outl(b.h, 0xcf8, 0x8000f840);
	harness_outl(b.h, 0xcfc, 0x601);
	harness_outl(b.h, 0xcf8, 0x8000f844);
	harness_outb(b.h, 0xcfc, 0x80);
	/* The tables name no SMI command port: ACPI mode is on from the start. */
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 1);
	harness_outb(b.h, 0xb2, ACPI_PM_DISABLE);
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 0);
	harness_outb(b.h, 0xb2, ACPI_PM_ENABLE);
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 1);
	ck_assert_uint_eq(harness_inw(b.h, 0xb2), ACPI_PM_ENABLE);
	ck_assert_uint_eq(harness_inl(b.h, 0x630) & 0x20, 0x20); /* no SMI needed */
	harness_outl(b.h, 0xcf8, 0x8000f8f0);
	harness_outl(b.h, 0xcfc, 0xfed1c001);
	ck_assert_uint_eq(harness_read(b.h, 0xfed1c000 + 0x3100, 4), 0x03243200);
	ck_assert_ptr_nonnull(bus_find("isa.0"));
}
END_TEST

static void pci_edu_on(struct pci_board *b, unsigned bus, unsigned slot, uint32_t addr)
{
	pci_wr(b, bus, slot, PCI_BAR0, 0xffffffff, 4);
	ck_assert_uint_eq(pci_rd(b, bus, slot, PCI_BAR0, 4), 0xfff00000);
	pci_wr(b, bus, slot, PCI_BAR0, addr, 4);
	pci_wr(b, bus, slot, PCI_COMMAND, 6, 2);
}

START_TEST(pci_edu)
{
	struct pci_board b;
	const uint64_t bar = 0xc0000000;
	struct device *d;

	pci_board_new(&b, false);
	d = pci_add(&b, "edu,addr=3,id=e0,dma_mask=0xffffffffffff");
	ck_assert_msg(d != NULL, "%s", err.text);
	ck_assert_ptr_null(pci_add(&b, "edu,addr=3"));
	ck_assert_ptr_null(pci_add(&b, "edu,addr=3.1"));
	ck_assert_uint_eq(pci_rd(&b, 0, 3, 0, 4), 0x11e81234);
	ck_assert_uint_eq(pci_rd(&b, 0, 3, 0x34, 1), 0x40);
	pci_edu_on(&b, 0, 3, (uint32_t)bar);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0x010000ed);
	ck_assert_uint_eq(harness_read(b.h, bar + 1, 1), 0xff); /* width rule */
	harness_write(b.h, bar + 4, 0x12345678, 4);
	ck_assert_uint_eq(harness_read(b.h, bar + 4, 4), ~0x12345678u);
	/* Factorial, with INTx: slot 3 INTA is PIRQH, GSI 23. */
	harness_write(b.h, bar + 0x20, 0x80, 4);
	harness_write(b.h, bar + 8, 10, 4);
	ck_assert_uint_eq(harness_read(b.h, bar + 0x20, 4), 0x81);
	harness_step(1000);
	ck_assert_uint_eq(harness_read(b.h, bar + 8, 4), 3628800);
	ck_assert_int_eq(b.h->level[23], 1);
	ck_assert_uint_eq(pci_rd(&b, 0, 3, PCI_STATUS, 2) & PCI_STATUS_INTX,
	                  PCI_STATUS_INTX);
	pci_wr(&b, 0, 3, PCI_COMMAND, 0x406, 2);
	ck_assert_int_eq(b.h->level[23], 0);
	pci_wr(&b, 0, 3, PCI_COMMAND, 6, 2);
	ck_assert_int_eq(b.h->level[23], 1);
	harness_write(b.h, bar + 0x64, 1, 4);
	ck_assert_int_eq(b.h->level[23], 0);
	/* PIRQH onto PIC line 10 as well. */
	pci_wr(&b, 0, 31, 0x6b, 10, 1);
	/* DMA there and back. */
	harness_write(b.h, 0x5000, 0xdeadbeefcafe, 8);
	harness_write(b.h, bar + 0x80, 0x5000, 8);
	harness_write(b.h, bar + 0x88, 0x40010, 8);
	harness_write(b.h, bar + 0x90, 8, 8);
	harness_write(b.h, bar + 0x98, 1, 8);
	harness_step(1000);
	harness_write(b.h, bar + 0x80, 0x40010, 8);
	harness_write(b.h, bar + 0x88, 0x6000, 8);
	harness_write(b.h, bar + 0x98, 7, 8);
	harness_step(1000);
	ck_assert_uint_eq(harness_read(b.h, 0x6000, 8), 0xdeadbeefcafe);
	ck_assert_uint_eq(harness_read(b.h, bar + 0x24, 4), 0x100);
	harness_write(b.h, bar + 0x64, 0x100, 4);
	/* Class 1: DMA at its own registers; class 2: beyond the buffer; no bus master. */
	harness_write(b.h, bar + 0x88, bar, 8);
	harness_write(b.h, bar + 0x98, 3, 8);
	harness_step(1000);
	harness_write(b.h, bar + 0x80, 0x40ff9, 8);
	harness_write(b.h, bar + 0x98, 3, 8);
	harness_step(1000);
	harness_write(b.h, bar + 0x90, UINT64_MAX, 8);
	harness_write(b.h, bar + 0x98, 3, 8);
	harness_step(1000);
	pci_wr(&b, 0, 3, PCI_COMMAND, 2, 2);
	harness_write(b.h, 0x6000, 0, 8);
	harness_write(b.h, bar + 0x80, 0x40010, 8);
	harness_write(b.h, bar + 0x88, 0x6000, 8);
	harness_write(b.h, bar + 0x90, 8, 8);
	harness_write(b.h, bar + 0x98, 3, 8);
	harness_step(1000);
	ck_assert_uint_eq(harness_read(b.h, 0x6000, 8), 0);
	harness_torture(b.h, false, bar, 0xa8, 5000);
	device_unrealize(d);
	device_free(d);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0xffffffff);
	ck_assert_uint_eq(pci_rd(&b, 0, 3, 0, 4), 0xffffffff);
}
END_TEST

START_TEST(pci_msi)
{
	struct pci_board b;
	const uint64_t bar = 0xc0000000;
	unsigned cap;

	pci_board_new(&b, false);
	ck_assert_ptr_nonnull(pci_add(&b, "edu,addr=4"));
	pci_edu_on(&b, 0, 4, (uint32_t)bar);
	cap = pci_rd(&b, 0, 4, 0x34, 1);
	ck_assert_uint_eq(pci_rd(&b, 0, 4, cap, 1), PCI_CAP_MSI);
	pci_wr(&b, 0, 4, cap + 4, 0xfee01000, 4);
	pci_wr(&b, 0, 4, cap + 12, 0x4123, 2);
	pci_wr(&b, 0, 4, cap + 2, 1, 2);
	harness_write(b.h, bar + 0x60, 1, 4);
	ck_assert_uint_eq(b.h->n_msi, 1);
	ck_assert_uint_eq(b.h->msi[0].addr, 0xfee01000);
	ck_assert_uint_eq(b.h->msi[0].data, 0x4123);
	ck_assert_uint_eq(b.h->msi[0].devid, 4 << 3);
	pci_wr(&b, 0, 4, cap + 16, 1, 4);
	harness_write(b.h, bar + 0x60, 1, 4);
	ck_assert_uint_eq(b.h->n_msi, 1);
	ck_assert_uint_eq(pci_rd(&b, 0, 4, cap + 20, 4), 1);
	pci_wr(&b, 0, 4, cap + 16, 0, 4);
	ck_assert_uint_eq(b.h->n_msi, 2);
	ck_assert_uint_eq(pci_rd(&b, 0, 4, cap + 20, 4), 0);
}
END_TEST

/* ---- MSI-X on a device made for it ---- */

struct xdev {
	struct pci_dev pci;
	struct mr io;
	unsigned masks;
};

static void xdev_mask(struct pci_dev *d, unsigned vec, bool masked)
{
	(void)vec;
	(void)masked;
	container_of(d, struct xdev, pci)->masks++;
}

static uint64_t xdev_read(void *opaque, uint64_t off, unsigned size)
{
	(void)opaque;
	(void)size;
	return off;
}

static void xdev_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)val;
	(void)size;
}

static const struct mr_ops xdev_io_ops = { xdev_read, xdev_write, 1, 4, true, true };

static int xdev_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct xdev *x = container_of(d, struct xdev, pci);

	d->msix_mask_changed = xdev_mask;
	mr_init_io(&x->io, "x", 64, &xdev_io_ops, x, NULL);
	ck_assert_int_eq(pci_bar_add(d, 0, PCI_BAR_IO, &x->io, e), 0);
	ck_assert_int_lt(pci_bar_add(d, 0, PCI_BAR_IO, &x->io, e), 0);
	return pci_msix_init_bar(d, 130, 1, e);
}

static const struct pci_class_ops xdev_pci_ops = {
	.vendor = 0x1af4,
	.device = 1,
	.class_code = 0xff0000,
	.express = true,
};
static const struct device_class xdev_class = {
	.name = "xdev",
	.bus = "pci",
	.instance_size = sizeof(struct xdev),
	.bus_props = pci_bus_props,
	.realize = xdev_realize,
	.ops = &xdev_pci_ops,
};

static struct xdev *xdev_new(struct pci_board *b)
{
	struct device *dev;

	pci_board_new(b, false);
	dev = device_new(b->h->vm, &xdev_class, NULL);
	ck_assert_int_eq(device_realize(dev, &b->host->root.bus, &err), 0);
	return container_of(container_of(dev, struct pci_dev, dev), struct xdev, pci);
}

/* A hypervisor that would read eventfds: the test is it. */
static unsigned msix_routes;

static int msix_route_add(void *arg, const struct msi_msg *m, int fd)
{
	(void)arg, (void)m, (void)fd;
	return (int)msix_routes++;
}

static void msix_route_update(void *arg, int route, const struct msi_msg *m)
{
	(void)arg, (void)route, (void)m;
}

static void msix_route_del(void *arg, int route)
{
	(void)arg, (void)route;
	msix_routes--;
}

START_TEST(pci_msix_fd)
{
	const uint64_t bar = 0xc0000000, entry = bar + 3 * 16;
	int fd = eventfd(0, EFD_CLOEXEC);
	struct msi_ops ops;
	struct pci_board b;
	struct xdev *x = xdev_new(&b);
	uint64_t pba;

	ops = *b.h->vm->msi.ops;
	ops.route_add = msix_route_add;
	ops.route_update = msix_route_update;
	ops.route_del = msix_route_del;
	b.h->vm->msi.ops = &ops;
	pci_wr(&b, 0, 1, PCI_BAR0 + 4, (uint32_t)bar, 4);
	pci_wr(&b, 0, 1, PCI_COMMAND, 7, 2);
	pci_wr(&b, 0, 1, x->pci.msix_cap + 2, 0x8000, 2);
	pba = bar + (pci_rd(&b, 0, 1, x->pci.msix_cap + 8, 4) & ~7u);
	harness_write(b.h, entry, 0xfee02000, 4);
	harness_write(b.h, entry + 12, 0, 4);
	ck_assert_int_eq(pci_msix_bind_fd(&x->pci, 3, fd), 0);
	ck_assert_uint_eq(msix_routes, 1);
	/* Routed: the hypervisor's business. */
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	ck_assert_uint_eq(harness_read(b.h, pba, 4), 0);
	/* Masked: a pending bit, which is sent once when the mask goes. */
	harness_write(b.h, entry + 12, 1, 4);
	ck_assert_uint_eq(msix_routes, 0);
	ck_assert_uint_eq(harness_read(b.h, pba, 4), BIT(3));
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	ck_assert_uint_eq(harness_read(b.h, pba, 4), BIT(3));
	ck_assert_uint_eq(b.h->n_msi, 0);
	harness_write(b.h, entry + 12, 0, 4);
	ck_assert_uint_eq(msix_routes, 1);
	ck_assert_uint_eq(b.h->n_msi, 1);
	ck_assert_uint_eq(harness_read(b.h, pba, 4), 0);
	/* What is saved has it, too; and so has what outlives the eventfd. */
	harness_write(b.h, entry + 12, 1, 4);
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	pci_msix_collect(&x->pci);
	ck_assert_uint_eq(x->pci.msix_pending[0], BIT(3));
	harness_write(b.h, entry + 12, 0, 4);
	ck_assert_uint_eq(b.h->n_msi, 2);
	harness_write(b.h, entry + 12, 1, 4);
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	pci_msix_unbind_fd(&x->pci, 3);
	ck_assert_uint_eq(x->pci.msix_pending[0], BIT(3));
	/* A reset forgets what waits. */
	ck_assert_int_eq(pci_msix_bind_fd(&x->pci, 3, fd), 0);
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	device_reset_all(b.h->vm);
	pci_msix_collect(&x->pci);
	ck_assert_uint_eq(x->pci.msix_pending[0], 0);
	pci_msix_unbind_fd(&x->pci, 3);
	close(fd);
}
END_TEST

static struct pci_board *slow_board;
static _Atomic uint32_t slow_seen;
static uint32_t slow_in_time;

static void *slow_reader(void *arg)
{
	(void)arg;
	atomic_store(&slow_seen, pci_rd(slow_board, 0, 1, PCI_BAR0 + 4, 4));
	return NULL;
}

/* It returns when another thread has read the function's configuration, or gives up. */
static int slow_route_add(void *arg, const struct msi_msg *m, int fd)
{
	pthread_t t;

	(void)arg, (void)m, (void)fd;
	pthread_create(&t, NULL, slow_reader, NULL);
	(void)unit_wait(atomic_load(&slow_seen));
	slow_in_time = atomic_load(&slow_seen);
	pthread_detach(t);
	return 0;
}

/* Who looks at a function does not wait for the hypervisor's routes. */
START_TEST(pci_msix_slow_route)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct msi_ops ops;
	struct pci_board b;
	struct xdev *x = xdev_new(&b);

	ops = *b.h->vm->msi.ops;
	ops.route_add = slow_route_add;
	b.h->vm->msi.ops = &ops;
	slow_board = &b;
	atomic_store(&slow_seen, 0);
	pci_wr(&b, 0, 1, PCI_BAR0 + 4, 0xc0000000, 4);
	pci_wr(&b, 0, 1, x->pci.msix_cap + 2, 0x8000, 2);
	x->pci.msix[3].ctrl = 0;
	ck_assert_int_eq(pci_msix_bind_fd(&x->pci, 3, fd), 0);
	ck_assert_uint_eq(slow_in_time & ~15u, 0xc0000000);
	x->pci.msix_fd[3].route = -1;
	pci_msix_unbind_fd(&x->pci, 3);
	close(fd);
}
END_TEST

START_TEST(pci_msix)
{
	struct pci_board b;
	const uint64_t bar = 0xc0000000;
	struct xdev *x = xdev_new(&b);
	unsigned cap;

	ck_assert_uint_eq(x->pci.devfn, PCI_DEVFN(1, 0));
	cap = x->pci.msix_cap;
	ck_assert_uint_eq(pci_rd(&b, 0, 1, cap + 2, 2), 129);
	ck_assert_uint_eq(pci_rd(&b, 0, 1, cap + 4, 4), 1);
	pci_wr(&b, 0, 1, PCI_BAR0, 0xc001, 4);
	pci_wr(&b, 0, 1, PCI_BAR0 + 4, (uint32_t)bar, 4);
	pci_wr(&b, 0, 1, PCI_COMMAND, 7, 2);
	ck_assert_uint_eq(harness_inb(b.h, 0xc00d), 13);
	/* Entry 129, masked from the start. */
	harness_write(b.h, bar + 129 * 16, 0xfee02003, 4);
	harness_write(b.h, bar + 129 * 16 + 8, 0x99, 4);
	pci_wr(&b, 0, 1, cap + 2, 0x8000, 2);
	ck_assert_uint_eq(harness_read(b.h, bar + 129 * 16 + 12, 4), 1);
	pci_msix_notify(&x->pci, 129);
	pci_msix_notify(&x->pci, 130);
	pci_msix_notify(&x->pci, 5000);
	ck_assert_uint_eq(b.h->n_msi, 0);
	ck_assert_uint_eq(
		harness_read(b.h, bar + (pci_rd(&b, 0, 1, cap + 8, 4) & ~7u) + 16, 4),
		2);
	x->masks = 0;
	harness_write(b.h, bar + 129 * 16 + 12, 0, 4);
	ck_assert_uint_eq(b.h->n_msi, 1);
	ck_assert_uint_eq(x->masks, 1);
	ck_assert_uint_eq(b.h->msi[0].addr, 0xfee02000);
	ck_assert_uint_eq(b.h->msi[0].data, 0x99);
	/* Function mask. */
	pci_wr(&b, 0, 1, cap + 2, 0xc000, 2);
	pci_msix_notify(&x->pci, 129);
	ck_assert_uint_eq(b.h->n_msi, 1);
	pci_wr(&b, 0, 1, cap + 2, 0x8000, 2);
	ck_assert_uint_eq(b.h->n_msi, 2);
	ck_assert_int_eq(pci_msix_bind_fd(&x->pci, 3, 0), -ENOSYS);
	harness_torture(b.h, false, bar, 4096, 5000);
	pci_wr(&b, 0, 1, PCI_COMMAND, 7, 2);
	/* Reset forgets it all. */
	device_reset_all(b.h->vm);
	ck_assert_uint_eq(x->pci.msix[129].ctrl, 1);
	ck_assert_uint_eq(pci_rd(&b, 0, 1, cap + 2, 2), 129);
	ck_assert_uint_eq(pci_rd(&b, 0, 1, PCI_BAR0 + 4, 4), 0);
}
END_TEST

/* ---- INTx without a common lock over the line ---- */

static struct {
	struct pci_dev *d;
	_Atomic bool done;
	_Atomic unsigned writes;
	unsigned lost;
	_Atomic int level;
} intx;

static void intx_line(void *arg, unsigned n, int level)
{
	(void)arg;
	(void)n;
	intx.level = level;
}

/* What it has set is still there when the driver's accesses of that moment have ended. */
static void intx_set_and_look(int level)
{
	unsigned n;

	pci_intx_set(intx.d, level);
	n = intx.writes;
	while (intx.writes - n < 2) {
		sched_yield();
	}
	intx.lost += intx.d->intx_level != level;
}

static void *intx_device(void *arg)
{
	(void)arg;
	unit_rounds (i, 1500) {
		intx_set_and_look(0);
		intx_set_and_look(1);
	}
	intx.done = true;
	return NULL;
}

/* A device raises and lowers its INTx while the driver writes its configuration. */
START_TEST(pci_intx_race)
{
	const struct irq line[PCI_ROOT_LINES] = { [0] = { intx_line, NULL, 0 },
		                                  [1] = { intx_line, NULL, 1 },
		                                  [2] = { intx_line, NULL, 2 },
		                                  [3] = { intx_line, NULL, 3 } };
	struct pci_board b;
	struct device *d;
	pthread_t t;

	pci_board_new(&b, false);
	pci_host_set_irqs(b.host, NULL, NULL, line);
	d = pci_add(&b, "edu,addr=4");
	ck_assert_ptr_nonnull(d);
	memset(&intx, 0, sizeof(intx));
	intx.d = container_of(d, struct pci_dev, dev);
	pthread_create(&t, NULL, intx_device, NULL);
	for (unsigned i = 0; !intx.done; i++) {
		pci_wr(&b, 0, 4, 0x0c, i, 1); /* cache line size */
		pci_wr(&b, 0, 4, 4, i & 8 ? 0x400 : 0, 2);
		intx.writes++;
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(intx.lost, 0);
	pci_wr(&b, 0, 4, 4, 0, 2);
	ck_assert_int_eq(intx.level, 1);
	pci_wr(&b, 0, 4, 4, 0x400, 2);
	ck_assert_int_eq(intx.level, 0);
	pci_wr(&b, 0, 4, 4, 0, 2);
	ck_assert_int_eq(intx.level, 1);
}
END_TEST

START_TEST(pci_root_port)
{
	struct pci_board b;
	const uint64_t bar = 0xc0000000;

	pci_board_new(&b, false);
	ck_assert_msg(pci_add(&b, "pcie-root-port,id=rp1,addr=5,chassis=1,slot=7") !=
	                      NULL,
	              "%s", err.text);
	ck_assert_msg(pci_add(&b, "edu,bus=rp1") != NULL, "%s", err.text);
	ck_assert_ptr_null(pci_add(&b, "edu,bus=rp1,addr=1"));
	ck_assert_ptr_null(pci_add(&b, "edu,bus=rp1"));
	ck_assert_uint_eq(pci_rd(&b, 0, 5, 0x0e, 1), 1);
	ck_assert_uint_eq(pci_rd(&b, 3, 0, 0, 4), 0xffffffff);
	pci_wr(&b, 0, 5, PCI_PRIMARY_BUS, 0x00050300, 4);
	ck_assert_uint_eq(pci_rd(&b, 3, 0, 0, 4), 0x11e81234);
	ck_assert_uint_eq(pci_rd(&b, 4, 0, 0, 4), 0xffffffff);
	pci_edu_on(&b, 3, 0, (uint32_t)bar);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0xffffffff); /* window closed */
	pci_wr(&b, 0, 5, PCI_MEM_BASE, 0xc000c000, 4);
	pci_wr(&b, 0, 5, PCI_COMMAND, 6, 2);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0x010000ed);
	pci_wr(&b, 0, 5, PCI_MEM_BASE, 0xd000d000, 4);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0xffffffff);
	pci_wr(&b, 0, 5, PCI_MEM_BASE, 0xc100bff0, 4);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0x010000ed);
	/* INTA behind slot 5 is PIRQ E + (5 & 3): GSI 21. */
	harness_write(b.h, bar + 0x60, 1, 4);
	ck_assert_int_eq(b.h->level[21], 1);
	harness_write(b.h, bar + 0x64, 1, 4);
	ck_assert_int_eq(b.h->level[21], 0);
	/* Bus numbers that make no sense. */
	pci_wr(&b, 0, 5, PCI_PRIMARY_BUS, 0x00ff0000, 4);
	pci_rd(&b, 3, 0, 0, 4);
	pci_wr(&b, 0, 5, PCI_PRIMARY_BUS, 0x0003ff00, 4);
	pci_rd(&b, 3, 0, 0, 4);
	device_reset_all(b.h->vm);
	ck_assert_uint_eq(harness_read(b.h, bar, 4), 0xffffffff);
}
END_TEST

/* A hostile guest on every configuration register of every function. */
START_TEST(pci_torture)
{
	struct pci_board b;

	pci_board_new(&b, false);
	ck_assert_ptr_nonnull(pci_add(&b, "pcie-root-port,id=rp1,addr=5"));
	ck_assert_ptr_nonnull(pci_add(&b, "edu,bus=rp1"));
	ck_assert_ptr_nonnull(pci_add(&b, "edu,addr=3"));
	for (int i = 0; i < 3; i++) {
		for (unsigned slot = 0; slot < 32; slot++) {
			struct pci_dev *d = pci_find(b.host, 0, PCI_DEVFN(slot, 0));

			for (int k = 0; d && k < 3000; k++) {
				unsigned size = 1u << harness_random() % 3;

				pci_config_write(d, harness_random() & 0x1fff,
				                 harness_random(), size);
				pci_config_read(d, harness_random() & 0x1fff, size);
			}
		}
		pci_wr(&b, 0, 5, PCI_PRIMARY_BUS, 0x00020100, 4);
		harness_torture(b.h, true, 0xcf8, 8, 5000);
		device_reset_all(b.h->vm);
		pci_wr(&b, 0, 5, PCI_PRIMARY_BUS, 0x00020100, 4);
		harness_torture(b.h, false, ECAM, 0x200000, 20000);
		device_reset_all(b.h->vm);
	}
	ck_assert_uint_eq(pci_rd(&b, 0, 31, 0, 4), 0x29188086);
}
END_TEST

/* Every device's state goes out and comes back; a changed register is restored. */
START_TEST(pci_state)
{
	struct pci_board b;
	const uint64_t bar = 0xc0000000;
	struct state_buf s = { 0 };
	struct device *d;

	pci_board_new(&b, false);
	ck_assert_ptr_nonnull(pci_add(&b, "pcie-root-port,id=rp1,addr=5"));
	ck_assert_ptr_nonnull(pci_add(&b, "edu,bus=rp1"));
	pci_wr(&b, 0, 5, PCI_PRIMARY_BUS, 0x00050300, 4);
	pci_wr(&b, 0, 5, PCI_MEM_BASE, 0xc000c000, 4);
	pci_wr(&b, 0, 5, PCI_COMMAND, 6, 2);
	pci_edu_on(&b, 3, 0, (uint32_t)bar);
	harness_write(b.h, bar + 4, 0x1234, 4);
	harness_write(b.h, bar + 0x60, 1, 4);
	for (d = device_next(NULL); d; d = device_next(d)) {
		if (d->cls->state) {
			ck_assert_msg(state_save(&s, d->path, d->cls->state, d, &err) ==
			                      0,
			              "%s", err.text);
		}
	}
	device_reset_all(b.h->vm);
	ck_assert_uint_eq(harness_read(b.h, bar + 4, 4), 0xffffffff);
	for (d = device_next(NULL); d; d = device_next(d)) {
		if (d->cls->state) {
			ck_assert_msg(state_load(&s, d->path, d->cls->state, d, &err) ==
			                      0,
			              "%s", err.text);
		}
		if (d->cls->post_load) {
			ck_assert_int_eq(d->cls->post_load(d, &err), 0);
		}
	}
	ck_assert_uint_eq(harness_read(b.h, bar + 4, 4), ~0x1234u);
	ck_assert_int_eq(b.h->level[21], 1);
	harness_write(b.h, bar + 0x64, 1, 4);
	ck_assert_int_eq(b.h->level[21], 0);
	state_buf_fini(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		pci_config_cycles, pci_pam,       pci_lpc,     pci_edu,
		pci_msi,           pci_msix,      pci_msix_fd, pci_msix_slow_route,
		pci_intx_race,     pci_root_port, pci_torture, pci_state,
	};

	return unit_main(unit_suite("pci", tests, ARRAY_LEN(tests)));
}
