/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.c - classes, the life of a device, buses; see device.h. All of it runs on
 * the control thread, but device_break().
 */
#include "config.h"

#include "core/device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/device-internal.h"
#include "core/gmem.h"
#include "core/vm.h"

static struct list device_all = LIST_INIT(device_all); /* in order of realization */
static struct list bus_all = LIST_INIT(bus_all);
static unsigned device_n_anon, device_n_unattached;

/* ---- classes ---- */

static const struct device_class *device_class_exact(const char *name)
{
	for (unsigned i = 0; device_classes[i]; i++) {
		if (!strcmp(device_classes[i]->name, name)) {
			return device_classes[i];
		}
	}
	return NULL;
}

const struct device_class *device_class_find(const char *name)
{
	const struct device_class *cls = device_class_exact(name);
	AUTO_FREE char *pci = NULL;

	if (cls) {
		return cls;
	}
	/* "virtio-blk" means the PCI form, as people and management write it. */
	if (asprintf(&pci, "%s-pci", name) < 0) {
		pci = NULL;
		return NULL;
	}
	return device_class_exact(pci);
}

/* ---- buses ---- */

static unsigned bus_count(const char *type)
{
	struct bus *b;
	unsigned n = 0;

	list_for_each (b, &bus_all, link) {
		n += !strcmp(b->type, type);
	}
	return n;
}

void bus_init(struct bus *b, const char *type, const char *name, struct device *owner)
{
	int n;

	memset(b, 0, sizeof(*b));
	b->type = type;
	b->owner = owner;
	list_init(&b->devices);
	if (name) {
		b->name = strdup(name);
	} else {
		n = owner && owner->id
		            ? asprintf(&b->name, "%s.0", owner->id)
		            : asprintf(&b->name, "%s.%u", type, bus_count(type));
		b->name = n < 0 ? NULL : b->name;
	}
	if (!b->name) {
		abort(); /* a dozen bytes while setting up */
	}
	list_add_tail(&bus_all, &b->link);
}

void bus_fini(struct bus *b)
{
	if (b->name) {
		list_del(&b->link);
		free(b->name);
		b->name = NULL;
	}
}

struct bus *bus_find(const char *name)
{
	struct bus *b = list_named(&bus_all, name, struct bus, link, name);

	return b ? b : list_named(&bus_all, name, struct bus, link, type);
}

/* ---- life ---- */

static char *device_make_path(const struct device *d, bool by_user)
{
	char *path;
	int n;

	if (d->id) {
		n = asprintf(&path, "/machine/peripheral/%s", d->id);
	} else if (by_user) {
		n = asprintf(&path, "/machine/peripheral-anon/device[%u]",
		             device_n_anon++);
	} else {
		n = asprintf(&path, "/machine/unattached/device[%u]",
		             device_n_unattached++);
	}
	return n < 0 ? NULL : path;
}

static struct device *device_make(struct vm *vm, const struct device_class *cls,
                                  const char *id, bool by_user)
{
	size_t size = cls->instance_size > sizeof(struct device)
	                      ? cls->instance_size
	                      : sizeof(struct device);
	struct device *d;

	/* Instances may hold cache-line aligned members. */
	if (posix_memalign((void **)&d, 64, ALIGN_UP(size, (size_t)64))) {
		return NULL;
	}
	memset(d, 0, size);
	d->cls = cls;
	d->vm = vm;
	d->io = vm ? vm->loop : NULL;
	d->id = id ? strdup(id) : NULL;
	list_init(&d->link);
	list_init(&d->all_link);
	lk_init(&d->lk, RANK_DEVICE, cls->name);
	d->path = id && !d->id ? NULL : device_make_path(d, by_user);
	if (!d->path) {
		device_free(d);
		return NULL;
	}
	device_props_default(d);
	return d;
}

struct device *device_new(struct vm *vm, const struct device_class *cls, const char *id)
{
	return device_make(vm, cls, id, false);
}

