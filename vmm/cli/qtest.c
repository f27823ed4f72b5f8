/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qtest.c - see qtest.h. Lines come from a peer: bounded, copied, checked. */
#include "config.h"

#include "cli/qtest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/clock.h"
#include "core/vm.h"
#include "host/char/chardev.h"

enum {
	QTEST_DATA_MAX = 65536, /* bytes of one read or write */
	QTEST_LINE_MAX = 2 * QTEST_DATA_MAX + 128,
	QTEST_WORDS = 4,
};

struct qtest {
	struct vm *vm;
	struct chardev *chr;
	size_t len;
	bool too_long;
	char line[QTEST_LINE_MAX];
	uint8_t data[QTEST_DATA_MAX];
	char hex[2 * QTEST_DATA_MAX + 1];
};

static void __printf(2, 3) qtest_reply(struct qtest *q, const char *fmt, ...)
{
	char buf[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf) - 1, fmt, ap);
	va_end(ap);
	n = n < 0 ? 0 : MIN(n, (int)sizeof(buf) - 2);
	buf[n] = '\n';
	(void)chardev_write(q->chr, buf, (size_t)n + 1);
}

static bool qtest_number(const char *s, uint64_t *v)
{
	char *end;

	if (!s || *s < '0' || *s > '9') {
		return false;
	}
	errno = 0;
	*v = strtoull(s, &end, 0);
	return !errno && !*end;
}

/* 'b' 'w' 'l' 'q' -> bytes; 0: none of them. */
static unsigned qtest_width(const char *cmd, const char *prefix)
{
	static const char letters[] = "bwlq";
	size_t n = strlen(prefix);
	const char *p;

	if (strncmp(cmd, prefix, n) || !cmd[n] || cmd[n + 1]) {
		return 0;
	}
	p = strchr(letters, cmd[n]);
	return p ? 1u << (p - letters) : 0;
}

static bool qtest_scalar(struct qtest *q, char *w[QTEST_WORDS])
{
	uint64_t addr = 0, val = 0;
	unsigned in = qtest_width(w[0], "in"), out = qtest_width(w[0], "out");
	unsigned rd = qtest_width(w[0], "read"), wr = qtest_width(w[0], "write");
	struct aspace *as = in || out ? &q->vm->io : &q->vm->mem;

	if ((!in && !out && !rd && !wr) || in > 4 || out > 4) {
		return false;
	}
	if (!qtest_number(w[1], &addr) || ((out || wr) && !qtest_number(w[2], &val))) {
		qtest_reply(q, "FAIL %s needs numbers: an address%s", w[0],
		            out || wr ? " and a value" : "");
	} else if (in || rd) {
		val = aspace_read(as, addr, in | rd);
		qtest_reply(q, in ? "OK 0x%04llx" : "OK 0x%016llx",
		            (unsigned long long)val);
	} else {
		aspace_write(as, addr, val, out | wr);
		qtest_reply(q, "OK");
	}
	return true;
}

