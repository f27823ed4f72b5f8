/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c - the table of command line options and the loop that applies it.
 *
 * Adding an option is adding a row. Rows with CLI_NO say what is known to QEMU's users
 * and not supported here, so that the answer is a sentence instead of "unknown".
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/opt.h"
#include "cli/cli.h"
#include "core/cpu/x86-model.h"
#include "core/device.h"
#include "core/object.h"
#include "host/char/chardev.h"
#include "host/net/netdev.h"
#include "machine/machine.h"

enum cli_kind {
	CLI_FLAG,      /* no argument: true */
	CLI_TEXT,      /* last one wins */
	CLI_DICT,      /* parsed; members of several are merged */
	CLI_LIST,      /* parsed; each is one element */
	CLI_TEXTS,     /* each is one element, as text */
	CLI_SHORT,     /* stands for another option with this text */
	CLI_SHORT_ARG, /* ... whose text is `text` with the argument in %s */
	CLI_IGNORE,
	CLI_IGNORE_ARG, /* accepted, without effect */
	CLI_NO,
	CLI_NO_ARG, /* not supported */
	CLI_CALL,   /* prints and ends */
};

struct cli_option {
	const char *name;
	enum cli_kind kind;
	const char *key;     /* in the tree; or the option it stands for */
	const char *implied; /* key of a first value without '=', or the text */
	void (*help)(void);  /* "-X help" */
	const char *args, *help_text; /* NULL help_text: not listed */
};

static void cli_version(void);
static void cli_accel_help(void);
static void cli_cpu_help(void);
static void cli_display_help(void);
static void cli_log_help(void);
static void cli_drive_help(void);

