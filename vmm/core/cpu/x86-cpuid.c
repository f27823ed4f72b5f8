/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-cpuid.c - CPUID: the table of leaves built from model, features and topology, and
 * the look-up with the bits that change at run time.
 *
 * Spec: SDM vol. 2A CPUID, vol. 3A 9.9 (topology); AMD APM vol. 3 appendix E.
 * Threads: built on control before the vCPU runs; looked up on the vCPU's own.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "base/bytes.h"
#include "base/compiler.h"
#include "core/cpu/x86-model.h"
#include "core/vm.h"

#define CPUID_SUB        BIT(0)      /* sub-leaf is significant */
#define CPUID_CRYSTAL_HZ 1000000000u /* also what the local APIC timer counts */

/* ---- topology ---- */

static unsigned cpuid_bits(unsigned n)
{
	unsigned b = 0;

	while (b < 16 && (1u << b) < n) {
		b++;
	}
	return b;
}

uint32_t x86_apic_id_of(const struct vm *vm, unsigned index)
{
	unsigned threads = vm->smp.threads ? vm->smp.threads : 1;
	unsigned cores = vm->smp.cores ? vm->smp.cores : 1;
	unsigned dies = vm->smp.dies && cores % vm->smp.dies == 0 ? vm->smp.dies : 1;
	unsigned in_die = cores / dies, core = index / threads;
	unsigned tb = cpuid_bits(threads), cb = cpuid_bits(in_die);
	unsigned db = cpuid_bits(dies);

	return index % threads | (core % in_die) << tb |
	       (core / in_die % dies) << (tb + cb) | (core / cores) << (tb + cb + db);
}

/* Bits of an APIC id below the socket's number. */
static unsigned cpuid_core_bits(const struct x86_cpu *c)
{
	return cpuid_bits(c->topo_threads) + cpuid_bits(c->topo_cores / c->topo_dies);
}

static unsigned cpuid_socket_bits(const struct x86_cpu *c)
{
	return cpuid_core_bits(c) + cpuid_bits(c->topo_dies);
}

/* ---- building ---- */

static struct x86_cpuid *cpuid_add(struct x86_cpu *c, uint32_t leaf, uint32_t sub,
                                   uint32_t flags)
{
	static struct x86_cpuid spare; /* table full: our bug, harmless */
	struct x86_cpuid *e =
		c->n_cpuid < X86_CPUID_MAX ? &c->cpuid[c->n_cpuid++] : &spare;

	*e = (struct x86_cpuid){ .leaf = leaf, .sub = sub, .flags = flags };
	return e;
}

static uint32_t cpuid_word(const struct x86_cpu *c, enum x86_fword w)
{
	return (uint32_t)c->features[w];
}

static uint32_t cpuid_signature(const struct x86_ident *id)
{
	unsigned fam = MIN(id->family, 15u),
		 ext = id->family > 15 ? id->family - 15 : 0;

	return id->stepping | (id->model & 15) << 4 | fam << 8 |
	       (id->model >> 4) << 16 | ext << 20;
}

static void cpuid_vendor(struct x86_cpuid *e, const char *v)
{
	e->ebx = ld_le32(v);
	e->edx = ld_le32(v + 4);
	e->ecx = ld_le32(v + 8);
}

/* Leaf 4 / 0x8000001d entry. */
static void cpuid_cache(struct x86_cpu *c, uint32_t leaf, unsigned sub, unsigned type,
                        unsigned level, uint32_t kib, unsigned ways, unsigned sharing)
{
	struct x86_cpuid *e = cpuid_add(c, leaf, sub, CPUID_SUB);

	if (!type) {
		return;
	}
	e->eax = type | level << 5 | BIT(8) | MIN((1u << sharing) - 1, 0xfffu) << 14;
	if (leaf == 4) {
		unsigned bits = cpuid_socket_bits(c) - cpuid_bits(c->topo_threads);

		e->eax |= MIN((1u << bits) - 1, 63u) << 26;
	}
	e->ebx = (64 - 1) | (ways - 1) << 22;
	e->ecx = kib * 1024 / 64 / ways - 1;
	e->edx = level == 3 ? BIT(1) : 0;
}

