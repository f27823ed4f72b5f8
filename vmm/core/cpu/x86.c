/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86.c - x86_guest_arch: power-on state, INIT and STARTUP, RFLAGS image, TSC, dumps
 * and the debugger's page walk.
 *
 * Spec: SDM vol. 3A 9.1 (state after reset), table 9-1; 8.4 (BSP and APs).
 * Threads: the vCPU's own, or any while it is stopped.
 * Known gaps: none that software has been seen to look at; DR6/DR7 survive INIT as
 * table 9-1 says they do not.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "core/clock.h"
#include "core/cpu/x86-internal.h"
#include "core/cpu/x86-model.h"
#include "core/cpu/x86.h"
#include "core/gmem.h"
#include "core/vm.h"

/* ---- flags ---- */

uint64_t x86_rflags(const struct x86_cpu *c)
{
	return (c->eflags & ~(X86_ARITH | X86_DF)) | (c->cc_a & X86_ARITH) |
	       (c->df < 0 ? X86_DF : 0) | 2;
}

void x86_set_rflags(struct x86_cpu *c, uint64_t v)
{
	c->cc_op = 0; /* CC_OP_FLAGS */
	c->cc_a = v & X86_ARITH;
	c->df = v & X86_DF ? -1 : 1;
	c->eflags = ((uint32_t)v & 0x3f7fd5u & ~(X86_ARITH | X86_DF)) | 2;
}

/* ---- reset ---- */

static void x86_seg_reset(struct x86_seg *s, uint32_t attr)
{
	*s = (struct x86_seg){ .limit = 0xffff, .attr = attr };
}

/* What RESET and INIT have in common. */
static void x86_reset_common(struct x86_cpu *c)
{
	uint32_t sig[4];

	memset(c->reg, 0, sizeof(c->reg));
	x86_cpuid(c, 1, 0, sig);
	c->reg[X86_RDX] = sig[0];
	x86_set_rflags(c, 2);
	for (unsigned i = 0; i < X86_NSEG; i++) {
		x86_seg_reset(&c->seg[i], 0x93);
	}
	c->seg[X86_LDTR].attr = 0x82;
	c->seg[X86_TR].attr = 0x8b;
	c->seg[X86_CS].sel = 0xf000;
	c->seg[X86_CS].base = 0xffff0000;
	c->seg[X86_CS].attr = 0x9b;
	c->rip = 0xfffffff0;
	c->cr2 = c->cr3 = c->cr4 = 0;
	c->efer = 0;
	c->gdt.base = c->idt.base = 0;
	c->gdt.limit = c->idt.limit = 0xffff;
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	c->int_shadow = false;
	c->nmi_masked = false;
	c->in_smm = false;
	c->exc_pending = c->exc_delivering = -1;
	c->exc_has_err = false;
	memset(c->pdpte, 0, sizeof(c->pdpte));
	c->hflags = X86_HFLAGS_STALE;
	c->wait_sipi = c->vcpu && c->vcpu->index != 0;
	if (c->vcpu) {
		c->vcpu->halted = c->wait_sipi;
	}
}

static void x86_reset(struct vcpu *v)
{
	struct x86_cpu *c = v->arch;

	c->vcpu = v;
	x86_reset_common(c);
	c->cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;
	c->xcr0 = 1;
	c->xss = 0;
	memset(c->vec, 0, sizeof(c->vec));
	memset(c->fpr, 0, sizeof(c->fpr));
	memset(c->k, 0, sizeof(c->k));
	memset(c->scratch, 0, sizeof(c->scratch));
	c->mxcsr = 0x1f80;
	c->fpcw = 0x40;
	c->fpsw = 0;
	c->fptop = 0;
	c->fptag = 0; /* tag word 5555H: all zero, not empty */
	c->fpop = c->fpcs = c->fpds = 0;
	c->fpip = c->fpdp = 0;
	c->star = c->lstar = c->cstar = c->fmask = c->kernel_gs_base = 0;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->pat = UINT64_C(0x0007040600070406);
	c->tsc_aux = c->tsc_deadline = 0;
	c->tsc_adjust = 0;
	c->tsc_offset = 0; /* the same on all vCPUs: they are never out of step */
	c->misc_enable = BIT(0) | BIT(11) | BIT(12); /* fast strings; no BTS, no PEBS */
	c->spec_ctrl = c->debugctl = c->pkru = 0;
	c->mcg_status = 0;
	c->mcg_ctl = ~UINT64_C(0);
	c->mtrr_def = 0;
	memset(c->mtrr_fixed, 0, sizeof(c->mtrr_fixed));
	memset(c->mtrr_phys, 0, sizeof(c->mtrr_phys));
	memset(c->mc_bank, 0, sizeof(c->mc_bank));
	for (unsigned i = 0; i < ARRAY_LEN(c->mc_bank); i++) {
		c->mc_bank[i][0] = ~UINT64_C(0);
	}
	c->system_time_msr = c->wall_clock_msr = 0;
	c->steal_time_msr = c->pv_eoi_msr = 0;
	c->async_pf_msr = c->async_pf_int_msr = c->migration_control_msr = 0;
	c->poll_control_msr = 1; /* the host may poll */
	c->misc_features = c->tsx_ctrl = c->xfd = c->xfd_err = c->umwait = 0;
	c->feature_control = c->smi_count = c->vm_hsave = c->mcg_ext_ctl = 0;
	c->bndcfgs = c->pkrs = c->virt_spec_ctrl = 0;
	c->smbase = 0x30000;
	c->tsc_ratio = UINT64_C(1) << 32;
	c->a20_mask_off = 0;
	c->cr8 = 0;
	if (c->apic_ops && c->apic) {
		c->apic_ops->reset(c->apic, false);
	}
}

