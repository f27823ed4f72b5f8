/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch-x86.c - KVM on x86-64: set-up, interrupts from the user-space APICs, MSR exits.
 *
 * Interrupts: X86_REQ_HARD means that the APIC (or the PIC behind it) has a vector. It
 * is taken and queued (KVM_INTERRUPT) when KVM says that it can be delivered at once;
 * else KVM is asked to come back when it can (request_interrupt_window).
 *
 * Threads: control (VM), the vCPU's own (rest).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/cpu/x86-chips.h"
#include "core/cpu/x86-model.h"
#include "kvm/x86.h"

/* Three pages for a task-state segment and one for page tables, which old Intel
 * processors need for real mode: the boards report this place as reserved. */
#define ARCH_TSS_ADDR      0xfeffd000u
#define ARCH_IDENTITY_ADDR UINT64_C(0xfeffc000)

/* ---- VM ---- */

int kvm_arch_probe(int sys_fd, struct err *e)
{
	static const struct kvm_need need[] = { { KVM_CAP_EXT_CPUID, "CPUID tables" },
		                                { KVM_CAP_XSAVE, "XSAVE state" },
		                                { KVM_CAP_VCPU_EVENTS,
		                                  "vCPU events" } };

	return kvm_needs(sys_fd, need, ARRAY_LEN(need), e);
}

static int arch_enable(struct kvm *k, unsigned cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args[0] = arg };

	return kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &c);
}

/* The TSC-deadline register belongs to the user-space APIC: its accesses shall exit. */
static void arch_filter_msrs(struct kvm *k)
{
	static uint8_t denied[1]; /* one bit an MSR, 0 = denied */
	struct kvm_msr_filter f = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };

	f.ranges[0].flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;
	f.ranges[0].base = MSR_TSC_DEADLINE;
	f.ranges[0].nmsrs = 1;
	f.ranges[0].bitmap = denied;
	k->arch->msr_exits =
		kvm_cap(k, KVM_CAP_X86_MSR_FILTER) > 0 &&
		(kvm_cap(k, KVM_CAP_X86_USER_SPACE_MSR) & KVM_MSR_EXIT_REASON_FILTER) &&
		arch_enable(k, KVM_CAP_X86_USER_SPACE_MSR,
	                    KVM_MSR_EXIT_REASON_FILTER) >= 0 &&
		kvm_ioctl(k->vm_fd, KVM_X86_SET_MSR_FILTER, &f) >= 0;
}

static int arch_real_mode_pages(struct kvm *k, struct err *e)
{
	uint64_t identity = ARCH_IDENTITY_ADDR;
	int r = kvm_ioctl_n(k->vm_fd, KVM_SET_TSS_ADDR, ARCH_TSS_ADDR);

	if (r >= 0 && kvm_cap(k, KVM_CAP_SET_IDENTITY_MAP_ADDR) > 0) {
		r = kvm_ioctl(k->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	}
	return r < 0 ? err_set_errno(e, r, "KVM refuses its pages for real mode") : 0;
}

unsigned long kvm_arch_vm_type(int sys_fd)
{
	(void)sys_fd;
	return 0;
}

int kvm_arch_vm_init(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = calloc(1, sizeof(*a));
	int r, khz;

	if (!a) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	k->arch = a;
	a->sregs2 = kvm_cap(k, KVM_CAP_SREGS2) > 0;
	a->xcrs = kvm_cap(k, KVM_CAP_XCRS) > 0;
	a->debugregs = kvm_cap(k, KVM_CAP_DEBUGREGS) > 0;
	a->exit_on_failure = k->fallback &&
	                     kvm_cap(k, KVM_CAP_EXIT_ON_EMULATION_FAILURE) > 0 &&
	                     arch_enable(k, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1) >= 0;
	kvm_x86_events_init(k);
	if (!k->fallback) {
		kvm_x86_xsave_permit(); /* the translator has no AMX */
	}
	r = kvm_cap(k, KVM_CAP_XSAVE2);
	a->xsave_size = (unsigned)MAX(r, 4096);
	if (!k->kernel_chip) {
		arch_filter_msrs(k);
	}
	khz = kvm_ioctl_n(k->vm_fd, KVM_GET_TSC_KHZ, 0);
	if (khz <= 0 || !k->nested_paging) {
		a->tsc_fixed = !kvm_x86_tsc_probe(!k->nested_paging, &khz);
		k->no_hardware = a->tsc_fixed; /* real hardware adds the offset */
	}
	if (khz > 0) {
		x86_model_set_tsc((uint32_t)khz, true);
		a->host_khz = (uint32_t)khz;
	}
	kvm_x86_clock_init(k);
	if (kvm_x86_msr_vm_init(k) < 0) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	r = arch_real_mode_pages(k, e);
	return r < 0 ? r : kvm_x86_cpuid_init(k, e);
}

void kvm_arch_vm_fini(struct kvm *k)
{
	if (k->arch) {
		kvm_x86_clock_fini(k);
		free(k->arch->supported);
		free(k->arch->msrs);
		free(k->arch);
		k->arch = NULL;
	}
}

bool kvm_arch_nested_paging(void)
{
	static const char *const files[] = { "/sys/module/kvm_intel/parameters/ept",
		                             "/sys/module/kvm_amd/parameters/npt" };

	for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FD int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		char c = 0;

		if (fd >= 0 && read(fd, &c, 1) == 1 && (c == 'Y' || c == '1')) {
			return true;
		}
	}
	return false;
}

