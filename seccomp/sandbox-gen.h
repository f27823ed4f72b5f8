/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox-gen.h - shape of what policyc generates. */
#ifndef LODGE_SECCOMP_SANDBOX_GEN_H
#define LODGE_SECCOMP_SANDBOX_GEN_H

#include <linux/filter.h>

enum { SANDBOX_NR_MAX = 600 };

struct sandbox_filter {
	const char *role; /* role_name() */
	const struct sock_filter *ins;
	unsigned short n;
};
extern const struct sandbox_filter sandbox_filters[]; /* NULL role at the end */
extern const char *const sandbox_syscall_names[SANDBOX_NR_MAX];

#endif