/* The host's caches, shared as the guest's topology says. */
static bool cpuid_host_caches(struct x86_cpu *c, uint32_t leaf,
                              const struct x86_ident *id)
{
#ifdef __x86_64__
	uint32_t r[4];

	if (!id->host_caches || __get_cpuid_max(leaf & 0x80000000, NULL) < leaf) {
		return false;
	}
	for (unsigned i = 0; i < 8; i++) {
		struct x86_cpuid *e;
		unsigned level, bits;

		__cpuid_count(leaf, i, r[0], r[1], r[2], r[3]);
		level = r[0] >> 5 & 7;
		bits = level >= 3 ? cpuid_core_bits(c) : cpuid_bits(c->topo_threads);
		if (i == 0 && !(r[0] & 31)) {
			return false;
		}
		cpuid_cache(c, leaf, i, r[0] & 31, level, 64, 1, bits);
		if (!(r[0] & 31)) {
			return true;
		}
		e = &c->cpuid[c->n_cpuid - 1];
		e->eax |= r[0] & 0x3f00; /* self-initialising, fully associative... */
		e->ebx = r[1];
		e->ecx = r[2];
		e->edx = r[3];
	}
	return true;
#else
	(void)c, (void)leaf, (void)id;
	return false;
#endif
}

static void cpuid_caches(struct x86_cpu *c, uint32_t leaf, const struct x86_ident *id)
{
	unsigned tb = cpuid_bits(c->topo_threads), n = 3;

	if (cpuid_host_caches(c, leaf, id)) {
		return;
	}
	cpuid_cache(c, leaf, 0, 1, 1, 32, 8, tb);
	cpuid_cache(c, leaf, 1, 2, 1, 32, 8, tb);
	cpuid_cache(c, leaf, 2, 3, 2, 2048, 16, tb);
	if (!id->no_l3) {
		cpuid_cache(c, leaf, n++, 3, 3, 16384, 16, cpuid_core_bits(c));
	}
	cpuid_cache(c, leaf, n, 0, 0, 0, 0, 0);
}

/* Leaves 0xb and 0x1f: what each level of the APIC id means. */
static void cpuid_levels(struct x86_cpu *c, uint32_t leaf)
{
	unsigned in_die = (unsigned)(c->topo_cores / c->topo_dies) * c->topo_threads;
	unsigned all = (unsigned)c->topo_cores * c->topo_threads, n = 1;
	struct x86_cpuid *e = cpuid_add(c, leaf, 0, CPUID_SUB);

	e->eax = cpuid_bits(c->topo_threads);
	e->ebx = c->topo_threads;
	e->ecx = 1 << 8;
	e = cpuid_add(c, leaf, n, CPUID_SUB);
	/* 0xb knows no dies: its last level is all of the socket. */
	e->eax = leaf == 0xb ? cpuid_socket_bits(c) : cpuid_core_bits(c);
	e->ebx = leaf == 0xb ? all : in_die;
	e->ecx = n++ | 2 << 8;
	if (leaf == 0x1f) {
		e = cpuid_add(c, leaf, n, CPUID_SUB);
		e->eax = cpuid_socket_bits(c);
		e->ebx = all;
		e->ecx = n | 5 << 8;
	}
}

