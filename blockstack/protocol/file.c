/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file.c - protocol drivers "file" and "host_device": an image on the host.
 *
 * A request goes straight to the loop (io_uring) from the caller's vectors.
 * With cache.direct=on, requests or buffers that the file system refuses go
 * through an aligned bounce buffer; a write that covers part of a device block
 * reads, changes and writes that block under a lock.
 *
 * auto-read-only: the file is open O_RDONLY until the first writer attaches and
 * goes back when the last one leaves; the new descriptor is opened by name.
 *
 * Threads: set-up on control with the node quiet; submit on any backend's loop.
 * Known gaps: a misaligned direct write blocks its loop (the read-modify-write is
 * synchronous); FUA is a write and a flush; no resize.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "base/opt.h"
#include "graph/drivers.h"
#include "protocol/file-lock.h"

#define BLK_PERM_WRITERS (BLK_PERM_WRITE | BLK_PERM_WRITE_UNCHANGED | BLK_PERM_RESIZE)

enum { BLK_FILE_ZERO_CHUNK = 1 << 20 };

struct blk_file {
	char *path;
	int fd;
	bool rw; /* fd is open for writing */
	bool lock, device;
	uint64_t size;        /* of the file, not rounded */
	_Atomic uint64_t end; /* highest byte known to exist */
	uint32_t req_align, mem_align;
	_Atomic bool no_zero_range, no_punch;
	pthread_mutex_t rmw;
};

static const uint8_t blk_file_zeroes[BLK_FILE_ZERO_CHUNK] __aligned_to(4096);

/* ---- opening ---- */

static int blk_file_size(struct blk_file *f, int fd, uint64_t *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (S_ISBLK(st.st_mode)) {
		return ioctl(fd, BLKGETSIZE64, out) < 0 ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		return -EISDIR;
	}
	f->device = false;
	*out = (uint64_t)st.st_size;
	return 0;
}

/* What O_DIRECT wants: asked where the kernel tells, else found by reading. */
static void blk_file_probe_align(struct blk_file *f)
{
	static const uint32_t sizes[] = { 512, 1024, 2048, 4096 };
	void *buf;

	f->req_align = f->mem_align = 4096;
#ifdef STATX_DIOALIGN
	struct statx sx;

	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
	    (sx.stx_mask & STATX_DIOALIGN) && sx.stx_dio_offset_align) {
		f->req_align = sx.stx_dio_offset_align;
		f->mem_align = sx.stx_dio_mem_align;
		return;
	}
#endif
	if (posix_memalign(&buf, 4096, 8192) != 0) {
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		if (pread(f->fd, buf, sizes[i], 0) >= 0) {
			f->req_align = sizes[i];
			break;
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		if (pread(f->fd, (char *)buf + sizes[i] % 4096, 4096, 0) >= 0) {
			f->mem_align = sizes[i];
			break;
		}
	}
	free(buf);
}

static int blk_file_open_fd(struct blk_node *n, bool rw, int *out, struct err *e)
{
	struct blk_file *f = n->state;
	int flags = O_CLOEXEC | (rw ? O_RDWR : O_RDONLY) | (n->direct ? O_DIRECT : 0);
	int fd = open(f->path, flags);
	int r;

	if (fd >= 0) {
		*out = fd;
		return 0;
	}
	r = -errno;
	if (r == -EINVAL && n->direct) {
		return err_set(e, r,
		               "Could not open '%s': the file system does not support "
		               "O_DIRECT; try cache.direct=off",
		               f->path);
	}
	return err_set_errno(e, r, "Could not open '%s'", f->path);
}

static int blk_file_open(struct blk_node *n, struct opt *o, struct err *e)
{
	static const char *const aios[] = { "threads", "native", "io_uring", NULL };
	static const char *const on_off_auto[] = { "auto", "on", "off", NULL };
	struct blk_file *f = n->state;
	const char *path = opt_get_str(o, "filename", NULL);
	int aio, locking = 0, r;
	bool drop;

	f->fd = -1;
	pthread_mutex_init(&f->rmw, NULL);
	if (!path) {
		return err_set(e, -EINVAL, "driver '%s': 'filename' is missing",
		               n->drv->name);
	}
	if (!strncmp(path, "file:", 5)) {
		path += 5;
	}
	r = opt_get_enum(o, "aio", aios, 0, &aio, e); /* the loop decides */
	r = r < 0 ? r : opt_get_enum(o, "locking", on_off_auto, 0, &locking, e);
	r = r < 0 ? r : opt_get_bool(o, "x-check-cache-dropped", false, &drop, e);
	if (r < 0) {
		return r;
	}
	f->path = strdup(path);
	f->rw = !n->read_only && !n->auto_ro;
	r = blk_file_open_fd(n, f->rw, &f->fd, e);
	if (r < 0) {
		free(f->path);
		return r;
	}
	f->device = true;
	r = blk_file_size(f, f->fd, &f->size);
	if (r < 0 || (!strcmp(n->drv->name, "file") && f->device)) {
		r = r < 0 ? err_set_errno(e, r, "Could not use '%s'", path)
		          : err_set(e, -EINVAL,
		                    "'%s' is a block device: use driver=host_device",
		                    path);
		close(f->fd);
		free(f->path);
		return r;
	}
	f->lock = locking != 2 && !n->force_share &&
	          (locking == 1 || blk_file_lock_works(f->fd));
	f->req_align = f->mem_align = 1;
	if (n->direct) {
		blk_file_probe_align(f);
	}
	n->align = f->req_align;
	n->length = ALIGN_UP(f->size, 512);
	atomic_init(&f->end, f->size);
	return 0;
}

