/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_test.c - the command line becomes the right option tree; mistakes become sentences. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "cli/cli.h"
#include "machine/machine.h"
#include "tests/unit/unit.h"

static struct opt *parse(struct err *e, ...) __attribute__((sentinel));
static struct opt *parse(struct err *e, ...)
{
	char *argv[32] = { (char *)"lodge" };
	struct opt *o = NULL;
	va_list ap;
	int n = 1;

	va_start(ap, e);
	while ((argv[n] = va_arg(ap, char *)) != NULL) {
		n++;
	}
	va_end(ap);
	return cli_parse(n, argv, &o, e) == 0 ? o : NULL;
}

START_TEST(test_cli_basics)
{
	struct err e = ERR_INIT;
	struct opt *o =
		parse(&e, "-machine", "q35,acpi=off", "-accel", "kvm:tcg", "--smp", "2",
	              "-m", "1G", "-M", "hpet=off", "-kernel", "k", "-append",
	              "a b=c,d", "-nographic", "-no-hpet", "-S", NULL);

	ck_assert_msg(o != NULL, "%s", e.text);
	ck_assert_str_eq(opt_get_str(o, "machine.type", ""), "q35");
	ck_assert_str_eq(opt_get_str(o, "machine.hpet", ""), "off");
	ck_assert_str_eq(opt_get_str(o, "smp.cpus", ""), "2");
	ck_assert_str_eq(opt_get_str(o, "memory.size", ""), "1G");
	ck_assert_str_eq(opt_get_str(o, "append", ""), "a b=c,d");
	ck_assert_uint_eq(opt_count(opt_get(o, "accel")), 1);
	ck_assert(opt_has(o, "nographic") && opt_has(o, "S") &&
	          !opt_has(o, "no-reboot"));
	opt_free(o);
}
END_TEST

START_TEST(test_cli_json)
{
	struct err e = ERR_INIT;
	struct opt *o =
		parse(&e, "-device", "{\"driver\":\"virtio-blk-pci\",\"port\":16}",
	              "-blockdev", "file,node-name=a,filename=f", NULL);

	ck_assert_msg(o != NULL, "%s", e.text);
	ck_assert_str_eq(opt_get_str(opt_at(opt_get(o, "device"), 0), "port", ""),
	                 "16");
	ck_assert_str_eq(opt_get_str(opt_at(opt_get(o, "blockdev"), 0), "driver", ""),
	                 "file");
	opt_free(o);
}
END_TEST

START_TEST(test_cli_mistakes)
{
	struct err e = ERR_INIT;

	ck_assert_ptr_null(parse(&e, "-kernal", "x", NULL));
	ck_assert_ptr_nonnull(strstr(e.text, "-kernel"));
	ck_assert_ptr_null(parse(&e, "-m", NULL));
	ck_assert_ptr_nonnull(strstr(e.text, "needs an argument"));
	ck_assert_ptr_null(parse(&e, "-vnc", ":0", NULL));
	ck_assert_ptr_nonnull(strstr(e.text, "not supported"));
}
END_TEST

START_TEST(test_cli_drive)
{
	unsigned used = 1;
	struct cli_drive_env env = { "virtio-blk-pci", false, &used };
	struct cli_drive d;
	struct opt *o;
	struct err e = ERR_INIT;

	ck_assert_int_eq(
		opt_parse(&o, "file=/x/a,,b.img,id=hd0,cache=none,readonly=on,serial=S",
	                  NULL, &e),
		0);
	ck_assert_msg(cli_drive(o, 0, &env, &d, &e) == 0, "%s", e.text);
	ck_assert_str_eq(opt_get_str(d.node, "node-name", ""), "hd0");
	ck_assert_str_eq(opt_get_str(d.node, "file.filename", ""), "/x/a,b.img");
	ck_assert_str_eq(opt_get_str(d.device, "drive", ""), "hd0");
	ck_assert_str_eq(opt_get_str(d.device, "serial", ""), "S");
	opt_free(o);
	opt_free(d.node);
	opt_free(d.device);
	ck_assert_int_eq(opt_parse(&o, "file=a,bogus=1", NULL, &e), 0);
	ck_assert_int_lt(cli_drive(o, 0, &env, &d, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "bogus"));
	opt_free(o);
	opt_free(d.node);
	opt_free(d.device);
	/* A board with IDE: the first free place, or the one that is named, once. */
	env.ide = true;
	ck_assert_int_eq(opt_parse(&o, "file=a", NULL, &e), 0);
	ck_assert_int_eq(cli_drive(o, 0, &env, &d, &e), 0);
	ck_assert_str_eq(opt_get_str(d.device, "driver", ""), "ide-hd");
	ck_assert_str_eq(opt_get_str(d.device, "bus", ""), "ide.0");
	ck_assert_str_eq(opt_get_str(d.device, "unit", ""), "1");
	opt_free(o);
	opt_free(d.node);
	opt_free(d.device);
	ck_assert_int_eq(opt_parse(&o, "if=ide,media=cdrom,index=2", NULL, &e), 0);
	ck_assert_int_eq(cli_drive(o, 0, &env, &d, &e), 0);
	ck_assert(!d.node && !opt_has(d.device, "drive"));
	ck_assert_str_eq(opt_get_str(d.device, "driver", ""), "ide-cd");
	opt_free(d.device);
	ck_assert_int_eq(cli_drive(o, 0, &env, &d, &e), -EBUSY);
	opt_free(o);
	opt_free(d.device);
	ck_assert_uint_eq(used, 7);
}
END_TEST

