/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * native.c - runs a test case on this processor: a signal handler rewrites the whole
 * register context, sigreturn jumps into the code, the next signal (the code page is
 * filled with HLT, which faults in user mode) ends the run and restores the context.
 *
 * 32-bit code runs in the kernel's 32-bit user code segment, 16-bit code in segments of the
 * LDT, where the kernel allows it.
 */
#include "config.h"

#include "tests/insn/insn.h"

#include <asm/ldt.h>
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

const char *const it_fault_names[] = { "ok", "segv", "fpe", "ill", "trap", "other" };

static struct {
	const struct it_case *c;
	struct it_state *out;
	greg_t saved[NGREG];
	uint8_t saved_fp[512 + 64 + 256];
	volatile bool running;
	bool has_32, has_16;
} nat;

static const int nat_gpr[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
	                         REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
	                         REG_R12, REG_R13, REG_R14, REG_R15 };

enum { NAT_CS16 = 0 << 3 | 7, NAT_DS16 = 1 << 3 | 7 }; /* in the LDT */

static void native_data_segs(unsigned sel)
{
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(sel));
}

/* The signal frame's FP state: FXSAVE image with the XSAVE header and the YMM part behind it,
 * not compacted; bytes 464.. say how much there is. */
enum { NAT_SW = 464, NAT_HDR = 512, NAT_YMM = 576 };

static bool native_has_ymm(const uint8_t *fp)
{
	static const uint8_t magic[4] = { 0x53, 0x58, 0x50, 0x46 };

	return !memcmp(fp + NAT_SW, magic, 4) && fp[NAT_SW + 8] & 4;
}

static void native_fp_in(uint8_t *fp, const struct it_fp *in)
{
	memcpy(nat.saved_fp, fp, native_has_ymm(fp) ? sizeof(nat.saved_fp) : 512);
	memcpy(fp, in->fx, NAT_SW - 48);
	if (native_has_ymm(fp)) {
		fp[NAT_HDR] |= 7;
		memcpy(fp + NAT_YMM, in->yh, 256);
	}
}

static void native_fp_out(uint8_t *fp, struct it_fp *out)
{
	it_fp_init(out);
	if (!native_has_ymm(fp)) {
		memcpy(out->fx, fp, NAT_SW - 48);
		memcpy(fp, nat.saved_fp, 512);
		return;
	}
	if (fp[NAT_HDR] & 1) {
		memcpy(out->fx, fp, 24);
		memcpy(out->fx + 32, fp + 32, 128);
	}
	memcpy(out->fx + 24, fp + 24, 8);
	if (fp[NAT_HDR] & 2) {
		memcpy(out->fx + 160, fp + 160, 256);
	}
	if (fp[NAT_HDR] & 4) {
		memcpy(out->yh, fp + NAT_YMM, 256);
	}
	memcpy(fp, nat.saved_fp, sizeof(nat.saved_fp));
}

void it_fp_init(struct it_fp *f)
{
	memset(f, 0, sizeof(*f));
	f->fx[0] = 0x7f;
	f->fx[1] = 3;
	f->fx[24] = 0x80;
	f->fx[25] = 0x1f;
}

static void native_enter(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	memcpy(nat.saved, g, sizeof(nat.saved));
	for (unsigned i = 0; i < 16; i++) {
		g[nat_gpr[i]] = (greg_t)nat.c->in.reg[i];
	}
	g[REG_RIP] = (greg_t)((nat.c->bits == 16 ? 0 : IT_CODE) + nat.c->at);
	g[REG_EFL] = (greg_t)((g[REG_EFL] & ~(greg_t)IT_FLAGS) | nat.c->in.flags);
	if (nat.c->bits == 32) { /* cs, gs, fs, ss in 16 bits each */
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~(greg_t)0xffff) | 0x23;
	} else if (nat.c->bits == 16) {
		g[REG_CSGSFS] = NAT_CS16 | (greg_t)NAT_DS16 << 48;
		native_data_segs(NAT_DS16);
	}
	native_fp_in((uint8_t *)uc->uc_mcontext.fpregs, &nat.c->in.fp);
	nat.running = true;
}

