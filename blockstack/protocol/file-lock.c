/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file-lock.c - see file-lock.h. Control thread. */
#include "config.h"

#include "protocol/file-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_PERM_BASE = 100, LOCK_SHARED_BASE = 200, LOCK_BITS = 4 };

static const char *const blk_lock_names[LOCK_BITS] = { "consistent read", "write",
	                                               "write unchanged", "resize" };

static int blk_lock_byte(int fd, off_t at, short type)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1
	};

	while (fcntl(fd, F_OFD_SETLK, &fl) < 0) {
		if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Somebody else holds any lock on that byte. */
static bool blk_lock_taken(int fd, off_t at)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1
	};

	return fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

static void blk_lock_drop(int fd, unsigned perm, unsigned unshared)
{
	for (unsigned i = 0; i < LOCK_BITS; i++) {
		if (!(perm & BIT(i))) {
			(void)!blk_lock_byte(fd, LOCK_PERM_BASE + i, F_UNLCK);
		}
		if (!(unshared & BIT(i))) {
			(void)!blk_lock_byte(fd, LOCK_SHARED_BASE + i, F_UNLCK);
		}
	}
}

int blk_file_lock_copy(int fd, unsigned perm, unsigned shared)
{
	for (unsigned i = 0; i < LOCK_BITS; i++) {
		int r = 0;

		if (perm & BIT(i)) {
			r = blk_lock_byte(fd, LOCK_PERM_BASE + i, F_RDLCK);
		}
		if (r == 0 && !(shared & BIT(i))) {
			r = blk_lock_byte(fd, LOCK_SHARED_BASE + i, F_RDLCK);
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

static const char *blk_lock_conflict(int fd, unsigned perm, unsigned shared)
{
	for (unsigned i = 0; i < LOCK_BITS; i++) {
		if (((perm & BIT(i)) && blk_lock_taken(fd, LOCK_SHARED_BASE + i)) ||
		    (!(shared & BIT(i)) && blk_lock_taken(fd, LOCK_PERM_BASE + i))) {
			return blk_lock_names[i];
		}
	}
	return NULL;
}

int blk_file_lock(int fd, unsigned old_perm, unsigned old_shared, unsigned perm,
                  unsigned shared, const char *path, struct err *e)
{
	struct timespec ts = { 0, 20 * 1000 * 1000 };
	const char *what = NULL;
	int r = blk_file_lock_copy(fd, perm, shared);

	if (r < 0) {
		blk_lock_drop(fd, old_perm, ~old_shared);
		return err_set_errno(e, r, "cannot lock '%s'", path);
	}
	/* A killed io_uring user's locks outlive it for a moment: try for a fifth of a second. */
	for (int tries = 0; tries < 10; tries++) {
		what = blk_lock_conflict(fd, perm, shared);
		if (!what) {
			blk_lock_drop(fd, perm, ~shared);
			return 0;
		}
		nanosleep(&ts, NULL);
	}
	blk_lock_drop(fd, old_perm, ~old_shared);
	return err_set(e, -EAGAIN,
	               "Failed to get \"%s\" lock: Is another process using the "
	               "image [%s]?",
	               what, path);
}

bool blk_file_lock_works(int fd)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1
	};

	return fcntl(fd, F_OFD_GETLK, &fl) == 0;
}
