/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.c - what the programs of this folder share; see insn.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/insn/insn.h"

const char *const it_engine_names[IT_ENGINES] = { "interp", "interp+opt", "host",
	                                          "host+opt" };

/* SplitMix64. */
uint64_t rng_next(struct it_rng *r)
{
	uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned rng_below(struct it_rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

int it_getopt(struct it_run *run, int argc, char **argv, const char *more)
{
	char all[32];
	int o;

	snprintf(all, sizeof(all), "s:n:k:v%s", more);
	while ((o = getopt(argc, argv, all)) != -1) {
		switch (o) {
		case 's': run->r.s = strtoull(optarg, NULL, 0); break;
		case 'n': run->n = strtoul(optarg, NULL, 0); break;
		case 'k': run->max_bad = strtoul(optarg, NULL, 0); break;
		case 'v': run->verbose = true; break;
		default: return o;
		}
	}
	return -1;
}

void it_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	native_init();
	emu_init();
}

int it_end(const struct it_run *run)
{
	printf("%lu failures\n", run->bad);
	return run->bad != 0;
}
