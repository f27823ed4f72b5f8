/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioapic.c - I/O APIC, 24 pins, version 0x20 with the EOI register (Intel 82093AA data
 * sheet; ICH9 data sheet 13.5).
 *
 * Lines are logical (1 = asserted), so the polarity bit is kept but has no effect.
 * An edge that comes while its pin is masked stays pending until unmasked.
 *
 * Threads: registers and EOI on vCPU threads, lines from anywhere; own lock of
 * RANK_IRQCHIP_IO, held while delivering into local APICs (rank above).
 * Known gaps: no arbitration id; SMI delivery is ignored.
 */
#include "config.h"

#include "devices/irqchip/ioapic.h"

#include <errno.h>
#include <string.h>

#include "core/cpu/x86-chips.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "devices/irqchip/lapic.h"
#include "state/state.h"

enum {
	IOAPIC_PINS = 24,
	IOAPIC_REGSEL = 0x00,
	IOAPIC_WIN = 0x10,
	IOAPIC_EOIR = 0x40,
	IOAPIC_VERSION = 0x20,
};

#define RTE_VECTOR(r)  ((uint8_t)(r))
#define RTE_MODE(r)    (((unsigned)(r) >> 8) & 7)
#define RTE_LOGICAL    BIT64(11)
#define RTE_STATUS     BIT64(12)
#define RTE_REMOTE_IRR BIT64(14)
#define RTE_LEVEL      BIT64(15)
#define RTE_MASKED     BIT64(16)
#define RTE_RO         (RTE_STATUS | RTE_REMOTE_IRR)
/* Destination: bits 63..56, and 55..49 as bits 14..8 (the 15-bit extension). */
#define RTE_DEST(r)  ((uint32_t)((r) >> 56) | (uint32_t)(((r) >> 49) & 0x7f) << 8)
#define RTE_WRITABLE (UINT64_C(0xfffe00000001ffff) & ~RTE_RO)

struct ioapic {
	struct device dev;
	struct lk lk;
	struct lapic_set *bus;
	struct mr mr;
	uint64_t base;
	uint8_t id, reset_id, sel;
	uint32_t lines, irr;
	uint64_t rte[IOAPIC_PINS];
};

static struct lapic_msg ioapic_msg(uint64_t r)
{
	return (struct lapic_msg){
		.dest = RTE_DEST(r),
		.logical = r & RTE_LOGICAL,
		.mode = RTE_MODE(r),
		.vector = RTE_VECTOR(r),
		.level = r & RTE_LEVEL,
	};
}

/* Local APICs of the hypervisor must know which vectors' EOIs we wait for. */
static void ioapic_announce_locked(struct ioapic *s)
{
	const struct hv_chips *hv = s->dev.vm->hv_chips;
	struct msi_msg pin[IOAPIC_PINS];
	uint32_t valid = 0;

	if (!atomic_load(&s->bus->away) || !hv->ioapic_routes ||
	    hv->has & X86_CHIP_IOAPIC) {
		return;
	}
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		struct lapic_msg m = ioapic_msg(s->rte[n]);

		if (m.level && m.vector >= 16) {
			pin[n] = lapic_msg_as_msi(&m);
			valid |= BIT(n);
		}
	}
	hv->ioapic_routes(s->dev.vm, pin, valid);
}

static void ioapic_service(struct ioapic *s, unsigned n)
{
	uint64_t r = s->rte[n];
	struct lapic_msg m = ioapic_msg(r);

	if (!(s->irr & BIT(n)) || (r & RTE_MASKED)) {
		return;
	}
	if (m.level) {
		if (r & RTE_REMOTE_IRR) {
			return;
		}
		s->rte[n] |= RTE_REMOTE_IRR;
	} else {
		s->irr &= ~BIT(n);
	}
	lapic_deliver(s->bus, &m);
}

