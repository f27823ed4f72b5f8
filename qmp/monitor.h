/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * monitor.h - a monitor on a chardev: QMP (JSON) or the human one (readline). The
 * monitor lives as long as the chardev; control thread.
 */
#ifndef LODGE_QMP_MONITOR_H
#define LODGE_QMP_MONITOR_H

#include <stdbool.h>

#include "base/err.h"

struct vm;
struct chardev;
struct monitor;

enum monitor_mode { MONITOR_READLINE, MONITOR_CONTROL };

/* NULL with a sentence on failure. */
struct monitor *monitor_new(struct vm *vm, struct chardev *c, enum monitor_mode mode,
                            bool pretty, struct err *e);
void monitor_free_all(void);

#endif
