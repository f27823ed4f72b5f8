/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty.c - what guests write while KVM runs them: the dirty ring of each vCPU, or, on
 * kernels without it and with dirty-ring-size=0, one bitmap a memory slot.
 *
 * Spec: Linux api.rst 4.10 KVM_GET_DIRTY_LOG, 4.117 KVM_CLEAR_DIRTY_LOG, 8.29
 * KVM_CAP_DIRTY_LOG_RING.
 *
 * Ring: KVM pushes each page that becomes dirty (flag DIRTY); we move the page to a bitmap
 * and hand the entry back (flag RESET); KVM_RESET_DIRTY_RINGS makes the pages of
 * all entries that were handed back watched again. Reading and resetting is one step
 * under mem_lk, see core/dirty.h, 3. A vCPU whose ring is full does so by itself.
 *
 * Since Linux 6.16 that call stops when a signal waits for the caller, and says only how many
 * entries it did; the pages of those it was just gathering may stay writable, unwatched. So
 * signals wait while it runs, it is repeated until all is done, and if it stopped in the
 * middle nevertheless (other work of the kernel's for this thread), logging is switched
 * off and on with all vCPUs out, which makes KVM watch every page again.
 *
 * A KVM that executes many instructions before it looks whether the ring is full (seen where
 * it emulates all) overruns it: the oldest entries are lost, and as many that it
 * counts as used stay empty, a gap. A ring that is full to the last entry is taken for
 * overrun: all memory counts as written, logging is switched off and on, and from then on
 * gaps are looked for and handed back as if they were entries.
 *
 * Bitmap: without KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_GET_DIRTY_LOG clears and re-arms;
 * with it KVM_CLEAR_DIRTY_LOG does, for the pages that we got.
 *
 * Processors with a page-modification log keep some pages for themselves until the next
 * exit: collect makes every vCPU come out once.
 *
 * A ring that was emptied because it was full, and the record of a slot that was deleted, wait
 * in `saved`, under mem_lk, for the next collect. They must not go to dirty_mark(): a
 * collect that has taken the marked pages already, and finds the ring empty, would
 * report them only the next time, and its caller was promised all writes from before.
 *
 * The translator beside KVM logs for itself: its calls are made from here.
 *
 * Reported too much: pages that KVM writes for the guest (clock, steal time).
 *
 * Threads: collect, start, stop: see core/dirty.h; the rest says so.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/pages.h"
#include "core/dirty.h"
#include "kvm/kvm.h"

enum { DIRTY_RING_DEFAULT = 4096, DIRTY_PAGE = 1 << DIRTY_PAGE_BITS };

/* Where pages go: the caller's bitmap of a part of RAM, else to `saved`. */
struct kvm_dirty_sink {
	uint64_t ram_off, len;
	uint64_t *bits;
	uint64_t *saved;
	bool drop;
};

static void kvm_dirty_put(const struct kvm_dirty_sink *s, uint64_t ram_off)
{
	if (s->drop) {
		return;
	}
	if (s->bits && ram_off >= s->ram_off && ram_off - s->ram_off < s->len) {
		dirty_set_bit(s->bits, (ram_off - s->ram_off) >> DIRTY_PAGE_BITS);
	} else if (ram_off < DIRTY_MAX_RAM) {
		dirty_set_bit(s->saved, ram_off >> DIRTY_PAGE_BITS);
	}
}

/* mem_lk held. */
static void kvm_dirty_take_saved(struct kvm *k, const struct kvm_dirty_sink *s)
{
	uint64_t words = (ram_off_end() + DIRTY_PAGE * 64 - 1) / (DIRTY_PAGE * 64);

	for (uint64_t i = 0; i < words; i++) {
		uint64_t w = k->dirty.saved[i];

		k->dirty.saved[i] = 0;
		for (; w; w &= w - 1) {
			kvm_dirty_put(s, (i * 64 + (unsigned)__builtin_ctzll(w))
			                         << DIRTY_PAGE_BITS);
		}
	}
}

static bool kvm_dirty_alloc(struct kvm *k)
{
	if (!k->dirty.saved) {
		k->dirty.saved = pages_map(DIRTY_MAP_SIZE);
	}
	return k->dirty.saved;
}

/* ---- set-up ---- */

static int kvm_dirty_enable_ring(struct kvm *k, uint64_t n)
{
	static const unsigned caps[] = { KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
		                         KVM_CAP_DIRTY_LOG_RING };

	for (unsigned i = 0; i < ARRAY_LEN(caps); i++) {
		int max = kvm_cap(k, caps[i]);
		struct kvm_enable_cap c = { .cap = caps[i] };

		if (max <= 0) {
			continue;
		}
		n = MIN(n, (uint64_t)max / sizeof(struct kvm_dirty_gfn));
		c.args[0] = n * sizeof(struct kvm_dirty_gfn);
		if (kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &c) >= 0) {
			k->dirty.mode = KVM_DIRTY_RING;
			k->dirty.ring_n = (uint32_t)n;
			return 0;
		}
	}
	return -ENOTSUP;
}

