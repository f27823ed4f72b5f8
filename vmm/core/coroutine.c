/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coroutine.c - stackful coroutines; see coroutine.h.
 *
 * A switch saves what the host's ABI makes a callee save and changes the stack
 * pointer: on x86-64 (System V) with MXCSR and the x87 control word, on AArch64
 * (AAPCS64, 6.1.1 and 6.1.2) with d8 to d15 and FPCR, on RV64 (psABI, lp64d) with fs0 to
 * fs11 and the rounding mode. Other hosts use ucontext.
 * Each thread keeps a few stacks for reuse. A coroutine may move to another
 * thread, therefore nothing derived from thread-local storage lives across a
 * switch: co_tls() is never inlined.
 */
#include "config.h"

#include "core/coroutine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/pages.h"
#include "core/loop.h"

#if defined(HOST_X86_64) || defined(HOST_AARCH64) ||                                   \
	(defined(HOST_RISCV64) && defined(__riscv_float_abi_double))
#define CO_ASM 1
#else
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define CO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CO_ASAN 1
#endif
#endif
#ifdef CO_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#define CO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CO_TSAN 1
#endif
#endif
#ifdef CO_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum {
#ifdef CO_ASAN
	CO_STACK = 512 * 1024, /* red zones */
#else
	CO_STACK = 128 * 1024,
#endif
	CO_POOL_MAX = 64,
	CO_GUARD = 4096,
};

struct co {
#ifdef CO_ASM
	void *sp;
#else
	ucontext_t uc;
#endif
	co_fn *fn;
	void *opaque;
	struct co *caller;
	uint8_t *stack;  /* NULL: a thread's own */
	struct co *next; /* in the pool */
	bool done;
#ifdef CO_ASAN
	const void *asan_bottom;
	size_t asan_size;
	void *asan_fake;
#endif
#ifdef CO_TSAN
	void *tsan;
#endif
};

struct co_tls {
	struct co base; /* the thread itself */
	struct co *current;
	struct co *pool;
	unsigned n_pool;
};

static pthread_key_t co_key;
static pthread_once_t co_key_once = PTHREAD_ONCE_INIT;
static __thread struct co_tls *co_tls_ptr;

static void co_stack_free(struct co *c)
{
#ifdef CO_TSAN
	__tsan_destroy_fiber(c->tsan);
#endif
	/* struct co lives at the top of its own stack. */
	munmap(c->stack, CO_STACK + CO_GUARD);
}

static void co_tls_gone(void *p)
{
	struct co_tls *t = p;

	while (t->pool) {
		struct co *c = t->pool;

		t->pool = c->next;
		co_stack_free(c);
	}
	co_tls_ptr = NULL;
	free(t);
}

static void co_key_init(void)
{
	pthread_key_create(&co_key, co_tls_gone);
}

#ifdef CO_ASAN
static void co_thread_stack(struct co *c)
{
	pthread_attr_t attr;
	void *addr = NULL;
	size_t size = 0;

	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstack(&attr, &addr, &size);
		pthread_attr_destroy(&attr);
	}
	c->asan_bottom = addr;
	c->asan_size = size;
}
#endif

static __attribute__((noinline)) struct co_tls *co_tls(void)
{
	struct co_tls *t = co_tls_ptr;

	__asm__ volatile("" ::: "memory"); /* not pure: may differ after a switch */
	if (unlikely(!t)) {
		t = calloc(1, sizeof(*t));
		if (!t) {
			abort();
		}
		pthread_once(&co_key_once, co_key_init);
		pthread_setspecific(co_key, t);
		t->current = &t->base;
#ifdef CO_ASAN
		co_thread_stack(&t->base);
#endif
#ifdef CO_TSAN
		t->base.tsan = __tsan_get_current_fiber();
#endif
		co_tls_ptr = t;
	}
	return t;
}

/* ---- the switch ---- */

#ifdef CO_ASM
/* Saves what the ABI makes the callee save, swaps stacks, restores. */
void co_switch_asm(void **save_sp, void *load_sp);
void co_start_asm(void);
#endif

#if defined(HOST_X86_64)

