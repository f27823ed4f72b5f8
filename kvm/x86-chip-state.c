/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-chip-state.c - interrupt controllers and PIT between KVM's form and ours
 * (core/cpu/x86-chips.h). Pure functions, for the unit test.
 *
 * Spec: Linux api.rst KVM_GET_LAPIC, KVM_GET_IRQCHIP, KVM_GET_PIT2, KVM_CAP_X2APIC_API.
 *
 * What KVM's form can't say:
 * - LAPIC: a one-shot timer whose count is at 0 may have expired with or without its
 *   interrupt delivered; KVM itself, given that state, delivers (again). Read from KVM
 *   it means "expires at once": never lost. Given to KVM, a timer that does not
 *   run has no initial count.
 * - IOAPIC: an edge that came while its pin was masked. KVM would take the line for raised
 *   and swallow the next edge, so such a pending edge is left out.
 * - PIC: single mode. PIT: how far channel 0 has counted, and the phase of any channel
 *   when it is set: one-shot counts are given as what is left, periods begin anew.
 */
#include "config.h"

#include <string.h>

#include "base/bytes.h"
#include "core/cpu/x86-chips.h"
#include "kvm/x86.h"

#define LVT_TIMER_MODE(l) (((l) >> 17) & 3)
enum { TIMER_ONE_SHOT = 0, TIMER_DEADLINE = 2 };

/* ---- local APIC ---- */

static bool chip_x2(uint64_t base)
{
	return (base & 0xc00) == 0xc00;
}

static uint32_t chip_lapic_ld(const struct kvm_lapic_state *k, unsigned reg)
{
	return ld_le32((const uint8_t *)k->regs + 16 * reg);
}

static void chip_lapic_st(struct kvm_lapic_state *k, unsigned reg, uint32_t v)
{
	st_le32((uint8_t *)k->regs + 16 * reg, v);
}

void kvm_x86_lapic_push(struct kvm_lapic_state *k, const struct x86_chip_lapic *s,
                        bool wide_id)
{
	memset(k, 0, sizeof(*k));
	for (unsigned i = 0; i < LAPIC_REGS; i++) {
		chip_lapic_st(k, i, s->reg[i]);
	}
	chip_lapic_st(k, LAPIC_REG_ID,
	              chip_x2(s->base) && wide_id ? s->reg[LAPIC_REG_ID]
	                                          : s->reg[LAPIC_REG_ID] << 24);
	chip_lapic_st(k, 0x2f, 0x10000); /* LVT CMCI: masked */
	if (!s->reg[LAPIC_REG_TMR_CUR]) {
		chip_lapic_st(k, LAPIC_REG_TMR_INIT, 0);
	}
}

void kvm_x86_lapic_pull(struct x86_chip_lapic *s, const struct kvm_lapic_state *k,
                        uint64_t base, uint64_t deadline)
{
	for (unsigned i = 0; i < LAPIC_REGS; i++) {
		s->reg[i] = chip_lapic_ld(k, i);
	}
	s->base = base;
	s->tsc_deadline = deadline;
	s->reg[LAPIC_REG_ID] = 0; /* who it belongs to says it */
	s->reg[LAPIC_REG_VERSION] = 0;
	switch (LVT_TIMER_MODE(s->reg[LAPIC_REG_LVT])) {
	case TIMER_DEADLINE:
		s->reg[LAPIC_REG_TMR_INIT] = s->reg[LAPIC_REG_TMR_CUR] = 0;
		break;
	case TIMER_ONE_SHOT:
		s->tsc_deadline = 0;
		if (s->reg[LAPIC_REG_TMR_INIT] && !s->reg[LAPIC_REG_TMR_CUR]) {
			s->reg[LAPIC_REG_TMR_CUR] = 1;
		}
		break;
	default: s->tsc_deadline = 0;
	}
}

/* ---- IOAPIC ---- */

#define RTE_REMOTE_IRR BIT64(14)
#define RTE_LEVEL      BIT64(15)
#define RTE_MASKED     BIT64(16)

void kvm_x86_ioapic_push(struct kvm_ioapic_state *k, const struct x86_chip_ioapic *s,
                         uint32_t lines)
{
	memset(k, 0, sizeof(*k));
	k->base_address = 0xfec00000;
	k->ioregsel = s->sel;
	k->id = s->id;
	for (unsigned i = 0; i < X86_IOAPIC_PINS && i < KVM_IOAPIC_NUM_PINS; i++) {
		k->redirtbl[i].bits = s->rte[i];
		if (s->rte[i] & RTE_LEVEL) {
			k->irr |= lines & BIT(i);
		} else if (!(s->rte[i] & RTE_MASKED)) {
			k->irr |= s->irr & BIT(i);
		}
	}
}

void kvm_x86_ioapic_pull(struct x86_chip_ioapic *s, const struct kvm_ioapic_state *k)
{
	s->id = (uint8_t)k->id;
	s->sel = (uint8_t)k->ioregsel;
	s->irr = k->irr;
	for (unsigned i = 0; i < X86_IOAPIC_PINS && i < KVM_IOAPIC_NUM_PINS; i++) {
		s->rte[i] = k->redirtbl[i].bits;
	}
}

/* ---- PIC ---- */

