/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_opt.c - key=value and JSON text; what parses must print and parse again. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *json;
	struct opt *o, *again;

	memcpy(text, data, size);
	text[size] = 0;
	if (!opt_parse(&o, text, size & 1 ? "driver" : NULL, NULL)) {
		uint64_t v;

		json = opt_to_json(o);
		if (opt_parse_json(&again, json, NULL)) {
			abort();
		}
		opt_free(again);
		free(json);
		for (unsigned i = 0; i < opt_count(o); i++) {
			if (opt_get_size(o, opt_key_at(o, i), 0, 1, &v, NULL)) {
				continue;
			}
		}
		if (opt_check_unused(o, "fuzz", NULL)) {
			opt_free(o);
			free(text);
			return 0;
		}
		opt_free(o);
	}
	free(text);
	return 0;
}
