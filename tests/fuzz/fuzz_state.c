/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_state.c - the state stream: a refused load must leave the object as it was. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "state/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
	uint16_t w;
	bool b;
};
struct outer {
	uint8_t level;
	uint32_t words[4];
	uint8_t bytes[8];
	struct inner in[3];
	uint64_t extra;
};

static const struct state_field inner_fields[] = {
	STATE_RANGE(STATE_U16, struct inner, w, 0, 1000),
	STATE_FIELD(STATE_BOOL, struct inner, b),
	{ 0 },
};
static const struct state_field outer_fields[] = {
	STATE_RANGE(STATE_U8, struct outer, level, 1, 7),
	STATE_ARRAY(STATE_U32, struct outer, words, 4),
	STATE_ARRAY(STATE_BYTES, struct outer, bytes, 8),
	{ .name = "in",
	  .type = STATE_STRUCT,
	  .offset = offsetof(struct outer, in),
	  .count = 3,
	  .stride = sizeof(struct inner),
	  .sub = inner_fields },
	{ .name = "extra",
	  .type = STATE_U64,
	  .offset = offsetof(struct outer, extra),
	  .optional = true },
	{ 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_buf b = { .len = size, .cap = size };
	struct outer o, was;

	memset(&o, 0, sizeof(o));
	o.level = 3;
	was = o;
	b.data = malloc(size ? size : 1);
	memcpy(b.data, data, size);
	if (state_load(&b, "outer", outer_fields, &o, NULL)) {
		if (memcmp(&o, &was, sizeof(o))) {
			abort();
		}
	} else if (o.level < 1 || o.level > 7 || o.in[1].w > 1000) {
		abort();
	}
	state_buf_fini(&b);
	return 0;
}
