/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exits.c - the measuring guest: what leaving the guest costs. No operating system; runs on
 * any VMM that loads a bzImage (head.S) and has a serial port at 0x3f8, and a virtio device
 * (entropy, say) on PCI bus 0 or at virtio-mmio if doorbells and device registers are to be
 * measured. One line a test:
 *
 *   EXITS name median min count	(cycles of the TSC for one operation; count in a round)
 *
 * Tests: a write to port 0x80; a read of the UART's line status, of PCI configuration
 * space; a read and a write of a register of a virtio device that has no side effect;
 * a doorbell (notification of an empty queue of a running device); the same with the other
 * CPU busy in device registers; VMCALL or VMMCALL; CPUID; lateness of a local APIC timer
 * that ends HLT; an interrupt sent to the other CPU and seen by it, spinning or halted.
 *
 * "EXITS-TSC hz" is what the KVM clock says about the TSC, 0 without one. The last line is
 * EXITS-END; then the machine resets itself, which ends a VMM that has -no-reboot.
 *
 * Words of the command line: "quick" (shorter rounds), "brief" (much shorter ones, for clocks that
 * count instructions, and this CPU only), "nohypercall" (a KVM without hardware
 * may never come back from one), "idle" (set up the device, say EXITS-IDLE and halt for good).
 *
 * Known gaps: virtio-mmio is looked for where microvm machines have it; legacy virtio is not
 * driven.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum {
	ROUNDS = 7,
	QUEUE = 64, /* entries at most */
	TRAMP = 0x8000,
	VEC_TIMER = 0x40,
	VEC_IPI = 0x41,
	CODE64 = 0x20,
};

extern char tramp[], tramp_end[], second;
extern u64 pdpt[512], far_pd[512];
void guest_main(const u8 *params);
void second_main(void);

/* ---- the machine ---- */

static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void outl(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline u32 inl(u16 port)
{
	u32 v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (u64)hi << 32;
}

static inline void cpuid(u32 leaf, u32 *r)
{
	__asm__ volatile("cpuid"
	                 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
	                 : "a"(leaf), "c"(0)
	                 : "memory");
}

static inline void wrmsr(u32 n, u64 v)
{
	__asm__ volatile("wrmsr"
	                 :
	                 : "c"(n), "a"((u32)v), "d"((u32)(v >> 32))
	                 : "memory");
}

static inline u64 rdmsr(u32 n)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n) : "memory");
	return lo | (u64)hi << 32;
}

static inline void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#define MMIO8(a)  (*(volatile u8 *)(u64)(a))
#define MMIO16(a) (*(volatile u16 *)(u64)(a))
#define MMIO32(a) (*(volatile u32 *)(u64)(a))

/* ---- printing ---- */

static void put_char(char c)
{
	for (int i = 0; i < 100000 && !(inb(0x3fd) & 0x20); i++) {
		pause();
	}
	outb(0x3f8, (u8)c);
}

static void put(const char *s)
{
	for (; *s; s++) {
		put_char(*s);
	}
}

