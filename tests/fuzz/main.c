/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - runs a fuzz target without libFuzzer: replays files, then feeds mutations of
 * them for some seconds. No coverage feedback: this is the smoke test of make check; to
 * search for bugs, configure with CC=clang --enable-fuzzing.
 *
 *   fuzz_x [-max_total_time=SECONDS] [-seed=N] [FILE | DIRECTORY]...
 *
 * The input at work is kept in memory that a crash handler writes to ./crash-input.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_MAX = 8192, FUZZ_SEEDS = 256 };

struct fuzz_seed {
	uint8_t *data;
	size_t size;
};

static struct fuzz_seed fuzz_seeds[FUZZ_SEEDS];
static unsigned fuzz_n_seeds;
static uint8_t fuzz_buf[FUZZ_MAX];
static size_t fuzz_size;
static uint64_t fuzz_state = 1;

static uint32_t fuzz_rand(void)
{
	fuzz_state ^= fuzz_state << 13;
	fuzz_state ^= fuzz_state >> 7;
	fuzz_state ^= fuzz_state << 17;
	return (uint32_t)(fuzz_state >> 32);
}

static void fuzz_crash(int sig)
{
	int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0) {
		(void)!write(fd, fuzz_buf, fuzz_size);
		close(fd);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

static void fuzz_load_file(const char *path)
{
	FILE *f = fopen(path, "re");
	struct fuzz_seed *s = &fuzz_seeds[fuzz_n_seeds];

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	s->data = malloc(FUZZ_MAX);
	if (s->data) {
		s->size = fread(s->data, 1, FUZZ_MAX, f);
		fuzz_n_seeds++;
	}
	fclose(f);
}

static void fuzz_load(const char *path)
{
	struct dirent **list;
	struct stat st;
	char name[4096];
	int n;

	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		fuzz_load_file(path);
		return;
	}
	n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && fuzz_n_seeds < FUZZ_SEEDS) {
			fuzz_load_file(name);
		}
		free(list[i]);
	}
	if (n >= 0) {
		free(list);
	}
}

/* Values that lengths, counts and flags go wrong with. */
static uint8_t fuzz_byte(void)
{
	static const uint8_t odd[] = {
		0, 1, 2, 4, 8, 0x10, 0x40, 0x7f, 0x80, 0xfe, 0xff
	};

	return fuzz_rand() & 1 ? odd[fuzz_rand() % sizeof(odd)] : (uint8_t)fuzz_rand();
}

static void fuzz_fresh(void)
{
	fuzz_size = fuzz_rand() % (fuzz_rand() & 3 ? 64 : FUZZ_MAX);
	for (size_t i = 0; i < fuzz_size; i++) {
		fuzz_buf[i] = fuzz_rand() & 1 ? 0 : fuzz_byte();
	}
}

static void fuzz_splice(void)
{
	const struct fuzz_seed *s = &fuzz_seeds[fuzz_rand() % fuzz_n_seeds];
	size_t from = s->size ? fuzz_rand() % s->size : 0;
	size_t to = fuzz_size ? fuzz_rand() % fuzz_size : 0;
	size_t n = fuzz_rand() % 64;

	n = n < s->size - from ? n : s->size - from;
	n = n < FUZZ_MAX - to ? n : FUZZ_MAX - to;
	memcpy(fuzz_buf + to, s->data + from, n);
	fuzz_size = to + n > fuzz_size ? to + n : fuzz_size;
}

static void fuzz_mutate(void)
{
	size_t at = fuzz_size ? fuzz_rand() % fuzz_size : 0;

	switch (fuzz_rand() % 6) {
	case 0: /* a byte goes */
		if (fuzz_size) {
			memmove(fuzz_buf + at, fuzz_buf + at + 1, fuzz_size - at - 1);
			fuzz_size--;
		}
		break;
	case 1: /* a byte comes */
		if (fuzz_size < FUZZ_MAX) {
			memmove(fuzz_buf + at + 1, fuzz_buf + at, fuzz_size - at);
			fuzz_buf[at] = fuzz_byte();
			fuzz_size++;
		}
		break;
	case 2: fuzz_size = at; break;
	case 3: fuzz_splice(); break;
	case 4:
		if (fuzz_size) {
			fuzz_buf[at] ^= (uint8_t)(1u << fuzz_rand() % 8);
		}
		break;
	default:
		if (fuzz_size) {
			fuzz_buf[at] = fuzz_byte();
		}
		break;
	}
}

/* An exact copy on the heap, so that a sanitizer sees a byte too far. */
static void fuzz_one(void)
{
	uint8_t *p = malloc(fuzz_size ? fuzz_size : 1);

	if (p) {
		memcpy(p, fuzz_buf, fuzz_size);
		LLVMFuzzerTestOneInput(p, fuzz_size);
		free(p);
	}
}

/* By the processor time that it has had; who waits for ever is smoke.sh's business. */
static void fuzz_limit(time_t seconds)
{
	struct itimerval t = { .it_value.tv_sec = seconds };

	(void)setitimer(ITIMER_PROF, &t, NULL);
}

static void fuzz_seed_at(unsigned i)
{
	fuzz_size = fuzz_seeds[i].size;
	memcpy(fuzz_buf, fuzz_seeds[i].data, fuzz_size);
}

int main(int argc, char **argv)
{
	const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF };
	long seconds = 3;
	uint64_t runs = 0;
	time_t end;

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "-max_total_time=", 16)) {
			seconds = strtol(argv[i] + 16, NULL, 10);
		} else if (!strncmp(argv[i], "-seed=", 6)) {
			fuzz_state = strtoull(argv[i] + 6, NULL, 10) | 1;
		} else if (argv[i][0] != '-' && fuzz_n_seeds < FUZZ_SEEDS) {
			fuzz_load(argv[i]);
		}
	}
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], fuzz_crash);
	}
	end = time(NULL) + seconds;
	for (unsigned i = 0; i < fuzz_n_seeds; i++, runs++) {
		fuzz_seed_at(i);
		fuzz_one();
	}
	for (; time(NULL) < end; runs++) {
		if (fuzz_n_seeds && fuzz_rand() % 8) {
			fuzz_seed_at(fuzz_rand() % fuzz_n_seeds);
		} else {
			fuzz_fresh();
		}
		for (unsigned i = fuzz_rand() % 8; fuzz_n_seeds && i; i--) {
			fuzz_mutate();
		}
		fuzz_limit(30); /* no input may take this long */
		fuzz_one();
		fuzz_limit(0);
	}
	printf("%" PRIu64 " inputs\n", runs);
	return 0;
}