static void cpuid_basic(struct x86_cpu *c, const struct x86_ident *id)
{
	unsigned all = (unsigned)c->topo_cores * c->topo_threads;
	struct x86_cpuid *e;

	e = cpuid_add(c, 0, 0, 0);
	e->eax = id->level;
	cpuid_vendor(e, id->vendor);
	e = cpuid_add(c, 1, 0, 0);
	e->eax = cpuid_signature(id);
	e->ebx = c->apic_id << 24 | 8 << 8;
	if (all > 1) {
		e->ebx |= MIN(1u << cpuid_socket_bits(c), 255u) << 16;
	}
	e->ecx = cpuid_word(c, XF_1_ECX);
	e->edx = cpuid_word(c, XF_1_EDX);
	e = cpuid_add(c, 2, 0, 0);
	e->eax = 0x00ff0001; /* see leaf 4 */
	cpuid_caches(c, 4, id);
	e = cpuid_add(c, 6, 0, 0);
	e->eax = cpuid_word(c, XF_6_EAX);
	e = cpuid_add(c, 7, 0, CPUID_SUB);
	e->eax = c->features[XF_72_EDX] ? 2 : c->features[XF_71_EAX] ? 1 : 0;
	e->ebx = cpuid_word(c, XF_7_EBX);
	e->ecx = cpuid_word(c, XF_7_ECX);
	e->edx = cpuid_word(c, XF_7_EDX);
	e = cpuid_add(c, 7, 1, CPUID_SUB);
	e->eax = cpuid_word(c, XF_71_EAX);
	e = cpuid_add(c, 7, 2, CPUID_SUB);
	e->edx = cpuid_word(c, XF_72_EDX);
	if (!id->no_leaf_b) {
		cpuid_levels(c, 0xb);
	}
	if (id->level >= 0x1f && c->topo_dies > 1) {
		cpuid_levels(c, 0x1f);
	}
}

/* Which feature a component of XCR0 belongs to. */
static const struct {
	uint8_t comp;
	uint16_t feature;
} cpuid_comp_of[] = {
	{ 2, X86F_AVX },     { 3, X86F_MPX },       { 4, X86F_MPX },
	{ 5, X86F_AVX512F }, { 6, X86F_AVX512F },   { 7, X86F_AVX512F },
	{ 9, X86F_PKU },     { 17, X86F_AMX_TILE }, { 18, X86F_AMX_TILE },
};

static void cpuid_xsave(struct x86_cpu *c)
{
	uint64_t mask = X86_XCR0_X87 | X86_XCR0_SSE;
	struct x86_cpuid *e;

	if (!x86_cpu_has(c, X86F_XSAVE)) {
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(cpuid_comp_of); i++) {
		mask |= x86_cpu_has(c, cpuid_comp_of[i].feature)
		                ? BIT64(cpuid_comp_of[i].comp)
		                : 0;
	}
	e = cpuid_add(c, 0xd, 0, CPUID_SUB);
	e->eax = (uint32_t)mask;
	e->ebx = x86_xsave_size(X86_XCR0_X87);
	e->ecx = x86_xsave_size(mask);
	e->edx = (uint32_t)(mask >> 32);
	e = cpuid_add(c, 0xd, 1, CPUID_SUB);
	e->eax = cpuid_word(c, XF_D1_EAX);
	e->ebx = x86_xsave_compact_size(mask);
	for (unsigned i = 2; i < 32; i++) {
		if (mask >> i & 1) {
			e = cpuid_add(c, 0xd, i, CPUID_SUB);
			x86_xsave_component(i, &e->eax, &e->ebx);
			e->ecx = x86_xsave_component_flags(i);
		}
	}
}

/*
 * khz = crystal * num / den as near as it can be with crystal kHz * num below 2^32,
 * because kernels compute it in 32 bits.
 */
static void cpuid_ratio(uint64_t khz, uint32_t *num, uint32_t *den)
{
	const uint64_t crystal = CPUID_CRYSTAL_HZ / 1000;
	uint64_t best = UINT64_MAX, max = UINT32_MAX / crystal;

	*num = *den = 1;
	for (uint64_t d = 1; d <= max && best; d++) {
		uint64_t n = (khz * d + crystal / 2) / crystal, got, off;

		if (!n || n > max) {
			continue;
		}
		got = crystal * n * 1000 / d; /* Hz */
		off = got > khz * 1000 ? got - khz * 1000 : khz * 1000 - got;
		if (off < best) {
			best = off;
			*num = (uint32_t)n;
			*den = (uint32_t)d;
		}
	}
}

static void cpuid_freq(struct x86_cpu *c, const struct x86_ident *id)
{
	struct x86_cpuid *e;

	if (id->level < 0x15) {
		return;
	}
	e = cpuid_add(c, 0x15, 0, 0);
	/* TSC = crystal * ebx / eax */
	cpuid_ratio(c->tsc_khz, &e->ebx, &e->eax);
	e->ecx = CPUID_CRYSTAL_HZ;
	e = cpuid_add(c, 0x16, 0, 0);
	e->eax = e->ebx = (uint32_t)MIN(c->tsc_khz / 1000, (uint64_t)0xffff);
	e->ecx = 100;
}

