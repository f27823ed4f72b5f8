/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pic.c - two cascaded 8259A interrupt controllers (Intel 8259A data sheet, 1988) with
 * the EISA edge/level registers at 4d0/4d1.
 *
 * Threads: ports and acknowledge on vCPU threads, lines from anywhere, all under the
 * device's lock, whose rank is RANK_IRQCHIP_IO. INTR goes to the boot processor's
 * LINT0 (rank above).
 * Known gaps: buffered mode, MCS-80 mode.
 */
#include "config.h"

#include "devices/irqchip/pic.h"

#include <errno.h>

#include "core/cpu/x86-chips.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "state/state.h"

enum { PIC_MASTER = 0, PIC_SLAVE = 1, PIC_CASCADE = 2 };

struct pic_chip {
	uint8_t irr, imr, isr, lines, elcr;
	uint8_t base;   /* ICW2 */
	uint8_t init;   /* 0 ready, else the ICW awaited (2..4) */
	uint8_t lowest; /* line of lowest priority */
	bool need_icw4, single, auto_eoi, rotate_aeoi, special_mask, special_nest;
	bool read_isr, poll;
};

struct pic {
	struct device dev;
	struct lk lk;
	struct irq intr;
	bool out;
	struct pic_chip chip[2];
	struct mr io[2], elcr;
};

static const uint8_t pic_elcr_mask[2] = { 0xf8, 0xde };

/* Position of the highest priority bit of `mask` in the chip's rotation, 8 if none. */
static unsigned pic_rank(const struct pic_chip *c, uint8_t mask)
{
	for (unsigned i = 0; i < 8; i++) {
		if (mask & BIT((c->lowest + 1 + i) & 7)) {
			return i;
		}
	}
	return 8;
}

static int pic_pending(const struct pic_chip *c, bool master)
{
	uint8_t in_service = c->isr;
	unsigned want = pic_rank(c, c->irr & (uint8_t)~c->imr), have;

	if (want == 8) {
		return -1;
	}
	if (c->special_mask) {
		in_service &= (uint8_t)~c->imr;
	}
	if (c->special_nest && master) {
		in_service &= (uint8_t)~BIT(PIC_CASCADE);
	}
	have = pic_rank(c, in_service);
	return want < have ? (int)((c->lowest + 1 + want) & 7) : -1;
}

static void pic_chip_line(struct pic_chip *c, unsigned n, int level)
{
	uint8_t bit = (uint8_t)BIT(n);

	if (c->elcr & bit) {
		c->irr = level ? c->irr | bit : c->irr & (uint8_t)~bit;
	} else if (level && !(c->lines & bit)) {
		c->irr |= bit;
	}
	c->lines = level ? c->lines | bit : c->lines & (uint8_t)~bit;
}

static void pic_update_locked(struct pic *p)
{
	bool out;

	pic_chip_line(&p->chip[PIC_MASTER], PIC_CASCADE,
	              pic_pending(&p->chip[PIC_SLAVE], false) >= 0);
	out = pic_pending(&p->chip[PIC_MASTER], true) >= 0;
	if (out != p->out) {
		p->out = out;
		irq_set(&p->intr, out);
	}
}

void pic_set_line(void *pic, unsigned n, int level)
{
	struct pic *p = pic;

	LOCK_SCOPE(&p->lk);
	pic_chip_line(&p->chip[(n >> 3) & 1], n & 7, level != 0);
	pic_update_locked(p);
}

static void pic_chip_ack(struct pic_chip *c, unsigned n)
{
	uint8_t bit = (uint8_t)BIT(n);

	if (!(c->elcr & bit)) {
		c->irr &= (uint8_t)~bit;
	}
	if (!c->auto_eoi) {
		c->isr |= bit;
	} else if (c->rotate_aeoi) {
		c->lowest = (uint8_t)n;
	}
}