static void x86_plug(struct vcpu *v)
{
	const struct x86_cpu *first = v->vm->vcpus[0]->arch;
	struct x86_cpu *c = v->arch;

	c->tsc_offset = first->tsc_offset;
	c->stop_tsc = first->stop_tsc;
	c->stop_clock_ns = first->stop_clock_ns;
}

static uint32_t x86_cpu_id(const struct vcpu *v)
{
	return ((const struct x86_cpu *)v->arch)->apic_id;
}

void x86_init_reset(struct x86_cpu *c)
{
	uint64_t keep = c->cr0 & (X86_CR0_CD | X86_CR0_NW);

	x86_reset_common(c);
	c->cr0 = keep | X86_CR0_ET;
	c->cr8 = 0;
	/* As KVM does: nothing is written into the guest's memory any more. */
	c->system_time_msr = c->steal_time_msr = 0;
	c->async_pf_msr = c->async_pf_int_msr = 0;
	if (c->apic_ops && c->apic) {
		c->apic_ops->reset(c->apic, true);
	}
}

void x86_startup(struct x86_cpu *c, uint8_t vector)
{
	c->wait_sipi = false;
	c->seg[X86_CS].sel = (uint16_t)(vector << 8);
	c->seg[X86_CS].base = (uint64_t)vector << 12;
	c->seg[X86_CS].limit = 0xffff;
	c->seg[X86_CS].attr = 0x9b;
	c->rip = c->seg[X86_CS].base;
	c->hflags = X86_HFLAGS_STALE;
	if (c->vcpu) {
		c->vcpu->halted = false;
	}
}

/* ---- time ---- */

uint64_t x86_tsc(struct x86_cpu *c)
{
	uint64_t ns;

#ifdef __x86_64__
	if (c->tsc_from_host) {
		return (c->stop_tsc ? c->stop_tsc : __builtin_ia32_rdtsc()) +
		       (uint64_t)c->tsc_offset;
	}
#endif
	ns = clock_ns(CLOCK_VM);
	if (c->tsc_khz && c->tsc_khz != 1000000) {
		ns = (uint64_t)((unsigned __int128)ns * c->tsc_khz / 1000000);
	}
	return ns + (uint64_t)c->tsc_offset;
}

/* ---- work ---- */

static bool x86_has_work(struct vcpu *v)
{
	const struct x86_cpu *c = v->arch;
	uint32_t r = atomic_load(&v->requests);

	if (c->wait_sipi) {
		return r & (X86_REQ_SIPI | X86_REQ_INIT);
	}
	if (r & (X86_REQ_INIT | X86_REQ_SMI | X86_REQ_MCE | X86_REQ_UNHALT)) {
		return true;
	}
	if ((r & X86_REQ_NMI) && !c->nmi_masked) {
		return true;
	}
	return (r & X86_REQ_HARD) && (c->eflags & X86_IF);
}

static uint64_t x86_pc(struct vcpu *v)
{
	const struct x86_cpu *c = v->arch;

	return c->rip;
}

/* ---- debugger's page walk: no permissions, no side effects ---- */

static bool x86_peek(struct x86_cpu *c, uint64_t pa, void *out, unsigned len)
{
	return dma_read(&c->vcpu->vm->mem, pa, out, len) >= 0;
}

static int x86_walk_32(struct x86_cpu *c, uint64_t va, uint64_t *pa)
{
	uint32_t e;

	if (!x86_peek(c, (c->cr3 & 0xfffff000) + ((va >> 22) & 0x3ff) * 4, &e, 4) ||
	    !(e & 1)) {
		return -EFAULT;
	}
	if ((e & 0x80) && (c->cr4 & X86_CR4_PSE)) {
		*pa = (e & 0xffc00000) | (uint64_t)(e >> 13 & 0xff) << 32 |
		      (va & 0x3fffff);
		return 0;
	}
	if (!x86_peek(c, (e & 0xfffff000) + ((va >> 12) & 0x3ff) * 4, &e, 4) ||
	    !(e & 1)) {
		return -EFAULT;
	}
	*pa = (e & 0xfffff000) | (va & 0xfff);
	return 0;
}

