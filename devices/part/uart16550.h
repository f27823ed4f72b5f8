/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uart16550.h - the register model of a 16550A, embedded by isa-serial, pci-serial
 * and memory-mapped ports. National Semiconductor PC16550D data sheet.
 *
 * The embedder gives the lock that guards the registers (its device's), a line, and optionally
 * a chardev. All functions take the lock themselves: the region has none, the embedder
 * holds none. Output goes to the chardev at once: the transmitter is always empty.
 */
#ifndef LODGE_DEVICES_UART16550_H
#define LODGE_DEVICES_UART16550_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"
#include "core/lock.h"
#include "state/state.h"

struct chardev;

enum { UART_FIFO = 16 };

struct uart16550 {
	struct lk *lk; /* what follows but irq, chr; not held over a system call */
	struct irq irq;
	struct chardev *chr;
	uint8_t ier, lcr, mcr, lsr, msr, scr, fcr, dll, dlm; /* lsr: error bits only */
	uint8_t rx[UART_FIFO];
	uint8_t rx_head, rx_len;
	bool thr_ipending;
	unsigned todo;        /* for who holds the lock to do after it */
	_Atomic uint8_t line; /* what it is to be */
};

extern const struct state_field uart16550_state[];

int uart_init(struct uart16550 *u, struct lk *lk, const struct irq *irq,
              struct chardev *chr, struct err *e) __must_check;
void uart_fini(struct uart16550 *u);
void uart_reset(struct uart16550 *u);
uint8_t uart_read(struct uart16550 *u, unsigned reg);
void uart_write(struct uart16550 *u, unsigned reg, uint8_t val);
void uart_post_load(struct uart16550 *u);

#endif
