/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_x86decode.c - the x86 decoder and its text on arbitrary bytes: never reads past
 * the given bytes, never gives a length past them or above 15.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tcg-fallback/guest/x86/x86-guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x86_insn i;
	char text[64];
	uint64_t key;
	uint8_t *copy;
	int n;

	if (size < 2) {
		return 0;
	}
	key = (data[0] % 3) | (data[0] & 4 ? XH_PE : 0) | (data[0] & 8 ? XH_VM86 : 0);
	size = size - 1 < 20 ? size - 1 : 20;
	copy = malloc(size); /* exact, so that the sanitizer sees a byte too far */
	if (!copy) {
		return 0;
	}
	memcpy(copy, data + 1, size);
	n = x86_decode(copy, (unsigned)size, key, &i);
	if (n > 15 || n > (int)size || (n > 0 && !i.d)) {
		abort();
	}
	if (n > 0) {
		x86_disas(&i, 0x1000, text, sizeof(text));
	}
	free(copy);
	return 0;
}
