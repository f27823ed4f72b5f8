/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_test.c - round trip, optional fields, ranges, all-or-nothing, cut streams. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "state/state.h"
#include "unit.h"

struct inner {
	uint16_t w;
	bool b;
};
struct dev {
	uint8_t level;
	uint16_t h;
	uint32_t words[3];
	uint64_t q;
	uint8_t bytes[5];
	bool on;
	struct inner in[2];
	uint32_t extra;
};

static const struct state_field inner_fields[] = {
	STATE_RANGE(STATE_U16, struct inner, w, 0, 1000),
	STATE_FIELD(STATE_BOOL, struct inner, b),
	{ 0 },
};
#define DEV_FIELDS                                                                     \
	STATE_RANGE(STATE_U8, struct dev, level, 1, 7),                                \
		STATE_FIELD(STATE_U16, struct dev, h),                                 \
		STATE_ARRAY(STATE_U32, struct dev, words, 3),                          \
		STATE_FIELD(STATE_U64, struct dev, q),                                 \
		STATE_ARRAY(STATE_BYTES, struct dev, bytes, 5),                        \
		STATE_FIELD(STATE_BOOL, struct dev, on),                               \
	{                                                                              \
		.name = "in", .type = STATE_STRUCT,                                    \
		.offset = offsetof(struct dev, in), .count = 2,                        \
		.stride = sizeof(struct inner), .sub = inner_fields                    \
	}
static const struct state_field old_fields[] = { DEV_FIELDS, { 0 } };
static const struct state_field new_fields[] = {
	DEV_FIELDS,
	{ .name = "extra",
	  .type = STATE_U32,
	  .offset = offsetof(struct dev, extra),
	  .optional = true },
	{ 0 },
};
static const struct state_field must_fields[] = {
	DEV_FIELDS,
	STATE_FIELD(STATE_U32, struct dev, extra),
	{ 0 },
};

static struct dev sample(void)
{
	struct dev d;

	memset(&d, 0, sizeof(d));
	d.level = 5;
	d.h = 0x1234;
	for (unsigned i = 0; i < 3; i++) {
		d.words[i] = 0x10000 + i;
	}
	d.q = UINT64_MAX - 1;
	memcpy(d.bytes, "abcde", 5);
	d.on = true;
	d.in[0].w = 1000;
	d.in[1].b = true;
	d.extra = 77;
	return d;
}

static struct state_buf save(const struct state_field *f, const struct dev *d)
{
	struct state_buf b = { 0 };
	struct err e = ERR_INIT;

	ck_assert_msg(!state_save(&b, "dev", f, d, &e), "%s", e.text);
	return b;
}

START_TEST(test_round_trip)
{
	struct dev d = sample(), r;
	struct state_buf b = save(new_fields, &d);
	struct err e = ERR_INIT;

	ck_assert(!state_save(&b, "second", old_fields, &d, &e));
	memset(&r, 0, sizeof(r));
	ck_assert_msg(!state_load(&b, "dev", new_fields, &r, &e), "%s", e.text);
	ck_assert(!memcmp(&d, &r, sizeof(d)));
	ck_assert_int_eq(state_load(&b, "third", old_fields, &r, &e), -EINVAL);
	ck_assert(!state_load(&b, "second", old_fields, &r, &e));
	ck_assert_uint_eq(b.pos, b.len);
	ck_assert_int_eq(state_load(&b, "dev", old_fields, &r, &e), -EINVAL);
	state_buf_fini(&b);
}
END_TEST

START_TEST(test_optional)
{
	struct dev d = sample(), r;
	struct err e = ERR_INIT;
	struct state_buf b = save(new_fields, &d);

	/* An older program skips what it does not know if it is optional. */
	memset(&r, 0, sizeof(r));
	ck_assert(!state_load(&b, "dev", old_fields, &r, &e));
	ck_assert_uint_eq(r.extra, 0);
	state_buf_fini(&b);
	/* A newer one keeps its default. */
	b = save(old_fields, &d);
	r.extra = 5;
	ck_assert(!state_load(&b, "dev", new_fields, &r, &e));
	ck_assert_uint_eq(r.extra, 5);
	b.pos = 0;
	ck_assert_int_eq(state_load(&b, "dev", must_fields, &r, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, "'dev', field extra: missing"), "%s", e.text);
	state_buf_fini(&b);
	b = save(must_fields, &d);
	ck_assert_int_eq(state_load(&b, "dev", old_fields, &r, &e), -EINVAL);
	ck_assert(strstr(e.text, "extra"));
	state_buf_fini(&b);
}
END_TEST

START_TEST(test_all_or_nothing)
{
	struct dev d = sample(), r, was;
	struct err e = ERR_INIT;
	struct state_buf b;

	d.in[1].w = 1001; /* the last field but one */
	b = save(old_fields, &d);
	memset(&r, 0x11, sizeof(r));
	was = r;
	ck_assert_int_eq(state_load(&b, "dev", old_fields, &r, &e), -EINVAL);
	ck_assert(!memcmp(&r, &was, sizeof(r)));
	ck_assert_msg(strstr(e.text, "field w: 1001 is outside 0 to 1000"), "%s",
	              e.text);
	state_buf_fini(&b);
}
END_TEST

/* Every prefix and every flipped bit: an error or a legal object, never a crash. */
START_TEST(test_damage)
{
	struct dev d = sample(), r;
	struct state_buf b = save(new_fields, &d);

	for (size_t n = 0; n < b.len; n++) {
		struct state_buf cut = { .data = b.data, .len = n, .cap = b.cap };

		ck_assert_int_eq(state_load(&cut, "dev", new_fields, &r, NULL),
		                 -EINVAL);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		memset(&r, 0, sizeof(r));
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		b.pos = 0;
		if (!state_load(&b, "dev", new_fields, &r, NULL)) {
			ck_assert(r.level >= 1 && r.level <= 7 && r.in[0].w <= 1000);
		} else {
			ck_assert_uint_eq(r.level, 0);
		}
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	state_buf_fini(&b);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_round_trip, test_optional,
		                       test_all_or_nothing, test_damage };

	return unit_main(unit_suite("state", tests, ARRAY_LEN(tests)));
}
