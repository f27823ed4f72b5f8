/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list.h - an intrusive, circular, doubly linked list. The head is a node; an
 * empty list points at itself. No locking: the owner of the list guards it.
 */
#ifndef LODGE_BASE_LIST_H
#define LODGE_BASE_LIST_H

#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(l)                                                                   \
	{                                                                              \
		&(l), &(l)                                                             \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_before(struct list *at, struct list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

static inline void list_add_tail(struct list *head, struct list *n)
{
	list_insert_before(head, n);
}

static inline void list_add_head(struct list *head, struct list *n)
{
	list_insert_before(head->next, n);
}

/* The node points at itself afterwards, so removing twice is harmless. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

static inline unsigned list_len(const struct list *l)
{
	unsigned n = 0;

	for (const struct list *p = l->next; p != l; p = p->next) {
		n++;
	}
	return n;
}

/* NULL: the list is shorter. See list_nth(). */
static inline struct list *list_at(struct list *l, unsigned i)
{
	struct list *p = l->next;

	while (p != l && i--) {
		p = p->next;
	}
	return p == l ? 0 : p;
}

#define list_entry(n, type, member) container_of(n, type, member)
/* The i-th `type *`, or NULL. */
#define list_nth(head, i, type, member)                                                \
	({                                                                             \
		struct list *nth_ = list_at(head, i);                                  \
		nth_ ? list_entry(nth_, type, member) : NULL;                          \
	})
/* The `type *` whose member `key`, a string, is `text`, or NULL. */
#define list_named(head, text, type, member, key)                                      \
	({                                                                             \
		type *named_ = list_entry((head)->next, type, member);                 \
		while (&named_->member != (head) && strcmp(named_->key, text)) {       \
			named_ = list_entry(named_->member.next, type, member);        \
		}                                                                      \
		&named_->member == (head) ? NULL : named_;                             \
	})
#define list_first(head, type, member) list_entry((head)->next, type, member)
/* `type *` pos walks the list; `_safe` allows removing pos itself. */
#define list_for_each(pos, head, member)                                               \
	for (pos = list_entry((head)->next, __typeof__(*pos), member);                 \
	     &pos->member != (head);                                                   \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_safe(pos, tmp, head, member)                                     \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),                 \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);              \
	     &pos->member != (head);                                                   \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
