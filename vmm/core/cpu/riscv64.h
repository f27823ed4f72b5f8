/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64.h - the architectural state of one RV64 hart.
 *
 * Models: the RISC-V Instruction Set Manual, volume I (RV64IMAFDCV) and volume II (machine
 * and supervisor mode; Sstc, Svpbmt, Svnapot); the Advanced Interrupt Architecture's
 * supervisor CSRs. KVM fills this struct and is filled from it; migration, the gdb
 * stub and QMP read only it; it is laid out so that translated code can run on it: what
 * such code uses most comes first.
 *
 * Supervisor registers that are views of machine registers (sstatus, sie, sip) have no
 * storage of their own: riscv64_sstatus() and friends.
 *
 * Owner: the vCPU's thread while it runs; anyone while it is stopped. `hart_state` and
 * what goes with it are touched by other vCPUs (SBI hart_start).
 *
 * Known gaps: no hypervisor extension; 16 PMP entries; VLEN up to 2048.
 */
#ifndef LODGE_CORE_CPU_RISCV64_H
#define LODGE_CORE_CPU_RISCV64_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/cpu/arch.h"

struct vcpu;

enum riscv64_priv { RISCV64_U = 0, RISCV64_S = 1, RISCV64_M = 3 };

/* mstatus */
#define RISCV64_MSTATUS_SIE  BIT64(1)
#define RISCV64_MSTATUS_MIE  BIT64(3)
#define RISCV64_MSTATUS_SPIE BIT64(5)
#define RISCV64_MSTATUS_UBE  BIT64(6)
#define RISCV64_MSTATUS_MPIE BIT64(7)
#define RISCV64_MSTATUS_SPP  BIT64(8)
#define RISCV64_MSTATUS_VS   (UINT64_C(3) << 9)
#define RISCV64_MSTATUS_MPP  (UINT64_C(3) << 11)
#define RISCV64_MSTATUS_FS   (UINT64_C(3) << 13)
#define RISCV64_MSTATUS_XS   (UINT64_C(3) << 15)
#define RISCV64_MSTATUS_MPRV BIT64(17)
#define RISCV64_MSTATUS_SUM  BIT64(18)
#define RISCV64_MSTATUS_MXR  BIT64(19)
#define RISCV64_MSTATUS_UXL  (UINT64_C(3) << 32)
#define RISCV64_MSTATUS_SXL  (UINT64_C(3) << 34)
#define RISCV64_MSTATUS_SBE  BIT64(36)
#define RISCV64_MSTATUS_SD   BIT64(63)
/* What of it sstatus shows. */
#define RISCV64_SSTATUS                                                                \
	(RISCV64_MSTATUS_SIE | RISCV64_MSTATUS_SPIE | RISCV64_MSTATUS_UBE |            \
	 RISCV64_MSTATUS_SPP | RISCV64_MSTATUS_VS | RISCV64_MSTATUS_FS |               \
	 RISCV64_MSTATUS_XS | RISCV64_MSTATUS_SUM | RISCV64_MSTATUS_MXR |              \
	 RISCV64_MSTATUS_UXL | RISCV64_MSTATUS_SD)

/* mip, mie */
#define RISCV64_IP_SSIP      BIT64(1)
#define RISCV64_IP_MSIP      BIT64(3)
#define RISCV64_IP_STIP      BIT64(5)
#define RISCV64_IP_MTIP      BIT64(7)
#define RISCV64_IP_SEIP      BIT64(9)
#define RISCV64_IP_MEIP      BIT64(11)
#define RISCV64_IP_S         (RISCV64_IP_SSIP | RISCV64_IP_STIP | RISCV64_IP_SEIP)

#define RISCV64_SATP_MODE(s) ((unsigned)((s) >> 60))
#define RISCV64_SATP_PPN(s)  ((s) & (BIT64(44) - 1))
enum {
	RISCV64_SATP_BARE = 0,
	RISCV64_SATP_SV39 = 8,
	RISCV64_SATP_SV48,
	RISCV64_SATP_SV57
};

/* misa */
#define RISCV64_MISA(letter) BIT64((letter) - 'A')

/* vcpu->requests */
#define RISCV64_REQ_IRQ                                                                \
	BIT(0) /* lines, messages or the timer changed: see mip and ext_irq */
#define RISCV64_REQ_START BIT(1) /* SBI hart_start: see riscv64_hart_started() */

enum riscv64_hart { RISCV64_STARTED, RISCV64_STOPPED, RISCV64_START_PENDING };

