/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accel-qtest.c - the accelerator that runs nothing: vCPUs exist and sleep. For tests of
 * boards and devices, and for looking at a machine's tables (-machine x-dump-acpi=DIR).
 */
#include "config.h"

#include "core/hv.h"
#include "core/vm.h"
#include "main/build.h"

static enum vcpu_exit qtest_run(struct vcpu *c)
{
	return atomic_load(&c->exit_request) ? VCPU_EXIT_KICK : VCPU_EXIT_HALT;
}

const struct hv_ops qtest_hv_ops = {
	.name = "qtest",
	.vcpu = { .run = qtest_run },
};
