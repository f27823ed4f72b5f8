/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.c - QMP: run state and life cycle (qmp/schema/run.json). Control thread. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/vm.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

int qmp_cmd_query_status(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)e;
	*ret = opt_new_dict();
	opt_put_bool(*ret, "running", vm_is_running(ctx->vm));
	opt_put_bool(*ret, "singlestep", false);
	opt_put_str(*ret, "status", run_state_name(ctx->vm->state));
	return 0;
}

int qmp_cmd_stop(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ret;
	(void)e;
	if (vm_is_running(ctx->vm)) {
		vm_stop(ctx->vm, RUN_PAUSED);
	}
	return 0;
}

int qmp_cmd_cont(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ret;
	switch (ctx->vm->state) {
	case RUN_INTERNAL_ERROR:
	case RUN_SHUTDOWN:
		return err_set(e, -EPERM, "Resetting the Virtual Machine is required");
	default:
		if (!vm_is_running(ctx->vm)) {
			vm_cont(ctx->vm);
		}
		return 0;
	}
}

int qmp_cmd_quit(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ret;
	(void)e;
	ctx->vm->no_shutdown = false;
	vm_request_shutdown(ctx->vm, CAUSE_HOST_QMP_QUIT);
	return 0;
}

int qmp_cmd_system_reset(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ret;
	(void)e;
	vm_request_reset(ctx->vm, CAUSE_HOST_QMP_SYSTEM_RESET);
	return 0;
}

int qmp_cmd_system_powerdown(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ret;
	(void)e;
	vm_request_powerdown(ctx->vm);
	return 0;
}

int qmp_cmd_system_wakeup(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ctx;
	(void)ret;
	return err_set(e, -EINVAL,
	               "Unable to wake up: guest is not in suspended state");
}

int qmp_cmd_inject_nmi(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	struct vcpu *c;

	(void)ret;
	if (!ctx->vm->arch->nmi) {
		return err_set(e, -ENOTSUP, "not supported: NMI on %s",
		               ctx->vm->arch->name);
	}
	vm_for_each_vcpu (ctx->vm, c) {
		ctx->vm->arch->nmi(c);
	}
	return 0;
}

int qmp_cmd_set_action(struct qmp_ctx *ctx, const struct qmp_args_set_action *a,
                       struct opt **ret, struct err *e)
{
	(void)ret;
	if (a->has_panic || a->has_watchdog) {
		return err_set(e, -ENOTSUP,
		               "not supported: set-action for panic and watchdog");
	}
	if (a->has_reboot) {
		ctx->vm->no_reboot =
			!strcmp(qmp_enum_RebootAction[a->reboot], "shutdown");
	}
	if (a->has_shutdown) {
		ctx->vm->no_shutdown =
			!strcmp(qmp_enum_ShutdownAction[a->shutdown], "pause");
	}
	return 0;
}
