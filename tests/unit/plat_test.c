/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_test.c - the x86 platform devices, driven as a guest would (tests/qtest/harness.h). */
#include "config.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/clock.h"
#include "core/cpu/x86.h"
#include "devices/bus/isa.h"
#include "devices/char/serial-isa.h"
#include "devices/fw/acpi-ged.h"
#include "devices/fw/acpi-pm.h"
#include "devices/fw/cpu-hotplug.h"
#include "devices/fw/fwcfg.h"
#include "devices/input/i8042.h"
#include "devices/irqchip/irqchip-x86.h"
#include "devices/timer/hpet.h"
#include "devices/timer/pit.h"
#include "devices/timer/rtc.h"
#include "state/state.h"
#include "tests/qtest/harness.h"

static struct err err;

/* ---- PIC ---- */

static void plat_pic_init(struct harness *h)
{
	static const uint8_t icw[2][4] = { { 0x11, 0x20, 4, 1 }, { 0x11, 0x28, 2, 1 } };

	for (int c = 0; c < 2; c++) {
		unsigned base = c ? 0xa0 : 0x20;

		harness_outb(h, base, icw[c][0]);
		for (int i = 1; i < 4; i++) {
			harness_outb(h, base + 1, icw[c][i]);
		}
		harness_outb(h, base + 1, 0);
	}
}

static int plat_vector(struct harness *h, unsigned i)
{
	struct x86_cpu *c = harness_cpu(h, i);

	return c->apic_ops->get_vector(c->apic);
}

START_TEST(plat_pic)
{
	struct harness *h = harness_new(1);

	plat_pic_init(h);
	irq_raise(&h->chip->gsi[4]);
	irq_raise(&h->chip->gsi[10]);
	irq_raise(&h->chip->gsi[1]);
	ck_assert_uint_ne(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(plat_vector(h, 0), 0x21);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0); /* 1 in service */
	harness_outb(h, 0x20, 0x20);
	ck_assert_int_eq(plat_vector(h, 0), 0x2a);
	harness_outb(h, 0x20, 0x0b);
	ck_assert_uint_eq(harness_inb(h, 0x20), 0x04);
	harness_outb(h, 0xa0, 0x20);
	harness_outb(h, 0x20, 0x62); /* specific EOI of the cascade */
	ck_assert_int_eq(plat_vector(h, 0), 0x24);
	harness_outb(h, 0x20, 0x20);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	/* An edge, not a level: again only after it fell. */
	irq_raise(&h->chip->gsi[4]);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	irq_pulse(&h->chip->gsi[4]);
	irq_raise(&h->chip->gsi[4]);
	ck_assert_uint_ne(harness_requests(h, 0) & X86_REQ_HARD, 0);
	harness_outb(h, 0x21, 0x10);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	/* Level mode by ELCR. */
	harness_outb(h, 0x4d1, 0x0e);
	irq_lower(&h->chip->gsi[10]);
	irq_raise(&h->chip->gsi[11]);
	ck_assert_int_eq(plat_vector(h, 0), 0x2b);
	harness_outb(h, 0xa0, 0x20);
	harness_outb(h, 0x20, 0x20);
	ck_assert_int_eq(plat_vector(h, 0), 0x2b); /* still there */
	irq_lower(&h->chip->gsi[11]);
	harness_outb(h, 0xa0, 0x20);
	harness_outb(h, 0x20, 0x20);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
}
END_TEST

/* ---- IOAPIC and local APIC ---- */

#define APIC(off) (IRQCHIP_LAPIC_BASE + (off))

static void plat_rte(struct harness *h, unsigned pin, uint64_t v)
{
	harness_write(h, IRQCHIP_IOAPIC_BASE, 0x11 + 2 * pin, 4);
	harness_write(h, IRQCHIP_IOAPIC_BASE + 0x10, v >> 32, 4);
	harness_write(h, IRQCHIP_IOAPIC_BASE, 0x10 + 2 * pin, 4);
	harness_write(h, IRQCHIP_IOAPIC_BASE + 0x10, (uint32_t)v, 4);
}

static uint32_t plat_rte_low(struct harness *h, unsigned pin)
{
	harness_write(h, IRQCHIP_IOAPIC_BASE, 0x10 + 2 * pin, 4);
	return (uint32_t)harness_read(h, IRQCHIP_IOAPIC_BASE + 0x10, 4);
}

static void plat_apic_on(struct harness *h, unsigned cpus)
{
	for (unsigned i = 0; i < cpus; i++) {
		harness_cpu_write(h, i, APIC(0xf0), 0x1ff);
		harness_cpu_write(h, i, APIC(0x350), 0x10000);
	}
}

START_TEST(plat_ioapic)
{
	struct harness *h = harness_new(2);

	plat_apic_on(h, 2);
	harness_write(h, IRQCHIP_IOAPIC_BASE, 1, 4);
	ck_assert_uint_eq(harness_read(h, IRQCHIP_IOAPIC_BASE + 0x10, 4), 0x170020);
	/* Edge to CPU 1; line 0 comes in at pin 2. */
	plat_rte(h, 2, 0x31 | UINT64_C(1) << 56);
	irq_pulse(&h->chip->gsi[0]);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(plat_vector(h, 1), 0x31);
	ck_assert_int_eq(plat_vector(h, 1), -1);
	harness_cpu_write(h, 1, APIC(0xb0), 0);
	/* Masked edge is kept. */
	plat_rte(h, 5, 0x10042);
	irq_pulse(&h->chip->gsi[5]);
	plat_rte(h, 5, 0x42);
	ck_assert_int_eq(plat_vector(h, 0), 0x42);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	/* Level: remote IRR until EOI, then again while the line is up. */
	plat_rte(h, 20, 0x8055);
	irq_raise(&h->chip->gsi[20]);
	ck_assert_uint_eq(plat_rte_low(h, 20) & 0x4000, 0x4000);
	ck_assert_int_eq(plat_vector(h, 0), 0x55);
	ck_assert_uint_eq(harness_cpu_read(h, 0, APIC(0x1a0)), 1u << 0x15);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(plat_vector(h, 0), 0x55);
	irq_lower(&h->chip->gsi[20]);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	ck_assert_uint_eq(plat_rte_low(h, 20) & 0x4000, 0);
	/* The EOI register. */
	irq_raise(&h->chip->gsi[20]);
	harness_write(h, IRQCHIP_IOAPIC_BASE + 0x40, 0x55, 4);
	ck_assert_uint_eq(plat_rte_low(h, 20) & 0x4000, 0x4000);
}
END_TEST

