/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt.c - the option tree and its readers; see opt.h. Dictionaries keep the order
 * of insertion and are searched linearly: they have a dozen members.
 *
 * A key that is given more than once in key=value text becomes a list; a scalar
 * reader then takes the last value, so that "later wins" holds, and who wants all
 * of them (hostfwd=) walks the list.
 */
#include "config.h"

#include "base/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/opt-internal.h"

void *opt_xalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p) {
		fputs("lodge: out of memory while reading options\n", stderr);
		exit(1);
	}
	return p;
}

char *opt_xstrndup(const char *s, size_t n)
{
	char *p = opt_xalloc(n + 1);

	memcpy(p, s, n);
	return p;
}

struct opt *opt_new(enum opt_kind kind)
{
	struct opt *o = opt_xalloc(sizeof(*o));

	o->kind = kind;
	return o;
}

struct opt *opt_new_dict(void)
{
	return opt_new(OPT_DICT);
}

struct opt *opt_new_list(void)
{
	return opt_new(OPT_LIST);
}

struct opt *opt_new_null(void)
{
	return opt_new(OPT_NULL);
}

struct opt *opt_new_str_take(char *s)
{
	struct opt *o = opt_new(OPT_STR);

	o->s = s;
	return o;
}

struct opt *opt_new_str(const char *s)
{
	return opt_new_str_take(opt_xstrndup(s, strlen(s)));
}

struct opt *opt_new_int(int64_t v)
{
	struct opt *o = opt_new(OPT_INT);

	o->i = v;
	return o;
}

struct opt *opt_new_bool(bool v)
{
	struct opt *o = opt_new(OPT_BOOL);

	o->b = v;
	return o;
}

struct opt *opt_copy(const struct opt *o)
{
	struct opt *c;

	if (!o) {
		return NULL;
	}
	c = opt_new(o->kind);
	c->is_unsigned = o->is_unsigned;
	c->repeated = o->repeated;
	switch (o->kind) {
	case OPT_NULL: break;
	case OPT_BOOL: c->b = o->b; break;
	case OPT_INT: c->i = o->i; break;
	case OPT_FLOAT: c->d = o->d; break;
	case OPT_STR: c->s = opt_xstrndup(o->s, strlen(o->s)); break;
	case OPT_LIST:
		for (unsigned i = 0; i < o->n; i++) {
			opt_append_take(c, opt_copy(o->items[i]));
		}
		break;
	case OPT_DICT:
		for (unsigned i = 0; i < o->n; i++) {
			opt_put_take(c, o->keys[i], opt_copy(o->items[i]));
		}
		break;
	}
	return c;
}

void opt_free(struct opt *o)
{
	if (!o) {
		return;
	}
	if (o->kind == OPT_STR) {
		free(o->s);
	} else if (o->kind == OPT_LIST || o->kind == OPT_DICT) {
		for (unsigned i = 0; i < o->n; i++) {
			opt_free(o->items[i]);
			if (o->keys) {
				free(o->keys[i]);
			}
		}
		free(o->items);
		free(o->keys);
	}
	for (unsigned i = 0; i < o->n_asked; i++) {
		free(o->asked[i]);
	}
	free(o->asked);
	free(o->text);
	free(o);
}

enum opt_kind opt_kind(const struct opt *o)
{
	return o ? o->kind : OPT_NULL;
}

static void opt_grow(struct opt *o)
{
	if (o->n < o->cap) {
		return;
	}
	o->cap = o->cap ? o->cap * 2 : 8;
	o->items = reallocarray(o->items, o->cap, sizeof(*o->items));
	if (o->kind == OPT_DICT) {
		o->keys = reallocarray(o->keys, o->cap, sizeof(*o->keys));
	}
	if (!o->items || (o->kind == OPT_DICT && !o->keys)) {
		fputs("lodge: out of memory while reading options\n", stderr);
		exit(1);
	}
}

static int opt_index(const struct opt *dict, const char *key)
{
	if (!dict || dict->kind != OPT_DICT) {
		return -1;
	}
	for (unsigned i = 0; i < dict->n; i++) {
		if (!strcmp(dict->keys[i], key)) {
			return (int)i;
		}
	}
	return -1;
}

