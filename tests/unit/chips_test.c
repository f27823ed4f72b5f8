/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chips_test.c - interrupt controllers move between the user-space models and an
 * accelerator (a fake one that keeps what it is given): lines, messages, eventfds, timers,
 * reset and stop.
 */
#include "config.h"

#include "tests/unit/unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/cpu/x86-chips.h"
#include "core/cpu/x86.h"
#include "core/loop.h"
#include "devices/irqchip/irqchip-x86.h"
#include "devices/timer/pit.h"
#include "tests/qtest/harness.h"

enum { FAKE_CPUS = 2, FAKE_ROUTES = 8 };

static struct err err;

/* ---- an accelerator with chips ---- */

static struct {
	struct x86_chips *s; /* what it holds; NULL: nothing */
	unsigned has, sets, gets;
	int fail;
	struct {
		unsigned gsi;
		int level;
	} line[32];
	unsigned n_lines;
	struct msi_msg msi[16];
	unsigned n_msi;
	int route_fd[FAKE_ROUTES];
	struct msi_msg pin[24];
	uint32_t pins;
	int pit_on;
	bool split;
	void (*gsi)(unsigned gsi, int level); /* instead of line[] */
} fake;

static struct {
	sem_t in, go; /* a change of line 20 is in the accelerator; it may go on */
	_Atomic uint32_t level, n[24];
	_Atomic bool stop, wrong, low; /* low: it is falls that take long */
} slow;

static size_t fake_size(const struct x86_chips *s)
{
	return sizeof(*s) + s->n_lapics * sizeof(s->lapic[0]);
}

static int fake_set(struct vm *vm, const struct x86_chips *s, struct err *e)
{
	(void)vm;
	if (fake.fail) {
		return err_set(e, fake.fail, "the fake does not want it");
	}
	fake.sets++;
	if (s->has == X86_CHIP_PIT) {
		fake.s->pit = s->pit;
		fake.has |= X86_CHIP_PIT;
		return 0;
	}
	free(fake.s);
	slow.level = s->ioapic_lines;
	fake.s = malloc(fake_size(s));
	memcpy(fake.s, s, fake_size(s));
	fake.has = s->has;
	return 0;
}

static int fake_get(struct vm *vm, struct x86_chips *s, struct err *e)
{
	unsigned has = s->has;

	(void)vm;
	(void)e;
	fake.gets++;
	ck_assert_uint_eq(fake.has & has, has);
	if (has == X86_CHIP_PIT) {
		s->pit = fake.s->pit;
	} else {
		memcpy(s, fake.s, fake_size(s));
		s->has = has;
	}
	fake.has &= ~has;
	return 0;
}

static void fake_gsi(struct vm *vm, unsigned gsi, int level)
{
	(void)vm;
	if (fake.gsi) {
		fake.gsi(gsi, level);
		return;
	}
	ck_assert_uint_lt(fake.n_lines, 32);
	fake.line[fake.n_lines].gsi = gsi;
	fake.line[fake.n_lines++].level = level;
}

static void fake_msi_send(void *arg, const struct msi_msg *m)
{
	(void)arg;
	fake.msi[fake.n_msi++ & 15] = *m;
}

static int fake_route_add(void *arg, const struct msi_msg *m, int fd)
{
	(void)arg;
	(void)m;
	for (int i = 0; i < FAKE_ROUTES; i++) {
		if (!fake.route_fd[i]) {
			fake.route_fd[i] = fd;
			return i;
		}
	}
	return -1;
}

static void fake_route_update(void *arg, int route, const struct msi_msg *m)
{
	(void)arg;
	(void)m;
	ck_assert_int_ne(fake.route_fd[route], 0);
}

static void fake_route_del(void *arg, int route)
{
	(void)arg;
	ck_assert_int_ne(fake.route_fd[route], 0);
	fake.route_fd[route] = 0;
}

static void fake_ioapic_routes(struct vm *vm, const struct msi_msg *pin, uint32_t valid)
{
	(void)vm;
	memcpy(fake.pin, pin, sizeof(fake.pin));
	fake.pins = valid;
}

static void fake_pit_irq_enable(struct vm *vm, bool on)
{
	(void)vm;
	fake.pit_on = on;
}

