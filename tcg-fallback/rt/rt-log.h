/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt-log.h - the translator seen from outside: -d in_asm,ir,out_asm and the perf map. */
#ifndef LODGE_TCG_RT_LOG_H
#define LODGE_TCG_RT_LOG_H

#include "base/err.h"

struct ir_unit;
struct rt_vcpu;
struct tcg_block;
struct tcg_rt;

/* Loads the disassembler when the log asks for it: before the sandbox closes. */
void rt_log_init(void);
void rt_log_ir(const struct ir_unit *u, const char *title);
void rt_log_code(struct rt_vcpu *v, const struct tcg_block *b, const struct ir_unit *u);
/* /tmp/perf-PID.map, where `perf report` looks. */
int rt_perf_map_open(struct tcg_rt *rt, struct err *e) __must_check;

#endif
