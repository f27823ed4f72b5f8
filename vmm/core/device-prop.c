/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device-prop.c - properties of devices: defaults, text to value and back. The
 * table of a class and the table of its family (bus_props) are one name space.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "core/device-internal.h"
#include "core/device.h"

static const char *const prop_on_off_auto[] = { "auto", "on", "off", NULL };

static void *prop_at(struct device *d, const struct prop *p)
{
	return (uint8_t *)d + p->offset;
}

static const struct prop *prop_table_find(const struct prop *p, const char *name)
{
	for (; p && p->name; p++) {
		if (!strcmp(p->name, name)) {
			return p;
		}
	}
	return NULL;
}

const struct prop *device_prop_find(const struct device_class *cls, const char *name)
{
	const struct prop *p = prop_table_find(cls->props, name);

	return p ? p : prop_table_find(cls->bus_props, name);
}

static bool prop_is_text(enum prop_type t)
{
	return t == PROP_STR || t == PROP_CHARDEV || t == PROP_NETDEV ||
	       t == PROP_DRIVE || t == PROP_OBJECT;
}

/* ORDER: enum prop_type */
static const char *const prop_type_names[] = {
	"bool",        "uint8",      "uint16",    "uint32", "uint64",    "int32",
	"size",        "str",        "enum",      "mac",    "uuid",      "pci-address",
	"on|off|auto", "chardev id", "netdev id", "drive",  "object id",
};
_Static_assert(ARRAY_LEN(prop_type_names) == PROP_OBJECT + 1, "a name for each type");

const char *device_prop_type_name(enum prop_type t)
{
	return prop_type_names[t];
}

static unsigned prop_bytes(enum prop_type t)
{
	switch (t) {
	case PROP_U8: return 1;
	case PROP_U16: return 2;
	case PROP_U32:
	case PROP_I32:
	case PROP_PCI_ADDR: return 4;
	case PROP_ENUM:
	case PROP_ON_OFF_AUTO: return sizeof(int);
	default: return 8;
	}
}

static void prop_store_num(struct device *d, const struct prop *p, uint64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;
	bool b = v != 0;

	if (p->type == PROP_BOOL) {
		memcpy(prop_at(d, p), &b, sizeof(b));
		return;
	}
	switch (prop_bytes(p->type)) {
	case 1: memcpy(prop_at(d, p), &v8, 1); break;
	case 2: memcpy(prop_at(d, p), &v16, 2); break;
	case 4: memcpy(prop_at(d, p), &v32, 4); break;
	default: memcpy(prop_at(d, p), &v, 8); break;
	}
}

static uint64_t prop_load_num(struct device *d, const struct prop *p)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;
	bool b;

	if (p->type == PROP_BOOL) {
		memcpy(&b, prop_at(d, p), sizeof(b));
		return b;
	}
	switch (prop_bytes(p->type)) {
	case 1: return *(uint8_t *)prop_at(d, p);
	case 2: memcpy(&v16, prop_at(d, p), 2); return v16;
	case 4: memcpy(&v32, prop_at(d, p), 4); return v32;
	default: memcpy(&v64, prop_at(d, p), 8); return v64;
	}
}

/* ---- text to value ---- */

static int prop_bad(struct device *d, const struct prop *p, const char *val,
                    const char *want, struct err *e)
{
	return err_set(e, -EINVAL, "Property '%s.%s': '%s' is not %s", d->cls->name,
	               p->name, val, want);
}

static int prop_set_num(struct device *d, const struct prop *p, const char *val,
                        struct err *e)
{
	unsigned bits = 8 * prop_bytes(p->type);
	char *end, want[64];
	uint64_t v;

	if (p->type == PROP_I32) {
		long long s;

		errno = 0;
		s = strtoll(val, &end, 0);
		if (errno || end == val || *end || s < INT32_MIN || s > INT32_MAX) {
			return prop_bad(d, p, val, "a 32-bit integer", e);
		}
		prop_store_num(d, p, (uint64_t)s);
		return 0;
	}
	errno = 0;
	v = strtoull(val, &end, 0);
	if (errno || !isdigit((unsigned char)*val) || *end ||
	    (bits < 64 && v >> bits)) {
		snprintf(want, sizeof(want), "a number of at most %u bits", bits);
		return prop_bad(d, p, val, want, e);
	}
	prop_store_num(d, p, v);
	return 0;
}

static int prop_set_names(struct device *d, const struct prop *p,
                          const char *const *names, const char *val, struct err *e)
{
	char want[256] = "one of";

	for (unsigned i = 0; names && names[i]; i++) {
		size_t len = strlen(want);

		if (!strcmp(names[i], val)) {
			prop_store_num(d, p, i);
			return 0;
		}
		snprintf(want + len, sizeof(want) - len, "%s%s", i ? ", " : " ",
		         names[i]);
	}
	return prop_bad(d, p, val, want, e);
}

