/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nasty.c - a guest that does to a device's memory and to RAM what hypervisors'
 * instruction emulators often cannot: vector and x87 moves, locked read-modify-writes
 * of all sizes, string instructions, page tables written by unusual instructions, and
 * register writes that a hypervisor may collect; checks each result, and that nothing else has changed (registers, flags, FPU); then
 * ends through isa-debug-exit.
 *
 * Device memory: the 64 KiB of scratch registers of pc-testdev at 0xff000000.
 * Output: COM1. Exit: 0 when all is well (the VMM's status is 1 then), else how many
 * failed.
 *
 * With -DMOVE_AVX: the upper halves of vector registers and XCR0 survive moves between KVM and
 * the translator instead. It says AVX-TO-TCG or AVX-TO-KVM and waits for a byte on COM1.
 *
 * Run: lodge -accel kvm -cpu max -kernel nasty -device pc-testdev -device
 * isa-debug-exit ...
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef CROWD
#define CROWD 3000
#endif
#ifndef USER_SYSCALLS
#define USER_SYSCALLS 1000
#endif
#define MMIO       ((volatile uint8_t *)0xff000000ul)
#define AT(off, T) (*(volatile T *)(MMIO + (off)))

uint64_t nasty_exc[32], nasty_exc_err, nasty_exc_rip, nasty_exc_cr2, nasty_resume,
	nasty_syscalls;
extern uint64_t pml4[512], pt_spare[4][512], gdt[8];
extern char exc_table[], exc_stack[], syscall_entry[];
void nasty_exit(int) __attribute__((noreturn));
int nasty_main(void);
void nasty_unexpected(int vec, uint64_t rip);
uint64_t user_syscalls(uint64_t n);

static unsigned failed, tests;
static uint64_t ram[8192] __attribute__((aligned(4096)));

/* ---- output ---- */

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void put(const char *s)
{
	for (; *s; s++) {
		outb(0x3f8, (uint8_t)*s);
	}
}

static void put_hex(uint64_t v)
{
	char buf[17];

	for (int i = 15; i >= 0; i--, v >>= 4) {
		buf[i] = "0123456789abcdef"[v & 15];
	}
	buf[16] = 0;
	put(buf);
}

static void check(const char *what, bool ok)
{
	tests++;
	if (!ok) {
		failed++;
		put("NASTY: FAILED ");
		put(what);
		put("\n");
	}
}

static void same(const char *what, uint64_t got, uint64_t want)
{
	check(what, got == want);
	if (got != want) {
		put("NASTY:   got ");
		put_hex(got);
		put(" not ");
		put_hex(want);
		put("\n");
	}
}

void nasty_unexpected(int vec, uint64_t rip)
{
	put("NASTY: FAILED exception ");
	put_hex((uint64_t)vec);
	put(" at ");
	put_hex(rip);
	put(" after system calls: ");
	put_hex(nasty_syscalls);
	put("\n");
	nasty_exit(127);
}

/* ---- set-up ---- */

struct gate {
	uint16_t lo, sel, type, mid;
	uint32_t hi, zero;
};
static struct gate idt[32] __attribute__((aligned(16)));
static uint8_t tss[104] __attribute__((aligned(16)));

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
	                 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
	                 : "a"(leaf), "c"(sub));
}

static void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
	                 :
	                 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static void setup(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} d = { sizeof(idt) - 1, (uint64_t)idt };

	for (unsigned i = 0; i < 21; i++) {
		uint64_t a = (uint64_t)exc_table + 16 * i;

		idt[i] = (struct gate){
			(uint16_t)a,         8, 0x8e00, (uint16_t)(a >> 16),
			(uint32_t)(a >> 32), 0
		};
	}
	__asm__ volatile("lidt %0" : : "m"(d));
	*(uint64_t *)(void *)(tss + 4) = (uint64_t)exc_stack;
	gdt[6] = 0x0000890000000000 | 103 | ((uint64_t)tss & 0xffffff) << 16 |
	         ((uint64_t)tss >> 24 & 0xff) << 56;
	gdt[7] = (uint64_t)tss >> 32;
	__asm__ volatile("ltr %w0" : : "r"(0x30));
	wrmsr(0xc0000081, (uint64_t)0x1b << 48 | (uint64_t)8 << 32);
	wrmsr(0xc0000082, (uint64_t)syscall_entry);
	wrmsr(0xc0000084, 0x200);
}

/* ---- vectors ---- */

