/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qtest.h - the device test server (-qtest CHARDEV): a line protocol by which a test in
 * another process reads and writes the guest's ports and memory and moves its clock.
 * Meant for -accel qtest, where no processor disturbs.
 *
 *   inb|inw|inl PORT             -> OK 0xVALUE
 *   outb|outw|outl PORT VALUE    -> OK
 *   readb|readw|readl|readq ADDR -> OK 0xVALUE          writeb.. ADDR VALUE -> OK
 *   read ADDR LEN                -> OK 0xHEXBYTES       write ADDR LEN 0xHEXBYTES -> OK
 *   memset ADDR LEN BYTE         -> OK
 *   clock_step [NS]              -> OK NOW              clock_set NS -> OK NOW
 *   endianness                   -> OK little
 * Anything else, and numbers that are none: FAIL and a sentence.
 *
 * Threads: the control loop. Known gaps: irq_intercept_in/out, base64 forms.
 */
#ifndef LODGE_CLI_QTEST_H
#define LODGE_CLI_QTEST_H

#include "base/err.h"

struct vm;
struct chardev;
struct qtest;

/* Also makes CLOCK_VM virtual; to be called before devices are made. */
struct qtest *qtest_new(struct vm *vm, struct chardev *c, struct err *e);
void qtest_free(struct qtest *q);

#endif
