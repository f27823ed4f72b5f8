/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h - a device is one constant table in one file.
 *
 * From the table come -device X,help, device-list-properties, qom-list,
 * hot-plug, reset, save/restore and the docs; nothing is said twice. The class
 * is named in devices/devices.list, from which the build makes device_classes[].
 *
 * Life: device_new (allocates instance_size zeroed bytes whose first member is
 * struct device; properties get defaults) -> device_set_props -> device_realize
 * (on the control thread) -> reset ... -> device_unrealize -> device_free.
 * realize may fail with a sentence and must then leave nothing behind.
 *
 * Threads: register handlers run on the trapping vCPU's thread under dev->lk;
 * queue work runs on the device's iothread; realize/reset/unrealize and state
 * save/load on control with the VM stopped or the device quiesced.
 */
#ifndef LODGE_CORE_DEVICE_H
#define LODGE_CORE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "core/lock.h"

struct opt;
struct vm;
struct device;
struct bus;
struct loop;

enum prop_type {
	PROP_BOOL, /* bool */
	PROP_U8,   /* uint8_t  */
	PROP_U16,
	PROP_U32,
	PROP_U64,
	PROP_I32,
	PROP_SIZE,        /* uint64_t, "1M" */
	PROP_STR,         /* char *, owned by the device */
	PROP_ENUM,        /* int, index into .names */
	PROP_MAC,         /* uint8_t[6] */
	PROP_UUID,        /* uint8_t[16] */
	PROP_PCI_ADDR,    /* int32_t devfn, -1 = any; "0x2.0x1" */
	PROP_ON_OFF_AUTO, /* int: 0 auto 1 on 2 off */
	PROP_CHARDEV,     /* char *: id of a -chardev */
	PROP_NETDEV,      /* char *: id of a -netdev */
	PROP_DRIVE,       /* char *: node name or drive id */
	PROP_OBJECT,      /* char *: id of an -object */
};

struct prop {
	const char *name;
	enum prop_type type;
	size_t offset;
	int64_t def; /* numbers, bools, enums */
	const char *def_str;
	const char *const *names;
	const char *help;
};

/* Designated-initialiser helper: DEV_PROP("size", PROP_U32, struct foo, size, 0, "help") */
#define DEV_PROP(n, t, s, f, d, h)                                                     \
	{                                                                              \
		.name = (n), .type = (t), .offset = offsetof(s, f), .def = (d),        \
		.help = (h)                                                            \
	}

/* State that is saved, migrated and reset-checked. See vmm/state/state.h. */
struct state_field;

struct device_class {
	const char *name; /* "virtio-blk-pci" */
	const char
		*bus; /* bus type it plugs into: "pci", "isa", "virtio", "sys", ... */
	const char *description;
	const char *category; /* help grouping: "storage", "network", "input", ... */
	size_t instance_size;
	const struct prop *props;        /* ends with a NULL name */
	const struct prop *bus_props;    /* shared by a family (PCI functions) */
	const struct state_field *state; /* ends with a NULL name */
	bool hotpluggable, internal;     /* internal: boards only, not for -device */

	int (*realize)(struct device *d, struct err *e);
	void (*unrealize)(struct device *d);
	void (*reset)(struct device *d);
	/* After a state load, to rebuild what is derived. -EINVAL with a sentence. */
	int (*post_load)(struct device *d, struct err *e);
	void (*pre_save)(struct device *d);
	const void *ops;        /* bus-specific table: struct pci_class_ops, ... */
	const void *family_ops; /* struct virtio_ops, of classes that share realize */
	/* Buses this device offers (bridges, controllers), created before realize. */
	const char *child_bus;
};

struct device {
	const struct device_class *cls;
	char *id;   /* NULL: anonymous */
	char *path; /* QOM path */
	struct vm *vm;
	struct bus *parent;
	struct bus *child;
	struct lk lk;
	struct loop *io;  /* iothread or control loop */
	struct list link; /* in parent's devices */
	struct list all_link;
	bool owns_child; /* the bus was made from cls->child_bus */
	bool realized, broken;
	void *board; /* board's notes */
};

/* A place to plug devices into; type-specific buses embed it. */
struct bus {
	const char *type; /* "pci", ... */
	char *name;       /* "pcie.0" */
	struct device *owner;
	struct list devices;
	struct list link; /* all buses */
	/* Checks and assigns an address before realize. */
	int (*plug)(struct bus *b, struct device *d, struct err *e);
	void (*unplug)(struct bus *b, struct device *d);
};

extern const struct device_class
	*const device_classes[]; /* NULL at the end; generated */

const struct device_class *device_class_find(const char *name);
/* A NULL name makes "<owner id>.0" or "<type>.<n>". */
void bus_init(struct bus *b, const char *type, const char *name, struct device *owner);
void bus_fini(struct bus *b);
struct bus *bus_find(const char *name_or_type);

/* Creates, configures and realizes; `opts` members driver/id/bus are consumed here. The
 * error of an unknown property lists the known ones. */
struct device *device_add(struct vm *vm, struct opt *opts, struct err *e);
struct device *device_new(struct vm *vm, const struct device_class *cls,
                          const char *id);
int device_set_prop(struct device *d, const char *name, const char *val, struct err *e)
	__must_check;
int device_set_props(struct device *d, struct opt *opts, struct err *e) __must_check;
int device_realize(struct device *d, struct bus *b, struct err *e) __must_check;
/* For who makes a device of his own: NULL says why; false says why and has freed it. */
struct device *device_new_own(struct vm *vm, const struct device_class *cls,
                              struct err *e);
bool device_realize_own(struct device *d, struct bus *b, struct err *e) __must_check;
void device_unrealize(struct device *d);
void device_free(struct device *d);
struct device *device_find(const char *id_or_path);
/* Walk all realized devices (buses), parents first; NULL begins. */
struct device *device_next(const struct device *d);
struct bus *bus_next(const struct bus *b);
void device_reset_all(struct vm *vm);
void device_help(const struct device_class *cls);
void device_help_list(void);
/* Value of a property as text, malloc'd; NULL if there is none. */
char *device_get_prop(struct device *d, const char *name);
/* Guest misuse: the device stops working until reset; one rate-limited line. */
void device_break(struct device *d, const char *fmt, ...) __printf(2, 3);

#endif