static const struct msi_ops fake_msi_ops = {
	.send = fake_msi_send,
	.route_add = fake_route_add,
	.route_update = fake_route_update,
	.route_del = fake_route_del,
};
static const struct hv_chips fake_full = {
	.has = X86_CHIP_LAPIC | X86_CHIP_IOAPIC | X86_CHIP_PIC | X86_CHIP_PIT,
	.set = fake_set,
	.get = fake_get,
	.pit_irq_enable = fake_pit_irq_enable,
	.msi = &fake_msi_ops,
};
static const struct hv_chips fake_split = {
	.has = X86_CHIP_LAPIC,
	.set = fake_set,
	.get = fake_get,
	.ioapic_routes = fake_ioapic_routes,
	.msi = &fake_msi_ops,
};

static int fake_create(struct vm *vm, bool split, struct err *e)
{
	(void)split;
	(void)e;
	vm->hv_chips = fake.split ? &fake_split : &fake_full;
	return 0;
}

static enum vcpu_exit fake_run(struct vcpu *c)
{
	(void)c;
	return VCPU_EXIT_HALT;
}

static const struct hv_ops fake_hv = {
	.name = "test",
	.vcpu = { .run = fake_run },
	.irq = { .create_irqchip = fake_create, .set_gsi = fake_gsi },
};

static struct pit *t_pit;

static struct harness *t_new(bool split)
{
	struct irqchip_x86_cfg cfg = { .pic = true,
		                       .ioapics = 1,
		                       .control_loop = true };
	struct harness *h = harness_new(0);
	struct vcpu *v;

	memset(&fake, 0, sizeof(fake));
	fake.split = split;
	fake.pit_on = -1;
	h->vm->hv = &fake_hv;
	h->vm->max_vcpus = FAKE_CPUS;
	for (unsigned i = 0; i < FAKE_CPUS; i++) {
		ck_assert_int_eq(vm_add_vcpu(h->vm, &v, &err), 0);
		harness_cpu(h, i)->apic_id = i;
		harness_cpu(h, i)->vcpu = v;
		harness_cpu(h, i)->tsc_khz = 1000000;
	}
	h->chip = irqchip_x86_create(h->vm, &cfg, &err);
	ck_assert_msg(h->chip != NULL, "%s", err.text);
	t_pit = pit_create(h->vm, &h->chip->gsi[0], &err);
	ck_assert_ptr_nonnull(t_pit);
	irqchip_x86_add_pit(h->chip, &pit_chip_ops, t_pit);
	ck_assert_int_eq(vm_start_vcpus(h->vm, &err), 0);
	ck_assert_int_eq(h->vm->chips_move(h->vm, false, &err), 0);
	vm_cont(h->vm);
	return h;
}

static void t_move(struct harness *h, bool to_hv)
{
	ck_assert_msg(h->vm->chips_move(h->vm, to_hv, &err) == 0, "%s", err.text);
	ck_assert_int_eq(atomic_load(&h->vm->chips_in_hv), to_hv);
}

#define APIC(off) (IRQCHIP_LAPIC_BASE + (off))

static void t_apic_on(struct harness *h)
{
	for (unsigned i = 0; i < FAKE_CPUS; i++) {
		harness_cpu_write(h, i, APIC(0xf0), 0x1ff);
	}
	harness_outb(h, 0x21, 0xff);
	harness_outb(h, 0xa1, 0xff);
}

static void t_rte(struct harness *h, unsigned pin, uint64_t v)
{
	harness_write(h, IRQCHIP_IOAPIC_BASE, 0x11 + 2 * pin, 4);
	harness_write(h, IRQCHIP_IOAPIC_BASE + 0x10, v >> 32, 4);
	harness_write(h, IRQCHIP_IOAPIC_BASE, 0x10 + 2 * pin, 4);
	harness_write(h, IRQCHIP_IOAPIC_BASE + 0x10, (uint32_t)v, 4);
}

static int t_vector(struct harness *h, unsigned i)
{
	struct x86_cpu *c = harness_cpu(h, i);

	return c->apic_ops->get_vector(c->apic);
}

/* ---- lines ---- */

