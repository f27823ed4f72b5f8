/* SPDX-License-Identifier: GPL-2.0-or-later */
/* piix_test.c - the chips of board pc: host bridge, ISA bridge, power management. */
#include "config.h"

#include "tests/unit/unit.h"

#include <string.h>

#include "base/opt.h"
#include "core/clock.h"
#include "devices/bus/isa-piix3.h"
#include "devices/bus/pci-i440fx.h"
#include "devices/fw/piix4-pm.h"
#include "tests/qtest/harness.h"

static struct err err;

extern const struct device_class edu_class;

const struct device_class *const device_classes[] = { &edu_class, NULL };

struct piix_board {
	struct harness *h;
	struct pci_host *host;
	struct i440fx *bridge;
	struct piix3 *isa;
	struct piix4_pm *pm;
};

static void piix_board_new(struct piix_board *b, bool firmware)
{
	struct pci_host_cfg hc = { .bus_name = "pci.0", .ports = true };
	struct i440fx_cfg fc = { .ram_below_1m = !firmware };
	struct piix4_pm_cfg pc = { .firmware = firmware };

	b->h = harness_new(0);
	fc.low_ram = &b->h->ram_mr;
	pc.sci = b->h->line[PIIX4_SCI_IRQ];
	b->host = pci_host_create(b->h->vm, &hc, &err);
	b->bridge = i440fx_create(b->host, &fc, &err);
	b->isa = piix3_create(b->host, b->h->line, &err);
	b->pm = piix4_pm_create(b->host, &pc, &err);
	ck_assert_msg(b->pm != NULL, "%s", err.text);
}

static void piix_at(struct piix_board *b, unsigned slot, unsigned fn, unsigned reg)
{
	harness_outl(b->h, 0xcf8, 0x80000000 | slot << 11 | fn << 8 | (reg & 0xfc));
}

static uint32_t piix_rd(struct piix_board *b, unsigned slot, unsigned fn, unsigned reg)
{
	piix_at(b, slot, fn, reg);
	return harness_inl(b->h, 0xcfc);
}

static void piix_wrb(struct piix_board *b, unsigned slot, unsigned fn, unsigned reg,
                     uint8_t v)
{
	piix_at(b, slot, fn, reg);
	harness_outb(b->h, 0xcfc + (reg & 3), v);
}

START_TEST(piix_ids)
{
	struct piix_board b;

	piix_board_new(&b, true);
	ck_assert_uint_eq(piix_rd(&b, 0, 0, 0), 0x12378086);
	ck_assert_uint_eq(piix_rd(&b, 1, 0, 0), 0x70008086);
	ck_assert_uint_eq(piix_rd(&b, 1, 0, 0x0c) >> 16 & 0xff, 0x80);
	ck_assert_uint_eq(piix_rd(&b, 1, 3, 0), 0x71138086);
	ck_assert_uint_eq(piix_rd(&b, 1, 2, 0), 0xffffffff);
	ck_assert_ptr_nonnull(bus_find("isa.0"));
	harness_outb(b.h, 0xcf9, 6);
	ck_assert_uint_ne(atomic_load(&b.h->vm->req), 0);
}
END_TEST

START_TEST(piix_pam)
{
	struct ram_config rc = { .size = 0x20000 };
	struct piix_board b;
	struct ram_block *rom;
	static struct mr m;

	piix_board_new(&b, true);
	rom = ram_block_new("rom", &rc, &err);
	ck_assert_ptr_nonnull(rom);
	memset(rom->host, 0xff, rc.size);
	mr_init_rom(&m, "bios", rom);
	mr_add(&b.host->mem, 0xe0000, &m, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0xff);
	piix_wrb(&b, 0, 0, 0x59, 0x30);
	harness_write(b.h, 0xf1234, 0x55, 1);
	piix_wrb(&b, 0, 0, 0x59, 0x10);
	harness_write(b.h, 0xf1234, 0x66, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0x55);
	piix_wrb(&b, 0, 0, 0x5f, 0x30); /* PAM6 high: ec000..effff */
	harness_write(b.h, 0xeffff, 0x77, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xeffff, 1), 0x77);
	ck_assert_uint_eq(harness_read(b.h, 0xebfff, 1), 0xff);
	device_reset_all(b.h->vm);
	ck_assert_uint_eq(harness_read(b.h, 0xeffff, 1), 0xff);
}
END_TEST

static void piix_edu_irq(struct piix_board *b, bool on)
{
	harness_write(b->h, 0xc0000000 + (on ? 0x60 : 0x64), 1, 4);
}