static void fill(volatile uint8_t *p, unsigned n, uint8_t seed)
{
	for (unsigned i = 0; i < n; i++) {
		p[i] = (uint8_t)(seed + 7 * i);
	}
}

static bool filled(const volatile uint8_t *p, unsigned n, uint8_t seed)
{
	for (unsigned i = 0; i < n; i++) {
		if (p[i] != (uint8_t)(seed + 7 * i)) {
			return false;
		}
	}
	return true;
}

/* Some KVMs raise #UD for what they do not know, instead of giving it to user space:
 * nobody can help there. TRY() goes before such an instruction, TRIED() says whether it
 * was executed. */
#define TRY     "lea 7f(%%rip), %%rax\n\tmov %%rax, nasty_resume\n\t"
#define TRY_END "\n7:"
static uint64_t try_was;

static bool tried(const char *what)
{
	static bool said;
	bool ok = nasty_exc[6] == try_was;

	nasty_resume = 0;
	try_was = nasty_exc[6];
	if (!ok) {
		put(said ? "NASTY:   " : "NASTY: this hypervisor raises #UD at: ");
		put(what);
		put("\n");
		said = true;
	}
	return ok;
}

#define MOVE(what, insn_ld, insn_st, reg, size, seed)                                  \
	do {                                                                           \
		uint8_t *r = (uint8_t *)ram;                                           \
		fill(r, size, seed);                                                   \
		fill(MMIO + 0x100, size, 1);                                           \
		try_was = nasty_exc[6];                                                \
		__asm__ volatile(TRY insn_ld " %1, %%" reg "\n\t" insn_st " %%" reg    \
		                             ", %0" TRY_END                            \
		                 : "=m"(*(volatile char(*)[size])(MMIO + 0x100))       \
		                 : "m"(*(char(*)[size])r)                              \
		                 : "rax");                                             \
		if (tried(what)) {                                                     \
			check(what " to a device", filled(MMIO + 0x100, size, seed));  \
		}                                                                      \
		fill(MMIO + 0x200, size, seed + 50);                                   \
		__asm__ volatile(TRY insn_ld " %1, %%" reg "\n\t" insn_st " %%" reg    \
		                             ", %0" TRY_END                            \
		                 : "=m"(*(char(*)[size])r)                             \
		                 : "m"(*(volatile char(*)[size])(MMIO + 0x200))        \
		                 : "rax");                                             \
		if (tried(what)) {                                                     \
			check(what " from a device", filled(r, size, seed + 50));      \
		}                                                                      \
	} while (0)

static void test_vectors(bool avx, bool avx2)
{
	MOVE("movups", "movups", "movups", "xmm3", 16, 3);
	MOVE("movaps", "movaps", "movaps", "xmm9", 16, 4);
	MOVE("movdqu", "movdqu", "movdqu", "xmm0", 16, 5);
	MOVE("movdqa", "movdqa", "movdqa", "xmm15", 16, 6);
	MOVE("movq mm", "movq", "movq", "mm2", 8, 7);
	__asm__ volatile("emms");
	MOVE("movsd", "movsd", "movsd", "xmm1", 8, 8);
	MOVE("movss", "movss", "movss", "xmm1", 4, 9);
	MOVE("movntdq", "movdqa", "movntdq", "xmm1", 16, 10);
	MOVE("movhps", "movhps", "movhps", "xmm1", 8, 11);
	if (avx) {
		MOVE("vmovups ymm", "vmovups", "vmovups", "ymm3", 32, 12);
		MOVE("vmovdqu xmm", "vmovdqu", "vmovdqu", "xmm5", 16, 13);
		MOVE("vmovntps ymm", "vmovaps", "vmovntps", "ymm14", 32, 14);
		__asm__ volatile(TRY "vzeroupper" TRY_END : : : "rax");
		(void)tried("vzeroupper");
	}
	if (avx2) {
		uint8_t *r = (uint8_t *)ram;

		/* Masked: only what the mask says is touched. */
		fill(MMIO + 0x300, 32, 1);
		fill(r, 32, 90);
		for (unsigned i = 0; i < 8; i++) {
			((uint32_t *)(void *)(r + 64))[i] = i & 1 ? 0x80000000u : 0;
		}
		__asm__ volatile(TRY
		                 "vmovdqu %1, %%ymm2\n\tvmovdqu %2, %%ymm1\n\t"
		                 "vpmaskmovd %%ymm1, %%ymm2, %0\n\tvzeroupper" TRY_END
		                 : "+m"(*(volatile char(*)[32])(MMIO + 0x300))
		                 : "m"(*(char(*)[32])(r + 64)), "m"(*(char(*)[32])r)
		                 : "rax");
		if (!tried("vpmaskmovd")) {
			goto sse;
		}
		for (unsigned i = 0; i < 32; i++) {
			check("vpmaskmovd",
			      MMIO[0x300 + i] == (uint8_t)((i & 4 ? 90 : 1) + 7 * i));
		}
	}
sse:
	/* An arithmetic operand in device memory. */
	AT(0x400, uint64_t) = 0x0001000200030004;
	AT(0x408, uint64_t) = 0x0005000600070008;
	__asm__ volatile(
		"pxor %%xmm4, %%xmm4\n\tpaddw %1, %%xmm4\n\tpaddw %1, %%xmm4\n\t"
		"movdqu %%xmm4, %0"
		: "=m"(*(char(*)[16])ram)
		: "m"(*(volatile char(*)[16])(MMIO + 0x400)));
	same("paddw from a device", ram[0], 0x0002000400060008);
	same("paddw from a device, high", ram[1], 0x000a000c000e0010);
}

