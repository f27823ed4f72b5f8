/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - locks the process down before the guest runs.
 *
 * sandbox_init() installs the handler that names role and call, sets no_new_privs and
 * drops every capability; then each thread applies the filter of its role through
 * the hook of core/role.h. A call outside the role's table ends the process with
 * status 159 (128 + SIGSYS) after one line on stderr:
 *
 *   lodge: sandbox: role vcpu: system call socket (41) is not allowed
 *
 * Policies are data: seccomp/policy, one file a role, a reason a line.
 */
#ifndef LODGE_SECCOMP_SANDBOX_H
#define LODGE_SECCOMP_SANDBOX_H

#include "base/err.h"
#include "core/role.h"

enum { SANDBOX_EXIT = 159 };

/* Control thread, once, with whatever needs privileges already opened. */
int sandbox_init(struct err *e) __must_check;
/* The role_seal_fn: filter of `r` on the calling thread. */
int sandbox_seal_thread(enum role r, struct err *e);

#endif
