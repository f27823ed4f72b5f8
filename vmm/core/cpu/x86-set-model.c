/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-set-model.c - -cpu MODEL[,+feat][,-feat][,feat=on|off][,property=value] -> the
 * identification part of struct x86_cpu.
 *
 * Order: model; what goes with the accelerator; feat=on|off; +feat and -feat; then what the
 * accelerator can't do is removed (one warning names all of it, `enforce` makes it an error).
 *
 * Under KVM a named model has the host's vendor (SYSCALL and SYSENTER differ), x2APIC and
 * KVM's own features, and no nested SVM or MONITOR, unless the user says otherwise; max and
 * host are all that KVM (and the translator, where it catches what KVM drops) executes.
 *
 * Threads: control, before the vCPU runs.
 * max and host show INVTSC unless migratable=on is given, since nothing migrates yet; to
 * management's questions (x86_describe_model) the migratable part is the answer, as usual.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "base/compiler.h"
#include "base/log.h"
#include "base/opt.h"
#include "core/cpu/x86-model-build.h"
#include "core/vm.h"

#define MODEL_OSVW    X86_FEAT(XF_81_ECX, 9)
#define MODEL_PERFCTR X86_FEAT(XF_81_ECX, 23)
#define MODEL_TSC_KHZ 1000000u /* 1 GHz: a tick is a nanosecond of CLOCK_VM */
enum { MODEL_PHYS_UNKNOWN = 52, MODEL_PHYS_BITS = 40 };

/* Control thread, before vCPUs exist. */
static uint32_t model_tsc_khz = MODEL_TSC_KHZ;
static unsigned model_phys_limit = MODEL_PHYS_UNKNOWN;
static bool model_tsc_host;

void x86_model_set_tsc(uint32_t khz, bool from_host)
{
	model_tsc_khz = khz;
	model_tsc_host = from_host;
}

void x86_model_set_phys_limit(unsigned bits)
{
	model_phys_limit = bits;
}

static int model_unknown(const char *name, struct err *e)
{
	struct x86_near s = { .n = 0 };

	for (unsigned i = 0; x86_model_name(i); i++) {
		x86_near_try(&s, name, x86_model_name(i));
	}
	return err_set(e, -EINVAL, "-cpu %s: no such model%s%s; '-cpu help' lists all",
	               name, s.n ? "; near: " : "", s.text);
}

/* ---- features ---- */

static void model_change(uint64_t *w, const char *add, const char *del)
{
	uint64_t gone[XF_N] = { 0 };

	x86_feature_add_list(w, add);
	x86_feature_add_list(gone, del);
	for (unsigned i = 0; i < XF_N; i++) {
		w[i] &= ~gone[i];
	}
}

static void model_features(const struct x86_model *m, uint64_t *w)
{
	unsigned one;

	if (m->base && x86_model_find(m->base, &one)) {
		/* Chains are short and ours; a base never names its heir. */
		model_features(x86_model_find(m->base, &one), w);
	}
	model_change(w, m->add, m->del);
}

static void model_versions(struct model_build *b)
{
	for (unsigned v = 2; v <= b->version; v++) {
		const struct x86_model_version *mv = x86_model_version(b->m, v);

		model_change(b->c->features, mv->add, mv->del);
		b->id.stepping = mv->stepping ? mv->stepping : b->id.stepping;
		b->id.model = mv->number ? mv->number : b->id.model;
		if (mv->id) {
			snprintf(b->id.id, sizeof(b->id.id), "%s", mv->id);
		}
	}
}

/*
 * What the translator grants every 64-bit model: it does not speculate, so the guest
 * needs no mitigations, and saying so spares it their cost. -feat takes it back.
 */