static void kvm_dirty_enable_clear(struct kvm *k)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		                    .args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE };

	k->dirty.mode = KVM_DIRTY_BITMAP;
	if ((kvm_cap(k, c.cap) & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) &&
	    kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &c) >= 0) {
		k->dirty.mode = KVM_DIRTY_BITMAP_CLEAR;
	}
}

int kvm_dirty_options(struct kvm *k, struct opt *o, struct err *e)
{
	bool asked = o && opt_has(o, "dirty-ring-size");
	uint64_t n = DIRTY_RING_DEFAULT;
	int r = o ? opt_get_u64(o, "dirty-ring-size", n, &n, e) : 0;

	if (r < 0) {
		return r;
	}
	if (n && ((n & (n - 1)) || n < 1024 || n > 65536)) {
		return err_set(
			e, -EINVAL,
			"-accel kvm: dirty-ring-size is a power of 2 from 1024 to "
			"65536, or 0 for dirty bitmaps");
	}
	if (n && kvm_dirty_enable_ring(k, n) >= 0) {
		return 0;
	}
	if (asked && n) {
		log_warn("this kernel's KVM has no dirty ring: using dirty bitmaps");
	}
	kvm_dirty_enable_clear(k);
	return 0;
}

void kvm_dirty_fini(struct kvm *k)
{
	free(k->dirty.bitmap);
	k->dirty.bitmap = NULL;
	if (k->dirty.saved) {
		munmap(k->dirty.saved, DIRTY_MAP_SIZE);
		k->dirty.saved = NULL;
	}
}

int kvm_dirty_vcpu_init(struct kvm_vcpu *v, struct err *e)
{
	void *p;

	if (v->k->dirty.mode != KVM_DIRTY_RING) {
		return 0;
	}
	p = mmap(NULL, v->k->dirty.ring_n * sizeof(*v->ring), PROT_READ | PROT_WRITE,
	         MAP_SHARED, v->fd, (off_t)KVM_DIRTY_LOG_PAGE_OFFSET * DIRTY_PAGE);
	if (p == MAP_FAILED) {
		return err_set_errno(e, -errno, "cannot map the dirty ring of vCPU %u",
		                     v->c->index);
	}
	v->ring = p;
	return 0;
}

void kvm_dirty_vcpu_fini(struct kvm_vcpu *v)
{
	if (v->ring) {
		munmap(v->ring, v->k->dirty.ring_n * sizeof(*v->ring));
		v->ring = NULL;
	}
}

/* ---- rings ---- */

static bool kvm_dirty_find(const struct kvm *k, uint32_t slot, uint64_t page,
                           uint64_t *ram_off)
{
	unsigned i = slot & 0xffff; /* high half: address space */

	if (i >= k->n_slots || !k->slots[i].host ||
	    page >= k->slots[i].size >> DIRTY_PAGE_BITS) {
		return false;
	}
	*ram_off = k->slots[i].ram_off + (page << DIRTY_PAGE_BITS);
	return true;
}