/* ---- x87 ---- */

static void test_x87(void)
{
	volatile uint8_t *m = MMIO + 0x500;

	__asm__ volatile("fninit\n\tfldpi\n\tfstpt %0"
	                 : "=m"(*(volatile char(*)[10])m));
	same("fstp m80", *(volatile uint64_t *)m, 0xc90fdaa22168c235);
	same("fstp m80 exponent", *(volatile uint16_t *)(m + 8), 0x4000);
	__asm__ volatile("fldt %1\n\tfstpl %0"
	                 : "=m"(ram[0])
	                 : "m"(*(volatile char(*)[10])m));
	same("fld m80", ram[0], 0x400921fb54442d18);
	AT(0x520, uint64_t) = 0x400921fb54442d18;
	__asm__ volatile("fldl %1\n\tfaddl %1\n\tfstpl %0"
	                 : "=m"(ram[0])
	                 : "m"(AT(0x520, uint64_t)));
	same("fadd m64", ram[0], 0x401921fb54442d18);
	AT(0x528, uint64_t) = (uint64_t)-123456789012345;
	__asm__ volatile("fildll %1\n\tfistpll %0"
	                 : "=m"(AT(0x530, uint64_t))
	                 : "m"(AT(0x528, uint64_t)));
	same("fild, fistp m64", AT(0x530, uint64_t), (uint64_t)-123456789012345);
	__asm__ volatile("fnstcw %0" : "=m"(AT(0x538, uint16_t)));
	same("fnstcw", AT(0x538, uint16_t), 0x37f);
	__asm__ volatile("fldz\n\tfxsave %0"
	                 : "=m"(*(volatile char(*)[512])(MMIO + 0x600)));
	same("fxsave to a device", AT(0x600, uint16_t), 0x37f);
	__asm__ volatile("fninit\n\tfxrstor %0"
	                 :
	                 : "m"(*(volatile char(*)[512])(MMIO + 0x600)));
	__asm__ volatile("fstpl %0" : "=m"(ram[0]));
	same("fxrstor from a device", ram[0], 0);
	__asm__ volatile("fninit");
}

/* ---- locked and other read-modify-writes ---- */

#define RMW(T, off, init, insn, reg_in, want_mem, want_reg, flag_insn, want_flag)      \
	do {                                                                           \
		T r_ = (T)(reg_in);                                                    \
		uint8_t f_;                                                            \
		AT(off, T) = (T)(init);                                                \
		__asm__ volatile(insn "\n\t" flag_insn " %2"                           \
		                 : "+m"(AT(off, T)), "+r"(r_), "=qm"(f_)               \
		                 :                                                     \
		                 : "cc", "rax");                                       \
		same(insn " memory", AT(off, T), (T)(want_mem));                       \
		same(insn " register", r_, (T)(want_reg));                             \
		same(insn " flag", f_, want_flag);                                     \
	} while (0)

