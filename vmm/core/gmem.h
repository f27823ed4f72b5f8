/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem.h - guest memory and guest address spaces.
 *
 * A *RAM block* is a memfd mapping, so that KVM, vhost-user, snapshot and
 * migration see the same pages. A *region* is RAM, ROM, device registers, an
 * alias of a part of another region, or a container of regions with priorities.
 * An *address space* has a root container; its regions flatten into an immutable
 * sorted array of ranges (`struct flat`), swapped whole.
 *
 * Readers take no lock: they bracket look-ups with aspace_enter()/aspace_leave()
 * or (vCPUs and loops) pass gmem_quiescent() regularly; an old flat map is freed
 * after each registered thread has passed one. Topology (mr_add, mr_del, mr_set_*)
 * changes on the control thread, or on a vCPU thread holding the lock of the
 * device that moves (BAR writes, PAM registers): the update itself is serialised
 * by the space's own lock.
 *
 * Units: bytes. gpa_t is a guest physical (or port) address. Errors: -errno.
 */
#ifndef LODGE_CORE_GMEM_H
#define LODGE_CORE_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/list.h"

typedef uint64_t gpa_t;
struct lk;

/* ---- RAM blocks ---- */

struct ram_block {
	char name[64];
	int fd; /* memfd or file; the whole block is one mapping of it; -1: not shared */
	uint8_t *host;
	uint64_t size;
	uint64_t
		ram_off; /* place in the global RAM offset space: index of per-page tables */
	struct list link;
};

struct ram_config {
	uint64_t size;
	bool huge, share, prealloc;
	const char *path; /* memory-backend-file */
};
struct ram_block *ram_block_new(const char *name, const struct ram_config *cfg,
                                struct err *e);
void ram_block_free(struct ram_block *b);
/* First unused offset of the global RAM offset space. */
uint64_t ram_off_end(void);

/* ---- regions ---- */

enum mr_kind { MR_CONTAINER, MR_RAM, MR_ROM, MR_IO, MR_ALIAS };

/*
 * Register handlers. `off` is relative to the region. The bus calls only with
 * sizes in [min,max] and, unless `unaligned`, aligned offsets; wider guest
 * accesses are split into max-sized ones when `split`, else rejected (reads give
 * all ones, writes vanish, LOG_GUEST_ERRORS). The region's lock is held around
 * the call when it has one.
 */
struct mr_ops {
	uint64_t (*read)(void *opaque, uint64_t off, unsigned size);
	void (*write)(void *opaque, uint64_t off, uint64_t val, unsigned size);
	uint8_t min, max; /* 1, 2, 4, 8 */
	bool split, unaligned;
};

struct mr {
	enum mr_kind kind;
	bool enabled,
		readonly; /* ROM: reads hit memory, writes go to ops (or vanish) */
	bool in_tree;
	int priority;
	/* Writes to the first so many bytes, of any width, may be carried out late: before the
	 * writing vCPU's next access that leaves the guest, and before anyone may look. So
	 * they have no effect but on later accesses, and their handler is short. */
	uint64_t batch;
	gpa_t addr; /* in the parent */
	uint64_t size;
	const char *name;
	const struct mr_ops *ops;
	void *opaque;
	struct lk *lock;
	struct ram_block *ram;
	uint64_t ram_delta; /* offset in the block */
	struct mr *alias;
	uint64_t alias_off;
	struct mr *parent;
	struct list link;     /* in the parent's children */
	struct list children; /* containers */
	struct aspace *space; /* set on a root */
};

void mr_init_container(struct mr *m, const char *name, uint64_t size);
void mr_init_ram(struct mr *m, const char *name, struct ram_block *b);
void mr_init_rom(struct mr *m, const char *name, struct ram_block *b);
void mr_init_io(struct mr *m, const char *name, uint64_t size, const struct mr_ops *ops,
                void *opaque, struct lk *lock);
void mr_init_alias(struct mr *m, const char *name, struct mr *target, uint64_t off,
                   uint64_t size);
