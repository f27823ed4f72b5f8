/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt-json.c - JSON text (RFC 8259) to and from the option tree. Strings in single
 * quotes are taken too, because people put JSON into shell arguments. Nesting is
 * bounded; numbers are int64, uint64 or double.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt-internal.h"
#include "base/opt.h"

struct json_in {
	const char *start, *p;
	unsigned depth;
	struct err *e;
};

static int json_fail(struct json_in *j, const char *what)
{
	return err_set(j->e, -EINVAL, "JSON: %s at character %zu", what,
	               (size_t)(j->p - j->start) + 1);
}

static void json_space(struct json_in *j)
{
	j->p += strspn(j->p, " \t\r\n");
}

static int json_hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9'                 ? c - '0'
		        : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
		                                             : -1;

		if (d < 0) {
			return -1;
		}
		v = v * 16 + d;
	}
	return v;
}

static char *json_put_utf8(char *o, uint32_t c)
{
	if (c < 0x80) {
		*o++ = (char)c;
	} else if (c < 0x800) {
		*o++ = (char)(0xc0 | c >> 6);
		*o++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*o++ = (char)(0xe0 | c >> 12);
		*o++ = (char)(0x80 | (c >> 6 & 63));
		*o++ = (char)(0x80 | (c & 63));
	} else {
		*o++ = (char)(0xf0 | c >> 18);
		*o++ = (char)(0x80 | (c >> 12 & 63));
		*o++ = (char)(0x80 | (c >> 6 & 63));
		*o++ = (char)(0x80 | (c & 63));
	}
	return o;
}

/* \uXXXX, a surrogate pair included; j->p is on the 'u'. */
static int json_unicode(struct json_in *j, char **o)
{
	int hi = json_hex4(j->p + 1), lo;

	if (hi <= 0) {
		return json_fail(j, "bad \\u escape");
	}
	j->p += 5;
	if (hi >= 0xd800 && hi < 0xdc00) {
		if (j->p[0] != '\\' || j->p[1] != 'u') {
			return json_fail(j, "lone surrogate");
		}
		lo = json_hex4(j->p + 2);
		if (lo < 0xdc00 || lo > 0xdfff) {
			return json_fail(j, "lone surrogate");
		}
		j->p += 6;
		hi = 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
	} else if (hi >= 0xdc00 && hi < 0xe000) {
		return json_fail(j, "lone surrogate");
	}
	*o = json_put_utf8(*o, (uint32_t)hi);
	return 0;
}

/* Bytes up to the closing quote: an escape is never shorter than what it makes. */
static size_t json_string_room(const char *p, char quote)
{
	size_t n = 0;

	while (p[n] && p[n] != quote) {
		n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	}
	return n + 1;
}

static int json_string(struct json_in *j, char **out)
{
	static const char from[] = "\"\\/bfnrt'", to[] = "\"\\/\b\f\n\r\t'";
	char quote = *j->p++;
	AUTO_FREE char *buf = opt_xalloc(json_string_room(j->p, quote));
	char *o = buf;

	while (*j->p != quote) {
		if ((unsigned char)*j->p < 0x20) {
			return json_fail(j, *j->p ? "control character in a string"
			                          : "string without an end");
		}
		if (*j->p != '\\') {
			*o++ = *j->p++;
			continue;
		}
		j->p++;
		if (*j->p == 'u') {
			int ret = json_unicode(j, &o);

			if (ret) {
				return ret;
			}
		} else {
			const char *at = *j->p ? strchr(from, *j->p) : NULL;

			if (!at) {
				return json_fail(j, "bad escape");
			}
			*o++ = to[at - from];
			j->p++;
		}
	}
	j->p++;
	*out = opt_xstrndup(buf, (size_t)(o - buf));
	return 0;
}

static int json_number(struct json_in *j, struct opt **out)
{
	const char *p = j->p;
	bool neg = *p == '-';
	struct opt *o;
	size_t digits, len;
	char buf[64], *end;

	p += neg;
	digits = strspn(p, "0123456789");
	if (!digits || (digits > 1 && *p == '0')) {
		return json_fail(j, "bad number");
	}
	len = (size_t)(p - j->p) + digits;
	p += digits;
	errno = 0;
	if (*p != '.' && (*p | 32) != 'e') {
		o = opt_new_int(0);
		if (neg) {
			o->i = strtoll(j->p, &end, 10);
		} else {
			o->i = (int64_t)strtoull(j->p, &end, 10);
			o->is_unsigned = o->i < 0;
		}
		if (errno) {
			opt_free(o);
			return json_fail(j, "number does not fit 64 bits");
		}
	} else {
		len = strspn(j->p, "+-.0123456789eE");
		if (len >= sizeof(buf)) {
			return json_fail(j, "number too long");
		}
		memcpy(buf, j->p, len);
		buf[len] = 0;
		o = opt_new(OPT_FLOAT);
		o->d = strtod(buf, &end);
		if (*end || !isfinite(o->d)) {
			opt_free(o);
			return json_fail(j, "bad number");
		}
	}
	j->p += len;
	*out = o;
	return 0;
}