START_TEST(chips_lines)
{
	struct harness *h = t_new(false);
	const struct irq *gsi = h->chip->gsi;

	t_apic_on(h);
	t_rte(h, 20, 0x8055); /* level */
	t_rte(h, 4, 0x34);    /* edge */
	irq_raise(&gsi[4]);
	ck_assert_int_eq(t_vector(h, 0), 0x34);
	irq_raise(&gsi[20]);
	ck_assert_int_eq(t_vector(h, 0), 0x55);
	t_move(h, true);
	ck_assert_ptr_null(harness_cpu(h, 0)->apic);
	ck_assert_uint_eq(fake.s->ioapic_lines, BIT(20) | BIT(4));
	ck_assert_uint_eq(fake.s->pic_lines, BIT(4));
	ck_assert_uint_ne(fake.s->ioapic.rte[20] & 0x4000, 0);
	ck_assert_uint_eq(fake.s->ioapic.irr & BIT(4), 0); /* sent already */
	ck_assert_uint_eq(fake.s->lapic[0].reg[LAPIC_REG_ISR + 2], 1u << 0x15);
	/* Only changes are passed on: to pin and input in one call. */
	irq_raise(&gsi[4]);
	ck_assert_uint_eq(fake.n_lines, 0);
	irq_lower(&gsi[4]);
	ck_assert_uint_eq(fake.n_lines, 1);
	ck_assert_uint_eq(fake.line[0].gsi, 4);
	ck_assert_int_eq(fake.line[0].level, 0);
	irq_lower(&gsi[20]);
	ck_assert_uint_eq(fake.line[1].gsi, 20);
	/* A PIC input with two sources is their OR; its pin is one's alone. */
	irq_raise(&h->chip->pic_line[10]);
	ck_assert_uint_eq(fake.line[2].gsi, HV_GSI_PIC + 10);
	irq_raise(&gsi[10]);
	ck_assert_uint_eq(fake.n_lines, 4);
	ck_assert_uint_eq(fake.line[3].gsi, HV_GSI_IOAPIC + 10);
	irq_lower(&h->chip->pic_line[10]);
	ck_assert_uint_eq(fake.n_lines, 4);
	irq_lower(&gsi[10]);
	ck_assert_uint_eq(fake.n_lines, 5);
	ck_assert_uint_eq(fake.line[4].gsi, 10);
	/* Back: the interrupt in service is still there, its line is not. */
	fake.s->ioapic.rte[20] |= 0x4000;
	t_move(h, false);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(t_vector(h, 0), -1);
	irq_raise(&gsi[4]);
	ck_assert_int_eq(t_vector(h, 0), 0x34);
}
END_TEST

/* ---- lines of several threads ---- */

static void slow_gsi(unsigned gsi, int level)
{
	if (gsi == 20 && level != slow.low) {
		sem_post(&slow.in);
		sem_wait(&slow.go);
	}
	slow.level = level ? slow.level | BIT(gsi) : slow.level & ~BIT(gsi);
	slow.n[gsi]++;
}

static void *slow_raise(void *irq)
{
	irq_raise(irq);
	return NULL;
}

static void *slow_lower(void *irq)
{
	irq_lower(irq);
	return NULL;
}

/* A change is in the accelerator for long: nobody waits, whatever line, nothing is lost. */
START_TEST(chips_slow_line)
{
	struct harness *h = t_new(false);
	struct irq *gsi = h->chip->gsi;
	pthread_t up;

	sem_init(&slow.in, 0, 0);
	sem_init(&slow.go, 0, 0);
	t_move(h, true);
	fake.gsi = slow_gsi;
	pthread_create(&up, NULL, slow_raise, &gsi[20]);
	sem_wait(&slow.in);
	irq_raise(&gsi[21]);
	ck_assert_uint_eq(slow.level, BIT(21));
	irq_lower(&gsi[21]);
	irq_raise(&gsi[20]); /* as it is */
	ck_assert_uint_eq(slow.level, 0);
	irq_lower(&gsi[20]);
	ck_assert_uint_eq(slow.n[20], 0);
	sem_post(&slow.go);
	pthread_join(up, NULL);
	ck_assert_uint_eq(slow.level, 0);
	ck_assert_uint_eq(slow.n[20], 2);
	/* A fall and a rise meanwhile: the edge is passed on. */
	pthread_create(&up, NULL, slow_raise, &gsi[20]);
	sem_wait(&slow.in);
	irq_lower(&gsi[20]);
	irq_raise(&gsi[20]);
	sem_post(&slow.go);
	sem_post(&slow.go);
	pthread_join(up, NULL);
	ck_assert_uint_eq(slow.level, BIT(20));
	ck_assert_uint_eq(slow.n[20], 5);
	/* And a pulse, for inputs that take edges, after a fall that is being told. */
	slow.low = true;
	sem_wait(&slow.in); /* of the rise above */
	pthread_create(&up, NULL, slow_lower, &gsi[20]);
	sem_wait(&slow.in);
	irq_raise(&gsi[20]);
	irq_lower(&gsi[20]);
	slow.low = false;
	sem_post(&slow.go);
	sem_post(&slow.go);
	pthread_join(up, NULL);
	ck_assert_uint_eq(slow.level, 0);
	ck_assert_uint_eq(slow.n[20], 8);
}
END_TEST

