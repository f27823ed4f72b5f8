/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device_test.c - classes, properties, buses, device_add and its refusals, reset,
 * removal. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/opt.h"
#include "core/device.h"
#include "core/vm.h"
#include "unit.h"

struct toy {
	struct device d;
	int32_t addr;
	bool flag;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64, size;
	int32_t i32;
	char *name, *drive;
	int colour, ooa;
	uint8_t mac[6], uuid[16];
	bool fail;
	unsigned resets;
	_Alignas(64) char line[64];
};

static unsigned toys;
static const char *const colours[] = { "red", "green", NULL };

static const struct prop toy_props[] = {
	DEV_PROP("flag", PROP_BOOL, struct toy, flag, true, "a flag"),
	DEV_PROP("u8", PROP_U8, struct toy, u8, 7, "small"),
	DEV_PROP("u16", PROP_U16, struct toy, u16, 0, NULL),
	DEV_PROP("u32", PROP_U32, struct toy, u32, 0, NULL),
	DEV_PROP("u64", PROP_U64, struct toy, u64, 0, NULL),
	DEV_PROP("size", PROP_SIZE, struct toy, size, 4096, "room"),
	DEV_PROP("i32", PROP_I32, struct toy, i32, -3, NULL),
	DEV_PROP("name", PROP_STR, struct toy, name, 0, NULL),
	DEV_PROP("drive", PROP_DRIVE, struct toy, drive, 0, NULL),
	{ .name = "colour",
	  .type = PROP_ENUM,
	  .offset = offsetof(struct toy, colour),
	  .def = 1,
	  .names = colours,
	  .help = "paint" },
	DEV_PROP("ooa", PROP_ON_OFF_AUTO, struct toy, ooa, 0, NULL),
	{ .name = "mac",
	  .type = PROP_MAC,
	  .offset = offsetof(struct toy, mac),
	  .def_str = "52:54:00:12:34:56" },
	DEV_PROP("uuid", PROP_UUID, struct toy, uuid, 0, NULL),
	DEV_PROP("fail", PROP_BOOL, struct toy, fail, false, NULL),
	DEV_PROP("x.y", PROP_U32, struct toy, u32, 0, NULL),
	{ 0 },
};
static const struct prop toy_bus_props[] = {
	DEV_PROP("addr", PROP_PCI_ADDR, struct toy, addr, -1, "where"),
	{ 0 },
};

static struct toy *toy(struct device *d)
{
	return container_of(d, struct toy, d);
}

static int toy_realize(struct device *d, struct err *e)
{
	if (toy(d)->fail) {
		return err_set(e, -EIO, "toy broke");
	}
	ck_assert_uint_eq((uintptr_t)toy(d)->line % 64, 0);
	toys++;
	return 0;
}

static void toy_unrealize(struct device *d __unused)
{
	toys--;
}

static void toy_reset(struct device *d)
{
	toy(d)->resets++;
}

static const struct device_class toy_class = {
	.name = "toy-pci",
	.bus = "box",
	.description = "a toy",
	.instance_size = sizeof(struct toy),
	.props = toy_props,
	.bus_props = toy_bus_props,
	.hotpluggable = true,
	.realize = toy_realize,
	.unrealize = toy_unrealize,
	.reset = toy_reset,
};
static const struct device_class crate_class = {
	.name = "crate",
	.bus = "sys",
	.instance_size = sizeof(struct device),
	.child_bus = "box",
};
static const struct device_class hidden_class = { .name = "hidden", .internal = true };
const struct device_class *const device_classes[] = { &toy_class, &crate_class,
	                                              &hidden_class, NULL };

static struct bus box;
static int box_refuse;

static int box_plug(struct bus *b, struct device *d, struct err *e)
{
	if (box_refuse) {
		return err_set(e, -ENOSPC, "%s is full (%s)", b->name, d->cls->name);
	}
	return 0;
}

static struct device *add(struct vm *vm, const char *text, struct err *e)
{
	struct opt *o;
	struct device *d;

	ck_assert(!opt_parse(&o, text, "driver", e));
	d = device_add(vm, o, e);
	opt_free(o);
	return d;
}

