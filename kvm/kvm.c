/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm.c - the Linux kernel's hypervisor as an accelerator: probe, VM life cycle, and the
 * table that the rest of lodge sees.
 *
 * Spec: Documentation/virt/kvm/api.rst of Linux.
 * Threads: probe and VM life cycle on control; see kvm.h for the rest.
 *
 * Known gaps: no split irqchip; no nested state; no asynchronous page
 * faults.
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

static int kvm_fd = -1; /* control thread opens it */

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

static int kvm_open_failed(int err, struct err *e)
{
	switch (err) {
	case ENOENT:
		return err_set(e, -err, "/dev/kvm does not exist: load the kvm module for this "
			       "processor (kvm_intel or kvm_amd), and switch virtualisation on "
			       "in the firmware");
	case EACCES:
	case EPERM:
		return err_set(e, -err, "/dev/kvm: permission denied: add yourself to group kvm "
			       "and log in again");
	default:
		return err_set_errno(e, -err, "cannot open /dev/kvm");
	}
}

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
		return err_set(e, -ENOTSUP, "/dev/kvm speaks API version %d, not %d", v,
			       KVM_API_VERSION);
	}
	for (unsigned i = 0; i < ARRAY_LEN(need); i++) {
		if (kvm_ioctl_n(fd, KVM_CHECK_EXTENSION, need[i].cap) <= 0) {
			return err_set(e, -ENOTSUP, "this kernel's KVM is too old: it lacks %s",
				       need[i].name);
		}
	}
	return kvm_arch_probe(fd, e);
}

static int kvm_probe(struct err *e)
{
	int fd, r;

	if (kvm_fd >= 0) {
		return 0;
	}
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return kvm_open_failed(errno, e);
	}
	r = kvm_check_api(fd, e);
	if (r < 0) {
		close(fd);
		return r;
	}
	kvm_fd = fd;
	return 0;
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
	if (r >= 0 && chip == 2) {
		log_info("-accel kvm: not supported: kernel-irqchip=split; using on");
	}
	/* Without hardware behind KVM the translator will do most of the work, and it needs
	 * the APICs where it can reach them. */
	k->kernel_chip = chip ? chip > 1 : k->nested_paging;
	return r;
}

static int kvm_create_vm(struct kvm *k, struct err *e)
{
	int r;

	k->vm_fd = kvm_ioctl_n(kvm_fd, KVM_CREATE_VM, 0);
	if (k->vm_fd < 0) {
		return err_set_errno(e, k->vm_fd, "KVM refuses to create a virtual machine");
	}
	r = kvm_ioctl_n(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run)) {
		return err_set(e, -ENOTSUP, "KVM's run area has %d bytes", r);
	}
	k->run_size = (size_t)r;
	r = kvm_cap(k, KVM_CAP_MAX_VCPUS);
	if (r > 0 && k->vm->n_vcpus > (unsigned)r) {
		return err_set(e, -EINVAL, "KVM allows %d vCPUs, not %u", r, k->vm->n_vcpus);
	}
	return 0;
}

static void kvm_vm_fini(struct vm *vm)
{
	struct kvm *k = vm->hv_priv;

	if (!k) {
		return;
	}
	kvm_mem_fini(k);
	kvm_dirty_fini(k);
	kvm_hybrid_fini(k);
	kvm_arch_vm_fini(k);
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
	r = kvm_options(k, opts, e);
	r = r < 0 ? r : kvm_create_vm(k, e);
	r = r < 0 ? r : kvm_dirty_options(k, opts, e);
	r = r < 0 ? r : kvm_hybrid_init(k, e);
	r = r < 0 ? r : kvm_arch_vm_init(k, e);
	if (r < 0) {
		kvm_hybrid_fini(k);
		if (k->vm_fd >= 0) {
			close(k->vm_fd);
		}
		free(k);
		return r;
	}
	vm->hv_priv = k;
	kvm_vcpu_setup_signal();
	kvm_mem_init(k);
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

static int kvm_state_push(struct vcpu *c, struct err *e)
{
	struct kvm_vcpu *v = c->hv;

	/* A reset: it goes through KVM, which has the last word on the TSC; a stay in the
	 * translator begins anew with the next run. */
	atomic_store(&v->in_fallback, false);
	v->io_pending = false; /* a reset: nobody waits for the answer any more */
	kvm_hybrid_reset(v);
	return kvm_arch_push(v, true, e);
}

static struct opt *kvm_query_stats(struct vm *vm)
{
	struct kvm *k = vm->hv_priv;
	struct opt *o = opt_new_dict();

	opt_put_str(o, "engine", "kvm");
	opt_put_bool(o, "fallback", k->fallback);
	opt_put_int(o, "failures", (int64_t)atomic_load(&k->n_fail));
	opt_put_int(o, "bursts", (int64_t)atomic_load(&k->n_insn_bursts));
	opt_put_int(o, "gates", (int64_t)atomic_load(&k->n_gates));
	opt_put_str(o, "dirty-log", k->dirty.mode == KVM_DIRTY_RING ? "ring" : "bitmap");
	opt_put_int(o, "stays", (int64_t)atomic_load(&k->n_stays));
	return o;
}

const struct hv_ops kvm_hv_ops = {
	.name = "kvm",
	.probe = kvm_probe,
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
		 .set_gsi = kvm_arch_set_gsi,
		 .irqfd = kvm_arch_irqfd,
		 .ioeventfd = kvm_irq_ioeventfd },
	.mem = { .dirty_start = kvm_dirty_start,
		 .dirty_stop = kvm_dirty_stop,
		 .dirty_collect = kvm_dirty_collect },
	.query_stats = kvm_query_stats,
};