static struct kvm_dirty_gfn *kvm_dirty_entry(struct kvm_vcpu *v, uint32_t ahead)
{
	return &v->ring[(v->ring_next + ahead) & (v->k->dirty.ring_n - 1)];
}

static bool kvm_dirty_is(const struct kvm_dirty_gfn *g)
{
	return __atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY;
}

/* Hands `n` entries back; those that are not dirty are a gap. */
static void kvm_dirty_hand_back(struct kvm_vcpu *v, uint32_t n,
                                const struct kvm_dirty_sink *s)
{
	for (uint32_t i = 0; i < n; i++) {
		struct kvm_dirty_gfn *g = kvm_dirty_entry(v, 0);
		uint64_t ram_off;

		if (kvm_dirty_is(g) &&
		    kvm_dirty_find(v->k, g->slot, g->offset, &ram_off)) {
			kvm_dirty_put(s, ram_off);
		}
		__atomic_store_n(&g->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		v->ring_next++;
	}
}

/* Entries to hand back: up to the first that is not dirty, or, once a ring has overflowed,
 * up to the last that is. */
static uint32_t kvm_dirty_count(struct kvm_vcpu *v)
{
	uint32_t n = 0, end = 0;

	while (n < v->k->dirty.ring_n) {
		if (kvm_dirty_is(kvm_dirty_entry(v, n++))) {
			end = n;
		} else if (!v->ring_gap) {
			break;
		}
	}
	return end;
}

static void kvm_dirty_put_all(const struct kvm *k, const struct kvm_dirty_sink *s)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		const struct kvm_slot *slot = &k->slots[i];

		if (!slot->host || (slot->flags & KVM_MEM_READONLY)) {
			continue;
		}
		for (uint64_t at = 0; at < slot->size; at += DIRTY_PAGE) {
			kvm_dirty_put(s, slot->ram_off + at);
		}
	}
}

static unsigned kvm_dirty_read_ring(struct kvm_vcpu *v, const struct kvm_dirty_sink *s)
{
	struct kvm *k = v->k;
	uint32_t n = kvm_dirty_count(v);

	kvm_dirty_hand_back(v, n, s);
	if (unlikely(n == k->dirty.ring_n)) {
		if (!v->ring_gap) {
			log_warn("vCPU %u: KVM has overrun its dirty ring of %u "
			         "entries: "
			         "all memory counts as written",
			         v->c->index, n);
		}
		v->ring_gap = true;
		k->dirty.overrun = true;
		kvm_dirty_put_all(k, s);
	}
	atomic_fetch_add_explicit(&v->c->dirty_pages, n, memory_order_relaxed);
	return n;
}

/* Tells KVM of all slots again, as dirty.on says. */
static int kvm_dirty_tell_slots(struct kvm *k)
{
	int ret = 0;

	for (unsigned i = 0; i < k->n_slots; i++) {
		int r = 0;

		if (k->slots[i].host && !(k->slots[i].flags & KVM_MEM_READONLY)) {
			r = kvm_mem_set(k, i, &k->slots[i]);
		}
		ret = ret < 0 ? ret : r;
	}
	return ret;
}

/* Every page is watched from here on. What was written before the gate closed is in the rings
 * or was read from them. */
static void kvm_dirty_rearm(struct kvm *k)
{
	bool on = k->dirty.on;
	int r, r2;

	kvm_gate_close(k);
	k->dirty.on = false;
	r = kvm_dirty_tell_slots(k);
	k->dirty.on = on;
	r2 = kvm_dirty_tell_slots(k);
	kvm_gate_open(k);
	if (r < 0 || r2 < 0) {
		log_error("KVM does not watch memory again: %s; writes may be missed",
		          strerror(r < 0 ? -r : -r2));
	}
}

