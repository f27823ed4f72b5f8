/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coalesce.c - writes to registers that KVM collects instead of leaving the guest for each
 * (KVM_CAP_COALESCED_MMIO, KVM_CAP_COALESCED_PIO). Which registers: struct mr's `batch`.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst, KVM_(UN)REGISTER_COALESCED_MMIO.
 *
 * The ring is one for the VM. Every vCPU that leaves KVM_RUN, for whatever reason, has it
 * emptied before anything else happens. So an access that exits comes after all batched
 * writes that were made before it, of its own vCPU and of those that it knows of; and when
 * all vCPUs are out of guest code (stop, move, reset) the ring is empty. A full ring makes
 * KVM leave the guest. The translator executes such writes at once, like any.
 *
 *   kernel  writes an entry, then advances `last`
 *   we      carry an entry out, then advance `first`: who sees both equal may go on, all
 *           is done; who does not waits for the lock, for one ring's worth of writes at
 *           most (170), each a few stores
 *
 * The lock ranks below those of devices, which are taken while it is held: the handlers of
 * such registers do not sleep, wait, or change the map.
 *
 * An entry for a place that is not to be batched (any more) is dropped: what was there has
 * gone, and what came is not to get it. The kernel writes the ring; an index or a length
 * that can't be is not followed.
 *
 * Not batched, although others do: port cf8 of PCI. A zone has no access width, and byte
 * cf9 within resets the machine, which must not wait for the next exit of a guest that
 * halts after it.
 *
 * Threads: zones: whoever changes the map; the rest: vCPUs.
 */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "kvm/kvm.h"

static unsigned coalesce_ring_size(void)
{
	return (unsigned)(((size_t)getpagesize() -
	                   sizeof(struct kvm_coalesced_mmio_ring)) /
	                  sizeof(struct kvm_coalesced_mmio));
}

/* ---- zones ---- */

static bool coalesce_has(const struct kvm_batch_zones *z, gpa_t start, uint64_t len)
{
	for (unsigned i = 0; i < z->n; i++) {
		if (z->z[i].start == start && z->z[i].len == len) {
			return true;
		}
	}
	return false;
}

static void coalesce_find(const struct flat *f, struct kvm_batch_zones *z)
{
	z->n = 0;
	for (unsigned i = 0; i < f->n && z->n < ARRAY_LEN(z->z); i++) {
		const struct flat_range *r = &f->r[i];

		if (!r->host && r->off < r->mr->batch) {
			z->z[z->n].start = r->start;
			z->z[z->n++].len = MIN(r->mr->batch - r->off, r->size);
		}
	}
}

/* Zones of `z` that `but` does not have. */
static void coalesce_set(struct kvm *k, const struct kvm_batch_zones *z,
                         const struct kvm_batch_zones *but, bool pio, bool on)
{
	for (unsigned i = 0; i < z->n; i++) {
		struct kvm_coalesced_mmio_zone req = {
			.addr = z->z[i].start,
			.size = (uint32_t)z->z[i].len,
			.pio = pio,
		};
		int r = 0;

		if (!coalesce_has(but, z->z[i].start, z->z[i].len)) {
			r = kvm_ioctl(k->vm_fd,
			              on ? KVM_REGISTER_COALESCED_MMIO
			                 : KVM_UNREGISTER_COALESCED_MMIO,
			              &req);
		}
		if (r < 0) { /* then each write leaves the guest, which is as right */
			log_d(LOG_UNIMP, "kvm: zone 0x%llx is not batched: %d\n",
			      (unsigned long long)req.addr, r);
		}
	}
}

static void coalesce_changed(struct kvm *k, const struct flat *now, bool pio)
{
	struct kvm_batch_zones *is = &k->coalesce.zones[pio], want;

	coalesce_find(now, &want);
	coalesce_set(k, is, &want, pio, false);
	coalesce_set(k, &want, is, pio, true);
	*is = want;
}

static void coalesce_mem_changed(struct aspace_listener *l, const struct flat *was,
                                 const struct flat *now)
{
	(void)was; /* its regions may be gone */
	coalesce_changed(container_of(l, struct kvm, coalesce.mem), now, false);
}