static void test_rmw(void)
{
	RMW(uint8_t, 0x803, 0xf0, "lock addb %1, %0", 0x20, 0x10, 0x20, "setc", 1);
	RMW(uint16_t, 0x806, 0x8000, "lock subw %1, %0", 1, 0x7fff, 1, "seto", 1);
	RMW(uint32_t, 0x808, 0xff00ff00, "lock andl %1, %0", 0x00ff00ff, 0, 0x00ff00ff,
	    "setz", 1);
	RMW(uint64_t, 0x810, 5, "lock xaddq %1, %0", 7, 12, 5, "setc", 0);
	RMW(uint64_t, 0x818, 5, "xor %%eax, %%eax\n\txchgq %1, %0", 7, 7, 5, "setz", 1);
	RMW(uint32_t, 0x820, 0, "lock btsl $5, %0", 7, 32, 7, "setc", 0);
	RMW(uint64_t, 0x828, ~0ul, "lock btrq %1, %0", 63, ~0ul >> 1, 63, "setc", 1);
	RMW(uint32_t, 0x830, 0xffffffff, "lock incl %0", 7, 0, 7, "setz", 1);
	RMW(uint16_t, 0x838, 1, "lock negw %0", 7, 0xffff, 7, "setc", 1);
	RMW(uint64_t, 0x840, 100, "mov $100, %%eax\n\tlock cmpxchgq %1, %0", 9, 9, 9,
	    "setz", 1);
	RMW(uint64_t, 0x848, 101, "mov $100, %%eax\n\tlock cmpxchgq %1, %0", 9, 101, 9,
	    "setz", 0);
	RMW(uint32_t, 0x850, 0x12345678, "shldl $8, %1, %0", 0xab000000, 0x345678ab,
	    0xab000000, "setc", 0);
	RMW(uint32_t, 0x858, 0x12345678, "rorl $4, %0", 7, 0x81234567, 7, "setc", 1);
}

static bool cas16(volatile uint64_t *p, uint64_t lo, uint64_t hi, uint64_t nlo,
                  uint64_t nhi)
{
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1\n\tsetz %0"
	                 : "=q"(ok), "+m"(*(volatile char(*)[16])p), "+a"(lo), "+d"(hi)
	                 : "b"(nlo), "c"(nhi)
	                 : "cc", "memory");
	return ok;
}

static void test_cas16(volatile uint64_t *p, const char *where)
{
	p[0] = 1;
	p[1] = 2;
	check(where, cas16(p, 1, 2, 3, 4));
	same(where, p[0], 3);
	same(where, p[1], 4);
	check(where, !cas16(p, 1, 2, 5, 6));
	same(where, p[0], 3);
	__asm__ volatile("lock cmpxchg8b %0"
	                 : "+m"(p[0])
	                 : "a"(3), "d"(0), "b"(7), "c"(8)
	                 : "cc");
	same(where, p[0], (uint64_t)8 << 32 | 7);
}

/* ---- strings, stack, others ---- */

static void test_strings(void)
{
	uint8_t *r = (uint8_t *)ram;
	void *s = r, *d = (void *)(MMIO + 0xa01);
	uint64_t n = 333;

	fill(r, 333, 21);
	__asm__ volatile("rep movsb" : "+S"(s), "+D"(d), "+c"(n) : : "memory");
	check("rep movsb to a device", filled(MMIO + 0xa01, 333, 21) && n == 0);
	s = (void *)(MMIO + 0xa01);
	d = r + 1000;
	n = 333;
	__asm__ volatile("rep movsb" : "+S"(s), "+D"(d), "+c"(n) : : "memory");
	check("rep movsb from a device", filled(r + 1000, 333, 21));
	d = (void *)(MMIO + 0xc00);
	n = 9;
	__asm__ volatile("rep stosq"
	                 : "+D"(d), "+c"(n)
	                 : "a"(0x1122334455667788)
	                 : "memory");
	same("rep stosq", AT(0xc40, uint64_t), 0x1122334455667788);
	s = r;
	d = (void *)(MMIO + 0xa01);
	n = 333;
	__asm__ volatile("repe cmpsb" : "+S"(s), "+D"(d), "+c"(n) : : "cc", "memory");
	same("repe cmpsb", n, 0);
	d = (void *)(MMIO + 0xa01);
	n = 333;
	__asm__ volatile("repne scasb"
	                 : "+D"(d), "+c"(n)
	                 : "a"((uint8_t)(21 + 7 * 5))
	                 : "cc", "memory");
	same("repne scasb", n, 333 - 6);
}

static uint64_t called;
static __attribute__((used)) void callee(void)
{
	called++;
}