static void put_num(u64 v)
{
	char b[24];
	int n = 0;

	do {
		b[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n) {
		put_char(b[--n]);
	}
}

static void __attribute__((noreturn)) end(void)
{
	struct {
		u16 len;
		u64 base;
	} __attribute__((packed)) none = { 0, 0 };

	outb(0x64, 0xfe); /* the keyboard controller's reset line, where there is one */
	for (int i = 0; i < 100000; i++) {
		pause();
	}
	for (;;) {
		__asm__ volatile("lidt %0; ud2" : : "m"(none));
	}
}

/* ---- interrupts ---- */

struct frame;
struct gate {
	u16 lo, sel;
	u8 ist, type;
	u16 mid;
	u32 hi, zero;
};
static struct gate idt[256];
static volatile u64 timer_seen, ipi_seen;
static int x2apic;

static void apic_write(u32 reg, u32 v)
{
	if (x2apic) {
		wrmsr(0x800 + (reg >> 4), v);
	} else {
		MMIO32(0xfee00000 + reg) = v;
	}
}

static u32 apic_read(u32 reg)
{
	return x2apic ? (u32)rdmsr(0x800 + (reg >> 4)) : MMIO32(0xfee00000 + reg);
}

static void apic_send(u32 dest, u32 low)
{
	if (x2apic) {
		wrmsr(0x830, (u64)dest << 32 | low);
		return;
	}
	MMIO32(0xfee00310) = dest << 24;
	MMIO32(0xfee00300) = low;
}

static void __attribute__((interrupt)) irq_timer(struct frame *f)
{
	(void)f;
	timer_seen = rdtsc();
	apic_write(0xb0, 0);
}

static void __attribute__((interrupt)) irq_ipi(struct frame *f)
{
	(void)f;
	ipi_seen++;
	apic_write(0xb0, 0);
}

static void __attribute__((interrupt)) irq_other(struct frame *f)
{
	(void)f;
}

/* A fault: the registers the CPU pushed say where. */
struct frame {
	u64 ip, cs, flags, sp, ss;
};

static void __attribute__((noreturn)) fault(const struct frame *f, u64 code)
{
	put("EXITS-FAULT ip ");
	put_num(f->ip);
	put(" code ");
	put_num(code);
	put("\n");
	end();
}

static void __attribute__((interrupt)) fault_other(struct frame *f)
{
	fault(f, 0);
}

static void __attribute__((interrupt)) fault_error(struct frame *f, u64 code)
{
	fault(f, code);
}

static void gate_set(int n, void *to)
{
	u64 a = (u64)to;

	idt[n] = (struct gate){ .lo = (u16)a,
		                .sel = CODE64,
		                .type = 0x8e,
		                .mid = (u16)(a >> 16),
		                .hi = (u32)(a >> 32) };
}

static void cpu_init(void)
{
	struct {
		u16 len;
		u64 base;
	} __attribute__((packed)) r = { sizeof(idt) - 1, (u64)idt };
	u32 c[4];

	cpuid(1, c);
	if (c[2] >> 21 & 1) {
		wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
		x2apic = 1;
	}
	__asm__ volatile("lidt %0" : : "m"(r));
	apic_write(0xf0, 0x1ff);
	apic_write(0x80, 0);
}

static void irq_init(void)
{
	for (int i = 0; i < 256; i++) {
		int code = i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21;

		gate_set(i, i >= 32 ? (void *)irq_other
		            : code  ? (void *)fault_error
		                    : (void *)fault_other);
	}
	gate_set(VEC_TIMER, (void *)irq_timer);
	gate_set(VEC_IPI, (void *)irq_ipi);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	cpu_init();
}

/* ---- the virtio device ---- */

static u64 dev_reg;  /* a register to read, 0: no device */
static u64 dev_wreg; /* 32-bit register whose write selects something */
static u64 doorbell;
static int bell32;
static u8 ring[3][4096] __attribute__((aligned(4096)));

static void pci_select(u32 devfn, u32 reg)
{
	outl(0xcf8, 0x80000000u | devfn << 8 | (reg & 0xfc));
}

static u32 pci_read(u32 devfn, u32 reg)
{
	pci_select(devfn, reg);
	return inl(0xcfc);
}

static void pci_write(u32 devfn, u32 reg, u32 v)
{
	pci_select(devfn, reg);
	outl(0xcfc, v);
}

/* Where a physical address appears: itself below 4 GiB, else through one more GiB page. */
static u64 map(u64 pa)
{
	if (pa >> 32 == 0) {
		return pa;
	}
	for (u64 i = 0; i < 512; i++) {
		far_pd[i] = (pa & ~0x3fffffffUL) | i << 21 | 0x83;
	}
	pdpt[4] = (u64)far_pd | 3;
	return 0x100000000UL | (pa & 0x3fffffff);
}

static u64 pci_bar(u32 devfn, u32 n)
{
	u32 lo = pci_read(devfn, 0x10 + n * 4);
	u64 a = lo & ~15u;

	if ((lo & 6) == 4) {
		a |= (u64)pci_read(devfn, 0x14 + n * 4) << 32;
	}
	return lo & 1 ? 0 : a;
}

/* Addresses of descriptors, available and used ring, into registers `step` apart. */
static void rings_at(u64 reg, u32 step)
{
	for (u32 i = 0; i < 3; i++) {
		MMIO32(reg + step * i) = (u32)(u64)ring[i];
		MMIO32(reg + step * i + 4) = 0;
	}
}

static int pci_setup(u32 devfn)
{
	u64 common = 0, notify = 0;
	u32 mult = 0;

	for (u32 at = pci_read(devfn, 0x34) & 0xfc; at;) {
		u32 h = pci_read(devfn, at);

		if ((h & 0xff) == 9) {
			u32 kind = h >> 24;
			u64 where = pci_bar(devfn, pci_read(devfn, at + 4) & 0xff) +
			            pci_read(devfn, at + 8);

			if (kind == 1 && !common) {
				common = where;
			} else if (kind == 2 && !notify) {
				notify = where;
				mult = pci_read(devfn, at + 16);
			}
		}
		at = h >> 8 & 0xfc;
	}
	if (!common || !notify) {
		return 0;
	}
	pci_write(devfn, 4, (pci_read(devfn, 4) & 0xffff) | 6);
	common = map(common);
	notify = map(notify);
	MMIO8(common + 20) = 0;
	MMIO8(common + 20) = 1;
	MMIO8(common + 20) = 3;
	MMIO32(common + 8) = 0;
	MMIO32(common + 12) = 0;
	MMIO32(common + 8) = 1;
	MMIO32(common + 12) = 1; /* VERSION_1 */
	MMIO8(common + 20) = 11;
	MMIO16(common + 22) = 0;
	if (!(MMIO8(common + 20) & 8) || !MMIO16(common + 24)) {
		return 0;
	}
	if (MMIO16(common + 24) > QUEUE) {
		MMIO16(common + 24) = QUEUE;
	}
	rings_at(common + 32, 8);
	MMIO16(common + 28) = 1;
	doorbell = notify + (u64)MMIO16(common + 30) * mult;
	MMIO8(common + 20) = 15;
	dev_reg = common + 4;
	dev_wreg = common;
	return 1;
}

static int mmio_setup(u64 base)
{
	if (MMIO32(base) != 0x74726976 || MMIO32(base + 4) != 2 || !MMIO32(base + 8)) {
		return 0;
	}
	MMIO32(base + 0x70) = 0;
	MMIO32(base + 0x70) = 1;
	MMIO32(base + 0x70) = 3;
	MMIO32(base + 0x24) = 0;
	MMIO32(base + 0x20) = 0;
	MMIO32(base + 0x24) = 1;
	MMIO32(base + 0x20) = 1;
	MMIO32(base + 0x70) = 11;
	MMIO32(base + 0x30) = 0;
	if (!(MMIO32(base + 0x70) & 8) || !MMIO32(base + 0x34)) {
		return 0;
	}
	MMIO32(base + 0x38) = MMIO32(base + 0x34) < QUEUE ? MMIO32(base + 0x34) : QUEUE;
	rings_at(base + 0x80, 16);
	MMIO32(base + 0x44) = 1;
	MMIO32(base + 0x70) = 15;
	doorbell = base + 0x50;
	bell32 = 1;
	dev_reg = base + 0x10;
	dev_wreg = base + 0x14;
	return 1;
}

static int have_pci;

static void device_find(void)
{
	u32 id = pci_read(0, 0);

	have_pci = id != 0xffffffff && id != 0;
	for (u32 fn = 0; have_pci && fn < 256; fn++) {
		id = pci_read(fn, 0);
		if ((id & 0xffff) == 0x1af4 && id >> 16 >= 0x1000 &&
		    id >> 16 < 0x1080 && pci_setup(fn)) {
			return;
		}
	}
	for (u64 i = 0; !have_pci && i < 32; i++) {
		if (mmio_setup(0xfeb00000 + i * 0x200)) {
			return;
		}
	}
}

/* ---- operations, each one exit ---- */

static void op_pio_write(void)
{
	outb(0x80, 1);
}
static void op_pio_read(void)
{
	inb(0x3fd);
}
static void op_pci_read(void)
{
	inl(0xcfc);
}
static void op_mmio_read(void)
{
	(void)MMIO32(dev_reg);
}
static void op_mmio_write(void)
{
	MMIO32(dev_wreg) = 0;
}

static void op_doorbell(void)
{
	if (bell32) {
		MMIO32(doorbell) = 0;
	} else {
		MMIO16(doorbell) = 0;
	}
}

static void op_cpuid(void)
{
	u32 r[4];

	cpuid(0, r);
}

static void op_vmcall(void)
{
	u64 a = 1; /* KVM_HC_VAPIC_POLL_IRQ: does nothing */

	__asm__ volatile("vmcall" : "+a"(a) : : "memory");
}

static void op_vmmcall(void)
{
	u64 a = 1;

	__asm__ volatile("vmmcall" : "+a"(a) : : "memory");
}

/* ---- measuring ---- */

static u64 budget = 60000000; /* cycles a round should take */

static void report(const char *name, u64 *v, int n, u64 count)
{
	for (int i = 1; i < n; i++) {
		for (int k = i; k && v[k - 1] > v[k]; k--) {
			u64 t = v[k];

			v[k] = v[k - 1];
			v[k - 1] = t;
		}
	}
	put("EXITS ");
	put(name);
	put(" ");
	put_num(v[n / 2]);
	put(" ");
	put_num(v[0]);
	put(" ");
	put_num(count);
	put("\n");
}

static u64 times(void (*op)(void), u64 n)
{
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++) {
		op();
	}
	return rdtsc() - t;
}

