/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.c - the objects of -object: kinds are a table, each with a maker.
 *
 * Known gaps: secrets hold their text as given (format raw or base64, no
 * decryption with another secret); memory backends take no host node policy.
 */
#include "config.h"

#include "core/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/opt.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/loop.h"
#include "core/role.h"

struct object_kind {
	const char *name, *help;
	int (*make)(struct object *o, struct err *e);
	void (*free)(struct object *o);
};

struct object {
	struct list link;
	const struct object_kind *kind;
	char *id;
	struct opt *opts;
	struct ram_block *ram;
	struct loop *loop;
	struct role_thread thread;
};

static struct list object_list = LIST_INIT(object_list);

/* ---- memory ---- */

static int object_make_memory(struct object *o, struct err *e)
{
	struct ram_config c = { 0 };
	bool file = strcmp(o->kind->name, "memory-backend-file") == 0;
	int r;

	r = opt_get_size(o->opts, "size", 0, 1, &c.size, e);
	if (r >= 0) {
		r = opt_get_bool(o->opts, "share", !file, &c.share, e);
	}
	if (r >= 0) {
		r = opt_get_bool(o->opts, "prealloc", false, &c.prealloc, e);
	}
	if (r >= 0) {
		r = opt_get_bool(o->opts, "hugetlb", false, &c.huge, e);
	}
	if (r < 0) {
		return r;
	}
	if (!c.size || c.size % 4096) {
		return err_set(e, -EINVAL,
		               "-object %s,id=%s: size must be a multiple of 4096",
		               o->kind->name, o->id);
	}
	if (file) {
		c.path = opt_get_str(o->opts, "mem-path", NULL);
		if (!c.path) {
			return err_set(
				e, -EINVAL,
				"-object memory-backend-file,id=%s needs mem-path",
				o->id);
		}
	}
	/* Accepted for management's sake; they change nothing that a guest sees. */
	(void)opt_get(o->opts, "x-use-canonical-path-for-ramblock-id");
	(void)opt_get(o->opts, "merge");
	(void)opt_get(o->opts, "dump");
	(void)opt_get(o->opts, "seal");
	(void)opt_get(o->opts, "prealloc-threads");
	(void)opt_get(o->opts, "reserve");
	o->ram = ram_block_new(o->id, &c, e);
	return o->ram ? 0 : -ENOMEM;
}

static void object_free_memory(struct object *o)
{
	if (o->ram) {
		ram_block_free(o->ram);
	}
}

/* ---- I/O threads ---- */

static void *object_iothread_main(void *arg)
{
	struct object *o = arg;

	gmem_thread_register();
	loop_run(o->loop);
	gmem_thread_unregister();
	return NULL;
}

static int object_make_iothread(struct object *o, struct err *e)
{
	char name[16];
	int r;

	(void)opt_get(o->opts, "poll-max-ns");
	(void)opt_get(o->opts, "poll-grow");
	(void)opt_get(o->opts, "poll-shrink");
	(void)opt_get(o->opts, "aio-max-batch");
	(void)opt_get(o->opts, "thread-pool-min");
	(void)opt_get(o->opts, "thread-pool-max");
	o->loop = loop_new(LOOP_AUTO, e);
	if (!o->loop) {
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "IO %.12s", o->id);
	r = role_thread_start(&o->thread, ROLE_IOTHREAD, name, object_iothread_main, o,
	                      e);
	if (r < 0) {
		loop_free(o->loop);
		o->loop = NULL;
	}
	return r;
}

static void object_free_iothread(struct object *o)
{
	if (o->loop) {
		loop_stop(o->loop);
		role_thread_join(&o->thread);
		loop_free(o->loop);
	}
}

/* ---- randomness, secrets: those who use them read the members ---- */

static int object_make_rng(struct object *o, struct err *e)
{
	const char *f = opt_get_str(o->opts, "filename", "/dev/urandom");

	if (access(f, R_OK) < 0) {
		return err_set_errno(e, -errno, "-object %s,id=%s: cannot read '%s'",
		                     o->kind->name, o->id, f);
	}
	return 0;
}

static int object_make_secret(struct object *o, struct err *e)
{
	(void)opt_get(o->opts, "format");
	(void)opt_get(o->opts, "keyid");
	(void)opt_get(o->opts, "iv");
	if (!opt_get_str(o->opts, "data", NULL) &&
	    !opt_get_str(o->opts, "file", NULL)) {
		return err_set(e, -EINVAL,
		               "-object secret,id=%s needs data= or file=", o->id);
	}
	return 0;
}

static int object_make_plain(struct object *o, struct err *e)
{
	(void)o;
	(void)e;
	return 0;
}