int pic_ack(void *pic)
{
	struct pic *p = pic;
	struct pic_chip *m = &p->chip[PIC_MASTER], *s = &p->chip[PIC_SLAVE];
	int n, vec;

	LOCK_SCOPE(&p->lk);
	n = pic_pending(m, true);
	if (n < 0) {
		vec = m->base + 7; /* the line went away: spurious */
	} else if (n == PIC_CASCADE) {
		int k = pic_pending(s, false);

		pic_chip_ack(m, PIC_CASCADE);
		/* The cascade input is a level made by us; its latch goes with it. */
		m->lines &= (uint8_t)~BIT(PIC_CASCADE);
		if (k >= 0) {
			pic_chip_ack(s, (unsigned)k);
			vec = s->base + k;
		} else {
			vec = s->base + 7;
		}
	} else {
		pic_chip_ack(m, (unsigned)n);
		vec = m->base + n;
	}
	pic_update_locked(p);
	return vec;
}

static void pic_icw1(struct pic_chip *c, uint8_t val)
{
	c->irr = c->imr = c->isr = 0;
	c->lowest = 7;
	c->auto_eoi = c->rotate_aeoi = c->special_mask = c->special_nest = false;
	c->read_isr = c->poll = false;
	c->need_icw4 = val & 1;
	c->single = val & 2;
	c->init = 2;
	/* Levels that are still there count again; edges have to come again. */
	c->irr = c->lines & c->elcr;
}

static void pic_ocw2(struct pic_chip *c, uint8_t val)
{
	unsigned n = val & 7, r;

	switch (val >> 5) {
	case 0: /* rotate in auto EOI: clear, set */
	case 4: c->rotate_aeoi = val >> 7; break;
	case 1: /* non-specific EOI, and with rotation */
	case 5:
		r = pic_rank(c, c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr);
		if (r < 8) {
			n = (c->lowest + 1 + r) & 7;
			c->isr &= (uint8_t)~BIT(n);
			if (val >> 5 == 5) {
				c->lowest = (uint8_t)n;
			}
		}
		break;
	case 3: /* specific EOI, and with rotation */
	case 7:
		c->isr &= (uint8_t)~BIT(n);
		if (val >> 5 == 7) {
			c->lowest = (uint8_t)n;
		}
		break;
	case 6: c->lowest = (uint8_t)n; break;
	}
}

static void pic_write_cmd(struct pic_chip *c, uint8_t val)
{
	if (val & 0x10) {
		pic_icw1(c, val);
	} else if (val & 0x08) { /* OCW3 */
		c->poll = val & 4;
		if (val & 2) {
			c->read_isr = val & 1;
		}
		if (val & 0x40) {
			c->special_mask = val & 0x20;
		}
	} else {
		pic_ocw2(c, val);
	}
}

static void pic_write_data(struct pic_chip *c, uint8_t val)
{
	switch (c->init) {
	case 2:
		c->base = val & 0xf8;
		c->init = c->single ? (c->need_icw4 ? 4 : 0) : 3;
		break;
	case 3: /* wiring is fixed: line 2 */ c->init = c->need_icw4 ? 4 : 0; break;
	case 4:
		c->special_nest = val & 0x10;
		c->auto_eoi = val & 2;
		c->init = 0;
		break;
	default: c->imr = val;
	}
}

static uint64_t pic_io_read_chip(struct pic *p, unsigned i, uint64_t off)
{
	struct pic_chip *c = &p->chip[i];
	uint64_t v;
	int n;

	LOCK_SCOPE(&p->lk);
	if (c->poll) {
		c->poll = false;
		n = pic_pending(c, i == PIC_MASTER);
		if (n >= 0) {
			pic_chip_ack(c, (unsigned)n);
		}
		v = n >= 0 ? 0x80u | (unsigned)n : 0;
		pic_update_locked(p);
		return v;
	}
	if (off) {
		return c->imr;
	}
	return c->read_isr ? c->isr : c->irr;
}

static void pic_io_write_chip(struct pic *p, unsigned i, uint64_t off, uint8_t val)
{
	LOCK_SCOPE(&p->lk);
	if (off) {
		pic_write_data(&p->chip[i], val);
	} else {
		pic_write_cmd(&p->chip[i], val);
	}
	pic_update_locked(p);
}

static uint64_t pic_master_read(void *opaque, uint64_t off, unsigned size)
{
	(void)size;
	return pic_io_read_chip(opaque, PIC_MASTER, off);
}