static int device_plug(struct device *d, struct bus *b, struct err *e)
{
	int ret;

	if (!b) {
		return 0;
	}
	if (d->cls->bus && strcmp(d->cls->bus, b->type)) {
		return err_set(e, -EINVAL,
		               "Device '%s' can't go on a %s bus ('%s'); it needs %s",
		               d->cls->name, b->type, b->name, d->cls->bus);
	}
	d->parent = b;
	ret = b->plug ? b->plug(b, d, e) : 0;
	if (ret) {
		d->parent = NULL;
		return ret;
	}
	list_add_tail(&b->devices, &d->link);
	return 0;
}

static void device_unplug(struct device *d)
{
	struct bus *b = d->parent;

	if (!b) {
		return;
	}
	if (b->unplug) {
		b->unplug(b, d);
	}
	list_del(&d->link);
	d->parent = NULL;
}

static int device_make_child_bus(struct device *d, struct err *e)
{
	if (!d->cls->child_bus || d->child) {
		return 0;
	}
	d->child = calloc(1, sizeof(*d->child));
	if (!d->child) {
		return err_set_errno(e, -ENOMEM, "bus of '%s'", d->cls->name);
	}
	bus_init(d->child, d->cls->child_bus, NULL, d);
	d->owns_child = true;
	return 0;
}

static void device_drop_child_bus(struct device *d)
{
	if (d->owns_child) {
		bus_fini(d->child);
		free(d->child);
		d->owns_child = false;
	}
	d->child = NULL;
}

int device_realize(struct device *d, struct bus *b, struct err *e)
{
	int ret;

	if (d->realized) {
		return err_set(e, -EBUSY, "Device '%s' is realized already",
		               d->cls->name);
	}
	if (!d->io && d->vm) {
		d->io = d->vm->loop;
	}
	ret = device_plug(d, b, e);
	if (ret) {
		return ret;
	}
	ret = device_make_child_bus(d, e);
	/* On the list first, so that what realize creates comes after its parent. */
	list_add_tail(&device_all, &d->all_link);
	if (!ret && d->cls->realize) {
		ret = d->cls->realize(d, e);
	}
	if (ret) {
		list_del(&d->all_link);
		device_drop_child_bus(d);
		device_unplug(d);
		return ret;
	}
	d->realized = true;
	return 0;
}

struct device *device_new_own(struct vm *vm, const struct device_class *cls,
                              struct err *e)
{
	struct device *d = device_new(vm, cls, NULL);

	if (!d) {
		err_set(e, -ENOMEM, "out of memory for %s", cls->name);
	}
	return d;
}

bool device_realize_own(struct device *d, struct bus *b, struct err *e)
{
	if (device_realize(d, b, e) < 0) {
		device_free(d);
		return false;
	}
	return true;
}

void device_unrealize(struct device *d)
{
	if (!d->realized) {
		return;
	}
	while (d->child && !list_empty(&d->child->devices)) {
		struct device *kid =
			list_first(&d->child->devices, struct device, link);

		device_unrealize(kid);
		device_free(kid);
	}
	d->realized = false;
	if (d->cls->unrealize) {
		d->cls->unrealize(d);
	}
	/* No vCPU may still be in one of its handlers when its memory goes. */
	gmem_synchronize();
	list_del(&d->all_link);
	device_drop_child_bus(d);
	device_unplug(d);
}

void device_free(struct device *d)
{
	if (!d) {
		return;
	}
	device_unrealize(d);
	device_props_free(d);
	lk_fini(&d->lk);
	free(d->id);
	free(d->path);
	free(d);
}

struct device *device_find(const char *id_or_path)
{
	struct device *d;

	list_for_each (d, &device_all, all_link) {
		if ((d->id && !strcmp(d->id, id_or_path)) ||
		    !strcmp(d->path, id_or_path)) {
			return d;
		}
	}
	return NULL;
}

struct device *device_next(const struct device *d)
{
	const struct list *n = d ? d->all_link.next : device_all.next;

