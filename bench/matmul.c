/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matmul.c - float matrix multiply (compiled with -O3: vectorised); prints the trace. */
#include <stdio.h>
#include <stdlib.h>

enum { N = 256 };

static float a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 20;
	double trace = 0;

	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			a[i][j] = (float)((i * 3 + j) % 17) / 17.0f;
			b[i][j] = (float)((i + j * 5) % 13) / 13.0f;
		}
	}
	for (int r = 0; r < rounds; r++) {
		for (int i = 0; i < N; i++) {
			for (int k = 0; k < N; k++) {
				float x = a[i][k];

				for (int j = 0; j < N; j++) {
					c[i][j] += x * b[k][j];
				}
			}
		}
	}
	for (int i = 0; i < N; i++) {
		trace += c[i][i];
	}
	printf("%.4f\n", trace);
	return 0;
}