static void model_immunity(struct model_build *b)
{
	uint64_t *w = b->c->features;

	if (!(w[X86F_LM / 64] >> (X86F_LM % 64) & 1)) {
		return;
	}
	/* The TSC is CLOCK_VM: constant, in step on all vCPUs, and it migrates. */
	x86_feature_set(w, X86F_INVTSC, b->id.xlevel >= 0x80000007);
	if (!strcmp(b->id.vendor, "GenuineIntel") && b->id.level >= 7) {
		x86_feature_add_list(
			w, "spec-ctrl stibp ssbd arch-capabilities rdctl-no ibrs-all "
			   "skip-l1dfl-vmentry ssb-no mds-no pschange-mc-no taa-no "
			   "sbdr-ssdp-no fbsdp-no psdp-no bhi-no pbrsb-no gds-no "
			   "rfds-no its-no bhi-ctrl mcdt-no");
	} else if (b->id.level >= 7) {
		x86_feature_add_list(
			w, "ibpb ibrs amd-stibp amd-ssbd amd-no-ssb btc-no auto-ibrs "
			   "srso-no lfence-always-serializing");
		b->id.xlevel = MAX(b->id.xlevel, 0x80000021u);
	}
}

/* A named model, with what its accelerator gives all of them. */
static void model_named(struct model_build *b)
{
	uint64_t *w = b->c->features;

	model_features(b->m, w);
	model_versions(b);
	if (b->m->bare) {
		return;
	}
	x86_feature_add_list(w, "hypervisor lodge-signature");
	if (x86_model_supported()[X86F_X2APIC / 64] & BIT64(X86F_X2APIC % 64)) {
		x86_feature_set(w, X86F_X2APIC, true);
	}
	if (b->kvm) {
		model_change(w, NULL, "svm npt nrip-save svme-addr-chk monitor acpi");
	} else {
		x86_feature_add_list(w, b->m->level >= 7 ? "tsc-deadline tsc-adjust"
		                                         : "tsc-deadline");
	}
	if (b->tcg) {
		model_immunity(b);
	}
}

static void model_all(struct model_build *b)
{
	memcpy(b->c->features, x86_model_supported(), XF_N * sizeof(uint64_t));
	x86_feature_set(b->c->features, X86F_LA57, false); /* +la57 */
	b->c->features[XF_KVM_HINTS] = 0;                  /* the user's word */
}

/* ---- what the accelerator lacks ---- */

static void model_missing_text(const uint64_t *missing, char *text, size_t size)
{
	char buf[32];
	size_t n = 0;

	*text = 0;
	for (unsigned f = 0; f < XF_N * 64 && n + 80 < size; f++) {
		if (!(missing[f / 64] >> (f % 64) & 1)) {
			continue;
		}
		if (!*x86_feature_name(f, buf)) {
			snprintf(buf, sizeof(buf), "?");
		}
		n += (size_t)snprintf(text + n, size - n, "%s%s (%s bit %u)",
		                      n ? ", " : "", buf, x86_fwords[f / 64].name,
		                      f % 64);
	}
	if (n + 80 >= size) {
		snprintf(text + n, size - n, ", ...");
	}
}

/* A generic model losing SVM or MONITOR is nobody's surprise. */
static bool model_is_quiet(const struct model_build *b)
{
	static const uint16_t quiet[] = { X86F_SVM,
		                          X86F_MONITOR,
		                          MODEL_OSVW,
		                          MODEL_PERFCTR,
		                          X86_FEAT(XF_SVM, 0),
		                          X86_FEAT(XF_SVM, 3),
		                          X86_FEAT(XF_SVM, 28) };
	uint64_t w[XF_N];

	memcpy(w, b->missing, sizeof(w));
	for (unsigned i = 0; i < ARRAY_LEN(quiet); i++) {
		bool asked = b->asked[quiet[i] / 64] >> (quiet[i] % 64) & 1;

		x86_feature_set(w, quiet[i],
		                asked && (w[quiet[i] / 64] >> (quiet[i] % 64) & 1));
	}
	for (unsigned i = 0; i < XF_N; i++) {
		if (w[i]) {
			return false;
		}
	}
	return true;
}

