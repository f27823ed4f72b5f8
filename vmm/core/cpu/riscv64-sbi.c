/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64-sbi.c - SBI calls in user space; see riscv64-sbi.h.
 *
 * Spec: SBI 3.0 chapters 5 (legacy), 10 (SRST), 12 (DBCN).
 * Threads: the calling vCPU's own.
 *
 * Known gaps: TIME, IPI, RFENCE and HSM are KVM's or the firmware's; no suspend.
 */
#include "config.h"

#include "core/cpu/riscv64-sbi.h"

#include "core/cpu/riscv64.h"
#include "core/gmem.h"
#include "core/vm.h"

#define SBI_EXT_PUTCHAR  0x1
#define SBI_EXT_GETCHAR  0x2
#define SBI_EXT_SHUTDOWN 0x8
#define SBI_EXT_DBCN     0x4442434e
#define SBI_EXT_SRST     0x53525354

/* One call moves this much at most; its caller goes on with the rest. */
enum { SBI_CHUNK = 256, SBI_MAX = 4096 };

enum riscv64_sbi_op riscv64_sbi_decode(uint64_t ext, uint64_t fn)
{
	switch (ext) {
	case SBI_EXT_PUTCHAR: return SBI_PUTCHAR;
	case SBI_EXT_GETCHAR: return SBI_GETCHAR;
	case SBI_EXT_SHUTDOWN: return SBI_SHUTDOWN;
	case SBI_EXT_DBCN:
		return fn <= 2 ? (enum riscv64_sbi_op)(SBI_DBCN_WRITE + fn)
		               : SBI_UNKNOWN;
	case SBI_EXT_SRST: return fn == 0 ? SBI_RESET : SBI_UNKNOWN;
	default: return SBI_UNKNOWN;
	}
}

static void sbi_put(struct riscv64_cpu *c, const void *buf, unsigned len)
{
	if (c->console && c->console->write) {
		c->console->write(c->console_arg, buf, len);
	}
}

static unsigned sbi_get(struct riscv64_cpu *c, void *buf, unsigned len)
{
	return c->console && c->console->read
	               ? c->console->read(c->console_arg, buf, len)
	               : 0;
}

/* arg: bytes, address (low and high half: the high one is for other widths). */
static struct riscv64_sbi_result sbi_dbcn(struct riscv64_cpu *c, const uint64_t *arg,
                                          bool write)
{
	struct aspace *mem = &c->vcpu->vm->mem;
	uint64_t len = MIN(arg[0], (uint64_t)SBI_MAX), done = 0;
	uint8_t buf[SBI_CHUNK];

	if (arg[2] || arg[1] + len < arg[1]) {
		return (struct riscv64_sbi_result){ .a0 = SBI_ERR_INVALID_PARAM };
	}
	while (done < len) {
		unsigned n = (unsigned)MIN(len - done, (uint64_t)SBI_CHUNK), got = n;

		if (write && dma_read(mem, arg[1] + done, buf, n) < 0) {
			return (struct riscv64_sbi_result){
				.a0 = SBI_ERR_INVALID_PARAM
			};
		}
		if (write) {
			sbi_put(c, buf, n);
		} else {
			got = MIN(sbi_get(c, buf, n), n);
			if (got && dma_write(mem, arg[1] + done, buf, got) < 0) {
				return (struct riscv64_sbi_result){
					.a0 = SBI_ERR_INVALID_PARAM
				};
			}
		}
		done += got;
		if (got < n) {
			break;
		}
	}
	return (struct riscv64_sbi_result){ .a0 = SBI_SUCCESS, .a1 = (int64_t)done };
}

static struct riscv64_sbi_result sbi_reset(struct riscv64_cpu *c, uint64_t type)
{
	struct vm *vm = c->vcpu->vm;

	switch ((uint32_t)type) {
	case 0: vm_request_shutdown(vm, CAUSE_GUEST_SHUTDOWN); break;
	case 1: /* cold */
	case 2: vm_request_reset(vm, CAUSE_GUEST_RESET); break;
	default: return (struct riscv64_sbi_result){ .a0 = SBI_ERR_INVALID_PARAM };
	}
	return (struct riscv64_sbi_result){ .gone = true };
}

struct riscv64_sbi_result riscv64_sbi(struct riscv64_cpu *c, uint64_t ext, uint64_t fn,
                                      const uint64_t arg[6])
{
	struct riscv64_sbi_result r = { .a0 = SBI_SUCCESS, .a1 = (int64_t)arg[1] };
	uint8_t ch = (uint8_t)arg[0];

	switch (riscv64_sbi_decode(ext, fn)) {
	case SBI_PUTCHAR: sbi_put(c, &ch, 1); return r;
	case SBI_GETCHAR: r.a0 = sbi_get(c, &ch, 1) ? ch : -1; return r;
	case SBI_SHUTDOWN: return sbi_reset(c, 0);
	case SBI_DBCN_WRITE: return sbi_dbcn(c, arg, true);
	case SBI_DBCN_READ: return sbi_dbcn(c, arg, false);
	case SBI_DBCN_WRITE_BYTE:
		sbi_put(c, &ch, 1);
		return (struct riscv64_sbi_result){ .a0 = SBI_SUCCESS };
	case SBI_RESET: return sbi_reset(c, arg[0]);
	case SBI_UNKNOWN: break;
	}
	return (struct riscv64_sbi_result){ .a0 = SBI_ERR_NOT_SUPPORTED };
}