/* The accelerator hears of changes only, while it has the chips. */
static void moving_gsi(unsigned gsi, int level)
{
	unsigned n = gsi >= HV_GSI_IOAPIC ? gsi - HV_GSI_IOAPIC : gsi;

	if (gsi >= HV_GSI_PIC && gsi < HV_GSI_IOAPIC) {
		return;
	}
	if ((atomic_load(&slow.level) >> n & 1) == (unsigned)level ||
	    !(fake.has & X86_CHIP_IOAPIC)) {
		slow.wrong = true;
	}
	if (level) {
		atomic_fetch_or(&slow.level, BIT(n));
	} else {
		atomic_fetch_and(&slow.level, ~BIT(n));
	}
	slow.n[n]++;
}

static void *moving_line(void *arg)
{
	struct irq *irq = arg;

	while (!slow.stop) {
		irq_raise(irq);
		irq_lower(irq);
		irq_raise(irq);
	}
	return NULL;
}

static void move_and_back(struct harness *h, unsigned us)
{
	t_move(h, true);
	usleep(us);
	t_move(h, false);
}

START_TEST(chips_moving_lines)
{
	struct harness *h = t_new(false);
	const unsigned used = BIT(4) | BIT(5) | BIT(22);
	pthread_t t[3];

	memset(&slow, 0, sizeof(slow));
	fake.gsi = moving_gsi;
	pthread_create(&t[0], NULL, moving_line, &h->chip->gsi[4]);
	pthread_create(&t[1], NULL, moving_line, &h->chip->gsi[5]);
	pthread_create(&t[2], NULL, moving_line, &h->chip->gsi[22]);
	unit_rounds (i, 300) {
		move_and_back(h, i & 3 ? 0 : 200);
	}
	/* And until each has been there in between. */
	unit_await_doing(move_and_back(h, 200),
	                 slow.n[4] > 100 && slow.n[5] > 100 && slow.n[22] > 100);
	t_move(h, true);
	slow.stop = true;
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
	}
	ck_assert(!slow.wrong);
	ck_assert_uint_eq(slow.level, used);
	t_move(h, false);
	t_move(h, true);
	ck_assert_uint_eq(fake.s->ioapic_lines, used);
}
END_TEST

/* What the accelerator's IOAPIC had pending comes out of ours. */
START_TEST(chips_pending)
{
	struct harness *h = t_new(false);

	t_apic_on(h);
	t_rte(h, 20, 0x8055);
	t_rte(h, 5, 0x35);
	t_move(h, true);
	irq_raise(&h->chip->gsi[20]);
	fake.s->ioapic.irr |= BIT(5);
	fake.s->lapic[1].reg[LAPIC_REG_IRR + 3] = 1; /* vector 60 */
	fake.s->pic[0].imr = 0;
	t_move(h, false);
	ck_assert_int_eq(t_vector(h, 0), 0x55);
	ck_assert_int_eq(t_vector(h, 0), -1); /* 35 is below */
	ck_assert_int_eq(t_vector(h, 1), 0x60);
	irq_lower(&h->chip->gsi[20]);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(t_vector(h, 0), 0x35);
}
END_TEST