START_TEST(plat_lapic_priority)
{
	struct harness *h = harness_new(1);
	struct msi_msg m = { .addr = 0xfee00000, .data = 0x41 };
	struct x86_cpu *c = harness_cpu(h, 0);

	plat_apic_on(h, 1);
	ck_assert_uint_eq(harness_cpu_read(h, 0, APIC(0x30)) & 0xff, 0x14);
	msi_send(&h->vm->msi, &m);
	m.data = 0x62;
	msi_send(&h->vm->msi, &m);
	ck_assert_int_eq(plat_vector(h, 0), 0x62);
	ck_assert_uint_eq(harness_cpu_read(h, 0, APIC(0xa0)), 0x60);
	ck_assert_int_eq(plat_vector(h, 0), -1); /* 41 is below 62 in service */
	m.data = 0x73;
	msi_send(&h->vm->msi, &m);
	ck_assert_int_eq(plat_vector(h, 0), 0x73);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	c->apic_ops->set_tpr(c->apic, 4);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	c->apic_ops->set_tpr(c->apic, 3);
	ck_assert_uint_ne(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(plat_vector(h, 0), 0x41);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	/* Illegal vector and illegal register are errors, not crashes. */
	harness_cpu_write(h, 0, APIC(0x370), 0xfe);
	m.data = 0x05;
	msi_send(&h->vm->msi, &m);
	harness_cpu_read(h, 0, APIC(0x3c0));
	harness_cpu_write(h, 0, APIC(0x280), 0);
	ck_assert_uint_eq(harness_cpu_read(h, 0, APIC(0x280)), 0xc0);
	ck_assert_int_eq(plat_vector(h, 0), 0xfe);
}
END_TEST

START_TEST(plat_lapic_ipi)
{
	struct harness *h = harness_new(3);

	plat_apic_on(h, 3);
	/* Physical. */
	harness_cpu_write(h, 0, APIC(0x310), 2u << 24);
	harness_cpu_write(h, 0, APIC(0x300), 0x4050);
	ck_assert_int_eq(plat_vector(h, 2), 0x50);
	ck_assert_int_eq(plat_vector(h, 1), -1);
	/* Logical flat. */
	for (unsigned i = 0; i < 3; i++) {
		harness_cpu_write(h, i, APIC(0xd0), 1u << (24 + i));
	}
	harness_cpu_write(h, 0, APIC(0x310), 6u << 24);
	harness_cpu_write(h, 0, APIC(0x300), 0x4861);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	ck_assert_int_eq(plat_vector(h, 1), 0x61);
	ck_assert_int_eq(plat_vector(h, 2), 0x61);
	/* Shorthands: self, all, all but self. */
	harness_cpu_write(h, 0, APIC(0x300), 0x40071);
	ck_assert_int_eq(plat_vector(h, 0), 0x71);
	harness_cpu_write(h, 0, APIC(0x300), 0xc0082);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	ck_assert_int_eq(plat_vector(h, 1), 0x82);
	ck_assert_int_eq(plat_vector(h, 2), 0x82);
	/* INIT, its de-assert, SIPI, NMI. */
	harness_cpu_write(h, 0, APIC(0x310), 1u << 24);
	harness_cpu_write(h, 0, APIC(0x300), 0x8500);
	ck_assert_uint_eq(harness_requests(h, 1) & X86_REQ_INIT, 0);
	harness_cpu_write(h, 0, APIC(0x300), 0xc500);
	ck_assert_uint_ne(harness_requests(h, 1) & X86_REQ_INIT, 0);
	harness_cpu_write(h, 0, APIC(0x300), 0x4699);
	ck_assert_uint_ne(harness_requests(h, 1) & X86_REQ_SIPI, 0);
	ck_assert_uint_eq(
		harness_cpu(h, 1)->apic_ops->sipi_vector(harness_cpu(h, 1)->apic),
		0x99);
	harness_cpu_write(h, 0, APIC(0x300), 0x4400);
	ck_assert_uint_ne(harness_requests(h, 1) & X86_REQ_NMI, 0);
	ck_assert_uint_eq(harness_requests(h, 2) & X86_REQ_NMI, 0);
}
END_TEST

static int plat_wrmsr(struct harness *h, unsigned i, uint32_t msr, uint64_t v)
{
	return harness_cpu(h, i)->apic_ops->x2apic_write(harness_cpu(h, i)->apic, msr,
	                                                 v);
}

static uint64_t plat_rdmsr(struct harness *h, unsigned i, uint32_t msr)
{
	uint64_t v = 0;

	ck_assert_int_eq(harness_cpu(h, i)->apic_ops->x2apic_read(
				 harness_cpu(h, i)->apic, msr, &v),
	                 0);
	return v;
}

START_TEST(plat_lapic_x2)
{
	struct harness *h = harness_new(18);
	uint64_t v;

	for (unsigned i = 0; i < 18; i++) {
		struct x86_cpu *c = harness_cpu(h, i);

		ck_assert_uint_eq(c->apic_ops->get_base(c->apic),
		                  IRQCHIP_LAPIC_BASE | 0x800 | (i ? 0 : 0x100));
		ck_assert_int_lt(plat_wrmsr(h, i, 0x80f, 0x1ff),
		                 0); /* not yet x2APIC */
		ck_assert_int_eq(c->apic_ops->set_base(c->apic, 0xfee00c00), 0);
		ck_assert_int_lt(c->apic_ops->set_base(c->apic, 0xfee00800), 0);
		ck_assert_int_eq(plat_wrmsr(h, i, 0x80f, 0x1ff), 0);
	}
	ck_assert_uint_eq(plat_rdmsr(h, 17, 0x802), 17);
	ck_assert_uint_eq(plat_rdmsr(h, 17, 0x80d), 0x10002);
	/* Logical cluster: both CPUs of cluster 1, none of cluster 0. */
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x830, UINT64_C(0x10003) << 32 | 0x4890), 0);
	ck_assert_int_eq(plat_vector(h, 16), 0x90);
	ck_assert_int_eq(plat_vector(h, 17), 0x90);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	ck_assert_int_eq(plat_vector(h, 1), -1);
	ck_assert_int_eq(plat_wrmsr(h, 16, 0x80b, 0), 0);
	ck_assert_int_lt(plat_wrmsr(h, 16, 0x80b, 1), 0);
	/* Physical, self IPI, what is illegal. */
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x830, UINT64_C(16) << 32 | 0x45), 0);
	ck_assert_int_eq(plat_vector(h, 16), 0x45);
	ck_assert_int_eq(plat_wrmsr(h, 5, 0x83f, 0x46), 0);
	ck_assert_int_eq(plat_vector(h, 5), 0x46);
	ck_assert_int_lt(plat_wrmsr(h, 0, 0x80e, 0), 0);
	ck_assert_int_lt(plat_wrmsr(h, 0, 0x802, 0), 0);
	ck_assert_int_lt(plat_wrmsr(h, 0, 0x808, UINT64_C(1) << 32), 0);
	ck_assert_int_lt(harness_cpu(h, 0)->apic_ops->x2apic_read(
				 harness_cpu(h, 0)->apic, 0x80e, &v),
	                 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x830, UINT64_C(0xffffffff) << 32 | 0x47), 0);
	ck_assert_int_eq(plat_vector(h, 9), 0x47);
}
END_TEST

