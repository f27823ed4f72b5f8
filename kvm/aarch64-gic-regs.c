/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aarch64-gic-regs.c - which registers of KVM's GIC hold state, in the order in which they
 * may be written. Pure: tested on any host.
 *
 * Spec: IHI 0069 (GICv3) 12.8 to 12.11, IHI 0048 (GICv2) 4.1; Linux devices/arm-vgic-v3.rst
 * and arm-vgic.rst.
 *
 * Known gaps: pending LPIs live in guest memory (KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES).
 */
#include "config.h"

#include "kvm/aarch64-regs.h"

struct gic_list {
	struct gic_reg *out;
	unsigned n, max;
};

static void gic_put(struct gic_list *l, struct gic_reg r)
{
	if (l->n < l->max) {
		l->out[l->n] = r;
	}
	l->n++;
}

static void gic_add(struct gic_list *l, uint32_t group, uint64_t attr)
{
	gic_put(l, (struct gic_reg){ .group = group, .attr = attr });
}

/* Registers with `bits` bits for each of interrupts first..last. `clear`: offset of the
 * register that clears; 0: none. */
static void gic_add_bank(struct gic_list *l, uint32_t group, uint64_t base,
                         unsigned bits, unsigned first, unsigned last,
                         unsigned clear_delta)
{
	for (unsigned off = first * bits / 8; off < last * bits / 8; off += 4) {
		gic_put(l, (struct gic_reg){ .group = group,
		                             .attr = base + off,
		                             .has_clear = clear_delta != 0,
		                             .clear = base + off + clear_delta });
	}
}

/* What distributor, redistributors and GICv2 have at the same offsets. ISPENDR: KVM sets
 * the latch to exactly what is written. */
static void gic_add_irqs(struct gic_list *l, uint32_t group, uint64_t at,
                         unsigned first, unsigned last)
{
	gic_add_bank(l, group, at + 0x080, 1, first, last, 0);    /* IGROUPR */
	gic_add_bank(l, group, at + 0x400, 8, first, last, 0);    /* IPRIORITYR */
	gic_add_bank(l, group, at + 0xc00, 2, first, last, 0);    /* ICFGR */
	gic_add_bank(l, group, at + 0x200, 1, first, last, 0);    /* ISPENDR */
	gic_add_bank(l, group, at + 0x300, 1, first, last, 0x80); /* ISACTIVER */
	gic_add_bank(l, group, at + 0x100, 1, first, last, 0x80); /* ISENABLER */
}

static void gic_v3_redist(struct gic_list *l, uint64_t aff)
{
	static const uint16_t regs[] = { 0x10, 0x14, 0x70, 0x74, 0x78, 0x7c };

	for (unsigned i = 0; i < ARRAY_LEN(regs); i++) {
		gic_add(l, GIC_GRP_REDIST,
		        aff | regs[i]); /* STATUSR WAKER PROPBASER PENDBASER */
	}
	gic_add_irqs(l, GIC_GRP_REDIST, aff | 0x10000, 0, 32);
	gic_add(l, GIC_GRP_REDIST, aff | 0); /* CTLR: may switch LPIs on, last */
}

static void gic_v3_cpu(struct gic_list *l, uint64_t aff)
{
	static const uint16_t regs[] = {
		A64_SYS(3, 0, 12, 12, 5), /* SRE */
		A64_SYS(3, 0, 12, 12, 4), /* CTLR */
		A64_SYS(3, 0, 4, 6, 0),   /* PMR */
		A64_SYS(3, 0, 12, 8, 3),  /* BPR0 */
		A64_SYS(3, 0, 12, 12, 3), /* BPR1 */
		A64_SYS(3, 0, 12, 8, 4),  /* AP0R0 */
		A64_SYS(3, 0, 12, 9, 0),  /* AP1R0 */
	};
	static const uint16_t last[] = { A64_SYS(3, 0, 12, 12, 6),
		                         A64_SYS(3, 0, 12, 12, 7) };

	for (unsigned i = 0; i < ARRAY_LEN(regs); i++) {
		gic_add(l, GIC_GRP_SYSREGS, aff | regs[i]);
	}
	for (unsigned i = 1; i < 4; i++) { /* as many as there are priority bits */
		gic_put(l,
		        (struct gic_reg){ .group = GIC_GRP_SYSREGS,
		                          .optional = true,
		                          .attr = aff | A64_SYS(3, 0, 12, 8, 4 + i) });
		gic_put(l, (struct gic_reg){ .group = GIC_GRP_SYSREGS,
		                             .optional = true,
		                             .attr = aff | A64_SYS(3, 0, 12, 9, i) });
	}
	for (unsigned i = 0; i < ARRAY_LEN(last); i++) {
		gic_add(l, GIC_GRP_SYSREGS, aff | last[i]); /* IGRPEN0, IGRPEN1 */
	}
}

unsigned gic_v3_list(unsigned n_irqs, const uint64_t *mpidr, unsigned n_vcpus,
                     struct gic_reg *out, unsigned max)
{
	struct gic_list l = { out, 0, max };

	gic_add(&l, GIC_GRP_DIST, 0x08); /* IIDR: which behaviour is meant, first */
	gic_add(&l, GIC_GRP_DIST, 0x00); /* CTLR: ARE before IROUTER */
	gic_add(&l, GIC_GRP_DIST, 0x10); /* STATUSR */
	for (unsigned i = 0; i < n_vcpus; i++) {
		gic_v3_redist(&l, gic_affinity(mpidr[i]));
	}
	for (unsigned i = 32; i < n_irqs; i++) {
		gic_add(&l, GIC_GRP_DIST, 0x6000 + 8 * i); /* IROUTER, two halves */
		gic_add(&l, GIC_GRP_DIST, 0x6004 + 8 * i);
	}
	gic_add_irqs(&l, GIC_GRP_DIST, 0, 32, n_irqs);
	for (unsigned i = 0; i < n_vcpus; i++) {
		gic_v3_cpu(&l, gic_affinity(mpidr[i]));
	}
	return l.n;
}

unsigned gic_v2_list(unsigned n_irqs, unsigned n_vcpus, struct gic_reg *out,
                     unsigned max)
{
	static const uint16_t cpu_regs[] = { 0x04, 0x08, 0x1c, 0xd0, 0x00 };
	struct gic_list l = { out, 0, max };

	gic_add(&l, GIC_GRP_DIST, 0x00); /* CTLR */
	for (unsigned i = 0; i < n_vcpus; i++) {
		uint64_t cpu = (uint64_t)i << 32; /* interrupts below 32 are banked */

		gic_add_irqs(&l, GIC_GRP_DIST, cpu, 0, 32);
		for (unsigned k = 0; k < 4; k++) { /* SPENDSGIR */
			gic_put(&l, (struct gic_reg){ .group = GIC_GRP_DIST,
			                              .has_clear = true,
			                              .attr = cpu | (0xf20 + 4 * k),
			                              .clear = cpu | (0xf10 + 4 * k) });
		}
	}
	gic_add_bank(&l, GIC_GRP_DIST, 0x800, 8, 32, n_irqs, 0); /* ITARGETSR */
	gic_add_irqs(&l, GIC_GRP_DIST, 0, 32, n_irqs);
	for (unsigned i = 0; i < n_vcpus; i++) {
		for (unsigned k = 0; k < ARRAY_LEN(cpu_regs); k++) {
			/* PMR, BPR, ABPR, APR, then CTLR */
			gic_add(&l, GIC_GRP_V2_CPU, (uint64_t)i << 32 | cpu_regs[k]);
		}
	}
	return l.n;
}
