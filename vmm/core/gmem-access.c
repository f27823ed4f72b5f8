/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem-access.c - CPU and DMA accesses through a flat map.
 *
 * CPU accesses reach anything; registers see only sizes and alignments they
 * declare (security class 11). DMA reaches RAM only, never registers, whatever
 * the guest asks (security class 1).
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/dirty.h"
#include "core/gmem-internal.h"

static ram_written_fn *ram_written;
static void *ram_written_opaque;

void ram_set_written_hook(ram_written_fn *fn, void *opaque)
{
	ram_written = fn;
	ram_written_opaque = opaque;
}

static inline void ram_note_written(uint64_t ram_off, uint64_t len)
{
	if (ram_written) {
		ram_written(ram_written_opaque, ram_off, len);
	}
	dirty_mark(ram_off, len);
}

/* ---- RAM: naturally aligned accesses are single, as on the machine ---- */

static uint64_t ram_load(const uint8_t *p, unsigned size)
{
	if (!((uintptr_t)p & (size - 1))) {
		switch (size) {
		case 1: return __atomic_load_n(p, __ATOMIC_RELAXED);
		case 2:
			return BYTES_LE16(__atomic_load_n(
				(const uint16_t *)(const void *)p, __ATOMIC_RELAXED));
		case 4:
			return BYTES_LE32(__atomic_load_n(
				(const uint32_t *)(const void *)p, __ATOMIC_RELAXED));
		case 8:
			return BYTES_LE64(__atomic_load_n(
				(const uint64_t *)(const void *)p, __ATOMIC_RELAXED));
		default: break;
		}
	}
	return ld_le(p, size);
}

static void ram_store(uint8_t *p, uint64_t v, unsigned size)
{
	if (!((uintptr_t)p & (size - 1))) {
		switch (size) {
		case 1: __atomic_store_n(p, (uint8_t)v, __ATOMIC_RELAXED); return;
		case 2:
			__atomic_store_n((uint16_t *)(void *)p, BYTES_LE16((uint16_t)v),
			                 __ATOMIC_RELAXED);
			return;
		case 4:
			__atomic_store_n((uint32_t *)(void *)p, BYTES_LE32((uint32_t)v),
			                 __ATOMIC_RELAXED);
			return;
		case 8:
			__atomic_store_n((uint64_t *)(void *)p, BYTES_LE64(v),
			                 __ATOMIC_RELAXED);
			return;
		default: break;
		}
	}
	st_le(p, v, size);
}

/* ---- registers ---- */