static int prop_hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of hex digits, with separators where `seps` has a character in `sep_at`. */
static bool prop_parse_hex(const char *s, uint8_t *out, unsigned n, const char *seps,
                           uint32_t sep_at)
{
	for (unsigned i = 0; i < n; i++) {
		int hi, lo;

		if (i && (sep_at >> i & 1)) {
			if (!*s || !strchr(seps, *s)) {
				return false;
			}
			s++;
		}
		hi = prop_hex_digit(s[0]);
		lo = hi < 0 ? -1 : prop_hex_digit(s[1]);
		if (lo < 0) {
			return false;
		}
		out[i] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	return !*s;
}

static int prop_set_mac(struct device *d, const struct prop *p, const char *val,
                        struct err *e)
{
	uint8_t mac[6];

	if (!prop_parse_hex(val, mac, 6, ":-", 0x3e)) {
		return prop_bad(d, p, val, "a MAC address (52:54:00:12:34:56)", e);
	}
	memcpy(prop_at(d, p), mac, sizeof(mac));
	return 0;
}

static int prop_set_uuid(struct device *d, const struct prop *p, const char *val,
                         struct err *e)
{
	uint8_t uuid[16];

	/* 8-4-4-4-12 digits: dashes before bytes 4, 6, 8 and 10. */
	if (!prop_parse_hex(val, uuid, 16, "-", BIT(4) | BIT(6) | BIT(8) | BIT(10))) {
		return prop_bad(d, p, val, "a UUID", e);
	}
	memcpy(prop_at(d, p), uuid, sizeof(uuid));
	return 0;
}

/* "slot[.function]", hexadecimal with or without 0x. */
static int prop_set_pci_addr(struct device *d, const struct prop *p, const char *val,
                             struct err *e)
{
	static const char want[] = "a PCI address (slot.function, as in 0x2.0x1)";
	unsigned long slot, fn = 0;
	char *end;

	if (!strcmp(val, "-1")) {
		prop_store_num(d, p, (uint64_t)(int64_t)-1);
		return 0;
	}
	if (!isxdigit((unsigned char)*val)) {
		return prop_bad(d, p, val, want, e);
	}
	slot = strtoul(val, &end, 16);
	if (*end == '.' && isxdigit((unsigned char)end[1])) {
		fn = strtoul(end + 1, &end, 16);
	}
	if (*end || slot > 31 || fn > 7) {
		return prop_bad(d, p, val, want, e);
	}
	prop_store_num(d, p, slot << 3 | fn);
	return 0;
}

static int prop_set_size(struct device *d, const struct prop *p, const char *val,
                         struct err *e)
{
	uint64_t v;
	int ret = opt_parse_size(val, 1, &v, e);

	if (ret) {
		return err_prefix(e, ret, "Property '%s.%s'", d->cls->name, p->name);
	}
	prop_store_num(d, p, v);
	return 0;
}

static int prop_set_bool(struct device *d, const struct prop *p, const char *val,
                         struct err *e)
{
	struct opt *o = opt_new_str(val);
	bool b = false;
	int ret = opt_scalar_bool(o, &b);

	opt_free(o);
	if (ret) {
		return prop_bad(d, p, val, "'on' or 'off'", e);
	}
	prop_store_num(d, p, b);
	return 0;
}

static int prop_set_str(struct device *d, const struct prop *p, const char *val,
                        struct err *e)
{
	char *copy = strdup(val), **slot = prop_at(d, p);

	if (!copy) {
		return err_set_errno(e, -ENOMEM, "Property '%s.%s'", d->cls->name,
		                     p->name);
	}
	free(*slot);
	*slot = copy;
	return 0;
}

static int prop_set(struct device *d, const struct prop *p, const char *val,
                    struct err *e)
{
	switch (p->type) {
	case PROP_BOOL: return prop_set_bool(d, p, val, e);
	case PROP_U8:
	case PROP_U16:
	case PROP_U32:
	case PROP_U64:
	case PROP_I32: return prop_set_num(d, p, val, e);
	case PROP_SIZE: return prop_set_size(d, p, val, e);
	case PROP_ENUM: return prop_set_names(d, p, p->names, val, e);
	case PROP_ON_OFF_AUTO:
		if (!strcmp(val, "true") || !strcmp(val, "false")) {
			val = *val == 't' ? "on" : "off";
		}
		return prop_set_names(d, p, prop_on_off_auto, val, e);
	case PROP_MAC: return prop_set_mac(d, p, val, e);
	case PROP_UUID: return prop_set_uuid(d, p, val, e);
	case PROP_PCI_ADDR: return prop_set_pci_addr(d, p, val, e);
	default: return prop_set_str(d, p, val, e);
	}
}

/* ---- tables ---- */

static void prop_table_default(struct device *d, const struct prop *p)
{
	for (; p && p->name; p++) {
		if (p->def_str) {
			/* Our own table: a default that does not parse is seen by the
			 * tests. */
			if (prop_set(d, p, p->def_str, NULL)) {
				prop_store_num(d, p, 0);
			}
		} else if (!prop_is_text(p->type) && p->type != PROP_MAC &&
		           p->type != PROP_UUID) {
			prop_store_num(d, p, (uint64_t)p->def);
		}
	}
}

void device_props_default(struct device *d)
{
	prop_table_default(d, d->cls->bus_props);
	prop_table_default(d, d->cls->props);
}

static void prop_table_free(struct device *d, const struct prop *p)
{
	for (; p && p->name; p++) {
		if (prop_is_text(p->type)) {
			char **slot = prop_at(d, p);

			free(*slot);
			*slot = NULL;
		}
	}
}

void device_props_free(struct device *d)
{
	prop_table_free(d, d->cls->bus_props);
	prop_table_free(d, d->cls->props);
}

static void prop_list_names(char *buf, size_t size, const struct prop *p)
{
	for (; p && p->name; p++) {
		size_t len = strlen(buf);

		snprintf(buf + len, size - len, "%s%s", len ? ", " : "", p->name);
	}
}

int device_set_prop(struct device *d, const char *name, const char *val, struct err *e)
{
	const struct prop *p = device_prop_find(d->cls, name);
	char known[384] = "";

	if (d->realized) {
		return err_set(e, -EPERM,
		               "Property '%s.%s' can't be set: the device is in use",
		               d->cls->name, name);
	}
	if (!p) {
		prop_list_names(known, sizeof(known), d->cls->props);
		prop_list_names(known, sizeof(known), d->cls->bus_props);
		return err_set(e, -ENOENT, "Property '%s.%s' not found; known: %s",
		               d->cls->name, name, known);
	}
	return prop_set(d, p, val, e);
}

/* Dictionaries stand for dotted names: {"a":{"b":1}} is the property "a.b". */
static int device_set_dict(struct device *d, struct opt *dict, const char *prefix,
                           struct err *e)
{
	int ret = 0;

	for (unsigned i = 0; i < opt_count(dict) && !ret; i++) {
		struct opt *o = opt_get(dict, opt_key_at(dict, i));
		AUTO_FREE char *name = NULL;

		if (asprintf(&name, "%s%s%s", prefix, *prefix ? "." : "",
		             opt_key_at(dict, i)) < 0) {
			name = NULL;
			return err_set_errno(e, -ENOMEM, "device '%s'", d->cls->name);
		}
		if (opt_kind(o) == OPT_DICT && !*prefix) {
			ret = device_set_dict(d, o, name, e);
		} else if (opt_kind(o) == OPT_NULL) {
			continue;
		} else {
			ret = device_set_prop(d, name, opt_str(o), e);
		}
	}
	return ret;
}

int device_set_props(struct device *d, struct opt *opts, struct err *e)
{
	return device_set_dict(d, opts, "", e);
}

/* ---- value to text ---- */

static char *prop_format(const char *fmt, ...) __printf(1, 2);
static char *prop_format(const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

static char *prop_format_bytes(const uint8_t *b, unsigned n, char sep, uint32_t sep_at)
{
	char buf[64], *o = buf;

	for (unsigned i = 0; i < n; i++) {
		if (sep_at >> i & 1) {
			*o++ = sep;
		}
		o += snprintf(o, 3, "%02x", b[i]);
	}
	return prop_format("%s", buf);
}

char *device_get_prop(struct device *d, const char *name)
{
	const struct prop *p = device_prop_find(d->cls, name);
	uint64_t v;
	const char *s;

	if (!p) {
		return NULL;
	}
	if (prop_is_text(p->type)) {
		s = *(char **)prop_at(d, p);
		return prop_format("%s", s ? s : "");
	}
	if (p->type == PROP_MAC) {
		return prop_format_bytes(prop_at(d, p), 6, ':', 0x3e);
	}
	if (p->type == PROP_UUID) {
		return prop_format_bytes(prop_at(d, p), 16, '-',
		                         BIT(4) | BIT(6) | BIT(8) | BIT(10));
	}
	v = prop_load_num(d, p);
	switch (p->type) {
	case PROP_BOOL: return prop_format("%s", v ? "on" : "off");
	case PROP_I32: return prop_format("%" PRId32, (int32_t)v);
	case PROP_ENUM: return prop_format("%s", p->names[v]);
	case PROP_ON_OFF_AUTO:
		return prop_format("%s", prop_on_off_auto[v < 3 ? v : 0]);
	case PROP_PCI_ADDR:
		if ((int32_t)v < 0) {
			return prop_format("-1");
		}
		return prop_format("%02x.%x", (unsigned)v >> 3, (unsigned)v & 7);
	default: return prop_format("%" PRIu64, v);
	}
}