static void test_stack(void)
{
	uint64_t v = 0x123456789abcdef0, got, sp;

	__asm__ volatile(
		"mov %%rsp, %1\n\tmov %3, %%rsp\n\tpush %2\n\tpopq 64(%%rsp)\n\t"
		"pushq 64(%%rsp)\n\tpop %0\n\tmov %1, %%rsp"
		: "=&r"(got), "=&r"(sp)
		: "r"(v), "r"(MMIO + 0xe00)
		: "memory");
	same("a stack in device memory", got, v);
	AT(0xf00, uint64_t) = (uint64_t)callee;
	__asm__ volatile("sub $128, %%rsp\n\tcallq *%0\n\tadd $128, %%rsp"
	                 :
	                 : "m"(AT(0xf00, uint64_t))
	                 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
	                   "memory", "cc");
	same("call through device memory", called, 1);
}

static void test_others(bool sse42, bool movbe)
{
	uint64_t v = 0;
	uint32_t c = 0;

	AT(0x1000, uint64_t) = 0x1122334455667788;
	if (movbe) {
		__asm__ volatile(TRY "movbe %1, %0" TRY_END
		                 : "=r"(v)
		                 : "m"(AT(0x1000, uint64_t))
		                 : "rax");
		if (tried("movbe")) {
			same("movbe", v, 0x8877665544332211);
		}
	}
	if (sse42) {
		__asm__ volatile(TRY "crc32q %1, %q0" TRY_END
		                 : "+r"(c)
		                 : "m"(AT(0x1000, uint64_t))
		                 : "rax");
		if (tried("crc32")) {
			check("crc32", c != 0);
		}
		__asm__ volatile(TRY "popcntq %1, %0" TRY_END
		                 : "=r"(v)
		                 : "m"(AT(0x1000, uint64_t))
		                 : "rax");
		if (tried("popcnt")) {
			same("popcnt", v, 26);
		}
	}
	__asm__ volatile("imulq $3, %1, %0" : "=r"(v) : "m"(AT(0x1000, uint64_t)));
	same("imul", v, 0x336699cd00336698);
	__asm__ volatile("bsrq %1, %0" : "=r"(v) : "m"(AT(0x1000, uint64_t)));
	same("bsr", v, 60);
	__asm__ volatile("movntiq %1, %0"
	                 : "=m"(AT(0x1008, uint64_t))
	                 : "r"((uint64_t)77));
	same("movnti", AT(0x1008, uint64_t), 77);
	AT(0x1010, uint64_t) = 1000;
	__asm__ volatile("xor %%edx, %%edx\n\tmov $7, %%eax\n\tmulq %1\n\tmov %%rax, %0"
	                 : "=r"(v)
	                 : "m"(AT(0x1010, uint64_t))
	                 : "rax", "rdx");
	same("mul", v, 7000);
	__asm__ volatile(
		"xor %%edx, %%edx\n\tmov $7001, %%eax\n\tdivq %1\n\tmov %%rdx, %0"
		: "=r"(v)
		: "m"(AT(0x1010, uint64_t))
		: "rax", "rdx");
	same("div", v, 1);
	/* BT with an offset beyond the operand. */
	AT(0x1020, uint32_t) = 0;
	AT(0x1030, uint32_t) = 0;
	__asm__ volatile("lock btsl %1, %0"
	                 : "+m"(AT(0x1020, uint32_t))
	                 : "r"(32 * 4 + 3)
	                 : "cc", "memory");
	same("bts far", AT(0x1030, uint32_t), 8);
	/* Across two registers of the device, unaligned. */
	AT(0x1041, uint64_t) = 0x0102030405060708;
	same("unaligned", AT(0x1041, uint64_t), 0x0102030405060708);
}

/* ---- state around a failure ---- */

