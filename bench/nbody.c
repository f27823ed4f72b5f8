/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nbody.c - five bodies under gravity in double precision; prints the energy. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODIES = 5 };

struct body {
	double p[3], v[3], m;
};

static struct body nb[BODIES];

static double nbody_energy(void)
{
	double e = 0;

	for (int i = 0; i < BODIES; i++) {
		const struct body *b = &nb[i];

		e += 0.5 * b->m *
		     (b->v[0] * b->v[0] + b->v[1] * b->v[1] + b->v[2] * b->v[2]);
		for (int j = i + 1; j < BODIES; j++) {
			double d2 = 0;

			for (int k = 0; k < 3; k++) {
				d2 += (b->p[k] - nb[j].p[k]) * (b->p[k] - nb[j].p[k]);
			}
			e -= b->m * nb[j].m / sqrt(d2);
		}
	}
	return e;
}

static void nbody_step(double dt)
{
	for (int i = 0; i < BODIES; i++) {
		for (int j = i + 1; j < BODIES; j++) {
			double d[3], d2 = 0, mag;

			for (int k = 0; k < 3; k++) {
				d[k] = nb[i].p[k] - nb[j].p[k];
				d2 += d[k] * d[k];
			}
			mag = dt / (d2 * sqrt(d2));
			for (int k = 0; k < 3; k++) {
				nb[i].v[k] -= d[k] * nb[j].m * mag;
				nb[j].v[k] += d[k] * nb[i].m * mag;
			}
		}
	}
	for (int i = 0; i < BODIES; i++) {
		for (int k = 0; k < 3; k++) {
			nb[i].p[k] += dt * nb[i].v[k];
		}
	}
}

int main(int argc, char **argv)
{
	int steps = argc > 1 ? atoi(argv[1]) : 1000000;

	for (int i = 0; i < BODIES; i++) {
		for (int k = 0; k < 3; k++) {
			nb[i].p[k] = (i + 1) * (k == i % 3 ? 1.7 : 0.3) + 0.01 * k;
			nb[i].v[k] = 0.1 * ((i * 7 + k * 3) % 5 - 2);
		}
		nb[i].m = i ? 0.001 * i : 40.0;
	}
	for (int i = 0; i < steps; i++) {
		nbody_step(0.001);
	}
	printf("%.9f\n", nbody_energy());
	return 0;
}
