/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm.c - the Linux kernel's hypervisor as an accelerator: probe, VM life cycle, and the
 * table that the rest of lodge sees.
 *
 * Spec: Documentation/virt/kvm/api.rst of Linux.
 * Threads: probe and VM life cycle on control; see kvm.h for the rest.
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/cpu/arch.h"
#include "kvm/routes.h"

static int kvm_fd = -1;     /* control thread opens it */
static int kvm_new_vm = -1; /* made by the probe: the first VM is the test */

int kvm_sys_fd(void)
{
	return kvm_fd;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	int r;

	do {
		r = ioctl(fd, req, arg);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int kvm_ioctl_n(int fd, unsigned long req, unsigned long arg)
{
	return kvm_ioctl(fd, req, (void *)arg);
}

int kvm_cap(const struct kvm *k, unsigned cap)
{
	int r = kvm_ioctl_n(k->vm_fd, KVM_CHECK_EXTENSION, cap);

	return r < 0 ? 0 : r;
}

/* ---- probe ---- */

static int kvm_check_api(int fd, struct err *e)
{
	static const struct {
		unsigned cap;
		const char *name;
	} need[] = { { KVM_CAP_USER_MEMORY, "user memory" },
		     { KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "removable memory slots" },
		     { KVM_CAP_IMMEDIATE_EXIT, "immediate exit (Linux 4.13)" } };
	int v = kvm_ioctl_n(fd, KVM_GET_API_VERSION, 0);

	if (v != KVM_API_VERSION) {
		return kvm_say_api(v, e);
	}
	for (unsigned i = 0; i < ARRAY_LEN(need); i++) {
		if (kvm_ioctl_n(fd, KVM_CHECK_EXTENSION, need[i].cap) <= 0) {
			return err_set(e, -ENOTSUP,
			               "this kernel's KVM is too old: it lacks %s: "
			               "use a newer kernel, or -accel tcg",
			               need[i].name);
		}
	}
	return kvm_arch_probe(fd, e);
}

int kvm_needs(int sys_fd, const struct kvm_need *need, unsigned n, struct err *e)
{
	for (unsigned i = 0; i < n; i++) {
		if (kvm_ioctl_n(sys_fd, KVM_CHECK_EXTENSION, need[i].cap) <= 0) {
			return err_set(e, -ENOTSUP,
			               "this kernel's KVM is too old: it lacks %s",
			               need[i].name);
		}
	}
	return 0;
}

static int kvm_probe(struct err *e)
{
	int fd, r;

	if (kvm_fd >= 0) {
		return 0;
	}
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return kvm_say_open(errno, e);
	}
	r = kvm_check_api(fd, e);
	if (r >= 0) {
		/* Another hypervisor may hold the processor: only a VM shows it. */
		kvm_new_vm = kvm_ioctl_n(fd, KVM_CREATE_VM, kvm_arch_vm_type(fd));
		r = kvm_new_vm < 0 ? kvm_say_create_vm(-kvm_new_vm, e) : 0;
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	kvm_fd = fd;
	return 0;
}

/* Shadow paging on real hardware beats the translator too; a KVM that emulates kernel
 * code does not. */
static bool kvm_is_fast(struct err *why)
{
	if (kvm_arch_nested_paging()) {
		err_set(why, 0, "hardware virtualisation with nested paging");
		return true;
	}
	if (kvm_arch_has_hardware()) {
		err_set(why, 0, "hardware virtualisation without nested paging");
		return true;
	}
	err_set(why, 0,
	        "KVM of this host has no hardware behind it and emulates guest "
	        "kernels; "
	        "-accel kvm asks for it all the same");
	return false;
}

/* ---- the VM ---- */

static int kvm_options(struct kvm *k, struct opt *o, struct err *e)
{
	static const char *const chips[] = { "auto", "off", "split", "on", NULL };
	int chip = 0, r = 0;

	k->fallback = true;
	k->nested_paging = kvm_arch_nested_paging();
	if (o) {
		r = opt_get_bool(o, "fallback", true, &k->fallback, e);
		r = r < 0 ? r : opt_get_enum(o, "kernel-irqchip", chips, 0, &chip, e);
	}
	/* Without hardware behind KVM the translator will do most of the work, and it needs
	 * the APICs where it can reach them. */
	k->kernel_chip = chip ? chip > 1 : k->nested_paging;
	k->split_chip = chip == 2;
	return r;
}

/* The limits of this kernel, for the vCPUs that the machine may have. */
int kvm_check_vcpus(struct kvm *k, struct err *e)
{
	int max = kvm_cap(k, KVM_CAP_MAX_VCPUS), soft = kvm_cap(k, KVM_CAP_NR_VCPUS);
	unsigned n = MAX(k->vm->n_vcpus, k->vm->max_vcpus);

	max = max > 0 ? max : soft > 0 ? soft : 4;
	if (n > (unsigned)max) {
		return err_set(e, -EINVAL,
		               "KVM allows %d vCPUs, not %u: fewer with -smp, or "
		               "-accel tcg",
		               max, n);
	}
	n = k->vm->n_vcpus;
	if (soft > 0 && n > (unsigned)soft) {
		log_warn("%u vCPUs: KVM recommends at most %d here", n, soft);
	}
	return 0;
}

static int kvm_create_vm(struct kvm *k, struct err *e)
{
	int r;

	k->vm_fd = kvm_new_vm >= 0 ? kvm_new_vm
	                           : kvm_ioctl_n(kvm_fd, KVM_CREATE_VM,
	                                         kvm_arch_vm_type(kvm_fd));
	kvm_new_vm = -1;
	if (k->vm_fd < 0) {
		return kvm_say_create_vm(-k->vm_fd, e);
	}
	r = kvm_ioctl_n(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run)) {
		return err_set(e, -ENOTSUP,
		               "KVM's run area has %d bytes, too few for this kernel's "
		               "own interface: is the module older than the kernel?",
		               r);
	}
	k->run_size = (size_t)r;
	return 0;
}

static void kvm_vm_fini(struct vm *vm)
{
	struct kvm *k = vm->hv_priv;

	if (!k) {
		return;
	}
	kvm_vcpu_free_parked(k);
	kvm_coalesce_fini(k);
	kvm_mem_fini(k);
	kvm_dirty_fini(k);
	kvm_hybrid_fini(k);
	kvm_arch_vm_fini(k);
	kvm_routes_fini(k);
	if (k->vm_fd >= 0) {
		close(k->vm_fd);
	}
	free(k);
	vm->hv_priv = NULL;
}

static int kvm_vm_init(struct vm *vm, struct opt *opts, struct err *e)
{
	struct kvm *k = calloc(1, sizeof(*k));
	int r;

	if (!k) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	k->vm = vm;
	k->vm_fd = -1;
	lk_init(&k->mem_lk, RANK_HV_MEM, "KVM memory");
	k->why = "the machine was started with it";
	r = kvm_options(k, opts, e);
	r = r < 0 ? r : kvm_create_vm(k, e);
	r = r < 0 ? r : kvm_dirty_options(k, opts, e);
	if (r < 0) {
		k->fallback = false; /* is not set up yet */
	}
	r = r < 0 ? r : kvm_hybrid_init(k, e);
	r = r < 0 ? r : kvm_arch_vm_init(k, e);
	if (r < 0) {
		kvm_hybrid_fini(k);
		kvm_arch_vm_fini(k);
		if (k->vm_fd >= 0) {
			close(k->vm_fd);
		}
		free(k);
		return r;
	}
	vm->hv_priv = k;
	kvm_vcpu_setup_signal();
	kvm_mem_init(k);
	kvm_coalesce_init(k);
	return 0;
}

/* ---- state ---- */

static int kvm_state_pull(struct vcpu *c, struct err *e)
{
	struct kvm_vcpu *v = c->hv;

	if (atomic_load(&v->in_fallback)) {
		return 0; /* the struct is what the translator works on */
	}
	kvm_vcpu_finish_io(v);
	return kvm_arch_pull(v, e);
}

/* After a reset. */
static int kvm_state_push(struct vcpu *c, struct err *e)
{
	struct kvm_vcpu *v = c->hv;

	v->io_pending = false; /* nobody waits for the answer any more */
	kvm_arch_forget(v);
	return kvm_move_after_reset(v) ? 0 : kvm_arch_push(v, true, e);
}

static struct opt *kvm_query_stats(struct vm *vm)
{
	/* The counters of KVM itself: x-lodge-query-accel. */
	return hv_fallback && vm->tcg ? hv_fallback->query_stats(vm) : opt_new_dict();
}

static int kvm_models(struct opt *o, struct err *e)
{
	bool fallback = true;
	int r = o ? opt_get_bool(o, "fallback", true, &fallback, e) : 0;

	return r < 0 ? r : kvm_arch_models(fallback && hv_fallback, e);
}

const struct hv_ops kvm_hv_ops = {
	.name = "kvm",
	.probe = kvm_probe,
	.is_fast = kvm_is_fast,
	.vm_init = kvm_vm_init,
	.vm_fini = kvm_vm_fini,
	.vcpu = { .init = kvm_vcpu_init,
	          .fini = kvm_vcpu_fini,
	          .run = kvm_vcpu_run,
	          .kick = kvm_vcpu_kick,
	          .state_pull = kvm_state_pull,
	          .state_push = kvm_state_push,
	          .request = kvm_vcpu_kick },
	.irq = { .create_irqchip = kvm_arch_create_irqchip,
	         .owns = kvm_arch_owns,
	         .set_gsi = kvm_arch_set_gsi,
	         .irqfd = kvm_arch_irqfd,
	         .ioeventfd = kvm_irq_ioeventfd },
	.mem = { .dirty_start = kvm_dirty_start,
	         .dirty_stop = kvm_dirty_stop,
	         .dirty_collect = kvm_dirty_collect },
	.accel = { .set = kvm_move_set, .query = kvm_move_query },
	.models = kvm_models,
	.query_stats = kvm_query_stats,
};