static const struct object_kind object_kinds[] = {
	{ "iothread", "a thread that serves devices (iothread=ID)",
	  object_make_iothread, object_free_iothread },
	{ "memory-backend-file", "RAM in a file (mem-path, size, share)",
	  object_make_memory, object_free_memory },
	{ "memory-backend-memfd", "RAM in a memfd (size, share, hugetlb)",
	  object_make_memory, object_free_memory },
	{ "memory-backend-ram", "RAM (size, prealloc)", object_make_memory,
	  object_free_memory },
	{ "rng-builtin", "random numbers from the host's kernel", object_make_plain,
	  NULL },
	{ "rng-random", "random numbers from a file (filename)", object_make_rng,
	  NULL },
	{ "secret", "a key or password (data or file)", object_make_secret, NULL },
};

static const struct object_kind *object_kind_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(object_kinds); i++) {
		if (strcmp(object_kinds[i].name, name) == 0) {
			return &object_kinds[i];
		}
	}
	return NULL;
}

static void object_free(struct object *o)
{
	if (o->kind->free) {
		o->kind->free(o);
	}
	list_del(&o->link);
	opt_free(o->opts);
	free(o->id);
	free(o);
}

int object_add(struct opt *opts, struct err *e)
{
	const char *type = opt_get_str(opts, "qom-type", NULL);
	const char *id = opt_get_str(opts, "id", NULL);
	const struct object_kind *k;
	struct object *o;
	int r;

	if (!type || !id || !*id) {
		return err_set(e, -EINVAL, "an object needs %s",
		               type ? "an id" : "a qom-type");
	}
	k = object_kind_find(type);
	if (!k) {
		return err_set(e, -EINVAL,
		               "not supported: object type '%s' (see -object help)",
		               type);
	}
	if (object_find(id)) {
		return err_set(e, -EEXIST, "an object with id '%s' exists already", id);
	}
	o = calloc(1, sizeof(*o));
	if (!o) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	list_init(&o->link);
	o->kind = k;
	o->id = strdup(id);
	o->opts = opt_copy(opts);
	(void)opt_get(o->opts, "qom-type");
	(void)opt_get(o->opts, "id");
	r = k->make(o, e);
	if (r >= 0 && k->make != object_make_plain) {
		AUTO_FREE char *what = NULL;

		if (asprintf(&what, "-object %s", type) > 0) {
			r = opt_check_unused(o->opts, what, e);
		}
	}
	if (r < 0) {
		object_free(o);
		return r;
	}
	list_add_tail(&object_list, &o->link);
	return 0;
}

int object_del(const char *id, struct err *e)
{
	struct object *o = object_find(id);

	if (!o) {
		return err_set(e, -ENOENT, "object '%s' not found", id);
	}
	if (o->ram) {
		return err_set(e, -EBUSY, "object '%s' is in use", id);
	}
	object_free(o);
	return 0;
}

void object_del_all(void)
{
	while (!list_empty(&object_list)) {
		object_free(list_first(&object_list, struct object, link));
	}
}

void object_help(void)
{
	printf("List of user creatable objects:\n");
	for (unsigned i = 0; i < ARRAY_LEN(object_kinds); i++) {
		printf("  %-22s %s\n", object_kinds[i].name, object_kinds[i].help);
	}
}

unsigned object_count(void)
{
	return list_len(&object_list);
}

struct object *object_at(unsigned i)
{
	return list_nth(&object_list, i, struct object, link);
}

struct object *object_find(const char *id)
{
	return list_named(&object_list, id, struct object, link, id);
}

const char *object_id(const struct object *o)
{
	return o->id;
}

const char *object_type(const struct object *o)
{
	return o->kind->name;
}

const char *object_type_at(unsigned i)
{
	return i < ARRAY_LEN(object_kinds) ? object_kinds[i].name : NULL;
}

struct opt *object_opts(struct object *o)
{
	return o->opts;
}

struct ram_block *object_memory(const char *id)
{
	struct object *o = object_find(id);

	return o ? o->ram : NULL;
}

struct loop *object_iothread(const char *id)
{
	struct object *o = object_find(id);

	return o ? o->loop : NULL;
}

int object_set_iothread(struct device *d, const char *id, struct err *e)
{
	if (id && *id) {
		d->io = object_iothread(id);
		if (!d->io) {
			return err_set(e, -ENOENT, "%s: there is no iothread '%s'",
			               d->cls->name, id);
		}
	}
	return 0;
}

pid_t object_iothread_tid(const char *id)
{
	struct object *o = object_find(id);

	return o && o->loop ? o->thread.tid : 0;
}