/* ---- vCPU ---- */

unsigned long kvm_arch_vcpu_id(struct vcpu *c)
{
	return ((struct x86_cpu *)c->arch)->apic_id;
}

/* A vCPU that has no frequency of its own says so only now, on old kernels. */
static void arch_vcpu_tsc(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_device_attr attr = { .group = 0, .attr = 0 };
	int khz = kvm_ioctl_n(v->fd, KVM_GET_TSC_KHZ, 0);

	if (khz > 0 && c->tsc_khz != (uint32_t)khz) {
		if (kvm_ioctl_n(v->fd, KVM_SET_TSC_KHZ, (unsigned long)c->tsc_khz) <
		            0 &&
		    v->c->index == 0) {
			log_warn("KVM can't give the guest a TSC of %llu kHz: it runs "
			         "at %d",
			         (unsigned long long)c->tsc_khz, khz);
		}
	}
	v->k->arch->tsc_offset_attr = kvm_ioctl(v->fd, KVM_HAS_DEVICE_ATTR, &attr) >= 0;
}

int kvm_arch_vcpu_init(struct kvm_vcpu *v, struct err *e)
{
	struct kvm_arch_vm *a = v->k->arch;
	int r;

	v->arch = calloc(1, sizeof(*v->arch));
	if (v->arch) {
		v->arch->xsave = aligned_alloc(
			4096, ALIGN_UP((size_t)a->xsave_size, (size_t)4096));
	}
	if (!v->arch || !v->arch->xsave) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	memset(v->arch->xsave, 0, a->xsave_size);
	v->arch_each_run = !v->k->kernel_chip || v->k->split_chip;
	arch_vcpu_tsc(v);
	kvm_x86_chip_vcpu_init(v);
	r = kvm_x86_cpuid_set(v, e);
	if (r >= 0 && v->reused) {
		kvm_x86_pv_clear(v);
	}
	if (r >= 0) {
		r = kvm_x86_chip_vcpu_clear(v);
		r = r < 0 ? err_set_errno(e, r,
		                          "KVM does not take the state of a local APIC")
		          : 0;
	}
	if (r >= 0 &&
	    (kvm_x86_msr_vcpu_init(v) < 0 || kvm_x86_events_vcpu_init(v) < 0)) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	return r;
}

void kvm_arch_vcpu_fini(struct kvm_vcpu *v)
{
	if (v->arch) {
		kvm_x86_chip_vcpu_off(v);
		kvm_x86_events_vcpu_fini(v);
		free(v->arch->msrs);
		free(v->arch->xsave);
		free(v->arch);
		v->arch = NULL;
	}
}

/* ---- interrupts ---- */