static void measure(const char *name, void (*op)(void))
{
	u64 v[ROUNDS], n = 8, t;

	while ((t = times(op, n)) < budget / 2 && n < 1u << 24) {
		n = t < budget / 16 ? n * 4 : n * 2;
	}
	for (int i = 0; i < ROUNDS; i++) {
		v[i] = times(op, n) / n;
	}
	report(name, v, ROUNDS, n);
}

/* Cycles from the moment the timer should fire to the handler's first look at the TSC. */
static void measure_timer(void)
{
	u64 v[31];
	u32 c[4];
	int deadline, n = 0;

	cpuid(1, c);
	deadline = c[2] >> 24 & 1;
	if (!deadline) {
		return; /* the counter's rate is not known to us */
	}
	apic_write(0x320, VEC_TIMER | 2u << 17);
	for (int i = 0; i < 31; i++) {
		u64 at = rdtsc() + 6000000;

		timer_seen = 0;
		wrmsr(0x6e0, at);
		while (!timer_seen) {
			__asm__ volatile("sti; hlt; cli" : : : "memory");
		}
		v[n++] = timer_seen > at ? timer_seen - at : 0;
	}
	apic_write(0x320, 1u << 16);
	report("hlt-timer-late", v, n, (u64)n);
}

static int on_kvm;

