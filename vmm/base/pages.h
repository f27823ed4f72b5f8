/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.h - tables in pages of their own, most of which are never touched.
 *
 * Where transparent huge pages are "always", the first touch of such a table takes 2 MiB; so
 * does that of its neighbour, because mappings of the same kind merge. Any thread.
 */
#ifndef LODGE_BASE_PAGES_H
#define LODGE_BASE_PAGES_H

#include <stddef.h>
#include <sys/mman.h>

/* Zeroed, small pages only; NULL when there is no room. Given back by munmap(). */
static inline void *pages_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		return NULL;
	}
	(void)madvise(p, size,
	              MADV_NOHUGEPAGE); /* a kernel without huge pages refuses */
	return p;
}

#endif