START_TEST(plat_lapic_timer)
{
	struct harness *h = harness_new(1);

	plat_apic_on(h, 1);
	harness_cpu_write(h, 0, APIC(0x3e0), 0xb); /* divide by 1: a count is a ns */
	harness_cpu_write(h, 0, APIC(0x320), 0xe0);
	harness_cpu_write(h, 0, APIC(0x380), 1000000);
	harness_step(400000);
	ck_assert_uint_eq(harness_cpu_read(h, 0, APIC(0x390)), 600000);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	harness_step(600000);
	ck_assert_uint_ne(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(plat_vector(h, 0), 0xe0);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	harness_step(5000000);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	/* Periodic, by 2. */
	harness_cpu_write(h, 0, APIC(0x3e0), 0);
	harness_cpu_write(h, 0, APIC(0x320), 0x200e1);
	harness_cpu_write(h, 0, APIC(0x380), 500000);
	for (int i = 0; i < 3; i++) {
		harness_step(1000000);
		ck_assert_int_eq(plat_vector(h, 0), 0xe1);
		harness_cpu_write(h, 0, APIC(0xb0), 0);
	}
	/* Deadline; moved later, moved earlier, past, disarmed. */
	harness_cpu_write(h, 0, APIC(0x320), 0x400e2);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, x86_tsc(harness_cpu(h, 0)) + 1000000),
	                 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, x86_tsc(harness_cpu(h, 0)) + 3000000),
	                 0);
	harness_step(2000000);
	ck_assert_int_eq(plat_vector(h, 0), -1);
	harness_step(1100000);
	ck_assert_int_eq(plat_vector(h, 0), 0xe2);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_uint_eq(plat_rdmsr(h, 0, 0x6e0), 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, x86_tsc(harness_cpu(h, 0)) + 9000000),
	                 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, x86_tsc(harness_cpu(h, 0)) + 1000000),
	                 0);
	harness_step(1100000);
	ck_assert_int_eq(plat_vector(h, 0), 0xe2);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, 1), 0);
	ck_assert_int_eq(plat_vector(h, 0), 0xe2);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, x86_tsc(harness_cpu(h, 0)) + 1000000),
	                 0);
	ck_assert_int_eq(plat_wrmsr(h, 0, 0x6e0, 0), 0);
	harness_step(50000000);
	ck_assert_int_eq(plat_vector(h, 0), -1);
}
END_TEST

/* ---- PIT ---- */

START_TEST(plat_pit)
{
	struct harness *h = harness_new(0);
	unsigned lo, hi, n;

	ck_assert_ptr_nonnull(pit_create(h->vm, &h->line[0], &err));
	/* 1 kHz rate generator. */
	harness_outb(h, 0x43, 0x34);
	harness_outb(h, 0x40, 0xa9);
	harness_outb(h, 0x40, 0x04);
	n = h->rises[0];
	harness_step(NS_PER_S / 10);
	ck_assert_uint_ge(h->rises[0] - n, 99);
	ck_assert_uint_le(h->rises[0] - n, 101);
	harness_outb(h, 0x43, 0x00);
	lo = harness_inb(h, 0x40);
	hi = harness_inb(h, 0x40);
	ck_assert_uint_le(lo | hi << 8, 0x4a9);
	/* One-shot, mode 4 as Linux programs it, and mode 0. */
	for (int mode = 0; mode <= 4; mode += 4) {
		harness_outb(h, 0x43, (uint8_t)(0x30 | mode << 1));
		n = h->rises[0];
		harness_outb(h, 0x40, 0xff);
		harness_outb(h, 0x40, 0x10);
		harness_step(NS_PER_MS);
		ck_assert_uint_eq(h->rises[0], n);
		harness_step(10 * NS_PER_MS);
		ck_assert_uint_eq(h->rises[0], n + 1);
		harness_step(100 * NS_PER_MS);
		ck_assert_uint_eq(h->rises[0], n + 1);
	}
	/* Channel 2 by port 61, as the TSC calibration does. */
	harness_outb(h, 0x61, 1);
	harness_outb(h, 0x43, 0xb0);
	harness_outb(h, 0x42, 0x9c);
	harness_outb(h, 0x42, 0x2e); /* 10 ms */
	harness_step(9 * NS_PER_MS);
	ck_assert_uint_eq(harness_inb(h, 0x61) & 0x20, 0);
	harness_step(2 * NS_PER_MS);
	ck_assert_uint_eq(harness_inb(h, 0x61) & 0x20, 0x20);
	/* Read-back of the status. */
	harness_outb(h, 0x43, 0xe8);
	ck_assert_uint_eq(harness_inb(h, 0x42), 0xb0);
}
END_TEST

