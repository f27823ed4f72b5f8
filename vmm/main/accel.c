/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accel.c - which accelerator: "-accel kvm:tcg", several -accel, or -machine accel=. The
 * first that works wins; why those before it did not is logged. "auto" is KVM where
 * hardware stands behind it and the translator elsewhere: a KVM that only emulates is
 * slower than the translator (docs/decisions.md).
 *
 * Threads: control, before anything else runs.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/hv.h"
#include "main/build.h"

/* Those that a build leaves out are NULL here. (A weak reference does not pull a member out
 * of its archive, so what is there must be named strongly.) */
#if !defined(HAVE_LINUX_KVM_H) || !defined(HOST_X86_64)
extern const struct hv_ops kvm_hv_ops __attribute__((weak));
#endif
extern const struct hv_ops xen_hv_ops __attribute__((weak));

struct accel_option {
	const char *name, *help;
};

/* What vm_init() of each reads; values are checked there. */
static const struct accel_option kvm_options[] = {
	{ "fallback",
	  "on (default): the translator does what KVM cannot; off: stop there" },
	{ "kernel-irqchip",
	  "auto (default), on, split, off: where the interrupt controllers are" },
	{ "dirty-ring-size",
	  "entries a vCPU of the ring that logs written pages; 0: a bitmap" },
	{ NULL, NULL },
};
static const struct accel_option tcg_options[] = {
	{ "engine", "jit (default), interp, check: how translated code runs" },
	{ "thread", "multi (default), single: a thread for each vCPU, or one for all" },
	{ "tb-size", "size of the code cache" },
	{ "one-insn-per-tb", "on: translate each instruction by itself" },
	{ "perfmap", "on: write /tmp/perf-PID.map" },
	{ NULL, NULL },
};
static const struct accel_option no_options[] = { { NULL, NULL } };

static const struct accel {
	const char *name;
	const struct hv_ops *ops;
	const char *missing;
	const struct accel_option *options;
} accels[] = {
	{ "tcg", &tcg_hv_ops, "", tcg_options },
	{ "qtest", &qtest_hv_ops, "", no_options },
	{ "kvm", &kvm_hv_ops, "this build has no KVM support", kvm_options },
	{ "xen", &xen_hv_ops, "this build has no Xen support", no_options },
};

static const struct accel *accel_find(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
		if (strlen(accels[i].name) == n &&
		    memcmp(accels[i].name, name, n) == 0) {
			return &accels[i];
		}
	}
	return NULL;
}

static int accel_try(const struct accel *a, struct err *e)
{
	if (!a->ops) {
		return err_set(e, -ENOTSUP, "%s", a->missing);
	}
	return a->ops->probe ? a->ops->probe(e) : 0;
}

static bool accel_is_auto(const char *name, size_t n)
{
	return n == 4 && memcmp(name, "auto", 4) == 0;
}

/* ---- names and options, before anything is tried ---- */

static int accel_check_names(const char *list, struct err *e)
{
	if (!*list) {
		return err_set(e, -EINVAL, "-accel: which one? (see -accel help)");
	}
	for (size_t n; *list; list += n + (list[n] == ':')) {
		n = strcspn(list, ":");
		if (!accel_find(list, n) && !accel_is_auto(list, n)) {
			return err_set(e, -EINVAL,
			               "-accel: '%.*s' is not an accelerator (see "
			               "-accel help)",
			               (int)n, list);
		}
	}
	return 0;
}

static bool accel_has_option(const struct accel *a, const char *key)
{
	for (const struct accel_option *o = a->options; o->name; o++) {
		if (strcmp(o->name, key) == 0) {
			return true;
		}
	}
	return false;
}

/* An option belongs to one of the accelerators of its list. */
static bool accel_list_has_option(const char *list, const char *key)
{
	for (size_t n; *list; list += n + (list[n] == ':')) {
		n = strcspn(list, ":");
		for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
			bool named = accel_is_auto(list, n) ||
			             accel_find(list, n) == &accels[i];

			if (named && accel_has_option(&accels[i], key)) {
				return true;
			}
		}
	}
	return false;
}

/* "-accel kvm,help" */
static __noreturn void accel_option_help(const char *list)
{
	for (size_t n; *list; list += n + (list[n] == ':')) {
		const struct accel *a;

		n = strcspn(list, ":");
		a = accel_find(list, n);
		printf("%.*s options:\n", (int)n, list);
		for (const struct accel_option *o = a ? a->options : no_options;
		     o->name; o++) {
			printf("  %s - %s\n", o->name, o->help);
		}
	}
	exit(fflush(stdout) ? 1 : 0);
}

