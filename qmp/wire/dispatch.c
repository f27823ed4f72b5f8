/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dispatch.c - validation of arguments against the schema, and the look-up. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/opt.h"
#include "qmp/wire/qmp.h"

static const struct qmp_type *qmp_type_find(const char *name)
{
	for (const struct qmp_type *t = qmp_types; t->name; t++) {
		if (!strcmp(t->name, name)) {
			return t;
		}
	}
	return NULL;
}

static int qmp_check_value(const char *what, const char *type, struct opt *v, int depth,
                           struct err *e);

static int qmp_check_members(const struct qmp_member *m, struct opt *o, bool open,
                             int depth, struct err *e)
{
	for (unsigned i = 0; i < opt_count(o); i++) {
		const char *key = opt_key_at(o, i);
		const struct qmp_member *k = m;

		while (k->name && strcmp(k->name, key)) {
			k++;
		}
		if (!k->name && !open) {
			return err_set(e, -EINVAL, "Parameter '%s' is unexpected", key);
		}
	}
	for (; m->name; m++) {
		struct opt *v = opt_has(o, m->name) ? opt_get(o, m->name) : NULL;
		int ret = 0;

		if (!v) {
			if (!m->optional) {
				return err_set(e, -EINVAL, "Parameter '%s' is missing",
				               m->name);
			}
			continue;
		}
		if (!m->array) {
			ret = qmp_check_value(m->name, m->type, v, depth, e);
		} else if (opt_kind(v) != OPT_LIST) {
			return err_set(
				e, -EINVAL,
				"Invalid parameter type for '%s', expected: array",
				m->name);
		} else {
			for (unsigned i = 0; i < opt_count(v) && ret == 0; i++) {
				ret = qmp_check_value(m->name, m->type, opt_at(v, i),
				                      depth, e);
			}
		}
		if (ret < 0) {
			return ret;
		}
	}
	return 0;
}

static int qmp_check_value(const char *what, const char *type, struct opt *v, int depth,
                           struct err *e)
{
	enum opt_kind k = opt_kind(v);
	const struct qmp_type *t;
	const char *want = NULL;

	if (!strcmp(type, "any")) {
		return 0;
	}
	if (!strcmp(type, "str")) {
		want = k == OPT_STR ? NULL : "string";
	} else if (!strcmp(type, "int")) {
		want = k == OPT_INT ? NULL : "integer";
	} else if (!strcmp(type, "number")) {
		want = k == OPT_INT || k == OPT_FLOAT ? NULL : "number";
	} else if (!strcmp(type, "bool")) {
		want = k == OPT_BOOL ? NULL : "boolean";
	} else if ((t = qmp_type_find(type)) && t->values) {
		const char *const *s = t->values;

		if (k != OPT_STR) {
			want = "string";
		} else {
			while (*s && strcmp(*s, opt_str(v))) {
				s++;
			}
			if (!*s) {
				return err_set(
					e, -EINVAL,
					"Parameter '%s' does not accept value '%s'",
					what, opt_str(v));
			}
		}
	} else if (t) {
		if (k != OPT_DICT || depth > 16) {
			want = "object";
		} else {
			return qmp_check_members(t->members, v, false, depth + 1, e);
		}
	}
	return want ? err_set(e, -EINVAL,
	                      "Invalid parameter type for '%s', expected: %s", what,
	                      want)
	            : 0;
}

int qmp_check(const struct qmp_member *m, struct opt *o, bool open, struct err *e)
{
	return qmp_check_members(m, o, open, 0, e);
}

int qmp_dispatch(struct qmp_ctx *ctx, const char *name, struct opt *args,
                 struct opt **ret, struct err *e)
{
	const struct qmp_command *c = qmp_commands;
	int r;

	*ret = NULL;
	while (c->name && strcmp(c->name, name)) {
		c++;
	}
	if (!c->name) {
		return err_set_class(e, ERR_COMMAND_NOT_FOUND, -ENOENT,
		                     "The command %s has not been found", name);
	}
	r = qmp_check(c->args, args, c->open, e);
	return r < 0 ? r : c->fn(ctx, args, ret, e);
}
