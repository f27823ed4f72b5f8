/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.c - QMP: boards, vCPUs, chardevs, device classes, object paths, translator counters. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/device.h"
#include "core/lock-stat.h"
#include "core/loop.h"
#include "core/vm.h"
#include "host/char/chardev.h"
#include "machine/cpus.h"
#include "machine/machine.h"
#include "qmp/cmd/cpu.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

int qmp_cmd_query_chardev(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ctx;
	(void)e;
	*ret = opt_new_list();
	for (unsigned i = 0; i < chardev_count(); i++) {
		struct chardev *c = chardev_at(i);
		struct opt *d = opt_new_dict();

		opt_put_str(d, "label", chardev_id(c));
		opt_put_str(d, "filename", chardev_filename(c));
		opt_put_bool(d, "frontend-open", chardev_connected(c));
		opt_append_take(*ret, d);
	}
	return 0;
}

/* Management looks for the translator by its type before it asks for models there. */
static void machine_accel_types(struct opt *list)
{
	static const char *const names[] = { "tcg-accel", "kvm-accel" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct opt *d = opt_new_dict();

		opt_put_str(d, "name", names[i]);
		opt_put_str(d, "parent", "accel");
		opt_append_take(list, d);
	}
}

int qmp_cmd_qom_list_types(struct qmp_ctx *ctx, const struct qmp_args_qom_list_types *a,
                           struct opt **ret, struct err *e)
{
	(void)a;
	(void)e;
	*ret = opt_new_list();
	for (const struct device_class *const *c = device_classes; *c; c++) {
		struct opt *d = opt_new_dict();

		opt_put_str(d, "name", (*c)->name);
		opt_put_str(d, "parent", "device");
		opt_append_take(*ret, d);
	}
	machine_accel_types(*ret);
	qmp_cpu_types(ctx->vm, *ret);
	return 0;
}

static const char *machine_prop_type(enum prop_type t)
{
	switch (t) {
	case PROP_BOOL: return "bool";
	case PROP_U8: return "uint8";
	case PROP_U16: return "uint16";
	case PROP_U32: return "uint32";
	case PROP_U64: return "uint64";
	case PROP_I32: return "int32";
	case PROP_SIZE: return "size";
	case PROP_ON_OFF_AUTO: return "OnOffAuto";
	default: return "str";
	}
}

static void machine_list_props(struct opt *list, const struct prop *p)
{
	for (; p && p->name; p++) {
		struct opt *d = opt_new_dict();

		opt_put_str(d, "name", p->name);
		opt_put_str(d, "type", machine_prop_type(p->type));
		if (p->help) {
			opt_put_str(d, "description", p->help);
		}
		if (p->type == PROP_BOOL) {
			opt_put_bool(d, "default-value", p->def);
		} else if (p->type <= PROP_SIZE) {
			opt_put_int(d, "default-value", p->def);
		} else if (p->def_str) {
			opt_put_str(d, "default-value", p->def_str);
		}
		opt_append_take(list, d);
	}
}

int qmp_cmd_device_list_properties(struct qmp_ctx *ctx,
                                   const struct qmp_args_device_list_properties *a,
                                   struct opt **ret, struct err *e)
{
	const struct device_class *c = device_class_find(a->typename);

	if (!c && qmp_cpu_is_type(ctx->vm, a->typename)) {
		*ret = qmp_cpu_props();
		return 0;
	}
	if (!c) {
		return err_set_class(e, ERR_DEVICE_NOT_FOUND, -ENOENT,
		                     "Device '%s' not found", a->typename);
	}
	*ret = opt_new_list();
	machine_list_props(*ret, c->bus_props);
	machine_list_props(*ret, c->props);
	return 0;
}

static struct device *machine_device_at(const char *path)
{
	static const char prefix[] = "/machine/peripheral/";
	struct device *d = device_find(path);

	if (!d && !strncmp(path, prefix, sizeof(prefix) - 1)) {
		d = device_find(path + sizeof(prefix) - 1);
	}
	return d;
}

int qmp_cmd_qom_list(struct qmp_ctx *ctx, const struct qmp_args_qom_list *a,
                     struct opt **ret, struct err *e)
{
	struct device *d = machine_device_at(a->path);

	if (qmp_cpu_at(ctx->vm, a->path)) {
		*ret = qmp_cpu_props();
		return 0;
	}
	if (!d) {
		return err_set_class(e, ERR_DEVICE_NOT_FOUND, -ENOENT,
		                     "Device '%s' not found", a->path);
	}
	*ret = opt_new_list();
	machine_list_props(*ret, d->cls->bus_props);
	machine_list_props(*ret, d->cls->props);
	return 0;
}

int qmp_cmd_qom_get(struct qmp_ctx *ctx, const struct qmp_args_qom_get *a,
                    struct opt **ret, struct err *e)
{
	struct device *d = machine_device_at(a->path);
	char *v;

