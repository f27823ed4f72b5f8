/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu-qom.c - vCPUs and CPU types as objects: features are bool properties, by every name
 * that -cpu takes. libvirt reads them to learn what a guest really has.
 *
 * Threads: control; features do not change while a vCPU exists.
 * Known gaps: x86 only; nothing can be set.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86-model.h"
#include "core/vm.h"
#include "qmp/cmd/cpu.h"

struct vcpu *qmp_cpu_at(struct vm *vm, const char *path)
{
	struct vcpu *c;

	if (vm->arch != &x86_guest_arch) {
		return NULL;
	}
	vm_for_each_vcpu (vm, c) {
		if (c->qom_path && !strcmp(c->qom_path, path)) {
			return c;
		}
	}
	return NULL;
}

/* ---- types ---- */

void qmp_cpu_type_name(const struct vm *vm, const char *model, char *type, size_t size)
{
	snprintf(type, size, "%s-%s-cpu", model, vm->arch->name);
}

bool qmp_cpu_is_type(const struct vm *vm, const char *type)
{
	char have[96];

	for (unsigned i = 0; vm->arch == &x86_guest_arch && vm->arch->model_name(i);
	     i++) {
		qmp_cpu_type_name(vm, vm->arch->model_name(i), have, sizeof(have));
		if (!strcmp(have, type)) {
			return true;
		}
	}
	return false;
}

void qmp_cpu_types(const struct vm *vm, struct opt *list)
{
	char type[96], parent[32];

	snprintf(parent, sizeof(parent), "%s-cpu", vm->arch->name);
	for (unsigned i = 0; vm->arch->model_name && vm->arch->model_name(i); i++) {
		struct opt *d = opt_new_dict();

		qmp_cpu_type_name(vm, vm->arch->model_name(i), type, sizeof(type));
		opt_put_str(d, "name", type);
		opt_put_str(d, "parent", parent);
		opt_append_take(list, d);
	}
}

/* ---- properties ---- */

static void cpu_prop(struct opt *list, const char *name, const char *type)
{
	struct opt *d = opt_new_dict();

	opt_put_str(d, "name", name);
	opt_put_str(d, "type", type);
	opt_append_take(list, d);
}

struct opt *qmp_cpu_props(void)
{
	static const struct {
		const char *name, *type;
	} more[] = {
		{ "type", "string" },
		{ "apic-id", "uint32" },
		{ "phys-bits", "uint32" },
		{ "tsc-frequency", "int" },
		{ "vendor", "string" },
		{ "feature-words", "X86CPUFeatureWordInfo" },
		{ "filtered-features", "X86CPUFeatureWordInfo" },
		{ "unavailable-features", "strList" },
	};
	struct opt *list = opt_new_list();
	char name[32];

	for (unsigned i = 0; i < ARRAY_LEN(more); i++) {
		cpu_prop(list, more[i].name, more[i].type);
	}
	for (unsigned f = 0; f < XF_N * 64; f++) {
		if (*x86_feature_name(f, name)) {
			cpu_prop(list, name, "bool");
		}
	}
	return list;
}

struct opt *qmp_cpu_feature_names(const uint64_t *words)
{
	struct opt *list = opt_new_list();
	char name[32];

	for (unsigned f = 0; f < XF_N * 64; f++) {
		if ((words[f / 64] >> (f % 64) & 1) && *x86_feature_name(f, name)) {
			opt_append_take(list, opt_new_str(name));
		}
	}
	return list;
}

static struct opt *cpu_words(const uint64_t *words)
{
	static const char *const regs[] = { "EAX", "EBX", "ECX", "EDX" };
	struct opt *list = opt_new_list();

	for (unsigned i = 0; i < XF_N; i++) {
		const struct x86_fword_info *f = &x86_fwords[i];
		struct opt *d;

		if (!f->leaf) {
			continue;
		}
		d = opt_new_dict();
		opt_put_int(d, "cpuid-input-eax", f->leaf);
		opt_put_int(d, "cpuid-input-ecx", f->sub);
		opt_put_str(d, "cpuid-register", regs[f->reg]);
		opt_put_int(d, "features", (int64_t)(uint32_t)words[i]);
		opt_append_take(list, d);
	}
	return list;
}

/* The vendor as leaf 0 shows it. */
static struct opt *cpu_vendor(struct x86_cpu *c)
{
	char text[13] = "";
	uint32_t r[4];

	x86_cpuid(c, 0, 0, r);
	memcpy(text, &r[1], 4);
	memcpy(text + 4, &r[3], 4);
	memcpy(text + 8, &r[2], 4);
	return opt_new_str(text);
}

int qmp_cpu_get(struct vcpu *v, const char *property, struct opt **ret, struct err *e)
{
	struct x86_cpu *c = v->arch;
	int f = x86_feature_find(property, strlen(property));
	char type[96];

	if (f >= 0) {
		*ret = opt_new_bool(x86_cpu_has(c, (enum x86_feature)f));
	} else if (!strcmp(property, "type")) {
		qmp_cpu_type_name(v->vm, c->model, type, sizeof(type));
		*ret = opt_new_str(type);
	} else if (!strcmp(property, "apic-id")) {
		*ret = opt_new_int(c->apic_id);
	} else if (!strcmp(property, "phys-bits")) {
		*ret = opt_new_int(c->phys_bits);
	} else if (!strcmp(property, "tsc-frequency")) {
		*ret = opt_new_int((int64_t)c->tsc_khz * 1000);
	} else if (!strcmp(property, "vendor")) {
		*ret = cpu_vendor(c);
	} else if (!strcmp(property, "feature-words")) {
		*ret = cpu_words(c->features);
	} else if (!strcmp(property, "filtered-features")) {
		*ret = cpu_words(c->missing);
	} else if (!strcmp(property, "unavailable-features")) {
		*ret = qmp_cpu_feature_names(c->missing);
	} else {
		return err_set(e, -ENOENT, "Property '%s-%s-cpu.%s' not found",
		               c->model, v->vm->arch->name, property);
	}
	return 0;
}