/* ---- RTC ---- */

static uint8_t plat_cmos(struct harness *h, unsigned i)
{
	harness_outb(h, 0x70, (uint8_t)i);
	return harness_inb(h, 0x71);
}

static void plat_set_cmos(struct harness *h, unsigned i, uint8_t v)
{
	harness_outb(h, 0x70, (uint8_t)i);
	harness_outb(h, 0x71, v);
}

START_TEST(plat_rtc)
{
	struct harness *h = harness_new(0);
	/* 2024-02-28 23:59:58 UTC */
	struct rtc_cfg cfg = { .irq = h->line[8],
		               .base_s = 1709164798,
		               .vm_clock = true };
	struct rtc *r = rtc_create(h->vm, &cfg, &err);

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(plat_cmos(h, 0), 0x58);
	ck_assert_uint_eq(plat_cmos(h, 2), 0x59);
	ck_assert_uint_eq(plat_cmos(h, 4), 0x23);
	ck_assert_uint_eq(plat_cmos(h, 6), 4); /* Wednesday */
	ck_assert_uint_eq(plat_cmos(h, 7), 0x28);
	ck_assert_uint_eq(plat_cmos(h, 8), 2);
	ck_assert_uint_eq(plat_cmos(h, 9), 0x24);
	ck_assert_uint_eq(plat_cmos(h, 0x32), 0x20);
	ck_assert_uint_eq(plat_cmos(h, 13), 0x80);
	harness_step(2 * NS_PER_S);
	ck_assert_uint_eq(plat_cmos(h, 7), 0x29);
	harness_step(NS_PER_S - 100000);
	ck_assert_uint_eq(plat_cmos(h, 10), 0xa6); /* update in progress */
	/* Update interrupts. */
	plat_set_cmos(h, 11, 0x12);
	plat_cmos(h, 12);
	harness_step(1100 * NS_PER_MS);
	ck_assert_int_eq(h->level[8], 1);
	ck_assert_uint_eq(plat_cmos(h, 12), 0xd0);
	ck_assert_int_eq(h->level[8], 0);
	/* Periodic at 1024 Hz. */
	plat_set_cmos(h, 11, 0x42);
	for (int i = 0; i < 5; i++) {
		harness_step(980000);
		ck_assert_int_eq(h->level[8], 1);
		ck_assert_uint_eq(plat_cmos(h, 12) & 0xc0, 0xc0);
	}
	/* Alarm five seconds ahead. */
	plat_set_cmos(h, 11, 0x82);
	plat_set_cmos(h, 0, 0x10);
	plat_set_cmos(h, 1, 0x15);
	plat_set_cmos(h, 3, 0xff);
	plat_set_cmos(h, 5, 0xff);
	plat_set_cmos(h, 11, 0x22);
	plat_cmos(h, 12);
	ck_assert_uint_eq(plat_cmos(h, 0), 0x10);
	harness_step(4 * NS_PER_S);
	ck_assert_int_eq(h->level[8], 0);
	harness_step(NS_PER_S);
	ck_assert_int_eq(h->level[8], 1);
	ck_assert_uint_eq(plat_cmos(h, 12) & 0xa0, 0xa0);
	/* Nonsense gives some time. */
	for (unsigned i = 0; i < 10; i++) {
		plat_set_cmos(h, i, 0xff);
	}
	plat_cmos(h, 0);
	rtc_set_memory(r, UINT64_C(2) << 30, UINT64_C(6) << 30);
	ck_assert_uint_eq(plat_cmos(h, 0x34) | plat_cmos(h, 0x35) << 8, 0x7f00);
	ck_assert_uint_eq(plat_cmos(h, 0x5c), 0x80);
	ck_assert_uint_eq(plat_cmos(h, 0x5d), 1);
}
END_TEST

/* ---- ACPI ---- */

START_TEST(plat_acpi)
{
	struct harness *h = harness_new(0);
	struct acpi_pm_cfg cfg = { .sci = h->line[9], .acpi_mode = true };
	struct acpi_pm *p = acpi_pm_create(h->vm, &cfg, &err);
	uint32_t t;

	ck_assert_ptr_nonnull(p);
	mr_add(&h->vm->io_root, 0x600, acpi_pm_region(p), 0);
	ck_assert_uint_eq(harness_inw(h, 0x604), 1);
	t = harness_inl(h, 0x608);
	harness_step(NS_PER_S);
	ck_assert_uint_eq((harness_inl(h, 0x608) - t) & 0xffffff, 3579545);
	/* Timer carry: bit 23 changes after 2.34 s. */
	harness_outw(h, 0x602, 1);
	ck_assert_int_eq(h->level[9], 0);
	harness_step(2 * NS_PER_S);
	ck_assert_int_eq(h->level[9], 1);
	harness_outw(h, 0x600, 1);
	ck_assert_int_eq(h->level[9], 0);
	/* GPE and power button. */
	harness_outb(h, 0x628, 0x04);
	acpi_pm_gpe(p, 2);
	ck_assert_int_eq(h->level[9], 1);
	ck_assert_uint_eq(harness_inb(h, 0x620), 4);
	harness_outb(h, 0x620, 4);
	ck_assert_int_eq(h->level[9], 0);
	/* S5. */
	harness_outw(h, 0x604, 0x2001);
	ck_assert_uint_ne(atomic_load(&h->vm->req), 0);
}
END_TEST

