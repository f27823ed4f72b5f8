/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-set-model.c - -cpu MODEL[,+feat][,-feat][,feat=on|off][,property=value] -> the
 * identification part of struct x86_cpu.
 *
 * Order: model; then feat=on|off; then +feat and -feat; then what the accelerator
 * can't do is removed (one warning names all of it, `enforce` makes it an error).
 *
 * Threads: control, before the vCPU runs.
 * Known gaps: cache sizes and hv-* enlightenments can't be configured.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "base/compiler.h"
#include "base/log.h"
#include "base/opt.h"
#include "core/cpu/x86-model.h"
#include "core/vm.h"

#define MODEL_OSVW    X86_FEAT(XF_81_ECX, 9)
#define MODEL_PERFCTR X86_FEAT(XF_81_ECX, 23)
#define MODEL_TSC_KHZ 1000000u /* 1 GHz: a tick is a nanosecond of CLOCK_VM */

/* Control thread, before vCPUs exist. */
static uint32_t model_tsc_khz = MODEL_TSC_KHZ;
static unsigned model_phys_limit = 52;
static bool model_tsc_host;

void x86_model_set_tsc(uint32_t khz, bool from_host)
{
	model_tsc_khz = khz;
	model_tsc_host = from_host;
}

struct model_build {
	struct x86_cpu *c;
	const struct x86_model *m;
	struct x86_ident id;
	uint64_t asked[XF_N]; /* named by the user: missing ones deserve a word */
	uint64_t denied[XF_N];
	bool enforce, tcg;
};

/* Properties of other hosts' command lines that mean nothing here. */
static const char *const model_ignored[] = {
	"check",
	"migratable",
	"pmu",
	"l3-cache",
	"host-cache-info",
	"cpu-pm",
	"lmce",
	"full-cpuid-auto-level",
	"fill-mtrr-mask",
	"kvm",
	"host-phys-bits",
	"host-phys-bits-limit",
	"min-level",
	"min-xlevel",
	"kvm-no-smi-migration",
	"legacy-cache",
	"vmware-cpuid-freq",
	"x-force-features",
};

/* ---- "did you mean" ---- */

static unsigned model_distance(const char *a, const char *b)
{
	unsigned row[48], n = (unsigned)MIN(strlen(b), (size_t)46), diag;

	for (unsigned j = 0; j <= n; j++) {
		row[j] = j;
	}
	for (unsigned i = 0; i < 46 && a[i]; i++) {
		diag = row[0];
		row[0] = i + 1;
		for (unsigned j = 0; j < n; j++) {
			unsigned sub = diag + (strncasecmp(&a[i], &b[j], 1) ? 1 : 0);
			unsigned gap = MIN(row[j], row[j + 1]) + 1;

			diag = row[j + 1];
			row[j + 1] = MIN(gap, sub);
		}
	}
	return row[n];
}

struct model_near {
	char text[256];
	unsigned n;
};

static void model_near_try(struct model_near *s, const char *want, const char *have)
{
	size_t used = strlen(s->text), wl = strlen(want), hl = strlen(have);
	size_t head = MIN(wl, hl);
	bool prefix = head >= 3 && !strncasecmp(want, have, MIN(head, (size_t)5));

	if (s->n >= 8 || used + hl + 3 > sizeof(s->text) ||
	    (model_distance(want, have) > 2 && !prefix)) {
		return;
	}
	snprintf(s->text + used, sizeof(s->text) - used, "%s%s", s->n ? ", " : "",
	         have);
	s->n++;
}

static int model_unknown(const char *name, struct err *e)
{
	struct model_near s = { .n = 0 };

	for (unsigned i = 0; x86_model_name(i); i++) {
		model_near_try(&s, name, x86_model_name(i));
	}
	return err_set(e, -EINVAL, "-cpu %s: no such model%s%s; '-cpu help' lists all",
	               name, s.n ? "; near: " : "", s.text);
}

