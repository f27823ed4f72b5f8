/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uart_test.c - the 16550A: as a guest sees it at its ports, and bare, with slow neighbours. */
#include "config.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/loop.h"
#include "devices/bus/isa.h"
#include "devices/char/serial-isa.h"
#include "devices/part/uart16550.h"
#include "host/char/chardev.h"
#include "tests/qtest/harness.h"

static struct err err;

static struct device *uart_new(struct harness *h, struct chardev *chr)
{
	struct isa_bus *b = isa_bus_new(h->vm, NULL, "isa.0", NULL, h->line);
	struct device *d = serial_isa_create(b, 0, chr, &err);

	ck_assert_msg(d != NULL, "%s", err.text);
	return d;
}

START_TEST(uart_probe)
{
	struct harness *h = harness_new(0);

	uart_new(h, NULL);
	/* What Linux's 8250 driver does to tell a 16550A. */
	harness_outb(h, 0x3f9, 0);
	ck_assert_uint_eq(harness_inb(h, 0x3f9), 0);
	harness_outb(h, 0x3f9, 0x0f);
	ck_assert_uint_eq(harness_inb(h, 0x3f9) & 0x0f, 0x0f);
	harness_outb(h, 0x3f9, 0);
	harness_outb(h, 0x3fc, 0x1a);
	ck_assert_uint_eq(harness_inb(h, 0x3fe) & 0xf0, 0x90);
	harness_outb(h, 0x3fc, 0x08);
	harness_outb(h, 0x3fb, 0);
	harness_outb(h, 0x3fa, 1);
	ck_assert_uint_eq(harness_inb(h, 0x3fa) >> 6, 3);
	harness_outb(h, 0x3fb, 0x80);
	ck_assert_uint_ne(harness_inb(h, 0x3fa), 0); /* no EFR */
	harness_outb(h, 0x3fb, 0xbf);
	ck_assert_uint_ne(harness_inb(h, 0x3fa), 0);
	harness_outb(h, 0x3fb, 0x80);
	harness_outb(h, 0x3f8, 0x12);
	harness_outb(h, 0x3f9, 0x34);
	ck_assert_uint_eq(harness_inw(h, 0x3f8), 0x3412);
	harness_outb(h, 0x3fb, 3);
	harness_outb(h, 0x3ff, 0x5a);
	ck_assert_uint_eq(harness_inb(h, 0x3ff), 0x5a);
	ck_assert_uint_eq(harness_inb(h, 0x3fd), 0x60);
}
END_TEST

START_TEST(uart_irq)
{
	struct harness *h = harness_new(0);

	uart_new(h, NULL);
	harness_outb(h, 0x3fa, 1);
	harness_outb(h, 0x3f9,
	             2); /* THRE on: interrupts at once, each time it is set */
	ck_assert_int_eq(h->level[4], 1);
	ck_assert_uint_eq(harness_inb(h, 0x3fa), 0xc2);
	ck_assert_int_eq(h->level[4], 0);
	ck_assert_uint_eq(harness_inb(h, 0x3fa), 0xc1);
	harness_outb(h, 0x3f9, 0);
	harness_outb(h, 0x3f9, 2);
	ck_assert_uint_eq(harness_inb(h, 0x3fa), 0xc2);
	harness_outb(h, 0x3f8, 'x');
	ck_assert_int_eq(h->level[4], 1);
	harness_outb(h, 0x3f9, 0);
	ck_assert_int_eq(h->level[4], 0);

	/* Loopback: trigger level 4, time-out indication below it, overrun. */
	harness_outb(h, 0x3fa, 0x41);
	harness_outb(h, 0x3fc, 0x10);
	harness_inb(h, 0x3fe);
	harness_outb(h, 0x3f9, 5);
	harness_outb(h, 0x3f8, 'a');
	ck_assert_uint_eq(harness_inb(h, 0x3fa), 0xcc);
	for (int i = 0; i < 3; i++) {
		harness_outb(h, 0x3f8, (uint8_t)('b' + i));
	}
	ck_assert_uint_eq(harness_inb(h, 0x3fa), 0xc4);
	for (int i = 0; i < 20; i++) {
		harness_outb(h, 0x3f8, 'z');
	}
	ck_assert_uint_eq(harness_inb(h, 0x3fa), 0xc6);
	ck_assert_uint_eq(harness_inb(h, 0x3fd), 0x63);
	for (int i = 0; i < 16; i++) {
		ck_assert_uint_eq(harness_inb(h, 0x3f8), i < 4 ? 'a' + i : 'z');
	}
	ck_assert_uint_eq(harness_inb(h, 0x3fd), 0x60);
	ck_assert_int_eq(h->level[4], 0);
}
END_TEST

