/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem-ram.c - RAM blocks: anonymous memory, memfd or file mappings, each with its
 * place in the global RAM offset space (an index for per-page tables; places are not
 * reused). What need not be shared is anonymous: hosts give huge pages to that, but
 * hardly ever to a memfd.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/gmem-internal.h"

#define RAM_ALIGN (UINT64_C(2) << 20) /* transparent huge pages need it */

static _Atomic uint64_t ram_next_off;

uint64_t ram_off_end(void)
{
	return ram_next_off;
}

static int ram_open_file(const struct ram_config *cfg, struct err *e)
{
	struct stat st;
	int fd;

	if (!stat(cfg->path, &st) && S_ISDIR(st.st_mode)) {
		fd = open(cfg->path, O_RDWR | O_CLOEXEC | O_TMPFILE, 0600);
		if (fd < 0) { /* hugetlbfs has no O_TMPFILE on old kernels */
			AUTO_FREE char *name = NULL;

			if (asprintf(&name, "%s/lodge-ram-XXXXXX", cfg->path) < 0) {
				name = NULL;
				return err_set_errno(e, -ENOMEM, "memory file");
			}
			fd = mkostemp(name, O_CLOEXEC);
			if (fd >= 0) {
				unlink(name);
			}
		}
	} else {
		fd = open(cfg->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd < 0) {
		return err_set_errno(e, -errno, "cannot open memory file '%s'",
		                     cfg->path);
	}
	return fd;
}

static int ram_open(const char *name, const struct ram_config *cfg, struct err *e)
{
	unsigned flags = MFD_CLOEXEC | (cfg->huge ? MFD_HUGETLB : 0);
	int fd;

	if (cfg->path) {
		return ram_open_file(cfg, e);
	}
	fd = memfd_create(name, flags);
	if (fd < 0) {
		return err_set_errno(e, -errno, "cannot create guest memory '%s'",
		                     name);
	}
	return fd;
}

static int ram_size_file(int fd, uint64_t size, struct err *e, const char *name)
{
	struct stat st;

	if (fstat(fd, &st)) {
		return err_set_errno(e, -errno, "memory '%s'", name);
	}
	if ((uint64_t)st.st_size < size && ftruncate(fd, (off_t)size)) {
		return err_set_errno(e, -errno, "cannot give memory '%s' %llu bytes",
		                     name, (unsigned long long)size);
	}
	return 0;
}

/* A mapping that begins on a huge page, so that the kernel can use them. */
static uint8_t *ram_map(int fd, uint64_t size, int flags)
{
	uint64_t room = size + RAM_ALIGN;
	uint8_t *p = mmap(NULL, room, PROT_NONE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at, *m, *end;

	if (p == MAP_FAILED) {
		return NULL;
	}
	at = (uint8_t *)ALIGN_UP((uintptr_t)p, RAM_ALIGN);
	m = mmap(at, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED | MAP_NORESERVE,
	         fd, 0);
	if (m == MAP_FAILED) {
		munmap(p, room);
		return NULL;
	}
	end = at + size;
	if (at > p) {
		munmap(p, (size_t)(at - p));
	}
	if (end < p + room) {
		munmap(end, (size_t)(p + room - end));
	}
	return at;
}

static int ram_prealloc(struct ram_block *b, struct err *e)
{
#ifdef MADV_POPULATE_WRITE
	if (!madvise(b->host, b->size, MADV_POPULATE_WRITE)) {
		return 0;
	}
	if (errno != EINVAL) {
		return err_set_errno(e, -errno,
		                     "cannot allocate %llu bytes for memory '%s'",
		                     (unsigned long long)b->size, b->name);
	}
#endif
	if (b->fd < 0) {
		for (uint64_t off = 0; off < b->size; off += 4096) {
			*(volatile uint8_t *)(b->host + off) = 0;
		}
		return 0;
	}
	if (posix_fallocate(b->fd, 0, (off_t)b->size)) {
		return err_set_errno(e, -ENOMEM,
		                     "cannot allocate %llu bytes for memory '%s'",
		                     (unsigned long long)b->size, b->name);
	}
	return 0;
}

struct ram_block *ram_block_new(const char *name, const struct ram_config *cfg,
                                struct err *e)
{
	struct ram_block *b;
	uint64_t page = cfg->huge ? RAM_ALIGN : (uint64_t)sysconf(_SC_PAGESIZE), size;
	bool priv = cfg->path && !cfg->share;
	bool anon = !cfg->path && !cfg->share && !cfg->huge;

	if (!cfg->size || !u64_add(cfg->size, page - 1, &size) ||
	    size > INT64_MAX / 2) {
		err_set(e, -EINVAL, "memory '%s': %llu bytes is not a possible size",
		        name, (unsigned long long)cfg->size);
		return NULL;
	}
	b = calloc(1, sizeof(*b));
	if (!b) {
		err_set_errno(e, -ENOMEM, "memory '%s'", name);
		return NULL;
	}
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->size = ALIGN_DOWN(size, page);
	list_init(&b->link);
	b->fd = -1;
	if (!anon) {
		b->fd = ram_open(name, cfg, e);
		if (b->fd < 0 || ram_size_file(b->fd, b->size, e, name)) {
			goto fail;
		}
	}
	b->host = ram_map(b->fd, b->size,
	                  anon   ? MAP_PRIVATE | MAP_ANONYMOUS
	                  : priv ? MAP_PRIVATE
	                         : MAP_SHARED);
	if (!b->host) {
		err_set_errno(e, -errno, "cannot map %llu bytes for memory '%s'%s",
		              (unsigned long long)b->size, name,
		              cfg->huge ? " (are there enough huge pages?)" : "");
		goto fail;
	}
	madvise(b->host, b->size, MADV_DONTDUMP);
	if (b->size >= RAM_ALIGN) {
		madvise(b->host, b->size, MADV_HUGEPAGE); /* only a wish */
	}
	if (cfg->prealloc && ram_prealloc(b, e)) {
		goto fail;
	}
	b->ram_off = atomic_fetch_add(&ram_next_off, ALIGN_UP(b->size, RAM_ALIGN));
	return b;
fail:
	ram_block_free(b);
	return NULL;
}

void ram_block_free(struct ram_block *b)
{
	if (!b) {
		return;
	}
	if (b->host) {
		munmap(b->host, b->size);
	}
	if (b->fd >= 0) {
		close(b->fd);
	}
	free(b);
}