static int model_unknown_feature(const char *name, struct err *e)
{
	struct model_near s = { .n = 0 };
	char buf[32];

	for (unsigned f = 0; f < XF_N * 64; f++) {
		if (*x86_feature_name(f, buf)) {
			model_near_try(&s, name, buf);
		}
	}
	return err_set(e, -EINVAL, "-cpu: no such feature or property '%s'%s%s", name,
	               s.n ? "; near: " : "", s.text);
}

/* ---- features ---- */

static void model_features(const struct x86_model *m, uint64_t *w)
{
	uint64_t del[XF_N] = { 0 };

	if (m->base && x86_model_find(m->base)) {
		const struct x86_model *b = x86_model_find(m->base);

		/* Chains are short and ours; a base never names its heir. */
		model_features(b, w);
	}
	x86_feature_add_list(w, m->add);
	x86_feature_add_list(del, m->del);
	for (unsigned i = 0; i < XF_N; i++) {
		w[i] &= ~del[i];
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

static int model_feature_put(struct model_build *b, const char *name, size_t len,
                             bool on, struct err *e)
{
	int f = x86_feature_find(name, len);

	if (f < 0) {
		char buf[64];

		snprintf(buf, sizeof(buf), "%.*s", (int)MIN(len, (size_t)63), name);
		return model_unknown_feature(buf, e);
	}
	x86_feature_set(b->c->features, (unsigned)f, on);
	x86_feature_set(b->asked, (unsigned)f, on);
	x86_feature_set(b->denied, (unsigned)f, !on);
	return 0;
}

static bool model_is_ignored(const char *k)
{
	for (unsigned i = 0; i < ARRAY_LEN(model_ignored); i++) {
		if (!strcmp(k, model_ignored[i])) {
			return true;
		}
	}
	return !strncmp(k, "x-", 2);
}

/* Reads a number property; 1 when the key is that property. */
static int model_number(struct opt *o, const char *key, const char *name, uint64_t max,
                        uint64_t *out, struct err *e)
{
	if (strcmp(key, name)) {
		return 0;
	}
	if (opt_scalar_u64(o, out) < 0 || *out > max) {
		return err_set(e, -EINVAL, "-cpu: %s=%s is not a number up to %llu",
		               name, opt_str(o), (unsigned long long)max);
	}
	return 1;
}

static int model_property(struct model_build *b, const char *k, struct opt *o,
                          struct err *e)
{
	uint64_t v;
	int r;

	if (!strcmp(k, "vendor")) {
		if (strlen(opt_str(o)) != 12) {
			return err_set(e, -EINVAL,
			               "-cpu: vendor=%s must have 12 characters",
			               opt_str(o));
		}
		memcpy(b->id.vendor, opt_str(o), 13);
		return 1;
	}
	if (!strcmp(k, "model-id")) {
		snprintf(b->id.id, sizeof(b->id.id), "%s", opt_str(o));
		return 1;
	}
	if (!strcmp(k, "enforce")) {
		if (opt_scalar_bool(o, &b->enforce) < 0) {
			return err_set(e, -EINVAL, "-cpu: enforce=%s: use on or off",
			               opt_str(o));
		}
		return 1;
	}
	if ((r = model_number(o, k, "family", 0xff + 0xf, &v, e)) != 0) {
		b->id.family = r > 0 ? (unsigned)v : 0;
	} else if ((r = model_number(o, k, "model-number", 0xff, &v, e)) != 0) {
		b->id.model = r > 0 ? (unsigned)v : 0;
	} else if ((r = model_number(o, k, "stepping", 0xf, &v, e)) != 0) {
		b->id.stepping = r > 0 ? (unsigned)v : 0;
	} else if ((r = model_number(o, k, "level", 0x1f, &v, e)) != 0) {
		b->id.level = r > 0 ? (uint32_t)v : 0;
	} else if ((r = model_number(o, k, "xlevel", 0x800000ff, &v, e)) != 0) {
		b->id.xlevel = r > 0 ? (uint32_t)v : 0;
	} else if ((r = model_number(o, k, "phys-bits", 52, &v, e)) != 0) {
		if (r > 0 && v && v < 32) {
			return err_set(e, -EINVAL, "-cpu: phys-bits must be 32..52");
		}
		if (r > 0 && v > model_phys_limit) {
			return err_set(
				e, -ENOTSUP,
				"-cpu: phys-bits=%llu: this host's processor has %u",
				(unsigned long long)v, model_phys_limit);
		}
		b->c->phys_bits = r > 0 && v ? (uint8_t)v : b->c->phys_bits;
	} else if ((r = model_number(o, k, "tsc-freq", UINT64_C(100000000000), &v,
	                             e)) != 0 ||
	           (r = model_number(o, k, "tsc-frequency", UINT64_C(100000000000), &v,
	                             e)) != 0) {
		if (r > 0 && v < 1000000) {
			return err_set(e, -EINVAL, "-cpu: tsc-frequency below 1 MHz");
		}
		b->c->tsc_khz = r > 0 ? v / 1000 : 0;
	}
	return r;
}

/* feat=on|off and properties; then the + and - forms, which win. */
static int model_options(struct model_build *b, struct opt *opts, struct err *e)
{
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < opt_count(opts); i++) {
			const char *k = opt_key_at(opts, i);
			struct opt *o = opt_get(opts, k);
			bool sign = *k == '+' || *k == '-', on;
			int r;

			/* a key with a dot ("sse4.1") is one member, not a path */
			o = o ? o : opt_at(opts, i);
			if (sign != (pass == 1) || !strcmp(k, "model") ||
			    model_is_ignored(k)) {
				continue;
			}
			if (sign) {
				r = model_feature_put(b, k + 1, strlen(k + 1),
				                      *k == '+', e);
				if (r < 0) {
					return r;
				}
				continue;
			}
			if (!strncmp(k, "hv-", 3) || !strncmp(k, "hv_", 3)) {
				log_warn("-cpu %s: not supported: Hyper-V "
				         "enlightenments",
				         k);
				continue;
			}
			r = model_property(b, k, o, e);
			if (r < 0) {
				return r;
			}
			if (r > 0) {
				continue;
			}
			if (x86_feature_find(k, strlen(k)) < 0) {
				return model_unknown_feature(k, e);
			}
			if (opt_scalar_bool(o, &on) < 0) {
				return err_set(e, -EINVAL, "-cpu: %s=%s: use on or off",
				               k, opt_str(o));
			}
			r = model_feature_put(b, k, strlen(k), on, e);
			if (r < 0) {
				return r;
			}
		}
	}
	return 0;
}