START_TEST(uart_output)
{
	struct harness *h = harness_new(0);
	char path[] = "/tmp/uart-XXXXXX", spec[64], buf[8] = "";
	int fd = mkstemp(path);
	struct chardev *c;

	ck_assert_int_ge(fd, 0);
	snprintf(spec, sizeof(spec), "file:%s", path);
	c = chardev_new_short(spec, "c0", h->vm->loop, &err);
	ck_assert_msg(c != NULL, "%s", err.text);
	uart_new(h, c);
	for (const char *s = "hello"; *s; s++) {
		harness_outb(h, 0x3f8, (uint8_t)*s);
	}
	harness_settle(h);
	ck_assert_int_eq(pread(fd, buf, sizeof(buf), 0), 5);
	ck_assert_str_eq(buf, "hello");
	close(fd);
	unlink(path);
}
END_TEST

/* A UART without a board: nobody may be kept from it by a line or a chardev that is slow. */
static struct {
	struct uart16550 u;
	struct lk lk;
	unsigned rises, falls;
	bool meddle;
} bare;

static void bare_irq(void *arg, unsigned n, int level)
{
	(void)arg;
	(void)n;
	ck_assert_uint_eq(atomic_load(&bare.lk.word), 0);
	if (level) {
		bare.rises++;
	} else {
		bare.falls++;
	}
	if (bare.meddle && !level) {
		bare.meddle =
			false; /* a change by another thread, its line comes first */
		uart_write(&bare.u, 0, 'x');
	}
}

static void bare_new(struct chardev *chr)
{
	const struct irq irq = { bare_irq, NULL, 0 };

	memset(&bare, 0, sizeof(bare));
	lk_init(&bare.lk, RANK_DEVICE, "bare");
	ck_assert_msg(uart_init(&bare.u, &bare.lk, &irq, chr, &err) == 0, "%s",
	              err.text);
}

START_TEST(uart_line)
{
	bare_new(NULL);
	uart_write(&bare.u, 1, 2); /* THRE */
	ck_assert_uint_eq(bare.rises, 1);
	bare.meddle = true;
	ck_assert_uint_eq(uart_read(&bare.u, 2), 2);
	/* It has fallen, and risen for the new character. */
	ck_assert_uint_eq(bare.falls, 1);
	ck_assert_uint_ge(bare.rises, 2);
	ck_assert_uint_eq(uart_read(&bare.u, 2), 2);
	ck_assert_uint_eq(uart_read(&bare.u, 2), 1);
	ck_assert_uint_eq(bare.falls, 2);
	uart_fini(&bare.u);
}
END_TEST

static void bare_write(void *arg)
{
	uart_write(&bare.u, 0, *(const uint8_t *)arg);
}

static _Atomic bool bare_sent;

static void *bare_sender(void *count)
{
	for (unsigned i = 0; i < *(unsigned *)count; i++) {
		uart_write(&bare.u, 0, (uint8_t)(i * 7 >> 3));
		if (i % 1000 == 0) {
			(void)uart_read(&bare.u, 5);
		}
	}
	atomic_store(&bare_sent, true);
	return NULL;
}

/* The order of the guest's writes, all of them, also what was sent just before the end; the
 * loop's own thread, which asks the UART for room while it writes, may send, too. */
START_TEST(uart_flush)
{
	struct harness *h = harness_new(0);
	char dir[] = "/tmp/uart-XXXXXX", name[64], in[64];
	struct opt *o = opt_new_dict();
	unsigned count = 300000, got = 0;
	uint8_t last = 0xa5, *buf;
	struct chardev *c;
	pthread_t t;
	FILE *f;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/out", dir);
	snprintf(in, sizeof(in), "%s/in", dir);
	ck_assert_int_eq(mkfifo(in, 0600), 0);
	fd = open(in, O_RDWR); /* nothing to read, but no end either */
	opt_put_str(o, "id", "c1");
	opt_put_str(o, "backend", "file");
	opt_put_str(o, "path", name);
	opt_put_str(o, "input-path", in);
	c = chardev_new(o, h->vm->loop, &err);
	ck_assert_msg(c != NULL, "%s", err.text);
	opt_free(o);
	bare_new(c);
	pthread_create(&t, NULL, bare_sender, &count);
	unit_await_turning(h->vm->loop, atomic_load(&bare_sent));
	pthread_join(t, NULL);
	loop_call(h->vm->loop, bare_write, &last);
	uart_write(&bare.u, 0, 0x5a);
	uart_fini(&bare.u);
	chardev_free(c);
	f = fopen(name, "r");
	buf = calloc(1, count + 3);
	got = (unsigned)fread(buf, 1, count + 3, f);
	fclose(f);
	ck_assert_uint_eq(got, count + 2);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_uint_eq(buf[i], (uint8_t)(i * 7 >> 3));
	}
	ck_assert_uint_eq(buf[count], 0xa5);
	ck_assert_uint_eq(buf[count + 1], 0x5a);
	free(buf);
	close(fd);
	unlink(in);
	unlink(name);
	rmdir(dir);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { uart_probe, uart_irq, uart_output, uart_line,
		                       uart_flush };

	return unit_main(unit_suite("uart", tests, ARRAY_LEN(tests)));
}
