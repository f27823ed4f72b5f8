/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtc.h - MC146818 real-time clock and CMOS RAM at ports 70..71, line 8. */
#ifndef LODGE_DEVICES_RTC_H
#define LODGE_DEVICES_RTC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct rtc;

struct rtc_cfg {
	struct irq irq;
	int64_t base_s; /* epoch seconds at start; INT64_MIN: now */
	bool localtime; /* -rtc base=localtime */
	bool vm_clock;  /* -rtc clock=vm: stands still while the VM is stopped */
};
struct rtc *rtc_create(struct vm *vm, const struct rtc_cfg *cfg, struct err *e);
/* CMOS bytes of the board (0x0f, 0x10.., 0x34.., 0x5b..); kept over a reset. 0x0e..0x7f */
void rtc_set_cmos(struct rtc *r, unsigned index, uint8_t val);
uint8_t rtc_get_cmos(struct rtc *r, unsigned index);
/* Memory sizes where SeaBIOS looks: 15/16, 17/18, 30/31, 34/35, 5b..5d. */
void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g);
void rtc_irq_enable(struct rtc *r, bool on);

#endif