enum { RISCV64_VLENB_MAX = 256, RISCV64_N_PMP = 16 };

/* The debug console of the SBI, and its older one-character calls. Called on the vCPU's
 * thread; must not block. */
struct riscv64_sbi_console {
	void (*write)(void *arg, const void *buf, unsigned len);
	unsigned (*read)(void *arg, void *buf,
	                 unsigned len); /* what is there: may be 0 */
};

struct riscv64_cpu {
	/* ---- hot: used by translated code ---- */
	uint64_t x[32]; /* x[0] is 0 and never written */
	uint64_t pc;
	uint32_t frm, fflags;
	uint64_t res_addr, res_val; /* LR/SC; res_addr ~0: none */
	uint32_t priv;              /* enum riscv64_priv */
	uint32_t hflags;            /* front end's block-selection bits */
	uint64_t mstatus;
	uint64_t scratch[8]; /* for multi-part instructions of the front end */
	uint64_t f[32];      /* singles are NaN-boxed */

	/* ---- vectors ---- */
	uint64_t vl, vtype, vstart, vcsr;
	uint64_t vlenb; /* bytes of a vector register; 0: no vectors */
	uint8_t v[32][RISCV64_VLENB_MAX] __aligned_to(16);

	/* ---- supervisor ---- */
	uint64_t stvec, sscratch, sepc, scause, stval, satp, scounteren, senvcfg;
	uint64_t stimecmp, sstateen0;
	struct {
		uint64_t siselect, iprio1, iprio2, sieh, siph, iprio1h, iprio2h;
	} aia;

	/* ---- machine ---- */
	uint64_t mie, medeleg, mideleg, mtvec, mscratch, mepc, mcause, mtval;
	_Atomic uint64_t mip;
	uint64_t mcounteren, mcountinhibit, menvcfg, mseccfg, misa;
	uint64_t mcycle_off, minstret_off;
	uint8_t pmpcfg[RISCV64_N_PMP];
	uint64_t pmpaddr[RISCV64_N_PMP];

	/* ---- time ---- */
	uint64_t time;      /* when the state was taken */
	uint64_t time_freq; /* Hz */
	bool timer_on;      /* the SBI's timer is set, to stimecmp */

	/* ---- pending events: part of the state that migrates ---- */
	_Atomic bool ext_irq; /* supervisor external interrupt line */
	_Atomic uint32_t hart_state;
	uint64_t on_pc, on_ctx; /* set by who starts it, before RISCV64_REQ_START */

	/* ---- identification ---- */
	uint64_t mhartid, mvendorid, marchid, mimpid;
	uint64_t zicbom_bytes, zicboz_bytes;
	const char *model; /* name, static */
	bool no_machine;   /* firmware is elsewhere: resets into supervisor mode */
	struct vcpu *vcpu;
	const struct riscv64_sbi_console *console;
	void *console_arg;
};

static inline uint64_t riscv64_sstatus(const struct riscv64_cpu *c)
{
	return c->mstatus & RISCV64_SSTATUS;
}
static inline void riscv64_set_sstatus(struct riscv64_cpu *c, uint64_t v)
{
	c->mstatus = (c->mstatus & ~RISCV64_SSTATUS) | (v & RISCV64_SSTATUS);
}
/* sie and sip show what is delegated to supervisor mode. */
static inline uint64_t riscv64_sie(const struct riscv64_cpu *c)
{
	return c->mie & c->mideleg;
}
static inline void riscv64_set_sie(struct riscv64_cpu *c, uint64_t v)
{
	c->mie = (c->mie & ~c->mideleg) | (v & c->mideleg);
}

/* On the vCPU's own thread: acts on RISCV64_REQ_START. True when it runs now. */
bool riscv64_hart_started(struct riscv64_cpu *c);

/* ---- address translation (riscv64-mmu.c) ---- */

struct riscv64_xlat {
	uint64_t pa;
	uint64_t pte;  /* leaf; 0: no translation */
	uint8_t shift; /* log2 of the bytes it maps */
};

/* Reads guest physical memory; false: there is none. */
typedef bool riscv64_peek_fn(void *opaque, uint64_t pa, void *out, unsigned len);

/* As satp says, whatever the privilege: 0, or -EFAULT. Permissions, A and D are not looked
 * at. No side effects but those of `peek`. */
int riscv64_walk(const struct riscv64_cpu *c, uint64_t va, riscv64_peek_fn *peek,
                 void *opaque, struct riscv64_xlat *out);

#endif