START_TEST(chips_split)
{
	struct harness *h = t_new(true);

	t_apic_on(h);
	t_rte(h, 20, 0x8055 | UINT64_C(1) << 56);
	t_rte(h, 4, 0x34);
	t_move(h, true);
	ck_assert_uint_eq(fake.pins, BIT(20));
	ck_assert_uint_eq(fake.pin[20].addr, 0xfee01000);
	ck_assert_uint_eq(fake.pin[20].data, 0xc055);
	/* Pins send messages; the EOI comes back by vm->chips_eoi. */
	irq_raise(&h->chip->gsi[20]);
	ck_assert_uint_eq(fake.n_msi, 1);
	ck_assert_uint_eq(fake.msi[0].data, 0xc055);
	h->vm->chips_eoi(h->vm, 0x55);
	ck_assert_uint_eq(fake.n_msi, 2); /* still raised */
	irq_lower(&h->chip->gsi[20]);
	h->vm->chips_eoi(h->vm, 0x55);
	ck_assert_uint_eq(fake.n_msi, 2);
	irq_pulse(&h->chip->gsi[4]);
	ck_assert_uint_eq(fake.n_msi, 3);
	ck_assert_uint_eq(fake.msi[2].data & 0xff, 0x34);
	t_rte(h, 21, 0x8056);
	ck_assert_uint_eq(fake.pins, BIT(20) | BIT(21));
	/* The PIC asks vCPU 0 and is acknowledged through the VM. */
	for (unsigned i = 0; i < 2; i++) {
		harness_outb(h, i ? 0xa0 : 0x20, 0x11);
		harness_outb(h, i ? 0xa1 : 0x21, i ? 0x28 : 0x20);
		harness_outb(h, i ? 0xa1 : 0x21, i ? 2 : 4);
		harness_outb(h, i ? 0xa1 : 0x21, 1);
		harness_outb(h, i ? 0xa1 : 0x21, 0);
	}
	irq_raise(&h->chip->gsi[7]);
	ck_assert_uint_ne(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_int_eq(h->vm->chips_ext_ack(h->vm), 0x27);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	ck_assert_uint_eq(fake.n_lines, 0);
	t_move(h, false);
	irq_raise(&h->chip->gsi[20]);
	ck_assert_int_eq(t_vector(h, 1), 0x55);
}
END_TEST

/* ---- messages and eventfds ---- */

static void t_signal(int fd)
{
	uint64_t one = 1;

	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
}

START_TEST(chips_messages)
{
	struct harness *h = t_new(false);
	struct msi_msg m = { .addr = 0xfee00000, .data = 0x41 };
	const struct msi_sink *s = &h->vm->msi;
	int fd = eventfd(0, 0), r;

	t_apic_on(h);
	msi_send(s, &m);
	ck_assert_int_eq(t_vector(h, 0), 0x41);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	/* An eventfd is read by our loop... */
	m.data = 0x42;
	r = s->ops->route_add(s->arg, &m, fd);
	ck_assert_int_ge(r, 0);
	harness_settle(h);
	t_signal(fd);
	harness_settle(h);
	ck_assert_int_eq(t_vector(h, 0), 0x42);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	m.data = 0x43;
	s->ops->route_update(s->arg, r, &m);
	t_signal(fd);
	/* ... or bound: what was signalled but not read yet stays in it. */
	t_move(h, true);
	harness_settle(h);
	ck_assert_int_eq(fake.route_fd[0], fd);
	msi_send(s, &m);
	ck_assert_uint_eq(fake.n_msi, 1);
	/* The fake does not read; we find it again. */
	t_move(h, false);
	ck_assert_int_eq(fake.route_fd[0], 0);
	harness_settle(h);
	ck_assert_int_eq(t_vector(h, 0), 0x43);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	harness_settle(h);
	ck_assert_int_eq(t_vector(h, 0), -1);
	/* Deleted: nobody reads it. */
	t_move(h, true);
	s->ops->route_del(s->arg, r);
	ck_assert_int_eq(fake.route_fd[0], 0);
	t_move(h, false);
	t_signal(fd);
	harness_settle(h);
	ck_assert_int_eq(t_vector(h, 0), -1);
	close(fd);
}
END_TEST

START_TEST(chips_resample)
{
	struct harness *h = t_new(false);
	int fd = eventfd(0, 0), eoi = eventfd(0, EFD_NONBLOCK);
	uint64_t n;

	t_apic_on(h);
	t_rte(h, 20, 0x8055);
	ck_assert_int_eq(h->vm->chips_line_fd(h->vm, fd, eoi, 20, true), 0);
	harness_settle(h);
	t_signal(fd);
	harness_settle(h);
	ck_assert_int_eq(t_vector(h, 0), 0x55);
	ck_assert_int_lt(read(eoi, &n, sizeof(n)), 0);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	ck_assert_int_eq(read(eoi, &n, sizeof(n)), sizeof(n));
	ck_assert_int_eq(t_vector(h, 0),
	                 -1); /* the line fell before the EOI ended it */
	ck_assert_int_eq(h->vm->chips_line_fd(h->vm, fd, eoi, 20, false), 0);
	ck_assert_int_lt(h->vm->chips_line_fd(h->vm, fd, eoi, 20, false), 0);
}
END_TEST

/* ---- timers ---- */

START_TEST(chips_lapic_timer)
{
	struct harness *h = t_new(false);
	struct x86_chip_lapic *s;
	struct x86_cpu *c = harness_cpu(h, 0);

	t_apic_on(h);
	harness_cpu_write(h, 0, APIC(0x3e0), 0xb);
	harness_cpu_write(h, 0, APIC(0x320), 0xe0);
	harness_cpu_write(h, 0, APIC(0x380), 1000000);
	harness_step(400000);
	t_move(h, true);
	s = &fake.s->lapic[0];
	ck_assert_uint_eq(s->reg[LAPIC_REG_TMR_CUR], 600000);
	harness_step(5000000); /* ours is silent */
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	s->reg[LAPIC_REG_TMR_CUR] = 200000;
	t_move(h, false);
	harness_step(150000);
	ck_assert_int_eq(t_vector(h, 0), -1);
	harness_step(50000);
	ck_assert_int_eq(t_vector(h, 0), 0xe0);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	/* Expired: does not run on either side. */
	t_move(h, true);
	ck_assert_uint_eq(fake.s->lapic[0].reg[LAPIC_REG_TMR_CUR], 0);
	t_move(h, false);
	harness_step(5000000);
	ck_assert_int_eq(t_vector(h, 0), -1);
	/* Periodic keeps its phase. */
	harness_cpu_write(h, 0, APIC(0x320), 0x200e1);
	harness_cpu_write(h, 0, APIC(0x380), 500000);
	harness_step(100000);
	t_move(h, true);
	ck_assert_uint_eq(fake.s->lapic[0].reg[LAPIC_REG_TMR_CUR], 400000);
	t_move(h, false);
	harness_step(400000);
	ck_assert_int_eq(t_vector(h, 0), 0xe1);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	harness_step(500000);
	ck_assert_int_eq(t_vector(h, 0), 0xe1);
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	/* Deadline; one that has passed elsewhere fires at once. */
	harness_cpu_write(h, 0, APIC(0x320), 0x400e2);
	ck_assert_int_eq(
		c->apic_ops->x2apic_write(c->apic, 0x6e0, x86_tsc(c) + 1000000), 0);
	t_move(h, true);
	ck_assert_uint_eq(fake.s->lapic[0].tsc_deadline, x86_tsc(c) + 1000000);
	harness_step(2000000);
	ck_assert_uint_eq(harness_requests(h, 0) & X86_REQ_HARD, 0);
	t_move(h, false);
	ck_assert_int_eq(t_vector(h, 0), 0xe2);
}
END_TEST

START_TEST(chips_pit)
{
	struct harness *h = t_new(false);
	unsigned n = 0;

	t_apic_on(h);
	t_rte(h, 2, 0x30);
	harness_outb(h, 0x43, 0x34); /* 1 kHz */
	harness_outb(h, 0x40, 0xa9);
	harness_outb(h, 0x40, 0x04);
	(void)t_vector(h, 0); /* the output rose when the mode was set */
	harness_cpu_write(h, 0, APIC(0xb0), 0);
	harness_step(300000);
	t_move(h, true);
	ck_assert_uint_eq(fake.has & X86_CHIP_PIT, X86_CHIP_PIT);
	ck_assert_uint_eq(fake.s->pit.ch[0].count, 0x4a9);
	ck_assert_uint_eq(fake.s->pit.ch[0].ticks, 357);
	ck_assert_uint_eq(fake.s->ioapic_lines & BIT(2), 0);
	harness_step(5000000);
	ck_assert_uint_eq(fake.n_lines, 0);
	/* HPET takes the line, and gives it back. */
	pit_irq_enable(t_pit, false);
	ck_assert_int_eq(fake.pit_on, 0);
	pit_irq_enable(t_pit, true);
	ck_assert_int_eq(fake.pit_on, 1);
	t_move(h, false);
	ck_assert_int_eq(t_vector(h, 0), -1); /* a high output is no edge */
	harness_step(690000);
	ck_assert_int_eq(t_vector(h, 0), -1);
	for (unsigned i = 0; i < 10; i++) {
		harness_step(1000000);
		n += t_vector(h, 0) == 0x30;
		harness_cpu_write(h, 0, APIC(0xb0), 0);
	}
	ck_assert_uint_ge(n, 9);
}
END_TEST

/* ---- round trip ---- */

/* Registers that a guest can see, of both vCPUs, and the ports of the PIC. */
static void t_snapshot(struct harness *h, uint32_t *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_CPUS; i++) {
		for (unsigned r = 2; r < 0x40; r++) {
			/* The others are errors to read. */
			if ((r < 4 || r > 7) && (r < 0x29 || r > 0x2f) && r < 0x39) {
				out[n++] = harness_cpu_read(h, i, APIC(r * 16));
			}
		}
	}
	for (unsigned pin = 0; pin < 48; pin++) {
		harness_write(h, IRQCHIP_IOAPIC_BASE, 0x10 + pin, 4);
		out[n++] = (uint32_t)harness_read(h, IRQCHIP_IOAPIC_BASE + 0x10, 4);
	}
	for (unsigned i = 0; i < 2; i++) {
		harness_outb(h, i ? 0xa0 : 0x20, 0x0a); /* out of poll mode, too */
		out[n++] = harness_inb(h, i ? 0xa1 : 0x21);
		out[n++] = harness_inb(h, i ? 0xa0 : 0x20);
		harness_outb(h, i ? 0xa0 : 0x20, 0x0b);
		out[n++] = harness_inb(h, i ? 0xa0 : 0x20);
		out[n++] = harness_inb(h, 0x4d0 + i);
	}
	for (unsigned i = 0; i < FAKE_CPUS; i++) {
		out[n++] = harness_requests(h, i);
	}
	ck_assert_uint_lt(n, 512);
}

