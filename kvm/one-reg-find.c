/* SPDX-License-Identifier: GPL-2.0-or-later */
/* one-reg-find.c - look-up in register tables; needs no KVM. Any thread. */
#include "config.h"

#include <stddef.h>

#include "kvm/one-reg.h"

const struct one_reg *one_reg_find(const struct one_reg *t, unsigned n, uint64_t id)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t mask =
			t[i].how & ONE_REG_FLEX ? ~ONE_REG_SIZE_MASK : ~UINT64_C(0);

		if ((t[i].id & mask) == (id & mask)) {
			return &t[i];
		}
	}
	return NULL;
}