static void refuse(struct vm *vm, const char *text, const char *why)
{
	struct err e = ERR_INIT;

	ck_assert_ptr_null(add(vm, text, &e));
	ck_assert_msg(strstr(e.text, why) != NULL, "%s: %s", text, e.text);
}

static void check_prop(struct device *d, const char *name, const char *want)
{
	char *v = device_get_prop(d, name);

	ck_assert_ptr_nonnull(v);
	ck_assert_str_eq(v, want);
	free(v);
}

static struct vm *setup(void)
{
	static const struct guest_arch *none;
	static const struct hv_ops hv = { .name = "none" };

	bus_init(&box, "box", "box.0", NULL);
	box.plug = box_plug;
	return vm_new(none, &hv);
}

START_TEST(test_props)
{
	struct vm *vm = setup();
	struct err e = ERR_INIT;
	struct device *d = add(vm, "toy-pci,id=t0", &e);

	ck_assert_msg(d != NULL, "%s", e.text);
	check_prop(d, "flag", "on");
	check_prop(d, "u8", "7");
	check_prop(d, "i32", "-3");
	check_prop(d, "colour", "green");
	check_prop(d, "ooa", "auto");
	check_prop(d, "mac", "52:54:00:12:34:56");
	check_prop(d, "addr", "-1");
	check_prop(d, "name", "");
	ck_assert_ptr_null(device_get_prop(d, "nope"));
	ck_assert_int_eq(device_set_prop(d, "u8", "1", &e), -EPERM);
	device_free(d);
	d = add(vm,
	        "toy-pci,flag=off,u8=0xff,u16=65535,u32=1,u64=18446744073709551615,"
	        "size=2M,"
	        "i32=-2147483648,name=a,,b,colour=red,ooa=off,mac=00-11-22-33-44-fF,"
	        "addr=1f.7,"
	        "uuid=00112233-4455-6677-8899-aabbccddeeff,drive=d0",
	        &e);
	ck_assert_msg(d != NULL, "%s", e.text);
	check_prop(d, "flag", "off");
	check_prop(d, "u8", "255");
	check_prop(d, "u64", "18446744073709551615");
	check_prop(d, "size", "2097152");
	check_prop(d, "i32", "-2147483648");
	check_prop(d, "name", "a,b");
	check_prop(d, "colour", "red");
	check_prop(d, "ooa", "off");
	check_prop(d, "mac", "00:11:22:33:44:ff");
	check_prop(d, "uuid", "00112233-4455-6677-8899-aabbccddeeff");
	check_prop(d, "addr", "1f.7");
	ck_assert_int_eq(toy(d)->addr, 0xff);
	device_free(d);
	d = add(vm,
	        "{'driver':'toy-pci','u8':3,'flag':false,'x.y':9,'addr':'0x2.0x1','"
	        "name':5}",
	        &e);
	ck_assert_msg(d != NULL, "%s", e.text);
	ck_assert_uint_eq(toy(d)->u32, 9);
	ck_assert_int_eq(toy(d)->addr, 0x11);
	check_prop(d, "name", "5");
	device_free(d);
	d = add(vm, "toy-pci,x.y=4", &e); /* nested by the grammar, flat in the class */
	ck_assert_msg(d != NULL, "%s", e.text);
	ck_assert_uint_eq(toy(d)->u32, 4);
	device_free(d);
	ck_assert_uint_eq(toys, 0);
	vm_free(vm);
}
END_TEST

