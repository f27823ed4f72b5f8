/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uart16550.c - register model of the 16550A (National PC16550D data sheet, 1995).
 *
 * The line's speed is not modelled: what the guest writes is at the chardev before the
 * write returns (THRE and TEMT are always set), and what the peer sends is offered
 * as soon as the FIFO has room. The character time-out of the FIFO mode is given at
 * once when fewer bytes than the trigger level are there: waiting four character
 * times would only add latency.
 *
 * Threads: registers on the accessing thread, input on the chardev's loop; both under
 * the embedder's lock, which is held over no system call: a character is put into the
 * chardev's queue under it (so their order is that of the writes), and what may
 * be a call (waking the chardev's loop, the interrupt line) comes after it. The loop
 * writes what has gathered at once, so that many characters are one write(2).
 *
 * Known gaps: no DMA modes; modem lines of the peer are constant (CTS, DSR, DCD on).
 * OUT2 does not gate the line.
 */
#include "config.h"

#include "devices/part/uart16550.h"

#include <string.h>

#include "host/char/chardev.h"

enum {
	UART_RBR = 0,
	UART_IER = 1,
	UART_IIR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

#define IER_RDA      0x01
#define IER_THRE     0x02
#define IER_RLS      0x04
#define IER_MSI      0x08

#define IIR_NONE     0x01
#define IIR_MSI      0x00
#define IIR_THRE     0x02
#define IIR_RDA      0x04
#define IIR_RLS      0x06
#define IIR_CTI      0x0c
#define IIR_FIFO     0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02

#define LCR_DLAB     0x80

enum { TODO_SENT = 1, TODO_ROOM = 2, TODO_LINE = 4 };

#define MCR_DTR    0x01
#define MCR_RTS    0x02
#define MCR_OUT1   0x04
#define MCR_OUT2   0x08
#define MCR_LOOP   0x10

#define LSR_DR     0x01
#define LSR_OE     0x02
#define LSR_BI     0x10
#define LSR_ERRORS 0x1e
#define LSR_THRE   0x20
#define LSR_TEMT   0x40

#define MSR_DELTAS 0x0f
#define MSR_TERI   0x04
#define MSR_CTS    0x10
#define MSR_DSR    0x20
#define MSR_RI     0x40
#define MSR_DCD    0x80
#define MSR_PEER   (MSR_CTS | MSR_DSR | MSR_DCD)

const struct state_field uart16550_state[] = {
	STATE_RANGE(STATE_U8, struct uart16550, ier, 0, 0x0f),
	STATE_FIELD(STATE_U8, struct uart16550, lcr),
	STATE_RANGE(STATE_U8, struct uart16550, mcr, 0, 0x1f),
	STATE_FIELD(STATE_U8, struct uart16550, lsr),
	STATE_FIELD(STATE_U8, struct uart16550, msr),
	STATE_FIELD(STATE_U8, struct uart16550, scr),
	STATE_FIELD(STATE_U8, struct uart16550, fcr),
	STATE_FIELD(STATE_U8, struct uart16550, dll),
	STATE_FIELD(STATE_U8, struct uart16550, dlm),
	{ .name = "rx",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct uart16550, rx),
	  .count = UART_FIFO },
	STATE_RANGE(STATE_U8, struct uart16550, rx_head, 0, UART_FIFO - 1),
	STATE_RANGE(STATE_U8, struct uart16550, rx_len, 0, UART_FIFO),
	STATE_FIELD(STATE_BOOL, struct uart16550, thr_ipending),
	{ .name = NULL },
};

static unsigned uart_rx_room(const struct uart16550 *u)
{
	unsigned cap = u->fcr & FCR_ENABLE ? UART_FIFO : 1;

	return u->rx_len < cap ? cap - u->rx_len : 0;
}

static unsigned uart_trigger(const struct uart16550 *u)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The interrupt of highest priority that is pending and enabled. */
static uint8_t uart_iir(const struct uart16550 *u)
{
	if ((u->ier & IER_RLS) && (u->lsr & LSR_ERRORS)) {
		return IIR_RLS;
	}
	if ((u->ier & IER_RDA) && u->rx_len) {
		return u->rx_len >= uart_trigger(u) ? IIR_RDA : IIR_CTI;
	}
	if ((u->ier & IER_THRE) && u->thr_ipending) {
		return IIR_THRE;
	}
	if ((u->ier & IER_MSI) && (u->msr & MSR_DELTAS)) {
		return IIR_MSI;
	}
	return IIR_NONE;
}

static void uart_update_irq(struct uart16550 *u)
{
	bool on = uart_iir(u) != IIR_NONE;

	if (on != u->line) {
		u->line = on;
		u->todo |= TODO_LINE;
	}
}

static __attribute__((noinline)) void uart_do_rest(struct uart16550 *u)
{
	struct chardev *chr = u->chr;
	unsigned todo = u->todo;
	bool on = u->line;

	u->todo = 0;
	lk_release(u->lk);
	if (todo & TODO_SENT) {
		chardev_kick(chr);
	}
	if (todo & TODO_ROOM) {
		chardev_accept_input(chr);
	}
	if (todo & TODO_LINE) {
		irq_follow(&u->irq, on, &u->line);
	}
}

/* Gives up the lock, and does what was put off until it is free. */
static inline void uart_leave(struct uart16550 *u)
{
	if (u->todo) {
		uart_do_rest(u);
	} else {
		lk_release(u->lk);
	}
}

static void uart_rx_put(struct uart16550 *u, uint8_t c)
{
	if (!uart_rx_room(u)) {
		u->lsr |= LSR_OE;
		if (u->fcr & FCR_ENABLE) {
			return; /* the FIFO keeps what it has */
		}
		u->rx_len = 0;
	}
	u->rx[(u->rx_head + u->rx_len) % UART_FIFO] = c;
	u->rx_len++;
}

static uint8_t uart_rx_get(struct uart16550 *u)
{
	uint8_t c;

	if (!u->rx_len) {
		return 0;
	}
	c = u->rx[u->rx_head];
	u->rx_head = (u->rx_head + 1) % UART_FIFO;
	u->rx_len--;
	if (!u->rx_len && u->chr && !(u->mcr & MCR_LOOP)) {
		u->todo |= TODO_ROOM;
	}
	return c;
}

static void uart_rx_clear(struct uart16550 *u)
{
	bool was = u->rx_len != 0;

	u->rx_head = u->rx_len = 0;
	if (was && u->chr) {
		u->todo |= TODO_ROOM;
	}
}

/* Modem status: the peer's lines, or our own outputs in loopback (data sheet 8.6). */
static void uart_update_msr(struct uart16550 *u)
{
	uint8_t old = u->msr, now = MSR_PEER, delta;

	if (u->mcr & MCR_LOOP) {
		now = (u->mcr & MCR_RTS ? MSR_CTS : 0) |
		      (u->mcr & MCR_DTR ? MSR_DSR : 0) |
		      (u->mcr & MCR_OUT1 ? MSR_RI : 0) |
		      (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
	}
	delta = ((old ^ now) >> 4) & (MSR_DELTAS & ~MSR_TERI);
	if ((old & MSR_RI) && !(now & MSR_RI)) {
		delta |= MSR_TERI;
	}
	u->msr = now | (old & MSR_DELTAS) | delta;
}

static void uart_transmit(struct uart16550 *u, uint8_t c)
{
	if (u->mcr & MCR_LOOP) {
		uart_rx_put(u, c);
	} else if (u->chr) {
		(void)chardev_queue(u->chr, &c, 1);
		u->todo |= TODO_SENT;
	}
	u->thr_ipending = true;
}

static void uart_set_fcr(struct uart16550 *u, uint8_t val)
{
	if ((val ^ u->fcr) & FCR_ENABLE || val & FCR_CLEAR_RX) {
		uart_rx_clear(u);
		u->lsr &= (uint8_t)~LSR_BI;
	}
	u->fcr = val & FCR_ENABLE ? (val & 0xc9) : 0;
}

static uint8_t uart_read_locked(struct uart16550 *u, unsigned reg)
{
	uint8_t v = 0;

	switch (reg & 7) {
	case UART_RBR:
		if (u->lcr & LCR_DLAB) {
			return u->dll;
		}
		v = uart_rx_get(u);
		break;
	case UART_IER: return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case UART_IIR:
		v = uart_iir(u);
		if (v == IIR_THRE) {
			u->thr_ipending = false;
		}
		v |= u->fcr & FCR_ENABLE ? IIR_FIFO : 0;
		break;
	case UART_LCR: return u->lcr;
	case UART_MCR: return u->mcr;
	case UART_LSR:
		v = u->lsr | LSR_THRE | LSR_TEMT | (u->rx_len ? LSR_DR : 0);
		u->lsr = 0;
		break;
	case UART_MSR:
		v = u->msr;
		u->msr &= (uint8_t)~MSR_DELTAS;
		break;
	case UART_SCR: return u->scr;
	}
	uart_update_irq(u);
	return v;
}

static void uart_write_locked(struct uart16550 *u, unsigned reg, uint8_t val)
{
	switch (reg & 7) {
	case UART_RBR:
		if (u->lcr & LCR_DLAB) {
			u->dll = val;
			return;
		}
		uart_transmit(u, val);
		break;
	case UART_IER:
		if (u->lcr & LCR_DLAB) {
			u->dlm = val;
			return;
		}
		/* Enabling THRE with an empty transmitter interrupts at once. */
		if (!(u->ier & IER_THRE) && (val & IER_THRE)) {
			u->thr_ipending = true;
		}
		u->ier = val & 0x0f;
		break;
	case UART_IIR: uart_set_fcr(u, val); break;
	case UART_LCR: u->lcr = val; return;
	case UART_MCR:
		u->mcr = val & 0x1f;
		uart_update_msr(u);
		break;
	case UART_LSR: /* factory test */
	case UART_MSR: return;
	case UART_SCR: u->scr = val; return;
	}
	uart_update_irq(u);
}

uint8_t uart_read(struct uart16550 *u, unsigned reg)
{
	uint8_t v;

	lk_acquire(u->lk);
	v = uart_read_locked(u, reg);
	uart_leave(u);
	return v;
}

void uart_write(struct uart16550 *u, unsigned reg, uint8_t val)
{
	lk_acquire(u->lk);
	uart_write_locked(u, reg, val);
	uart_leave(u);
}

/* ---- the chardev's side, on its loop ---- */

static size_t uart_can_read(void *opaque)
{
	struct uart16550 *u = opaque;

	LOCK_SCOPE(u->lk);
	return u->mcr & MCR_LOOP ? 0 : uart_rx_room(u);
}

static void uart_receive(void *opaque, const uint8_t *buf, size_t len)
{
	struct uart16550 *u = opaque;

	lk_acquire(u->lk);
	for (size_t i = 0; i < len; i++) {
		uart_rx_put(u, buf[i]);
	}
	uart_update_irq(u);
	uart_leave(u);
}

static void uart_event(void *opaque, enum chardev_event ev)
{
	struct uart16550 *u = opaque;

	if (ev != CHARDEV_BREAK) {
		return;
	}
	lk_acquire(u->lk);
	uart_rx_put(u, 0);
	u->lsr |= LSR_BI;
	uart_update_irq(u);
	uart_leave(u);
}

int uart_init(struct uart16550 *u, struct lk *lk, const struct irq *irq,
              struct chardev *chr, struct err *e)
{
	const struct chardev_front front = {
		.can_read = uart_can_read,
		.read = uart_receive,
		.event = uart_event,
		.opaque = u,
	};
	int r;

	u->lk = lk;
	u->irq = *irq;
	u->chr = NULL;
	uart_reset(u);
	if (chr) {
		r = chardev_attach(chr, &front, e);
		if (r < 0) {
			return r;
		}
		LOCK_SCOPE(lk);
		u->chr = chr;
	}
	return 0;
}

void uart_fini(struct uart16550 *u)
{
	if (u->chr) {
		chardev_detach(u->chr);
		u->chr = NULL;
	}
}

void uart_reset(struct uart16550 *u)
{
	lk_acquire(u->lk);
	u->ier = u->lcr = u->lsr = u->scr = u->fcr = u->dlm = 0;
	u->dll = 12; /* 9600 */
	u->mcr = MCR_OUT2;
	u->msr = MSR_PEER;
	u->thr_ipending = false;
	uart_rx_clear(u);
	uart_update_irq(u);
	uart_leave(u);
}

void uart_post_load(struct uart16550 *u)
{
	u->line = uart_iir(u) != IIR_NONE;
	irq_set(&u->irq, u->line);
}
