/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64-regs.c - KVM's registers of an RV64 vCPU: which member of struct riscv64_cpu each
 * one is; and what a reset writes into the AIA. Pure data and conversions, tested on any
 * host.
 *
 * Spec: Linux api.rst 4.68; RISC-V AIA 1.0 chapters 3 (IMSIC) and 4 (APLIC).
 *
 * Known gaps: a host with F but without D; what decides the guest's instruction set
 * (ISA_EXT, SBI_EXT) stays as KVM has it.
 */
#include "config.h"

#include "kvm/riscv64-regs.h"

#define OFF(m)   offsetof(struct riscv64_cpu, m)
#define ROOM(m)  sizeof(((struct riscv64_cpu *)0)->m)
#define VOFF(m)  offsetof(struct rv_view, m)
#define VROOM(m) sizeof(((struct rv_view *)0)->m)

#define REG(type, sub, n, m, how)                                                      \
	{                                                                              \
		RV_REG(ONE_REG_U64, type, sub, n), OFF(m), ROOM(m), how                \
	}
#define VIEW(type, sub, n, m, how)                                                     \
	{                                                                              \
		RV_REG(ONE_REG_U64, type, sub, n), VOFF(m), VROOM(m),                  \
			ONE_REG_VIEW | (how)                                           \
	}
#define X(n)  REG(RV_CORE, 0, n, x[n], 0)
#define X4(n) X(n), X(n + 1), X(n + 2), X(n + 3)
#define D(n)  REG(RV_FP_D, 0, n, f[n], 0)
#define D4(n) D(n), D(n + 1), D(n + 2), D(n + 3)
#define S(n)                                                                           \
	{                                                                              \
		RV_REG(ONE_REG_U32, RV_FP_F, 0, n), 0, 0, ONE_REG_SKIP                 \
	} /* the D ones count */
#define S4(n) S(n), S(n + 1), S(n + 2), S(n + 3)
/* Vector registers: KVM's size is the hart's. The five registers before them and a pointer
 * of the kernel's take the numbers 0 to 5. */
#define V(n)                                                                           \
	{                                                                              \
		RV_REG(0, RV_VECTOR, 0, 6 + (n)), OFF(v[n]), ROOM(v[n]), ONE_REG_FLEX  \
	}
#define V4(n) V(n), V(n + 1), V(n + 2), V(n + 3)

/* clang-format off */
const struct one_reg rv_regs[] = {
	VIEW(RV_CONFIG, 0, 0, isa, ONE_REG_RO), REG(RV_CONFIG, 0, 1, zicbom_bytes, ONE_REG_RO),
	REG(RV_CONFIG, 0, 2, mvendorid, ONE_REG_RO), REG(RV_CONFIG, 0, 3, marchid, ONE_REG_RO),
	REG(RV_CONFIG, 0, 4, mimpid, ONE_REG_RO), REG(RV_CONFIG, 0, 5, zicboz_bytes, ONE_REG_RO),

	REG(RV_CORE, 0, 0, pc, 0), X(1), X(2), X(3),
	X4(4), X4(8), X4(12), X4(16), X4(20), X4(24), X4(28),
	VIEW(RV_CORE, 0, 32, mode, 0),

	VIEW(RV_CSR, 0, 0, sstatus, 0), VIEW(RV_CSR, 0, 1, sie, 0),
	REG(RV_CSR, 0, 2, stvec, 0), REG(RV_CSR, 0, 3, sscratch, 0),
	REG(RV_CSR, 0, 4, sepc, 0), REG(RV_CSR, 0, 5, scause, 0),
	REG(RV_CSR, 0, 6, stval, 0), VIEW(RV_CSR, 0, 7, sip, 0),
	REG(RV_CSR, 0, 8, satp, 0), REG(RV_CSR, 0, 9, scounteren, 0),
	REG(RV_CSR, 0, 10, senvcfg, 0),
	REG(RV_CSR, 1, 0, aia.siselect, 0), REG(RV_CSR, 1, 1, aia.iprio1, 0),
	REG(RV_CSR, 1, 2, aia.iprio2, 0), REG(RV_CSR, 1, 3, aia.sieh, 0),
	REG(RV_CSR, 1, 4, aia.siph, 0), REG(RV_CSR, 1, 5, aia.iprio1h, 0),
	REG(RV_CSR, 1, 6, aia.iprio2h, 0),
	REG(RV_CSR, 2, 0, sstateen0, 0),

	REG(RV_TIMER, 0, 0, time_freq, ONE_REG_RO),
	REG(RV_TIMER, 0, 1, time, ONE_REG_RO), /* pushing it moves the guest's clock */
	REG(RV_TIMER, 0, 2, stimecmp, 0),
	VIEW(RV_TIMER, 0, 3, timer_state, ONE_REG_LATE), /* needs the compare value */

	S4(0), S4(4), S4(8), S4(12), S4(16), S4(20), S4(24), S4(28),
	{ RV_REG(ONE_REG_U32, RV_FP_F, 0, 32), 0, 0, ONE_REG_SKIP },
	D4(0), D4(4), D4(8), D4(12), D4(16), D4(20), D4(24), D4(28),
	{ RV_REG(ONE_REG_U32, RV_FP_D, 0, 32), VOFF(fcsr), VROOM(fcsr), ONE_REG_VIEW },

	REG(RV_VECTOR, 0, 0, vstart, 0), REG(RV_VECTOR, 0, 1, vl, 0),
	REG(RV_VECTOR, 0, 2, vtype, 0), REG(RV_VECTOR, 0, 3, vcsr, 0),
	REG(RV_VECTOR, 0, 4, vlenb, ONE_REG_RO),
	V4(0), V4(4), V4(8), V4(12), V4(16), V4(20), V4(24), V4(28),
};
/* clang-format on */
const unsigned rv_n_regs = ARRAY_LEN(rv_regs);