static void blk_file_close(struct blk_node *n)
{
	struct blk_file *f = n->state;

	close(f->fd);
	free(f->path);
	pthread_mutex_destroy(&f->rmw);
}

/* New locks on the old descriptor first; a changed mode then opens anew and moves them. */
static int blk_file_set_perm(struct blk_node *n, unsigned perm, unsigned shared,
                             struct err *e)
{
	struct blk_file *f = n->state;
	bool want_rw = !n->read_only && (!n->auto_ro || (perm & BLK_PERM_WRITERS));
	int fd = -1, r = 0;

	if (f->lock) {
		r = blk_file_lock(f->fd, n->perm, n->shared, perm, shared, f->path, e);
		if (r < 0) {
			return r;
		}
	}
	if (want_rw == f->rw) {
		return 0;
	}
	r = blk_file_open_fd(n, want_rw, &fd, e);
	if (r == 0 && f->lock) {
		r = blk_file_lock_copy(fd, perm, shared);
		if (r < 0) {
			err_set_errno(e, r, "cannot lock '%s'", f->path);
		}
	}
	if (r < 0) {
		if (fd >= 0) {
			close(fd);
		}
		if (!want_rw) {
			return 0; /* it stays writable: harmless */
		}
		if (f->lock) {
			(void)!blk_file_lock(f->fd, perm, shared, n->perm, n->shared,
			                     f->path, NULL);
		}
		return r;
	}
	close(f->fd);
	f->fd = fd;
	f->rw = want_rw;
	return 0;
}

static const char *blk_file_filename(const struct blk_node *n)
{
	const struct blk_file *f = n->state;

	return f->path;
}

/* ---- reading and writing ---- */

static void blk_file_rw_done(void *opaque, ssize_t res);

static void blk_file_rw_issue(struct blk_file *f, struct blk_req *r,
                              const struct iovec *iov, int n, uint64_t off)
{
	if (r->op == BLK_OP_READ) {
		loop_readv(r->loop, &r->io, f->fd, iov, n, off, blk_file_rw_done, r);
	} else {
		loop_writev(r->loop, &r->io, f->fd, iov, n, off, blk_file_rw_done, r);
	}
}

static void blk_file_synced(void *opaque, ssize_t res)
{
	blk_req_done(opaque, res < 0 ? (int)res : 0);
}

static void blk_file_grown(struct blk_file *f, uint64_t end)
{
	uint64_t was = atomic_load_explicit(&f->end, memory_order_relaxed);

	while (was < end && !atomic_compare_exchange_weak(&f->end, &was, end)) {
	}
}

static void blk_file_rw_end(struct blk_file *f, struct blk_req *r)
{
	if (r->op == BLK_OP_READ) {
		if (r->bounce) {
			uint64_t skip =
				r->off - ALIGN_DOWN(r->off, (uint64_t)f->req_align);

			iov_write(r->iov, (unsigned)r->niov, 0,
			          (char *)r->bounce + skip, r->len);
		}
	} else {
		if (unlikely(r->off + r->len > f->size)) {
			blk_file_grown(f, r->off + r->len);
		}
		if (r->flags & BLK_REQ_FUA && !r->node->no_flush) {
			loop_fdatasync(r->loop, &r->io, f->fd, blk_file_synced, r);
			return;
		}
	}
	blk_req_done(r, 0);
}

/* The vectors this request is carried out with, and where they begin. */
static const struct iovec *blk_file_iov(struct blk_file *f, struct blk_req *r, int *n,
                                        uint64_t *off, uint64_t *len)
{
	if (!r->bounce) {
		*n = r->niov;
		*off = r->off;
		*len = r->len;
		return r->iov;
	}
	*n = 1;
	*off = ALIGN_DOWN(r->off, (uint64_t)f->req_align);
	*len = r->biov.iov_len;
	return &r->biov;
}