static void cpuid_amd(struct x86_cpu *c, const struct x86_ident *id)
{
	struct x86_cpuid *e;

	if (x86_cpu_has(c, X86F_TOPOEXT)) {
		cpuid_caches(c, 0x8000001d, id);
		e = cpuid_add(c, 0x8000001e, 0, 0);
		e->eax = c->apic_id;
		e->ebx = c->apic_id >> cpuid_bits(c->topo_threads) |
		         (c->topo_threads - 1u) << 8;
		e->ecx = (c->apic_id >> cpuid_core_bits(c)) | (c->topo_dies - 1u) << 8;
	}
	if (x86_cpu_has(c, X86F_SVM)) {
		e = cpuid_add(c, 0x8000000a, 0, 0);
		e->eax = 1;
		e->ebx = 16; /* address space ids */
		e->edx = cpuid_word(c, XF_SVM);
	}
	if (id->xlevel >= 0x80000021) {
		e = cpuid_add(c, 0x80000021, 0, 0);
		e->eax = cpuid_word(c, XF_821_EAX);
	}
}

static void cpuid_extended(struct x86_cpu *c, const struct x86_ident *id)
{
	unsigned all = (unsigned)c->topo_cores * c->topo_threads;
	struct x86_cpuid *e;
	char brand[48] = "";

	e = cpuid_add(c, 0x80000000, 0, 0);
	e->eax = id->xlevel;
	cpuid_vendor(e, id->vendor);
	e = cpuid_add(c, 0x80000001, 0, 0);
	e->ecx = cpuid_word(c, XF_81_ECX);
	e->edx = cpuid_word(c, XF_81_EDX);
	if (x86_vendor_is_amd(id->vendor)) {
		/* AMD repeats the basic bits here. */
		e->eax = cpuid_signature(id);
		e->edx |= cpuid_word(c, XF_1_EDX) & 0x0183f3ffu;
	}
	memcpy(brand, id->id, strnlen(id->id, sizeof(brand)));
	for (unsigned i = 0; i < 3; i++) {
		e = cpuid_add(c, 0x80000002 + i, 0, 0);
		e->eax = ld_le32(brand + 16 * i);
		e->ebx = ld_le32(brand + 16 * i + 4);
		e->ecx = ld_le32(brand + 16 * i + 8);
		e->edx = ld_le32(brand + 16 * i + 12);
	}
	if (x86_vendor_is_amd(id->vendor)) {
		e = cpuid_add(c, 0x80000005, 0, 0);
		e->ecx = e->edx = 32u << 24 | 8 << 16 | 1 << 8 | 64;
	}
	e = cpuid_add(c, 0x80000006, 0, 0);
	e->ecx = 2048u << 16 | 8 << 12 | 64;
	e->edx = id->no_l3 ? 0 : 32u << 18 | 8 << 12 | 64;
	e = cpuid_add(c, 0x80000007, 0, 0);
	e->edx = cpuid_word(c, XF_87_EDX);
	e = cpuid_add(c, 0x80000008, 0, 0);
	e->eax = c->phys_bits | (uint32_t)c->virt_bits << 8;
	e->ebx = cpuid_word(c, XF_88_EBX);
	if (all > 1 && x86_vendor_is_amd(id->vendor)) {
		e->ecx = (all - 1) | cpuid_socket_bits(c) << 12;
	}
	cpuid_amd(c, id);
}

