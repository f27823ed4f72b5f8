/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device-help.c - what -device help and -device X,help print, from the class tables. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device-internal.h"
#include "core/device.h"

static void device_help_default(const struct prop *p)
{
	switch (p->type) {
	case PROP_BOOL: printf(" (default: %s)", p->def ? "on" : "off"); break;
	case PROP_ON_OFF_AUTO: fputs(" (default: auto)", stdout); break;
	case PROP_ENUM:
		if (p->names && p->def >= 0) {
			printf(" (default: %s)", p->names[p->def]);
		}
		break;
	case PROP_U8:
	case PROP_U16:
	case PROP_U32:
	case PROP_U64:
	case PROP_I32:
	case PROP_SIZE: printf(" (default: %" PRId64 ")", p->def); break;
	default:
		if (p->def_str) {
			printf(" (default: %s)", p->def_str);
		}
		break;
	}
}

static void device_help_props(const struct prop *p)
{
	for (; p && p->name; p++) {
		int n = printf("  %s=<%s>", p->name, device_prop_type_name(p->type));

		if (p->help) {
			printf("%*s- %s", n < 30 ? 30 - n : 1, "", p->help);
		}
		if (p->type == PROP_ENUM && p->names) {
			fputs(" [", stdout);
			for (unsigned i = 0; p->names[i]; i++) {
				printf("%s%s", i ? "|" : "", p->names[i]);
			}
			fputc(']', stdout);
		}
		device_help_default(p);
		fputc('\n', stdout);
	}
}

void device_help(const struct device_class *cls)
{
	printf("%s options:\n", cls->name);
	device_help_props(cls->props);
	device_help_props(cls->bus_props);
}

static const char *device_help_category(const struct device_class *cls)
{
	return cls->category ? cls->category : "misc";
}

static int device_help_cmp(const void *pa, const void *pb)
{
	const struct device_class *a = *(const struct device_class *const *)pa;
	const struct device_class *b = *(const struct device_class *const *)pb;
	int r = strcmp(device_help_category(a), device_help_category(b));

	return r ? r : strcmp(a->name, b->name);
}

static void device_help_line(const struct device_class *cls)
{
	printf("name \"%s\"", cls->name);
	if (cls->bus) {
		printf(", bus %s", cls->bus);
	}
	if (cls->description) {
		printf(", desc \"%s\"", cls->description);
	}
	fputc('\n', stdout);
}

void device_help_list(void)
{
	const struct device_class **a;
	const char *cat = "";
	unsigned n = 0;

	while (device_classes[n]) {
		n++;
	}
	a = calloc(n + 1, sizeof(*a));
	if (!a) {
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		a[i] = device_classes[i];
	}
	qsort(a, n, sizeof(*a), device_help_cmp);
	for (unsigned i = 0; i < n; i++) {
		if (a[i]->internal) {
			continue;
		}
		if (strcmp(cat, device_help_category(a[i]))) {
			printf("%s%s devices:\n", *cat ? "\n" : "",
			       device_help_category(a[i]));
			cat = device_help_category(a[i]);
		}
		device_help_line(a[i]);
	}
	free(a);
}
