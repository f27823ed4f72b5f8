/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accel.c - which accelerator: "-accel kvm:tcg", several -accel, or -machine accel=. The
 * first that works wins; why those before it did not is logged.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
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

static const struct accel {
	const char *name;
	const struct hv_ops *ops;
	const char *missing;
} accels[] = {
	{ "tcg", &tcg_hv_ops, "" },
	{ "qtest", &qtest_hv_ops, "" },
	{ "kvm", &kvm_hv_ops, "this build has no KVM support" },
	{ "xen", &xen_hv_ops, "this build has no Xen support" },
};

void accel_help(void)
{
	printf("Accelerators supported:\n");
	for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
		if (accels[i].ops) {
			printf("  %s\n", accels[i].name);
		}
	}
}

static const struct accel *accel_find(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_LEN(accels); i++) {
		if (strlen(accels[i].name) == n && memcmp(accels[i].name, name, n) == 0) {
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

/* One "kvm:tcg"; 1 = picked, 0 = none of these works. The reasons collect in `why`. */
static int accel_pick_list(struct build *b, const char *list, struct opt *opts, struct err *why,
			   struct err *e)
{
	while (*list) {
		size_t n = strcspn(list, ":");
		const struct accel *a = accel_find(list, n);
		struct err one = ERR_INIT;

		if (!a) {
			return err_set(e, -EINVAL, "-accel: '%.*s' is not an accelerator (see -accel help)",
				       (int)n, list);
		}
		if (accel_try(a, &one) == 0) {
			if (why->text[0]) {
				log_info("using accelerator %s (%s)", a->name, why->text);
			}
			b->hv = a->ops;
			b->hv_opts = opts;
			return 1;
		}
		size_t used = strlen(why->text);
		snprintf(why->text + used, sizeof(why->text) - used, "%s%s: %s", used ? "; " : "",
			 a->name, one.text);
		list += n + (list[n] == ':');
	}
	return 0;
}

static int accel_pick_any(struct build *b, struct err *e)
{
	struct opt *list = opt_get(b->tree, "accel");
	struct opt *machine = opt_get(b->tree, "machine");
	const char *from_machine = machine ? opt_get_str(machine, "accel", NULL) : NULL;
	struct err why = ERR_INIT;
	int r = 0;

	for (unsigned i = 0; !r && list && i < opt_count(list); i++) {
		struct opt *o = opt_at(list, i);

		r = accel_pick_list(b, opt_get_str(o, "accel", "tcg"), o, &why, e);
	}
	if (!list) {
		r = accel_pick_list(b, from_machine ? from_machine : "tcg", NULL, &why, e);
	}
	if (r == 0) {
		return err_set(e, -ENODEV, "no accelerator works: %s", why.text);
	}
	return r < 0 ? r : 0;
}

/* What a hypervisor drops, the translator catches. -machine kernel-irqchip= is an option of
 * the accelerator. */
int accel_pick(struct build *b, struct err *e)
{
	struct opt *machine = opt_get(b->tree, "machine");
	const char *chip = machine ? opt_get_str(machine, "kernel-irqchip",
						 opt_get_str(machine, "kernel_irqchip", NULL)) :
				     NULL;
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