/* A short result: end of file, or the kernel stopped early and we go on. */
static void blk_file_rw_short(struct blk_file *f, struct blk_req *r, bool eof)
{
	const struct iovec *iov;
	uint64_t off, len;
	int n;

	iov = blk_file_iov(f, r, &n, &off, &len);
	if (r->op == BLK_OP_READ && (eof || off + r->done >= atomic_load(&f->end))) {
		iov_zero(iov, (unsigned)n, r->done);
		blk_file_rw_end(f, r);
		return;
	}
	if (!r->rest) {
		r->rest = malloc(sizeof(*r->rest) * (size_t)n);
		if (!r->rest) {
			blk_req_done(r, -ENOMEM);
			return;
		}
	}
	n = (int)iov_skip(iov, (unsigned)n, r->done, r->rest);
	blk_file_rw_issue(f, r, r->rest, n, off + r->done);
}

static void blk_file_rw_done(void *opaque, ssize_t res)
{
	struct blk_req *r = opaque;
	struct blk_file *f = r->node->state;
	uint64_t want = r->bounce ? r->biov.iov_len : r->len;
	bool eof = false;

	if (likely(res >= 0 && r->done + (uint64_t)res == want)) {
		blk_file_rw_end(f, r);
		return;
	}
	if (res == -EINTR || res == -EAGAIN) {
		res = 0;
	} else if (res < 0) {
		blk_req_done(r, (int)res);
		return;
	} else if (res == 0 && r->op == BLK_OP_WRITE) {
		blk_req_done(r, -ENOSPC);
		return;
	} else {
		eof = res == 0; /* the file ends here, whatever we thought */
	}
	r->done += (uint64_t)res;
	blk_file_rw_short(f, r, eof);
}

static bool blk_file_aligned(const struct blk_file *f, const struct blk_req *r)
{
	uint64_t bits = 0;

	if ((r->off | r->len) & (f->req_align - 1)) {
		return false;
	}
	for (int i = 0; i < r->niov; i++) {
		bits |= (uintptr_t)r->iov[i].iov_base | r->iov[i].iov_len;
	}
	return !(bits & (f->mem_align - 1));
}

static ssize_t blk_file_pread_full(int fd, void *buf, uint64_t len, uint64_t off)
{
	ssize_t n = pread(fd, buf, len, (off_t)off);

	if (n < 0) {
		return -errno;
	}
	memset((char *)buf + n, 0, len - (uint64_t)n);
	return 0;
}

/* Part of a device block changes: read the blocks at the ends, change, write. */
static int blk_file_rmw(struct blk_file *f, struct blk_req *r)
{
	uint64_t a = f->req_align, start = ALIGN_DOWN(r->off, a);
	uint64_t len = r->biov.iov_len;
	ssize_t n;
	int ret;

	pthread_mutex_lock(&f->rmw);
	ret = (int)blk_file_pread_full(f->fd, r->bounce, a, start);
	if (ret == 0 && len > a) {
		ret = (int)blk_file_pread_full(f->fd, (char *)r->bounce + len - a, a,
		                               start + len - a);
	}
	if (ret == 0) {
		iov_read(r->iov, (unsigned)r->niov, 0,
		         (char *)r->bounce + (r->off - start), r->len);
		n = pwrite(f->fd, r->bounce, len, (off_t)start);
		ret = n < 0 ? -errno : (uint64_t)n == len ? 0 : -ENOSPC;
	}
	if (ret == 0 && (r->flags & BLK_REQ_FUA) && fdatasync(f->fd) < 0) {
		ret = -errno;
	}
	pthread_mutex_unlock(&f->rmw);
	return ret;
}

static void blk_file_bounce(struct blk_file *f, struct blk_req *r)
{
	uint64_t a = f->req_align, start = ALIGN_DOWN(r->off, a);
	uint64_t len = ALIGN_UP(r->off + r->len, a) - start;

	if (posix_memalign(&r->bounce, MAX(f->mem_align, 4096u), len) != 0) {
		r->bounce = NULL;
		blk_req_done_later(r, -ENOMEM);
		return;
	}
	r->biov.iov_base = r->bounce;
	r->biov.iov_len = len;
	if (r->op == BLK_OP_WRITE) {
		if (len != r->len) {
			blk_req_done_later(r, blk_file_rmw(f, r));
			return;
		}
		iov_read(r->iov, (unsigned)r->niov, 0, r->bounce, r->len);
	}
	blk_file_rw_issue(f, r, &r->biov, 1, start);
}

