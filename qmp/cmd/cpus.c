/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpus.c - QMP: vCPUs, their places, unplugging. Control thread. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/device.h"
#include "core/vm.h"
#include "machine/cpus.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

static struct opt *cpus_props(const struct machine *m, const struct machine_cpu *c)
{
	struct opt *p = opt_new_dict();

	opt_put_int(p, "socket-id", (int64_t)c->socket);
	if (m->cfg.dies > 1) {
		opt_put_int(p, "die-id", (int64_t)c->die);
	}
	opt_put_int(p, "core-id", (int64_t)c->core);
	opt_put_int(p, "thread-id", (int64_t)c->thread);
	return p;
}

int qmp_cmd_query_cpus_fast(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	const struct machine *m = ctx->vm->machine;
	struct vcpu *c;

	(void)e;
	*ret = opt_new_list();
	vm_for_each_vcpu (ctx->vm, c) {
		struct opt *d = opt_new_dict();
		struct machine_cpu at;

		opt_put_int(d, "cpu-index", (int64_t)c->index);
		opt_put_str(d, "qom-path", c->qom_path);
		opt_put_int(d, "thread-id", atomic_load(&c->thread.tid));
		if (m && machine_cpu_at(m, c->index, &at)) {
			opt_put_take(d, "props", cpus_props(m, &at));
		}
		opt_put_str(d, "target", ctx->vm->arch->name);
		opt_append_take(*ret, d);
	}
	return 0;
}

/* The last place first, as management knows it from QEMU. */
int qmp_cmd_query_hotpluggable_cpus(struct qmp_ctx *ctx, struct opt **ret,
                                    struct err *e)
{
	const struct machine *m = ctx->vm->machine;
	AUTO_FREE char *driver = m ? machine_cpu_driver(m) : NULL;
	struct machine_cpu c;

	if (!m || !m->cls->has_cpu_hotplug || !driver) {
		return err_set(e, -ENOTSUP,
		               "machine does not support hot-plugging CPUs");
	}
	*ret = opt_new_list();
	for (unsigned i = m->cfg.max_cpus; i-- > 0;) {
		struct opt *d = opt_new_dict();

		(void)machine_cpu_at(m, i, &c);
		opt_put_take(d, "props", cpus_props(m, &c));
		opt_put_int(d, "vcpus-count", 1);
		if (c.vcpu) {
			opt_put_str(d, "qom-path", c.vcpu->qom_path);
		}
		opt_put_str(d, "type", driver);
		opt_append_take(*ret, d);
	}
	return 0;
}

int qmp_cmd_device_del(struct qmp_ctx *ctx, const struct qmp_args_device_del *a,
                       struct opt **ret, struct err *e)
{
	struct machine *m = ctx->vm->machine;
	int r = m ? machine_cpu_unplug(m, a->id, e) : -ENOENT;

	(void)ret;
	if (r != -ENOENT) {
		return r;
	}
	return device_find(a->id) ? err_set(e, -ENOTSUP,
	                                    "not supported: unplugging of device '%s' "
	                                    "(vCPUs can be)",
	                                    a->id)
	                          : err_set_class(e, ERR_DEVICE_NOT_FOUND, -ENOENT,
	                                          "Device '%s' not found", a->id);
}
