/* SPDX-License-Identifier: GPL-2.0-or-later */
/* accel.c - QMP: who executes the guest (qmp/schema/accel.json). Control thread. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/opt.h"
#include "core/vm.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

#if defined(HAVE_LINUX_KVM_H) && defined(HOST_X86_64)
enum { ACCEL_KVM_BUILT = 1 };
#else
enum { ACCEL_KVM_BUILT = 0 };
#endif

int qmp_cmd_x_lodge_set_accel(struct qmp_ctx *ctx,
                              const struct qmp_args_x_lodge_set_accel *a,
                              struct opt **ret, struct err *e)
{
	const struct hv_ops *hv = ctx->vm->hv;
	const char *want = qmp_enum_LodgeAccel[a->accel];

	(void)ret;
	if (hv->accel.set) {
		return hv->accel.set(ctx->vm, want, a->has_force && a->force, e);
	}
	if (!strcmp(hv->name, want)) {
		return 0;
	}
	return err_set(e, -ENOTSUP,
	               "the machine was started with -accel %s: %s can't be opened "
	               "from within the sandbox",
	               hv->name, want);
}

static struct opt *accel_query(struct vm *vm)
{
	struct opt *o;

	if (vm->hv->accel.query) {
		return vm->hv->accel.query(vm);
	}
	o = opt_new_dict();
	opt_put_str(o, "accel", vm->hv->name);
	opt_put_str(o, "why", "the machine was started with it");
	return o;
}

int qmp_cmd_x_lodge_query_accel(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)e;
	*ret = accel_query(ctx->vm);
	return 0;
}

int qmp_cmd_query_kvm(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	struct opt *o = accel_query(ctx->vm);

	(void)e;
	*ret = opt_new_dict();
	opt_put_bool(*ret, "enabled", !strcmp(opt_get_str(o, "accel", ""), "kvm"));
	opt_put_bool(*ret, "present", ACCEL_KVM_BUILT);
	opt_free(o);
	return 0;
}