static void test_state(bool avx)
{
	uint64_t in[16][2], out[16][2];

	for (unsigned i = 0; i < 16; i++) {
		in[i][0] = 0x0123456789abcdefu * (i + 1u);
		in[i][1] = ~in[i][0];
	}
#define LD(n) "movups " #n "*16(%0), %%xmm" #n "\n\t"
#define ST(n) "movups %%xmm" #n ", " #n "*16(%1)\n\t"
#define ALL(F)                                                                         \
	F(0)                                                                           \
	F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
	__asm__ volatile(
		ALL(LD) "fninit\n\tfldpi\n\tfld1\n\t"
			"lock cmpxchg16b (%2)\n\t" ALL(ST) "faddp\n\tfstpl (%3)"
		:
		: "r"(in), "r"(out), "r"(MMIO + 0x1100), "r"(&ram[100])
		: "rax", "rdx", "memory", "cc");
	for (unsigned i = 0; i < 16; i++) {
		same("xmm kept", out[i][0], in[i][0]);
		same("xmm kept, high", out[i][1], in[i][1]);
	}
	same("x87 kept", ram[100], 0x401090fdaa22168c);
	if (avx) {
		fill((uint8_t *)ram, 32, 99);
		__asm__ volatile(TRY "vmovups %1, %%ymm11\n\tlock cmpxchg16b (%2)\n\t"
		                     "vmovups %%ymm11, %0\n\tvzeroupper" TRY_END
		                 : "=m"(*(char(*)[32])(ram + 8))
		                 : "m"(*(char(*)[32])ram), "r"(MMIO + 0x1100)
		                 : "rax", "rdx", "rbx", "rcx", "cc", "memory");
		if (!tried("vmovups in RAM")) {
			return;
		}
		check("ymm kept", filled((uint8_t *)(ram + 8), 32, 99));
	}
}

static void test_flags(void)
{
	uint64_t fl;

	__asm__ volatile("pushfq\n\tpop %%rax\n\tor $0x40cd5, %%rax\n\tand $~0x40000, "
	                 "%%rax\n\tpush %%rax\n\tpopfq\n\t"
	                 "movups %%xmm0, (%1)\n\tfstcw (%1)\n\tfnstsw "
	                 "(%1)\n\tpushfq\n\tpop %0\n\tcld"
	                 : "=r"(fl)
	                 : "r"(MMIO + 0x1140)
	                 : "rax", "cc", "memory");
	same("flags kept", fl & 0xcd5, 0xcd5);
}

/* ---- exceptions ---- */

#define EXPECT(what, vec, insn, ...)                                                   \
	do {                                                                           \
		uint64_t was_ = nasty_exc[vec];                                        \
		__asm__ volatile(                                                      \
			"lea 1f(%%rip), %%rax\n\tmov %%rax, nasty_resume\n\t" insn     \
			"\n1:"                                                         \
			:                                                              \
			: __VA_ARGS__                                                  \
			: "rax", "rbx", "rcx", "rdx", "memory", "cc");                 \
		nasty_resume = 0;                                                      \
		same(what, nasty_exc[vec] - was_, 1);                                  \
	} while (0)

static void test_exceptions(void)
{
	uint64_t was = nasty_exc[3];

	EXPECT("#UD", 6, "ud2", "r"(0));
	EXPECT("misaligned movaps from a device", 13, "movaps (%0), %%xmm0",
	       "r"(MMIO + 4));
	EXPECT("misaligned cmpxchg16b", 13, "lock cmpxchg16b (%0)",
	       "r"((uint8_t *)ram + 8));
	EXPECT("divide error", 0, "xor %%edx, %%edx\n\tmov $5, %%eax\n\tdivl (%0)",
	       "r"(MMIO + 0x1ff0));
	__asm__ volatile("int3");
	same("int3", nasty_exc[3] - was, 1);
	was = nasty_exc[3];
	__asm__ volatile("int $3");
	same("int $3", nasty_exc[3] - was, 1);
	/* Not canonical. */
	EXPECT("non-canonical cmpxchg16b", 13, "lock cmpxchg16b (%0)",
	       "r"((uint64_t)1 << 60));
}

/* ---- page tables written by unusual instructions ---- */

#define WINDOW ((volatile uint64_t *)0x8000000000ul) /* PML4 entry 1 */

static void invlpg(const volatile void *p)
{
	__asm__ volatile("invlpg (%0)" : : "r"(p) : "memory");
}

static void flush(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(v) : : "memory");
}