struct opt *opt_peek(const struct opt *dict, const char *key)
{
	int i = opt_index(dict, key);

	return i < 0 ? NULL : dict->items[i];
}

void opt_put_take(struct opt *dict, const char *key, struct opt *v)
{
	int i = opt_index(dict, key);

	if (i >= 0) {
		opt_free(dict->items[i]);
		dict->items[i] = v;
		return;
	}
	opt_grow(dict);
	dict->keys[dict->n] = opt_xstrndup(key, strlen(key));
	dict->items[dict->n++] = v;
}

void opt_put_str(struct opt *dict, const char *key, const char *v)
{
	opt_put_take(dict, key, opt_new_str(v));
}

void opt_put_int(struct opt *dict, const char *key, int64_t v)
{
	opt_put_take(dict, key, opt_new_int(v));
}

void opt_put_bool(struct opt *dict, const char *key, bool v)
{
	opt_put_take(dict, key, opt_new_bool(v));
}

void opt_del(struct opt *dict, const char *key)
{
	int i = opt_index(dict, key);

	if (i < 0) {
		return;
	}
	opt_free(dict->items[i]);
	free(dict->keys[i]);
	dict->n--;
	memmove(&dict->items[i], &dict->items[i + 1],
	        (dict->n - (unsigned)i) * sizeof(*dict->items));
	memmove(&dict->keys[i], &dict->keys[i + 1],
	        (dict->n - (unsigned)i) * sizeof(*dict->keys));
}

void opt_append_take(struct opt *list, struct opt *v)
{
	opt_grow(list);
	list->items[list->n++] = v;
}

unsigned opt_count(const struct opt *o)
{
	return o && (o->kind == OPT_LIST || o->kind == OPT_DICT) ? o->n : 0;
}

struct opt *opt_at(const struct opt *o, unsigned i)
{
	return i < opt_count(o) ? o->items[i] : NULL;
}

const char *opt_key_at(const struct opt *dict, unsigned i)
{
	return dict && dict->kind == OPT_DICT && i < dict->n ? dict->keys[i] : NULL;
}

/* ---- looking up ---- */

static void opt_note_asked(struct opt *dict, const char *key)
{
	for (unsigned i = 0; i < dict->n_asked; i++) {
		if (!strcmp(dict->asked[i], key)) {
			return;
		}
	}
	dict->asked = reallocarray(dict->asked, dict->n_asked + 1, sizeof(char *));
	if (!dict->asked) {
		fputs("lodge: out of memory while reading options\n", stderr);
		exit(1);
	}
	dict->asked[dict->n_asked++] = opt_xstrndup(key, strlen(key));
}

struct opt *opt_get(struct opt *dict, const char *key)
{
	const char *dot = strchr(key, '.');
	struct opt *o;

	if (!dict || dict->kind != OPT_DICT) {
		return NULL;
	}
	opt_note_asked(dict, key);
	o = opt_peek(dict, key);
	while (!o && dot && dict) {
		AUTO_FREE char *head = opt_xstrndup(key, (size_t)(dot - key));

		dict = opt_peek(dict, head);
		if (dict) {
			dict->marks |= OPT_WALKED;
		}
		key = dot + 1;
		o = opt_peek(dict, key);
		dot = strchr(key, '.');
	}
	if (o) {
		o->marks |= OPT_USED;
	}
	return o;
}

bool opt_has(const struct opt *dict, const char *key)
{
	const char *dot = strchr(key, '.');

	while (!opt_peek(dict, key) && dot && dict) {
		AUTO_FREE char *head = opt_xstrndup(key, (size_t)(dot - key));

		dict = opt_peek(dict, head);
		key = dot + 1;
		dot = strchr(key, '.');
	}
	return opt_peek(dict, key) != NULL;
}

/* The last value of a repeated key. */
static const struct opt *opt_last(const struct opt *o)
{
	return o && o->kind == OPT_LIST && o->repeated && o->n ? o->items[o->n - 1] : o;
}

/* ---- scalars ---- */

