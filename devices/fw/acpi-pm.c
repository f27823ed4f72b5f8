/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-pm.c - ACPI fixed hardware registers (ACPI 6.4, 4.8.3 and 4.8.4), in the layout
 * of ICH9's PM I/O block (ICH9 data sheet 13.8.3) or PIIX4's (82371AB data sheet 7.2).
 *
 * Threads: registers on vCPU threads, the timer-carry timer and the power button on
 * control; GPEs from anywhere; under the device's lock.
 * Known gaps: S3/S4 are refused (the guest wakes at once); no throttling, no SMI.
 */
#include "config.h"

#include "devices/fw/acpi-pm.h"

#include <errno.h>

#include "base/log.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/vm.h"
#include "state/state.h"

#define PM_HZ      3579545u

#define PM1_TMR    BIT(0)
#define PM1_GBL    BIT(5)
#define PM1_PWRBTN BIT(8)
#define PM1_SLPBTN BIT(9)
#define PM1_RTC    BIT(10)
#define PM1_WAK    BIT(15)
#define PM1_STS_ALL                                                                    \
	(PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC | PM1_WAK | BIT(4) |    \
	 BIT(14))
#define PM1_EN_ALL     (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC | BIT(14))

#define PM1_SCI_EN     BIT(0)
#define PM1_SLP_EN     BIT(13)
#define PM1_SLP_TYP(v) (((v) >> 10) & 7)
#define PM1_CNT_KEEP   0x1c03u /* SCI_EN, BM_RLD, SLP_TYP */

const struct acpi_pm_layout acpi_pm_ich9 = { 128, 0x20, 8, 0x30 };
const struct acpi_pm_layout acpi_pm_piix4 = { 64, 0x0c, 2, 0 };

/* No SMM here: APMC_EN on and locked tells firmware that SMIs are taken care of. */
#define SMI_EN_APMC BIT(5)

struct acpi_pm {
	struct device dev;
	struct acpi_pm_cfg cfg;
	struct mr mr, smi;
	const struct acpi_pm_layout *lay;
	struct timer *timer; /* TMR_STS: bit 23 of the count changes */
	struct vm_listener listener;
	uint16_t sts, en, cnt;
	uint64_t gpe_sts, gpe_en;
	uint32_t smi_en;
	uint8_t apmc, apms; /* SMI command and status ports */
	uint64_t last_half; /* count >> 23 when TMR_STS was last brought up to date */
};

static uint64_t acpi_pm_count(void)
{
	return muldiv64(clock_ns(CLOCK_VM), PM_HZ, NS_PER_S);
}

static void acpi_pm_update(struct acpi_pm *p)
{
	uint64_t half = acpi_pm_count() >> 23, next;

	if (half != p->last_half) {
		p->last_half = half;
		p->sts |= PM1_TMR;
	}
	irq_set(&p->cfg.sci, (p->cnt & PM1_SCI_EN) && ((p->sts & p->en & PM1_EN_ALL) ||
	                                               (p->gpe_sts & p->gpe_en)));
	if ((p->en & PM1_TMR) && !(p->sts & PM1_TMR)) {
		next = (half + 1) << 23;
		timer_mod(p->timer,
		          (uint64_t)(((unsigned __int128)next * NS_PER_S + PM_HZ - 1) /
		                     PM_HZ));
	} else {
		timer_del(p->timer);
	}
}

static void acpi_pm_fire(void *opaque)
{
	struct acpi_pm *p = opaque;

	LOCK_SCOPE(&p->dev.lk);
	acpi_pm_update(p);
}

static void acpi_pm_sleep(struct acpi_pm *p, unsigned type)
{
	if (type == ACPI_PM_S5) {
		vm_request_shutdown(p->dev.vm, CAUSE_GUEST_SHUTDOWN);
		return;
	}
	log_guest("acpi: sleep type %u not supported: the guest wakes at once", type);
	p->sts |= PM1_WAK;
}

/* Bytes of a register at `at`, when `off` is one of its `len`: the shift in bits. */
static bool acpi_pm_in(unsigned off, unsigned at, unsigned len, unsigned *sh)
{
	*sh = 8 * (off - at);
	return off >= at && off - at < len;
}

