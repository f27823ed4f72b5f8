/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem.c - KVM memory slots, following the flat map of guest memory.
 *
 * A change deletes the slots that are no longer wanted and adds the new ones; those
 * that stay are not touched. While a slot is missing for that moment, another vCPU's
 * access arrives as an MMIO exit, and vcpu.c finds RAM in the flat map.
 *
 * Threads: whoever changes the map, under gmem's topology lock.
 * Known gaps: RAM ranges that are not page-aligned stay without a slot (served by
 * exits); no dirty log.
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

static bool kvm_mem_joins(const struct kvm_slot *s, gpa_t start, const uint8_t *host,
			  uint32_t flags)
{
	return s->start + s->size == start && s->host + s->size == host && s->flags == flags;
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
		uint8_t *host;

		if (!r->host || end <= start || (flags && !readonly_mem)) {
			continue;
		}
		host = r->host + (start - r->start);
		if ((uintptr_t)host & (KVM_PAGE - 1)) {
			continue;
		}
		if (n && n <= max && kvm_mem_joins(&out[n - 1], start, host, flags)) {
			out[n - 1].size += end - start;
			continue;
		}
		if (n < max) {
			out[n] = (struct kvm_slot){ start, end - start, host, flags };
		}
		n++;
	}
	return n;
}

/* ---- slots ---- */

static int kvm_mem_set(struct kvm *k, unsigned slot, const struct kvm_slot *s)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = s->host ? s->flags : 0, .guest_phys_addr = s->start,
		.memory_size = s->host ? s->size : 0,
		.userspace_addr = (uint64_t)(uintptr_t)s->host,
	};

	return kvm_ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static bool kvm_mem_same(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->start == b->start && a->size == b->size && a->host == b->host &&
	       a->flags == b->flags;
}

static void kvm_mem_drop_unwanted(struct kvm *k, struct kvm_slot *want, unsigned n)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		struct kvm_slot gone = { .start = k->slots[i].start };
		bool keep = false;
		int r;

		for (unsigned j = 0; j < n && k->slots[i].host; j++) {
			if (want[j].host && kvm_mem_same(&want[j], &k->slots[i])) {
				want[j].host = NULL; /* is there already */
				keep = true;
			}
		}
		if (keep || !k->slots[i].host) {
			continue;
		}
		r = kvm_mem_set(k, i, &gone);
		if (r < 0) {
			log_error("KVM does not remove memory slot %u: %s", i, strerror(-r));
		}
		k->slots[i].host = NULL;
	}
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
		log_error("KVM has only %u memory slots: %llx..%llx is slow", k->max_slots,
			  (unsigned long long)s->start, (unsigned long long)(s->start + s->size));
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

	(void)was;
	if (n > KVM_MEM_MAX) {
		log_error("guest memory has %u pieces: those after %u are slow", n, KVM_MEM_MAX);
		n = KVM_MEM_MAX;
	}
	kvm_mem_drop_unwanted(k, want, n);
	for (unsigned i = 0; i < n; i++) {
		if (want[i].host) {
			kvm_mem_add(k, &want[i]);
		}
	}
}

/* Deleting any slot makes KVM drop all shadow pages (KVM_X86_QUIRK_SLOT_ZAP_ALL, the
 * default): the dummy page is put where no guest looks, and taken away again. */
void kvm_mem_zap_shadow(struct kvm *k)
{
	static uint8_t page[KVM_PAGE] __aligned_to(4096);
	struct kvm_slot s = { KVM_ZAP_GPA, KVM_PAGE, page, 0 };

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
	k->slots = NULL;
}