START_TEST(test_cli_nic)
{
	struct cli_nic n;
	struct opt *o;
	struct err e = ERR_INIT;

	ck_assert_int_eq(opt_parse(&o,
	                           "user,mac=52:54:00:00:00:01,hostfwd=tcp::2222-:22",
	                           "type", &e),
	                 0);
	ck_assert_int_eq(cli_nic(o, 3, "virtio-net-pci", &n, &e), 0);
	ck_assert_str_eq(opt_get_str(n.netdev, "id", ""), "net3");
	ck_assert_str_eq(opt_get_str(n.device, "netdev", ""), "net3");
	ck_assert_str_eq(opt_get_str(n.device, "mac", ""), "52:54:00:00:00:01");
	ck_assert(!opt_has(n.netdev, "mac") && opt_has(n.netdev, "hostfwd"));
	opt_free(o);
	opt_free(n.netdev);
	opt_free(n.device);
}
END_TEST

START_TEST(test_cli_target)
{
	ck_assert_str_eq(cli_target("/usr/bin/qemu-system-aarch64"), "aarch64");
	ck_assert_str_eq(cli_target("./lodge"), "x86_64");
}
END_TEST

START_TEST(test_smp)
{
	static const struct {
		unsigned cpus, max, sockets, cores, threads;
		unsigned want_cpus, want_max, want[3];
		int ret;
	} t[] = {
		{ 0, 0, 0, 0, 0, 1, 1, { 1, 1, 1 }, 0 },
		{ 2, 0, 0, 0, 0, 2, 2, { 1, 2, 1 }, 0 }, /* cores before sockets */
		{ 0, 0, 2, 2, 2, 8, 8, { 2, 2, 2 }, 0 },
		{ 2, 4, 4, 1, 1, 2, 4, { 4, 1, 1 }, 0 },
		{ 8, 0, 2, 2, 0, 8, 8, { 2, 2, 2 }, 0 }, /* threads at last */
		{ 8, 0, 0, 2, 2, 8, 8, { 2, 2, 2 }, 0 },
		{ 1, 8, 0, 0, 2, 1, 8, { 1, 4, 2 }, 0 },
		{ 0, 0, 0, 3, 0, 3, 3, { 1, 3, 1 }, 0 },
		{ 4, 2, 0, 0, 0, 4, 2, { 0 }, -1 },
		{ 3, 3, 2, 1, 1, 3, 3, { 0 }, -1 },
		{ 4, 0, 8, 0, 0, 4, 4, { 0 }, -1 },
		{ 1000, 0, 0, 0, 0, 1000, 1000, { 0 }, -1 },
	};
	static const struct machine_class cls = { .name = "test", .max_cpus = 64 };

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		struct machine_cfg c = { .cpus = t[i].cpus,
			                 .max_cpus = t[i].max,
			                 .sockets = t[i].sockets,
			                 .cores = t[i].cores,
			                 .threads = t[i].threads };
		struct err e = ERR_INIT;
		int r = machine_fix_smp(&cls, &c, &e);

		ck_assert_msg((r < 0) == (t[i].ret < 0), "case %u: %s", i, e.text);
		if (r == 0) {
			ck_assert_uint_eq(c.cpus, t[i].want_cpus);
			ck_assert_uint_eq(c.max_cpus, t[i].want_max);
			ck_assert_uint_eq(c.sockets, t[i].want[0]);
			ck_assert_uint_eq(c.cores, t[i].want[1]);
			ck_assert_uint_eq(c.threads, t[i].want[2]);
		}
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_cli_basics,   test_cli_json,
		                       test_cli_mistakes, test_cli_drive,
		                       test_cli_nic,      test_cli_target,
		                       test_smp };

	return unit_main(unit_suite("cli", tests, ARRAY_LEN(tests)));
}