static int x86_walk_64(struct x86_cpu *c, uint64_t va, int levels, uint64_t table,
                       uint64_t *pa)
{
	const uint64_t mask = UINT64_C(0x000ffffffffff000);

	for (int l = levels; l > 0; l--) {
		unsigned shift = 12 + 9 * (unsigned)(l - 1);
		uint64_t e;

		if (!x86_peek(c, (table & mask) + ((va >> shift) & 0x1ff) * 8, &e, 8) ||
		    !(e & 1)) {
			return -EFAULT;
		}
		if (l == 1 || ((e & 0x80) && l <= 3)) {
			uint64_t off = (UINT64_C(1) << shift) - 1;

			*pa = (e & mask & ~off) | (va & off);
			return 0;
		}
		table = e;
	}
	return -EFAULT;
}

static int x86_debug_translate(struct vcpu *v, uint64_t va, uint64_t *pa)
{
	struct x86_cpu *c = v->arch;

	if (!(c->cr0 & X86_CR0_PG)) {
		*pa = va & 0xffffffff;
		return 0;
	}
	if (!(c->cr4 & X86_CR4_PAE)) {
		return x86_walk_32(c, va, pa);
	}
	if (!(c->efer & X86_EFER_LMA)) {
		uint64_t e = c->pdpte[(va >> 30) & 3];

		return e & 1 ? x86_walk_64(c, va & 0xffffffff, 2, e, pa) : -EFAULT;
	}
	return x86_walk_64(c, va, c->cr4 & X86_CR4_LA57 ? 5 : 4, c->cr3, pa);
}

/* ---- dump ---- */

static void x86_dump_segs(const struct x86_cpu *c, FILE *f)
{
	static const char *const names[] = { "ES", "CS", "SS",  "DS",
		                             "FS", "GS", "LDT", "TR" };

	for (unsigned i = 0; i < X86_NSEG; i++) {
		fprintf(f, "%-3s=%04x %016" PRIx64 " %08x %04x\n", names[i],
		        c->seg[i].sel, c->seg[i].base, c->seg[i].limit, c->seg[i].attr);
	}
	fprintf(f, "GDT= %016" PRIx64 " %04x\nIDT= %016" PRIx64 " %04x\n", c->gdt.base,
	        c->gdt.limit, c->idt.base, c->idt.limit);
}

static void x86_dump(struct vcpu *v, FILE *f)
{
	static const char *const names[] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP",
		                             "RSI", "RDI", "R8 ", "R9 ", "R10", "R11",
		                             "R12", "R13", "R14", "R15" };
	const struct x86_cpu *c = v->arch;

	for (unsigned i = 0; i < 16; i++) {
		fprintf(f, "%s=%016" PRIx64 "%c", names[i], c->reg[i],
		        i % 4 == 3 ? '\n' : ' ');
	}
	fprintf(f,
	        "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CPL=%u HLT=%d WAIT=%d REQ=%x\n",
	        x86_ip(c), x86_rflags(c), x86_cpl(c), v->halted, c->wait_sipi,
	        atomic_load(&v->requests));
	x86_dump_segs(c, f);
	fprintf(f,
	        "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64
	        "\n",
	        c->cr0, c->cr2, c->cr3, c->cr4);
	fprintf(f,
	        "EFER=%016" PRIx64 " DR6=%08" PRIx64 " DR7=%08" PRIx64 " EXC=%d/%d\n",
	        c->efer, c->dr[6], c->dr[7], c->exc_pending, c->exc_delivering);
	fprintf(f, "FCW=%04x FSW=%04x TOP=%u FTAG=%02x MXCSR=%08x\n", c->fpcw, c->fpsw,
	        c->fptop, c->fptag, c->mxcsr);
	for (unsigned i = 0; i < 16; i++) {
		fprintf(f, "XMM%02u=%016" PRIx64 "%016" PRIx64 "%c", i, c->vec[i].q[1],
		        c->vec[i].q[0], i % 2 ? '\n' : ' ');
	}
}

static void x86_nmi(struct vcpu *c)
{
	vcpu_request(c, X86_REQ_NMI);
}

const struct guest_arch x86_guest_arch = {
	.name = "x86_64",
	.state_size = sizeof(struct x86_cpu),
	.set_model = x86_set_model,
	.reset = x86_reset,
	.plug = x86_plug,
	.cpu_id = x86_cpu_id,
	.has_work = x86_has_work,
	.nmi = x86_nmi,
	.dump = x86_dump,
	.pc = x86_pc,
	.debug_translate = x86_debug_translate,
	.fields = x86_fields,
	.n_fields = X86_N_FIELDS,
	.model_name = x86_model_name,
};