__asm__(".text\n"
        ".p2align 4\n"
        ".globl co_switch_asm\n"
        ".hidden co_switch_asm\n"
        ".type co_switch_asm, @function\n"
        "co_switch_asm:\n"
        "	pushq %rbp\n"
        "	pushq %rbx\n"
        "	pushq %r12\n"
        "	pushq %r13\n"
        "	pushq %r14\n"
        "	pushq %r15\n"
        "	subq $8, %rsp\n"
        "	stmxcsr (%rsp)\n"
        "	fnstcw 4(%rsp)\n"
        "	movq %rsp, (%rdi)\n"
        "	movq %rsi, %rsp\n"
        "	ldmxcsr (%rsp)\n"
        "	fldcw 4(%rsp)\n"
        "	addq $8, %rsp\n"
        "	popq %r15\n"
        "	popq %r14\n"
        "	popq %r13\n"
        "	popq %r12\n"
        "	popq %rbx\n"
        "	popq %rbp\n"
        "	ret\n"
        ".size co_switch_asm, .-co_switch_asm\n"
        /* First entry: r12 holds the coroutine. */
        ".globl co_start_asm\n"
        ".hidden co_start_asm\n"
        ".type co_start_asm, @function\n"
        "co_start_asm:\n"
        "	.cfi_startproc\n"
        "	.cfi_undefined rip\n"
        "	movq %r12, %rdi\n"
        "	xorl %ebp, %ebp\n"
        "	call co_main\n"
        "	ud2\n"
        "	.cfi_endproc\n"
        ".size co_start_asm, .-co_start_asm\n");

#elif defined(HOST_AARCH64)

enum { CO_FRAME = 176, CO_FRAME_ARG = 0 /* x19 */, CO_FRAME_PC = 88 /* x30 */ };

/* FPCR is written only when it differs: that write is slow on many processors. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl co_switch_asm\n"
        ".hidden co_switch_asm\n"
        ".type co_switch_asm, %function\n"
        "co_switch_asm:\n"
        "	hint #34\n" /* bti c */
        "	sub sp, sp, #176\n"
        "	stp x19, x20, [sp, #0]\n"
        "	stp x21, x22, [sp, #16]\n"
        "	stp x23, x24, [sp, #32]\n"
        "	stp x25, x26, [sp, #48]\n"
        "	stp x27, x28, [sp, #64]\n"
        "	stp x29, x30, [sp, #80]\n"
        "	stp d8, d9, [sp, #96]\n"
        "	stp d10, d11, [sp, #112]\n"
        "	stp d12, d13, [sp, #128]\n"
        "	stp d14, d15, [sp, #144]\n"
        "	mrs x2, fpcr\n"
        "	str x2, [sp, #160]\n"
        "	mov x3, sp\n"
        "	str x3, [x0]\n"
        "	mov sp, x1\n"
        "	ldr x3, [sp, #160]\n"
        "	cmp x2, x3\n"
        "	b.eq 1f\n"
        "	msr fpcr, x3\n"
        "1:	ldp x19, x20, [sp, #0]\n"
        "	ldp x21, x22, [sp, #16]\n"
        "	ldp x23, x24, [sp, #32]\n"
        "	ldp x25, x26, [sp, #48]\n"
        "	ldp x27, x28, [sp, #64]\n"
        "	ldp x29, x30, [sp, #80]\n"
        "	ldp d8, d9, [sp, #96]\n"
        "	ldp d10, d11, [sp, #112]\n"
        "	ldp d12, d13, [sp, #128]\n"
        "	ldp d14, d15, [sp, #144]\n"
        "	add sp, sp, #176\n"
        "	ret\n"
        ".size co_switch_asm, .-co_switch_asm\n"
        /* First entry: x19 holds the coroutine. */
        ".globl co_start_asm\n"
        ".hidden co_start_asm\n"
        ".type co_start_asm, %function\n"
        "co_start_asm:\n"
        "	.cfi_startproc\n"
        "	.cfi_undefined x30\n"
        "	mov x0, x19\n"
        "	mov x29, xzr\n"
        "	mov x30, xzr\n"
        "	bl co_main\n"
        "	brk #1\n"
        "	.cfi_endproc\n"
        ".size co_start_asm, .-co_start_asm\n");

#elif defined(CO_ASM) /* RV64 */

enum { CO_FRAME = 208, CO_FRAME_ARG = 8 /* s0 */, CO_FRAME_PC = 0 /* ra */ };