static int model_limit(struct model_build *b, bool talk, struct err *e)
{
	const uint64_t *sup = x86_model_supported();
	char text[1024];
	bool any = false;

	for (unsigned i = 0; i < XF_N; i++) {
		b->missing[i] = b->c->features[i] & ~sup[i];
		b->c->features[i] &= sup[i];
		any = any || b->missing[i];
	}
	model_missing_text(b->missing, text, sizeof(text));
	if (b->enforce && *b->cannot) {
		return err_set(e, -ENOTSUP, "-cpu %s: not supported: %s", b->name,
		               b->cannot);
	}
	if (b->enforce && any) {
		return err_set(e, -ENOTSUP, "-cpu %s: this accelerator lacks: %s",
		               b->name, text);
	}
	if (talk && *b->cannot) {
		log_warn("-cpu %s: not supported: %s", b->name, b->cannot);
	}
	if (talk && any && !b->no_check && !model_is_quiet(b)) {
		log_warn("-cpu %s: this accelerator lacks: %s", b->name, text);
	}
	return 0;
}

/* What makes no sense without something else: the guest must not see half a feature. */
static void model_depend(struct x86_cpu *c)
{
	static const uint16_t needs[][2] = {
		{ X86F_AVX, X86F_XSAVE },     { X86F_AVX2, X86F_AVX },
		{ X86F_FMA, X86F_AVX },       { X86F_F16C, X86F_AVX },
		{ X86F_PKU, X86F_XSAVE },     { X86F_XSAVEOPT, X86F_XSAVE },
		{ X86F_XSAVEC, X86F_XSAVE },  { X86F_XGETBV1, X86F_XSAVE },
		{ X86F_XSAVES, X86F_XSAVEC }, { X86F_SSE, X86F_FXSR },
		{ X86F_SSE2, X86F_SSE },      { X86F_XSAVE, X86F_FXSR },
		{ X86F_PCID, X86F_LM },       { X86F_LA57, X86F_LM },
		{ X86F_X2APIC, X86F_APIC },   { X86F_TSC_DEADLINE, X86F_APIC },
		{ X86F_PSE36, X86F_PSE },
	};

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_LEN(needs); i++) {
			if (!x86_cpu_has(c, needs[i][1])) {
				x86_feature_set(c->features, needs[i][0], false);
			}
		}
	}
	if (!x86_cpu_has(c, X86F_ARCH_CAP)) {
		c->features[XF_ARCH_CAP] = 0;
	}
}

/* AMD's and Intel's enumerations of one mechanism do not mix where we choose. */
static void model_vendor_bits(struct model_build *b)
{
	struct x86_cpu *c = b->c;

	if (b->kvm && !b->m->max) {
		return; /* as the user, and KVM, want it */
	}
	if (strcmp(b->id.vendor, "GenuineIntel")) {
		x86_feature_set(c->features, X86F_ARCH_CAP, false);
		x86_feature_set(c->features, X86F_SPEC_CTRL, false);
		c->features[XF_72_EDX] = 0;
	} else {
		c->features[XF_88_EBX] &= BIT64(9); /* WBNOINVD */
		c->features[XF_821_EAX] = 0;
		c->features[XF_81_ECX] &= BIT64(0) | BIT64(5) | BIT64(8);
		c->features[XF_81_EDX] &= ~(uint64_t)(BIT(22) | BIT(25));
		b->id.xlevel = MIN(b->id.xlevel, 0x80000008u);
	}
}

/* KVM's leaves: there, or hidden as a whole; two bits are one switch. */
static void model_kvm_leaves(struct model_build *b)
{
	uint64_t *w = b->c->features;

	x86_feature_set(w, X86F_KVM_CLOCK_OLD,
	                x86_cpu_has(b->c, X86F_KVM_CLOCK) &&
	                        (x86_model_supported()[XF_KVM] & 1));
	if (!x86_cpu_has(b->c, X86F_KVM_ASYNC_PF_INT)) {
		x86_feature_set(w, X86F_KVM_ASYNC_PF, false); /* no end without it */
	}
	if (b->kvm_off) {
		w[XF_KVM] = w[XF_KVM_HINTS] = 0;
		x86_feature_set(w, X86F_HV_LODGE, false);
	}
}

