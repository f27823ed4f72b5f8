/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem.c - KVM memory slots, following the flat map of guest memory.
 *
 * A change deletes the slots that are no longer wanted and adds the new ones; those
 * that stay are not touched. KVM can't shrink, move or split a slot: what stays
 * mapped of a deleted one is missing for a moment. A data access would only be slow then
 * (an MMIO exit that finds RAM in the flat map), but an instruction fetch or a
 * page-table walk would kill the guest. So if a deleted slot overlaps a new one, vCPUs
 * stay out of KVM_RUN for that one update (gate.c); else nobody waits.
 *
 * While a dirty log runs, the gate is closed for every deletion, and what KVM has recorded
 * of the slot is saved first.
 *
 * Threads: whoever changes the map, under gmem's topology lock; mem_lk is for the dirty log.
 * Known gaps: RAM ranges that are not page-aligned stay without a slot (served by exits).
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { KVM_PAGE = 4096, KVM_MEM_MAX = 512 };
/* Above any address that a guest is told of; see kvm_mem_zap_shadow(). */
#define KVM_ZAP_GPA (UINT64_C(1) << 44)

/* ---- what is wanted ---- */

static bool kvm_mem_joins(const struct kvm_slot *s, const struct kvm_slot *next)
{
	return s->start + s->size == next->start && s->host + s->size == next->host &&
	       s->ram_off + s->size == next->ram_off && s->flags == next->flags;
}

unsigned kvm_mem_plan(const struct flat *f, bool readonly_mem, struct kvm_slot *out,
                      unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n; i++) {
		const struct flat_range *r = &f->r[i];
		uint32_t flags = r->readonly ? KVM_MEM_READONLY : 0;
		gpa_t start = ALIGN_UP(r->start, (gpa_t)KVM_PAGE);
		gpa_t end = (r->start + r->size) & ~(gpa_t)(KVM_PAGE - 1);
		struct kvm_slot s;

		if (!r->host || end <= start || (flags && !readonly_mem)) {
			continue;
		}
		s = (struct kvm_slot){ start, end - start, r->host + (start - r->start),
			               flags, r->ram_off + (start - r->start) };
		if ((uintptr_t)s.host & (KVM_PAGE - 1)) {
			continue;
		}
		if (n && n <= max && kvm_mem_joins(&out[n - 1], &s)) {
			out[n - 1].size += s.size;
			continue;
		}
		if (n < max) {
			out[n] = s;
		}
		n++;
	}
	return n;
}

/* ---- slots ---- */

int kvm_mem_set(struct kvm *k, unsigned slot, const struct kvm_slot *s)
{
	bool log = k->dirty.on && s->host && !(s->flags & KVM_MEM_READONLY) &&
	           slot < k->max_slots;
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.guest_phys_addr = s->start,
		.flags = s->host ? s->flags | (log ? KVM_MEM_LOG_DIRTY_PAGES : 0) : 0,
		.memory_size = s->host ? s->size : 0,
		.userspace_addr = (uint64_t)(uintptr_t)s->host,
	};

	int ret = kvm_ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);

	if (ret >= 0 && k->n_as > 1 && slot < k->max_slots) {
		r.slot |= 1u << 16;
		ret = kvm_ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
	}
	return ret;
}

int kvm_mem_show_smm(struct kvm *k)
{
	LOCK_SCOPE(&k->mem_lk);
	int r = 0;

	if (k->n_as > 1) {
		return 0;
	}
	if (kvm_cap(k, KVM_CAP_MULTI_ADDRESS_SPACE) < 2) {
		return -ENOTSUP;
	}
	k->n_as = 2;
	for (unsigned i = 0; r >= 0 && i < k->n_slots; i++) {
		r = k->slots[i].host ? kvm_mem_set(k, i, &k->slots[i]) : 0;
	}
	if (r < 0) {
		k->n_as = 1;
	}
	return r;
}

static bool kvm_mem_same(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->start == b->start && a->size == b->size && a->host == b->host &&
	       a->flags == b->flags && a->ram_off == b->ram_off;
}

static bool kvm_mem_overlap(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->start < b->start + b->size && b->start < a->start + a->size;
}

/* Marks the slots that go; wanted ones that are there already lose their host. True: part
 * of a slot that goes stays mapped. */
static bool kvm_mem_compare(struct kvm *k, struct kvm_slot *want, unsigned n,
                            bool *gone, bool *any)
{
	bool split = false;

	for (unsigned i = 0; i < k->n_slots; i++) {
		gone[i] = k->slots[i].host != NULL;
		for (unsigned j = 0; j < n && gone[i]; j++) {
			if (want[j].host && kvm_mem_same(&want[j], &k->slots[i])) {
				want[j].host = NULL;
				gone[i] = false;
			}
		}
		*any |= gone[i];
	}
	for (unsigned i = 0; i < k->n_slots; i++) {
		for (unsigned j = 0; j < n && gone[i]; j++) {
			split |=
				want[j].host && kvm_mem_overlap(&want[j], &k->slots[i]);
		}
	}
	return split;
}

