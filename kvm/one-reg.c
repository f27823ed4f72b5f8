/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * one-reg.c - pulls and pushes the registers of a vCPU one at a time; see one-reg.h.
 *
 * Spec: Linux api.rst KVM_GET_REG_LIST, KVM_GET_ONE_REG, KVM_SET_ONE_REG.
 * Threads: the vCPU's own.
 *
 * Known gaps: what no table knows is not in the migration stream.
 */
#include "config.h"

#include "kvm/one-reg.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kvm/kvm.h"

enum { ONE_REG_MAX = 4096, ONE_REG_BYTES_MAX = 256 };

int one_reg_get(int fd, uint64_t id, void *val)
{
	struct kvm_one_reg r = { .id = id, .addr = (uint64_t)(uintptr_t)val };

	return kvm_ioctl(fd, KVM_GET_ONE_REG, &r);
}

int one_reg_set(int fd, uint64_t id, const void *val)
{
	struct kvm_one_reg r = { .id = id, .addr = (uint64_t)(uintptr_t)val };

	return kvm_ioctl(fd, KVM_SET_ONE_REG, &r);
}

/* ---- what is there ---- */

static struct kvm_reg_list *one_reg_list(int fd, struct err *e)
{
	struct kvm_reg_list probe = { 0 }, *l;
	int r = kvm_ioctl(fd, KVM_GET_REG_LIST, &probe); /* says E2BIG and the number */

	if (r < 0 && r != -E2BIG) {
		err_set_errno(
			e, r,
			"KVM does not list its registers: this kernel is too old");
		return NULL;
	}
	if (probe.n > ONE_REG_MAX) {
		err_set(e, -E2BIG, "KVM lists %llu registers",
		        (unsigned long long)probe.n);
		return NULL;
	}
	l = calloc(1, sizeof(*l) + (size_t)probe.n * sizeof(l->reg[0]));
	if (!l) {
		err_set(e, -ENOMEM, "out of memory");
		return NULL;
	}
	l->n = probe.n;
	r = kvm_ioctl(fd, KVM_GET_REG_LIST, l);
	if (r < 0) {
		err_set_errno(e, r, "KVM does not list its registers");
		free(l);
		return NULL;
	}
	return l;
}

int one_regs_init(struct one_regs *r, int fd, const struct one_reg *t, unsigned n,
                  struct err *e)
{
	AUTO_FREE struct kvm_reg_list *l = one_reg_list(fd, e);
	uint32_t at = 0;

	if (!l) {
		return -EIO;
	}
	r->slot = calloc((size_t)l->n + 1, sizeof(*r->slot));
	if (!r->slot) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	for (uint64_t i = 0; i < l->n; i++) {
		uint64_t id = l->reg[i];
		const struct one_reg *k = one_reg_find(t, n, id);
		unsigned bytes = ONE_REG_BYTES(id);

		if (bytes > ONE_REG_BYTES_MAX || (k && (k->how & ONE_REG_SKIP))) {
			continue;
		}
		if (k && bytes > k->room) {
			log_warn("KVM's register %llx has %u bytes, more than lodge "
			         "knows",
			         (unsigned long long)id, bytes);
			k = NULL;
		}
		r->slot[r->n++] = (struct one_reg_slot){ id, k, at };
		at += k ? 0 : ALIGN_UP(bytes, 8u);
	}
	r->rest = calloc(1, at + 1);
	return r->rest ? 0 : err_set(e, -ENOMEM, "out of memory");
}

void one_regs_fini(struct one_regs *r)
{
	free(r->slot);
	free(r->rest);
	*r = (struct one_regs){ 0 };
}

/* ---- there and back ---- */

static uint8_t *one_reg_place(struct one_regs *r, const struct one_reg_slot *s,
                              void *cpu, void *view)
{
	if (!s->reg) {
		return r->rest + s->at;
	}
	return (uint8_t *)(s->reg->how & ONE_REG_VIEW ? view : cpu) + s->reg->off;
}

int one_regs_pull(struct one_regs *r, int fd, void *cpu, void *view, struct err *e)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct one_reg_slot *s = &r->slot[i];
		int err = one_reg_get(fd, s->id, one_reg_place(r, s, cpu, view));

		/* A few of those that nobody knows are not always there. */
		if (err < 0 && s->reg) {
			return err_set_errno(e, err, "KVM does not give register %llx",
			                     (unsigned long long)s->id);
		}
	}
	r->rest_valid = true;
	return 0;
}

static int one_regs_push_pass(struct one_regs *r, int fd, void *cpu, void *view,
                              bool late, struct err *e)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct one_reg_slot *s = &r->slot[i];
		int err;

		if (s->reg ? (s->reg->how & ONE_REG_RO) ||
		                     !(s->reg->how & ONE_REG_LATE) == late
		           : late || !r->rest_valid) {
			continue;
		}
		err = one_reg_set(fd, s->id, one_reg_place(r, s, cpu, view));
		if (err < 0 && s->reg) {
			return err_set_errno(e, err, "KVM does not take register %llx",
			                     (unsigned long long)s->id);
		}
	}
	return 0;
}

int one_regs_push(struct one_regs *r, int fd, const void *cpu, const void *view,
                  struct err *e)
{
	int ret = one_regs_push_pass(r, fd, (void *)(uintptr_t)cpu,
	                             (void *)(uintptr_t)view, false, e);

	return ret < 0 ? ret
	               : one_regs_push_pass(r, fd, (void *)(uintptr_t)cpu,
	                                    (void *)(uintptr_t)view, true, e);
}