static void measure_clock(void)
{
	static struct {
		u32 version, pad;
		u64 tsc, ns;
		u32 mul;
		signed char shift;
		u8 flags, more[2];
	} k __attribute__((aligned(64)));
	u32 c[4];
	u64 hz = 0;

	cpuid(0x40000000, c);
	on_kvm = c[1] == 0x4b4d564b; /* KVMK */
	if (on_kvm) {
		cpuid(0x40000001, c);
		if (c[0] & 8) {
			wrmsr(0x4b564d01, (u64)&k | 1);
			for (volatile int i = 0; i < 1000 && !k.mul; i++) {
			}
			if (k.mul) {
				hz = (1000000000UL << 32) / k.mul;
				hz = k.shift < 0 ? hz << -k.shift : hz >> k.shift;
			}
			wrmsr(0x4b564d01, 0);
		}
	}
	put("EXITS-TSC ");
	put_num(hz);
	put("\n");
}

/* ---- the other CPU ---- */

enum { JOB_NONE, JOB_SPIN, JOB_HALT, JOB_PIO, JOB_MMIO };
static volatile int second_up, job;
static u32 second_id;

void second_main(void)
{
	cpu_init();
	second_id = x2apic ? apic_read(0x20) : apic_read(0x20) >> 24;
	__atomic_store_n(&second_up, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		switch (job) {
		case JOB_HALT: __asm__ volatile("sti; hlt; cli" : : : "memory"); break;
		case JOB_PIO: op_pio_read(); break;
		case JOB_MMIO: op_mmio_read(); break;
		default: __asm__ volatile("sti; pause; cli" : : : "memory"); break;
		}
	}
}