static void pic_master_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)size;
	pic_io_write_chip(opaque, PIC_MASTER, off, (uint8_t)val);
}

static uint64_t pic_slave_read(void *opaque, uint64_t off, unsigned size)
{
	(void)size;
	return pic_io_read_chip(opaque, PIC_SLAVE, off);
}

static void pic_slave_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)size;
	pic_io_write_chip(opaque, PIC_SLAVE, off, (uint8_t)val);
}

static uint64_t pic_elcr_read(void *opaque, uint64_t off, unsigned size)
{
	struct pic *p = opaque;

	(void)size;
	LOCK_SCOPE(&p->lk);
	return p->chip[off & 1].elcr;
}

static void pic_elcr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pic *p = opaque;

	(void)size;
	LOCK_SCOPE(&p->lk);
	p->chip[off & 1].elcr = (uint8_t)val & pic_elcr_mask[off & 1];
}

static const struct mr_ops pic_ops[2] = {
	{ .read = pic_master_read,
	  .write = pic_master_write,
	  .min = 1,
	  .max = 1,
	  .split = true },
	{ .read = pic_slave_read,
	  .write = pic_slave_write,
	  .min = 1,
	  .max = 1,
	  .split = true },
};
static const struct mr_ops pic_elcr_ops = {
	.read = pic_elcr_read,
	.write = pic_elcr_write,
	.min = 1,
	.max = 1,
	.split = true,
};

/* ---- the state leaves, and comes ---- */

void pic_chip_get(struct pic *p, struct x86_chip_pic *out)
{
	LOCK_SCOPE(&p->lk);
	for (unsigned i = 0; i < 2; i++) {
		const struct pic_chip *c = &p->chip[i];

		out[i] = (struct x86_chip_pic){
			.irr = c->irr,
			.imr = c->imr,
			.isr = c->isr,
			.elcr = c->elcr,
			.lines = c->lines,
			.base = c->base,
			.init = c->init,
			.lowest = c->lowest,
			.need_icw4 = c->need_icw4,
			.single = c->single,
			.auto_eoi = c->auto_eoi,
			.rotate_aeoi = c->rotate_aeoi,
			.special_mask = c->special_mask,
			.special_nest = c->special_nest,
			.read_isr = c->read_isr,
			.poll = c->poll,
		};
	}
	p->out = false; /* and whoever has INTR drops it */
}

bool pic_chip_set(struct pic *p, const struct x86_chip_pic *in, uint16_t lines)
{
	struct pic_chip *m = &p->chip[PIC_MASTER];

	LOCK_SCOPE(&p->lk);
	for (unsigned i = 0; i < 2; i++) {
		const struct x86_chip_pic *c = &in[i];

		p->chip[i] = (struct pic_chip){
			.irr = c->irr,
			.imr = c->imr,
			.isr = c->isr,
			.elcr = c->elcr & pic_elcr_mask[i],
			.lines = (uint8_t)(lines >> 8 * i),
			.base = c->base & 0xf8,
			.init = c->init < 4 ? c->init : 4,
			.lowest = c->lowest & 7,
			.need_icw4 = c->need_icw4,
			.single = c->single,
			.auto_eoi = c->auto_eoi,
			.rotate_aeoi = c->rotate_aeoi,
			.special_mask = c->special_mask,
			.special_nest = c->special_nest,
			.read_isr = c->read_isr,
			.poll = c->poll,
		};
		/* Levels are what the lines say. */
		p->chip[i].irr = (p->chip[i].irr & (uint8_t)~p->chip[i].elcr) |
		                 (p->chip[i].lines & p->chip[i].elcr);
	}
	/* The cascade is a level to us; another side may see it as pulses. */
	m->lines = (m->lines & (uint8_t)~BIT(PIC_CASCADE)) |
	           (in[0].lines & BIT(PIC_CASCADE));
	pic_chip_line(m, PIC_CASCADE, pic_pending(&p->chip[PIC_SLAVE], false) >= 0);
	p->out = pic_pending(m, true) >= 0;
	return p->out;
}