void rv_from_view(struct riscv64_cpu *c, const struct rv_view *w)
{
	riscv64_set_sstatus(c, w->sstatus);
	riscv64_set_sie(c, w->sie);
	atomic_store(&c->mip, w->sip & RISCV64_IP_S);
	c->priv = w->mode ? RISCV64_S : RISCV64_U;
	c->timer_on = w->timer_state != 0;
	c->frm = w->fcsr >> 5 & 7;
	c->fflags = w->fcsr & 31;
	if (w->isa) {
		c->misa = UINT64_C(2) << 62 | (w->isa & (BIT64(26) - 1));
	}
	c->res_addr = ~UINT64_C(0); /* nobody knows it; losing a reservation is legal */
}

void rv_to_view(const struct riscv64_cpu *c, struct rv_view *w)
{
	w->sstatus = riscv64_sstatus(c);
	w->sie = riscv64_sie(c);
	w->sip = atomic_load(&c->mip) & RISCV64_IP_S;
	w->mode = c->priv != RISCV64_U;
	w->timer_state = c->timer_on;
	w->fcsr = c->frm << 5 | c->fflags;
}

/* ---- AIA ---- */

enum {
	APLIC_DOMAINCFG = 0x0000,
	APLIC_SOURCECFG = 0x0004,
	APLIC_CLRIP = 0x1d00,
	APLIC_CLRIE = 0x1f00,
	APLIC_TARGET = 0x3004,
	IMSIC_EIDELIVERY = 0x70,
	IMSIC_EITHRESHOLD = 0x72,
	IMSIC_EIP = 0x80,
	IMSIC_EIE = 0xc0,
};

struct aia_list {
	struct aia_reg *out;
	unsigned n, max;
};

static void aia_add(struct aia_list *l, uint32_t group, uint64_t attr, uint32_t val)
{
	if (l->n < l->max) {
		l->out[l->n] = (struct aia_reg){ group, val, attr };
	}
	l->n++;
}

unsigned aia_reset_list(unsigned n_sources, unsigned n_ids, unsigned n_vcpus,
                        struct aia_reg *out, unsigned max)
{
	struct aia_list l = { out, 0, max };

	aia_add(&l, AIA_GRP_APLIC, APLIC_DOMAINCFG, 0);
	for (unsigned i = 0; i <= n_sources / 32; i++) {
		aia_add(&l, AIA_GRP_APLIC, APLIC_CLRIE + 4 * i, ~0u);
		aia_add(&l, AIA_GRP_APLIC, APLIC_CLRIP + 4 * i, ~0u);
	}
	for (unsigned i = 0; i < n_sources; i++) { /* source 1 and up */
		aia_add(&l, AIA_GRP_APLIC, APLIC_TARGET + 4 * i, 0);
		aia_add(&l, AIA_GRP_APLIC, APLIC_SOURCECFG + 4 * i, 0);
	}
	for (unsigned v = 0; v < n_vcpus; v++) {
		uint64_t cpu = (uint64_t)v << 12;

		aia_add(&l, AIA_GRP_IMSIC, cpu | IMSIC_EIDELIVERY, 0);
		aia_add(&l, AIA_GRP_IMSIC, cpu | IMSIC_EITHRESHOLD, 0);
		for (unsigned i = 0; i <= n_ids / 64; i++) { /* RV64: even ones only */
			aia_add(&l, AIA_GRP_IMSIC, cpu | (IMSIC_EIE + 2 * i), 0);
			aia_add(&l, AIA_GRP_IMSIC, cpu | (IMSIC_EIP + 2 * i), 0);
		}
	}
	return l.n;
}