static void t_random_step(struct harness *h)
{
	static const uint8_t port[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x40, 0x42, 0x43, 0x61
	};
	static const uint16_t reg[] = { 0x80,  0xb0,  0xd0,  0xe0,  0xf0,  0x300, 0x310,
		                        0x320, 0x350, 0x360, 0x370, 0x380, 0x3e0 };
	uint32_t r = harness_random(), v = harness_random();
	unsigned cpu = r >> 8 & 1;

	switch (r & 7) {
	case 0: harness_outb(h, port[r >> 16 & 7], (uint8_t)v); break;
	case 1:
	case 2:
		v = (r >> 16) % ARRAY_LEN(reg) == 4 ? v | 0x100 : v;
		harness_cpu_write(h, cpu, APIC(reg[(r >> 16) % ARRAY_LEN(reg)]),
		                  v & 0x700ff);
		break;
	case 3: t_rte(h, (r >> 16) % 24, v & 0xf9ff); break;
	case 4:
	case 5: irq_set(&h->chip->gsi[(r >> 16) % 24], v & 1); break;
	case 6: (void)t_vector(h, cpu); break;
	default: harness_step(v & 0xfffff);
	}
}

START_TEST(chips_round_trip)
{
	struct harness *h = t_new(false);
	static uint32_t before[512], after[512];

	t_apic_on(h);
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = harness_random() % 20; i; i--) {
			t_random_step(h);
		}
		harness_step(1); /* what is due */
		t_snapshot(h, before);
		t_move(h, true);
		t_move(h, false);
		t_snapshot(h, after);
		for (unsigned i = 0; i < 512; i++) {
			ck_assert_msg(before[i] == after[i],
			              "round %u, value %u: %x, then %x", round, i,
			              before[i], after[i]);
		}
	}
}
END_TEST

