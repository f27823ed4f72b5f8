/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestvm.h - a small x86 machine for tests of accelerators: RAM at 0, one port, vCPUs that
 * start in flat 32-bit protected mode without paging at GV_CODE. Include in one file of a
 * program only.
 */
#ifndef LODGE_TESTS_GUESTVM_H
#define LODGE_TESTS_GUESTVM_H

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "core/clock.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86.h"
#include "core/loop.h"
#include "core/vm.h"
#include "unit.h"

#ifdef HAVE_LINUX_KVM_H
#define GV_KVM (&kvm_hv_ops)
#else
#define GV_KVM NULL
#endif

enum { GV_CODE = 0x1000, GV_PORT = 0x80, GV_PAGE = 4096 };

static struct {
	struct vm *vm;
	struct ram_block *ram;
	struct mr ram_mr, port_mr;
	_Atomic uint32_t port; /* last value written */
	_Atomic uint32_t port_n;
} gv;

static void gv_port_write(void *o __unused, uint64_t off __unused, uint64_t val,
                          unsigned size __unused)
{
	atomic_store(&gv.port, (uint32_t)val);
	atomic_fetch_add(&gv.port_n, 1);
}

static const struct mr_ops gv_port_ops = { .write = gv_port_write, .min = 1, .max = 4 };

static void gv_reset_hook(void *o __unused)
{
	struct vcpu *v;

	vm_for_each_vcpu (gv.vm, v) {
		struct x86_cpu *c = v->arch;

		c->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
		for (unsigned s = X86_ES; s <= X86_GS; s++) {
			c->seg[s] = (struct x86_seg){
				.limit = UINT32_MAX,
				.sel = (uint16_t)(s == X86_CS ? 8 : 16),
				.attr = (s == X86_CS ? 0xbu : 3u) | X86_SEG_S |
				        X86_SEG_P | X86_SEG_DB | X86_SEG_G,
			};
		}
		c->wait_sipi = false;
		c->rip = GV_CODE;
		c->reg[X86_RSP] = 0x1000;
		c->reg[X86_RDI] = v->index;
		c->hflags = X86_HFLAGS_STALE;
	}
}

/* False: this accelerator can't be used here; says why. No vCPU is started yet; there is
 * room for some more. */
static inline bool gv_build(const struct hv_ops *hv, const char *opts,
                            const char *model, unsigned n_vcpus, unsigned room,
                            uint64_t ram_size)
{
	struct ram_config cfg = { .size = ram_size };
	struct err e = ERR_INIT;
	struct opt *o = NULL, *m = NULL;

	role_adopt_main();
	memset(&gv, 0, sizeof(gv));
	if (!hv || (hv->probe && hv->probe(&e) < 0)) {
		fprintf(stderr, "SKIP: %s\n",
		        hv ? e.text : "no such accelerator in this build");
		return false;
	}
	gv.vm = vm_new(&x86_guest_arch, hv);
	gv.vm->max_vcpus = room;
	gv.vm->loop = loop_new(LOOP_EPOLL, &e);
	ck_assert_int_ge(opt_parse(&o, opts, NULL, &e), 0);
	ck_assert_msg(hv->vm_init(gv.vm, o, &e) >= 0, "%s", e.text);
	opt_free(o);
	gv.ram = ram_block_new("ram", &cfg, &e);
	ck_assert_ptr_nonnull(gv.ram);
	mr_init_ram(&gv.ram_mr, "ram", gv.ram);
	mr_add(&gv.vm->mem_root, 0, &gv.ram_mr, 0);
	mr_init_io(&gv.port_mr, "port", 4, &gv_port_ops, NULL, NULL);
	mr_add(&gv.vm->io_root, GV_PORT, &gv.port_mr, 0);
	for (unsigned i = 0; i < n_vcpus; i++) {
		struct vcpu *c;

		ck_assert_int_ge(vm_add_vcpu(gv.vm, &c, &e), 0);
		ck_assert_int_ge(opt_parse(&m, model, "model", &e), 0);
		ck_assert_msg(x86_guest_arch.set_model(c, m, &e) >= 0, "%s", e.text);
		opt_free(m);
	}
	vm_add_reset(gv.vm, gv_reset_hook, NULL);
	return true;
}

static inline bool gv_up(const struct hv_ops *hv, const char *opts, const char *model,
                         unsigned n_vcpus, uint64_t ram_size)
{
	struct err e = ERR_INIT;

	if (!gv_build(hv, opts, model, n_vcpus, n_vcpus, ram_size)) {
		return false;
	}
	ck_assert_msg(vm_start_vcpus(gv.vm, &e) >= 0, "%s", e.text);
	return true;
}

static inline void gv_start(const void *code, size_t len)
{
	memcpy(gv.ram->host + GV_CODE, code, len);
	vm_reset(gv.vm, CAUSE_NONE);
	vm_cont(gv.vm);
}

/* The loop turns: KVM and the translator may take turns. */
#define gv_wait(cond) unit_wait_turning(gv.vm->loop, cond)

static inline uint32_t *gv_at(uint64_t pa)
{
	return (uint32_t *)(void *)(gv.ram->host + pa);
}

#endif