/* Every register as the bytes of the block: reads need no alignment rules then. */
static uint8_t acpi_pm_byte(struct acpi_pm *p, unsigned off)
{
	const struct acpi_pm_layout *l = p->lay;
	unsigned sh;

	if (off < 6) {
		const uint16_t pm1[3] = { p->sts, p->en, p->cnt };

		return (uint8_t)(pm1[off / 2] >> 8 * (off & 1));
	}
	if (acpi_pm_in(off, l->gpe0, l->gpe_half, &sh)) {
		return (uint8_t)(p->gpe_sts >> sh);
	}
	if (acpi_pm_in(off, l->gpe0 + l->gpe_half, l->gpe_half, &sh)) {
		return (uint8_t)(p->gpe_en >> sh);
	}
	if (l->smi_en && acpi_pm_in(off, l->smi_en, 4, &sh)) {
		return (uint8_t)(p->smi_en >> sh);
	}
	return 0;
}

static uint64_t acpi_pm_read(void *opaque, uint64_t off, unsigned size)
{
	struct acpi_pm *p = opaque;
	uint64_t v = 0;

	if (off >= ACPI_PM_TMR && off < ACPI_PM_TMR + 4) {
		v = (acpi_pm_count() & 0xffffff) >> 8 * (off - ACPI_PM_TMR);
		return size == 4 ? v : v & ((UINT64_C(1) << 8 * size) - 1);
	}
	if (off < 4) {
		acpi_pm_update(p);
	}
	for (unsigned i = 0; i < size; i++) {
		v |= (uint64_t)acpi_pm_byte(p, (unsigned)off + i) << 8 * i;
	}
	return v;
}

static void acpi_pm_put(struct acpi_pm *p, unsigned off, uint8_t v)
{
	const struct acpi_pm_layout *l = p->lay;
	unsigned sh = 8 * (off & 1), keep = ~(0xffu << sh);

	if (off < 2) {
		p->sts &= (uint16_t) ~((unsigned)v << sh & PM1_STS_ALL);
	} else if (off < 4) {
		p->en = (uint16_t)(((p->en & keep) | (unsigned)v << sh) & PM1_EN_ALL);
	} else if (off < 6) {
		p->cnt = (uint16_t)((p->cnt & keep) |
		                    ((unsigned)v << sh & PM1_CNT_KEEP));
	} else if (acpi_pm_in(off, l->gpe0, l->gpe_half, &sh)) {
		p->gpe_sts &= ~((uint64_t)v << sh);
	} else if (acpi_pm_in(off, l->gpe0 + l->gpe_half, l->gpe_half, &sh)) {
		p->gpe_en = (p->gpe_en & ~(UINT64_C(0xff) << sh)) | (uint64_t)v << sh;
	} else if (l->smi_en && acpi_pm_in(off, l->smi_en, 4, &sh)) {
		p->smi_en = ((p->smi_en & ~(0xffu << sh)) | (uint32_t)v << sh) |
		            SMI_EN_APMC;
	}
}

static void acpi_pm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct acpi_pm *p = opaque;
	bool sleep = false;

	acpi_pm_update(p); /* TMR_STS is cleared as of now, not as of the last look */
	for (unsigned i = 0; i < size; i++) {
		uint8_t b = (uint8_t)(val >> 8 * i);

		acpi_pm_put(p, (unsigned)off + i, b);
		sleep |= off + i == ACPI_PM1_CNT + 1 && (b & PM1_SLP_EN >> 8);
	}
	if (sleep) {
		acpi_pm_sleep(p, PM1_SLP_TYP(p->cnt));
	}
	acpi_pm_update(p);
}

static uint64_t acpi_pm_smi_read(void *opaque, uint64_t off, unsigned size)
{
	const struct acpi_pm *p = opaque;

	(void)size;
	return off ? p->apms : p->apmc;
}

static void acpi_pm_smi_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct acpi_pm *p = opaque;

	(void)size;
	if (off) {
		p->apms = (uint8_t)val;
		return;
	}
	p->apmc = (uint8_t)val;
	if (p->apmc == ACPI_PM_ENABLE) {
		p->cnt |= PM1_SCI_EN;
	} else if (p->apmc == ACPI_PM_DISABLE) {
		p->cnt &= (uint16_t)~PM1_SCI_EN;
	}
	acpi_pm_update(p);
}

static const struct mr_ops acpi_pm_ops = {
	.read = acpi_pm_read,
	.write = acpi_pm_write,
	.min = 1,
	.max = 4,
	.split = true,
};
static const struct mr_ops acpi_pm_smi_ops = {
	.read = acpi_pm_smi_read,
	.write = acpi_pm_smi_write,
	.min = 1,
	.max = 1,
	.split = true,
};

