/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-model-versions.c - versions 2 and later of the CPU models: each is what changed since
 * the one before it; and how a name ("Haswell", "Haswell-v2", "Haswell-noTSX") is found. A
 * name without a version is version 1.
 *
 * Spec: as x86-models.c. Threads: control.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "core/cpu/x86-model.h"

/* clang-format off */
static const struct x86_model_version model_versions[] = {
	{ .model = "Nehalem", .version = 2, .alias = "Nehalem-IBRS",
	  .id = "Intel Core i7 9xx (Nehalem Core i7, IBRS update)",
	  .add = "spec-ctrl" },
	{ .model = "Westmere", .version = 2, .alias = "Westmere-IBRS",
	  .id = "Westmere E56xx/L56xx/X56xx (IBRS update)",
	  .add = "spec-ctrl" },
	{ .model = "SandyBridge", .version = 2, .alias = "SandyBridge-IBRS",
	  .id = "Intel Xeon E312xx (Sandy Bridge, IBRS update)",
	  .add = "spec-ctrl" },
	{ .model = "IvyBridge", .version = 2, .alias = "IvyBridge-IBRS",
	  .id = "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)",
	  .add = "spec-ctrl" },
	{ .model = "Haswell", .version = 2, .alias = "Haswell-noTSX", .stepping = 1,
	  .id = "Intel Core Processor (Haswell, no TSX)",
	  .del = "hle rtm" },
	{ .model = "Haswell", .version = 3, .alias = "Haswell-IBRS", .stepping = 4,
	  .id = "Intel Core Processor (Haswell, IBRS)",
	  .add = "hle rtm spec-ctrl" },
	{ .model = "Haswell", .version = 4, .alias = "Haswell-noTSX-IBRS", .stepping = 1,
	  .id = "Intel Core Processor (Haswell, no TSX, IBRS)",
	  .del = "hle rtm" },
	{ .model = "Broadwell", .version = 2, .alias = "Broadwell-noTSX",
	  .id = "Intel Core Processor (Broadwell, no TSX)",
	  .del = "hle rtm" },
	{ .model = "Broadwell", .version = 3, .alias = "Broadwell-IBRS",
	  .id = "Intel Core Processor (Broadwell, IBRS)",
	  .add = "hle rtm spec-ctrl" },
	{ .model = "Broadwell", .version = 4, .alias = "Broadwell-noTSX-IBRS",
	  .id = "Intel Core Processor (Broadwell, no TSX, IBRS)",
	  .del = "hle rtm" },
	{ .model = "Skylake-Client", .version = 2, .alias = "Skylake-Client-IBRS",
	  .id = "Intel Core Processor (Skylake, IBRS)",
	  .add = "spec-ctrl" },
	{ .model = "Skylake-Client", .version = 3, .alias = "Skylake-Client-noTSX-IBRS",
	  .id = "Intel Core Processor (Skylake, IBRS, no TSX)",
	  .del = "hle rtm" },
	{ .model = "Skylake-Client", .version = 4,
	  .add = "xsaves" },
	{ .model = "Skylake-Server", .version = 2, .alias = "Skylake-Server-IBRS",
	  .id = "Intel Xeon Processor (Skylake, IBRS)",
	  .add = "spec-ctrl",
	  .del = "clflushopt" },
	{ .model = "Skylake-Server", .version = 3, .alias = "Skylake-Server-noTSX-IBRS",
	  .id = "Intel Xeon Processor (Skylake, IBRS, no TSX)",
	  .del = "hle rtm" },
	{ .model = "Skylake-Server", .version = 4 },
	{ .model = "Skylake-Server", .version = 5,
	  .add = "xsaves" },
	{ .model = "Cascadelake-Server", .version = 2,
	  .add = "arch-capabilities rdctl-no ibrs-all skip-l1dfl-vmentry mds-no" },
	{ .model = "Cascadelake-Server", .version = 3, .alias = "Cascadelake-Server-noTSX",
	  .del = "hle rtm" },
	{ .model = "Cascadelake-Server", .version = 4 },
	{ .model = "Cascadelake-Server", .version = 5,
	  .add = "xsaves" },
	{ .model = "Cooperlake", .version = 2,
	  .add = "xsaves" },
	{ .model = "Icelake-Server", .version = 2, .alias = "Icelake-Server-noTSX",
	  .del = "hle rtm" },
	{ .model = "Icelake-Server", .version = 3,
	  .add = "arch-capabilities rdctl-no ibrs-all skip-l1dfl-vmentry mds-no "
		 "pschange-mc-no taa-no" },
	{ .model = "Icelake-Server", .version = 4, .number = 106,
	  .add = "avx512ifma sha-ni rdpid fsrm" },
	{ .model = "Icelake-Server", .version = 5,
	  .add = "xsaves" },
	{ .model = "Icelake-Server", .version = 6 },
	{ .model = "Denverton", .version = 2,
	  .del = "monitor mpx" },
	{ .model = "Denverton", .version = 3,
	  .add = "xsaves" },
	{ .model = "Snowridge", .version = 2,
	  .id = "Intel Atom Processor (Snowridge, no MPX)",
	  .del = "mpx" },
	{ .model = "Snowridge", .version = 3,
	  .add = "xsaves" },
	{ .model = "Snowridge", .version = 4,
	  .del = "core-capability split-lock-detect" },
	{ .model = "EPYC", .version = 2, .alias = "EPYC-IBPB",
	  .id = "AMD EPYC Processor (with IBPB)",
	  .add = "ibpb" },
	{ .model = "EPYC", .version = 3,
	  .id = "AMD EPYC Processor",
	  .add = "xsaves perfctr-core clzero xsaveerptr" },
	{ .model = "EPYC-Rome", .version = 2,
	  .add = "ibrs amd-ssbd" },
	{ .model = "Dhyana", .version = 2,
	  .add = "xsaves" },
};