struct plat_hot {
	unsigned told, ejected, reported, last;
	uint32_t event, status;
};

static void plat_hot_notify(void *o)
{
	((struct plat_hot *)o)->told++;
}

static void plat_hot_ejected(void *o, unsigned cpu)
{
	struct plat_hot *p = o;

	p->ejected++;
	p->last = cpu;
}

static void plat_hot_reported(void *o, unsigned cpu, uint32_t event, uint32_t status)
{
	struct plat_hot *p = o;

	p->reported++;
	p->last = cpu;
	p->event = event;
	p->status = status;
}

static const struct cpu_hotplug_cfg plat_hot_cfg = {
	.n = 4,
	.ejected = plat_hot_ejected,
	.reported = plat_hot_reported,
	.notify = plat_hot_notify,
};

static uint8_t plat_hot_flags(struct harness *h, unsigned cpu)
{
	harness_outl(h, CPU_HOTPLUG_PORT, cpu);
	return harness_inb(h, CPU_HOTPLUG_PORT + 4);
}

START_TEST(plat_cpu_hotplug)
{
	enum { PORT = CPU_HOTPLUG_PORT };
	struct harness *h = harness_new(0);
	struct cpu_hotplug_cfg cfg = plat_hot_cfg;
	struct plat_hot seen = { 0 };
	struct cpu_hotplug *p;

	cfg.opaque = &seen;
	p = cpu_hotplug_create(h->vm, &cfg, &err);
	ck_assert_ptr_nonnull(p);
	cpu_hotplug_add(p, 0, 0, false);
	cpu_hotplug_add(p, 2, 8, true);
	ck_assert_uint_eq(seen.told, 1);
	ck_assert_uint_eq(plat_hot_flags(h, 0), 1);
	ck_assert_uint_eq(plat_hot_flags(h, 1), 0);
	ck_assert_uint_eq(plat_hot_flags(h, 4), 0); /* there is none */
	/* Who has news? */
	harness_outl(h, PORT, 0);
	harness_outb(h, PORT + 5, 0);
	ck_assert_uint_eq(harness_inl(h, PORT + 8), 2);
	ck_assert_uint_eq(harness_inb(h, PORT + 4), 3);
	harness_outb(h, PORT + 5, 3);
	ck_assert_uint_eq(harness_inl(h, PORT + 8), 8);
	harness_outb(h, PORT + 4, 2);
	ck_assert_uint_eq(harness_inb(h, PORT + 4), 1);
	/* It should go; the guest reports, then lets it go. */
	cpu_hotplug_ask(p, 2);
	ck_assert_uint_eq(seen.told, 2);
	harness_outl(h, PORT, 3);
	harness_outb(h, PORT + 5, 0);
	ck_assert_uint_eq(harness_inl(h, PORT + 8), 2);
	ck_assert_uint_eq(harness_inb(h, PORT + 4), 5);
	harness_outb(h, PORT + 4, 4);
	harness_outb(h, PORT + 5, 1);
	harness_outl(h, PORT + 8, 0x103);
	harness_outb(h, PORT + 5, 2);
	harness_outl(h, PORT + 8, 0x84);
	harness_settle(h);
	ck_assert_uint_eq(seen.reported, 1);
	ck_assert_uint_eq(seen.event, 0x103);
	ck_assert_uint_eq(seen.status, 0x84);
	harness_outb(h, PORT + 4, 8);
	harness_outb(h, PORT + 4, 8); /* twice is once */
	ck_assert_uint_eq(harness_inb(h, PORT + 4), 0);
	harness_settle(h);
	ck_assert_uint_eq(seen.ejected, 1);
	ck_assert_uint_eq(seen.last, 2);
	/* The first one stays, and so does who was never there. */
	harness_outl(h, PORT, 0);
	harness_outb(h, PORT + 4, 8);
	harness_outl(h, PORT, 1);
	harness_outb(h, PORT + 4, 8);
	harness_settle(h);
	ck_assert_uint_eq(seen.ejected, 1);
	ck_assert_uint_eq(plat_hot_flags(h, 0), 1);
	for (int i = 0; i < 4; i++) {
		harness_torture(h, true, PORT, CPU_HOTPLUG_LEN, 3000);
		harness_settle(h);
	}
}
END_TEST

START_TEST(plat_ged)
{
	struct harness *h = harness_new(0);
	struct acpi_ged_cfg cfg = { .evt_base = 0xfea00000,
		                    .reg_base = 0xfea01000,
		                    .irq = h->line[5] };

	ck_assert_ptr_nonnull(acpi_ged_create(h->vm, &cfg, &err));
	vm_request_powerdown(h->vm);
	harness_settle(h);
	ck_assert_uint_eq(h->rises[5], 1);
	ck_assert_uint_eq(harness_read(h, 0xfea00000, 4), ACPI_GED_EVT_POWER);
	ck_assert_uint_eq(harness_read(h, 0xfea00000, 4), 0);
	harness_write(h, 0xfea01000, ACPI_GED_S5 << 2 | 0x20, 1);
	ck_assert_uint_ne(atomic_load(&h->vm->req), 0);
}
END_TEST

/* ---- fw_cfg ---- */

