/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control.c - QMP about itself: versions, commands, schema, names, descriptors. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/vm.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

/* The QEMU version whose protocol is spoken: management picks its behaviour by it. */
enum { QMP_MAJOR = 7, QMP_MINOR = 2, QMP_MICRO = 0 };

int qmp_cmd_qmp_capabilities(struct qmp_ctx *ctx,
                             const struct qmp_args_qmp_capabilities *a,
                             struct opt **ret, struct err *e)
{
	(void)ctx;
	(void)a;
	(void)ret;
	(void)e;
	return 0; /* oob commands are taken in order, as nothing here blocks for long */
}

int qmp_cmd_query_version(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	struct opt *q = opt_new_dict();

	(void)ctx;
	(void)e;
	opt_put_int(q, "major", QMP_MAJOR);
	opt_put_int(q, "minor", QMP_MINOR);
	opt_put_int(q, "micro", QMP_MICRO);
	*ret = opt_new_dict();
	opt_put_take(*ret, "qemu", q);
	opt_put_str(*ret, "package", "lodge-" PACKAGE_VERSION);
	return 0;
}

int qmp_cmd_query_commands(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ctx;
	(void)e;
	*ret = opt_new_list();
	for (const struct qmp_command *c = qmp_commands; c->name; c++) {
		struct opt *d = opt_new_dict();

		opt_put_str(d, "name", c->name);
		opt_append_take(*ret, d);
	}
	return 0;
}

int qmp_cmd_query_qmp_schema(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)ctx;
	*ret = opt_new_list();
	for (const char *const *s = qmp_schema_text; *s; s++) {
		struct opt *o = NULL;
		int r = opt_parse_json(&o, *s, e);

		if (r < 0) {
			opt_free(*ret);
			*ret = NULL;
			return r;
		}
		opt_append_take(*ret, o);
	}
	return 0;
}

int qmp_cmd_query_command_line_options(
	struct qmp_ctx *ctx, const struct qmp_args_query_command_line_options *a,
	struct opt **ret, struct err *e)
{
	(void)ctx;
	(void)a;
	(void)e;
	*ret = opt_new_list();
	return 0;
}

int qmp_cmd_query_name(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)e;
	*ret = opt_new_dict();
	if (ctx->vm->name) {
		opt_put_str(*ret, "name", ctx->vm->name);
	}
	return 0;
}

int qmp_cmd_query_uuid(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	const uint8_t *u = ctx->vm->uuid;
	char text[40];

	(void)e;
	snprintf(text, sizeof(text),
	         "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	         u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
	         u[11], u[12], u[13], u[14], u[15]);
	*ret = opt_new_dict();
	opt_put_str(*ret, "UUID", text);
	return 0;
}

int qmp_cmd_query_target(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	(void)e;
	*ret = opt_new_dict();
	opt_put_str(*ret, "arch", ctx->vm->arch->name);
	return 0;
}

int qmp_cmd_human_monitor_command(struct qmp_ctx *ctx,
                                  const struct qmp_args_human_monitor_command *a,
                                  struct opt **ret, struct err *e)
{
	char *text = hmp_run(ctx, a->command_line);
	char *crlf = malloc(2 * strlen(text ? text : "") + 1), *q = crlf;

	(void)e;
	for (const char *p = text; crlf && p && *p; p++) {
		if (*p == '\n') {
			*q++ = '\r';
		}
		*q++ = *p;
	}
	if (q) {
		*q = 0;
	}
	*ret = opt_new_str(crlf ? crlf : "");
	free(crlf);
	free(text);
	return 0;
}

int qmp_cmd_add_client(struct qmp_ctx *ctx, const struct qmp_args_add_client *a,
                       struct opt **ret, struct err *e)
{
	(void)ctx;
	(void)ret;
	return err_set(e, -ENOTSUP, "not supported: add_client for protocol '%s'",
	               a->protocol);
}

int qmp_cmd_getfd(struct qmp_ctx *ctx, const struct qmp_args_getfd *a, struct opt **ret,
                  struct err *e)
{
	int fd = qmp_session_take_fd(ctx->session);

	(void)ret;
	if (fd < 0) {
		return err_set(e, -EINVAL,
		               "No file descriptor supplied via SCM_RIGHTS");
	}
	if (!a->fdname[0] || (a->fdname[0] >= '0' && a->fdname[0] <= '9')) {
		close(fd);
		return err_set(e, -EINVAL,
		               "Parameter 'fdname' expects a name not starting "
		               "with a digit");
	}
	qmp_fd_put(a->fdname, fd);
	return 0;
}

int qmp_cmd_closefd(struct qmp_ctx *ctx, const struct qmp_args_closefd *a,
                    struct opt **ret, struct err *e)
{
	int fd = qmp_fd_take(a->fdname);

	(void)ctx;
	(void)ret;
	if (fd < 0) {
		return err_set(e, -ENOENT, "File descriptor named '%s' not found",
		               a->fdname);
	}
	close(fd);
	return 0;
}
