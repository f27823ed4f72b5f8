/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmchips_test.c - the state of interrupt controllers and PIT to KVM's form and back, with
 * random valid states; where /dev/kvm is, through a real VM, too.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/cpu/x86-chips.h"
#include "kvm/x86.h"
#include "unit.h"

static uint32_t seed = 4711;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct x86_chip_lapic lapic_sample(uint32_t id, bool x2)
{
	static const unsigned maps[] = { LAPIC_REG_ISR, LAPIC_REG_TMR, LAPIC_REG_IRR };
	struct x86_chip_lapic s = { .base = 0xfee00800 | (x2 ? 0x400 : 0) };

	s.reg[LAPIC_REG_ID] = id;
	s.reg[LAPIC_REG_TPR] = rnd() & 0xff;
	s.reg[LAPIC_REG_LDR] = x2 ? (id >> 4) << 16 | BIT(id & 15) : rnd() & 0xff000000;
	s.reg[LAPIC_REG_DFR] = rnd() & 1 ? UINT32_MAX : 0x0fffffff;
	s.reg[LAPIC_REG_SVR] = 0x100 | (rnd() & 0xff);
	for (unsigned m = 0; m < 3; m++) {
		for (unsigned i = 0; i < 8; i++) {
			s.reg[maps[m] + i] =
				rnd() & rnd() & (i ? UINT32_MAX : 0xffff0000);
		}
	}
	s.reg[LAPIC_REG_ICR] = rnd() & 0xccfff;
	s.reg[LAPIC_REG_ICR_HI] = x2 ? rnd() : rnd() & 0xff000000;
	s.reg[LAPIC_REG_LVT] = rnd() & 0x100ff;
	for (unsigned i = 1; i < 6; i++) {
		s.reg[LAPIC_REG_LVT + i] = rnd() & 0x100ff;
	}
	s.reg[LAPIC_REG_TMR_DIV] = rnd() & 0xb;
	switch (rnd() % 3) {
	case 0:
		s.reg[LAPIC_REG_LVT] |= 2 << 17;
		s.tsc_deadline = rnd();
		break;
	case 1:
		s.reg[LAPIC_REG_LVT] |= 1 << 17;
		/* fall through */
	default:
		s.reg[LAPIC_REG_TMR_INIT] = rnd() | 2;
		s.reg[LAPIC_REG_TMR_CUR] = 1 + rnd() % s.reg[LAPIC_REG_TMR_INIT];
	}
	return s;
}

START_TEST(lapic_round_trip)
{
	for (unsigned i = 0; i < 2000; i++) {
		bool x2 = rnd() & 1, wide = rnd() & 1;
		struct x86_chip_lapic a = lapic_sample(rnd() & 0xff, x2), b;
		struct kvm_lapic_state k;

		kvm_x86_lapic_push(&k, &a, wide);
		ck_assert_uint_eq(ld_le32((uint8_t *)k.regs + 0x20),
		                  x2 && wide ? a.reg[LAPIC_REG_ID]
		                             : a.reg[LAPIC_REG_ID] << 24);
		kvm_x86_lapic_pull(&b, &k, a.base, a.tsc_deadline);
		b.reg[LAPIC_REG_ID] = a.reg[LAPIC_REG_ID];
		b.reg[0x2f] = a.reg[0x2f];
		ck_assert_mem_eq(&a, &b, sizeof(a));
	}
}
END_TEST

/* A timer that does not run is not started; one that may have expired does expire. */
START_TEST(lapic_timer_edges)
{
	struct x86_chip_lapic a = lapic_sample(0, false), b;
	struct kvm_lapic_state k;

	a.reg[LAPIC_REG_LVT] = 0x30;
	a.reg[LAPIC_REG_TMR_INIT] = 1000;
	a.reg[LAPIC_REG_TMR_CUR] = 0;
	kvm_x86_lapic_push(&k, &a, false);
	ck_assert_uint_eq(ld_le32((uint8_t *)k.regs + 0x380), 0);
	st_le32((uint8_t *)k.regs + 0x380, 1000);
	kvm_x86_lapic_pull(&b, &k, a.base, 7);
	ck_assert_uint_eq(b.reg[LAPIC_REG_TMR_CUR], 1);
	ck_assert_uint_eq(b.tsc_deadline, 0);
}
END_TEST

