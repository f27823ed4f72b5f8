/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iov.h - scatter lists. `off` and `skip` are bytes from the list's beginning; offsets past
 * the end touch nothing. Any thread.
 */
#ifndef LODGE_BASE_IOV_H
#define LODGE_BASE_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

uint64_t iov_len(const struct iovec *iov, unsigned n);
/* Copy out of / into the list; the bytes copied. */
size_t iov_read(const struct iovec *iov, unsigned n, size_t off, void *buf, size_t len);
size_t iov_write(const struct iovec *iov, unsigned n, size_t off, const void *buf,
                 size_t len);
/* Zeroes from byte `off` to the end. */
void iov_zero(const struct iovec *iov, unsigned n, size_t off);
/* The spans without their first `skip` bytes, into out[] (room for n); the count. */
unsigned iov_skip(const struct iovec *iov, unsigned n, size_t skip, struct iovec *out);

#endif
