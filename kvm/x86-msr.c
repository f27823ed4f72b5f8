/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-msr.c - model-specific registers between KVM and struct x86_cpu, and the set-up of
 * machine checks, whose banks are MSRs.
 *
 * Which: those of the table below that KVM lists (KVM_GET_MSR_INDEX_LIST), and those that it
 * has always had without listing them. The clocks and steal time: x86-pv.c; TSC: x86-clock.c.
 *
 * A value that KVM is known to have is not written again: most pushes come after a pull
 * (bursts), and some writes are slow or have effects. What it is known to have is
 * forgotten when the vCPU runs.
 *
 * Threads: control (list), the vCPU's own.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/cpu/x86-model.h"
#include "kvm/x86.h"

enum { MSR_ALWAYS, MSR_LISTED };
enum { MSR_MC_BANKS = 10, MSR_MC0_CTL = 0x400, MSR_ARCH_CAPABILITIES = 0x10a };
#define MSR_MCG_CTL_P BIT(8)

/* clang-format off */
#define MSR(nr, f)    { nr, offsetof(struct x86_cpu, f), MSR_ALWAYS }
#define LISTED(nr, f) { nr, offsetof(struct x86_cpu, f), MSR_LISTED }
static const struct msr_def {
	uint32_t msr;
	uint32_t off;
	uint8_t how;
} msr_defs[] = {
	MSR(0xc0000081, star), MSR(0xc0000082, lstar), MSR(0xc0000083, cstar),
	MSR(0xc0000084, fmask), MSR(0xc0000102, kernel_gs_base), LISTED(0xc0000103, tsc_aux),
	MSR(0x174, sysenter_cs), MSR(0x175, sysenter_esp), MSR(0x176, sysenter_eip),
	MSR(0x277, pat), MSR(0x1a0, misc_enable), LISTED(0x48, spec_ctrl), LISTED(0xda0, xss),
	MSR(0x1d9, debugctl), MSR(0x2ff, mtrr_def),
	MSR(0x250, mtrr_fixed[0]), MSR(0x258, mtrr_fixed[1]), MSR(0x259, mtrr_fixed[2]),
	MSR(0x268, mtrr_fixed[3]), MSR(0x269, mtrr_fixed[4]), MSR(0x26a, mtrr_fixed[5]),
	MSR(0x26b, mtrr_fixed[6]), MSR(0x26c, mtrr_fixed[7]), MSR(0x26d, mtrr_fixed[8]),
	MSR(0x26e, mtrr_fixed[9]), MSR(0x26f, mtrr_fixed[10]),
	MSR(0x200, mtrr_phys[0]), MSR(0x201, mtrr_phys[1]), MSR(0x202, mtrr_phys[2]),
	MSR(0x203, mtrr_phys[3]), MSR(0x204, mtrr_phys[4]), MSR(0x205, mtrr_phys[5]),
	MSR(0x206, mtrr_phys[6]), MSR(0x207, mtrr_phys[7]), MSR(0x208, mtrr_phys[8]),
	MSR(0x209, mtrr_phys[9]), MSR(0x20a, mtrr_phys[10]), MSR(0x20b, mtrr_phys[11]),
	MSR(0x20c, mtrr_phys[12]), MSR(0x20d, mtrr_phys[13]), MSR(0x20e, mtrr_phys[14]),
	MSR(0x20f, mtrr_phys[15]), MSR(0x3b, tsc_adjust),
	LISTED(0x3a, feature_control), LISTED(0x140, misc_features), LISTED(0x122, tsx_ctrl),
	LISTED(0x1c4, xfd), LISTED(0x1c5, xfd_err), LISTED(0xe1, umwait),
	LISTED(0x9e, smbase), LISTED(0x34, smi_count), LISTED(0xc0010117, vm_hsave),
	LISTED(0xc0000104, tsc_ratio), LISTED(0x4d0, mcg_ext_ctl), LISTED(0xd90, bndcfgs),
	LISTED(0x6e1, pkrs), LISTED(0xc001011f, virt_spec_ctrl),
	/* the vector before what raises it */
	LISTED(0x4b564d06, async_pf_int_msr), LISTED(0x4b564d02, async_pf_msr),
	LISTED(0x4b564d05, poll_control_msr), LISTED(0x4b564d08, migration_control_msr),
};
static const struct msr_def msr_mce_defs[] = {
	MSR(0x17a, mcg_status), MSR(0x17b, mcg_ctl),
};
/* clang-format on */
#undef MSR
#undef LISTED

enum { MSR_MAX = ARRAY_LEN(msr_defs) + ARRAY_LEN(msr_mce_defs) + 4 * MSR_MC_BANKS };

struct kvm_x86_msr_list {
	unsigned n;
	bool mce;
	uint64_t mcg_cap;
	struct {
		uint32_t msr, off;
	} e[MSR_MAX];
};

