/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.h - what -object and object-add make: memory backends, I/O threads, sources
 * of randomness, secrets. Found by id. Control thread.
 */
#ifndef LODGE_CORE_OBJECT_H
#define LODGE_CORE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct opt;
struct device;
struct loop;
struct ram_block;
struct object;

/* {"qom-type": .., "id": .., ...} */
int object_add(struct opt *o, struct err *e) __must_check;
int object_del(const char *id, struct err *e) __must_check;
void object_del_all(void);
void object_help(void);

unsigned object_count(void);
struct object *object_at(unsigned i);
struct object *object_find(const char *id);
const char *object_id(const struct object *o);
const char *object_type(const struct object *o);
const char *object_type_at(unsigned i); /* known types; NULL at the end */

/* The -object's own members (filename, size, ...): to be read with opt_get_*. */
struct opt *object_opts(struct object *o);
/* NULL when there is no such object of that kind. */
struct ram_block *object_memory(const char *id);
struct loop *object_iothread(const char *id);
pid_t object_iothread_tid(const char *id);
/* For a property "iothread", which may be NULL: that thread's loop becomes d->io. */
int object_set_iothread(struct device *d, const char *id, struct err *e) __must_check;

#endif