static void acpi_pm_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct acpi_pm *p = container_of(l, struct acpi_pm, listener);

	(void)arg;
	if (ev == VM_EV_POWERDOWN) {
		LOCK_SCOPE(&p->dev.lk);
		p->sts |= PM1_PWRBTN;
		acpi_pm_update(p);
	}
}

struct mr *acpi_pm_region(struct acpi_pm *p)
{
	return &p->mr;
}

struct mr *acpi_pm_smi_region(struct acpi_pm *p)
{
	return &p->smi;
}

void acpi_pm_gpe(struct acpi_pm *p, unsigned n)
{
	if (n < 8u * p->lay->gpe_half) {
		LOCK_SCOPE(&p->dev.lk);
		p->gpe_sts |= BIT64(n);
		acpi_pm_update(p);
	}
}

static void acpi_pm_reset(struct device *d)
{
	struct acpi_pm *p = container_of(d, struct acpi_pm, dev);

	LOCK_SCOPE(&d->lk);
	p->sts = p->en = 0;
	p->cnt = p->cfg.acpi_mode ? PM1_SCI_EN : 0;
	p->gpe_sts = p->gpe_en = 0;
	p->smi_en = SMI_EN_APMC;
	p->apmc = p->apms = 0;
	p->last_half = acpi_pm_count() >> 23;
	acpi_pm_update(p);
}

static int acpi_pm_realize(struct device *d, struct err *e)
{
	struct acpi_pm *p = container_of(d, struct acpi_pm, dev);

	p->timer = timer_new(d->vm->loop, CLOCK_VM, acpi_pm_fire, p);
	if (!p->timer) {
		return err_set(e, -ENOMEM, "out of memory for the PM timer");
	}
	mr_init_io(&p->mr, "acpi-pm", p->lay->size, &acpi_pm_ops, p, &d->lk);
	mr_init_io(&p->smi, "smi-command", 2, &acpi_pm_smi_ops, p, &d->lk);
	p->listener.fn = acpi_pm_event;
	vm_add_listener(d->vm, &p->listener);
	acpi_pm_reset(d);
	return 0;
}

static void acpi_pm_unrealize(struct device *d)
{
	struct acpi_pm *p = container_of(d, struct acpi_pm, dev);

	vm_del_listener(d->vm, &p->listener);
	if (p->mr.in_tree) {
		mr_del(&p->mr);
	}
	if (p->smi.in_tree) {
		mr_del(&p->smi);
	}
	timer_free(p->timer);
}

static int acpi_pm_post_load(struct device *d, struct err *e)
{
	struct acpi_pm *p = container_of(d, struct acpi_pm, dev);

	(void)e;
	LOCK_SCOPE(&d->lk);
	acpi_pm_update(p);
	return 0;
}

static const struct state_field acpi_pm_state[] = {
	STATE_FIELD(STATE_U16, struct acpi_pm, sts),
	STATE_FIELD(STATE_U16, struct acpi_pm, en),
	STATE_FIELD(STATE_U16, struct acpi_pm, cnt),
	STATE_FIELD(STATE_U64, struct acpi_pm, gpe_sts),
	STATE_FIELD(STATE_U64, struct acpi_pm, gpe_en),
	STATE_FIELD(STATE_U32, struct acpi_pm, smi_en),
	STATE_FIELD(STATE_U8, struct acpi_pm, apmc),
	STATE_FIELD(STATE_U8, struct acpi_pm, apms),
	STATE_FIELD(STATE_U64, struct acpi_pm, last_half),
	{ .name = NULL },
};

static const struct device_class acpi_pm_class = {
	.name = "acpi-pm",
	.bus = "sys",
	.description = "ACPI fixed hardware",
	.category = "misc",
	.instance_size = sizeof(struct acpi_pm),
	.internal = true,
	.state = acpi_pm_state,
	.realize = acpi_pm_realize,
	.unrealize = acpi_pm_unrealize,
	.reset = acpi_pm_reset,
	.post_load = acpi_pm_post_load,
};

struct acpi_pm *acpi_pm_create(struct vm *vm, const struct acpi_pm_cfg *cfg,
                               struct err *e)
{
	struct device *d = device_new_own(vm, &acpi_pm_class, e);
	struct acpi_pm *p;

	if (!d) {
		return NULL;
	}
	p = container_of(d, struct acpi_pm, dev);
	p->cfg = *cfg;
	p->lay = cfg->layout ? cfg->layout : &acpi_pm_ich9;
	return device_realize_own(d, NULL, e) ? p : NULL;
}