void kvm_x86_pic_push(struct kvm_pic_state *k, const struct x86_chip_pic *s,
                      bool master)
{
	*k = (struct kvm_pic_state){
		.last_irr = s->lines,
		.irr = s->irr,
		.imr = s->imr,
		.isr = s->isr,
		.priority_add = (s->lowest + 1) & 7,
		.irq_base = s->base,
		.read_reg_select = s->read_isr,
		.poll = s->poll,
		.special_mask = s->special_mask,
		.init_state = s->init ? (uint8_t)(s->init - 1) : 0,
		.auto_eoi = s->auto_eoi,
		.rotate_on_auto_eoi = s->rotate_aeoi,
		.special_fully_nested_mode = s->special_nest,
		.init4 = s->need_icw4,
		.elcr = s->elcr,
		.elcr_mask = master ? 0xf8 : 0xde,
	};
	if (master) { /* KVM pulses the cascade: its level is low between */
		k->last_irr &= (uint8_t)~BIT(2);
	}
}

void kvm_x86_pic_pull(struct x86_chip_pic *s, const struct kvm_pic_state *k)
{
	*s = (struct x86_chip_pic){
		.irr = k->irr,
		.imr = k->imr,
		.isr = k->isr,
		.elcr = k->elcr,
		.lines = k->last_irr,
		.base = k->irq_base & 0xf8,
		.init = k->init_state ? (uint8_t)(k->init_state + 1) : 0,
		.lowest = (k->priority_add + 7) & 7,
		.need_icw4 = k->init4,
		.auto_eoi = k->auto_eoi,
		.rotate_aeoi = k->rotate_on_auto_eoi,
		.special_mask = k->special_mask,
		.special_nest = k->special_fully_nested_mode,
		.read_isr = k->read_reg_select,
		.poll = k->poll,
	};
}

/* ---- PIT ---- */

/* KVM's access states: 1 low, 2 high, 3 both (first byte), 4 both (second byte). */
enum { RW_WORD = 3, RW_WORD_SECOND = 4, PIT_MODE_NONE = 0xff };
#define PIT_HZ 1193182u

static bool chip_pit_periodic(uint8_t mode)
{
	return mode == 2 || mode == 3;
}

static uint32_t chip_pit_left(const struct x86_chip_pit_channel *s)
{
	if (!s->loaded || chip_pit_periodic(s->mode)) {
		return s->count;
	}
	return s->ticks < s->count ? s->count - (uint32_t)s->ticks : 0;
}

void kvm_x86_pit_push(struct kvm_pit_state2 *k, const struct x86_chip_pit *s,
                      uint8_t *parked)
{
	memset(k, 0, sizeof(*k));
	*parked = PIT_MODE_NONE;
	k->flags = (s->irq_off ? KVM_PIT_FLAGS_HPET_LEGACY : 0) |
	           (s->speaker_data ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0);
	for (unsigned i = 0; i < X86_PIT_CHANNELS; i++) {
		const struct x86_chip_pit_channel *c = &s->ch[i];
		uint32_t left = chip_pit_left(c);

		k->channels[i] = (struct kvm_pit_channel_state){
			.count = left ? left : 1,
			.latched_count = c->latched,
			.count_latched = !c->latch_n        ? 0
			                 : c->latch_n == 2  ? RW_WORD
			                 : c->rw == RW_WORD ? 2
			                                    : c->rw,
			.status_latched = c->status_latched,
			.status = c->status,
			.read_state = c->read_high ? RW_WORD_SECOND : c->rw,
			.write_state = c->write_high ? RW_WORD_SECOND : c->rw,
			.write_latch = c->write_low,
			.rw_mode = c->rw,
			.mode = c->mode,
			.bcd = c->bcd,
			.gate = c->gate,
		};
	}
	if (s->ch[0].fresh) { /* as KVM has it itself, and no timer runs */
		k->channels[0].mode = PIT_MODE_NONE;
	} else if (s->ch[0].loaded && !chip_pit_left(&s->ch[0])) {
		*parked =
			s->ch[0].mode; /* has expired: in mode 5 it does not do so again */
		k->channels[0].mode = 5;
	}
}

void kvm_x86_pit_pull(struct x86_chip_pit *s, const struct kvm_pit_state2 *k,
                      uint8_t parked, uint64_t now_ns)
{
	memset(s, 0, sizeof(*s));
	s->speaker_data = k->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	s->irq_off = k->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	for (unsigned i = 0; i < X86_PIT_CHANNELS; i++) {
		const struct kvm_pit_channel_state *c = &k->channels[i];
		uint64_t since = (uint64_t)c->count_load_time;

		s->ch[i] = (struct x86_chip_pit_channel){
			.count = c->count,
			.mode = c->mode > 5 ? 3 : c->mode,
			.rw = c->rw_mode ? c->rw_mode & 3 : 3,
			.gate = c->gate != 0,
			.bcd = c->bcd,
			.loaded = c->mode <= 5,
			.fresh = c->mode > 5,
			.write_low = c->write_latch,
			.write_high = c->write_state == RW_WORD_SECOND,
			.read_high = c->read_state == RW_WORD_SECOND,
			.latch_n = !c->count_latched             ? 0
			           : c->count_latched == RW_WORD ? 2
			                                         : 1,
			.latched = c->latched_count,
			.status_latched = c->status_latched,
			.status = c->status,
			.ticks_known = i > 0,
		};
		if (i > 0 && now_ns > since) {
			s->ch[i].ticks =
				(uint64_t)((unsigned __int128)(now_ns - since) *
			                   PIT_HZ / 1000000000u);
		}
	}
	if (parked <= 5 && s->ch[0].mode == 5) {
		s->ch[0].mode = parked;
		s->ch[0].ticks = s->ch[0].count;
		s->ch[0].ticks_known = true;
	}
}