/* ---- life ---- */

START_TEST(chips_reset)
{
	struct harness *h = t_new(false);
	int fd = eventfd(0, 0);
	struct msi_msg m = { .addr = 0xfee00000, .data = 0x41 };

	t_apic_on(h);
	t_rte(h, 20, 0x8055);
	ck_assert_int_ge(h->vm->msi.ops->route_add(h->vm->msi.arg, &m, fd), 0);
	t_move(h, true);
	ck_assert_int_eq(fake.route_fd[0], fd);
	fake.s->lapic[0].reg[LAPIC_REG_IRR + 2] = 5;
	vm_reset(h->vm, CAUSE_NONE);
	ck_assert(atomic_load(&h->vm->chips_in_hv));
	ck_assert_uint_eq(fake.s->lapic[0].reg[LAPIC_REG_IRR + 2], 0);
	ck_assert_uint_eq(fake.s->lapic[0].reg[LAPIC_REG_SVR], 0xff);
	ck_assert_uint_eq(fake.s->lapic[0].base, 0xfee00900);
	ck_assert_uint_eq(fake.s->lapic[1].base, 0xfee00800);
	ck_assert_uint_eq(fake.s->ioapic.rte[20], 0x10000);
	ck_assert(fake.s->pit.ch[0].fresh);
	ck_assert_int_eq(fake.route_fd[0], fd);
	ck_assert_ptr_null(harness_cpu(h, 0)->apic);
	/* Where the last move wanted them. */
	t_move(h, false);
	vm_reset(h->vm, CAUSE_NONE);
	ck_assert(!atomic_load(&h->vm->chips_in_hv));
	ck_assert_ptr_nonnull(harness_cpu(h, 0)->apic);
}
END_TEST