#define CO_REGS(op)                                                                    \
	"	" op "d ra, 0(sp)\n"                                                   \
	"	" op "d s0, 8(sp)\n"                                                   \
	"	" op "d s1, 16(sp)\n"                                                  \
	"	" op "d s2, 24(sp)\n"                                                  \
	"	" op "d s3, 32(sp)\n"                                                  \
	"	" op "d s4, 40(sp)\n"                                                  \
	"	" op "d s5, 48(sp)\n"                                                  \
	"	" op "d s6, 56(sp)\n"                                                  \
	"	" op "d s7, 64(sp)\n"                                                  \
	"	" op "d s8, 72(sp)\n"                                                  \
	"	" op "d s9, 80(sp)\n"                                                  \
	"	" op "d s10, 88(sp)\n"                                                 \
	"	" op "d s11, 96(sp)\n"                                                 \
	"	f" op "d fs0, 104(sp)\n"                                               \
	"	f" op "d fs1, 112(sp)\n"                                               \
	"	f" op "d fs2, 120(sp)\n"                                               \
	"	f" op "d fs3, 128(sp)\n"                                               \
	"	f" op "d fs4, 136(sp)\n"                                               \
	"	f" op "d fs5, 144(sp)\n"                                               \
	"	f" op "d fs6, 152(sp)\n"                                               \
	"	f" op "d fs7, 160(sp)\n"                                               \
	"	f" op "d fs8, 168(sp)\n"                                               \
	"	f" op "d fs9, 176(sp)\n"                                               \
	"	f" op "d fs10, 184(sp)\n"                                              \
	"	f" op "d fs11, 192(sp)\n"

__asm__(".text\n"
        ".p2align 2\n"
        ".globl co_switch_asm\n"
        ".hidden co_switch_asm\n"
        ".type co_switch_asm, @function\n"
        "co_switch_asm:\n"
        "	addi sp, sp, -208\n" CO_REGS(
		"s") "	frrm t0\n"
                     "	sd t0, 200(sp)\n"
                     "	sd sp, 0(a0)\n"
                     "	mv sp, a1\n"
                     "	ld t1, 200(sp)\n"
                     "	beq t0, t1, 1f\n"
                     "	fsrm t1\n"
                     "1:\n" CO_REGS("l") "	addi sp, sp, 208\n"
                                         "	ret\n"
                                         ".size co_switch_asm, .-co_switch_asm\n"
                                         /* First entry: s0 holds the coroutine. */
                                         ".globl co_start_asm\n"
                                         ".hidden co_start_asm\n"
                                         ".type co_start_asm, @function\n"
                                         "co_start_asm:\n"
                                         "	.cfi_startproc\n"
                                         "	.cfi_undefined ra\n"
                                         "	mv a0, s0\n"
                                         "	li s0, 0\n"
                                         "	call co_main\n"
                                         "	ebreak\n"
                                         "	.cfi_endproc\n"
                                         ".size co_start_asm, .-co_start_asm\n");

#endif

static void co_switch(struct co *from, struct co *to)
{
#ifdef CO_ASAN
	if (from->done) {
		from->asan_fake = NULL;
	}
	__sanitizer_start_switch_fiber(from->done ? NULL : &from->asan_fake,
	                               to->asan_bottom, to->asan_size);
#endif
#ifdef CO_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
#ifdef CO_ASM
	co_switch_asm(&from->sp, to->sp);
#else
	swapcontext(&from->uc, &to->uc);
#endif
	/* Back in `from`, perhaps on another thread. */
#ifdef CO_ASAN
	__sanitizer_finish_switch_fiber(from->asan_fake, NULL, NULL);
#endif
}

void co_main(struct co *c) __noreturn;
void co_main(struct co *c)
{
#ifdef CO_ASAN
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
	for (;;) {
		struct co *caller;

		c->fn(c->opaque);
		c->done = true;
		caller = c->caller;
		c->caller = NULL;
		co_tls()->current = caller;
		co_switch(c, caller);
		/* Taken from the pool again: entered with a new fn. */
	}
}

/* ---- stacks ---- */

static void co_prepare(struct co *c)
{
#if defined(HOST_X86_64)
	uint64_t *sp = (uint64_t *)(void *)c;

	*--sp = 0;
	*--sp = 0; /* 16-byte alignment where co_start_asm calls */
	*--sp = (uint64_t)(uintptr_t)co_start_asm;
	*--sp = 0;                      /* rbp */
	*--sp = 0;                      /* rbx */
	*--sp = (uint64_t)(uintptr_t)c; /* r12 */
	*--sp = 0;
	*--sp = 0;
	*--sp = 0; /* r15 */
	*--sp = UINT64_C(0x37f) << 32 |
	        0x1f80; /* x87 control word, MXCSR: ABI defaults */
	c->sp = sp;
#elif defined(CO_ASM)
	uint8_t *sp = (uint8_t *)c - CO_FRAME;

	memset(sp, 0,
	       CO_FRAME); /* FPCR and the rounding mode: 0 is the ABI's default */
	*(struct co **)(void *)(sp + CO_FRAME_ARG) = c;
	*(void (**)(void))(void *)(sp + CO_FRAME_PC) = co_start_asm;
	c->sp = sp;
#else
	getcontext(&c->uc);
	c->uc.uc_stack.ss_sp = c->stack + CO_GUARD;
	c->uc.uc_stack.ss_size = (size_t)((uint8_t *)c - c->stack) - CO_GUARD;
	c->uc.uc_link = NULL;
	makecontext(&c->uc, (void (*)(void))(uintptr_t)co_main, 1, c);
#endif
}

