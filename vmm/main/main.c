/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - placeholder until the machine is built here. */
#include "config.h"

#include <stdio.h>

int main(void)
{
	fputs("lodge: not supported: this build has no machine yet\n", stderr);
	return 1;
}
