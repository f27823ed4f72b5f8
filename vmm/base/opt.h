/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt.h - the option tree: dictionaries, lists and scalars. Command line, files
 * and QMP only write it; boards, devices and back ends only read their subtree.
 *
 * A scalar keeps its text ("on", "0x10", "1G") or its JSON type; readers convert:
 * libvirt writes numbers where the property is a string and vice versa, so
 * opt_get_u64() accepts the text "16" and opt_get_str() accepts the number 16.
 *
 * Every node remembers whether a reader asked for it: opt_check_unused() then
 * names what nobody understood ("unknown option 'foo'; known: a, b, c").
 *
 * Ownership: a child belongs to its parent; opt_free() frees the whole tree.
 * Strings returned are borrowed from the node. Control thread only.
 */
#ifndef LODGE_BASE_OPT_H
#define LODGE_BASE_OPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum opt_kind { OPT_NULL, OPT_BOOL, OPT_INT, OPT_FLOAT, OPT_STR, OPT_LIST, OPT_DICT };

struct opt;

struct opt *opt_new_dict(void);
struct opt *opt_new_list(void);
struct opt *opt_new_str(const char *s);
struct opt *opt_new_int(int64_t v);
struct opt *opt_new_bool(bool v);
struct opt *opt_new_null(void);
struct opt *opt_copy(const struct opt *o);
void opt_free(struct opt *o);

/* QEMU's "head,key=value,key.sub=value,flag,noflag": `implied` names the key of a first
 * value without '='. ",," is a literal comma. Text beginning with '{' is JSON. A key given
 * more than once becomes a list of its values; scalar readers take the last one. */
int opt_parse(struct opt **out, const char *text, const char *implied, struct err *e)
	__must_check;
int opt_parse_json(struct opt **out, const char *text, struct err *e) __must_check;
/* JSON text of the tree, malloc'd. */
char *opt_to_json(const struct opt *o);

enum opt_kind opt_kind(const struct opt *o);
/* Dict: takes ownership of v, replaces an existing key. */
void opt_put_take(struct opt *dict, const char *key, struct opt *v);
void opt_put_str(struct opt *dict, const char *key, const char *v);
void opt_put_int(struct opt *dict, const char *key, int64_t v);
void opt_put_bool(struct opt *dict, const char *key, bool v);
void opt_del(struct opt *dict, const char *key);
void opt_append_take(struct opt *list, struct opt *v);
unsigned opt_count(const struct opt *o);             /* members of a list or dict */
struct opt *opt_at(const struct opt *o, unsigned i); /* i-th member */
const char *opt_key_at(const struct opt *dict, unsigned i);
/* NULL when absent. Marks the member as used. "a.b" walks into sub-dicts. */
struct opt *opt_get(struct opt *dict, const char *key);
bool opt_has(const struct opt *dict, const char *key); /* does not mark */

/* Readers: absent -> the default and 0; present but wrong -> -EINVAL with a sentence. */
const char *opt_get_str(struct opt *dict, const char *key, const char *def);
int opt_get_u64(struct opt *dict, const char *key, uint64_t def, uint64_t *out,
                struct err *e) __must_check;
int opt_get_int(struct opt *dict, const char *key, int64_t def, int64_t *out,
                struct err *e) __must_check;
/* "1G", "512M", "4k", plain bytes; `unit` (1, or 1<<20 for -m) scales a bare number. */
int opt_get_size(struct opt *dict, const char *key, uint64_t def, uint64_t unit,
                 uint64_t *out, struct err *e) __must_check;
/* on/off/yes/no/true/false */
int opt_get_bool(struct opt *dict, const char *key, bool def, bool *out, struct err *e)
	__must_check;
/* Index into NULL-terminated `names`; the error lists them. */
int opt_get_enum(struct opt *dict, const char *key, const char *const *names, int def,
                 int *out, struct err *e) __must_check;
/* The scalar itself, as text ("" for null); borrowed. */
const char *opt_str(const struct opt *o);
int opt_scalar_u64(const struct opt *o, uint64_t *out);
int opt_scalar_bool(const struct opt *o, bool *out);

/* -EINVAL naming the first member no reader asked for. `what` is "-device virtio-blk-pci". */
int opt_check_unused(struct opt *dict, const char *what, struct err *e) __must_check;

/* "128M" -> bytes; shared with the HMP and tools. */
int opt_parse_size(const char *s, uint64_t unit, uint64_t *out, struct err *e)
	__must_check;

#endif
