/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hmp.c - the human monitor: a table of words over the QMP commands, whose reply is
 * printed as text.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/vm.h"
#include "qmp/wire/qmp.h"

struct hmp_command {
	const char *name, *alias, *qmp, *help;
	void (*fn)(struct qmp_ctx *ctx, FILE *out, struct opt *ret);
};

static void hmp_status(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	(void)ctx;
	fprintf(out, "VM status: %s\n", opt_get_str(ret, "status", "?"));
}

static void hmp_version(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	(void)ctx;
	fprintf(out, "%s (speaks QMP of QEMU 7.2)\n", opt_get_str(ret, "package", "?"));
}

static void hmp_chardev(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	(void)ctx;
	for (unsigned i = 0; i < opt_count(ret); i++) {
		fprintf(out, "%s: filename=%s\n",
		        opt_get_str(opt_at(ret, i), "label", ""),
		        opt_get_str(opt_at(ret, i), "filename", ""));
	}
}

static void hmp_cpus(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	(void)ctx;
	for (unsigned i = 0; i < opt_count(ret); i++) {
		struct opt *d = opt_at(ret, i);

		fprintf(out, "%s CPU #%s: thread_id=%s\n", i ? " " : "*",
		        opt_get_str(d, "cpu-index", ""),
		        opt_get_str(d, "thread-id", ""));
	}
}

static void hmp_json(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	char *t = opt_to_json(ret);

	(void)ctx;
	fprintf(out, "%s\n", t ? t : "");
	free(t);
}

static void hmp_kvm(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	bool on = false;
	struct err e = ERR_INIT;

	(void)ctx;
	if (opt_get_bool(ret, "enabled", false, &on, &e) < 0) {
		on = false;
	}
	fprintf(out, "kvm support: %s\n", on ? "enabled" : "disabled");
}

static void hmp_locks(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	(void)ctx;
	fprintf(out, "%-32s %-10s %10s %12s %10s\n", "lock", "role", "waits",
	        "total us", "max us");
	for (unsigned i = 0; i < opt_count(ret); i++) {
		struct opt *d = opt_at(ret, i);
		uint64_t n[3] = { 0 };

		opt_scalar_u64(opt_get(d, "waits"), &n[0]);
		opt_scalar_u64(opt_get(d, "total-ns"), &n[1]);
		opt_scalar_u64(opt_get(d, "max-ns"), &n[2]);
		fprintf(out, "%-32s %-10s %10llu %12.1f %10.1f\n",
		        opt_get_str(d, "name", ""), opt_get_str(d, "role", ""),
		        (unsigned long long)n[0], (double)n[1] / 1000,
		        (double)n[2] / 1000);
	}
}

/* A paused vCPU's registers are where it ran. */
static void hmp_dump_cpu(struct vcpu *c, void *out)
{
	const struct hv_ops *hv = c->vm->hv;
	struct err e = ERR_INIT;

	if (hv->vcpu.state_pull && hv->vcpu.state_pull(c, &e) < 0) {
		fprintf(out, "%s\n", e.text);
	}
	c->vm->arch->dump(c, out);
}

static void hmp_registers(struct qmp_ctx *ctx, FILE *out, struct opt *ret)
{
	struct vcpu *c;

	(void)ret;
	for (unsigned i = 0; ctx->vm->arch->dump && (c = vm_vcpu_next(ctx->vm, &i));) {
		fprintf(out, "CPU#%u\n", c->index);
		vcpu_run_on_sync(c, hmp_dump_cpu, out);
	}
}

static const struct hmp_command hmp_commands[] = {
	{ "help", "?", NULL, "this list", NULL },
	{ "quit", "q", "quit", "ends lodge", NULL },
	{ "stop", "s", "stop", "stops the machine", NULL },
	{ "cont", "c", "cont", "lets it run again", NULL },
	{ "system_reset", NULL, "system_reset", "as the reset button", NULL },
	{ "system_powerdown", NULL, "system_powerdown", "as the power button", NULL },
	{ "nmi", NULL, "inject-nmi", "an NMI on every vCPU", NULL },
	{ "info status", NULL, "query-status", "run state", hmp_status },
	{ "info version", NULL, "query-version", "versions", hmp_version },
	{ "info chardev", NULL, "query-chardev", "character devices", hmp_chardev },
	{ "info cpus", NULL, "query-cpus-fast", "vCPUs and their threads", hmp_cpus },
	{ "info registers", NULL, NULL, "registers of every vCPU", hmp_registers },
	{ "info jit", NULL, "x-lodge-query-jit", "counters of the translator",
	  hmp_json },
	{ "info accel", NULL, "x-lodge-query-accel", "who executes the guest, and why",
	  hmp_json },
	{ "info dirty_rate", NULL, "query-dirty-rate", "how fast the guest writes",
	  hmp_json },
	{ "info kvm", NULL, "query-kvm", "is KVM in use?", hmp_kvm },
	{ "info locks", NULL, "x-lodge-query-locks", "who waited for locks",
	  hmp_locks },
	{ "info name", NULL, "query-name", "name of the machine", hmp_json },
	{ "info uuid", NULL, "query-uuid", "UUID of the machine", hmp_json },
};

static void hmp_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(hmp_commands); i++) {
		const struct hmp_command *c = &hmp_commands[i];

		fprintf(out, "%s%s%s -- %s\n", c->name, c->alias ? "|" : "",
		        c->alias ? c->alias : "", c->help);
	}
}

static void hmp_one(struct qmp_ctx *ctx, const struct hmp_command *c, FILE *out)
{
	struct opt *args = opt_new_dict(), *ret = NULL;
	struct err e = ERR_INIT;

	if (c->qmp && qmp_dispatch(ctx, c->qmp, args, &ret, &e) < 0) {
		fprintf(out, "Error: %s\n", e.text);
	} else if (c->fn) {
		c->fn(ctx, out, ret);
	}
	opt_free(args);
	opt_free(ret);
}

char *hmp_run(struct qmp_ctx *ctx, const char *line)
{
	const struct hmp_command *found = NULL;
	char *text = NULL;
	size_t size = 0, len;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		return NULL;
	}
	line += strspn(line, " \t");
	len = strlen(line);
	while (len && strchr(" \t\r\n", line[len - 1])) {
		len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(hmp_commands); i++) {
		const struct hmp_command *c = &hmp_commands[i];

		if ((strlen(c->name) == len && !strncmp(c->name, line, len)) ||
		    (c->alias && strlen(c->alias) == len &&
		     !strncmp(c->alias, line, len))) {
			found = c;
		}
	}
	if (found == &hmp_commands[0]) {
		hmp_help(out);
	} else if (found) {
		hmp_one(ctx, found, out);
	} else if (len) {
		fprintf(out, "unknown command: '%.*s'; 'help' lists them\n", (int)len,
		        line);
	}
	fclose(out);
	return text;
}