/* clang-format off */
static const struct cli_option cli_options[] = {
	{ "h", CLI_CALL, "help", NULL, cli_help, "", "this text" },
	{ "help", CLI_CALL, "help", NULL, cli_help, "", NULL },
	{ "version", CLI_CALL, "version", NULL, cli_version, "", "print the version" },

	{ "machine", CLI_DICT, "machine", "type", machine_help, "[type=]NAME[,prop=value...]", "board and its properties" },
	{ "M", CLI_DICT, "machine", "type", machine_help, "", NULL },
	{ "accel", CLI_LIST, "accel", "accel", cli_accel_help, "NAME[:NAME...][,prop=value]", "accelerators, tried in order" },
	{ "enable-kvm", CLI_SHORT, "accel", "kvm", NULL, "", "same as -accel kvm" },
	{ "cpu", CLI_DICT, "cpu", "cpu-model", cli_cpu_help, "MODEL[,feature=on|off...]", "processor model" },
	{ "smp", CLI_DICT, "smp", "cpus", NULL, "[cpus=]N[,maxcpus=,sockets=,cores=,threads=]", "number of processors" },
	{ "m", CLI_DICT, "memory", "size", NULL, "[size=]N[M|G]", "memory" },
	{ "overcommit", CLI_DICT, "overcommit", NULL, NULL, "", NULL },
	{ "mem-prealloc", CLI_IGNORE, NULL, NULL, NULL, "", NULL },
	{ "mem-path", CLI_NO_ARG, NULL, "use -object memory-backend-file and -machine memory-backend=ID", NULL, "", NULL },
	{ "numa", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },

	{ "kernel", CLI_TEXT, "kernel", NULL, NULL, "FILE", "boot this kernel (bzImage, ELF, PVH, multiboot)" },
	{ "initrd", CLI_TEXT, "initrd", NULL, NULL, "FILE", "its initial RAM disk, or multiboot modules" },
	{ "append", CLI_TEXT, "append", NULL, NULL, "TEXT", "its command line" },
	{ "dtb", CLI_TEXT, "dtb", NULL, NULL, "FILE", "device tree" },
	{ "bios", CLI_TEXT, "bios", NULL, NULL, "FILE", "firmware image" },
	{ "boot", CLI_DICT, "boot", "order", NULL, "[order=]LETTERS[,once=LETTERS][,strict=on|off]", "what firmware boots: c disk, d CD, n network" },
	{ "fw_cfg", CLI_LIST, "fw_cfg", "name", NULL, "[name=]NAME,file=FILE|string=TEXT", "item of the firmware configuration device" },
	{ "smbios", CLI_LIST, "smbios", NULL, NULL, "type=N[,field=value...]", "SMBIOS fields (types 0, 1, 3, 11)" },
	{ "option-rom", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "acpitable", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },

	{ "drive", CLI_LIST, "drive", NULL, cli_drive_help, "file=FILE[,if=ide|virtio|none][,format=][,id=][,readonly=]", "disk with its device" },
	{ "blockdev", CLI_LIST, "blockdev", "driver", NULL, "[driver=]NAME,node-name=ID[,...]", "block node" },
	{ "hda", CLI_SHORT_ARG, "drive", "index=0,media=disk,file=%s", NULL, "FILE", NULL },
	{ "hdb", CLI_SHORT_ARG, "drive", "index=1,media=disk,file=%s", NULL, "FILE", NULL },
	{ "hdc", CLI_SHORT_ARG, "drive", "index=2,media=disk,file=%s", NULL, "FILE", NULL },
	{ "hdd", CLI_SHORT_ARG, "drive", "index=3,media=disk,file=%s", NULL, "FILE", NULL },
	{ "cdrom", CLI_SHORT_ARG, "drive", "index=2,media=cdrom,readonly=on,file=%s", NULL, "FILE", NULL },
	{ "snapshot", CLI_NO, NULL, NULL, NULL, "", NULL },
	{ "pflash", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },

	{ "device", CLI_LIST, "device", "driver", device_help_list, "DRIVER[,prop=value...]", "add a device ('help' lists, 'DRIVER,help' explains)" },
	{ "global", CLI_LIST, "global", NULL, NULL, "DRIVER.PROP=VALUE", "default of a property" },
	{ "netdev", CLI_LIST, "netdev", "type", netdev_help, "TYPE,id=ID[,...]", "host side of a network card" },
	{ "nic", CLI_LIST, "nic", "type", netdev_help, "TYPE[,model=DRIVER,mac=...]|none", "network card with its host side" },
	{ "net", CLI_LIST, "nic", "type", netdev_help, "", NULL },
	{ "chardev", CLI_LIST, "chardev", "backend", chardev_help, "KIND,id=ID[,...]", "host side of a byte stream" },
	{ "object", CLI_LIST, "object", "qom-type", object_help, "TYPE,id=ID[,...]", "memory backend, iothread, rng, secret" },
	{ "serial", CLI_TEXTS, "serial", NULL, chardev_help, "CHARDEV", "serial port (stdio, mon:stdio, pty, file:F, unix:P, none)" },
	{ "monitor", CLI_TEXTS, "monitor", NULL, chardev_help, "CHARDEV", "monitor" },
	{ "qmp", CLI_TEXTS, "qmp", NULL, chardev_help, "CHARDEV", "QMP monitor" },
	{ "qmp-pretty", CLI_TEXTS, "qmp", NULL, chardev_help, "", NULL },
	{ "mon", CLI_LIST, "mon", "chardev", NULL, "[chardev=]ID[,mode=control|readline]", "monitor on a chardev" },
	{ "parallel", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
	{ "debugcon", CLI_NO_ARG, NULL, "use -device isa-debugcon,chardev=ID", NULL, "", NULL },

	{ "nographic", CLI_FLAG, "nographic", NULL, NULL, "", "no display; serial port and monitor on the terminal" },
	{ "display", CLI_TEXT, "display", NULL, cli_display_help, "none", "display" },
	{ "vga", CLI_TEXT, "vga", NULL, NULL, "none", "display adapter" },
	{ "vnc", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "spice", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "audiodev", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
	{ "k", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
	{ "usb", CLI_NO, NULL, NULL, NULL, "", NULL },
	{ "usbdevice", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },

	{ "nodefaults", CLI_FLAG, "nodefaults", NULL, NULL, "", "no default devices" },
	{ "no-user-config", CLI_IGNORE, NULL, NULL, NULL, "", NULL },
	{ "readconfig", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "name", CLI_DICT, "name", "guest", NULL, "NAME", "name of the machine" },
	{ "uuid", CLI_TEXT, "uuid", NULL, NULL, "UUID", "its UUID" },
	{ "rtc", CLI_DICT, "rtc", NULL, NULL, "base=utc|localtime|DATE", "real-time clock" },
	{ "no-acpi", CLI_SHORT, "machine", "acpi=off", NULL, "", NULL },
	{ "no-hpet", CLI_SHORT, "machine", "hpet=off", NULL, "", NULL },
	{ "no-reboot", CLI_FLAG, "no-reboot", NULL, NULL, "", "exit when the guest reboots" },
	{ "no-shutdown", CLI_FLAG, "no-shutdown", NULL, NULL, "", "stop, do not exit, when the guest powers off" },
	{ "action", CLI_DICT, "action", NULL, NULL, "", NULL },
	{ "S", CLI_FLAG, "S", NULL, NULL, "", "do not start the processors" },
	{ "incoming", CLI_TEXT, "incoming", NULL, NULL, "", NULL },
	{ "loadvm", CLI_TEXT, "loadvm", NULL, NULL, "", NULL },
	{ "watchdog-action", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
	{ "icount", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "gdb", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "s", CLI_NO, NULL, NULL, NULL, "", NULL },

	{ "daemonize", CLI_FLAG, "daemonize", NULL, NULL, "", "go into the background when ready" },
	{ "pidfile", CLI_TEXT, "pidfile", NULL, NULL, "FILE", "write the process id there" },
	{ "sandbox", CLI_DICT, "sandbox", "enable", NULL, "on|off", "system call filters" },
	{ "runas", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "chroot", CLI_NO_ARG, NULL, NULL, NULL, "", NULL },
	{ "add-fd", CLI_LIST, "add-fd", NULL, NULL, "", NULL },
	{ "compat", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
	{ "msg", CLI_DICT, "msg", NULL, NULL, "timestamp=on|off", "shape of messages" },
	{ "d", CLI_TEXT, "d", NULL, cli_log_help, "ITEM,...", "log these things" },
	{ "D", CLI_TEXT, "D", NULL, NULL, "FILE", "log there" },
	{ "trace", CLI_LIST, "trace", "enable", NULL, "PATTERN", "trace points" },
	{ "L", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
	{ "full-screen", CLI_IGNORE, NULL, NULL, NULL, "", NULL },
	{ "qtest", CLI_TEXT, "qtest", NULL, NULL, "CHARDEV", NULL },
	{ "qtest-log", CLI_IGNORE_ARG, NULL, NULL, NULL, "", NULL },
};
/* clang-format on */

/* ---- help ---- */

static void cli_version(void)
{
	printf("lodge %s (QEMU 7.2 command line)\n", PACKAGE_VERSION);
}

static void cli_accel_help(void)
{
#if defined(HAVE_LINUX_KVM_H) && defined(HOST_X86_64)
	printf("Accelerators supported:\n  kvm\n  tcg\n");
#else
	printf("Accelerators supported:\n  tcg\n");
#endif
	printf("'auto' picks KVM where it has hardware behind it, else tcg.\n"
	       "'-accel NAME,help' lists the options of one.\n");
}

static void cli_display_help(void)
{
	printf("Available display backend types:\nnone\n");
}

static void cli_log_help(void)
{
	printf("Log items: in_asm ir ir_opt out_asm int mmu exec cpu guest_errors "
	       "unimp\n");
}

static void cli_drive_help(void)
{
	printf("-drive "
	       "file=FILE[,if=ide|virtio|none][,format=raw|qcow2][,id=ID][,readonly=on|"
	       "off]\n"
	       "       "
	       "[,cache=none|writeback|writethrough|directsync|unsafe][,aio=...][,"
	       "discard=...]\n"
	       "       [,serial=TEXT][,index=N][,media=disk|cdrom]\n");
}

static void cli_cpu_help(void)
{
	const struct x86_model_name_info *n;
	char name[32];
	size_t col = 80;

	printf("Available CPUs:\n");
	for (unsigned i = 0; (n = x86_model_at(i)) != NULL; i++) {
		if (n->alias_of[0]) {
			printf("x86 %-25s  (alias of %s)\n", n->name, n->alias_of);
		} else {
			printf("x86 %-25s  %s\n", n->name, n->model->id);
		}
	}
	printf("\nRecognized CPUID flags:");
	for (unsigned f = 0; f < XF_N * 64; f++) {
		if (!*x86_feature_name(f, name)) {
			continue;
		}
		if (col + strlen(name) + 1 > 78) {
			printf("\n ");
			col = 1;
		}
		col += (size_t)printf(" %s", name);
	}
	printf("\n");
}

void cli_help(void)
{
	cli_version();
	printf("usage: lodge [options]            options as qemu-system-x86_64 takes "
	       "them\n"
	       "       lodge run IMAGE|KERNEL     the short way: see 'lodge run "
	       "--help'\n\n");
	for (unsigned i = 0; i < ARRAY_LEN(cli_options); i++) {
		const struct cli_option *o = &cli_options[i];

		if (o->help_text) {
			printf("  -%s %s\n        %s\n", o->name, o->args,
			       o->help_text);
		}
	}
	printf("\nMost options take 'help' as their value. In a terminal, Ctrl-A x "
	       "ends the machine,\n"
	       "Ctrl-A c switches between serial port and monitor.\n");
}

/* ---- suggestions ---- */

/* Edit distance with two rows; names are short. */
static unsigned cli_distance(const char *a, const char *b)
{
	unsigned row[2][64] = { { 0 } }, n = strlen(b), cur = 0;

	if (n >= 63 || strlen(a) >= 63) {
		return 99;
	}
	for (unsigned j = 0; j <= n; j++) {
		row[0][j] = j;
	}
	for (unsigned i = 1; a[i - 1]; i++) {
		cur = i & 1;
		row[cur][0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned change = row[!cur][j - 1] + (a[i - 1] != b[j - 1]);
			unsigned edit = MIN(row[!cur][j], row[cur][j - 1]) + 1;

			row[cur][j] = MIN(change, edit);
		}
	}
	return row[cur][n];
}

const char *cli_suggest(const char *given, const char *(*at)(unsigned i))
{
	const char *best = NULL, *name;
	unsigned least = MAX(2u, (unsigned)strlen(given) / 3) + 1;

	for (unsigned i = 0; (name = at(i)) != NULL; i++) {
		unsigned d = cli_distance(given, name);

		if (d < least) {
			least = d;
			best = name;
		}
	}
	return best;
}

static const char *cli_option_name(unsigned i)
{
	return i < ARRAY_LEN(cli_options) ? cli_options[i].name : NULL;
}

static const struct cli_option *cli_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(cli_options); i++) {
		if (strcmp(cli_options[i].name, name) == 0) {
			return &cli_options[i];
		}
	}
	return NULL;
}

/* ---- into the tree ---- */

static struct opt *cli_list(struct opt *tree, const char *key)
{
	struct opt *l = opt_get(tree, key);

	if (!l) {
		l = opt_new_list();
		opt_put_take(tree, key, l);
	}
	return l;
}

static int cli_merge(struct opt *tree, const char *key, struct opt *more)
{
	struct opt *d = opt_get(tree, key);

	if (!d) {
		opt_put_take(tree, key, more);
		return 0;
	}
	for (unsigned i = 0; i < opt_count(more); i++) {
		opt_put_take(d, opt_key_at(more, i), opt_copy(opt_at(more, i)));
	}
	opt_free(more);
	return 0;
}

static bool cli_is_help(const char *text)
{
	return strcmp(text, "help") == 0 || strcmp(text, "?") == 0;
}

/* "-device X,help" */
static int cli_device_help(struct opt *o, struct err *e)
{
	const char *driver = opt_get_str(o, "driver", NULL);
	const struct device_class *cls;

	if (!driver || !opt_has(o, "help")) {
		return 0;
	}
	cls = device_class_find(driver);
	if (!cls) {
		return err_set(e, -EINVAL,
		               "-device: no device is called '%s' (see -device help)",
		               driver);
	}
	device_help(cls);
	return CLI_DONE;
}

/* The model's name is the first word, which has no key; "model=60" is a number of it. */
static const char *cli_cpu_key(const struct opt *o, const char *key)
{
	if (!strcmp(key, "cpu-model")) {
		return "model";
	}
	return !strcmp(key, "model") && opt_has(o, "cpu-model") ? "model-number" : key;
}

/* Processor features have dots in their names: {"sse4":{"1":"on"}} is "sse4.1". */
static struct opt *cli_flatten(struct opt *o)
{
	struct opt *flat = opt_new_dict();

	for (unsigned i = 0; i < opt_count(o); i++) {
		struct opt *v = opt_at(o, i);

		if (opt_kind(v) != OPT_DICT) {
			opt_put_take(flat, cli_cpu_key(o, opt_key_at(o, i)),
			             opt_copy(v));
			continue;
		}
		for (unsigned k = 0; k < opt_count(v); k++) {
			char key[128];

			snprintf(key, sizeof(key), "%s.%s", opt_key_at(o, i),
			         opt_key_at(v, k));
			opt_put_take(flat, key, opt_copy(opt_at(v, k)));
		}
	}
	opt_free(o);
	return flat;
}

static int cli_put_parsed(struct opt *tree, const struct cli_option *o,
                          const char *text, struct err *e)
{
	struct opt *v = NULL;
	int r;

	if (o->help && cli_is_help(text)) {
		o->help();
		return CLI_DONE;
	}
	r = opt_parse(&v, text, o->implied, e);
	if (r < 0) {
		return err_prefix(e, r, "-%s %s", o->name, text);
	}
	if (strcmp(o->key, "cpu") == 0) {
		v = cli_flatten(v);
	}
	if (o->kind == CLI_DICT) {
		return cli_merge(tree, o->key, v);
	}
	if (strcmp(o->key, "device") == 0) {
		r = cli_device_help(v, e);
		if (r) {
			opt_free(v);
			return r;
		}
	}
	opt_append_take(cli_list(tree, o->key), v);
	return 0;
}

static int cli_refuse(const struct cli_option *o, struct err *e)
{
	return err_set(e, -ENOTSUP, "not supported: -%s%s%s", o->name,
	               o->implied ? ": " : "", o->implied ? o->implied : "");
}

size_t cli_escape(char *out, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text && n + 2 < room; text++) {
		if (*text == ',') {
			out[n++] = ',';
		}
		out[n++] = *text;
	}
	out[n] = 0;
	return n;
}

static int cli_short_arg(struct opt *tree, const struct cli_option *o, const char *arg,
                         struct err *e)
{
	char escaped[4096], text[4400];

	(void)cli_escape(escaped, sizeof(escaped), arg);
	snprintf(text, sizeof(text), o->implied, escaped);
	return cli_put(tree, o->key, text, e);
}

static int cli_apply(struct opt *tree, const struct cli_option *o, const char *text,
                     struct err *e)
{
	switch (o->kind) {
	case CLI_FLAG: opt_put_bool(tree, o->key, true); return 0;
	case CLI_TEXT:
		if (o->help && cli_is_help(text)) {
			o->help();
			return CLI_DONE;
		}
		opt_put_str(tree, o->key, text);
		return 0;
	case CLI_TEXTS:
		if (o->help && cli_is_help(text)) {
			o->help();
			return CLI_DONE;
		}
		opt_append_take(cli_list(tree, o->key), opt_new_str(text));
		return 0;
	case CLI_DICT:
	case CLI_LIST: return cli_put_parsed(tree, o, text, e);
	case CLI_SHORT: return cli_put(tree, o->key, o->implied, e);
	case CLI_SHORT_ARG: return cli_short_arg(tree, o, text, e);
	case CLI_NO:
	case CLI_NO_ARG: return cli_refuse(o, e);
	case CLI_CALL: o->help(); return CLI_DONE;
	case CLI_IGNORE:
	case CLI_IGNORE_ARG: break;
	}
	return 0;
}

static bool cli_takes_arg(const struct cli_option *o)
{
	switch (o->kind) {
	case CLI_FLAG:
	case CLI_SHORT:
	case CLI_IGNORE:
	case CLI_NO:
	case CLI_CALL: return false;
	default: return true;
	}
}

int cli_put(struct opt *tree, const char *name, const char *text, struct err *e)
{
	const struct cli_option *o = cli_find(name);

	if (!o) {
		const char *near = cli_suggest(name, cli_option_name);

		return err_set(e, -EINVAL, "-%s: unknown option%s%s%s", name,
		               near ? " (did you mean -" : "", near ? near : "",
		               near ? "?)" : "");
	}
	return cli_apply(tree, o, text, e);
}

int cli_parse(int argc, char **argv, struct opt **out, struct err *e)
{
	struct opt *tree = opt_new_dict();
	int r = 0;

	for (int i = 1; i < argc && !r; i++) {
		const char *name = argv[i];
		const struct cli_option *o;

		if (name[0] != '-') {
			r = cli_put(tree, "hda", name,
			            e); /* a bare file is the first disk */
			continue;
		}
		name += 1 + (name[1] == '-');
		o = cli_find(name);
		if (!o) {
			r = cli_put(tree, name, "", e);
		} else if (cli_takes_arg(o) && i + 1 == argc) {
			r = err_set(e, -EINVAL, "-%s needs an argument%s%s", name,
			            *o->args ? ": " : "", o->args);
		} else {
			r = cli_apply(tree, o, cli_takes_arg(o) ? argv[++i] : "", e);
		}
	}
	if (r) {
		opt_free(tree);
		return r;
	}
	*out = tree;
	return 0;
}

const char *cli_target(const char *argv0)
{
	static const char mark[] = "-system-";
	const char *base = strrchr(argv0, '/'), *at;

	base = base ? base + 1 : argv0;
	at = strstr(base, mark);
	return at ? at + sizeof(mark) - 1 : "x86_64";
}