/* INIT and STARTUP change the state as a whole. */
static bool arch_init_sipi(struct kvm_vcpu *v, uint32_t req, enum vcpu_exit *why)
{
	struct x86_cpu *c = v->c->arch;
	struct err e = ERR_INIT;

	kvm_vcpu_finish_io(v);
	if (kvm_arch_pull(v, &e) < 0) {
		goto broken;
	}
	kvm_arch_take_over(v);
	if (req & X86_REQ_INIT) {
		vcpu_clear_request(v->c, X86_REQ_INIT | X86_REQ_NMI | X86_REQ_SMI);
		x86_init_reset(c);
	} else {
		vcpu_clear_request(v->c, X86_REQ_SIPI);
		if (c->wait_sipi && c->apic_ops && c->apic) {
			x86_startup(c, c->apic_ops->sipi_vector(c->apic));
		}
	}
	if (kvm_arch_push(v, true, &e) < 0) {
		goto broken;
	}
	if (v->k->kernel_chip) { /* the push has made the kernel wait for STARTUP */
		return true;
	}
	*why = c->wait_sipi ? VCPU_EXIT_HALT : VCPU_EXIT_KICK;
	return !c->wait_sipi;
broken:
	log_error("vCPU %u: %s", v->c->index, e.text);
	*why = VCPU_EXIT_ERROR;
	return false;
}

static void arch_inject(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_interrupt irq;
	int vec;

	if (!v->arch->ready || !v->run->if_flag) {
		v->run->request_interrupt_window = 1;
		return;
	}
	vec = c->apic_ops->get_vector(c->apic);
	if (vec < 0 || vec > 255) {
		return;
	}
	irq.irq = (uint32_t)vec;
	if (kvm_ioctl(v->fd, KVM_INTERRUPT, &irq) < 0) {
		log_guest("vCPU %u: KVM does not take interrupt 0x%x", v->c->index,
		          vec);
	}
	v->arch->ready = false;
	if (atomic_load(&v->c->requests) & X86_REQ_HARD) {
		v->run->request_interrupt_window = 1;
	}
}

bool kvm_arch_pre_run(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	struct x86_cpu *c = v->c->arch;
	uint32_t req = atomic_load(&v->c->requests);

	v->run->request_interrupt_window = 0;
	if (unlikely(req & (X86_REQ_INIT | X86_REQ_SIPI))) {
		if (!arch_init_sipi(v, req, why)) {
			return false;
		}
		req = atomic_load(&v->c->requests);
	}
	if (unlikely(req & X86_REQ_NMI)) {
		vcpu_clear_request(v->c, X86_REQ_NMI);
		(void)kvm_ioctl_n(v->fd, KVM_NMI, 0);
	}
	if (unlikely(req & X86_REQ_SMI)) {
		vcpu_clear_request(v->c, X86_REQ_SMI);
		kvm_x86_smi(v);
	}
	if (unlikely(req & X86_REQ_MCE)) {
		vcpu_clear_request(v->c, X86_REQ_MCE);
		log_d(LOG_UNIMP, "kvm: not supported: machine checks from the host\n");
	}
	if (c->apic_ops && c->apic) {
		if (req & X86_REQ_HARD) {
			arch_inject(v);
		}
		v->run->cr8 = c->apic_ops->get_tpr(c->apic);
	} else if (v->k->split_chip) {
		kvm_x86_split_pre_run(v);
	}
	return true;
}

void kvm_arch_post_run(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	v->arch->ready = v->run->ready_for_interrupt_injection;
	c->eflags = (c->eflags & ~X86_IF) | (v->run->if_flag ? X86_IF : 0);
	if (c->apic_ops && c->apic && v->run->cr8 != c->apic_ops->get_tpr(c->apic)) {
		c->apic_ops->set_tpr(c->apic, (uint8_t)v->run->cr8);
	}
}

void kvm_arch_halted(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	c->nmi_masked = false; /* KVM keeps an NMI back by itself */
}

void kvm_arch_before_translator(struct kvm_vcpu *v)
{
	if (unlikely(v->halt_exit)) {
		vcpu_clear_request(v->c, X86_REQ_UNHALT); /* that halt is over */
	}
}