void ioapic_set_line(void *ioapic, unsigned n, int level)
{
	struct ioapic *s = ioapic;
	uint32_t bit;

	if (n >= IOAPIC_PINS) {
		return;
	}
	bit = BIT(n);
	LOCK_SCOPE(&s->lk);
	if (s->rte[n] & RTE_LEVEL) {
		s->irr = level ? s->irr | bit : s->irr & ~bit;
	} else if (level && !(s->lines & bit)) {
		s->irr |= bit;
	}
	s->lines = level ? s->lines | bit : s->lines & ~bit;
	if (level) {
		ioapic_service(s, n);
	}
}

static void ioapic_eoi_locked(struct ioapic *s, uint8_t vector)
{
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		uint64_t r = s->rte[n];

		if (RTE_VECTOR(r) != vector || !(r & RTE_LEVEL) ||
		    !(r & RTE_REMOTE_IRR)) {
			continue;
		}
		s->rte[n] &= ~RTE_REMOTE_IRR;
		ioapic_service(s, n);
	}
}

void ioapic_eoi(struct ioapic *s, uint8_t vector)
{
	LOCK_SCOPE(&s->lk);
	ioapic_eoi_locked(s, vector);
}

uint32_t ioapic_in_service(struct ioapic *s, uint8_t vector)
{
	uint32_t pins = 0;

	LOCK_SCOPE(&s->lk);
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		if (RTE_VECTOR(s->rte[n]) == vector && s->rte[n] & RTE_REMOTE_IRR) {
			pins |= BIT(n);
		}
	}
	return pins;
}

static void ioapic_write_rte(struct ioapic *s, unsigned n, bool high, uint32_t val)
{
	uint64_t old = s->rte[n], now;

	now = high ? (uint32_t)old | (uint64_t)val << 32
	           : (old & ~UINT64_C(0xffffffff)) | val;
	now = (now & RTE_WRITABLE) | (old & RTE_RO);
	if (!(now & RTE_LEVEL)) {
		now &= ~RTE_REMOTE_IRR;
	} else if (!(old & RTE_LEVEL)) {
		s->irr = s->lines & BIT(n) ? s->irr | BIT(n) : s->irr & ~BIT(n);
	}
	s->rte[n] = now;
	if ((now ^ old) & ~(uint64_t)(RTE_RO | RTE_MASKED) && (now | old) & RTE_LEVEL) {
		ioapic_announce_locked(s);
	}
	ioapic_service(s, n);
}

static uint32_t ioapic_read_reg(const struct ioapic *s)
{
	unsigned n;

	switch (s->sel) {
	case 0: /* id */
	case 2: /* arbitration */ return (uint32_t)s->id << 24;
	case 1: return (IOAPIC_PINS - 1) << 16 | IOAPIC_VERSION;
	}
	if (s->sel < 0x10 || s->sel >= 0x10 + 2 * IOAPIC_PINS) {
		return 0;
	}
	n = (s->sel - 0x10u) >> 1;
	return (uint32_t)(s->rte[n] >> (s->sel & 1 ? 32 : 0));
}

static uint64_t ioapic_read(void *opaque, uint64_t off, unsigned size)
{
	struct ioapic *s = opaque;

	(void)size;
	LOCK_SCOPE(&s->lk);
	switch (off & 0xff) {
	case IOAPIC_REGSEL: return s->sel;
	case IOAPIC_WIN: return ioapic_read_reg(s);
	}
	return 0;
}

static void ioapic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ioapic *s = opaque;

	(void)size;
	LOCK_SCOPE(&s->lk);
	switch (off & 0xff) {
	case IOAPIC_REGSEL: s->sel = (uint8_t)val; break;
	case IOAPIC_WIN:
		if (s->sel == 0) {
			s->id = (val >> 24) & 0x0f;
		} else if (s->sel >= 0x10 && s->sel < 0x10 + 2 * IOAPIC_PINS) {
			ioapic_write_rte(s, (s->sel - 0x10u) >> 1, s->sel & 1,
			                 (uint32_t)val);
		}
		break;
	case IOAPIC_EOIR: ioapic_eoi_locked(s, (uint8_t)val); break;
	}
}