static void model_topology(struct x86_cpu *c, const struct vcpu *v,
                           struct model_build *b)
{
	unsigned per;

	c->topo_cores = v->vm && v->vm->smp.cores ? v->vm->smp.cores : 1;
	c->topo_dies = v->vm && v->vm->smp.dies ? v->vm->smp.dies : 1;
	c->topo_threads = v->vm && v->vm->smp.threads ? v->vm->smp.threads : 1;
	per = (unsigned)c->topo_cores * c->topo_threads;
	b->id.sockets = v->vm ? (v->vm->max_vcpus + per - 1) / per : 1;
	c->apic_id = v->vm ? x86_apic_id_of(v->vm, v->index) : 0;
	x86_feature_set(c->features, X86F_HT, per > 1);
	x86_feature_set(c->features, X86F_CMP_LEGACY,
	                per > 1 && x86_vendor_is_amd(b->id.vendor));
}

/* A guest that runs on the processor itself shall know which one it is: it works around that
 * one's errata, and around no other's. */
static void model_host_ident(struct x86_ident *id)
{
#ifdef __x86_64__
	uint32_t r[4], brand[12];

	__cpuid(0, r[0], r[1], r[2], r[3]);
	memcpy(id->vendor, &r[1], 4);
	memcpy(id->vendor + 4, &r[3], 4);
	memcpy(id->vendor + 8, &r[2], 4);
	id->vendor[12] = 0;
	__cpuid(1, r[0], r[1], r[2], r[3]);
	id->stepping = r[0] & 15;
	id->model = (r[0] >> 4 & 15) | (r[0] >> 12 & 0xf0);
	id->family =
		(r[0] >> 8 & 15) + ((r[0] >> 8 & 15) == 15 ? r[0] >> 20 & 0xff : 0);
	__cpuid(0x80000000, r[0], r[1], r[2], r[3]);
	if (r[0] >= 0x80000004) {
		for (unsigned i = 0; i < 3; i++) {
			__cpuid(0x80000002 + i, brand[4 * i], brand[4 * i + 1],
			        brand[4 * i + 2], brand[4 * i + 3]);
		}
		snprintf(id->id, sizeof(id->id), "%.47s", (char *)brand);
	}
#else
	(void)id;
#endif
}

/* Leaves that the features need are within the levels, unless the user gave those. */
static void model_levels(struct model_build *b)
{
	struct x86_ident *id = &b->id;

	for (unsigned i = 0; i < XF_N && !b->m->bare; i++) {
		uint32_t leaf = x86_fwords[i].leaf;

		if (!b->c->features[i] || leaf >> 28 == 4) {
			continue;
		}
		if (leaf >> 31 && !b->own_xlevel) {
			id->xlevel = MAX(id->xlevel, leaf);
		} else if (!(leaf >> 31) && !b->own_level) {
			id->level = MAX(id->level, leaf);
		}
	}
	if (b->c->topo_dies > 1 && !b->own_level &&
	    !strcmp(id->vendor, "GenuineIntel")) {
		id->level = MAX(id->level, 0x1fu);
	}
	if (!b->own_level) {
		id->level = MAX(id->level, b->min_level);
	}
	if (!b->own_xlevel) {
		id->xlevel = MAX(id->xlevel, b->min_xlevel);
	}
}

static void model_phys_bits(struct model_build *b)
{
	struct x86_cpu *c = b->c;

	if (b->host_phys_bits && b->phys_limit < MODEL_PHYS_UNKNOWN) {
		c->phys_bits = (uint8_t)b->phys_limit;
		if (b->host_phys_limit >= 32) {
			c->phys_bits = (uint8_t)MIN(b->phys_limit, b->host_phys_limit);
		}
	}
	c->virt_bits = x86_cpu_has(c, X86F_LA57) ? 57 : 48;
	if (!x86_cpu_has(c, X86F_LM) && c->phys_bits > 36) {
		bool pae = x86_cpu_has(c, X86F_PSE36) || x86_cpu_has(c, X86F_PAE);

		c->phys_bits = pae ? 36 : 32;
	}
}

