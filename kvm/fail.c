/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fail.c - what is said when KVM stops and nobody can help: one sentence, the registers,
 * and the instruction. The VM pauses; its state can be inspected.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/cpu/arch.h"

enum { FAIL_INSN = 15 };

/* Bytes at the pc, as far as they can be read. The struct holds the state. */
static unsigned fail_bytes(struct vcpu *c, uint8_t *buf)
{
	const struct guest_arch *a = c->vm->arch;
	uint64_t pc = a->pc(c), pa;
	unsigned n = 0;

	while (n < FAIL_INSN && a->debug_translate(c, pc + n, &pa) >= 0 &&
	       dma_read(&c->vm->mem, pa, buf + n, 1) >= 0) {
		n++;
	}
	return n;
}

/* "cmpxchg16b [rdi] (f0 48 0f c7 0f)": the translator names it by its tables. */
void kvm_fail_insn(struct kvm_vcpu *v, char *text, size_t size)
{
	uint8_t buf[FAIL_INSN];
	unsigned n = fail_bytes(v->c, buf);
	size_t used = 0;
	int len = -ENOTSUP;

	if (!n) {
		snprintf(text, size, "(code is not readable)");
		return;
	}
	if (hv_fallback && hv_fallback->burst.disas) {
		text[0] = 0;
		len = hv_fallback->burst.disas(v->c, buf, n, text, (unsigned)size);
		used = len > 0 ? strlen(text) : 0;
	}
	n = len > 0 ? MIN(n, (unsigned)len) : n;
	used += (size_t)snprintf(text + used, size - used, len > 0 ? " (" : "(bytes ");
	for (unsigned i = 0; i < n && used + 5 < size; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s%02x",
		                         i ? " " : "", buf[i]);
	}
	if (used + 2 < size) {
		snprintf(text + used, size - used, ")");
	}
}

void kvm_fail_report(struct kvm_vcpu *v, const char *what)
{
	const struct guest_arch *a = v->c->vm->arch;
	struct err e = ERR_INIT;
	char insn[160], *dump = NULL;
	size_t len = 0;
	FILE *f;

	if (kvm_arch_pull(v, &e) < 0) {
		log_error("vCPU %u: %s; %s", v->c->index, what, e.text);
		return;
	}
	kvm_fail_insn(v, insn, sizeof(insn));
	f = open_memstream(&dump, &len);
	if (f && a->dump) {
		a->dump(v->c, f);
	}
	if (f) {
		fclose(f);
	}
	log_error("vCPU %u: %s: at 0x%llx: %s\n%s", v->c->index, what,
	          (unsigned long long)a->pc(v->c), insn, dump ? dump : "");
	free(dump);
}