	return n == &device_all ? NULL : list_entry(n, struct device, all_link);
}

struct bus *bus_next(const struct bus *b)
{
	const struct list *n = b ? b->link.next : bus_all.next;

	return n == &bus_all ? NULL : list_entry(n, struct bus, link);
}

/* ---- -device / device_add ---- */

static bool device_id_ok(const char *id)
{
	size_t n = strspn(
		id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		    "-._");

	return ((*id | 32) >= 'a' && (*id | 32) <= 'z') && !id[n];
}

static struct bus *device_choose_bus(const struct device_class *cls, const char *name,
                                     struct err *e)
{
	struct bus *b;

	if (name) {
		b = bus_find(name);
		if (!b) {
			err_set(e, -ENOENT, "Bus '%s' not found", name);
		}
		return b;
	}
	b = bus_find(cls->bus);
	if (!b) {
		err_set(e, -ENOENT, "No '%s' bus found for device '%s'", cls->bus,
		        cls->name);
	}
	return b;
}

static const struct device_class *device_choose_class(struct vm *vm, const char *driver,
                                                      struct err *e)
{
	const struct device_class *cls;

	if (!driver) {
		err_set(e, -EINVAL, "Parameter 'driver' is missing");
		return NULL;
	}
	cls = device_class_find(driver);
	if (!cls || cls->internal) {
		err_set(e, -ENOENT,
		        "'%s' is not a valid device model name (-device help "
		        "lists them)",
		        driver);
		return NULL;
	}
	if (vm && vm->ready && !cls->hotpluggable) {
		err_set(e, -ENOTSUP, "Device '%s' does not support hotplugging",
		        cls->name);
		return NULL;
	}
	return cls;
}

struct device *device_add(struct vm *vm, struct opt *opts, struct err *e)
{
	const struct device_class *cls;
	const char *id = opt_get_str(opts, "id", NULL),
		   *bus_name = opt_get_str(opts, "bus", NULL);
	struct opt *props;
	struct bus *b = NULL;
	struct device *d;
	int ret;

	cls = device_choose_class(vm, opt_get_str(opts, "driver", NULL), e);
	if (!cls) {
		return NULL;
	}
	if (id && !device_id_ok(id)) {
		err_set(e, -EINVAL,
		        "Parameter 'id' expects an identifier (letters, digits, '-', "
		        "'.', '_', "
		        "a letter first)");
		return NULL;
	}
	if (id && device_find(id)) {
		err_set(e, -EEXIST, "Duplicate device ID '%s'", id);
		return NULL;
	}
	if (cls->bus && (bus_name || strcmp(cls->bus, "sys"))) {
		b = device_choose_bus(cls, bus_name, e);
		if (!b) {
			return NULL;
		}
	}
	d = device_make(vm, cls, id, true);
	if (!d) {
		err_set_errno(e, -ENOMEM, "device '%s'", cls->name);
		return NULL;
	}
	props = opt_copy(opts);
	opt_del(props, "driver");
	opt_del(props, "id");
	opt_del(props, "bus");
	ret = device_set_props(d, props, e);
	opt_free(props);
	if (!ret) {
		ret = device_realize(d, b, e);
	}
	if (ret) {
		device_free(d);
		return NULL;
	}
	if (vm && vm->ready && cls->reset) {
		cls->reset(d);
	}
	return d;
}

/* ---- reset and misuse ---- */

void device_reset_all(struct vm *vm)
{
	struct device *d, *tmp;

	list_for_each_safe (d, tmp, &device_all, all_link) {
		if (d->vm != vm || !d->realized) {
			continue;
		}
		d->broken = false;
		if (d->cls->reset) {
			d->cls->reset(d);
		}
	}
}

void device_break(struct device *d, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	d->broken = true;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_guest("device %s (%s) stops until it is reset: %s", d->id ? d->id : d->path,
	          d->cls->name, why);
}
