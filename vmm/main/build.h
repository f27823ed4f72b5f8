/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * build.h - from the option tree to a machine that is ready to run. Control thread.
 */
#ifndef LODGE_MAIN_BUILD_H
#define LODGE_MAIN_BUILD_H

#include <stdbool.h>

#include "base/err.h"

struct opt;
struct vm;
struct hv_ops;
struct machine;

struct build {
	struct opt *tree;   /* owned */
	const char *target; /* "x86_64" */
	struct vm *vm;
	struct machine *machine;
	const struct hv_ops *hv;
	struct opt *hv_opts; /* borrowed from the tree, or NULL */
	unsigned n_serial, n_drive, n_nic, n_mon;
	unsigned ide_used; /* cli_drive_env */
	bool nodefaults, nographic;
};

/* Everything up to stopped vCPUs. */
int build_vm(struct build *b, struct err *e) __must_check;
void build_free(struct build *b);

/* The first accelerator of the list that works; says why those before it did not. */
int accel_pick(struct build *b, struct err *e) __must_check;
extern const struct hv_ops qtest_hv_ops; /* runs nothing: tests */

#endif
