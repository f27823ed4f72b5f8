/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-model-props.c - what follows the model's name in -cpu: features and properties.
 *
 * What is known but can't be done is named in one line ("not supported: ..."); with
 * `enforce` it is an error. An unknown word is an error.
 *
 * Threads: control, before the vCPU runs.
 * Known gaps: hv-* enlightenments, a virtual PMU, the controls of nested VMX (vmx-*).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt.h"
#include "core/cpu/x86-model-build.h"

/* ---- "did you mean" ---- */
static unsigned props_distance(const char *a, const char *b)
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

void x86_near_try(struct x86_near *s, const char *want, const char *have)
{
	size_t used = strlen(s->text), wl = strlen(want), hl = strlen(have);
	size_t head = MIN(wl, hl);
	bool prefix = head >= 3 && !strncasecmp(want, have, MIN(head, (size_t)5));

	if (s->n >= 8 || used + hl + 3 > sizeof(s->text) ||
	    (props_distance(want, have) > 2 && !prefix)) {
		return;
	}
	snprintf(s->text + used, sizeof(s->text) - used, "%s%s", s->n ? ", " : "",
	         have);
	s->n++;
}

static int props_unknown(const char *name, struct err *e)
{
	struct x86_near s = { .n = 0 };
	char buf[32];

	for (unsigned f = 0; f < XF_N * 64; f++) {
		if (*x86_feature_name(f, buf)) {
			x86_near_try(&s, name, buf);
		}
	}
	return err_set(e, -EINVAL, "-cpu: no such feature or property '%s'%s%s", name,
	               s.n ? "; near: " : "", s.text);
}

/* ---- properties ---- */

enum props_kind { PROPS_BOOL, PROPS_NUMBER, PROPS_TEXT };
enum props_id {
	PROPS_CHECK,
	PROPS_ENFORCE,
	PROPS_KVM,
	PROPS_L3,
	PROPS_HOST_CACHE,
	PROPS_HOST_PHYS,
	PROPS_MIGRATABLE,
	PROPS_LEAF_B,
	PROPS_FREQ,
	PROPS_FAMILY,
	PROPS_MODEL,
	PROPS_STEPPING,
	PROPS_LEVEL,
	PROPS_XLEVEL,
	PROPS_MIN_LEVEL,
	PROPS_MIN_XLEVEL,
	PROPS_PHYS_BITS,
	PROPS_HOST_PHYS_LIMIT,
	PROPS_TSC,
	PROPS_VENDOR,
	PROPS_MODEL_ID,
};

/* clang-format off */
static const struct {
	const char *name;
	enum props_id id;
	enum props_kind kind;
	uint64_t max;
} props[] = {
	{ "check", PROPS_CHECK, PROPS_BOOL, 0 },
	{ "enforce", PROPS_ENFORCE, PROPS_BOOL, 0 },
	{ "kvm", PROPS_KVM, PROPS_BOOL, 0 },
	{ "l3-cache", PROPS_L3, PROPS_BOOL, 0 },
	{ "host-cache-info", PROPS_HOST_CACHE, PROPS_BOOL, 0 },
	{ "host-phys-bits", PROPS_HOST_PHYS, PROPS_BOOL, 0 },
	{ "migratable", PROPS_MIGRATABLE, PROPS_BOOL, 0 },
	{ "cpuid-0xb", PROPS_LEAF_B, PROPS_BOOL, 0 },
	{ "vmware-cpuid-freq", PROPS_FREQ, PROPS_BOOL, 0 },
	{ "family", PROPS_FAMILY, PROPS_NUMBER, 0xff + 0xf },
	{ "model-number", PROPS_MODEL, PROPS_NUMBER, 0xff },
	{ "stepping", PROPS_STEPPING, PROPS_NUMBER, 0xf },
	{ "level", PROPS_LEVEL, PROPS_NUMBER, 0x20 },
	{ "xlevel", PROPS_XLEVEL, PROPS_NUMBER, 0x800000ff },
	{ "min-level", PROPS_MIN_LEVEL, PROPS_NUMBER, 0x20 },
	{ "min-xlevel", PROPS_MIN_XLEVEL, PROPS_NUMBER, 0x800000ff },
	{ "phys-bits", PROPS_PHYS_BITS, PROPS_NUMBER, 52 },
	{ "host-phys-bits-limit", PROPS_HOST_PHYS_LIMIT, PROPS_NUMBER, 52 },
	{ "tsc-frequency", PROPS_TSC, PROPS_NUMBER, UINT64_C(100000000000) },
	{ "tsc-freq", PROPS_TSC, PROPS_NUMBER, UINT64_C(100000000000) },
	{ "vendor", PROPS_VENDOR, PROPS_TEXT, 0 },
	{ "model-id", PROPS_MODEL_ID, PROPS_TEXT, 0 },
};