static void plat_fw_dma(struct harness *h, uint32_t control, uint32_t len,
                        uint64_t addr)
{
	uint8_t b[16];

	st_be32(b, control);
	st_be32(b + 4, len);
	st_be64(b + 8, addr);
	ck_assert_int_eq(dma_write(&h->vm->mem, 0x1000, b, 16), 0);
	harness_outl(h, 0x514, 0);
	harness_outl(h, 0x518, __builtin_bswap32(0x1000));
}

static char plat_written[8];

static void plat_fw_written(void *opaque, const uint8_t *data, size_t len)
{
	(void)opaque;
	memcpy(plat_written, data, len < 8 ? len : 8);
}

START_TEST(plat_fwcfg)
{
	struct harness *h = harness_new(0);
	struct fwcfg *f = fwcfg_create(h->vm, &err);
	uint8_t buf[64];
	size_t len;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fwcfg_add_file(f, "zz", "last", 4, &err), 0);
	ck_assert_int_eq(fwcfg_add_file(f, "etc/a", "first", 5, &err), 0);
	ck_assert_int_eq(
		fwcfg_add_file_rw(f, "rw", "\0\0\0\0", 4, plat_fw_written, NULL, &err),
		0);
	ck_assert_int_lt(fwcfg_add_file(f, "", "x", 1, &err), 0);
	ck_assert_int_eq(fwcfg_add_u16(f, FWCFG_NB_CPUS, 3, &err), 0);
	harness_outw(h, 0x510, FWCFG_SIGNATURE);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(harness_inb(h, 0x511), "QEMU"[i]);
	}
	ck_assert_uint_eq(harness_inb(h, 0x511), 0); /* past the end */
	ck_assert_uint_eq(harness_inl(h, 0x514), 0x554d4551);
	plat_fw_dma(h, FWCFG_FILE_DIR << 16 | 0x0a, 64, 0x2000);
	ck_assert_uint_eq(harness_read(h, 0x1000, 4), 0);
	ck_assert_int_eq(dma_read(&h->vm->mem, 0x2000, buf, 64), 0);
	ck_assert_uint_eq(ld_be32(buf), 3);
	ck_assert_uint_eq(ld_be32(buf + 4), 5);
	ck_assert_uint_eq(ld_be16(buf + 8), 0x20);
	ck_assert_str_eq((char *)buf + 12, "etc/a");
	/* Write, in and beyond the file. */
	ck_assert_int_eq(dma_write(&h->vm->mem, 0x3000, "abcd", 4), 0);
	plat_fw_dma(h, 0x21 << 16 | 0x18, 4, 0x3000);
	ck_assert_uint_eq(harness_read(h, 0x1000, 4), 0);
	ck_assert_str_eq(plat_written, "abcd");
	plat_fw_dma(h, 0x21 << 16 | 0x18, 5, 0x3000);
	ck_assert_uint_eq(harness_read(h, 0x1000, 4), 0x01000000);
	plat_fw_dma(h, 0x20 << 16 | 0x18, 4, 0x3000); /* not writable */
	ck_assert_uint_eq(harness_read(h, 0x1000, 4), 0x01000000);
	plat_fw_dma(h, 0x20 << 16 | 0x0a, 0xffffffff, 0x100000); /* leaves RAM */
	ck_assert_uint_eq(harness_read(h, 0x1000, 4), 0x01000000);
	plat_fw_dma(h, 0x4, 0xffffffff, 0);
	plat_fw_dma(h, 0x4, 0xffffffff, 0);
	plat_fw_dma(h, 0x2, 8, 0x2000);
	ck_assert_uint_eq(harness_read(h, 0x2000, 8), 0);
	ck_assert_mem_eq(fwcfg_file(f, "rw", &len), "abcd", 4);
	harness_torture(h, true, 0x510, 12, 3000);
}
END_TEST

/* ---- HPET ---- */

START_TEST(plat_hpet)
{
	struct harness *h = harness_new(0);
	struct pit *p = pit_create(h->vm, &h->line[0], &err);
	struct hpet_cfg cfg = { .gsi = h->line, .pit = p };
	uint64_t t, n;

	ck_assert_ptr_nonnull(hpet_create(h->vm, &cfg, &err));
	ck_assert_uint_eq(harness_read(h, HPET_BASE, 4), HPET_BLOCK_ID);
	ck_assert_uint_eq(harness_read(h, HPET_BASE + 4, 4), 10000000);
	harness_write(h, HPET_BASE + 0x10, 3, 4); /* on, legacy */
	t = harness_read(h, HPET_BASE + 0xf0, 8);
	harness_step(NS_PER_MS);
	ck_assert_uint_eq(harness_read(h, HPET_BASE + 0xf0, 8) - t, 100000);
	/* Timer 0 periodic, 32 bits, as Linux does it. */
	harness_write(h, HPET_BASE + 0x100, 0x14c, 4);
	t = harness_read(h, HPET_BASE + 0xf0, 4);
	harness_write(h, HPET_BASE + 0x108, t + 100000, 4);
	harness_write(h, HPET_BASE + 0x108, 100000, 4);
	n = h->rises[0];
	harness_step(20 * NS_PER_MS);
	ck_assert_uint_ge(h->rises[0] - n, 19);
	ck_assert_uint_le(h->rises[0] - n, 20);
	harness_write(h, HPET_BASE + 0x100, 0x108, 4);
	n = h->rises[0];
	harness_step(20 * NS_PER_MS);
	ck_assert_uint_eq(h->rises[0], n);
	/* Timer 2, level on 20. */
	t = harness_read(h, HPET_BASE + 0xf0, 8);
	harness_write(h, HPET_BASE + 0x148, t + 1000, 8);
	harness_write(h, HPET_BASE + 0x140, 20 << 9 | 6, 8);
	harness_step(NS_PER_MS);
	ck_assert_int_eq(h->level[20], 1);
	ck_assert_uint_eq(harness_read(h, HPET_BASE + 0x20, 4), 4);
	harness_write(h, HPET_BASE + 0x20, 4, 4);
	ck_assert_int_eq(h->level[20], 0);
	harness_torture(h, false, HPET_BASE, 0x400, 2000);
}
END_TEST