struct kvm_x86_msr_state {
	bool known; /* val[] is what KVM had after its exit number known_at */
	uint64_t known_at;
	bool no_get[MSR_MAX];
	bool no_set[MSR_MAX]; /* KVM did not take `refused` */
	uint64_t refused[MSR_MAX], val[MSR_MAX];
};

/* ---- which ---- */

static struct kvm_msr_list *msr_index_list(void)
{
	struct kvm_msr_list probe = { .nmsrs = 0 }, *l;

	(void)kvm_ioctl(kvm_sys_fd(), KVM_GET_MSR_INDEX_LIST,
	                &probe); /* E2BIG: the number */
	l = calloc(1, sizeof(*l) + (probe.nmsrs + 1) * sizeof(l->indices[0]));
	if (!l) {
		return NULL;
	}
	l->nmsrs = probe.nmsrs;
	if (kvm_ioctl(kvm_sys_fd(), KVM_GET_MSR_INDEX_LIST, l) < 0) {
		l->nmsrs = 0;
	}
	return l;
}

static bool msr_is_listed(const struct kvm_msr_list *l, uint32_t msr)
{
	for (uint32_t i = 0; i < l->nmsrs; i++) {
		if (l->indices[i] == msr) {
			return true;
		}
	}
	return false;
}

static void msr_add(struct kvm_x86_msr_list *m, uint32_t msr, size_t off)
{
	m->e[m->n].msr = msr;
	m->e[m->n++].off = (uint32_t)off;
}

static void msr_add_mce(struct kvm *k, struct kvm_x86_msr_list *m)
{
	uint64_t cap = 0;
	int banks = kvm_cap(k, KVM_CAP_MCE);

	if (banks < MSR_MC_BANKS ||
	    kvm_ioctl(kvm_sys_fd(), KVM_X86_GET_MCE_CAP_SUPPORTED, &cap) < 0) {
		log_info("this KVM has no machine-check banks for its guests");
		return;
	}
	m->mce = true;
	m->mcg_cap =
		MSR_MC_BANKS | (cap & MSR_MCG_CTL_P); /* as the translator has it */
	for (unsigned i = 0; i < ARRAY_LEN(msr_mce_defs); i++) {
		msr_add(m, msr_mce_defs[i].msr, msr_mce_defs[i].off);
	}
	for (unsigned i = 0; i < 4 * MSR_MC_BANKS; i++) {
		msr_add(m, MSR_MC0_CTL + i, offsetof(struct x86_cpu, mc_bank) + 8 * i);
	}
}

int kvm_x86_msr_vm_init(struct kvm *k)
{
	struct kvm_x86_msr_list *m = calloc(1, sizeof(*m));
	struct kvm_msr_list *l = msr_index_list();

	if (!m || !l) {
		free(m);
		free(l);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < ARRAY_LEN(msr_defs); i++) {
		if (msr_defs[i].how == MSR_ALWAYS ||
		    msr_is_listed(l, msr_defs[i].msr)) {
			msr_add(m, msr_defs[i].msr, msr_defs[i].off);
		}
	}
	free(l);
	msr_add_mce(k, m);
	k->arch->msrs = m;
	return 0;
}

/* ---- one vCPU ---- */

int kvm_x86_msr_io(int fd, unsigned long req, uint32_t msr, uint64_t *val)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e = { .index = msr, .data = *val } };
	int r = kvm_ioctl(fd, req, &m);

	*val = m.e.data;
	return r == 1 ? 0 : r < 0 ? r : -ENOENT;
}

/* After the CPUID table, which decides what MSRs there are. */
int kvm_x86_msr_vcpu_init(struct kvm_vcpu *v)
{
	const struct x86_cpu *c = v->c->arch;
	struct kvm_x86_msr_list *m = v->k->arch->msrs;
	uint64_t cap = m->mcg_cap, arch_cap = c->features[XF_ARCH_CAP];

	v->arch->msrs = calloc(1, sizeof(*v->arch->msrs));
	if (!v->arch->msrs) {
		return -ENOMEM;
	}
	if (m->mce && x86_cpu_has(c, X86F_MCA) &&
	    kvm_ioctl(v->fd, KVM_X86_SETUP_MCE, &cap) < 0 && v->c->index == 0) {
		log_info("KVM does not set machine checks up: the guest has none");
	}
	if (x86_cpu_has(c, X86F_ARCH_CAP)) {
		(void)kvm_x86_msr_io(v->fd, KVM_SET_MSRS, MSR_ARCH_CAPABILITIES,
		                     &arch_cap);
	}
	return 0;
}