static void test_paging(void)
{
	uint64_t *pt = pt_spare[2];
	uint64_t *a = ram + 1024, *b = ram + 2048; /* pages of their own */

	a[0] = 0xaaaa;
	b[0] = 0xbbbb;
	pt_spare[0][0] = (uint64_t)pt_spare[1] | 7;
	pt_spare[1][0] = (uint64_t)pt | 7;
	pml4[1] = (uint64_t)pt_spare[0] | 7;
	pt[0] = (uint64_t)a | 3;
	pt[1] = (uint64_t)MMIO | 3;
	flush();
	same("window on a page", WINDOW[0], 0xaaaa);
	/* The leaf. */
	check("a leaf by cmpxchg16b", cas16(pt, pt[0], pt[1], (uint64_t)b | 3, pt[1]));
	invlpg(WINDOW);
	same("a leaf by cmpxchg16b", WINDOW[0], 0xbbbb);
	WINDOW[0] = 0xbb01;
	same("written through the window", b[0], 0xbb01);
	/* By a vector store, flushed by CR3. */
	{
		uint64_t two[2] = { (uint64_t)a | 3, (uint64_t)MMIO | 3 };

		__asm__ volatile("movups (%0), %%xmm1\n\tmovups %%xmm1, (%1)"
		                 :
		                 : "r"(two), "r"(pt)
		                 : "memory");
	}
	flush();
	same("a leaf by movups", WINDOW[0], 0xaaaa);
	/* The directory above it. */
	pt_spare[3][0] = (uint64_t)b | 3;
	pt_spare[3][1] = (uint64_t)a | 3;
	check("a directory by cmpxchg16b",
	      cas16(pt_spare[1], pt_spare[1][0], pt_spare[1][1],
	            (uint64_t)pt_spare[3] | 7, 0));
	flush();
	same("a directory by cmpxchg16b", WINDOW[0], 0xbb01);
	same("its second page", WINDOW[512], 0xaaaa);
	/* Write protection comes, by cmpxchg16b, and counts. */
	check("protected", cas16(pt_spare[3], pt_spare[3][0], pt_spare[3][1],
	                         (uint64_t)b | 1, pt_spare[3][1]));
	invlpg(WINDOW);
	EXPECT("write to a protected page", 14, "movq $5, (%0)", "r"(WINDOW));
	same("its error code", nasty_exc_err, 3);
	same("its address", nasty_exc_cr2, (uint64_t)WINDOW);
	EXPECT("cmpxchg16b to a protected page", 14, "lock cmpxchg16b (%0)",
	       "r"(WINDOW + 2));
	same("its error code", nasty_exc_err, 3);
	check("gone", cas16(pt_spare[3], pt_spare[3][0], pt_spare[3][1], 0, 0));
	invlpg(WINDOW);
	EXPECT("a page that is gone", 14, "movups (%0), %%xmm0", "r"(WINDOW));
	same("its error code", nasty_exc_err, 0);
	/* From RAM into a device: one access, two pages. */
	pt_spare[3][0] = (uint64_t)a | 3;
	pt_spare[3][1] = (uint64_t)MMIO | 3;
	flush();
	__asm__ volatile("movups (%0), %%xmm2\n\tmovups %%xmm2, (%1)"
	                 :
	                 : "r"(a), "r"((volatile uint8_t *)WINDOW + 4088)
	                 : "memory");
	same("a store across RAM and device", AT(0, uint64_t), a[1]);
	same("its part in RAM", a[511], a[0]);
	AT(0, uint64_t) = 0x4242;
	__asm__ volatile("movups (%1), %%xmm2\n\tmovups %%xmm2, (%0)"
	                 :
	                 : "r"(ram), "r"((volatile uint8_t *)WINDOW + 4088)
	                 : "memory");
	same("a load across RAM and device", ram[1], 0x4242);
}

/* ---- code that changes ---- */

static void test_code(void)
{
	static uint8_t code[64] __attribute__((aligned(64)));
	static const uint8_t text[] = {
		0xf0, 0x48, 0x0f, 0xc7, 0x0f, /* lock cmpxchg16b (%rdi) */
		0xb8, 1,    0,    0,    0,    /* mov $1, %eax */
		0xc3,
	};
	uint64_t (*fn)(volatile void *) = (void *)code;

	for (unsigned i = 0; i < sizeof(text); i++) {
		((volatile uint8_t *)code)[i] = text[i];
	}
	for (unsigned i = 0; i < 20; i++) {
		uint64_t r;

		((volatile uint8_t *)code)[6] = (uint8_t)(i + 1);
		__asm__ volatile("call *%1"
		                 : "=a"(r)
		                 : "r"(fn), "D"(MMIO + 0x1200)
		                 : "rbx", "rcx", "rdx", "cc", "memory");
		same("code changed after a failure", r, i + 1);
	}
}

/* ---- failures in crowds: the VMM may move the machine in the middle ---- */

static void test_crowd(void)
{
	volatile uint64_t *p = (volatile uint64_t *)(MMIO + 0x1300);
	uint64_t sum = 0;

	p[0] = p[1] = 0;
	for (uint64_t i = 0; i < CROWD; i++) {
		if (!cas16(p, i, 2 * i, i + 1, 2 * i + 2)) {
			break;
		}
		sum += p[0];
	}
	same("a crowd", p[0], CROWD);
	same("a crowd, high", p[1], 2 * CROWD);
	same("a crowd, sum", sum, (uint64_t)CROWD * (CROWD + 1) / 2);
}

