/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-chips.h - the state of a PC's interrupt controllers and its PIT, in no one's format:
 * what the user-space models (devices/irqchip, devices/timer/pit) and an accelerator that
 * has such chips itself hand each other.
 *
 * The user-space models are always there; their state tables are what reset, migration
 * and snapshots use. An accelerator may *take* the state and own it while vCPUs run
 * under it, and *gives* it back: vm->chips_move (core/vm.h), struct hv_chips.
 *
 * Line levels count as state: both sides are told the levels of all lines.
 * What is not here: requests (NMI, INIT, STARTUP), halted and waiting vCPUs are part of
 * struct vcpu and struct x86_cpu.
 */
#ifndef LODGE_CORE_X86_CHIPS_H
#define LODGE_CORE_X86_CHIPS_H

#include <stdbool.h>
#include <stdint.h>

struct irq;

enum { X86_IOAPIC_PINS = 24, X86_PIC_PINS = 16, X86_PIT_CHANNELS = 3 };

/* Which chips an accelerator has (vm->hv_chips), and which a struct x86_chips holds. */
enum {
	X86_CHIP_LAPIC = 1 << 0,
	X86_CHIP_IOAPIC = 1 << 1,
	X86_CHIP_PIC = 1 << 2,
	X86_CHIP_PIT = 1 << 3,
};

/* Register numbers: offset in the page >> 4, MSR - 800h (SDM vol. 3A, table 11-1). */
enum {
	LAPIC_REG_ID = 0x02,
	LAPIC_REG_VERSION = 0x03,
	LAPIC_REG_TPR = 0x08,
	LAPIC_REG_APR = 0x09,
	LAPIC_REG_PPR = 0x0a,
	LAPIC_REG_EOI = 0x0b,
	LAPIC_REG_RRD = 0x0c,
	LAPIC_REG_LDR = 0x0d,
	LAPIC_REG_DFR = 0x0e,
	LAPIC_REG_SVR = 0x0f,
	LAPIC_REG_ISR = 0x10,
	LAPIC_REG_TMR = 0x18,
	LAPIC_REG_IRR = 0x20,
	LAPIC_REG_ESR = 0x28,
	LAPIC_REG_ICR = 0x30,
	LAPIC_REG_ICR_HI = 0x31,
	LAPIC_REG_LVT = 0x32, /* timer, thermal, performance, LINT0, LINT1, error */
	LAPIC_REG_TMR_INIT = 0x38,
	LAPIC_REG_TMR_CUR = 0x39,
	LAPIC_REG_TMR_DIV = 0x3e,
	LAPIC_REG_SELF_IPI = 0x3f,
	LAPIC_REGS = 0x40,
};

struct x86_chip_lapic {
	/* ID: the whole APIC id, unshifted. ICR_HI: 8 bits in 31..24, in x2APIC mode all
	 * 32. TMR_CUR 0: the timer does not run (one-shot and periodic modes). */
	uint32_t reg[LAPIC_REGS];
	uint64_t base;         /* IA32_APIC_BASE */
	uint64_t tsc_deadline; /* 0: not armed */
};

struct x86_chip_ioapic {
	uint8_t id, sel;
	uint32_t irr; /* requests not yet sent (edge), or level asserted */
	uint64_t rte[X86_IOAPIC_PINS];
};

struct x86_chip_pic {
	uint8_t irr, imr, isr, elcr;
	uint8_t lines;  /* levels of the inputs, as the edge detector saw them last */
	uint8_t base;   /* ICW2 */
	uint8_t init;   /* 0 ready, else the ICW awaited: 2..4 */
	uint8_t lowest; /* input of lowest priority */
	bool need_icw4, single, auto_eoi, rotate_aeoi, special_mask, special_nest;
	bool read_isr, poll;
};

struct x86_chip_pit_channel {
	uint32_t count;   /* 1..65536 */
	uint8_t mode, rw; /* rw: 1 low, 2 high, 3 both */
	bool gate, bcd;
	bool loaded;       /* a count was written since the mode was */
	bool fresh;        /* no mode was written since reset */
	uint64_t ticks;    /* of 1.193182 MHz since it was loaded */
	bool ticks_known;  /* false: an accelerator that does not say */
	uint8_t write_low; /* first byte of a count, when write_high */
	bool write_high, read_high;
	uint8_t latch_n; /* bytes of `latched` that were not read yet */
	uint16_t latched;
	bool status_latched;
	uint8_t status;
};

struct x86_chip_pit {
	struct x86_chip_pit_channel ch[X86_PIT_CHANNELS];
	bool speaker_data;
	bool irq_off; /* HPET's legacy replacement has taken the line */
};

/* The PIT belongs to the controllers: accelerators have it along with them. */
struct x86_pit_ops {
	/* The state leaves: the line falls, the timer stops. */
	void (*get)(void *pit, struct x86_chip_pit *s);
	/* It comes. The output's level is told to `quiet`: it is no edge. */
	void (*set)(void *pit, const struct x86_chip_pit *s, const struct irq *quiet);
	/* The hypervisor's is to be used no more; the state of ours is what a reset left. */
	void (*come_back)(void *pit);
};

struct x86_chips {
	unsigned has;      /* X86_CHIP_* */
	unsigned n_lapics; /* one for each vCPU, by vcpu.index */
	struct x86_chip_ioapic ioapic;
	struct x86_chip_pic pic[2]; /* master, slave */
	struct x86_chip_pit pit;
	/* Levels, for chips_set: IOAPIC pins (not GSIs) and PIC inputs. */
	uint32_t ioapic_lines;
	uint16_t pic_lines;
	struct x86_chip_lapic lapic[];
};

#endif