/* ---- zeroes and discard ---- */

static void blk_file_zero_start(struct blk_file *f, struct blk_req *r);

/* Slow zeroes: a chunk of them at a time. */
static void blk_file_zero_chunk(void *opaque, ssize_t res)
{
	struct blk_req *r = opaque;
	struct blk_file *f = r->node->state;

	if (res < 0 && res != -EINTR && res != -EAGAIN) {
		blk_req_done(r, (int)res);
		return;
	}
	r->done += res > 0 ? (uint64_t)res : 0;
	if (r->done >= r->len) {
		blk_file_rw_end(f, r);
		return;
	}
	r->biov.iov_base = (void *)(uintptr_t)blk_file_zeroes;
	r->biov.iov_len = MIN(r->len - r->done, (uint64_t)BLK_FILE_ZERO_CHUNK);
	loop_writev(r->loop, &r->io, f->fd, &r->biov, 1, r->off + r->done,
	            blk_file_zero_chunk, r);
}

static bool blk_file_unsupported(ssize_t res)
{
	return res == -EOPNOTSUPP || res == -ENOSYS || res == -ENODEV || res == -EINVAL;
}

static void blk_file_zero_done(void *opaque, ssize_t res)
{
	struct blk_req *r = opaque;
	struct blk_file *f = r->node->state;
	bool punched = r->done == 1;

	r->done = 0;
	if (res >= 0) {
		blk_file_rw_end(f, r);
		return;
	}
	if (!blk_file_unsupported(res)) {
		blk_req_done(r, (int)res);
		return;
	}
	atomic_store(punched ? &f->no_punch : &f->no_zero_range, true);
	blk_file_zero_start(f, r);
}

static void blk_file_zero_start(struct blk_file *f, struct blk_req *r)
{
	bool unmap = (r->flags & BLK_REQ_MAY_UNMAP) && r->node->unmap;

	if (unmap && !atomic_load(&f->no_punch) && r->off + r->len <= f->size) {
		r->done = 1; /* tells blk_file_zero_done what was tried */
		loop_fallocate(r->loop, &r->io, f->fd,
		               FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, r->off,
		               r->len, blk_file_zero_done, r);
	} else if (!atomic_load(&f->no_zero_range)) {
		loop_fallocate(r->loop, &r->io, f->fd, FALLOC_FL_ZERO_RANGE, r->off,
		               r->len, blk_file_zero_done, r);
	} else if (r->flags & BLK_REQ_NO_FALLBACK) {
		blk_req_done_later(r, -ENOTSUP);
	} else {
		blk_file_zero_chunk(r, 0);
	}
}

/* A discard is advice: a host that can't is no error for the guest. */
static void blk_file_discard_done(void *opaque, ssize_t res)
{
	blk_req_done(opaque, res < 0 && !blk_file_unsupported(res) ? (int)res : 0);
}

static void blk_file_submit(struct blk_node *n, struct blk_req *r)
{
	struct blk_file *f = n->state;

	r->node = n;
	switch (r->op) {
	case BLK_OP_READ:
	case BLK_OP_WRITE:
		if (f->mem_align > 1 && !blk_file_aligned(f, r)) {
			blk_file_bounce(f, r);
		} else {
			blk_file_rw_issue(f, r, r->iov, r->niov, r->off);
		}
		break;
	case BLK_OP_FLUSH:
		if (n->no_flush || !f->rw) {
			blk_req_done_later(r, 0);
		} else {
			loop_fdatasync(r->loop, &r->io, f->fd, blk_file_synced, r);
		}
		break;
	case BLK_OP_DISCARD:
		if (!n->unmap) {
			blk_req_done_later(r, 0);
		} else {
			loop_fallocate(r->loop, &r->io, f->fd,
			               FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			               r->off, r->len, blk_file_discard_done, r);
		}
		break;
	case BLK_OP_ZEROES: blk_file_zero_start(f, r); break;
	}
}

const struct blk_driver blk_drv_file = {
	.name = "file",
	.state_size = sizeof(struct blk_file),
	.open = blk_file_open,
	.close = blk_file_close,
	.set_perm = blk_file_set_perm,
	.submit = blk_file_submit,
	.filename = blk_file_filename,
};

const struct blk_driver blk_drv_host_device = {
	.name = "host_device",
	.state_size = sizeof(struct blk_file),
	.open = blk_file_open,
	.close = blk_file_close,
	.set_perm = blk_file_set_perm,
	.submit = blk_file_submit,
	.filename = blk_file_filename,
};