static int accel_check_entry(struct opt *o, struct err *e)
{
	const char *list = opt_get_str(o, "accel", "");
	int r = accel_check_names(list, e);

	if (r >= 0 && opt_has(o, "help")) {
		accel_option_help(list);
	}
	for (unsigned i = 0; r >= 0 && i < opt_count(o); i++) {
		const char *key = opt_key_at(o, i);

		if (strcmp(key, "accel") != 0 && !accel_list_has_option(list, key)) {
			r = err_set(
				e, -EINVAL,
				"-accel %s: unknown option '%s' (see -accel %.*s,help)",
				list, key, (int)strcspn(list, ":"), list);
		}
	}
	return r;
}

static int accel_check(struct opt *list, const char *from_machine, struct err *e)
{
	int r = from_machine ? accel_check_names(from_machine, e) : 0;

	if (r >= 0 && from_machine && list) {
		return err_set(
			e, -EINVAL,
			"-accel (or -enable-kvm) and -machine accel= exclude each "
			"other: give one");
	}
	for (unsigned i = 0; r >= 0 && list && i < opt_count(list); i++) {
		r = accel_check_entry(opt_at(list, i), e);
	}
	return r;
}

/* ---- picking ---- */

static void accel_because(struct err *why, const char *name, const struct err *one)
{
	size_t used = strlen(why->text);

	snprintf(why->text + used, sizeof(why->text) - used, "%s%s: %s",
	         used ? "; " : "", name, one->text);
}

static void accel_take(struct build *b, const struct accel *a, struct opt *opts)
{
	b->hv = a->ops;
	b->hv_opts = opts;
}

/* KVM when it works and is fast, else the translator; says which, and why. */
static void accel_pick_auto(struct build *b, struct opt *opts)
{
	const struct accel *kvm = accel_find("kvm", 3), *tcg = accel_find("tcg", 3);
	struct err one = ERR_INIT;

	if (accel_try(kvm, &one) == 0 &&
	    (!kvm->ops->is_fast || kvm->ops->is_fast(&one))) {
		log_info("accelerator kvm: %s",
		         one.text[0] ? one.text : "it works here");
		accel_take(b, kvm, opts);
		return;
	}
	log_info("accelerator tcg (the translator): %s", one.text);
	accel_take(b, tcg, opts);
}

/* One "kvm:tcg"; true = picked. The reasons of those that do not work collect in `why`. */
static bool accel_pick_list(struct build *b, const char *list, struct opt *opts,
                            struct err *why)
{
	for (size_t n; *list; list += n + (list[n] == ':')) {
		const struct accel *a;
		struct err one = ERR_INIT;

		n = strcspn(list, ":");
		if (accel_is_auto(list, n)) {
			accel_pick_auto(b, opts);
			return true;
		}
		a = accel_find(list, n);
		if (accel_try(a, &one) == 0) {
			if (why->text[0]) {
				log_info("using accelerator %s (%s)", a->name,
				         why->text);
			}
			accel_take(b, a, opts);
			return true;
		}
		accel_because(why, a->name, &one);
	}
	return false;
}

static int accel_pick_any(struct build *b, struct err *e)
{
	struct opt *list = opt_get(b->tree, "accel");
	struct opt *machine = opt_get(b->tree, "machine");
	const char *from_machine = machine ? opt_get_str(machine, "accel", NULL) : NULL;
	struct err why = ERR_INIT;
	int r = accel_check(list, from_machine, e);

	if (r < 0) {
		return r;
	}
	for (unsigned i = 0; list && i < opt_count(list); i++) {
		struct opt *o = opt_at(list, i);

		if (accel_pick_list(b, opt_get_str(o, "accel", "tcg"), o, &why)) {
			return 0;
		}
	}
	if (!list &&
	    accel_pick_list(b, from_machine ? from_machine : "tcg", NULL, &why)) {
		return 0;
	}
	return err_set(e, -ENODEV, "no accelerator works: %s", why.text);
}

/* What a hypervisor drops, the translator catches. -machine kernel-irqchip= is an option of
 * the accelerator. */
int accel_pick(struct build *b, struct err *e)
{
	struct opt *machine = opt_get(b->tree, "machine");
	const char *chip =
		machine ? opt_get_str(machine, "kernel-irqchip",
	                              opt_get_str(machine, "kernel_irqchip", NULL))
			: NULL;
	int r = accel_pick_any(b, e);

	if (r < 0 || b->hv == &tcg_hv_ops) {
		return r;
	}
	hv_fallback = &tcg_hv_ops;
	if (chip && (!b->hv_opts || !opt_get(b->hv_opts, "kernel-irqchip"))) {
		b->hv_opts = b->hv_opts ? opt_copy(b->hv_opts) : opt_new_dict();
		opt_put_str(b->hv_opts, "kernel-irqchip", chip);
	}
	return r;
}