/* Only the value that says how things are anyway. */
static const struct {
	const char *name, *is, *why;
} props_fixed[] = {
	{ "pmu", "off", "there is no virtual PMU" },
	{ "lmce", "off", "machine checks go to all vCPUs" },
	{ "full-cpuid-auto-level", "on", "levels always follow features" },
	{ "fill-mtrr-mask", "on", "MTRR masks have all address bits" },
	{ "kvm-no-smi-migration", "off", "SMIs are part of the state" },
	{ "kvm-pv-enforce-cpuid", "off", "KVM's own features work though hidden" },
	{ "legacy-cache", "on", "every model has the same caches" },
	{ "tcg-cpuid", "on", "the translator names itself; see lodge-signature" },
	{ "start-powered-off", "off", "the machine decides" },
	{ "ucode-rev", "0", "the microcode's revision is fixed" },
	{ "xlevel2", "0", "no leaves at 0xc0000000" },
	{ "min-xlevel2", "0", "no leaves at 0xc0000000" },
	{ "lbr-fmt", "0", "no branch records" },
	{ "level-func7", "0", "the sub-leaves follow the features" },
};
/* clang-format on */

/* '_' and '-' are the same. */
static bool props_same(const char *a, const char *b)
{
	while (*a && *b && (*a == *b || (*a == '_' && *b == '-'))) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static void props_cannot(struct model_build *b, const char *key, const char *value,
                         const char *why)
{
	size_t n = strlen(b->cannot);

	snprintf(b->cannot + n, sizeof(b->cannot) - n, "%s%s=%s (%s)", n ? ", " : "",
	         key, value, why);
}

/* on and off have many names; 0 and 0x0 are a number. */
static bool props_is(struct opt *o, const char *value)
{
	bool on;
	uint64_t n;

	if (*value == '0') {
		return opt_scalar_u64(o, &n) >= 0 && n == 0;
	}
	return opt_scalar_bool(o, &on) >= 0 && on == !strcmp(value, "on");
}

/* 1: that was it. */
static int props_try_fixed(struct model_build *b, const char *k, struct opt *o)
{
	for (unsigned i = 0; i < ARRAY_LEN(props_fixed); i++) {
		if (props_same(k, props_fixed[i].name)) {
			if (!props_is(o, props_fixed[i].is)) {
				props_cannot(b, k, opt_str(o), props_fixed[i].why);
			}
			return 1;
		}
	}
	if (!strncmp(k, "hv-", 3) || !strncmp(k, "hv_", 3)) {
		if (!props_is(o, "off")) {
			props_cannot(b, k, opt_str(o), "no Hyper-V enlightenments");
		}
		return 1;
	}
	if (!strncmp(k, "vmx-", 4) || !strncmp(k, "vmx_", 4)) {
		if (!props_is(o, "off")) {
			props_cannot(b, k, opt_str(o), "nested VMX is as KVM has it");
		}
		return 1;
	}
	if (!strncmp(k, "x-", 2)) {
		props_cannot(b, k, opt_str(o), "unknown experiment");
		return 1;
	}
	return 0;
}

static int props_phys_bits(struct model_build *b, uint64_t v, struct err *e)
{
	if (v && v < 32) {
		return err_set(e, -EINVAL, "-cpu: phys-bits must be 32..52");
	}
	if (v > b->phys_limit) {
		return err_set(e, -ENOTSUP,
		               "-cpu: phys-bits=%llu: this host's processor has %u",
		               (unsigned long long)v, b->phys_limit);
	}
	b->c->phys_bits = v ? (uint8_t)v : b->c->phys_bits;
	b->host_phys_bits = b->host_phys_bits && !v;
	return 0;
}

static int props_number(struct model_build *b, enum props_id id, uint64_t v,
                        struct err *e)
{
	switch (id) {
	case PROPS_FAMILY: b->id.family = (unsigned)v; break;
	case PROPS_MODEL: b->id.model = (unsigned)v; break;
	case PROPS_STEPPING: b->id.stepping = (unsigned)v; break;
	case PROPS_LEVEL:
		b->id.level = (uint32_t)v;
		b->own_level = true;
		break;
	case PROPS_XLEVEL:
		b->id.xlevel = (uint32_t)v;
		b->own_xlevel = true;
		break;
	case PROPS_MIN_LEVEL: b->min_level = (uint32_t)v; break;
	case PROPS_MIN_XLEVEL: b->min_xlevel = (uint32_t)v; break;
	case PROPS_PHYS_BITS: return props_phys_bits(b, v, e);
	case PROPS_HOST_PHYS_LIMIT: b->host_phys_limit = (unsigned)v; break;
	case PROPS_TSC:
		if (v && v < 1000000) {
			return err_set(e, -EINVAL, "-cpu: tsc-frequency below 1 MHz");
		}
		b->c->tsc_khz = v ? v / 1000 : b->c->tsc_khz;
		break;
	default: break;
	}
	return 0;
}

static void props_bool(struct model_build *b, enum props_id id, bool on)
{
	switch (id) {
	case PROPS_CHECK: b->no_check = !on; break;
	case PROPS_ENFORCE: b->enforce = on; break;
	case PROPS_KVM: b->kvm_off = !on; break;
	case PROPS_L3: b->id.no_l3 = !on; break;
	case PROPS_HOST_CACHE: b->id.host_caches = on; break;
	case PROPS_HOST_PHYS: b->host_phys_bits = on; break;
	case PROPS_MIGRATABLE: b->migratable = on; break;
	case PROPS_LEAF_B: b->id.no_leaf_b = !on; break;
	case PROPS_FREQ: b->id.no_freq_leaf = !on; break;
	default: break;
	}
}

static int props_text(struct model_build *b, enum props_id id, const char *text,
                      struct err *e)
{
	if (id == PROPS_MODEL_ID) {
		snprintf(b->id.id, sizeof(b->id.id), "%s", text);
		return 0;
	}
	if (strlen(text) != 12) {
		return err_set(e, -EINVAL, "-cpu: vendor=%s must have 12 characters",
		               text);
	}
	memcpy(b->id.vendor, text, 13);
	b->own_vendor = true;
	return 0;
}

/* 1: done; 0: no such property. */
static int props_try(struct model_build *b, const char *k, struct opt *o, struct err *e)
{
	uint64_t v;
	bool on;

	for (unsigned i = 0; i < ARRAY_LEN(props); i++) {
		int r = 0;

		if (!props_same(k, props[i].name)) {
			continue;
		}
		if (props[i].kind == PROPS_TEXT) {
			r = props_text(b, props[i].id, opt_str(o), e);
		} else if (props[i].kind == PROPS_BOOL) {
			if (opt_scalar_bool(o, &on) < 0) {
				return err_set(e, -EINVAL, "-cpu: %s=%s: use on or off",
				               k, opt_str(o));
			}
			props_bool(b, props[i].id, on);
		} else if (opt_scalar_u64(o, &v) < 0 || v > props[i].max) {
			return err_set(e, -EINVAL,
			               "-cpu: %s=%s is not a number up to %llu", k,
			               opt_str(o), (unsigned long long)props[i].max);
		} else {
			r = props_number(b, props[i].id, v, e);
		}
		return r < 0 ? r : 1;
	}
	return props_try_fixed(b, k, o);
}

/* ---- features ---- */

static int props_feature(struct model_build *b, const char *name, bool on,
                         struct err *e)
{
	int f = x86_feature_find(name, strlen(name));

	if (f < 0) {
		return props_unknown(name, e);
	}
	x86_feature_set(b->c->features, (unsigned)f, on);
	x86_feature_set(b->asked, (unsigned)f, on);
	x86_feature_set(b->denied, (unsigned)f, !on);
	return 0;
}

static int props_one(struct model_build *b, const char *k, struct opt *o, struct err *e)
{
	bool on;
	int r;

	if (*k == '+' || *k == '-') {
		return props_feature(b, k + 1, *k == '+', e);
	}
	r = props_try(b, k, o, e);
	if (r != 0) {
		return r;
	}
	if (x86_feature_find(k, strlen(k)) < 0) {
		return props_unknown(k, e);
	}
	if (opt_scalar_bool(o, &on) < 0) {
		return err_set(e, -EINVAL, "-cpu: %s=%s: use on or off", k, opt_str(o));
	}
	return props_feature(b, k, on, e);
}

int x86_model_options(struct model_build *b, struct opt *opts, struct err *e)
{
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < opt_count(opts); i++) {
			const char *k = opt_key_at(opts, i);
			struct opt *o = opt_get(opts, k);
			bool sign = *k == '+' || *k == '-';
			int r;

			/* a key with a dot ("sse4.1") is one member, not a path */
			o = o ? o : opt_at(opts, i);
			if (sign != (pass == 1) || !strcmp(k, "model")) {
				continue;
			}
			r = props_one(b, k, o, e);
			if (r < 0) {
				return r;
			}
		}
	}
	return 0;
}
