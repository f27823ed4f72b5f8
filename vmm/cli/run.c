/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - `lodge run IMAGE|KERNEL`: the short form for people. It writes the same option
 * tree as the long form.
 *
 * A kernel (bzImage or ELF, found by its first bytes) is booted directly; anything else
 * is a disk, booted by firmware. The console is the terminal.
 *
 * Known gap: --share needs a file-sharing device, which is not there yet.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "cli/cli.h"

struct cli_run {
	const char *image, *memory, *cpus, *ssh, *initrd, *append, *machine, *accel,
		*share;
	const char *disk[16], *forward[16], *cpu;
	unsigned n_disk, n_forward;
	bool no_net, dry;
};

static void cli_run_help(void)
{
	printf("usage: lodge run IMAGE|KERNEL [options]\n"
	       "  --memory N[M|G]     memory (default 1G)\n"
	       "  --cpus N            processors (default 1)\n"
	       "  --ssh PORT          127.0.0.1:PORT leads to the guest's port 22\n"
	       "  --forward H:G       127.0.0.1:H leads to the guest's port G\n"
	       "  --disk FILE         one more virtio disk (may be given again)\n"
	       "  --initrd FILE       with a kernel\n"
	       "  --append TEXT       kernel command line\n"
	       "  --machine NAME      q35 (default) or microvm\n"
	       "  --accel LIST        auto (default: KVM where it has hardware), kvm, "
	       "tcg, kvm:tcg\n"
	       "  --cpu MODEL         processor model (default: max)\n"
	       "  --no-network        no network card\n"
	       "  --show              print the long command line and stop\n"
	       "Ctrl-A x ends the machine.\n");
}

static bool cli_is_kernel(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t h[0x210] = { 0 };

	if (fd < 0 || read(fd, h, sizeof(h)) != sizeof(h)) {
		return false;
	}
	return memcmp(h, "\177ELF", 4) == 0 || ld_le32(h + 0x202) == 0x53726448;
}

static int cli_run_option(struct cli_run *c, const char *name, const char *arg,
                          struct err *e)
{
	const struct {
		const char *name;
		const char **to;
	} one[] = { { "memory", &c->memory }, { "cpus", &c->cpus },
		    { "ssh", &c->ssh },       { "initrd", &c->initrd },
		    { "append", &c->append }, { "machine", &c->machine },
		    { "accel", &c->accel },   { "share", &c->share },
		    { "cpu", &c->cpu } };

	for (unsigned i = 0; i < ARRAY_LEN(one); i++) {
		if (strcmp(one[i].name, name) == 0) {
			*one[i].to = arg;
			return 0;
		}
	}
	if (strcmp(name, "disk") == 0 && c->n_disk < ARRAY_LEN(c->disk)) {
		c->disk[c->n_disk++] = arg;
		return 0;
	}
	if (strcmp(name, "forward") == 0 && c->n_forward < ARRAY_LEN(c->forward)) {
		c->forward[c->n_forward++] = arg;
		return 0;
	}
	return err_set(e, -EINVAL, "run: unknown option --%s (see 'lodge run --help')",
	               name);
}

static int cli_run_args(struct cli_run *c, int argc, char **argv, struct err *e)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		char name[32], *eq;
		int r;

		if (a[0] != '-') {
			if (c->image) {
				return err_set(e, -EINVAL,
				               "run: one image only: '%s' and '%s'",
				               c->image, a);
			}
			c->image = a;
			continue;
		}
		a += strspn(a, "-");
		if (strcmp(a, "help") == 0 || strcmp(a, "h") == 0) {
			cli_run_help();
			return CLI_DONE;
		}
		if (strcmp(a, "no-network") == 0) {
			c->no_net = true;
			continue;
		}
		if (strcmp(a, "show") == 0) {
			c->dry = true;
			continue;
		}
		snprintf(name, sizeof(name), "%s", a);
		eq = strchr(name, '=');
		if (eq) {
			*eq = 0;
			r = cli_run_option(c, name, a + (eq - name) + 1, e);
		} else if (i + 1 == argc) {
			/* An unknown option says that first. */
			r = cli_run_option(c, name, "", e);
			return r < 0 ? r
			             : err_set(e, -EINVAL, "run: --%s needs a value",
			                       a);
		} else {
			r = cli_run_option(c, name, argv[++i], e);
		}
		if (r) {
			return r;
		}
	}
	if (!c->image) {
		return err_set(e, -EINVAL,
		               "run: which image or kernel? (see 'lodge run --help')");
	}
	return 0;
}

