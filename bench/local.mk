EXTRA_DIST += bench/run bench/work.sh bench/nbody.c bench/matmul.c