/* Overlap is resolved by priority (higher wins), later addition wins ties. */
void mr_add(struct mr *parent, gpa_t addr, struct mr *child, int priority);
void mr_del(struct mr *child);
void mr_set_enabled(struct mr *m, bool on);
void mr_set_addr(struct mr *m, gpa_t addr);
void mr_set_readonly(struct mr *m, bool ro);
void mr_set_size(struct mr *m, uint64_t size);

/* ---- address spaces ---- */

struct flat_range {
	gpa_t start;
	uint64_t size;
	struct mr *mr;    /* MR_RAM, MR_ROM or MR_IO */
	uint64_t off;     /* in mr */
	uint8_t *host;    /* RAM and ROM: address of `start`; NULL for IO */
	uint64_t ram_off; /* RAM and ROM: global RAM offset of `start` */
	bool readonly;
};

struct flat {
	unsigned n;
	unsigned generation;
	struct flat_range r[];
};

struct aspace_listener {
	struct list link;
	/* Old and new maps; called on the updating thread with the space's lock held. */
	void (*changed)(struct aspace_listener *l, const struct flat *was,
	                const struct flat *now);
};

struct aspace {
	const char *name;
	struct mr *root;
	struct flat *_Atomic flat;
	struct lk *lk;
	struct list listeners;
	int batch;
	bool dirty;
};

void aspace_init(struct aspace *as, const char *name, struct mr *root);
void aspace_fini(struct aspace *as);
void aspace_add_listener(struct aspace *as, struct aspace_listener *l);
void aspace_del_listener(struct aspace *as, struct aspace_listener *l);
/* Changes between begin and commit are published once. Nests. */
void aspace_begin(struct aspace *as);
void aspace_commit(struct aspace *as);
/* The range that holds addr, or NULL (unassigned). */
const struct flat_range *flat_find(const struct flat *f, gpa_t addr);

/* Read-side sections for threads that do not pass gmem_quiescent (cheap, nestable). */
const struct flat *aspace_enter(struct aspace *as);
void aspace_leave(struct aspace *as);
/* Threads that hold flat pointers over long stretches register and tick. */
void gmem_thread_register(void);
void gmem_thread_unregister(void);
void gmem_quiescent(void);
/* Around a sleep or a stay in guest code that never ticks: the thread holds no flat
 * pointer in between. No-ops for a thread that is not registered. */
void gmem_offline(void);
void gmem_online(void);
/* Waits until each thread has passed a quiescent point: after mr_del() and this, no handler
 * of the region runs or will run. No lock held; not from a read-side section. */
void gmem_synchronize(void);
/* Makes vCPUs pass one soon; the VM registers it. */
void gmem_set_kick_hook(void (*fn)(void *), void *opaque);

/* ---- accesses ---- */

/* CPU accesses to anything: RAM or registers, 1..8 bytes, little-endian value. */
uint64_t aspace_read(struct aspace *as, gpa_t addr, unsigned size);
void aspace_write(struct aspace *as, gpa_t addr, uint64_t val, unsigned size);

/* DMA: RAM (and ROM for reads) only, by rule (security class 1). All or nothing is not
 * promised: -EFAULT tells that some byte was not RAM; bytes before it are done. */
int dma_read(struct aspace *as, gpa_t addr, void *buf, uint64_t len) __must_check;
int dma_write(struct aspace *as, gpa_t addr, const void *buf, uint64_t len)
	__must_check;
/* Zero-copy: fills iov with host spans of [addr, addr+len); returns the count, or
 * -EFAULT / -E2BIG. Valid until the caller's next quiescent point unless pinned:
 * RAM blocks are never unmapped while a request holds vm_pin (hot-unplug drains). */
int dma_map(struct aspace *as, gpa_t addr, uint64_t len, bool write, struct iovec *iov,
            int max) __must_check;
/* Host pages written by DMA or from outside the translator: dirty log and code
 * invalidation. dma_write does it itself; users of dma_map(write) call it when done. */
void dma_mark_written(struct aspace *as, gpa_t addr, uint64_t len);

/* ---- page state (translator, dirty log) ---- */

/* Called for each RAM write that did not come from translated code. Registered by the
 * translator; NULL when there is none. */
typedef void ram_written_fn(void *opaque, uint64_t ram_off, uint64_t len);
void ram_set_written_hook(ram_written_fn *fn, void *opaque);

#endif