const char *opt_str(const struct opt *co)
{
	struct opt *o = (struct opt *)opt_last(co); /* the text is a cache */
	char buf[64];

	if (!o) {
		return "";
	}
	switch (o->kind) {
	case OPT_STR: return o->s;
	case OPT_BOOL: return o->b ? "on" : "off";
	case OPT_INT:
		if (o->is_unsigned) {
			snprintf(buf, sizeof(buf), "%" PRIu64, (uint64_t)o->i);
		} else {
			snprintf(buf, sizeof(buf), "%" PRId64, o->i);
		}
		break;
	case OPT_FLOAT: snprintf(buf, sizeof(buf), "%.17g", o->d); break;
	default: return "";
	}
	if (!o->text) {
		o->text = opt_xstrndup(buf, strlen(buf));
	}
	return o->text;
}

static bool opt_is_scalar(const struct opt *o)
{
	o = opt_last(o);
	return o && o->kind != OPT_LIST && o->kind != OPT_DICT;
}

const char *opt_get_str(struct opt *dict, const char *key, const char *def)
{
	struct opt *o = opt_get(dict, key);

	if (!o || !opt_is_scalar(o) || opt_last(o)->kind == OPT_NULL) {
		return def;
	}
	return opt_str(o);
}

int opt_scalar_u64(const struct opt *o, uint64_t *out)
{
	const char *s;
	char *end;
	uint64_t v;

	o = opt_last(o);
	if (!o) {
		return -EINVAL;
	}
	if (o->kind == OPT_INT) {
		if (o->i < 0 && !o->is_unsigned) {
			return -ERANGE;
		}
		*out = (uint64_t)o->i;
		return 0;
	}
	if (o->kind != OPT_STR) {
		return -EINVAL;
	}
	s = o->s;
	if (*s < '0' || *s > '9') {
		return -EINVAL; /* strtoull would take blanks and signs */
	}
	errno = 0;
	v = strtoull(s, &end, 0);
	if (errno || *end) {
		return errno == ERANGE ? -ERANGE : -EINVAL;
	}
	*out = v;
	return 0;
}

