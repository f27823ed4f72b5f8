/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-model-build.h - a CPU model while it is made: between x86-set-model.c and
 * x86-model-props.c. */
#ifndef LODGE_CORE_CPU_X86_MODEL_BUILD_H
#define LODGE_CORE_CPU_X86_MODEL_BUILD_H

#include "core/cpu/x86-model.h"

struct opt;

struct model_build {
	struct x86_cpu *c;
	const struct x86_model *m;
	const char *name; /* as it was given */
	unsigned version;
	struct x86_ident id;
	uint64_t asked[XF_N];   /* named by the user: missing ones deserve a word */
	uint64_t denied[XF_N];  /* by the user */
	uint64_t missing[XF_N]; /* what the accelerator lacks */
	char cannot[512];       /* properties that are known but not supported */
	bool tcg, kvm;
	bool no_check, enforce, kvm_off, own_level, own_xlevel, own_vendor, migratable;
	bool host_phys_bits;
	uint32_t min_level, min_xlevel;
	unsigned phys_limit;      /* of the host; 52: not known */
	unsigned host_phys_limit; /* what the user allows; 0: all */
};

/* "did you mean": names that are like the one that was asked for. */
struct x86_near {
	char text[256];
	unsigned n;
};
void x86_near_try(struct x86_near *s, const char *want, const char *have);

/* feat=on|off and properties; then the + and - forms, which win. */
int x86_model_options(struct model_build *b, struct opt *opts, struct err *e);

#endif