	if (qmp_cpu_at(ctx->vm, a->path)) {
		return qmp_cpu_get(qmp_cpu_at(ctx->vm, a->path), a->property, ret, e);
	}
	if (!d) {
		return err_set_class(e, ERR_DEVICE_NOT_FOUND, -ENOENT,
		                     "Device '%s' not found", a->path);
	}
	v = device_get_prop(d, a->property);
	if (!v) {
		return err_set(e, -ENOENT, "Property '%s.%s' not found", d->cls->name,
		               a->property);
	}
	*ret = opt_new_str(v);
	free(v);
	return 0;
}

int qmp_cmd_query_machines(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	const char *arch = ctx->vm->arch->name;
	const struct machine_class *m;

	(void)e;
	*ret = opt_new_list();
	for (unsigned i = 0; (m = machine_class_at(i)) != NULL; i++) {
		struct opt *d;
		char cpu[96];

		if (m->arch && strcmp(m->arch, arch) != 0) {
			continue;
		}
		d = opt_new_dict();
		opt_put_str(d, "name", m->versioned ? m->versioned : m->name);
		if (m->versioned) {
			opt_put_str(d, "alias", m->name);
		}
		if (m->is_default) {
			opt_put_bool(d, "is-default", true);
		}
		opt_put_int(d, "cpu-max", m->max_cpus);
		opt_put_bool(d, "hotpluggable-cpus", m->has_cpu_hotplug);
		opt_put_bool(d, "numa-mem-supported", false);
		opt_put_bool(d, "deprecated", false);
		if (m->default_cpu) {
			qmp_cpu_type_name(ctx->vm, m->default_cpu, cpu, sizeof(cpu));
			opt_put_str(d, "default-cpu-type", cpu);
		}
		if (m->ram_id) {
			opt_put_str(d, "default-ram-id", m->ram_id);
		}
		opt_append_take(*ret, d);
	}
	return 0;
}

int qmp_cmd_device_add(struct qmp_ctx *ctx, struct opt *args, struct opt **ret,
                       struct err *e)
{
	const char *driver = opt_get_str(args, "driver", "");
	const char *id = opt_get_str(args, "id", NULL);
	const struct device_class *c = device_class_find(driver);

	(void)ret;
	if (!c && ctx->vm->machine && machine_is_cpu_driver(ctx->vm->machine, driver)) {
		return machine_cpu_plug(ctx->vm->machine, args, e);
	}
	if (c && !c->hotpluggable) {
		return err_set(e, -EPERM, "Device '%s' does not support hotplugging",
		               c->name);
	}
	if (id && ctx->vm->machine && machine_cpu_named(ctx->vm->machine, id)) {
		return err_set(e, -EEXIST, "Duplicate device ID '%s'", id);
	}
	return device_add(ctx->vm, args, e) ? 0 : -EINVAL;
}

int qmp_cmd_x_lodge_query_jit(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	if (!ctx->vm->hv->query_stats) {
		return err_set(e, -ENOTSUP, "not supported: counters of accelerator %s",
		               ctx->vm->hv->name);
	}
	*ret = ctx->vm->hv->query_stats(ctx->vm);
	return 0;
}

static struct opt *machine_lock_row(const struct lock_stat *s)
{
	struct opt *d = opt_new_dict(), *h = opt_new_list();
	unsigned n = LOCK_STAT_BUCKETS;

	while (n > 0 && !s->hist[n - 1]) {
		n--;
	}
	for (unsigned i = 0; i < n; i++) {
		opt_append_take(h, opt_new_int((int64_t)s->hist[i]));
	}
	opt_put_str(d, "name", s->name);
	opt_put_str(d, "role", role_name(s->role));
	opt_put_int(d, "waits", (int64_t)s->waits);
	opt_put_int(d, "total-ns", (int64_t)s->total_ns);
	opt_put_int(d, "max-ns", (int64_t)s->max_ns);
	opt_put_take(d, "histogram", h);
	return d;
}

int qmp_cmd_x_lodge_query_locks(struct qmp_ctx *ctx,
                                const struct qmp_args_x_lodge_query_locks *a,
                                struct opt **ret, struct err *e)
{
	enum { ROWS = 256 };
	AUTO_FREE struct lock_stat *s = calloc(ROWS, sizeof(*s));
	unsigned n;

	(void)ctx;
	if (!s) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	n = lock_stat_read(s, ROWS, a->has_reset && a->reset);
	*ret = opt_new_list();
	for (unsigned i = 0; i < n; i++) {
		opt_append_take(*ret, machine_lock_row(&s[i]));
	}
	return 0;
}

int qmp_cmd_x_lodge_query_loop(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)e;
	*ret = opt_new_dict();
	opt_put_str(*ret, "control", loop_backend_name(ctx->vm->loop));
	return 0;
}