static void pic_reset(struct device *d)
{
	struct pic *p = container_of(d, struct pic, dev);

	LOCK_SCOPE(&p->lk);
	for (unsigned i = 0; i < 2; i++) {
		struct pic_chip *c = &p->chip[i];
		uint8_t lines = c->lines;

		*c = (struct pic_chip){ .lowest = 7, .lines = lines };
	}
	pic_update_locked(p);
}

static int pic_realize(struct device *d, struct err *e)
{
	struct pic *p = container_of(d, struct pic, dev);

	(void)e;
	lk_init(&p->lk, RANK_IRQCHIP_IO, "pic");
	p->chip[0].lowest = p->chip[1].lowest = 7;
	mr_init_io(&p->io[0], "pic-master", 2, &pic_ops[0], p, NULL);
	mr_init_io(&p->io[1], "pic-slave", 2, &pic_ops[1], p, NULL);
	mr_init_io(&p->elcr, "pic-elcr", 2, &pic_elcr_ops, p, NULL);
	mr_add(&d->vm->io_root, 0x20, &p->io[0], 0);
	mr_add(&d->vm->io_root, 0xa0, &p->io[1], 0);
	mr_add(&d->vm->io_root, 0x4d0, &p->elcr, 0);
	return 0;
}

static void pic_unrealize(struct device *d)
{
	struct pic *p = container_of(d, struct pic, dev);

	mr_del(&p->io[0]);
	mr_del(&p->io[1]);
	mr_del(&p->elcr);
	lk_fini(&p->lk);
}

static int pic_post_load(struct device *d, struct err *e)
{
	struct pic *p = container_of(d, struct pic, dev);

	(void)e;
	LOCK_SCOPE(&p->lk);
	irq_set(&p->intr, p->out);
	return 0;
}

static const struct state_field pic_chip_state[] = {
	STATE_FIELD(STATE_U8, struct pic_chip, irr),
	STATE_FIELD(STATE_U8, struct pic_chip, imr),
	STATE_FIELD(STATE_U8, struct pic_chip, isr),
	STATE_FIELD(STATE_U8, struct pic_chip, lines),
	STATE_FIELD(STATE_U8, struct pic_chip, elcr),
	STATE_FIELD(STATE_U8, struct pic_chip, base),
	STATE_RANGE(STATE_U8, struct pic_chip, init, 0, 4),
	STATE_RANGE(STATE_U8, struct pic_chip, lowest, 0, 7),
	STATE_FIELD(STATE_BOOL, struct pic_chip, need_icw4),
	STATE_FIELD(STATE_BOOL, struct pic_chip, single),
	STATE_FIELD(STATE_BOOL, struct pic_chip, auto_eoi),
	STATE_FIELD(STATE_BOOL, struct pic_chip, rotate_aeoi),
	STATE_FIELD(STATE_BOOL, struct pic_chip, special_mask),
	STATE_FIELD(STATE_BOOL, struct pic_chip, special_nest),
	STATE_FIELD(STATE_BOOL, struct pic_chip, read_isr),
	STATE_FIELD(STATE_BOOL, struct pic_chip, poll),
	{ .name = NULL },
};

static const struct state_field pic_state[] = {
	STATE_FIELD(STATE_BOOL, struct pic, out),
	{ .name = "chip",
	  .type = STATE_STRUCT,
	  .offset = offsetof(struct pic, chip),
	  .count = 2,
	  .stride = sizeof(struct pic_chip),
	  .sub = pic_chip_state },
	{ .name = NULL },
};

static const struct device_class pic_class = {
	.name = "i8259",
	.bus = "sys",
	.description = "8259A interrupt controller pair",
	.category = "misc",
	.instance_size = sizeof(struct pic),
	.internal = true,
	.state = pic_state,
	.realize = pic_realize,
	.unrealize = pic_unrealize,
	.reset = pic_reset,
	.post_load = pic_post_load,
};

struct pic *pic_create(struct vm *vm, const struct irq *intr, struct err *e)
{
	struct device *d = device_new_own(vm, &pic_class, e);
	struct pic *p;

	if (!d) {
		return NULL;
	}
	p = container_of(d, struct pic, dev);
	p->intr = *intr;
	return device_realize_own(d, NULL, e) ? p : NULL;
}
