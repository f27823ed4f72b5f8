/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu-model.c - QMP: CPU models and what they stand for here (qmp/schema/cpu.json). Each
 * question builds the model for a vCPU that never runs.
 *
 * Threads: control.
 * Known gaps: expansion on x86 only. Comparison and baseline exist on s390x hosts only.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86-model.h"
#include "core/vm.h"
#include "qmp/cmd/cpu.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

/* A vCPU to ask about. */
struct cpu_model {
	struct vcpu v;
	struct x86_cpu *c;
	struct x86_ident id;
};

static int cpu_model_build(struct cpu_model *m, struct vm *vm, struct opt *opts,
                           struct err *e)
{
	memset(m, 0, sizeof(*m));
	m->c = aligned_alloc(64, ALIGN_UP(sizeof(*m->c), (size_t)64));
	if (!m->c) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	memset(m->c, 0, sizeof(*m->c));
	m->v.vm = vm;
	m->v.arch = m->c;
	return x86_describe_model(&m->v, opts, &m->id, e);
}

static void cpu_model_free(struct cpu_model *m)
{
	free(m->c);
}

/* ---- definitions ---- */

static struct opt *cpu_blockers(struct vm *vm, const char *name)
{
	struct opt *opts = opt_new_dict(), *list;
	struct err e = ERR_INIT;
	struct cpu_model m;

	opt_put_str(opts, "model", name);
	if (cpu_model_build(&m, vm, opts, &e) < 0) {
		list = opt_new_list();
		opt_append_take(list, opt_new_str("kvm")); /* "host" */
	} else {
		list = qmp_cpu_feature_names(m.c->missing);
	}
	cpu_model_free(&m);
	opt_free(opts);
	return list;
}

static void cpu_x86_facts(struct vm *vm, unsigned i, struct opt *d)
{
	const struct x86_model_name_info *n = x86_model_at(i);

	opt_put_bool(d, "static", n->model->bare);
	opt_put_bool(d, "migration-safe", !n->model->max);
	if (n->alias_of[0]) {
		opt_put_str(d, "alias-of", n->alias_of);
	}
	opt_put_take(d, "unavailable-features", cpu_blockers(vm, n->name));
}

int qmp_cmd_query_cpu_definitions(struct qmp_ctx *ctx, struct opt **ret, struct err *e)
{
	const struct guest_arch *arch = ctx->vm->arch;

	(void)e;
	*ret = opt_new_list();
	for (unsigned i = 0; arch->model_name && arch->model_name(i); i++) {
		struct opt *d = opt_new_dict();
		char type[96];

		qmp_cpu_type_name(ctx->vm, arch->model_name(i), type, sizeof(type));
		opt_put_str(d, "name", arch->model_name(i));
		opt_put_str(d, "typename", type);
		opt_put_bool(d, "deprecated", false);
		if (arch == &x86_guest_arch) {
			cpu_x86_facts(ctx->vm, i, d);
		} else {
			opt_put_bool(d, "static", false);
			opt_put_take(d, "unavailable-features", opt_new_list());
		}
		opt_append_take(*ret, d);
	}
	return 0;
}

/* ---- expansion ---- */

static void cpu_put_numbers(const struct cpu_model *m, bool full, struct opt *p)
{
	opt_put_str(p, "vendor", m->id.vendor);
	opt_put_str(p, "model-id", m->id.id);
	opt_put_int(p, "family", m->id.family);
	opt_put_int(p, "model", m->id.model);
	opt_put_int(p, "stepping", m->id.stepping);
	opt_put_int(p, "min-level", m->id.level);
	opt_put_int(p, "min-xlevel", m->id.xlevel);
	if (full) {
		opt_put_int(p, "level", m->id.level);
		opt_put_int(p, "xlevel", m->id.xlevel);
		opt_put_int(p, "phys-bits", m->c->phys_bits);
		opt_put_int(p, "tsc-frequency", (int64_t)m->c->tsc_khz * 1000);
	}
}

/* Every spelling of a feature's name, or the first. */
static void cpu_put_feature(struct opt *p, const char *names, bool all, bool on)
{
	do {
		size_t n = strcspn(names, "|");
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)n, names);
		opt_put_take(p, name, opt_new_bool(on));
		names += n + (names[n] == '|');
	} while (all && *names);
}

static struct opt *cpu_props_of(const struct cpu_model *m, bool full)
{
	struct opt *p = opt_new_dict();

	cpu_put_numbers(m, full, p);
	for (unsigned f = 0; f < XF_N * 64; f++) {
		const struct x86_fword_info *w = &x86_fwords[f / 64];
		uint64_t word = m->c->features[f / 64] | m->c->missing[f / 64];

		if (f % 64 < w->n_bits && w->bits[f % 64]) {
			cpu_put_feature(p, w->bits[f % 64], full, word >> (f % 64) & 1);
		}
	}
	return p;
}

/* The question as -cpu would have it. */
static struct opt *cpu_question(struct opt *model)
{
	struct opt *props = opt_get(model, "props"), *opts = opt_new_dict();

	opt_put_str(opts, "model", opt_get_str(model, "name", ""));
	for (unsigned i = 0;
	     props && opt_kind(props) == OPT_DICT && i < opt_count(props); i++) {
		const char *k = opt_key_at(props, i);

		opt_put_take(opts, strcmp(k, "model") ? k : "model-number",
		             opt_copy(opt_at(props, i)));
	}
	return opts;
}

int qmp_cmd_query_cpu_model_expansion(
	struct qmp_ctx *ctx, const struct qmp_args_query_cpu_model_expansion *a,
	struct opt **ret, struct err *e)
{
	bool full = !strcmp(qmp_enum_CpuModelExpansionType[a->type], "full");
	struct opt *opts, *info;
	struct cpu_model m;
	int r;

	if (ctx->vm->arch != &x86_guest_arch) {
		return err_set(e, -ENOTSUP,
		               "not supported: the expansion of %s's CPU models",
		               ctx->vm->arch->name);
	}
	opts = cpu_question(a->model);
	r = cpu_model_build(&m, ctx->vm, opts, e);
	if (r >= 0) {
		info = opt_new_dict();
		opt_put_str(info, "name",
		            full ? opt_get_str(opts, "model", "") : "base");
		opt_put_take(info, "props", cpu_props_of(&m, full));
		*ret = opt_new_dict();
		opt_put_take(*ret, "model", info);
	}
	cpu_model_free(&m);
	opt_free(opts);
	return r;
}