/* Names that other tools use for one of them. */
static const struct {
	const char *alias, *name;
} model_aliases[] = {
	{ "Cascadelake", "Cascadelake-Server" },
	{ "Icelake", "Icelake-Server" },
};
/* clang-format on */

const struct x86_model_version *x86_model_version(const struct x86_model *m, unsigned v)
{
	for (unsigned i = 0; i < ARRAY_LEN(model_versions); i++) {
		if (model_versions[i].version == v &&
		    !strcmp(model_versions[i].model, m->name)) {
			return &model_versions[i];
		}
	}
	return NULL;
}

static const struct x86_model *model_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < x86_n_models; i++) {
		if (strlen(x86_models[i].name) == len &&
		    !strncasecmp(x86_models[i].name, name, len)) {
			return &x86_models[i];
		}
	}
	return NULL;
}

static bool model_has_versions(const struct x86_model *m)
{
	return !m->max && !m->bare && strncmp(m->name, "x86-64-v", 8);
}

const struct x86_model *x86_model_find(const char *name, unsigned *version)
{
	const struct x86_model *m;
	const char *v;

	*version = 1;
	for (unsigned i = 0; i < ARRAY_LEN(model_aliases); i++) {
		if (!strcasecmp(model_aliases[i].alias, name)) {
			name = model_aliases[i].name;
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(model_versions); i++) {
		const struct x86_model_version *mv = &model_versions[i];

		if (mv->alias && !strcasecmp(mv->alias, name)) {
			*version = mv->version;
			return model_find(mv->model, strlen(mv->model));
		}
	}
	m = model_find(name, strlen(name));
	if (m) {
		return m;
	}
	v = strrchr(name, '-');
	m = v && (v[1] == 'v' || v[1] == 'V') && v[2] >= '1' && v[2] <= '9' && !v[3]
	            ? model_find(name, (size_t)(v - name))
	            : NULL;
	if (!m || !model_has_versions(m)) {
		return NULL;
	}
	*version = (unsigned)(v[2] - '0');
	return *version == 1 || x86_model_version(m, *version) ? m : NULL;
}

/* ---- all names ---- */

enum { MODEL_NAMES = 192 };
static struct x86_model_name_info model_names[MODEL_NAMES]; /* control; filled once */
static unsigned model_n_names;

static void model_name_put(const struct x86_model *m, unsigned version,
                           const char *alias_of, const char *text, bool versioned)
{
	struct x86_model_name_info *n = &model_names[model_n_names];

	if (model_n_names == MODEL_NAMES) {
		return; /* our table: a unit test counts */
	}
	n->model = m;
	n->version = version;
	snprintf(n->name, sizeof(n->name), versioned ? "%s-v%u" : "%s", text, version);
	snprintf(n->alias_of, sizeof(n->alias_of), alias_of ? "%s-v%u" : "", alias_of,
	         version);
	model_n_names++;
}

static void model_names_fill(void)
{
	for (unsigned i = 0; i < x86_n_models; i++) {
		const struct x86_model *m = &x86_models[i];
		const struct x86_model_version *mv;

		if (!model_has_versions(m)) {
			model_name_put(m, 1, NULL, m->name, false);
			continue;
		}
		model_name_put(m, 1, m->name, m->name, false);
		model_name_put(m, 1, NULL, m->name, true);
		for (unsigned v = 2; (mv = x86_model_version(m, v)) != NULL; v++) {
			model_name_put(m, v, NULL, m->name, true);
			if (mv->alias) {
				model_name_put(m, v, m->name, mv->alias, false);
			}
		}
	}
}

const struct x86_model_name_info *x86_model_at(unsigned i)
{
	if (!model_n_names) {
		model_names_fill();
	}
	return i < model_n_names ? &model_names[i] : NULL;
}

const char *x86_model_full_name(const struct x86_model *m, unsigned version)
{
	const struct x86_model_name_info *n;

	for (unsigned i = 0; version > 1 && (n = x86_model_at(i)) != NULL; i++) {
		if (n->model == m && n->version == version) {
			return n->name; /* the numbered one comes first */
		}
	}
	return m->name;
}

const char *x86_model_name(unsigned i)
{
	const struct x86_model_name_info *n = x86_model_at(i);

	return n ? n->name : NULL;
}