START_TEST(chips_stop)
{
	struct harness *h = t_new(false);

	t_move(h, true);
	vm_stop(h->vm, RUN_PAUSED);
	ck_assert(!atomic_load(&h->vm->chips_in_hv)); /* here, where it can be saved */
	vm_cont(h->vm);
	ck_assert(atomic_load(&h->vm->chips_in_hv));
	vm_stop(h->vm, RUN_PAUSED);
	t_move(h, false);
	vm_cont(h->vm);
	ck_assert(!atomic_load(&h->vm->chips_in_hv));
	/* Asked for while it is stopped: when it goes on. */
	vm_stop(h->vm, RUN_PAUSED);
	ck_assert_int_eq(h->vm->chips_move(h->vm, true, &err), 0);
	vm_reset(h->vm, CAUSE_NONE);
	ck_assert(!atomic_load(&h->vm->chips_in_hv));
	vm_cont(h->vm);
	ck_assert(atomic_load(&h->vm->chips_in_hv));
	vm_stop(h->vm, RUN_PAUSED);
}
END_TEST

/* Refused: all is as it was. */
START_TEST(chips_refused)
{
	struct harness *h = t_new(false);

	t_apic_on(h);
	harness_cpu_write(h, 0, APIC(0x3e0), 0xb);
	harness_cpu_write(h, 0, APIC(0x320), 0xe0);
	harness_cpu_write(h, 0, APIC(0x380), 1000000);
	fake.fail = -5;
	ck_assert_int_eq(h->vm->chips_move(h->vm, true, &err), -5);
	ck_assert(!atomic_load(&h->vm->chips_in_hv));
	harness_step(1000000);
	ck_assert_int_eq(t_vector(h, 0), 0xe0);
	fake.fail = 0;
	t_move(h, true);
}
END_TEST

/* INIT and STARTUP that nobody has carried out yet. */
START_TEST(chips_startup)
{
	struct harness *h = t_new(false);
	struct x86_cpu *c = harness_cpu(h, 1);

	t_apic_on(h);
	harness_cpu_write(h, 0, APIC(0x310), 1u << 24);
	harness_cpu_write(h, 0, APIC(0x300), 0x4500);
	harness_cpu_write(h, 0, APIC(0x300), 0x4699);
	ck_assert_uint_eq(harness_requests(h, 1), X86_REQ_INIT | X86_REQ_SIPI);
	t_move(h, true);
	ck_assert_uint_eq(harness_requests(h, 1), 0);
	ck_assert(!c->wait_sipi);
	ck_assert_uint_eq(c->rip, 0x99000);
	/* An NMI stays a request: the accelerator injects it. */
	t_move(h, false);
	harness_cpu_write(h, 0, APIC(0x300), 0x4400);
	t_move(h, true);
	ck_assert_uint_eq(harness_requests(h, 1), X86_REQ_NMI);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		chips_lines,   chips_slow_line,  chips_moving_lines, chips_pending,
		chips_split,   chips_messages,   chips_resample,     chips_lapic_timer,
		chips_pit,     chips_round_trip, chips_reset,        chips_stop,
		chips_refused, chips_startup,
	};

	return unit_main(unit_suite("chips", tests, ARRAY_LEN(tests)));
}
