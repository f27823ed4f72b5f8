/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt-parse.c - QEMU's "head,key=value,key.sub=value,flag,noflag" text.
 *
 * Facts of the grammar: a comma in a value is doubled; the first element may be
 * a bare value of an implied key; other elements without '=' are booleans, "no"
 * in front turns them off. "a.b" nests; a level whose keys are all 0..n-1 is a
 * list. A key given again makes a list of its values (opt.c says how it is read).
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt-internal.h"
#include "base/opt.h"

/* Copies up to an unescaped comma; *pp is left on it or on the end. */
static char *opt_scan_value(const char **pp)
{
	const char *p = *pp;
	char *out = opt_xalloc(strlen(p) + 1);
	size_t n = 0;

	while (*p) {
		if (*p == ',') {
			if (p[1] != ',') {
				break;
			}
			p++;
		}
		out[n++] = *p++;
	}
	out[n] = 0;
	*pp = p;
	return out;
}

/* Adds v under key; a second value of the same key makes a list. */
static int opt_add_value(struct opt *dict, const char *key, struct opt *v,
                         const char *full, struct err *e)
{
	struct opt *old = opt_peek(dict, key);

	if (!old) {
		opt_put_take(dict, key, v);
		return 0;
	}
	if (old->kind == OPT_DICT) {
		opt_free(v);
		return err_set(
			e, -EINVAL,
			"Parameter '%s' is given both as a value and with members",
			full);
	}
	if (old->kind != OPT_LIST) {
		struct opt *list = opt_new_list();

		list->repeated = true;
		opt_append_take(list, opt_copy(old));
		opt_put_take(dict, key, list);
		old = list;
	}
	opt_append_take(old, v);
	return 0;
}

static int opt_add_path(struct opt *dict, const char *path, struct opt *v,
                        struct err *e)
{
	const char *p = path, *dot;
	unsigned depth = 0;

	while ((dot = strchr(p, '.'))) {
		AUTO_FREE char *head = opt_xstrndup(p, (size_t)(dot - p));
		struct opt *sub = opt_peek(dict, head);

		if (!*head || !dot[1] || ++depth > OPT_DEPTH_MAX - 1) {
			opt_free(v);
			return err_set(e, -EINVAL, "Invalid parameter '%s'", path);
		}
		if (!sub) {
			sub = opt_new_dict();
			opt_put_take(dict, head, sub);
		} else if (sub->kind != OPT_DICT) {
			opt_free(v);
			return err_set(
				e, -EINVAL,
				"Parameter '%.*s' is given both as a value and with "
				"members",
				(int)(dot - path), path);
		}
		dict = sub;
		p = dot + 1;
	}
	return opt_add_value(dict, p, v, path, e);
}

/* Index of a list member's key, or -1. */
static int opt_list_index(const char *key)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)*key) || strlen(key) > 6) {
		return -1;
	}
	v = strtol(key, &end, 10);
	return *end ? -1 : (int)v;
}

/* Dictionaries whose keys are exactly 0..n-1 become lists; deepest first. */
static struct opt *opt_listify(struct opt *o)
{
	struct opt *list;

	if (o->kind != OPT_DICT) {
		return o;
	}
	for (unsigned i = 0; i < o->n; i++) {
		o->items[i] = opt_listify(o->items[i]);
	}
	if (!o->n) {
		return o;
	}
	for (unsigned i = 0; i < o->n; i++) {
		int at = opt_list_index(o->keys[i]);

		if (at < 0 || (unsigned)at >= o->n) {
			return o;
		}
	}
	list = opt_new_list();
	for (unsigned want = 0; want < o->n; want++) {
		for (unsigned i = 0; i < o->n; i++) {
			if (o->items[i] && opt_list_index(o->keys[i]) == (int)want) {
				opt_append_take(list, o->items[i]);
				o->items[i] = NULL;
				break;
			}
		}
	}
	opt_free(o);
	return list;
}

/* One element: "key=value", "flag", "noflag" or the implied key's value. */
static int opt_parse_element(struct opt *dict, const char **pp, const char *implied,
                             struct err *e)
{
	const char *p = *pp;
	size_t len = strcspn(p, "=,");
	AUTO_FREE char *key = NULL;
	char *val;

	/* "a,,b" as an implied value is the text "a,b". */
	if (p[len] == '=') {
		key = opt_xstrndup(p, len);
		*pp = p + len + 1;
		val = opt_scan_value(pp);
	} else if (implied) {
		val = opt_scan_value(pp);
		return opt_add_path(dict, implied, opt_new_str_take(val), e);
	} else {
		bool off = len > 2 && !strncmp(p, "no", 2);

		key = opt_xstrndup(off ? p + 2 : p, off ? len - 2 : len);
		*pp = p + len;
		val = opt_xstrndup(off ? "off" : "on", off ? 3 : 2);
	}
	if (!*key) {
		free(val);
		return err_set(e, -EINVAL, "Expected parameter before '%s'", p);
	}
	return opt_add_path(dict, key, opt_new_str_take(val), e);
}

int opt_parse(struct opt **out, const char *text, const char *implied, struct err *e)
{
	struct opt *dict;
	int ret;

	if (*text == '{') {
		return opt_parse_json(out, text, e);
	}
	dict = opt_new_dict();
	while (*text) {
		ret = opt_parse_element(dict, &text, implied, e);
		if (ret) {
			opt_free(dict);
			return ret;
		}
		implied = NULL;
		if (*text == ',') {
			text++; /* a trailing comma is tolerated */
		}
	}
	for (unsigned i = 0; i < dict->n; i++) {
		dict->items[i] = opt_listify(dict->items[i]);
	}
	*out = dict;
	return 0;
}