struct cli_argv {
	char *v[96];
	int n;
};

static void cli_argv_add(struct cli_argv *a, const char *opt, const char *val)
{
	if (a->n + 2 < (int)ARRAY_LEN(a->v)) {
		a->v[a->n++] = strdup(opt);
		if (val) {
			a->v[a->n++] = strdup(val);
		}
	}
}

static void cli_argv_drive(struct cli_argv *a, const char *file)
{
	char text[4400];
	size_t n = (size_t)snprintf(text, sizeof(text), "if=virtio,file=");

	(void)cli_escape(text + n, sizeof(text) - n, file);
	cli_argv_add(a, "-drive", text);
}

static int cli_run_net(const struct cli_run *c, struct cli_argv *a, struct err *e)
{
	char text[2048];
	size_t n = snprintf(text, sizeof(text), "user");

	if (c->no_net) {
		cli_argv_add(a, "-nic", "none");
		return 0;
	}
	if (c->ssh) {
		n += snprintf(text + n, sizeof(text) - n,
		              ",hostfwd=tcp:127.0.0.1:%s-:22", c->ssh);
	}
	for (unsigned i = 0; i < c->n_forward; i++) {
		const char *colon = strchr(c->forward[i], ':');

		if (!colon || n + 64 > sizeof(text)) {
			return err_set(
				e, -EINVAL,
				"run: --forward wants HOSTPORT:GUESTPORT, not '%s'",
				c->forward[i]);
		}
		n += snprintf(text + n, sizeof(text) - n,
		              ",hostfwd=tcp:127.0.0.1:%.*s-:%s",
		              (int)(colon - c->forward[i]), c->forward[i], colon + 1);
	}
	cli_argv_add(a, "-nic", text);
	return 0;
}

static int cli_run_build(const struct cli_run *c, struct cli_argv *a, struct err *e)
{
	bool kernel = cli_is_kernel(c->image);

	if (access(c->image, R_OK) < 0) {
		return err_set_errno(e, -errno, "cannot read '%s'", c->image);
	}
	if (c->share) {
		return err_set(e, -ENOTSUP, "not supported: --share");
	}
	if (!kernel && (c->initrd || c->append)) {
		return err_set(e, -EINVAL,
		               "run: --initrd and --append need a kernel, '%s' is none",
		               c->image);
	}
	cli_argv_add(a, "lodge", NULL);
	cli_argv_add(a, "-machine", c->machine ? c->machine : "q35");
	cli_argv_add(a, "-accel", c->accel ? c->accel : "auto");
	cli_argv_add(a, "-cpu", c->cpu ? c->cpu : "max");
	cli_argv_add(a, "-smp", c->cpus ? c->cpus : "1");
	cli_argv_add(a, "-m", c->memory ? c->memory : "1G");
	if (kernel) {
		cli_argv_add(a, "-kernel", c->image);
		cli_argv_add(a, "-append", c->append ? c->append : "console=ttyS0");
		if (c->initrd) {
			cli_argv_add(a, "-initrd", c->initrd);
		}
	} else {
		cli_argv_drive(a, c->image);
	}
	for (unsigned i = 0; i < c->n_disk; i++) {
		cli_argv_drive(a, c->disk[i]);
	}
	cli_argv_add(a, "-nographic", NULL);
	return cli_run_net(c, a, e);
}

int cli_parse_run(int argc, char **argv, struct opt **out, struct err *e)
{
	struct cli_run c = { 0 };
	struct cli_argv a = { .n = 0 };
	int r = cli_run_args(&c, argc, argv, e);

	r = r ? r : cli_run_build(&c, &a, e);
	if (!r && c.dry) {
		for (int i = 0; i < a.n; i++) {
			printf(strchr(a.v[i], ' ') ? "%s'%s'" : "%s%s", i ? " " : "",
			       a.v[i]);
		}
		printf("\n");
		r = CLI_DONE;
	}
	r = r ? r : cli_parse(a.n, a.v, out, e);
	for (int i = 0; i < a.n; i++) {
		free(a.v[i]);
	}
	return r;
}