START_TEST(ioapic_round_trip)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct x86_chip_ioapic a = { .id = rnd() & 15, .sel = (uint8_t)rnd() },
				       b;
		uint32_t lines = rnd() & 0xffffff;
		struct kvm_ioapic_state k;

		for (unsigned n = 0; n < X86_IOAPIC_PINS; n++) {
			a.rte[n] = (rnd() & 0x1afff) | (uint64_t)rnd() << 56;
			if (a.rte[n] & BIT(15)) {
				a.rte[n] |= rnd() & BIT(14);
				a.irr |= lines & BIT(n);
			} else if (!(a.rte[n] & BIT(16))) {
				a.irr |= rnd() & BIT(n);
			}
		}
		kvm_x86_ioapic_push(&k, &a, lines);
		kvm_x86_ioapic_pull(&b, &k);
		ck_assert_uint_eq(a.irr, b.irr);
		ck_assert_mem_eq(a.rte, b.rte, sizeof(a.rte));
		ck_assert_uint_eq(a.id, b.id);
		ck_assert_uint_eq(a.sel, b.sel);
	}
}
END_TEST

static struct x86_chip_pic pic_sample(bool master)
{
	return (struct x86_chip_pic){
		.irr = (uint8_t)rnd(),
		.imr = (uint8_t)rnd(),
		.isr = (uint8_t)rnd(),
		.elcr = (uint8_t)rnd() & (master ? 0xf8 : 0xde),
		.lines = (uint8_t)rnd() & (master ? 0xfb : 0xff),
		.base = (uint8_t)rnd() & 0xf8,
		.init = rnd() & 1 ? 0 : (uint8_t)(2 + rnd() % 3),
		.lowest = rnd() & 7,
		.need_icw4 = rnd() & 1,
		.auto_eoi = rnd() & 1,
		.rotate_aeoi = rnd() & 1,
		.special_mask = rnd() & 1,
		.special_nest = rnd() & 1,
		.read_isr = rnd() & 1,
		.poll = rnd() & 1,
	};
}

START_TEST(pic_round_trip)
{
	for (unsigned i = 0; i < 2000; i++) {
		bool master = rnd() & 1;
		struct x86_chip_pic a = pic_sample(master), b;
		struct kvm_pic_state k;

		kvm_x86_pic_push(&k, &a, master);
		ck_assert_uint_eq(k.elcr_mask, master ? 0xf8 : 0xde);
		kvm_x86_pic_pull(&b, &k);
		ck_assert_mem_eq(&a, &b, sizeof(a));
	}
}
END_TEST

static struct x86_chip_pit_channel pit_sample(void)
{
	struct x86_chip_pit_channel c = {
		.count = 1 + rnd() % 0x10000,
		.mode = (uint8_t)(rnd() % 6),
		.rw = (uint8_t)(1 + rnd() % 3),
		.gate = rnd() & 1,
		.bcd = rnd() & 1,
		.loaded = true,
		.latched = (uint16_t)rnd(),
		.status_latched = rnd() & 1,
		.status = (uint8_t)rnd(),
		.write_low = (uint8_t)rnd(),
	};

	if (c.rw == 3) {
		c.write_high = rnd() & 1;
		c.read_high = rnd() & 1;
	}
	c.latch_n = (uint8_t)(rnd() % (c.rw == 3 ? 3 : 2));
	return c;
}

START_TEST(pit_round_trip)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct x86_chip_pit a = { .speaker_data = rnd() & 1,
			                  .irq_off = rnd() & 1 },
				    b;
		struct kvm_pit_state2 k;
		uint8_t parked;

		for (unsigned n = 0; n < 3; n++) {
			a.ch[n] = pit_sample();
		}
		kvm_x86_pit_push(&k, &a, &parked);
		for (unsigned n = 0; n < 3; n++) {
			k.channels[n].count_load_time = 1000000;
			a.ch[n].ticks_known = n > 0;
		}
		kvm_x86_pit_pull(&b, &k, parked, 1000000);
		ck_assert_mem_eq(&a, &b, sizeof(a));
	}
}
END_TEST

