/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iov.c - scatter lists. See iov.h. */
#include "config.h"

#include "base/iov.h"

#include <string.h>

#include "base/compiler.h"

uint64_t iov_len(const struct iovec *iov, unsigned n)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		len += iov[i].iov_len;
	}
	return len;
}

unsigned iov_skip(const struct iovec *iov, unsigned n, size_t skip, struct iovec *out)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		out[k].iov_base = (char *)iov[i].iov_base + skip;
		out[k].iov_len = iov[i].iov_len - skip;
		skip = 0;
		k++;
	}
	return k;
}

/* The next piece of [off, off + len) in span i: its length, its start in *p. */
static size_t iov_piece(const struct iovec *v, size_t *off, size_t len, char **p)
{
	size_t k;

	if (*off >= v->iov_len) {
		*off -= v->iov_len;
		return 0;
	}
	k = MIN(len, v->iov_len - *off);
	*p = (char *)v->iov_base + *off;
	*off = 0;
	return k;
}

size_t iov_read(const struct iovec *iov, unsigned n, size_t off, void *buf, size_t len)
{
	size_t done = 0, k;
	char *p = NULL;

	for (unsigned i = 0; i < n && done < len; i++, done += k) {
		k = iov_piece(&iov[i], &off, len - done, &p);
		if (k) {
			memcpy((char *)buf + done, p, k);
		}
	}
	return done;
}

size_t iov_write(const struct iovec *iov, unsigned n, size_t off, const void *buf,
                 size_t len)
{
	size_t done = 0, k;
	char *p = NULL;

	for (unsigned i = 0; i < n && done < len; i++, done += k) {
		k = iov_piece(&iov[i], &off, len - done, &p);
		if (k) {
			memcpy(p, (const char *)buf + done, k);
		}
	}
	return done;
}

void iov_zero(const struct iovec *iov, unsigned n, size_t off)
{
	char *p = NULL;

	for (unsigned i = 0; i < n; i++) {
		size_t k = iov_piece(&iov[i], &off, SIZE_MAX, &p);

		if (k) {
			memset(p, 0, k);
		}
	}
}