/* ---- i8042 ---- */

START_TEST(plat_i8042)
{
	struct harness *h = harness_new(0);
	struct i8042_cfg cfg = { .kbd = h->line[1],
		                 .aux = h->line[12],
		                 .a20 = h->line[30] };
	struct i8042 *k = i8042_create(h->vm, &cfg, &err);
	static const uint8_t enter[] = { 0x5a, 0xf0, 0x5a };

	ck_assert_ptr_nonnull(k);
	harness_outb(h, 0x64, 0xaa);
	ck_assert_uint_eq(harness_inb(h, 0x64) & 1, 1);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0x55);
	harness_outb(h, 0x64, 0x60);
	harness_outb(h, 0x60, 0x47);
	harness_outb(h, 0x64, 0x20);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0x47);
	harness_outb(h, 0x60, 0xff);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0xfa);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0xaa);
	harness_outb(h, 0x64, 0xd4);
	harness_outb(h, 0x60, 0xf2);
	ck_assert_uint_eq(harness_inb(h, 0x64) & 0x21, 0x21);
	ck_assert_int_eq(h->level[12], 1);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0xfa);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0x00);
	/* Loop-back answers while the mouse port is disabled: Linux probes it that way, and
	 * waits half a second for each missing answer. */
	harness_outb(h, 0x64, 0xa7);
	harness_outb(h, 0x64, 0xd3);
	harness_outb(h, 0x60, 0x5a);
	ck_assert_uint_eq(harness_inb(h, 0x64) & 0x21, 0x21);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0x5a);
	ck_assert_uint_eq(harness_inb(h, 0x64) & 0x21, 0);
	harness_outb(h, 0x64, 0xa8);
	i8042_key(k, enter, 3);
	ck_assert_int_eq(h->level[1], 1);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0x1c);
	ck_assert_uint_eq(harness_inb(h, 0x60), 0x9c);
	ck_assert_int_eq(h->level[1], 0);
	harness_outb(h, 0x92, 0);
	ck_assert_int_eq(h->level[30], 0);
	harness_outb(h, 0x92, 2);
	ck_assert_int_eq(h->level[30], 1);
	ck_assert_uint_eq(atomic_load(&h->vm->req), 0);
	harness_outb(h, 0x64, 0xfe);
	ck_assert_uint_ne(atomic_load(&h->vm->req), 0);
	for (int i = 0; i < 4000; i++) {
		harness_outb(h, harness_random() & 1 ? 0x60 : 0x64,
		             (uint8_t)harness_random());
		i8042_key(k, enter, 3);
		i8042_mouse(k, (int)harness_random() % 1000, 5, 1, harness_random());
		harness_inb(h, 0x60);
	}
}
END_TEST

/* ---- all of them, by a hostile guest (security classes 2, 6, 8, 9, 11) ---- */

START_TEST(plat_torture)
{
	struct harness *h = harness_new(2);
	struct rtc_cfg rc = { .irq = h->chip->gsi[8], .base_s = 0, .vm_clock = true };
	struct acpi_pm_cfg ac = { .sci = h->chip->gsi[9] };
	struct isa_bus *b = isa_bus_new(h->vm, NULL, "isa.0", NULL, h->chip->gsi);
	struct acpi_pm *pm = acpi_pm_create(h->vm, &ac, &err);

	pit_create(h->vm, &h->chip->gsi[0], &err);
	rtc_create(h->vm, &rc, &err);
	mr_add(&h->vm->io_root, 0x600, acpi_pm_region(pm), 0);
	serial_isa_create(b, 0, NULL, &err);
	for (int i = 0; i < 4; i++) {
		harness_torture(h, true, 0x20, 2, 1000);
		harness_torture(h, true, 0xa0, 2, 1000);
		harness_torture(h, true, 0x4d0, 2, 100);
		harness_torture(h, true, 0x40, 4, 3000);
		harness_torture(h, true, 0x61, 1, 100);
		harness_torture(h, true, 0x70, 2, 3000);
		harness_torture(h, true, 0x600, 128, 3000);
		harness_torture(h, true, 0x3f8, 8, 3000);
		harness_torture(h, false, IRQCHIP_IOAPIC_BASE, 0x80, 3000);
		harness_torture(h, false, IRQCHIP_LAPIC_BASE, 0x100000, 3000);
		plat_vector(h, 0);
		plat_vector(h, 1);
	}
}
END_TEST

static void plat_torture_apic(struct vcpu *c, void *arg)
{
	struct x86_cpu *cpu = c->arch;

	(void)arg;
	for (int i = 0; i < 20000; i++) {
		uint64_t v = harness_random() | (uint64_t)harness_random() << 32;

		aspace_write(&c->vm->mem,
		             IRQCHIP_LAPIC_BASE + (harness_random() & 0x3f0),
		             (uint32_t)v, 4);
		aspace_read(&c->vm->mem,
		            IRQCHIP_LAPIC_BASE + (harness_random() & 0x3f0), 4);
		(void)cpu->apic_ops->x2apic_write(cpu->apic,
		                                  0x800 + harness_random() % 0x48, v);
		(void)cpu->apic_ops->x2apic_read(cpu->apic,
		                                 0x800 + harness_random() % 0x48, &v);
		(void)cpu->apic_ops->x2apic_write(cpu->apic, 0x6e0, v);
		if (i % 100 == 0) {
			(void)cpu->apic_ops->set_base(cpu->apic, v & 0xfff);
		}
		(void)cpu->apic_ops->get_vector(cpu->apic);
	}
}

