/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opt-internal.h - the node, shared by opt*.c only. */
#ifndef LODGE_BASE_OPT_INTERNAL_H
#define LODGE_BASE_OPT_INTERNAL_H

#include "base/opt.h"

enum { OPT_USED = 1, OPT_WALKED = 2, OPT_DEPTH_MAX = 64 };

struct opt {
	enum opt_kind kind;
	uint8_t marks;    /* OPT_USED, OPT_WALKED */
	bool is_unsigned; /* OPT_INT above INT64_MAX */
	bool repeated;    /* list made of a key that was given more than once */
	unsigned n, cap;
	union {
		bool b;
		int64_t i;
		double d;
		char *s;
		struct opt **items; /* list and dict */
	};
	char **keys;  /* dict */
	char *text;   /* opt_str() of a number */
	char **asked; /* dict: keys readers asked for, for the error text */
	unsigned n_asked;
};

/* The allocators of set-up code: out of memory here is the end of the program. */
void *opt_xalloc(size_t n);
char *opt_xstrndup(const char *s, size_t n);
struct opt *opt_new(enum opt_kind kind);
struct opt *opt_new_str_take(char *s);
/* Member without marking; no walking. */
struct opt *opt_peek(const struct opt *dict, const char *key);

#endif