static struct co *co_stack_new(void)
{
	uint8_t *stack = pages_map(CO_STACK + CO_GUARD);
	struct co *c;

	if (!stack || mprotect(stack, CO_GUARD, PROT_NONE)) {
		abort(); /* address space or map count exhausted: no request can go on
		          */
	}
	c = (struct co *)(void *)(stack + CO_GUARD + CO_STACK -
	                          ALIGN_UP(sizeof(struct co), (size_t)64));
	c->stack = stack;
#ifdef CO_ASAN
	c->asan_bottom = stack + CO_GUARD;
	c->asan_size = (size_t)((uint8_t *)c - stack) - CO_GUARD;
#endif
#ifdef CO_TSAN
	c->tsan = __tsan_create_fiber(0);
#endif
	co_prepare(c);
	return c;
}

struct co *co_new(co_fn *fn, void *opaque)
{
	struct co_tls *t = co_tls();
	struct co *c = t->pool;

	if (c) {
		t->pool = c->next;
		t->n_pool--;
	} else {
		c = co_stack_new();
	}
	c->fn = fn;
	c->opaque = opaque;
	c->done = false;
	c->caller = NULL;
	return c;
}

static void co_recycle(struct co *c)
{
	struct co_tls *t = co_tls();

	if (t->n_pool == CO_POOL_MAX) {
		co_stack_free(c);
		return;
	}
	c->next = t->pool;
	t->pool = c;
	t->n_pool++;
}

/* ---- interface ---- */

void co_enter(struct co *c)
{
	struct co_tls *t = co_tls();
	struct co *self = t->current;

	if (c->caller) {
		abort(); /* entered twice: a bug of ours that would corrupt stacks */
	}
	c->caller = self;
	t->current = c;
	co_switch(self, c);
	if (c->done) {
		co_recycle(c);
	}
}

void co_yield (void)
{
	struct co_tls *t = co_tls();
	struct co *c = t->current, *caller = c->caller;

	t->current = caller;
	c->caller = NULL;
	co_switch(c, caller);
}

struct co *co_self(void)
{
	struct co_tls *t = co_tls();

	return t->current == &t->base ? NULL : t->current;
}

bool co_in(void)
{
	return co_self() != NULL;
}

static void co_enter_opaque(void *opaque)
{
	co_enter(opaque);
}

void co_schedule(struct loop *l, struct co *c)
{
	loop_post(l, co_enter_opaque, c);
}

/* ---- co_mutex ---- */

struct co_waiter {
	struct co *co;
	struct loop *loop; /* where it waits; NULL: a thread without a loop */
	struct co_waiter *next;
};

static void co_mutex_guard(struct co_mutex *m)
{
	while (atomic_exchange_explicit(&m->guard, true, memory_order_acquire)) {
		cpu_relax(); /* held for a few instructions */
	}
}

static void co_mutex_unguard(struct co_mutex *m)
{
	atomic_store_explicit(&m->guard, false, memory_order_release);
}

void co_mutex_init(struct co_mutex *m)
{
	m->owner = NULL;
	m->first = NULL;
	m->last = &m->first;
	atomic_init(&m->guard, false);
}

void co_mutex_lock(struct co_mutex *m)
{
	struct co *self = co_self();
	struct co_waiter w = { .co = self, .loop = loop_current() };

	co_mutex_guard(m);
	if (!m->owner) {
		m->owner = self;
		co_mutex_unguard(m);
		return;
	}
	*m->last = &w;
	/* cppcheck-suppress autoVariables; the frame stays until the waiter is taken out */
	m->last = &w.next;
	co_mutex_unguard(m);
	/* Whoever unlocks makes us the owner and has us entered on our own loop, whose
	 * thread is this one: not before the yield is complete. */
	co_yield ();
}

void co_mutex_unlock(struct co_mutex *m)
{
	struct co_waiter *w;
	struct loop *l;
	struct co *c;

	co_mutex_guard(m);
	w = m->first;
	if (!w) {
		m->owner = NULL;
		co_mutex_unguard(m);
		return;
	}
	m->first = w->next;
	if (!m->first) {
		m->last = &m->first;
	}
	c = w->co;
	l = w->loop;
	m->owner = c;
	co_mutex_unguard(m);
	if (l) {
		co_schedule(l, c);
	} else {
		co_enter(c);
	}
}
