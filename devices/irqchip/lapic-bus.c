/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic-bus.c - who gets an interrupt message: destinations of IPIs, IOAPIC entries and
 * MSIs (Intel SDM vol. 3A 11.6, 11.11, 11.12.10).
 *
 * Any thread; the senders' view of a target (id, LDR, DFR, mode, priority) is read
 * without its lock: a guest that changes these while interrupts fly gets either.
 * Known gaps: focus processor; arbitration.
 */
#include "config.h"

#include "core/vm.h"
#include "devices/irqchip/lapic.h"

enum { MSI_EXT_SHIFT = 5, MSI_EXT_MASK = 0x7f };

static struct lapic *lapic_lookup(struct lapic_set *s, uint32_t id)
{
	return id <= s->max_id
	               ? atomic_load_explicit(&s->by_id[id], memory_order_acquire)
	               : NULL;
}

static bool lapic_is_broadcast(const struct lapic_msg *m)
{
	return m->wide ? m->dest == UINT32_MAX : m->dest == 0xff;
}

static bool lapic_match_logical(struct lapic *a, const struct lapic_msg *m)
{
	uint32_t ldr = a->ldr, d = m->dest;

	if (lapic_x2(a)) {
		return d >> 16 == ldr >> 16 && (d & ldr & 0xffff);
	}
	ldr >>= 24;
	if (a->dfr >> 28 == 0xf) { /* flat */
		return d & ldr & 0xff;
	}
	return (d >> 4 & 15) == ldr >> 4 && (d & ldr & 15);
}

static bool lapic_match(struct lapic *a, const struct lapic_msg *m)
{
	if (lapic_is_broadcast(m)) {
		return true;
	}
	return m->logical ? lapic_match_logical(a, m) : a->id == m->dest;
}

/* The one of lowest processor priority; ties go round. */
static struct lapic *lapic_pick_lowest(struct lapic_set *s, const struct lapic_msg *m)
{
	unsigned start = atomic_fetch_add_explicit(&s->rotate, 1, memory_order_relaxed);
	struct lapic *best = NULL;

	for (unsigned i = 0; i < s->n; i++) {
		struct lapic *a = s->all[(start + i) % s->n];

		if (!atomic_load(&a->vcpu->present) || !lapic_on(a) ||
		    !(a->svr & SVR_ENABLE) || !lapic_match(a, m)) {
			continue;
		}
		if (!best || a->ppr < best->ppr) {
			best = a;
		}
	}
	return best;
}

/* x2APIC logical destinations name their APICs: at most 16 of one cluster. */
static bool lapic_deliver_cluster(struct lapic_set *s, const struct lapic_msg *m)
{
	uint32_t first = (m->dest >> 16) << 4, bits = m->dest & 0xffff;

	if (!m->wide || !m->logical || m->mode == LAPIC_LOWEST ||
	    lapic_is_broadcast(m)) {
		return false;
	}
	for (; bits; bits &= bits - 1) {
		struct lapic *a =
			lapic_lookup(s, first + (uint32_t)__builtin_ctz(bits));

		if (a) {
			lapic_accept_mode(a, m->mode, m->vector, m->level);
		}
	}
	return true;
}

struct msi_msg lapic_msg_as_msi(const struct lapic_msg *m)
{
	return (struct msi_msg){
		.addr = 0xfee00000u | (uint64_t)(m->dest & 0xff) << 12 |
		        (uint64_t)((m->dest >> 8) & MSI_EXT_MASK) << MSI_EXT_SHIFT |
		        (m->logical ? BIT(2) : 0),
		.data = m->vector | (uint32_t)m->mode << 8 |
		        (m->level ? BIT(14) | BIT(15) : 0),
	};
}

void lapic_deliver(struct lapic_set *s, const struct lapic_msg *m)
{
	struct lapic *a;

	if (unlikely(atomic_load_explicit(&s->away, memory_order_acquire))) {
		struct msi_msg msi = lapic_msg_as_msi(m);

		s->vm->hv_chips->msi->send(s->vm, &msi);
		return;
	}
	if (m->mode == LAPIC_LOWEST) {
		a = lapic_pick_lowest(s, m);
		if (a) {
			lapic_accept_mode(a, LAPIC_FIXED, m->vector, m->level);
		}
		return;
	}
	if (!m->logical && !lapic_is_broadcast(m)) {
		a = lapic_lookup(s, m->dest);
		if (a) {
			lapic_accept_mode(a, m->mode, m->vector, m->level);
		}
		return;
	}
	if (lapic_deliver_cluster(s, m)) {
		return;
	}
	for (unsigned i = 0; i < s->n; i++) {
		if (lapic_match(s->all[i], m)) {
			lapic_accept_mode(s->all[i], m->mode, m->vector, m->level);
		}
	}
}

void lapic_send_icr(struct lapic *a, uint32_t lo, uint32_t dest)
{
	struct lapic_set *s = a->set;
	struct lapic_msg m = {
		.dest = dest,
		.logical = lo & BIT(11),
		.wide = lapic_x2(a),
		.mode = (lo >> 8) & 7,
		.vector = (uint8_t)lo,
	};
	unsigned shorthand = (lo >> 18) & 3;

	if (m.mode == LAPIC_INIT && (lo & BIT(15)) && !(lo & BIT(14))) {
		return; /* INIT level de-assert: nothing to do on any processor since P6 */
	}
	if (m.mode == LAPIC_EXTINT || m.mode == LAPIC_REMOTE_READ) {
		return;
	}
	if ((m.mode == LAPIC_FIXED || m.mode == LAPIC_LOWEST) && m.vector < 16) {
		LAPIC_SCOPE(a);
		lapic_error_locked(a, 5);
		lapic_update_locked(a);
		return;
	}
	switch (shorthand) {
	case 0: lapic_deliver(s, &m); return;
	case 1:
		if (m.mode == LAPIC_FIXED) {
			lapic_accept_mode(a, m.mode, m.vector, false);
		}
		return;
	}
	for (unsigned i = 0; i < s->n; i++) {
		if (shorthand == 2 || s->all[i] != a) {
			lapic_accept_mode(s->all[i], m.mode, m.vector, false);
		}
	}
}

/* Address fee0_0000 | dest << 12 | dest_hi << 5 | RH << 3 | DM << 2 (SDM 11.11.1; the
 * 15-bit destination is announced by CPUID 40000001H.EAX[15]). */
static void lapic_msi_send(void *arg, const struct msi_msg *msg)
{
	struct lapic_msg m = {
		.dest = ((uint32_t)(msg->addr >> 12) & 0xff) |
		        ((uint32_t)(msg->addr >> MSI_EXT_SHIFT) & MSI_EXT_MASK) << 8,
		.logical = msg->addr & BIT(2),
		.mode = (msg->data >> 8) & 7,
		.vector = (uint8_t)msg->data,
		.level = msg->data & BIT(15),
	};

	if (msg->addr >> 20 != 0xfee) {
		return; /* a guest's nonsense: such a write hits no APIC */
	}
	lapic_deliver(arg, &m);
}

const struct msi_ops lapic_msi_ops = {
	.send = lapic_msi_send,
};