void kvm_x86_msr_set(struct kvm_vcpu *v, uint32_t msr, uint64_t val)
{
	const struct kvm_x86_msr_list *m = v->k->arch->msrs;

	if (kvm_x86_msr_io(v->fd, KVM_SET_MSRS, msr, &val) < 0) {
		return;
	}
	for (unsigned i = 0; i < m->n; i++) {
		if (m->e[i].msr == msr) {
			v->arch->msrs->val[i] = val;
		}
	}
}

void kvm_x86_msr_forget(struct kvm_vcpu *v)
{
	v->arch->msrs->known = false;
}

struct msr_batch {
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e[MSR_MAX];
	} b;
	uint8_t which[MSR_MAX];
	unsigned n;
};
_Static_assert(MSR_MAX <= 256, "which[]");

/* KVM stops at the first one that it does not know: that one is left out, the rest tried
 * again. `refused` is told which. */
static void msr_run(struct kvm_vcpu *v, struct msr_batch *b, unsigned long req,
                    void (*did)(struct kvm_vcpu *, unsigned, uint64_t),
                    void (*refused)(struct kvm_vcpu *, unsigned, uint64_t))
{
	unsigned done = 0;

	while (done < b->n) {
		int r;

		b->b.h.nmsrs = b->n - done;
		if (done) {
			memmove(b->b.e, b->b.e + done,
			        (b->n - done) * sizeof(b->b.e[0]));
			memmove(b->which, b->which + done, b->n - done);
			b->n -= done;
			done = 0;
		}
		r = kvm_ioctl(v->fd, req, &b->b);
		for (; done < b->n && (int)done < r; done++) {
			did(v, b->which[done], b->b.e[done].data);
		}
		if (done < b->n) {
			refused(v, b->which[done], b->b.e[done].data);
			done++;
		}
	}
}

static uint64_t *msr_field(struct kvm_vcpu *v, unsigned i)
{
	return (uint64_t *)(void *)((char *)v->c->arch + v->k->arch->msrs->e[i].off);
}

static void msr_pulled(struct kvm_vcpu *v, unsigned i, uint64_t val)
{
	*msr_field(v, i) = v->arch->msrs->val[i] = val;
}

static void msr_not_pulled(struct kvm_vcpu *v, unsigned i, uint64_t val)
{
	(void)val;
	v->arch->msrs->no_get[i] = true;
	log_d(LOG_UNIMP, "kvm: MSR 0x%x is not there\n", v->k->arch->msrs->e[i].msr);
}

static void msr_pushed(struct kvm_vcpu *v, unsigned i, uint64_t val)
{
	v->arch->msrs->val[i] = val;
	v->arch->msrs->no_set[i] = false;
}

static void msr_not_pushed(struct kvm_vcpu *v, unsigned i, uint64_t val)
{
	struct kvm_x86_msr_state *s = v->arch->msrs;

	if (val && !s->no_set[i] && !s->no_get[i]) {
		log_warn("vCPU %u: KVM does not take 0x%llx for MSR 0x%x", v->c->index,
		         (unsigned long long)val, v->k->arch->msrs->e[i].msr);
	}
	s->no_set[i] = true;
	s->refused[i] = val;
}

void kvm_x86_msr_pull(struct kvm_vcpu *v)
{
	const struct kvm_x86_msr_list *m = v->k->arch->msrs;
	struct kvm_x86_msr_state *s = v->arch->msrs;
	struct msr_batch b;

	b.n = 0;
	memset(&b.b.h, 0, sizeof(b.b.h));
	for (unsigned i = 0; i < m->n; i++) {
		if (!s->no_get[i]) {
			b.b.e[b.n] = (struct kvm_msr_entry){ .index = m->e[i].msr };
			b.which[b.n++] = (uint8_t)i;
		}
	}
	msr_run(v, &b, KVM_GET_MSRS, msr_pulled, msr_not_pulled);
	s->known = true;
	s->known_at = v->n_exits;
}

void kvm_x86_msr_push(struct kvm_vcpu *v)
{
	const struct kvm_x86_msr_list *m = v->k->arch->msrs;
	struct kvm_x86_msr_state *s = v->arch->msrs;
	bool known = s->known && s->known_at == v->n_exits; /* it has not run since */
	struct msr_batch b;

	b.n = 0;
	memset(&b.b.h, 0, sizeof(b.b.h));
	for (unsigned i = 0; i < m->n; i++) {
		uint64_t val = *msr_field(v, i);

		if ((known && !s->no_get[i] && s->val[i] == val) ||
		    (s->no_set[i] && s->refused[i] == val)) {
			continue;
		}
		b.b.e[b.n] =
			(struct kvm_msr_entry){ .index = m->e[i].msr, .data = val };
		b.which[b.n++] = (uint8_t)i;
	}
	msr_run(v, &b, KVM_SET_MSRS, msr_pushed, msr_not_pushed);
}