int opt_scalar_bool(const struct opt *o, bool *out)
{
	static const char *const yes[] = { "on", "yes", "true", "y" };
	static const char *const no[] = { "off", "no", "false", "n" };

	o = opt_last(o);
	if (!o) {
		return -EINVAL;
	}
	if (o->kind == OPT_BOOL) {
		*out = o->b;
		return 0;
	}
	if (o->kind != OPT_STR) {
		return -EINVAL;
	}
	for (unsigned i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(o->s, yes[i]) || !strcmp(o->s, no[i])) {
			*out = !strcmp(o->s, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

int opt_get_u64(struct opt *dict, const char *key, uint64_t def, uint64_t *out,
                struct err *e)
{
	struct opt *o = opt_get(dict, key);
	int ret;

	if (!o) {
		*out = def;
		return 0;
	}
	ret = opt_scalar_u64(o, out);
	if (ret) {
		return err_set(e, -EINVAL,
		               "Parameter '%s' expects a %s; '%s' is not one", key,
		               ret == -ERANGE ? "number that fits 64 bits, not negative"
		                              : "number",
		               opt_str(o));
	}
	return 0;
}

int opt_get_int(struct opt *dict, const char *key, int64_t def, int64_t *out,
                struct err *e)
{
	struct opt *o = opt_get(dict, key);
	const struct opt *l = opt_last(o);
	char *end;
	int64_t v;

	if (!o) {
		*out = def;
		return 0;
	}
	if (l->kind == OPT_INT && !l->is_unsigned) {
		*out = l->i;
		return 0;
	}
	if (l->kind == OPT_STR && *l->s &&
	    (strchr("+-", *l->s) || (*l->s >= '0' && *l->s <= '9'))) {
		errno = 0;
		v = strtoll(l->s, &end, 0);
		if (!errno && !*end && end != l->s) {
			*out = v;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "Parameter '%s' expects an integer; '%s' is not one",
	               key, opt_str(o));
}

/* Multiplier of a suffix; 0 when it is none. */
static uint64_t opt_suffix(const char *s, uint64_t unit)
{
	static const char letters[] = "bkmgtpe";
	const char *p;

	if (!*s) {
		return unit;
	}
	p = strchr(letters, *s | 0x20);
	if (!p) {
		return 0;
	}
	/* "M", "MB" and "MiB" all mean 2^20: people write each of them. */
	if (s[1] && strcasecmp(s + 1, "b") && strcasecmp(s + 1, "ib")) {
		return 0;
	}
	return UINT64_C(1) << (10 * (p - letters));
}

int opt_parse_size(const char *s, uint64_t unit, uint64_t *out, struct err *e)
{
	uint64_t whole, mul, v;
	double frac = 0;
	char *end;

	if (*s < '0' || *s > '9') {
		return err_set(e, -EINVAL, "'%s' is not a size; write 512M, 4G, 0x1000",
		               s);
	}
	errno = 0;
	whole = strtoull(s, &end, 0);
	if (errno) {
		return err_set(e, -ERANGE, "the size '%s' does not fit 64 bits", s);
	}
	if (*end == '.' && end[1] >= '0' && end[1] <= '9') {
		double scale = 0.1;

		for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10) {
			frac += (*end - '0') * scale;
		}
	}
	mul = opt_suffix(end, unit);
	if (!mul) {
		return err_set(
			e, -EINVAL,
			"'%s' is not a size; the suffixes are B, K, M, G, T, P, E", s);
	}
	if (__builtin_mul_overflow(whole, mul, &v) ||
	    __builtin_add_overflow(v, (uint64_t)(frac * (double)mul + 0.5), &v)) {
		return err_set(e, -ERANGE, "the size '%s' does not fit 64 bits", s);
	}
	*out = v;
	return 0;
}

int opt_get_size(struct opt *dict, const char *key, uint64_t def, uint64_t unit,
                 uint64_t *out, struct err *e)
{
	struct opt *o = opt_get(dict, key);
	const struct opt *l = opt_last(o);
	int ret;

	if (!o) {
		*out = def;
		return 0;
	}
	if (l->kind == OPT_INT) {
		/* JSON and QMP give bytes; only text is scaled. */
		ret = opt_scalar_u64(l, out);
		return ret ? err_set(e, ret, "Parameter '%s' expects a size", key) : 0;
	}
	ret = opt_parse_size(opt_str(o), unit, out, e);
	return ret ? err_prefix(e, ret, "Parameter '%s'", key) : 0;
}

int opt_get_bool(struct opt *dict, const char *key, bool def, bool *out, struct err *e)
{
	struct opt *o = opt_get(dict, key);

	if (!o) {
		*out = def;
		return 0;
	}
	if (opt_scalar_bool(o, out)) {
		return err_set(e, -EINVAL,
		               "Parameter '%s' expects 'on' or 'off', not '%s'", key,
		               opt_str(o));
	}
	return 0;
}

static void opt_append_text(char *buf, size_t size, const char *s)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s%s", len ? ", " : "", s);
}

int opt_get_enum(struct opt *dict, const char *key, const char *const *names, int def,
                 int *out, struct err *e)
{
	struct opt *o = opt_get(dict, key);
	char known[256] = "";

	if (!o) {
		*out = def;
		return 0;
	}
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], opt_str(o))) {
			*out = i;
			return 0;
		}
		opt_append_text(known, sizeof(known), names[i]);
	}
	return err_set(e, -EINVAL,
	               "Parameter '%s' does not accept value '%s'; known: %s", key,
	               opt_str(o), known);
}

int opt_check_unused(struct opt *dict, const char *what, struct err *e)
{
	char known[384] = "";

	for (unsigned i = 0; i < opt_count(dict); i++) {
		struct opt *o = dict->items[i];

		if (o->marks & OPT_USED) {
			continue;
		}
		if (o->kind == OPT_DICT && (o->marks & OPT_WALKED)) {
			/* Its members were read one by one with "a.b" keys. */
			int ret = opt_check_unused(o, what, NULL);

			if (!ret) {
				continue;
			}
		}
		for (unsigned k = 0; k < dict->n_asked; k++) {
			opt_append_text(known, sizeof(known), dict->asked[k]);
		}
		return err_set(e, -EINVAL, "%s: unknown option '%s'%s%s", what,
		               dict->kind == OPT_DICT ? dict->keys[i] : "",
		               *known ? "; known: " : "", known);
	}
	return 0;
}