static int json_value(struct json_in *j, struct opt **out);

/* Members of a list or dictionary up to `close`. */
static int json_members(struct json_in *j, struct opt *o, char close)
{
	j->p++;
	json_space(j);
	if (*j->p == close) {
		j->p++;
		return 0;
	}
	for (;;) {
		AUTO_FREE char *key = NULL;
		struct opt *v = NULL;
		int ret;

		json_space(j);
		if (o->kind == OPT_DICT) {
			if (*j->p != '"' && *j->p != '\'') {
				return json_fail(j, "expected a member name");
			}
			ret = json_string(j, &key);
			if (ret) {
				return ret;
			}
			if (opt_peek(o, key)) {
				return json_fail(j, "member given twice");
			}
			json_space(j);
			if (*j->p++ != ':') {
				j->p--;
				return json_fail(j, "expected ':'");
			}
		}
		ret = json_value(j, &v);
		if (ret) {
			return ret;
		}
		if (o->kind == OPT_DICT) {
			opt_put_take(o, key, v);
		} else {
			opt_append_take(o, v);
		}
		json_space(j);
		if (*j->p == close) {
			j->p++;
			return 0;
		}
		if (*j->p != ',') {
			return json_fail(j, close == '}' ? "expected ',' or '}'"
			                                 : "expected ',' or ']'");
		}
		j->p++;
	}
}

static bool json_word(struct json_in *j, const char *w)
{
	size_t n = strlen(w);

	if (strncmp(j->p, w, n)) {
		return false;
	}
	j->p += n;
	return true;
}

static int json_value(struct json_in *j, struct opt **out)
{
	struct opt *o;
	char *s = NULL;
	int ret;

	json_space(j);
	switch (*j->p) {
	case '{':
	case '[':
		if (++j->depth > OPT_DEPTH_MAX) {
			return json_fail(j, "nested too deeply");
		}
		o = opt_new(*j->p == '{' ? OPT_DICT : OPT_LIST);
		ret = json_members(j, o, *j->p == '{' ? '}' : ']');
		if (ret) {
			opt_free(o);
			return ret;
		}
		j->depth--;
		*out = o;
		return 0;
	case '"':
	case '\'':
		ret = json_string(j, &s);
		if (!ret) {
			*out = opt_new_str_take(s);
		}
		return ret;
	case '-':
	case '0' ... '9': return json_number(j, out);
	default: break;
	}
	if (json_word(j, "true")) {
		*out = opt_new_bool(true);
	} else if (json_word(j, "false")) {
		*out = opt_new_bool(false);
	} else if (json_word(j, "null")) {
		*out = opt_new_null();
	} else {
		return json_fail(j, *j->p ? "expected a value" : "text ends too early");
	}
	return 0;
}

int opt_parse_json(struct opt **out, const char *text, struct err *e)
{
	struct json_in j = { .start = text, .p = text, .e = e };
	struct opt *o = NULL;
	int ret = json_value(&j, &o);

	if (ret) {
		return ret;
	}
	json_space(&j);
	if (*j.p) {
		opt_free(o);
		return json_fail(&j, "text after the value");
	}
	*out = o;
	return 0;
}

/* ---- output ---- */

static void json_out_str(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			fputc('\\', f);
			fputc(c, f);
		} else if (c == '\n') {
			fputs("\\n", f);
		} else if (c < 0x20) {
			fprintf(f, "\\u%04x", c);
		} else {
			fputc(c, f);
		}
	}
	fputc('"', f);
}

static void json_out(FILE *f, const struct opt *o)
{
	switch (o->kind) {
	case OPT_NULL: fputs("null", f); break;
	case OPT_BOOL: fputs(o->b ? "true" : "false", f); break;
	case OPT_INT:
		if (o->is_unsigned) {
			fprintf(f, "%" PRIu64, (uint64_t)o->i);
		} else {
			fprintf(f, "%" PRId64, o->i);
		}
		break;
	case OPT_FLOAT: fprintf(f, "%.17g", o->d); break;
	case OPT_STR: json_out_str(f, o->s); break;
	case OPT_LIST:
	case OPT_DICT:
		fputc(o->kind == OPT_LIST ? '[' : '{', f);
		for (unsigned i = 0; i < o->n; i++) {
			if (i) {
				fputs(", ", f);
			}
			if (o->kind == OPT_DICT) {
				json_out_str(f, o->keys[i]);
				fputs(": ", f);
			}
			json_out(f, o->items[i]);
		}
		fputc(o->kind == OPT_LIST ? ']' : '}', f);
		break;
	}
}

char *opt_to_json(const struct opt *o)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f) {
		return NULL;
	}
	if (o) {
		json_out(f, o);
	} else {
		fputs("null", f);
	}
	if (fclose(f)) {
		free(buf);
		return NULL;
	}
	return buf;
}
