/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-cpuid-check.c - does KVM show its guests the CPUID it was told to show? A KVM without
 * hardware behind it may add what guests could find out by themselves (their user space runs
 * on the processor). A guest may only ever see one CPUID: it turns on in CR4 what CPUID
 * names, and the translator refuses what its own CPUID does not name, with #GP.
 *
 *   equal    the VM may move between KVM and the translator
 *   differs  where the guest starts in KVM, KVM's word becomes the model's; if that names
 *            what the translator lacks, or if the guest starts in the translator, the VM
 *            stays where it is unless an operator forces it
 *
 * Threads: control, before the vCPUs run (check); control (may_cross).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/cpu/x86-model.h"
#include "kvm/x86.h"

const struct kvm_cpuid_entry2 *kvm_x86_cpuid_find(const struct kvm_cpuid2 *t,
                                                  uint32_t leaf, uint32_t sub)
{
	for (unsigned i = 0; i < t->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &t->entries[i];

		if (e->function == leaf &&
		    (e->index == sub ||
		     !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX))) {
			return e;
		}
	}
	return NULL;
}

uint32_t kvm_x86_cpuid_reg(const struct kvm_cpuid_entry2 *e, unsigned reg)
{
	const uint32_t r[4] = { e->eax, e->ebx, e->ecx, e->edx };

	return r[reg & 3];
}

/* Bits that follow the guest's state: OSXSAVE and MONITOR, the APIC's enable bit, OSPKE. */
static uint32_t check_runtime_bits(enum x86_fword w)
{
	switch (w) {
	case XF_1_ECX: return BIT(27) | BIT(3);
	case XF_1_EDX: return BIT(9);
	case XF_7_ECX: return BIT(4);
	case XF_KVM: return BIT(7); /* gone where halts do not exit */
	default: return 0;
	}
}

/* Words that guests see in `got` and `want`, xored. */
bool kvm_x86_cpuid_diff(const struct kvm_cpuid2 *want, const struct kvm_cpuid2 *got,
                        uint64_t diff[XF_N])
{
	bool any = false;

	memset(diff, 0, XF_N * sizeof(diff[0]));
	for (unsigned i = 0; i < XF_N; i++) {
		const struct x86_fword_info *f = &x86_fwords[i];
		const struct kvm_cpuid_entry2 *a, *b;

		if (!f->leaf) {
			continue;
		}
		a = kvm_x86_cpuid_find(want, f->leaf, f->sub);
		b = kvm_x86_cpuid_find(got, f->leaf, f->sub);
		diff[i] = ((a ? kvm_x86_cpuid_reg(a, f->reg) : 0) ^
		           (b ? kvm_x86_cpuid_reg(b, f->reg) : 0)) &
		          ~check_runtime_bits(i);
		any = any || diff[i];
	}
	return any;
}

void kvm_x86_cpuid_text(const uint64_t *words, char *text, size_t size)
{
	char name[32];
	size_t n = 0;

	*text = 0;
	for (unsigned f = 0; f < XF_N * 64; f++) {
		if (!(words[f / 64] >> (f % 64) & 1)) {
			continue;
		}
		if (!*x86_feature_name(f, name)) {
			snprintf(name, sizeof(name), "bit %u of %s", f % 64,
			         x86_fwords[f / 64].name);
		}
		if (n + strlen(name) + 8 > size) {
			snprintf(text + n, size - n, ", ...");
			return;
		}
		n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", name);
	}
}

/* ---- what can't be hidden ---- */

static uint64_t check_shown[XF_N]; /* control, before the first vCPU */

const uint64_t *kvm_x86_cpuid_shown(void)
{
	return check_shown;
}

static void check_add(struct kvm_cpuid2 *t, uint32_t leaf, uint32_t sub, uint32_t eax)
{
	bool subs = leaf == 7 || leaf == 0xd;

	if (!kvm_x86_cpuid_find(t, leaf, sub)) {
		t->entries[t->nent++] = (struct kvm_cpuid_entry2){
			.function = leaf,
			.index = sub,
			.flags = subs ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = eax,
		};
	}
}

void kvm_x86_cpuid_ask(int vcpu)
{
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[X86_CPUID_MAX];
	} none, got;

	memset(&none, 0, sizeof(none));
	memset(&got, 0, sizeof(got));
	check_add(&none.h, 0, 0, 0xd);
	check_add(&none.h, 0x80000000, 0, 0x80000021);
	for (unsigned i = 0; i < XF_N; i++) {
		if (x86_fwords[i].leaf && x86_fwords[i].leaf >> 28 != 4) {
			check_add(&none.h, x86_fwords[i].leaf, x86_fwords[i].sub, 0);
		}
	}
	got.h.nent = X86_CPUID_MAX;
	if (kvm_ioctl(vcpu, KVM_SET_CPUID2, &none) >= 0 &&
	    kvm_ioctl(vcpu, KVM_GET_CPUID2, &got) >= 0) {
		(void)kvm_x86_cpuid_diff(&none.h, &got.h, check_shown);
	}
}

/* ---- a guest's vCPU ---- */

/* The guest starts in KVM: what that shows is the model. */
static void check_adopt(struct x86_cpu *c, const struct kvm_cpuid2 *got,
                        const uint64_t *diff)
{
	for (unsigned i = 0; i < c->n_cpuid; i++) {
		struct x86_cpuid *s = &c->cpuid[i];
		const struct kvm_cpuid_entry2 *e =
			kvm_x86_cpuid_find(got, s->leaf, s->sub);

		if (e) {
			s->eax = e->eax;
			s->ebx = e->ebx;
			s->ecx = e->ecx;
			s->edx = e->edx;
		}
	}
	for (unsigned i = 0; i < XF_N; i++) {
		c->features[i] ^= diff[i];
	}
}

void kvm_x86_cpuid_check(struct kvm_vcpu *v, const struct kvm_cpuid2 *want)
{
	struct kvm_arch_vm *a = v->k->arch;
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[X86_CPUID_MAX];
	} got;
	uint64_t diff[XF_N];
	char text[128];

	memset(&got, 0, sizeof(got));
	got.h.nent = X86_CPUID_MAX;
	if (kvm_ioctl(v->fd, KVM_GET_CPUID2, &got) < 0 || !got.h.nent ||
	    !kvm_x86_cpuid_diff(want, &got.h, diff)) {
		return;
	}
	kvm_x86_cpuid_text(diff, text, sizeof(text));
	if (!v->k->fallback || !v->k->no_hardware) {
		struct x86_cpu *c = v->c->arch;
		uint64_t beyond = 0;

		check_adopt(c, &got.h, diff);
		for (unsigned i = 0; i < XF_N; i++) {
			beyond |= diff[i] & c->features[i] & ~x86_model_tcg()[i];
		}
		if (v->c->index == 0) {
			log_warn("-cpu %s: KVM shows guests another CPUID than it was "
			         "told: %s",
			         c->model, text);
		}
		if (!beyond) {
			return;
		}
	}
	snprintf(a->other_cpuid, sizeof(a->other_cpuid), "%s", text);
}

int kvm_arch_may_cross(struct kvm *k, bool to_tcg, struct err *e)
{
	const char *text = k->arch->other_cpuid;

	if (!*text) {
		return 0;
	}
	return err_set(e, -ENOTSUP,
	               "%s shows guests another CPUID than %s does (%s), and this one "
	               "would notice; 'force' moves it all the same",
	               to_tcg ? "the translator" : "KVM",
	               to_tcg ? "KVM" : "the translator", text);
}
