/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notyet.c - stands in for the program until all parts it links are in the tree. */
#include "config.h"

#include <stdio.h>

int main(void)
{
	fputs("lodge: not supported: this build has no machine yet\n", stderr);
	return 1;
}
