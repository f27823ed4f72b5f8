/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compiler.h - attributes, scope cleanup and thread-safety annotations.
 *
 * Models nothing; every file of the tree may include it. No run-time code, no
 * state, any thread.
 */
#ifndef LODGE_BASE_COMPILER_H
#define LODGE_BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)

#define __must_check      __attribute__((warn_unused_result))
#define __printf(f, a)    __attribute__((format(printf, f, a)))
#define __noreturn        __attribute__((noreturn))
#define __cold            __attribute__((cold, noinline))
#define __aligned_to(n)   __attribute__((aligned(n)))
#define __unused          __attribute__((unused))
#define __cleanup_with(f) __attribute__((cleanup(f)))

/* Number of elements of an array; refuses a pointer at compile time. */
#define ARRAY_LEN(a)                                                                   \
	(sizeof(a) / sizeof((a)[0]) +                                                  \
	 0 * sizeof(char[1 - 2 * !!__builtin_types_compatible_p(                       \
					 __typeof__(a), __typeof__(&(a)[0]))]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b)                                                                      \
	({                                                                             \
		__typeof__(a) min_a_ = (a);                                            \
		__typeof__(b) min_b_ = (b);                                            \
		min_a_ < min_b_ ? min_a_ : min_b_;                                     \
	})
#define MAX(a, b)                                                                      \
	({                                                                             \
		__typeof__(a) max_a_ = (a);                                            \
		__typeof__(b) max_b_ = (b);                                            \
		max_a_ > max_b_ ? max_a_ : max_b_;                                     \
	})

#define BIT(n)           (1u << (n))
#define BIT64(n)         (UINT64_C(1) << (n))
#define ALIGN_UP(x, a)   (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define IS_POWER_OF_2(x) ((x) != 0 && ((x) & ((x)-1)) == 0)

/* Sets or clears bits of an atomic word of any width. */
#define atomic_put_bits(p, bits, on)                                                   \
	((on) ? atomic_fetch_or(p, bits) : atomic_fetch_and(p, ~(bits)))

/* In a loop that waits for another thread. */
#if defined(__x86_64__)
#define cpu_relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define cpu_relax() __asm__ volatile("yield" ::: "memory")
#elif defined(__riscv) /* PAUSE (Zihintpause): elsewhere a fence that orders nothing */
#define cpu_relax() __asm__ volatile(".4byte 0x0100000f" ::: "memory")
#else
#define cpu_relax() __asm__ volatile("" ::: "memory")
#endif

/* Scope-bound cleanup: `AUTO_FREE char *p = ...;` frees p on every way out. */
void compiler_auto_free(void *pp);
void compiler_auto_close(int *fd);
#define AUTO_FREE __cleanup_with(compiler_auto_free)
#define AUTO_FD   __cleanup_with(compiler_auto_close)

/* Moves a pointer or fd out of an AUTO_ variable. */
#define TAKE_PTR(p)                                                                    \
	({                                                                             \
		__typeof__(p) take_ = (p);                                             \
		(p) = NULL;                                                            \
		take_;                                                                 \
	})
#define TAKE_FD(fd)                                                                    \
	({                                                                             \
		int take_fd_ = (fd);                                                   \
		(fd) = -1;                                                             \
		take_fd_;                                                              \
	})

/* Clang thread-safety analysis; empty under gcc. See docs/architecture.md. */
#if defined(__clang__)
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif
#define CAPABILITY(n)     TSA(capability(n))
#define REQUIRES(...)     TSA(requires_capability(__VA_ARGS__))
#define ACQUIRES(...)     TSA(acquire_capability(__VA_ARGS__))
#define RELEASES(...)     TSA(release_capability(__VA_ARGS__))
#define TRY_ACQUIRES(...) TSA(try_acquire_capability(__VA_ARGS__))
#define EXCLUDES(...)     TSA(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY  TSA(no_thread_safety_analysis)
#if defined(__cplusplus)
#define GUARDED_BY(x) TSA(guarded_by(x))
#else
#define GUARDED_BY(x)
#endif

#endif
