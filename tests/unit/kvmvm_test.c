/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmvm_test.c - a vCPU of KVM: its state there and back. Skips where there is no /dev/kvm.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/cpu/fields.h"
#include "guestvm.h"
#include "kvm/x86.h"

enum { RAM = 4 << 20 };

static bool up(const char *opts)
{
	hv_fallback = NULL;
	return gv_up(GV_KVM, opts, "max", 1, RAM);
}

static void on_vcpu(void (*fn)(struct vcpu *, void *))
{
	vcpu_run_on_sync(gv.vm->vcpus[0], fn, NULL);
}

static void must_push(struct vcpu *c)
{
	struct err e = ERR_INIT;

	ck_assert_msg(gv.vm->hv->vcpu.state_push(c, &e) >= 0, "%s", e.text);
}

static void must_pull(struct vcpu *c)
{
	struct err e = ERR_INIT;

	ck_assert_msg(gv.vm->hv->vcpu.state_pull(c, &e) >= 0, "%s", e.text);
}

static void state_set(struct x86_cpu *c)
{
	for (unsigned i = 0; i < 16; i++) {
		c->reg[i] = UINT64_C(0x1111111111111111) * i;
	}
	c->star = UINT64_C(0x23001000000000);
	c->lstar = UINT64_C(0xffffffff81000000);
	c->kernel_gs_base = UINT64_C(0xffff888000000000);
	c->pat = UINT64_C(0x0007010600070106);
	c->sysenter_cs = 0x10;
	c->mtrr_def = 0xc06;
	c->mtrr_phys[0] = 6;
	c->mtrr_phys[1] = 0x7fe0000800;
	c->dr[0] = 0x1234;
	c->dr[7] = 0x403;
	c->mcg_status = 0;
	c->mc_bank[3][1] = UINT64_C(0xb200000000000005);
	c->mc_bank[3][2] = 0xabcd000;
	c->smbase = 0x31000;
	c->misc_enable = 1;
	c->int_shadow = false;
	c->nmi_masked = true;
	for (unsigned i = 0; i < 16; i++) {
		memset(&c->vec[i], (int)(0x10 + i), 32);
	}
	c->fpcw = 0x27f;
	c->mxcsr = 0x1fa0;
}

static struct x86_cpu state_want;

static void state_round_trip(struct vcpu *v, void *opaque __unused)
{
	struct x86_cpu *c = v->arch;
	const struct guest_arch *a = gv.vm->arch;

	state_set(c);
	state_want = *c;
	must_push(v);
	/* Everything is forgotten, then it comes back. */
	for (unsigned i = 0; i < a->n_fields; i++) {
		const struct cpu_field *f = &a->fields[i];
		static const uint8_t bytes[] = {
			[CPU_F_BOOL] = 1, [CPU_F_U8] = 1,  [CPU_F_U16] = 2,
			[CPU_F_U32] = 4,  [CPU_F_U64] = 8, [CPU_F_BYTES] = 1
		};

		if (strcmp(f->name, "tsc_offset") != 0) {
			memset((char *)c + f->offset, 0,
			       (size_t)bytes[f->type] * f->count);
		}
	}
	must_pull(v);
	ck_assert_mem_eq(c->reg, state_want.reg, sizeof(c->reg));
	ck_assert_uint_eq(c->star, state_want.star);
	ck_assert_uint_eq(c->lstar, state_want.lstar);
	ck_assert_uint_eq(c->kernel_gs_base, state_want.kernel_gs_base);
	ck_assert_uint_eq(c->pat, state_want.pat);
	ck_assert_uint_eq(c->mtrr_def, state_want.mtrr_def);
	ck_assert_uint_eq(c->mtrr_phys[0], state_want.mtrr_phys[0]);
	ck_assert_uint_eq(c->mtrr_phys[1], state_want.mtrr_phys[1]);
	ck_assert_uint_eq(c->dr[0], state_want.dr[0]);
	ck_assert_uint_eq(c->dr[7], state_want.dr[7]);
	ck_assert_uint_eq(c->mc_bank[3][1], state_want.mc_bank[3][1]);
	ck_assert_uint_eq(c->mc_bank[3][2], state_want.mc_bank[3][2]);
	ck_assert_uint_eq(c->mc_bank[9][0], state_want.mc_bank[9][0]);
	ck_assert(c->nmi_masked);
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_mem_eq(c->vec[i].b, state_want.vec[i].b, 32);
	}
	ck_assert_uint_eq(c->fpcw, state_want.fpcw);
	ck_assert_uint_eq(c->mxcsr, state_want.mxcsr);
	ck_assert(c->smbase == state_want.smbase ||
	          c->smbase == 0); /* no SMM in this KVM */
	/* Events: one at a time. */
	c->exc_pending = X86_EXC_GP;
	c->exc_has_err = true;
	c->exc_err = 0x18;
	must_push(v);
	c->exc_pending = -1;
	must_pull(v);
	ck_assert_int_eq(c->exc_pending, X86_EXC_GP);
	ck_assert_uint_eq(c->exc_err, 0x18);
	c->exc_pending = 0x41;
	must_push(v);
	c->exc_pending = -1;
	must_pull(v);
	ck_assert_int_eq(c->exc_pending, 0x41);
}

static void state_pull_again(struct vcpu *v, void *opaque __unused)
{
	must_pull(v);
}

START_TEST(test_round_trip)
{
	if (!up("fallback=off")) {
		return;
	}
	vm_reset(gv.vm, CAUSE_NONE);
	on_vcpu(state_round_trip);
	/* A reset takes everything back. */
	vm_reset(gv.vm, CAUSE_NONE);
	on_vcpu(state_pull_again);
	ck_assert_int_eq(((struct x86_cpu *)gv.vm->vcpus[0]->arch)->exc_pending, -1);
	ck_assert_uint_eq(((struct x86_cpu *)gv.vm->vcpus[0]->arch)->mc_bank[3][1], 0);
}
END_TEST

START_TEST(test_payload)
{
	struct x86_cpu *c = aligned_alloc(64, ALIGN_UP(sizeof(*c), (size_t)64));

	memset(c, 0, sizeof(*c));
	kvm_x86_event_payload(c, X86_EXC_PF, 0x1234567);
	ck_assert_uint_eq(c->cr2, 0x1234567);
	c->dr[6] = 0xffff0ff3;
	c->dr[7] = 0x2400;
	kvm_x86_event_payload(c, X86_EXC_DB, 0x4000); /* single step */
	ck_assert_uint_eq(c->dr[6], 0xffff4ff0);
	ck_assert_uint_eq(c->dr[7], 0x400);
	free(c);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_round_trip, test_payload };

	return unit_main(unit_suite("kvmvm", tests, ARRAY_LEN(tests)));
}