/* ---- writes that may be carried out late: ports 70 (CMOS index) and 80 ---- */

static void test_late_writes(void)
{
	enum { CMOS = 0x60, N = 16, MORE_THAN_A_RING = 400 };
	bool ok = true;

	for (unsigned i = 0; i < N; i++) {
		outb(0x70, CMOS);
		outb(0x70, (uint8_t)(CMOS + i));
		outb(0x71, (uint8_t)(0xa5 ^ i));
	}
	for (unsigned i = 0; i < N; i++) {
		for (unsigned j = 0; i == 3 && j < MORE_THAN_A_RING; j++) {
			outb(0x80, (uint8_t)j);
			outb(0x70, (uint8_t)(CMOS + j % N));
		}
		outb(0x80, 0);
		outb(0x70, (uint8_t)(CMOS + i));
		ok = ok && inb(0x71) == (0xa5 ^ i);
	}
	check("CMOS: an access sees the index that was written before", ok);
}

/* ---- moves ---- */

#ifdef MOVE_AVX
static void wait_for(const char *mark)
{
	put(mark);
	while (!(inb(0x3fd) & 1)) {
	}
	(void)inb(0x3f8);
}

static uint32_t xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo;
}

/* Uses ALL() of test_state(). */
#define LDY(n) "vmovdqu " #n "*32(%0), %%ymm" #n "\n\t"
#define STY(n) "vmovdqu %%ymm" #n ", " #n "*32(%0)\n\t"

static void load_ymm(uint8_t seed)
{
	fill((uint8_t *)ram, 512, seed);
	__asm__ volatile(ALL(LDY) : : "r"(ram) : "memory");
}

static void check_ymm(const char *what, uint8_t seed)
{
	fill((uint8_t *)ram, 512, 0);
	__asm__ volatile(ALL(STY) : : "r"(ram) : "memory");
	check(what, filled((uint8_t *)ram, 512, seed));
}

/* XCR0 is written in the translator: not every hypervisor sees it done. */
static void test_moves(void)
{
	uint64_t cr4;

	wait_for("AVX-TO-TCG-1\n");
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1 << 18));
	__asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
	same("XCR0", xcr0(), 7);
	load_ymm(40);
	wait_for("AVX-TO-KVM-1\n");
	check_ymm("vectors that came to KVM", 40);
	same("XCR0 in KVM", xcr0(), 7);
	load_ymm(77);
	wait_for("AVX-TO-TCG-2\n");
	check_ymm("vectors that came from KVM", 77);
	same("XCR0 in the translator", xcr0(), 7);
}
#endif

int nasty_main(void)
{
	uint32_t r[4], s[4];
	bool avx, avx2;

	setup();
#ifdef TRIPLE_FAULT
	put("NASTY: triple fault\n");
	__asm__ volatile("lidt %0\n\tud2" : : "m"(*(char(*)[10])ram)); /* limit 0 */
#endif
	cpuid(1, 0, r);
	cpuid(7, 0, s);
	avx = (r[2] >> 28 & 1) && (r[2] >> 26 & 1);
	avx2 = avx && (s[1] >> 5 & 1);
	put("NASTY: up\n");
#ifdef MOVE_AVX
	test_moves();
#elif !defined(ONLYSYS)
	test_rmw();
	if (r[2] >> 13 & 1) {
		test_cas16(ram + 4, "cmpxchg16b in RAM");
		test_cas16((volatile uint64_t *)(MMIO + 0x900),
		           "cmpxchg16b in a device");
	}
	test_late_writes();
	test_strings();
	test_stack();
	test_others(r[2] >> 20 & 1, r[2] >> 22 & 1);
	test_vectors(avx, avx2);
	test_x87();
	test_state(avx);
	test_flags();
	test_exceptions();
	test_paging();
	test_code();
	if (r[2] >> 13 & 1) {
		test_crowd();
	}
#endif
	put("NASTY: ");
	put_hex(tests);
	put(" checks\n");
	if (USER_SYSCALLS) {
		same("system calls", user_syscalls(USER_SYSCALLS), USER_SYSCALLS);
	}
	put(failed ? "NASTY: BAD\n" : "NASTY: all well\n");
	return (int)failed;
}