static uint64_t io_mask(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

static bool io_refuse(const struct mr *m, uint64_t off, unsigned size, const char *what)
{
	log_d(LOG_GUEST_ERRORS, "%s: %u-byte %s at offset 0x%llx is not allowed\n",
	      m->name, size, what, (unsigned long long)off);
	return false;
}

/* The size of the pieces of an access, in *piece; false: rejected. */
static bool io_piece(const struct mr *m, uint64_t off, unsigned size, unsigned *piece,
                     const char *what)
{
	unsigned min = m->ops->min ? m->ops->min : 1,
		 max = m->ops->max ? m->ops->max : 8;

	*piece = size;
	if (size > max) {
		if (!m->ops->split) {
			return io_refuse(m, off, size, what);
		}
		*piece = max;
	}
	if (size < min || (!m->ops->unaligned && (off & (*piece - 1)))) {
		return io_refuse(m, off, size, what);
	}
	return true;
}

static __cold uint64_t io_read_odd(struct mr *m, uint64_t off, unsigned size)
{
	uint64_t v = 0;
	unsigned piece;

	if (!m->ops || !m->ops->read || !io_piece(m, off, size, &piece, "read")) {
		return io_mask(size);
	}
	LOCK_SCOPE(m->lock);
	for (unsigned i = 0; i < size; i += piece) {
		v |= (m->ops->read(m->opaque, off + i, piece) & io_mask(piece))
		     << (8 * i);
	}
	return v;
}

static __cold void io_write_odd(struct mr *m, uint64_t off, uint64_t v, unsigned size)
{
	unsigned piece;

	if (!m->ops || !m->ops->write || !io_piece(m, off, size, &piece, "write")) {
		return;
	}
	LOCK_SCOPE(m->lock);
	for (unsigned i = 0; i < size; i += piece) {
		m->ops->write(m->opaque, off + i, v >> (8 * i) & io_mask(piece), piece);
	}
}

/* An aligned access of a size that the region takes in one piece, or one of one byte. */
static inline bool io_plain(const struct mr_ops *o, uint64_t off, unsigned size)
{
	return likely(size - o->min <= (unsigned)(o->max - o->min)) &&
	       likely(!(off & (size - 1)));
}

static inline uint64_t io_read(struct mr *m, uint64_t off, unsigned size)
{
	const struct mr_ops *o = m->ops;

	if (likely(o && o->read && io_plain(o, off, size))) {
		LOCK_SCOPE(m->lock);
		return o->read(m->opaque, off, size) & io_mask(size);
	}
	return io_read_odd(m, off, size);
}

static inline void io_write(struct mr *m, uint64_t off, uint64_t v, unsigned size)
{
	const struct mr_ops *o = m->ops;

	if (likely(o && o->write && io_plain(o, off, size))) {
		LOCK_SCOPE(m->lock);
		o->write(m->opaque, off, v & io_mask(size), size);
		return;
	}
	io_write_odd(m, off, v, size);
}

/* ---- CPU accesses ---- */

static inline uint64_t range_read(const struct flat_range *r, gpa_t addr, unsigned size)
{
	if (unlikely(!r)) {
		return io_mask(size);
	}
	if (r->host) {
		return ram_load(r->host + (addr - r->start), size);
	}
	return io_read(r->mr, r->off + (addr - r->start), size);
}

static inline void range_write(const struct flat_range *r, gpa_t addr, uint64_t v,
                               unsigned size)
{
	uint64_t off;

	if (unlikely(!r)) {
		return;
	}
	off = addr - r->start;
	if (r->host && !r->readonly) {
		ram_store(r->host + off, v, size);
		ram_note_written(r->ram_off + off, size);
	} else {
		io_write(r->mr, r->off + off, v,
		         size); /* ROM without handlers: vanishes */
	}
}

static __cold void access_nowhere(const struct aspace *as, gpa_t addr, unsigned size,
                                  const char *what)
{
	log_d(LOG_UNIMP, "%s: %s of %u at 0x%llx: nothing there\n", as->name, what,
	      size, (unsigned long long)addr);
}

/* How many bytes of an access from addr on are the spot's: a power of two. */
static unsigned spot_bytes(const struct gmem_spot *s, gpa_t addr, unsigned size)
{
	uint64_t left = s->size - (addr - s->start);

	return left >= size ? size : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* Accesses that lie in two ranges, or in one and a hole. */
static __cold uint64_t access_read_parts(const struct flat *f, gpa_t addr,
                                         unsigned size)
{
	uint64_t v = 0;

	for (unsigned done = 0, n; done < size; done += n) {
		const struct gmem_spot *s = gmem_spot_find(f, addr + done);

		n = spot_bytes(s, addr + done, size - done);
		v |= range_read(s->r, addr + done, n) << (8 * done);
	}
	return v;
}

static __cold void access_write_parts(const struct flat *f, gpa_t addr, uint64_t val,
                                      unsigned size)
{
	for (unsigned done = 0, n; done < size; done += n) {
		const struct gmem_spot *s = gmem_spot_find(f, addr + done);

		n = spot_bytes(s, addr + done, size - done);
		range_write(s->r, addr + done, val >> (8 * done) & io_mask(n), n);
	}
}

uint64_t aspace_read(struct aspace *as, gpa_t addr, unsigned size)
{
	const struct flat *f = gmem_enter(as);
	const struct gmem_spot *s = gmem_spot_find(f, addr);
	uint64_t v;

	if (unlikely(!s->r) && unlikely(log_on(LOG_UNIMP))) {
		access_nowhere(as, addr, size, "read");
	}
	if (likely(s->size - (addr - s->start) >= size)) {
		v = range_read(s->r, addr, size);
	} else {
		v = access_read_parts(f, addr, size);
	}
	gmem_leave();
	return v;
}

void aspace_write(struct aspace *as, gpa_t addr, uint64_t val, unsigned size)
{
	const struct flat *f = gmem_enter(as);
	const struct gmem_spot *s = gmem_spot_find(f, addr);

	if (unlikely(!s->r) && unlikely(log_on(LOG_UNIMP))) {
		access_nowhere(as, addr, size, "write");
	}
	if (likely(s->size - (addr - s->start) >= size)) {
		range_write(s->r, addr, val, size);
	} else {
		access_write_parts(f, addr, val, size);
	}
	gmem_leave();
}

/* ---- DMA ---- */

/* The RAM at addr for DMA; *len is cut to what is contiguous. */
static uint8_t *dma_span(const struct flat *f, gpa_t addr, uint64_t *len, bool write,
                         uint64_t *ram_off)
{
	const struct flat_range *r = flat_find(f, addr);
	uint64_t off;

	if (!r || !r->host || (write && r->readonly)) {
		return NULL;
	}
	off = addr - r->start;
	*len = MIN(*len, r->size - off);
	*ram_off = r->ram_off + off;
	return r->host + off;
}

static int dma_copy(struct aspace *as, gpa_t addr, void *buf, uint64_t len, bool write)
{
	const struct flat *f = aspace_enter(as);
	uint8_t *p = buf;
	int ret = 0;

	while (len) {
		uint64_t n = len, ram_off;
		uint8_t *host = dma_span(f, addr, &n, write, &ram_off);

		if (!host) {
			ret = -EFAULT;
			break;
		}
		if (write) {
			memcpy(host, p, n);
			ram_note_written(ram_off, n);
		} else {
			memcpy(p, host, n);
		}
		addr += n;
		p += n;
		len -= n;
	}
	aspace_leave(as);
	return ret;
}

int dma_read(struct aspace *as, gpa_t addr, void *buf, uint64_t len)
{
	return dma_copy(as, addr, buf, len, false);
}

int dma_write(struct aspace *as, gpa_t addr, const void *buf, uint64_t len)
{
	return dma_copy(as, addr, (void *)buf, len, true);
}

int dma_map(struct aspace *as, gpa_t addr, uint64_t len, bool write, struct iovec *iov,
            int max)
{
	const struct flat *f = aspace_enter(as);
	int n = 0, ret = 0;

	while (len) {
		uint64_t part = len, ram_off;
		uint8_t *host = dma_span(f, addr, &part, write, &ram_off);

		if (!host || n == max) {
			ret = host ? -E2BIG : -EFAULT;
			break;
		}
		iov[n].iov_base = host;
		iov[n++].iov_len = part;
		addr += part;
		len -= part;
	}
	aspace_leave(as);
	return ret ? ret : n;
}

void dma_mark_written(struct aspace *as, gpa_t addr, uint64_t len)
{
	const struct flat *f;

	if (!ram_written && !dirty_logging()) {
		return;
	}
	f = aspace_enter(as);
	while (len) {
		uint64_t n = len, ram_off;

		if (!dma_span(f, addr, &n, true, &ram_off)) {
			break; /* the map has changed since: the new owner starts clean
			        */
		}
		ram_note_written(ram_off, n);
		addr += n;
		len -= n;
	}
	aspace_leave(as);
}
