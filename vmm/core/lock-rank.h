/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock-rank.h - every mutex of lodge has a rank; a thread takes locks in rising
 * order only. Checked at run time in debug builds (--enable-debug), free in
 * release builds. ORDER: the whole file.
 */
#ifndef LODGE_CORE_LOCK_RANK_H
#define LODGE_CORE_LOCK_RANK_H

enum lock_rank {
	RANK_NONE = 0,
	RANK_VM = 10, /* vm->lk: run state */
	RANK_CHAR_MUX = 15,
	RANK_HV_BATCH = 18, /* register writes that KVM has collected are carried out */
	RANK_DEVICE = 20,   /* one device's registers */
	RANK_BUS = 30,      /* vectors of a PCI function, i2c, ... */
	RANK_BUS_BYTES = 31, /* the bytes of its configuration: leaf */
	RANK_IRQ_MUX =
		38, /* eventfds that are interrupts: read by us or the accelerator */
	RANK_IRQ_LINE =
		39, /* one interrupt line: its level goes to us or the accelerator */
	RANK_IRQCHIP_IO = 40, /* IOAPIC, PIC: devices raise lines holding RANK_DEVICE */
	RANK_IRQCHIP_CPU = 50, /* local APICs */
	RANK_QUEUE = 55,       /* host/char, host/net queues */
	RANK_TIMER_SET = 58,   /* the list of all timer sets (VM clock on/off) */
	RANK_TIMER = 60,       /* timer heap of a loop */
	RANK_DIRTY = 62,       /* users and sources of the dirty log */
	RANK_ASPACE = 65,      /* flat map publication */
	RANK_HV_MEM = 67,      /* KVM memory slots and dirty rings */
	RANK_JIT_CACHE = 70,   /* translation cache and block hash */
	RANK_JIT_PAGE = 75,    /* code page table */
	RANK_LOOP = 80,        /* posted work of a loop */
	RANK_IO_POOL = 82,     /* helper threads of the epoll back end */
	RANK_ROLE = 85,        /* list of threads */
	RANK_RECLAIM = 86,     /* retired flat maps */
	RANK_LOG = 90,
};

#endif