static void coalesce_io_changed(struct aspace_listener *l, const struct flat *was,
                                const struct flat *now)
{
	(void)was;
	coalesce_changed(container_of(l, struct kvm, coalesce.io), now, true);
}

/* ---- the ring ---- */

static void coalesce_run(struct kvm *k, const struct kvm_coalesced_mmio *e)
{
	struct aspace *as = e->pio && k->coalesce.pio ? &k->vm->io : &k->vm->mem;
	const struct flat_range *r;
	bool ours;

	if (!e->len || e->len > sizeof(e->data)) {
		log_guest("KVM has batched a write of %u bytes: dropped", e->len);
		return;
	}
	r = flat_find(aspace_enter(as), e->phys_addr);
	ours = r && !r->host && r->off + (e->phys_addr - r->start) < r->mr->batch;
	aspace_leave(as);
	if (!ours) {
		log_d(LOG_GUEST_ERRORS, "kvm: batched write at 0x%llx: gone\n",
		      (unsigned long long)e->phys_addr);
		return;
	}
	if (!(e->len & (e->len - 1))) {
		aspace_write(as, e->phys_addr, ld_le(e->data, e->len), e->len);
		return;
	}
	for (unsigned i = 0; i < e->len; i++) {
		aspace_write(as, e->phys_addr + i, e->data[i], 1);
	}
}

void kvm_coalesce_drain(struct kvm *k)
{
	LOCK_SCOPE(&k->coalesce.lk);
	struct kvm_coalesced_mmio_ring *ring = atomic_load(&k->coalesce.ring);
	unsigned size = coalesce_ring_size();

	for (unsigned n = 0; ring && n < size; n++) {
		uint32_t *first = &k->coalesce.first,
			 last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
		struct kvm_coalesced_mmio e;

		if (last >= size) { /* the kernel does not write there either */
			log_error(
				"KVM's ring of batched writes ends at %u of %u: it is "
				"not used any more",
				last, size);
			atomic_store(&k->coalesce.ring, NULL);
			return;
		}
		if (*first == last) {
			return;
		}
		e = ring->coalesced_mmio[*first];
		coalesce_run(k, &e);
		*first = (*first + 1) % size;
		__atomic_store_n(&ring->first, *first, __ATOMIC_RELEASE);
		atomic_fetch_add(&k->coalesce.n, 1);
	}
}

/* ---- life ---- */

/* Not before guest memory has its slots: since Linux 6.17 a zone that comes starts a slow grace
 * period, which the next change of slots would wait for, some 10 ms. */
static void coalesce_listen(struct kvm *k)
{
	if (k->coalesce.mem.changed) {
		return; /* vCPU 0 has come again */
	}
	k->coalesce.mem.changed = coalesce_mem_changed;
	aspace_add_listener(&k->vm->mem, &k->coalesce.mem);
	if (k->coalesce.pio) {
		k->coalesce.io.changed = coalesce_io_changed;
		aspace_add_listener(&k->vm->io, &k->coalesce.io);
	}
}

/* The first vCPU's mapping shows the ring; it stays as long as the VM. */
void kvm_coalesce_vcpu_init(struct kvm_vcpu *v)
{
	struct kvm *k = v->k;
	size_t page = (size_t)getpagesize(), at = k->coalesce.page * page;

	if (!at || v->c->index != 0) {
		return;
	}
	atomic_store(&k->coalesce.ring, (void *)((char *)v->run + at));
	coalesce_listen(k);
}

void kvm_coalesce_init(struct kvm *k)
{
	int page = kvm_cap(k, KVM_CAP_COALESCED_MMIO);

	lk_init(&k->coalesce.lk, RANK_HV_BATCH, "KVM batched writes");
	if (page <= 0 || ((size_t)page + 1) * (size_t)getpagesize() > k->run_size) {
		return;
	}
	k->coalesce.page = (unsigned)page;
	k->coalesce.pio = kvm_cap(k, KVM_CAP_COALESCED_PIO) > 0;
}

void kvm_coalesce_fini(struct kvm *k)
{
	if (k->coalesce.mem.changed) {
		aspace_del_listener(&k->vm->mem, &k->coalesce.mem);
	}
	if (k->coalesce.io.changed) {
		aspace_del_listener(&k->vm->io, &k->coalesce.io);
	}
	lk_fini(&k->coalesce.lk);
}