static void kvm_mem_drop(struct kvm *k, unsigned i)
{
	struct kvm_slot none = { .start = k->slots[i].start };
	int r;

	kvm_dirty_save_slot(k, i);
	r = kvm_mem_set(k, i, &none);
	if (r < 0) {
		log_error("KVM does not remove memory slot %u (0x%llx): %s", i,
		          (unsigned long long)none.start, strerror(-r));
	}
	k->slots[i].host = NULL;
}

/* At start-up the first vCPU reports it; a running machine pauses: memory that is not there
 * would be a crash of the guest's at some later moment. */
static void kvm_mem_refused(struct kvm *k, const struct kvm_slot *s, int err)
{
	struct err e = ERR_INIT;

	(void)kvm_say_slot(err, s->start, s->start + s->size, k->phys_bits, &e);
	if (!k->slot_err.text[0]) {
		k->slot_err = e;
	}
	if (k->vm->n_vcpus && atomic_load(&k->vm->vcpus[0]->online)) {
		log_error("%s; the machine pauses", e.text);
		vm_request_stop(k->vm, RUN_INTERNAL_ERROR);
	}
}

static void kvm_mem_add(struct kvm *k, const struct kvm_slot *s)
{
	unsigned i = 0;
	int r;

	while (i < k->n_slots && k->slots[i].host) {
		i++;
	}
	if (i == k->max_slots) {
		log_error("KVM has only %u memory slots: 0x%llx to 0x%llx is slow",
		          k->max_slots, (unsigned long long)s->start,
		          (unsigned long long)(s->start + s->size - 1));
		return;
	}
	r = kvm_mem_set(k, i, s);
	if (r < 0) {
		kvm_mem_refused(k, s, -r);
		return;
	}
	k->slots[i] = *s;
	k->n_slots = MAX(k->n_slots, i + 1);
}

static void kvm_mem_changed(struct aspace_listener *l, const struct flat *was,
                            const struct flat *now)
{
	struct kvm *k = container_of(l, struct kvm, listener);
	struct kvm_slot want[KVM_MEM_MAX];
	unsigned n = kvm_mem_plan(now, k->readonly_mem, want, KVM_MEM_MAX);
	bool gone[KVM_MEM_MAX], any = false, shut;
	LOCK_SCOPE(&k->mem_lk);

	(void)was;
	if (n > KVM_MEM_MAX) {
		log_error("guest memory has %u pieces: those after %u are slow", n,
		          KVM_MEM_MAX);
		n = KVM_MEM_MAX;
	}
	shut = kvm_mem_compare(k, want, n, gone, &any) || (any && k->dirty.on);
	if (shut) {
		kvm_gate_close(k);
		kvm_dirty_save_rings(k);
	}
	for (unsigned i = 0; i < k->n_slots; i++) {
		if (gone[i]) {
			kvm_mem_drop(k, i);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (want[i].host) {
			kvm_mem_add(k, &want[i]);
		}
	}
	if (shut) {
		kvm_gate_open(k);
	}
}

/* ---- vCPUs ---- */

int kvm_mem_add_vcpu(struct kvm_vcpu *v, struct err *e)
{
	LOCK_SCOPE(&v->k->mem_lk);
	struct kvm *k = v->k;
	unsigned i = v->c->index, room = vm_vcpu_room(k->vm);

	if (!k->all) {
		k->all = calloc(room, sizeof(*k->all));
	}
	if (!k->all || i >= room) {
		return err_set(e, -ENOMEM, "no room for vCPU %u", i);
	}
	k->all[i] = v;
	k->n_all = MAX(k->n_all, i + 1);
	return 0;
}

void kvm_mem_del_vcpu(struct kvm_vcpu *v)
{
	LOCK_SCOPE(&v->k->mem_lk);
	if (v->c->index < v->k->n_all && v->k->all[v->c->index] == v) {
		v->k->all[v->c->index] = NULL;
	}
}

/* Deleting any slot makes KVM drop all shadow pages (KVM_X86_QUIRK_SLOT_ZAP_ALL, the
 * default): the dummy page is put where no guest looks, and taken away again. */
void kvm_mem_zap_shadow(struct kvm *k)
{
	static uint8_t page[KVM_PAGE] __aligned_to(4096);
	struct kvm_slot s = { KVM_ZAP_GPA, KVM_PAGE, page, 0, 0 };

	if (k->nested_paging) {
		return;
	}
	if (kvm_mem_set(k, k->max_slots, &s) < 0) {
		return;
	}
	s.host = NULL;
	kvm_mem_set(k, k->max_slots, &s);
}

void kvm_mem_init(struct kvm *k)
{
	int n = kvm_cap(k, KVM_CAP_NR_MEMSLOTS);

	n = n > 0 ? n : 32;
	k->max_slots = (unsigned)MIN(n, KVM_MEM_MAX) - 1; /* the last one: zap_shadow */
	k->slots = calloc(k->max_slots, sizeof(*k->slots));
	if (!k->slots) {
		k->max_slots = 0;
	}
	k->readonly_mem = kvm_cap(k, KVM_CAP_READONLY_MEM) > 0;
	k->listener.changed = kvm_mem_changed;
	aspace_add_listener(&k->vm->mem, &k->listener);
}

void kvm_mem_fini(struct kvm *k)
{
	aspace_del_listener(&k->vm->mem, &k->listener);
	free(k->slots);
	free(k->all);
	k->slots = NULL;
	k->all = NULL;
}