START_TEST(piix_pirq)
{
	struct piix_board b;
	struct opt *o;

	piix_board_new(&b, false);
	ck_assert_int_eq(opt_parse(&o, "edu,addr=3", "driver", &err), 0);
	ck_assert_ptr_nonnull(device_add(b.h->vm, o, &err));
	opt_free(o);
	piix_at(&b, 3, 0, PCI_BAR0);
	harness_outl(b.h, 0xcfc, 0xc0000000);
	piix_wrb(&b, 3, 0, PCI_COMMAND, 6);
	ck_assert_uint_eq(piix3_pirq(3, 0), 2);
	piix_edu_irq(&b, true); /* not routed yet */
	ck_assert_int_eq(b.h->level[11], 0);
	piix_wrb(&b, 1, 0, 0x62, 11);
	ck_assert_int_eq(b.h->level[11], 1);
	piix_wrb(&b, 1, 0, 0x62, 5); /* moves while it is asserted */
	ck_assert_int_eq(b.h->level[11], 0);
	ck_assert_int_eq(b.h->level[5], 1);
	piix_wrb(&b, 1, 0, 0x62, 8); /* reserved: the clock's */
	ck_assert_int_eq(b.h->level[8], 0);
	ck_assert_int_eq(b.h->level[5], 0);
	piix_wrb(&b, 1, 0, 0x62, 0x85);
	ck_assert_int_eq(b.h->level[5], 0);
	piix_wrb(&b, 1, 0, 0x62, 5);
	piix_edu_irq(&b, false);
	ck_assert_int_eq(b.h->level[5], 0);
}
END_TEST

START_TEST(piix_pm)
{
	struct piix_board b;

	piix_board_new(&b, true);
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 0xffff);
	ck_assert_uint_eq(piix_rd(&b, 1, 3, 0x58) & 1u << 25,
	                  1u << 25); /* no SMI needed */
	piix_at(&b, 1, 3, 0x40);
	harness_outl(b.h, 0xcfc, 0x1fff);
	ck_assert_uint_eq(harness_inl(b.h, 0xcfc), 0x1fc1);
	harness_outl(b.h, 0xcfc, 0x601);
	piix_wrb(&b, 1, 3, 0x80, 1);
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 1);
	ck_assert_uint_eq(harness_inw(b.h, 0x640), 0xffff); /* 64 ports */
	/* GPE 9 by its status and enable words at 0c and 0e. */
	harness_outw(b.h, 0x60e, 0x200);
	acpi_pm_gpe(b.pm->pm, 9);
	acpi_pm_gpe(b.pm->pm, 16); /* there is none */
	ck_assert_uint_eq(harness_inl(b.h, 0x60c), 0x02000200);
	ck_assert_int_eq(b.h->level[9], 1);
	harness_outw(b.h, 0x60c, 0x200);
	ck_assert_int_eq(b.h->level[9], 0);
	ck_assert_uint_eq(harness_inl(b.h, 0x630), 0); /* ICH9's SMI_EN is not here */
	/* Power button, then S5. */
	harness_outw(b.h, 0x602, 0x100);
	vm_request_powerdown(b.h->vm);
	harness_settle(b.h);
	ck_assert_int_eq(b.h->level[9], 1);
	harness_outw(b.h, 0x604, 0x2001);
	ck_assert_uint_ne(atomic_load(&b.h->vm->req), 0);
}
END_TEST

START_TEST(piix_torture)
{
	struct piix_board b;

	piix_board_new(&b, false);
	for (unsigned fn = 0; fn < 4; fn++) {
		for (unsigned reg = 0; reg < 256; reg++) {
			piix_wrb(&b, 1, fn, reg, (uint8_t)harness_random());
			piix_wrb(&b, 0, fn, reg, (uint8_t)harness_random());
		}
	}
	harness_torture(b.h, true, 0x600, 0x40, 5000);
	device_reset_all(b.h->vm);
	ck_assert_uint_eq(harness_inw(b.h, 0x604), 1);
}
END_TEST

START_TEST(piix_state)
{
	struct state_buf buf = { 0 };
	struct piix_board b;
	struct device *d;

	piix_board_new(&b, false);
	piix_wrb(&b, 1, 0, 0x61, 5);
	for (d = device_next(NULL); d; d = device_next(d)) {
		ck_assert_int_eq(state_save(&buf, d->path, d->cls->state, d, &err), 0);
	}
	device_reset_all(b.h->vm);
	piix_wrb(&b, 0, 0, 0x59, 0);
	for (d = device_next(NULL); d; d = device_next(d)) {
		ck_assert_msg(state_load(&buf, d->path, d->cls->state, d, &err) == 0,
		              "%s", err.text);
		ck_assert_int_eq(d->cls->post_load ? d->cls->post_load(d, &err) : 0, 0);
	}
	ck_assert_uint_eq(piix_rd(&b, 1, 0, 0x60), 0x80800580);
	harness_write(b.h, 0xf1234, 0x55, 1);
	ck_assert_uint_eq(harness_read(b.h, 0xf1234, 1), 0x55);
	state_buf_fini(&buf);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		piix_ids, piix_pam, piix_pirq, piix_pm, piix_torture, piix_state,
	};

	return unit_main(unit_suite("piix", tests, ARRAY_LEN(tests)));
}