/* ---- the state leaves, and comes ---- */

void ioapic_chip_get(struct ioapic *s, struct x86_chip_ioapic *out)
{
	LOCK_SCOPE(&s->lk);
	out->id = s->id;
	out->sel = s->sel;
	out->irr = s->irr;
	memcpy(out->rte, s->rte, sizeof(out->rte));
}

void ioapic_chip_set(struct ioapic *s, const struct x86_chip_ioapic *in, uint32_t lines)
{
	LOCK_SCOPE(&s->lk);
	s->id = in->id & 0x0f;
	s->sel = in->sel;
	s->lines = lines & (BIT(IOAPIC_PINS) - 1);
	s->irr = 0;
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		s->rte[n] = in->rte[n] & (RTE_WRITABLE | RTE_REMOTE_IRR);
		if (!(s->rte[n] & RTE_LEVEL)) {
			s->rte[n] &= ~RTE_REMOTE_IRR;
		}
		s->irr |= (s->rte[n] & RTE_LEVEL ? s->lines : in->irr) & BIT(n);
	}
}

void ioapic_chip_go(struct ioapic *s)
{
	LOCK_SCOPE(&s->lk);
	ioapic_announce_locked(s);
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		ioapic_service(s, n);
	}
}

static const struct mr_ops ioapic_ops = {
	.read = ioapic_read,
	.write = ioapic_write,
	.min = 4,
	.max = 4,
	.split = true,
};

static void ioapic_reset(struct device *d)
{
	struct ioapic *s = container_of(d, struct ioapic, dev);

	LOCK_SCOPE(&s->lk);
	s->id = s->reset_id;
	s->sel = 0;
	s->irr = 0;
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		s->rte[n] = RTE_MASKED;
	}
}

static int ioapic_realize(struct device *d, struct err *e)
{
	struct ioapic *s = container_of(d, struct ioapic, dev);

	(void)e;
	lk_init(&s->lk, RANK_IRQCHIP_IO, "ioapic");
	mr_init_io(&s->mr, "ioapic", 0x1000, &ioapic_ops, s, NULL);
	mr_add(&d->vm->mem_root, s->base, &s->mr, 10);
	ioapic_reset(d);
	return 0;
}

static void ioapic_unrealize(struct device *d)
{
	struct ioapic *s = container_of(d, struct ioapic, dev);

	mr_del(&s->mr);
	lk_fini(&s->lk);
}

static const struct state_field ioapic_state[] = {
	STATE_RANGE(STATE_U8, struct ioapic, id, 0, 15),
	STATE_FIELD(STATE_U8, struct ioapic, sel),
	STATE_FIELD(STATE_U32, struct ioapic, lines),
	STATE_FIELD(STATE_U32, struct ioapic, irr),
	STATE_ARRAY(STATE_U64, struct ioapic, rte, IOAPIC_PINS),
	{ .name = NULL },
};

static const struct device_class ioapic_class = {
	.name = "ioapic",
	.bus = "sys",
	.description = "I/O APIC",
	.category = "misc",
	.instance_size = sizeof(struct ioapic),
	.internal = true,
	.state = ioapic_state,
	.realize = ioapic_realize,
	.unrealize = ioapic_unrealize,
	.reset = ioapic_reset,
};

struct ioapic *ioapic_create(struct vm *vm, struct lapic_set *bus, uint64_t base,
                             uint8_t id, struct err *e)
{
	struct device *d = device_new_own(vm, &ioapic_class, e);
	struct ioapic *s;

	if (!d) {
		return NULL;
	}
	s = container_of(d, struct ioapic, dev);
	s->bus = bus;
	s->base = base;
	s->reset_id = id & 0x0f;
	return device_realize_own(d, NULL, e) ? s : NULL;
}