START_TEST(test_refusals)
{
	struct vm *vm = setup();
	struct err e = ERR_INIT;
	struct device *d = add(vm, "toy,id=t0", &e); /* short for toy-pci */

	ck_assert_ptr_nonnull(d);
	refuse(vm, "nope", "'nope' is not a valid device model name");
	refuse(vm, "hidden", "not a valid");
	refuse(vm, "toy-pci,id=t0", "Duplicate device ID 't0'");
	refuse(vm, "toy-pci,id=0x", "Parameter 'id' expects an identifier");
	refuse(vm, "toy-pci,bus=box.9", "Bus 'box.9' not found");
	refuse(vm, "toy-pci,foo=1",
	       "Property 'toy-pci.foo' not found; known: flag, u8");
	refuse(vm, "toy-pci,u8=256", "u8': '256' is not a number of at most 8 bits");
	refuse(vm, "toy-pci,u8=-1", "not a number");
	refuse(vm, "toy-pci,u32=", "not a number");
	refuse(vm, "toy-pci,i32=2147483648", "integer");
	refuse(vm, "toy-pci,flag=maybe", "'on' or 'off'");
	refuse(vm, "toy-pci,colour=blue", "one of red, green");
	refuse(vm, "toy-pci,mac=1:2", "MAC");
	refuse(vm, "toy-pci,mac=52:54:00:12:34:56:78", "MAC");
	refuse(vm, "toy-pci,uuid=x", "UUID");
	refuse(vm, "toy-pci,addr=20", "PCI address");
	refuse(vm, "toy-pci,addr=1.8", "PCI address");
	refuse(vm, "toy-pci,size=1X", "size");
	refuse(vm, "toy-pci,fail=on", "toy broke");
	box_refuse = 1;
	refuse(vm, "toy-pci", "box.0 is full (toy-pci)");
	box_refuse = 0;
	refuse(vm, "crate,bus=box.0", "it needs sys");
	vm->ready = true;
	refuse(vm, "crate", "does not support hotplugging");
	ck_assert_uint_eq(toys, 1); /* nothing is left of those that failed */
	device_free(d);
	ck_assert(list_empty(&box.devices));
	vm_free(vm);
}
END_TEST

START_TEST(test_tree)
{
	struct vm *vm = setup();
	struct err e = ERR_INIT;
	struct device *crate, *t, *u;

	crate = add(vm, "crate,id=c", &e);
	ck_assert_msg(crate != NULL, "%s", e.text);
	ck_assert_ptr_null(crate->parent);
	ck_assert_str_eq(crate->child->name, "c.0");
	t = add(vm, "toy-pci,bus=c.0,id=t", &e);
	ck_assert_msg(t != NULL, "%s", e.text);
	ck_assert_ptr_eq(t->parent, crate->child);
	ck_assert_str_eq(t->path, "/machine/peripheral/t");
	ck_assert_ptr_eq(device_find("t"), t);
	ck_assert_ptr_eq(device_find("/machine/peripheral/t"), t);
	u = add(vm, "toy-pci", &e);
	ck_assert_ptr_eq(u->parent, &box);
	ck_assert_str_eq(u->path, "/machine/peripheral-anon/device[0]");
	ck_assert_ptr_eq(device_next(NULL), crate);
	device_break(t, "bad %d", 1);
	ck_assert(t->broken);
	device_reset_all(vm);
	ck_assert(!t->broken);
	ck_assert_uint_eq(toy(t)->resets, 1);
	ck_assert_uint_eq(toy(u)->resets, 1);
	/* What sits on its bus goes with it. */
	device_free(crate);
	ck_assert_uint_eq(toys, 1);
	ck_assert_ptr_null(device_find("t"));
	ck_assert_ptr_null(bus_find("c.0"));
	device_free(u);
	ck_assert_ptr_null(device_next(NULL));
	bus_fini(&box);
	ck_assert_ptr_null(bus_find("box"));
	vm_free(vm);
}
END_TEST

START_TEST(test_help)
{
	char buf[4096] = "";
	size_t n;
	FILE *f = tmpfile();

	ck_assert_ptr_nonnull(f);
	fflush(stdout);
	ck_assert_int_ge(dup2(fileno(f), STDOUT_FILENO), 0);
	device_help_list();
	device_help(&toy_class);
	fflush(stdout);
	rewind(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = 0;
	ck_assert(strstr(buf, "name \"toy-pci\", bus box, desc \"a toy\""));
	ck_assert(!strstr(buf, "hidden"));
	ck_assert(strstr(buf, "colour=<enum>"));
	ck_assert(strstr(buf, "paint [red|green] (default: green)"));
	ck_assert(strstr(buf, "addr=<pci-address>"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_props, test_refusals, test_tree,
		                       test_help };

	return unit_main(unit_suite("device", tests, ARRAY_LEN(tests)));
}
