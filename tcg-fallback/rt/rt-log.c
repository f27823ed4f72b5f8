/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rt-log.c - see rt-log.h. Disassembly needs capstone (optional at configure time). Its
 * library has a hundred thousand relocations, which cost more time than the rest of our
 * start together: it is loaded when a log asks for it, before the sandbox closes.
 */
#include "config.h"

#include "tcg-fallback/rt/rt-log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#include <dlfcn.h>
#endif

#include "base/log.h"
#include "tcg-fallback/rt/rt.h"

void rt_log_ir(const struct ir_unit *u, const char *title)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (!(log_on(LOG_IR) || log_on(LOG_IR_OPT))) {
		return;
	}
	f = open_memstream(&text, &len);
	if (!f) {
		return;
	}
	ir_print(f, u);
	fclose(f);
	log_cat_printf("%s of %016llx:\n%s\n", title, (unsigned long long)u->pc, text);
	free(text);
}

static void rt_log_bytes(const char *what, const uint8_t *p, size_t len, uint64_t at)
{
	log_cat_printf("%s (no disassembler):", what);
	for (size_t i = 0; i < len; i++) {
		log_cat_printf(" %02x", p[i]);
	}
	log_cat_printf("  at %016llx\n", (unsigned long long)at);
}

#ifdef HAVE_CAPSTONE
#define RT_STR_(x)  #x
#define RT_STR(x)   RT_STR_(x)
#define RT_CAPSTONE "libcapstone.so." RT_STR(CS_API_MAJOR)

static struct {
	cs_err (*open)(cs_arch, cs_mode, csh *);
	size_t (*disasm)(csh, const uint8_t *, size_t, uint64_t, size_t, cs_insn **);
	void (*free)(cs_insn *, size_t);
	cs_err (*close)(csh *);
} rt_cs;

void rt_log_init(void)
{
	void *so;

	if (!(log_on(LOG_IN_ASM) || log_on(LOG_OUT_ASM)) || rt_cs.close) {
		return;
	}
	so = dlopen(RT_CAPSTONE, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		log_warn("-d in_asm,out_asm show bytes only: %s", dlerror());
		return;
	}
	rt_cs.open = (__typeof__(rt_cs.open))dlsym(so, "cs_open");
	rt_cs.disasm = (__typeof__(rt_cs.disasm))dlsym(so, "cs_disasm");
	rt_cs.free = (__typeof__(rt_cs.free))dlsym(so, "cs_free");
	rt_cs.close = rt_cs.open && rt_cs.disasm && rt_cs.free
	                      ? (__typeof__(rt_cs.close))dlsym(so, "cs_close")
	                      : NULL;
}

static void rt_log_disas(const char *what, int mode, const uint8_t *p, size_t len,
                         uint64_t at)
{
	csh h;
	cs_insn *ins;
	size_t n, off = 0;

	if (!rt_cs.close || rt_cs.open(CS_ARCH_X86, (cs_mode)mode, &h) != CS_ERR_OK) {
		rt_log_bytes(what, p, len, at);
		return;
	}
	log_cat_printf("%s:\n", what);
	while (off < len) {
		n = rt_cs.disasm(h, p + off, len - off, at + off, 0, &ins);
		for (size_t i = 0; i < n; i++) {
			log_cat_printf("  %016llx: %s %s\n",
			               (unsigned long long)ins[i].address,
			               ins[i].mnemonic, ins[i].op_str);
			off += ins[i].size;
		}
		if (n) {
			rt_cs.free(ins, n);
		}
		if (off < len) {
			log_cat_printf("  %016llx: .byte 0x%02x\n",
			               (unsigned long long)(at + off), p[off]);
			off++;
		}
	}
	rt_cs.close(&h);
}
#else
void rt_log_init(void)
{
}

static void rt_log_disas(const char *what, int mode, const uint8_t *p, size_t len,
                         uint64_t at)
{
	(void)mode;
	rt_log_bytes(what, p, len, at);
}
#endif

void rt_log_code(struct rt_vcpu *v, const struct tcg_block *b, const struct ir_unit *u)
{
	struct tcg_rt *rt = v->rt;

	if (log_on(LOG_IN_ASM)) {
		uint8_t bytes[TCG_PAGE];
		unsigned n = MIN(u->guest_len, (uint32_t)sizeof(bytes)), got = 0;

		while (got < n) {
			const uint8_t *host;
			uint64_t ram;

			if (!rt_exec_probe(v, b->pc + got, &host, &ram) || !host) {
				break;
			}
			bytes[got++] = *host;
		}
		rt_log_disas("IN",
		             rt->guest->disas_mode ? rt->guest->disas_mode(b->key) : 8,
		             bytes, got, b->pc);
	}
	if (log_on(LOG_OUT_ASM) && b->x) {
		rt_log_disas("OUT", 8 /* CS_MODE_64 */, b->x, b->len,
		             (uint64_t)(uintptr_t)b->x);
	}
	if (rt->perf_map && b->x) {
		fprintf(rt->perf_map, "%llx %x guest_%llx\n",
		        (unsigned long long)(uintptr_t)b->x, b->len,
		        (unsigned long long)b->pc);
		fflush(rt->perf_map);
	}
}

int rt_perf_map_open(struct tcg_rt *rt, struct err *e)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/perf-%d.map", (int)getpid());
	rt->perf_map = fopen(name, "we");
	return rt->perf_map
	               ? 0
	               : err_set_errno(e, -errno, "-accel tcg,perfmap=on: %s", name);
}