/* `n` entries of any rings have been handed back. mem_lk held. */
static void kvm_dirty_reset_rings(struct kvm *k, unsigned n)
{
	enum { KVM_DIRTY_TRIES = 1000 };
	sigset_t all, old;
	unsigned left = n;
	bool cut_short = k->dirty.overrun;
	int r = 0;

	if (!n) {
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (unsigned i = 0; left && r >= 0 && i < KVM_DIRTY_TRIES; i++) {
		r = kvm_ioctl_n(k->vm_fd, KVM_RESET_DIRTY_RINGS, 0);
		left -= r < 0 ? 0 : MIN(left, (unsigned)r);
		cut_short |= left > 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (left) {
		log_error("KVM does not take %u entries of dirty rings back: %s", left,
		          r < 0 ? strerror(-r) : "no reason given");
	}
	k->dirty.overrun = false;
	if (cut_short && k->dirty.on) {
		kvm_dirty_rearm(k);
	}
}

static void kvm_dirty_read_rings(struct kvm *k, const struct kvm_dirty_sink *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k->n_all; i++) {
		if (k->all[i] && k->all[i]->ring) {
			n += kvm_dirty_read_ring(k->all[i], s);
		}
	}
	kvm_dirty_reset_rings(k, n);
}

void kvm_dirty_save_rings(struct kvm *k)
{
	const struct kvm_dirty_sink s = { .saved = k->dirty.saved };

	if (k->dirty.on && k->dirty.mode == KVM_DIRTY_RING) {
		kvm_dirty_read_rings(k, &s);
	}
}

/* The vCPU's own thread. */
void kvm_dirty_ring_full(struct kvm_vcpu *v)
{
	LOCK_SCOPE(&v->k->mem_lk);
	const struct kvm_dirty_sink s = { .saved = v->k->dirty.saved,
		                          .drop = !v->k->dirty.on };

	unsigned n = v->ring ? kvm_dirty_read_ring(v, &s) : 0;

	if (!n && v->ring_gap) { /* full of the gap: it gets smaller at each exit */
		n = 1;
		kvm_dirty_hand_back(v, n, &s);
	}
	kvm_dirty_reset_rings(v->k, n);
}

/* ---- bitmaps ---- */

static bool kvm_dirty_room(struct kvm *k, size_t size)
{
	if (size > k->dirty.bitmap_size) {
		free(k->dirty.bitmap);
		k->dirty.bitmap = malloc(size);
		k->dirty.bitmap_size = k->dirty.bitmap ? size : 0;
	}
	return k->dirty.bitmap;
}

static void kvm_dirty_scan(const struct kvm *k, const struct kvm_slot *slot,
                           uint64_t pages, const struct kvm_dirty_sink *s)
{
	for (uint64_t i = 0; i < pages; i += 64) {
		for (uint64_t w = k->dirty.bitmap[i / 64]; w; w &= w - 1) {
			uint64_t page = i + (unsigned)__builtin_ctzll(w);

			if (page < pages) {
				kvm_dirty_put(s, slot->ram_off +
				                         (page << DIRTY_PAGE_BITS));
			}
		}
	}
}

static int kvm_dirty_read_slot_of(struct kvm *k, unsigned i, uint32_t as,
                                  const struct kvm_dirty_sink *s)
{
	const struct kvm_slot *slot = &k->slots[i];
	uint64_t pages = slot->size >> DIRTY_PAGE_BITS;
	size_t size = (size_t)(pages + 63) / 64 * 8;
	struct kvm_dirty_log get = { .slot = as << 16 | i };
	struct kvm_clear_dirty_log clear = { .slot = as << 16 | i,
		                             .num_pages = (uint32_t)pages };
	int r;

	if (!kvm_dirty_room(k, size)) {
		return -ENOMEM;
	}
	memset(k->dirty.bitmap, 0, size);
	get.dirty_bitmap = clear.dirty_bitmap = k->dirty.bitmap;
	r = kvm_ioctl(k->vm_fd, KVM_GET_DIRTY_LOG, &get);
	if (r < 0) {
		return r;
	}
	kvm_dirty_scan(k, slot, pages, s);
	return k->dirty.mode == KVM_DIRTY_BITMAP_CLEAR
	               ? kvm_ioctl(k->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear)
	               : 0;
}

static int kvm_dirty_read_slot(struct kvm *k, unsigned i,
                               const struct kvm_dirty_sink *s)
{
	int r = 0;

	for (unsigned as = 0;
	     r >= 0 && k->slots[i].host && !(k->slots[i].flags & KVM_MEM_READONLY) &&
	     as < MAX(k->n_as, 1u);
	     as++) {
		r = kvm_dirty_read_slot_of(k, i, as, s);
	}
	return r;
}

void kvm_dirty_save_slot(struct kvm *k, unsigned slot)
{
	const struct kvm_dirty_sink s = { .saved = k->dirty.saved };

	if (!k->dirty.on || k->dirty.mode == KVM_DIRTY_RING) {
		return;
	}
	if (kvm_dirty_read_slot(k, slot, &s) < 0) { /* then all of it */
		for (uint64_t at = 0; at < k->slots[slot].size; at += DIRTY_PAGE) {
			kvm_dirty_put(&s, k->slots[slot].ram_off + at);
		}
	}
}

static int kvm_dirty_read_slots(struct kvm *k, const struct kvm_dirty_sink *s)
{
	int ret = 0;

	for (unsigned i = 0; i < k->n_slots; i++) {
		int r = kvm_dirty_read_slot(k, i, s);

		ret = ret < 0 ? ret : r;
	}
	return ret;
}

/* ---- the source ---- */

static int kvm_dirty_switch(struct kvm *k, bool on)
{
	k->dirty.on = on;
	return kvm_dirty_tell_slots(k);
}

int kvm_dirty_start(struct vm *vm, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	const struct kvm_dirty_sink drop = { .drop = true };
	int r = 0;

	if (k->fallback && hv_fallback->mem.dirty_start) {
		r = hv_fallback->mem.dirty_start(vm, e);
	}
	if (r < 0) {
		return r;
	}
	LOCK_SCOPE(&k->mem_lk);
	if (!kvm_dirty_alloc(k)) {
		return err_set(e, -ENOMEM, "no memory for KVM's dirty log");
	}
	if (k->dirty.mode == KVM_DIRTY_RING) {
		kvm_dirty_read_rings(k, &drop); /* left over from the last time */
	}
	kvm_dirty_take_saved(k, &drop);
	r = kvm_dirty_switch(k, true);
	if (r < 0) {
		(void)kvm_dirty_switch(k, false);
		return err_set_errno(e, r, "KVM refuses to log dirty pages");
	}
	return 0;
}

int kvm_dirty_stop(struct vm *vm, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	const struct kvm_dirty_sink drop = { .drop = true };
	int r;

	lk_acquire(&k->mem_lk);
	r = kvm_dirty_switch(k, false);
	if (k->dirty.mode == KVM_DIRTY_RING) {
		kvm_dirty_read_rings(k, &drop);
	}
	lk_release(&k->mem_lk);
	if (k->fallback && hv_fallback->mem.dirty_stop) {
		(void)hv_fallback->mem.dirty_stop(vm, e);
	}
	return r < 0 ? err_set_errno(e, r, "KVM goes on logging dirty pages") : 0;
}

int kvm_dirty_collect(struct vm *vm, uint64_t ram_off, uint64_t len, uint64_t *bits,
                      struct err *e)
{
	struct kvm *k = vm->hv_priv;
	const struct kvm_dirty_sink s = {
		.ram_off = ram_off, .len = len, .bits = bits, .saved = k->dirty.saved
	};
	int r = 0;

	lk_acquire(&k->mem_lk);
	kvm_gate_flush(k);
	kvm_dirty_take_saved(k, &s);
	if (k->dirty.mode == KVM_DIRTY_RING) {
		kvm_dirty_read_rings(k, &s);
	} else {
		r = kvm_dirty_read_slots(k, &s);
	}
	lk_release(&k->mem_lk);
	if (k->fallback && hv_fallback->mem.dirty_collect) {
		(void)hv_fallback->mem.dirty_collect(vm, ram_off, len, bits, e);
	}
	return r < 0 ? err_set_errno(e, r, "KVM does not tell which pages are dirty")
	             : 0;
}
