/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gmem-internal.h - shared by the gmem-*.c files only. */
#ifndef LODGE_CORE_GMEM_INTERNAL_H
#define LODGE_CORE_GMEM_INTERNAL_H

#include "core/gmem.h"
#include "core/lock.h"

/* Frees f after each reader has passed a quiescent point. */
void gmem_retire(struct flat *f);
/* Flattens the tree under root; malloc'd, generation 0. */
struct flat *gmem_flatten(struct mr *root);

#endif
