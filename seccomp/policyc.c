/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policyc.c - build-time compiler of seccomp/policy: each role's lines become a
 * BPF program, printed as a C array, beside a table of system call names for the
 * message of a kill. Uses libseccomp here so that lodge itself starts without
 * building filters.
 *
 *   policyc DIR ROLE... > policy-gen.c
 */
#include "config.h"

#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"

enum { POLICY_MAX_DEPTH = 4, POLICY_MAX_NR = 600 };

static void __noreturn policy_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	exit(1);
}

static int policy_rule(scmp_filter_ctx ctx, char *text, const char *file, int line)
{
	struct scmp_arg_cmp cmp[6];
	unsigned n = 0;
	char *save = NULL, *name = strtok_r(text, " \t", &save), *arg;
	int nr = seccomp_syscall_resolve_name(name);
	uint32_t action = SCMP_ACT_ALLOW;
	int ret;

	if (nr == __NR_SCMP_ERROR) {
		policy_die(file, line, "unknown system call");
	}
	if (nr < 0) {
		return 0; /* another architecture's */
	}
	while ((arg = strtok_r(NULL, " \t", &save))) {
		char *op = strtok_r(NULL, " \t", &save),
		     *val = strtok_r(NULL, " \t", &save);
		unsigned i = strncmp(arg, "arg", 3) ? 9 : (unsigned)(arg[3] - '0');

		if (i > 5 || !op || !val || n == ARRAY_LEN(cmp)) {
			policy_die(file, line, "bad argument check");
		}
		cmp[n].arg = i;
		if (!strcmp(op, "&")) {
			char *want = strtok_r(NULL, " \t", &save);

			if (!want) {
				policy_die(file, line, "mask without a value");
			}
			cmp[n].op = SCMP_CMP_MASKED_EQ;
			cmp[n].datum_a = strtoull(val, NULL, 0);
			cmp[n].datum_b = strtoull(want, NULL, 0);
		} else {
			cmp[n].op = !strcmp(op, "==") ? SCMP_CMP_EQ : SCMP_CMP_NE;
			cmp[n].datum_a = strtoull(val, NULL, 0);
		}
		n++;
	}
	if (!strcmp(name, "clone3")) {
		action = SCMP_ACT_ERRNO(ENOSYS); /* its flags cannot be looked at */
	}
	ret = seccomp_rule_add_array(ctx, action, nr, n, cmp);
	return ret == -EEXIST ? 0 : ret;
}

static void policy_file(scmp_filter_ctx ctx, const char *dir, const char *role,
                        int depth)
{
	char path[4096], line[512];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.policy", dir, role);
	f = fopen(path, "r");
	if (!f || depth > POLICY_MAX_DEPTH) {
		policy_die(path, 0,
		           f ? "includes are nested too deeply" : strerror(errno));
	}
	while (fgets(line, sizeof(line), f)) {
		char *colon, *s = line + strspn(line, " \t\n");

		n++;
		if (!*s || *s == '#') {
			continue;
		}
		if (!strncmp(s, "include ", 8)) {
			s[strcspn(s, "\n")] = 0;
			policy_file(ctx, dir, s + 8, depth + 1);
			continue;
		}
		colon = strchr(s, ':');
		if (!colon || !colon[1 + strspn(colon + 1, " \t\n")]) {
			policy_die(path, n, "a line without a reason");
		}
		*colon = 0;
		if (policy_rule(ctx, s, path, n) < 0) {
			policy_die(path, n, "libseccomp refuses the rule");
		}
	}
	fclose(f);
}

/* The role's name as a C identifier. */
static const char *policy_ident(const char *role)
{
	static char id[64];

	snprintf(id, sizeof(id), "%s", role);
	for (char *p = id; *p; p++) {
		*p = *p == '-' ? '_' : *p;
	}
	return id;
}

static void policy_emit(const char *dir, const char *role)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	struct sock_filter ins;
	FILE *tmp = tmpfile();
	unsigned n = 0;

	if (!ctx || !tmp) {
		policy_die(role, 0, "out of memory");
	}
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	policy_file(ctx, dir, "common", 0);
	policy_file(ctx, dir, role, 0);
	if (seccomp_export_bpf(ctx, fileno(tmp)) < 0) {
		policy_die(role, 0, "cannot make the filter");
	}
	rewind(tmp);
	printf("static const struct sock_filter policy_%s[] = {\n", policy_ident(role));
	while (fread(&ins, sizeof(ins), 1, tmp) == 1) {
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", ins.code, ins.jt, ins.jf,
		       ins.k);
		n++;
	}
	printf("};\n");
	if (!n) {
		policy_die(role, 0, "empty filter");
	}
	fclose(tmp);
	seccomp_release(ctx);
}

int main(int argc, char **argv)
{
	printf("/* Made by policyc from seccomp/policy. */\n#include \"config.h\"\n\n"
	       "#include \"seccomp/sandbox-gen.h\"\n\n");
	for (int i = 2; i < argc; i++) {
		policy_emit(argv[1], argv[i]);
	}
	printf("const struct sandbox_filter sandbox_filters[] = {\n");
	for (int i = 2; i < argc; i++) {
		const char *id = policy_ident(argv[i]);

		printf("\t{ \"%s\", policy_%s, sizeof(policy_%s) / "
		       "sizeof(policy_%s[0]) },\n",
		       argv[i], id, id, id);
	}
	printf("\t{ 0, 0, 0 },\n};\nconst char *const "
	       "sandbox_syscall_names[SANDBOX_NR_MAX] = {\n");
	for (int nr = 0; nr < POLICY_MAX_NR; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

		if (name) {
			printf("\t[%d] = \"%s\",\n", nr, name);
		}
		free(name);
	}
	printf("};\n");
	return fflush(stdout) ? 1 : 0;
}