/* ---- all of it ---- */

static void model_begin(struct model_build *b)
{
	struct x86_cpu *c = b->c;

	c->model = x86_model_full_name(b->m, b->version);
	c->phys_bits = (uint8_t)MIN((unsigned)MODEL_PHYS_BITS, model_phys_limit);
	c->tsc_khz = model_tsc_khz;
	c->tsc_from_host = model_tsc_host;
	b->phys_limit = model_phys_limit;
	b->host_phys_bits = b->m->max && b->kvm;
	memset(c->features, 0, sizeof(c->features));
	snprintf(b->id.vendor, sizeof(b->id.vendor), "%s", b->m->vendor);
	snprintf(b->id.id, sizeof(b->id.id), "%s", b->m->id);
	b->id.family = b->m->family;
	b->id.model = b->m->model;
	b->id.stepping = b->m->stepping;
	b->id.level = b->m->level;
	b->id.xlevel = b->m->xlevel;
	if (b->m->max && b->kvm) {
		model_host_ident(&b->id);
	}
	if (b->m->max) {
		model_all(b);
	} else {
		model_named(b);
	}
	if (b->kvm && !b->m->bare) {
		b->c->features[XF_KVM] = x86_model_supported()[XF_KVM];
	}
}

/* The vendor decides how system calls work outside 64-bit mode: it is the host's. */
static void model_host_vendor(struct model_build *b)
{
	struct x86_ident host = { .level = 0 };

	if (b->kvm && !b->m->max && !b->m->bare && !b->own_vendor) {
		model_host_ident(&host);
		if (host.vendor[0]) {
			memcpy(b->id.vendor, host.vendor, sizeof(b->id.vendor));
		}
	}
}

static void model_finish(struct model_build *b, struct vcpu *v)
{
	struct x86_cpu *c = b->c;

	if (b->migratable && !(b->asked[XF_87_EDX] >> 8 & 1)) {
		x86_feature_set(c->features, X86F_INVTSC, false);
	}
	model_kvm_leaves(b);
	model_vendor_bits(b);
	model_topology(c, v, b);
	model_depend(c);
	model_levels(b);
	model_phys_bits(b);
	b->id.hv_signature =
		x86_cpu_has(c, X86F_HYPERVISOR) && x86_cpu_has(c, X86F_HV_LODGE);
	x86_cpuid_build(c, &b->id);
}

static int model_set(struct model_build *b, struct vcpu *v, struct opt *opts, bool talk,
                     struct err *e)
{
	const char *accel = v->vm && v->vm->hv ? v->vm->hv->name : "tcg";
	int r;

	b->name = opts ? opt_get_str(opts, "model", "max") : "max";
	b->tcg = !strcmp(accel, "tcg");
	b->kvm = !strcmp(accel, "kvm");
	b->m = x86_model_find(b->name, &b->version);
	if (!b->m) {
		return model_unknown(b->name, e);
	}
	if (b->m->host && b->tcg) {
		return err_set(e, -EINVAL,
		               "-cpu host needs -accel kvm; use '-cpu max' with the "
		               "translator");
	}
	b->c->vcpu = v;
	model_begin(b);
	r = opts ? x86_model_options(b, opts, e) : 0;
	if (r < 0) {
		return r;
	}
	model_host_vendor(b);
	r = model_limit(b, talk, e);
	if (r >= 0) {
		memcpy(b->c->missing, b->missing, sizeof(b->missing));
		model_finish(b, v);
	}
	return r;
}

int x86_set_model(struct vcpu *v, struct opt *opts, struct err *e)
{
	struct model_build b = { .c = v->arch };

	return model_set(&b, v, opts, v->index == 0, e);
}

int x86_describe_model(struct vcpu *v, struct opt *opts, struct x86_ident *id,
                       struct err *e)
{
	struct model_build b = { .c = v->arch, .migratable = true };
	int r = model_set(&b, v, opts, false, e);

	if (r >= 0) {
		*id = b.id;
	}
	return r;
}
