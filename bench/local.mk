EXTRA_DIST += bench/run bench/work.sh bench/nbody.c bench/matmul.c \
	bench/exits bench/exits-inner.sh bench/locks bench/exit-steps.c bench/guest/build.sh bench/guest/exits.c \
	bench/guest/exits.ld bench/guest/first.S bench/guest/head.S