START_TEST(plat_torture_lapic)
{
	struct harness *h = harness_new(3);

	for (unsigned i = 0; i < 3; i++) {
		harness_on_cpu(h, i, plat_torture_apic, NULL);
		harness_step(NS_PER_S);
	}
}
END_TEST

/* Three processors send each other interrupts while lines toggle and timers run. Nothing
 * may be lost: what was sent is pending or was taken. */
static _Atomic unsigned plat_busy;

static void plat_stress_cpu(struct vcpu *c, void *arg)
{
	struct x86_cpu *cpu = c->arch;
	uint32_t to = (c->index + 1) % 3;

	(void)arg;
	for (int i = 0; i < 20000; i++) {
		(void)cpu->apic_ops->x2apic_write(cpu->apic, 0x830,
		                                  (uint64_t)to << 32 | 0x40);
		(void)cpu->apic_ops->x2apic_write(cpu->apic, 0x6e0,
		                                  x86_tsc(cpu) + 1000);
		if (cpu->apic_ops->get_vector(cpu->apic) >= 0) {
			(void)cpu->apic_ops->x2apic_write(cpu->apic, 0x80b, 0);
		}
	}
	while (cpu->apic_ops->get_vector(cpu->apic) >= 0) {
		(void)cpu->apic_ops->x2apic_write(cpu->apic, 0x80b, 0);
	}
	atomic_fetch_sub(&plat_busy, 1);
}

START_TEST(plat_stress)
{
	struct harness *h = harness_new(3);

	for (unsigned i = 0; i < 3; i++) {
		struct x86_cpu *c = harness_cpu(h, i);

		ck_assert_int_eq(c->apic_ops->set_base(c->apic, 0xfee00c00), 0);
		ck_assert_int_eq(plat_wrmsr(h, i, 0x80f, 0x1ff), 0);
		ck_assert_int_eq(plat_wrmsr(h, i, 0x832, 0x40050), 0);
	}
	plat_rte(h, 20, 0x8060 | UINT64_C(1) << 56);
	atomic_store(&plat_busy, 3);
	for (unsigned i = 0; i < 3; i++) {
		vcpu_run_on(h->vm->vcpus[i], plat_stress_cpu, NULL);
	}
	while (atomic_load(&plat_busy)) {
		irq_raise(&h->chip->gsi[20]);
		irq_lower(&h->chip->gsi[20]);
		harness_step(700);
	}
	harness_step(NS_PER_S);
	for (unsigned i = 0; i < 3; i++) {
		int v;

		while ((v = plat_vector(h, i)) >= 0) {
			ck_assert(v == 0x40 || v == 0x50 || v == 0x60);
			ck_assert_int_eq(plat_wrmsr(h, i, 0x80b, 0), 0);
		}
		ck_assert_uint_eq(harness_requests(h, i) & X86_REQ_HARD, 0);
	}
	ck_assert_uint_eq(plat_rte_low(h, 20) & 0x4000, 0);
}
END_TEST

/* Each device's state table is sound: saved, loaded, saved again it is the same. */
START_TEST(plat_state)
{
	struct harness *h = harness_new(2);
	struct rtc_cfg rc = { .irq = h->chip->gsi[8],
		              .base_s = 1709164798,
		              .vm_clock = true };
	struct acpi_pm_cfg ac = { .sci = h->chip->gsi[9] };
	struct acpi_ged_cfg gc = { 0xfea00000, 0xfea01000, h->chip->gsi[5] };
	struct i8042_cfg kc = { .kbd = h->chip->gsi[1], .aux = h->chip->gsi[12] };
	struct hpet_cfg hc = { .gsi = h->chip->gsi };
	struct isa_bus *b = isa_bus_new(h->vm, NULL, "isa.0", NULL, h->chip->gsi);
	struct state_buf s[2] = { { 0 } };
	unsigned n = 0;

	ck_assert(pit_create(h->vm, &h->chip->gsi[0], &err) &&
	          rtc_create(h->vm, &rc, &err) && acpi_pm_create(h->vm, &ac, &err) &&
	          acpi_ged_create(h->vm, &gc, &err) && i8042_create(h->vm, &kc, &err) &&
	          hpet_create(h->vm, &hc, &err) && fwcfg_create(h->vm, &err) &&
	          serial_isa_create(b, 0, NULL, &err));
	harness_torture(h, true, 0x20, 0x80, 4000);
	harness_torture(h, false, IRQCHIP_IOAPIC_BASE, 0x80, 1000);
	for (int pass = 0; pass < 2; pass++) {
		for (struct device *d = device_next(NULL); d; d = device_next(d)) {
			ck_assert_msg(state_save(&s[pass], d->path, d->cls->state, d,
			                         &err) == 0,
			              "%s", err.text);
			n++;
		}
		for (struct device *d = device_next(NULL); !pass && d;
		     d = device_next(d)) {
			ck_assert_msg(
				state_load(&s[0], d->path, d->cls->state, d, &err) == 0,
				"%s", err.text);
		}
	}
	ck_assert_uint_eq(n, 2 * 12);
	ck_assert_uint_eq(s[0].len, s[1].len);
	ck_assert_mem_eq(s[0].data, s[1].data, s[0].len);
	for (struct device *d = device_next(NULL); d; d = device_next(d)) {
		if (d->cls->post_load) {
			ck_assert_int_eq(d->cls->post_load(d, &err), 0);
		}
	}
	state_buf_fini(&s[0]);
	state_buf_fini(&s[1]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		plat_pic,       plat_ioapic,   plat_lapic_priority,
		plat_lapic_ipi, plat_lapic_x2, plat_lapic_timer,
		plat_pit,       plat_rtc,      plat_acpi,
		plat_ged,       plat_fwcfg,    plat_hpet,
		plat_i8042,     plat_torture,  plat_torture_lapic,
		plat_stress,    plat_state,    plat_cpu_hotplug,
	};

	return unit_main(unit_suite("plat", tests, ARRAY_LEN(tests)));
}