static int model_limit(struct model_build *b, unsigned index, struct err *e)
{
	const uint64_t *sup = x86_model_supported();
	char text[384] = "", buf[32];
	size_t n = 0;
	bool quiet = true;

	for (unsigned f = 0; f < XF_N * 64; f++) {
		uint64_t bit = BIT64(f % 64);

		if (!(b->c->features[f / 64] & bit) || (sup[f / 64] & bit)) {
			continue;
		}
		b->c->features[f / 64] &= ~bit;
		/* A generic model losing SVM or MONITOR is nobody's surprise. */
		quiet = quiet && !(b->asked[f / 64] & bit) &&
		        (f == X86F_SVM || f == X86F_MONITOR || f == MODEL_OSVW ||
		         f == MODEL_PERFCTR);
		if (n + 40 < sizeof(text)) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
			                      n ? ", " : "", x86_feature_name(f, buf));
		}
	}
	if (!n) {
		return 0;
	}
	if (b->enforce) {
		return err_set(e, -ENOTSUP, "-cpu %s: this accelerator lacks: %s",
		               b->m->name, text);
	}
	if (!quiet && index == 0) {
		log_warn("-cpu %s: this accelerator lacks: %s", b->m->name, text);
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
		{ X86F_LAHF_LM, X86F_LM },    { X86F_PSE36, X86F_PSE },
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

static void model_topology(struct x86_cpu *c, const struct vcpu *v,
                           struct model_build *b)
{
	unsigned per;

	c->topo_cores = v->vm && v->vm->smp.cores ? v->vm->smp.cores : 1;
	c->topo_threads = v->vm && v->vm->smp.threads ? v->vm->smp.threads : 1;
	per = (unsigned)c->topo_cores * c->topo_threads;
	b->id.sockets = v->vm ? (v->vm->max_vcpus + per - 1) / per : 1;
	c->apic_id = v->vm ? x86_apic_id_of(v->vm, v->index) : 0;
	x86_feature_set(c->features, X86F_HT, per > 1);
	x86_feature_set(c->features, X86F_CMP_LEGACY,
	                per > 1 && !strcmp(b->id.vendor, "AuthenticAMD"));
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

void x86_model_set_phys_limit(unsigned bits)
{
	model_phys_limit = bits;
}

int x86_set_model(struct vcpu *v, struct opt *opts, struct err *e)
{
	struct x86_cpu *c = v->arch;
	struct model_build b = { .c = c };
	const char *name = opts ? opt_get_str(opts, "model", "max") : "max";
	const char *accel = v->vm && v->vm->hv ? v->vm->hv->name : "tcg";
	int r;

	b.tcg = !strcmp(accel, "tcg");
	b.m = x86_model_find(name);
	if (!b.m) {
		return model_unknown(name, e);
	}
	if (b.m->host && b.tcg) {
		return err_set(e, -EINVAL,
		               "-cpu host needs -accel kvm; use '-cpu max' with the "
		               "translator");
	}
	c->vcpu = v;
	c->model = b.m->name;
	c->phys_bits = (uint8_t)MIN(40u, model_phys_limit);
	c->tsc_khz = model_tsc_khz;
	c->tsc_from_host = model_tsc_host;
	memset(c->features, 0, sizeof(c->features));
	snprintf(b.id.vendor, sizeof(b.id.vendor), "%s", b.m->vendor);
	snprintf(b.id.id, sizeof(b.id.id), "%s", b.m->id);
	b.id.family = b.m->family;
	b.id.model = b.m->model;
	b.id.stepping = b.m->stepping;
	b.id.level = b.m->level;
	b.id.xlevel = b.m->xlevel;
	if (b.m->max && !strcmp(accel, "kvm")) {
		model_host_ident(&b.id);
	}
	if (b.m->max) {
		memcpy(c->features, x86_model_supported(), XF_N * sizeof(uint64_t));
		c->features[X86F_LA57 / 64] &= ~BIT64(X86F_LA57 % 64); /* +la57 */
	} else {
		model_features(b.m, c->features);
		x86_feature_add_list(c->features, "hypervisor x2apic tsc-deadline "
		                                  "lodge-signature tsc-adjust");
		if (b.tcg) {
			model_immunity(&b);
		}
	}
	r = opts ? model_options(&b, opts, e) : 0;
	if (r >= 0) {
		r = model_limit(&b, v->index, e);
	}
	if (r < 0) {
		return r;
	}
	/* AMD's and Intel's enumerations of one mechanism do not mix. */
	if (strcmp(b.id.vendor, "GenuineIntel")) {
		x86_feature_set(c->features, X86F_ARCH_CAP, false);
		x86_feature_set(c->features, X86F_SPEC_CTRL, false);
		c->features[XF_72_EDX] = 0;
	} else {
		c->features[XF_88_EBX] &= BIT64(9); /* WBNOINVD */
		c->features[XF_821_EAX] = 0;
		c->features[XF_81_ECX] &= BIT64(0) | BIT64(5) | BIT64(8);
		c->features[XF_81_EDX] &= ~(uint64_t)(BIT(22) | BIT(25));
		b.id.xlevel = MIN(b.id.xlevel, 0x80000008u);
	}
	model_topology(c, v, &b);
	model_depend(c);
	c->virt_bits = x86_cpu_has(c, X86F_LA57) ? 57 : 48;
	if (!x86_cpu_has(c, X86F_LM) && c->phys_bits > 36) {
		c->phys_bits = x86_cpu_has(c, X86F_PSE36) || x86_cpu_has(c, X86F_PAE)
		                       ? 36
		                       : 32;
	}
	b.id.hv_signature =
		x86_cpu_has(c, X86F_HYPERVISOR) && x86_cpu_has(c, X86F_HV_LODGE);
	x86_cpuid_build(c, &b.id);
	return 0;
}