static const volatile int never;

/* Until `flag` is set, but no longer than so many cycles. */
static void wait_for(const volatile int *flag, u64 cycles)
{
	u64 t = rdtsc();

	while (!*flag && rdtsc() - t < cycles) {
		pause();
	}
}

static int second_start(void)
{
	for (u64 i = 0; i < (u64)(tramp_end - tramp); i++) {
		MMIO8(TRAMP + i) = (u8)tramp[i];
	}
	second = 1;
	__sync_synchronize();
	apic_send(0, 0xc4500); /* INIT, all but self */
	wait_for(&never, 30000000);
	for (int i = 0; i < 2; i++) {
		apic_send(0, 0xc4600 | TRAMP >> 12);
		wait_for(&second_up, 600000000);
	}
	return second_up;
}

static void op_ipi(void)
{
	u64 before = ipi_seen;

	apic_send(second_id, 0x4000 | VEC_IPI);
	while (ipi_seen == before) {
		pause();
	}
}

static void op_ipi_halted(void)
{
	wait_for(&never, 200000); /* let it go to sleep again */
	op_ipi();
}

static void measure_second(void)
{
	if (!second_start()) {
		return;
	}
	job = JOB_SPIN;
	measure("ipi-spinning", op_ipi);
	job = JOB_HALT;
	measure("ipi-halted+200k", op_ipi_halted);
	job = JOB_PIO;
	op_ipi();
	measure("pio-read-both", op_pio_read);
	if (dev_reg) {
		job = JOB_MMIO;
		measure("mmio-read-both", op_mmio_read);
		measure("doorbell-beside", op_doorbell);
	}
	job = JOB_SPIN;
}

static int option(const u8 *params, const char *word)
{
	const char *line = (const char *)(u64) * (const u32 *)(params + 0x228);

	for (; line && *line; line++) {
		const char *a = line, *b = word;

		while (*b && *a == *b) {
			a++;
			b++;
		}
		if (!*b) {
			return 1;
		}
	}
	return 0;
}

void guest_main(const u8 *params)
{
	u32 c[4];

	irq_init();
	put("EXITS-BEGIN\n");
	measure_clock();
	if (option(params, "quick")) {
		budget /= 8;
	}
	if (option(params, "brief")) {
		budget /= 64;
	}
	device_find();
	if (option(params, "idle")) {
		put("EXITS-IDLE\n");
		for (;;) {
			__asm__ volatile("cli; hlt");
		}
	}
	measure("pio-write-0x80", op_pio_write);
	measure("pio-read-uart", op_pio_read);
	if (have_pci) {
		pci_select(0, 0);
		measure("pio-read-pci", op_pci_read);
	}
	if (dev_reg) {
		measure("mmio-read", op_mmio_read);
		measure("mmio-write", op_mmio_write);
		measure("doorbell", op_doorbell);
	}
	cpuid(0, c);
	if (on_kvm && !option(params, "nohypercall")) {
		measure("hypercall", c[1] == 0x756e6547 ? op_vmcall : op_vmmcall);
	}
	measure("cpuid", op_cpuid);
	measure_timer();
	if (!option(params, "brief")) {
		measure_second();
	}
	put("EXITS-END\n");
	end();
}
