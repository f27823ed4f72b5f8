/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file-lock.h - image locks that other programs of the same convention see.
 * Byte 100+i is read-locked by who uses permission i, byte 200+i by who does not
 * share it; a user first locks, then looks whether somebody else's locks object.
 * Open-file-description locks: they belong to the descriptor.
 */
#ifndef LODGE_BLOCK_FILE_LOCK_H
#define LODGE_BLOCK_FILE_LOCK_H

#include "block.h"

/* Locks for `perm` used and `shared` allowed; others' conflicting locks refuse it. On
 * failure the old set (old_perm, old_shared) is in force again. */
int blk_file_lock(int fd, unsigned old_perm, unsigned old_shared, unsigned perm,
                  unsigned shared, const char *path, struct err *e) __must_check;
/* The same set on another descriptor of the file, without looking for conflicts. */
int blk_file_lock_copy(int fd, unsigned perm, unsigned shared) __must_check;
bool blk_file_lock_works(int fd);

#endif