static int qtest_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static bool qtest_unhex(const char *s, uint8_t *out, uint64_t len)
{
	if (!s || strncmp(s, "0x", 2) || strlen(s + 2) != 2 * len) {
		return false;
	}
	for (uint64_t i = 0; i < len; i++) {
		int hi = qtest_digit(s[2 + 2 * i]), lo = qtest_digit(s[3 + 2 * i]);

		if (hi < 0 || lo < 0) {
			return false;
		}
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static void qtest_read(struct qtest *q, uint64_t addr, uint64_t len)
{
	static const char digits[] = "0123456789abcdef";

	if (dma_read(&q->vm->mem, addr, q->data, len) < 0) {
		qtest_reply(q, "FAIL not all of it is memory");
		return;
	}
	for (uint64_t i = 0; i < len; i++) {
		q->hex[2 * i] = digits[q->data[i] >> 4];
		q->hex[2 * i + 1] = digits[q->data[i] & 15];
	}
	q->hex[2 * len] = '\n';
	(void)chardev_write(q->chr, "OK 0x", 5);
	(void)chardev_write(q->chr, q->hex, 2 * len + 1);
}

static bool qtest_block(struct qtest *q, char *w[QTEST_WORDS])
{
	bool rd = !strcmp(w[0], "read"), wr = !strcmp(w[0], "write");
	uint64_t addr, len, byte = 0;

	if (!rd && !wr && strcmp(w[0], "memset")) {
		return false;
	}
	if (!qtest_number(w[1], &addr) || !qtest_number(w[2], &len) || !len ||
	    len > QTEST_DATA_MAX) {
		qtest_reply(q, "FAIL %s needs an address and a length of 1 to %d", w[0],
		            QTEST_DATA_MAX);
		return true;
	}
	if (rd) {
		qtest_read(q, addr, len);
		return true;
	}
	if (wr ? !qtest_unhex(w[3], q->data, len) : !qtest_number(w[3], &byte)) {
		qtest_reply(q, "FAIL %s: the data does not fit the length", w[0]);
		return true;
	}
	if (!wr) {
		memset(q->data, (int)(byte & 0xff), len);
	}
	qtest_reply(q, dma_write(&q->vm->mem, addr, q->data, len) < 0
	                       ? "FAIL not all of it is memory"
	                       : "OK");
	return true;
}

static bool qtest_clock(struct qtest *q, char *w[QTEST_WORDS])
{
	uint64_t now = clock_ns(CLOCK_VM), to;

	if (!strcmp(w[0], "clock_step")) {
		if (!w[1]) {
			to = clock_vm_next_deadline();
			to = to == UINT64_MAX ? now : to;
		} else if (!qtest_number(w[1], &to) || to > INT64_MAX - now) {
			qtest_reply(q, "FAIL clock_step: how many nanoseconds?");
			return true;
		} else {
			to += now;
		}
	} else if (strcmp(w[0], "clock_set")) {
		return false;
	} else if (!qtest_number(w[1], &to) || to < now || to > INT64_MAX) {
		qtest_reply(q, "FAIL clock_set: a time not before now");
		return true;
	}
	clock_step(to);
	qtest_reply(q, "OK %llu", (unsigned long long)clock_ns(CLOCK_VM));
	return true;
}

static void qtest_command(struct qtest *q)
{
	char *w[QTEST_WORDS] = { NULL }, *save = NULL, *p = q->line;

	for (unsigned i = 0; i < QTEST_WORDS; i++, p = NULL) {
		w[i] = strtok_r(p, " \t\r", &save);
		if (!w[i]) {
			break;
		}
	}
	if (!w[0]) {
		return;
	}
	if (!strcmp(w[0], "endianness")) {
		qtest_reply(q, "OK little");
	} else if (!qtest_scalar(q, w) && !qtest_block(q, w) && !qtest_clock(q, w)) {
		qtest_reply(q, "FAIL unknown command '%.40s'", w[0]);
	}
}

static void qtest_byte(struct qtest *q, char c)
{
	if (c != '\n') {
		if (q->len < QTEST_LINE_MAX - 1) {
			q->line[q->len++] = c;
		} else {
			q->too_long = true;
		}
		return;
	}
	q->line[q->len] = 0;
	if (q->too_long) {
		qtest_reply(q, "FAIL line too long");
	} else {
		qtest_command(q);
	}
	q->len = 0;
	q->too_long = false;
}

static size_t qtest_can_read(void *opaque)
{
	(void)opaque;
	return 4096;
}

static void qtest_input(void *opaque, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		qtest_byte(opaque, (char)buf[i]);
	}
}

static void qtest_event(void *opaque, enum chardev_event ev)
{
	struct qtest *q = opaque;

	if (ev == CHARDEV_OPENED || ev == CHARDEV_CLOSED) {
		q->len = 0; /* half a line of the last peer */
		q->too_long = false;
	}
}

struct qtest *qtest_new(struct vm *vm, struct chardev *c, struct err *e)
{
	struct qtest *q = calloc(1, sizeof(*q));
	struct chardev_front f = { .can_read = qtest_can_read,
		                   .read = qtest_input,
		                   .event = qtest_event,
		                   .opaque = q };

	if (!q) {
		err_set(e, -ENOMEM, "out of memory for the test server");
		return NULL;
	}
	q->vm = vm;
	q->chr = c;
	clock_set_virtual();
	if (chardev_attach(c, &f, e) < 0) {
		free(q);
		return NULL;
	}
	return q;
}

void qtest_free(struct qtest *q)
{
	if (q) {
		chardev_detach(q->chr);
		free(q);
	}
}
