/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_qmp.c - framing, parsing and validation of what a QMP client sends. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "qmp/wire/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_qmp_value(const char *text)
{
	struct err e = ERR_INIT;
	struct opt *o = NULL;

	if (opt_parse_json(&o, text, &e) < 0) {
		return;
	}
	for (const struct qmp_command *c = qmp_commands;
	     c->name && opt_kind(o) == OPT_DICT; c++) {
		if (qmp_check(c->args, o, c->open, &e) < 0) {
			continue;
		}
	}
	opt_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qmp_frame f = { 0 };

	for (size_t i = 0; i < size; i++) {
		if (qmp_frame_feed(&f, (char)data[i])) {
			if (!f.overflow && f.buf) {
				fuzz_qmp_value(f.buf);
			}
			qmp_frame_reset(&f);
		}
	}
	qmp_frame_fini(&f);
	return 0;
}