static void native_leave(int sig, siginfo_t *si, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	struct it_state *o = nat.out;

	for (unsigned i = 0; i < 16; i++) {
		o->reg[i] = (uint64_t)g[nat_gpr[i]];
	}
	native_fp_out((uint8_t *)uc->uc_mcontext.fpregs, &o->fp);
	o->rip = (uint64_t)g[REG_RIP] + (nat.c->bits == 16 ? IT_CODE : 0);
	if (nat.c->bits == 16) {
		native_data_segs(0x2b);
	}
	o->flags = (uint32_t)g[REG_EFL] & IT_FLAGS;
	o->fault_addr = (uint64_t)(uintptr_t)si->si_addr;
	o->fault = sig == SIGFPE    ? IT_FPE
	           : sig == SIGILL  ? IT_ILL
	           : sig == SIGTRAP ? IT_TRAP
	           : sig == SIGSEGV && o->rip >= IT_CODE &&
	                           o->rip < IT_CODE + IT_CODE_SIZE &&
	                           *(uint8_t *)(uintptr_t)o->rip == 0xf4
	                   ? IT_OK
	                   : IT_SEGV;
	memcpy(g, nat.saved, sizeof(nat.saved));
	nat.running = false;
}

static void native_signal(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	if (sig == SIGUSR1) {
		native_enter(uc);
	} else if (nat.running) {
		native_leave(sig, si, uc);
	} else {
		static const char msg[] = "native: stray signal\n";

		if (write(2, msg, sizeof(msg) - 1) < 0) {
			_exit(98);
		}
		_exit(99);
	}
}

bool native_has(unsigned bits)
{
	return bits == 16 ? nat.has_16 : bits == 32 ? nat.has_32 : true;
}

static bool native_probe(unsigned bits)
{
	/* inc eax: in 64-bit code a REX prefix without effect on eax; in 16-bit code inc ax */
	struct it_case c = { .code = { 0x40 }, .len = 1, .bits = bits };
	struct it_state o = { 0 };

	c.in.reg[X86_RAX] = 0xffff;
	c.in.reg[X86_RSP] = (bits == 16 ? 0 : IT_MEM) + 4096;
	native_run(&c, &o);
	return o.fault == IT_OK && o.reg[0] == (bits == 16 ? 0 : 0x10000);
}

static bool native_ldt(void)
{
	struct user_desc d = { .base_addr = IT_CODE,
		               .limit = 0xffff,
		               .useable = 1,
		               .contents = MODIFY_LDT_CONTENTS_CODE };

	if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d))) {
		return false;
	}
	d.entry_number = 1;
	d.base_addr = IT_MEM;
	d.contents = MODIFY_LDT_CONTENTS_DATA;
	return !syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

void native_init(void)
{
	static const int sigs[] = { SIGUSR1, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = native_signal,
		                .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_size = 65536 };
	int prot = PROT_READ | PROT_WRITE, fl = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	ss.ss_sp = malloc(ss.ss_size);
	if (!ss.ss_sp || sigaltstack(&ss, NULL) ||
	    mmap((void *)IT_MEM, IT_MEM_SIZE, prot, fl, -1, 0) == MAP_FAILED ||
	    mmap((void *)IT_CODE, IT_CODE_SIZE, prot | PROT_EXEC, fl, -1, 0) ==
	            MAP_FAILED) {
		err(77, "cannot set up the sandbox");
	}
	for (unsigned i = 0; i < ARRAY_LEN(sigs); i++) {
		sigaction(sigs[i], &sa, NULL);
	}
	native_data_segs(0x2b);
	memset((void *)IT_CODE, 0xf4, IT_CODE_SIZE);
	nat.has_32 = native_probe(32);
	nat.has_16 = nat.has_32 && native_ldt() && native_probe(16);
}

void native_run(const struct it_case *c, struct it_state *out)
{
	uint8_t *code = (uint8_t *)(uintptr_t)(IT_CODE + c->at);

	nat.c = c;
	nat.out = out;
	memcpy(code, c->code, c->len);
	raise(SIGUSR1);
	memset(code, 0xf4, c->len);
}