/* KVM's leaves where its features are offered: guests look for no other then. */
static void cpuid_hypervisor(struct x86_cpu *c, const struct x86_ident *id)
{
	bool kvm = c->features[XF_KVM] != 0;
	/* What others show only where the TSC can be relied on; without KVM it can. */
	bool freq = !id->no_freq_leaf && (!kvm || x86_cpu_has(c, X86F_INVTSC));
	struct x86_cpuid *e = cpuid_add(c, 0x40000000, 0, 0);

	e->eax = freq ? 0x40000010 : 0x40000001;
	cpuid_vendor(e, kvm ? "KVMKVMKVM\0\0" : "LodgeLodgeVM");
	if (kvm) {
		/* "KVMKVMKVM": in the order ebx, ecx, edx, unlike leaf 0 */
		e->ecx = ld_le32("VMKV");
		e->edx = ld_le32("M\0\0");
		e = cpuid_add(c, 0x40000001, 0, 0);
		e->eax = cpuid_word(c, XF_KVM);
		e->edx = cpuid_word(c, XF_KVM_HINTS);
	}
	if (freq) {
		e = cpuid_add(c, 0x40000010, 0, 0); /* TSC and bus kHz */
		e->eax = (uint32_t)c->tsc_khz;
		e->ebx = CPUID_CRYSTAL_HZ / 1000;
	}
}

void x86_cpuid_build(struct x86_cpu *c, const struct x86_ident *id)
{
	c->n_cpuid = 0;
	cpuid_basic(c, id);
	cpuid_xsave(c);
	cpuid_freq(c, id);
	if (id->xlevel) {
		cpuid_extended(c, id);
	}
	if (c->features[XF_KVM] || id->hv_signature) {
		cpuid_hypervisor(c, id);
	}
}

/* ---- look-up ---- */

static const struct x86_cpuid *cpuid_find(const struct x86_cpu *c, uint32_t leaf,
                                          uint32_t sub)
{
	for (unsigned i = 0; i < c->n_cpuid; i++) {
		const struct x86_cpuid *e = &c->cpuid[i];

		if (e->leaf == leaf && (!(e->flags & CPUID_SUB) || e->sub == sub)) {
			return e;
		}
	}
	return NULL;
}

static uint32_t cpuid_limit(const struct x86_cpu *c, uint32_t leaf)
{
	const struct x86_cpuid *base = cpuid_find(c, leaf & 0xf0000000, 0);

	return base ? base->eax : 0;
}

static void cpuid_dynamic(struct x86_cpu *c, uint32_t leaf, uint32_t sub,
                          uint32_t out[4])
{
	switch (leaf) {
	case 1:
		out[2] &= ~BIT(27);
		out[2] |= c->cr4 & X86_CR4_OSXSAVE ? BIT(27) : 0;
		if (c->apic_ops && c->apic &&
		    !(c->apic_ops->get_base(c->apic) & BIT(11))) {
			out[3] &= ~BIT(9);
		}
		break;
	case 7:
		if (sub == 0) {
			out[2] &= ~BIT(4);
			out[2] |= c->cr4 & X86_CR4_PKE ? BIT(4) : 0;
		}
		break;
	case 0xb:
	case 0x1f:
		out[2] = (out[2] & ~0xffu) | (sub & 0xff);
		out[3] = c->apic_id;
		break;
	case 0xd:
		if (sub == 0) {
			out[1] = x86_xsave_size(c->xcr0);
		} else if (sub == 1 && (out[0] & 2)) {
			out[1] = x86_xsave_compact_size(c->xcr0 | c->xss);
		} else if (sub == 1) {
			out[1] = 0;
		}
		break;
	case 0x80000001:
		/* Intel: SYSCALL shows only in 64-bit mode. */
		if (!x86_code64(c) && c->n_cpuid &&
		    c->cpuid[0].ebx == ld_le32("Genu")) {
			out[3] &= ~BIT(11);
		}
		break;
	default: break;
	}
}

void x86_cpuid(struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	const struct x86_cpuid *e;

	if (leaf > cpuid_limit(c, leaf)) {
		/* Outside: data of the highest basic leaf. Hypervisor range: nothing
		 * there. */
		if ((leaf >> 28) == 4 && cpuid_find(c, 0x40000000, 0)) {
			memset(out, 0, 16);
			return;
		}
		leaf = cpuid_limit(c, 0);
	}
	e = cpuid_find(c, leaf, sub);
	if (!e) {
		memset(out, 0, 16);
		if (leaf == 0xb || leaf == 0x1f) {
			out[2] = sub & 0xff;
			out[3] = c->apic_id;
		}
		return;
	}
	out[0] = e->eax;
	out[1] = e->ebx;
	out[2] = e->ecx;
	out[3] = e->edx;
	cpuid_dynamic(c, leaf, sub, out);
}
