/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.h - `-accel tcg,engine=check`: every block is first run dry by the interpreter (its
 * stores go to a log), then by the emitted code; registers, flags, next pc and
 * stored bytes must agree. A difference is reported with the block's IR. For one
 * vCPU; blocks with helper calls or atomics are not compared.
 */
#ifndef LODGE_TCG_CHECK_H
#define LODGE_TCG_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg-fallback/ir/env.h"

struct rt_vcpu;
struct tcg_block;
struct tcg_rt;

/* Before the run: true if the block was run dry and is to be compared after. */
bool rt_check_before(struct rt_vcpu *v, struct tcg_block *b);
/* May the block be reached without the dispatcher? */
bool rt_check_done(const struct tcg_rt *rt, const struct tcg_block *b);
void rt_check_after(struct rt_vcpu *v, const struct tcg_block *b, int reason);

/* softmmu.c, while v->dry */
uint64_t rt_check_ld(struct rt_vcpu *v, uint64_t addr, uint32_t info);
void rt_check_st(struct rt_vcpu *v);

#endif