void kvm_arch_halt_in_kernel(struct kvm_vcpu *v)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_HALTED };

	(void)kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
}

static void arch_msr_exit(struct kvm_vcpu *v, bool write)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_run *run = v->run;
	int r = -EINVAL;

	if (c->apic_ops && c->apic) {
		uint64_t val = run->msr.data;

		r = write ? c->apic_ops->x2apic_write(c->apic, run->msr.index, val)
		          : c->apic_ops->x2apic_read(c->apic, run->msr.index, &val);
		run->msr.data = val;
	}
	run->msr.error = r < 0;
	v->io_pending = true;
}

bool kvm_arch_exit(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	(void)why;
	switch (v->run->exit_reason) {
	case KVM_EXIT_SET_TPR: return true; /* post_run has done it */
	case KVM_EXIT_IOAPIC_EOI:
		if (v->c->vm->chips_eoi) {
			v->c->vm->chips_eoi(v->c->vm, v->run->eoi.vector);
		}
		return true;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		arch_msr_exit(v, v->run->exit_reason == KVM_EXIT_X86_WRMSR);
		return true;
	default: return false;
	}
}

void kvm_arch_drop_failed_event(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	/* Without the capability KVM queues #UD in the same breath. */
	if (!v->k->arch->exit_on_failure && c->exc_pending == X86_EXC_UD) {
		c->exc_pending = -1;
	}
}

/* ---- bursts ---- */

bool kvm_arch_owns(struct vm *vm, enum hv_place where, uint64_t addr)
{
	unsigned has =
		atomic_load(&vm->chips_in_hv) && vm->hv_chips ? vm->hv_chips->has : 0;

	if (where == HV_PLACE_MEM) {
		return ((has & X86_CHIP_LAPIC) &&
		        (addr & ~UINT64_C(0xfff)) == 0xfee00000) ||
		       ((has & X86_CHIP_IOAPIC) &&
		        (addr & ~UINT64_C(0xfff)) == 0xfec00000);
	}
	switch (addr) {
	case 0x20:
	case 0x21:
	case 0xa0:
	case 0xa1:
	case 0x4d0:
	case 0x4d1: return has & X86_CHIP_PIC;
	case 0x40:
	case 0x41:
	case 0x42:
	case 0x43:
	case 0x61: return has & X86_CHIP_PIT;
	default: return false;
	}
}

enum { PTE_P = 1, PTE_A = 1 << 5, PTE_D = 1 << 6 };
#define PTE_ADDR UINT64_C(0x000ffffffffff000)
#define PTE_SOFT (UINT64_C(0x7f) << 52 | 7 << 9)

/* Could it be a present entry? It would point to something. */
static bool arch_entry_like(const struct flat *f, uint64_t pte)
{
	return (pte & PTE_P) && flat_find(f, pte & PTE_ADDR) != NULL;
}

/*
 * Only an entry that was present is in a shadow page. Wrong guesses cost a rebuild of the
 * shadow pages, so the whole page is looked at: one with an entry that points to nowhere is
 * no table (data is full of those).
 */
bool kvm_arch_was_table(struct kvm_vcpu *v, const struct hv_burst_store *s)
{
	const struct x86_cpu *c = v->c->arch;
	const uint8_t *page = (const uint8_t *)((uintptr_t)s->host & ~(uintptr_t)4095);
	uint64_t now = ld_le64(s->host);
	const struct flat *f;
	bool table = true;

	if (!(c->cr0 & X86_CR0_PG) || !((now ^ s->old) & ~(PTE_SOFT | PTE_A | PTE_D))) {
		return false;
	}
	if (!(c->cr4 & X86_CR4_PAE)) {
		return (s->old & PTE_P) || (s->old >> 32 & PTE_P);
	}
	f = aspace_enter(&v->c->vm->mem);
	table = arch_entry_like(f, s->old);
	for (unsigned i = 0; i < 4096 && table; i += 8) {
		uint64_t pte = page + i == s->host ? s->old : ld_le64(page + i);

		table = !(pte & PTE_P) || arch_entry_like(f, pte);
	}
	aspace_leave(&v->c->vm->mem);
	return table;
}