START_TEST(pit_edges)
{
	struct x86_chip_pit a = { .irq_off = false }, b;
	struct kvm_pit_state2 k;
	uint8_t parked;

	for (unsigned n = 0; n < 3; n++) {
		a.ch[n] = (struct x86_chip_pit_channel){ .count = 0x10000,
			                                 .mode = 3,
			                                 .rw = 3,
			                                 .fresh = true,
			                                 .gate = n < 2 };
	}
	/* After reset no timer runs. */
	kvm_x86_pit_push(&k, &a, &parked);
	ck_assert_uint_eq(k.channels[0].mode, 0xff);
	kvm_x86_pit_pull(&b, &k, parked, 0);
	ck_assert(b.ch[0].fresh && !b.ch[0].loaded);
	/* A one-shot goes on where it was; expired it does not expire again. */
	a.ch[0] = (struct x86_chip_pit_channel){ .count = 1000,
		                                 .mode = 0,
		                                 .rw = 3,
		                                 .gate = true,
		                                 .loaded = true,
		                                 .ticks = 400 };
	kvm_x86_pit_push(&k, &a, &parked);
	ck_assert_uint_eq(k.channels[0].count, 600);
	a.ch[0].ticks = 1000;
	kvm_x86_pit_push(&k, &a, &parked);
	ck_assert_uint_eq(k.channels[0].mode, 5);
	kvm_x86_pit_pull(&b, &k, parked, 0);
	ck_assert_uint_eq(b.ch[0].mode, 0);
	ck_assert(b.ch[0].ticks_known && b.ch[0].ticks >= b.ch[0].count);
	/* Channel 2 tells how far it is. */
	k.channels[2] = (struct kvm_pit_channel_state){
		.count = 0x1000, .mode = 0, .rw_mode = 3, .count_load_time = 5000
	};
	kvm_x86_pit_pull(&b, &k, parked, 5000 + 1000000);
	ck_assert_uint_eq(b.ch[2].ticks, 1193);
}
END_TEST

START_TEST(msi_addresses)
{
	ck_assert_uint_eq(kvm_x86_msi_addr(0xfee12000, true), 0xfee12000);
	ck_assert_uint_eq(kvm_x86_msi_addr(0xfee12020, false), 0xfee12020);
	/* Destination 112h, bits 14..8 in 11..5: KVM wants them in the upper half. */
	ck_assert_uint_eq(kvm_x86_msi_addr(0xfee12020, true), UINT64_C(0x100fee12000));
}
END_TEST

/* ---- through a real VM ---- */

static int real_vm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (fd < 0) {
		return -1;
	}
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	close(fd);
	if (vm >= 0 && ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) {
		close(vm);
		return -1;
	}
	return vm;
}

START_TEST(real_chips)
{
	int vm = real_vm(), cpu;

	if (vm < 0) {
		return; /* no usable /dev/kvm here */
	}
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	ck_assert_int_ge(cpu, 0);
	for (unsigned i = 0; i < 200; i++) {
		struct x86_chip_lapic a = lapic_sample(0, false), b;
		struct x86_chip_pic p = pic_sample(false), q;
		struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_SLAVE };
		struct kvm_lapic_state k;

		a.reg[LAPIC_REG_LVT] |= BIT(16); /* no interrupt between set and get */
		a.reg[LAPIC_REG_TMR_INIT] |= 0x40000000;
		a.reg[LAPIC_REG_TMR_CUR] = a.reg[LAPIC_REG_TMR_INIT];
		kvm_x86_lapic_push(&k, &a, false);
		ck_assert_int_ge(ioctl(cpu, KVM_SET_LAPIC, &k), 0);
		ck_assert_int_ge(ioctl(cpu, KVM_GET_LAPIC, &k), 0);
		kvm_x86_lapic_pull(&b, &k, a.base, a.tsc_deadline);
		for (unsigned r = 3; r < LAPIC_REGS; r++) {
			if (r != LAPIC_REG_VERSION && r != LAPIC_REG_PPR && r != 0x2f &&
			    r != LAPIC_REG_TMR_CUR && r != LAPIC_REG_TMR_INIT) {
				ck_assert_msg(a.reg[r] == b.reg[r],
				              "APIC register %x: %x, %x", r, a.reg[r],
				              b.reg[r]);
			}
		}
		kvm_x86_pic_push(&c.chip.pic, &p, false);
		ck_assert_int_ge(ioctl(vm, KVM_SET_IRQCHIP, &c), 0);
		memset(&c.chip, 0, sizeof(c.chip));
		ck_assert_int_ge(ioctl(vm, KVM_GET_IRQCHIP, &c), 0);
		kvm_x86_pic_pull(&q, &c.chip.pic);
		ck_assert_mem_eq(&p, &q, sizeof(p));
	}
	close(cpu);
	close(vm);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { lapic_round_trip,  lapic_timer_edges,
		                       ioapic_round_trip, pic_round_trip,
		                       pit_round_trip,    pit_edges,
		                       msi_addresses,     real_chips };

	return unit_main(unit_suite("kvmchips", tests, ARRAY_LEN(tests)));
}
