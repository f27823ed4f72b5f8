/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drive.c - the convenience options that stand for two things at once: -drive (a
 * block node and a device) and -nic (a netdev and a device). They only rewrite the
 * option tree.
 *
 * A drive's node takes the drive's id as its node-name, so that drive=ID finds it.
 *
 * Known gaps: if=scsi, floppy, pflash, sd; -drive without format= probes nothing:
 * the format is raw unless the name ends in .qcow2.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "cli/cli.h"

/* cache= as a set: write-back flag for the guest, O_DIRECT, no flushes. */
static const struct cli_cache {
	const char *name;
	bool writeback, direct, no_flush;
} cli_caches[] = {
	{ "none", true, true, false },           { "writeback", true, false, false },
	{ "writethrough", false, false, false }, { "directsync", false, true, false },
	{ "unsafe", true, false, true },
};

static int cli_drive_cache(struct opt *d, struct opt *file, struct opt *device,
                           struct err *e)
{
	const char *c = opt_get_str(d, "cache", "writeback");
	struct opt *o;

	for (unsigned i = 0; i < ARRAY_LEN(cli_caches); i++) {
		if (strcmp(cli_caches[i].name, c) != 0) {
			continue;
		}
		o = opt_new_dict();
		opt_put_bool(o, "direct", cli_caches[i].direct);
		opt_put_bool(o, "no-flush", cli_caches[i].no_flush);
		opt_put_take(file, "cache", o);
		if (device && !cli_caches[i].writeback) {
			opt_put_str(device, "write-cache", "off");
		}
		return 0;
	}
	return err_set(e, -EINVAL,
	               "-drive: cache=%s is not one of none, writeback, writethrough, "
	               "directsync, unsafe",
	               c);
}

static void cli_move(struct opt *from, const char *key, struct opt *to, const char *as)
{
	struct opt *v = opt_get(from, key);

	if (v && to) {
		opt_put_take(to, as, opt_copy(v));
	}
}

static bool cli_ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && strcmp(s + a - b, end) == 0;
}

/* index= counts through the channels; bus= and unit= name one; else the first free. */
static int cli_drive_ide(struct opt *d, const struct cli_drive_env *env, bool cdrom,
                         struct cli_drive *out, struct err *e)
{
	uint64_t index = 0, bus = 0, unit = 0;
	char name[16];
	int r = opt_get_u64(d, "index", 0, &index, e);

	r = r < 0 ? r : opt_get_u64(d, "bus", 0, &bus, e);
	r = r < 0 ? r : opt_get_u64(d, "unit", 0, &unit, e);
	if (r < 0) {
		return r;
	}
	if (opt_has(d, "bus") || opt_has(d, "unit")) {
		index = bus < 2 && unit < 2 ? bus * 2 + unit : 4;
	} else if (!opt_has(d, "index")) {
		while (index < 4 && (*env->ide_used & BIT(index))) {
			index++;
		}
	}
	if (index > 3) {
		return err_set(e, -EINVAL,
		               "-drive: IDE has places for four drives (index 0 to 3)");
	}
	if (*env->ide_used & BIT(index)) {
		return err_set(e, -EBUSY, "-drive: IDE drive %u is there already",
		               (unsigned)index);
	}
	*env->ide_used |= BIT(index);
	snprintf(name, sizeof(name), "ide.%u", (unsigned)index / 2);
	opt_put_str(out->device, "driver", cdrom ? "ide-cd" : "ide-hd");
	opt_put_str(out->device, "bus", name);
	opt_put_int(out->device, "unit", (int)index % 2);
	return 0;
}

static int cli_drive_device(struct opt *d, const char *id,
                            const struct cli_drive_env *env, bool cdrom,
                            struct cli_drive *out, struct err *e)
{
	const char *bus = opt_get_str(d, "if", env->ide ? "ide" : "virtio");
	int r = 0;

	if (strcmp(bus, "none") == 0) {
		return 0;
	}
	if (strcmp(bus, "virtio") != 0 && (strcmp(bus, "ide") != 0 || !env->ide)) {
		return err_set(e, -ENOTSUP,
		               "not supported: -drive if=%s (virtio and none are%s)",
		               bus, env->ide ? ", and ide" : "; machine 'pc' has ide");
	}
	out->device = opt_new_dict();
	if (strcmp(bus, "ide") == 0) {
		r = cli_drive_ide(d, env, cdrom, out, e);
	} else {
		opt_put_str(out->device, "driver", env->blk_driver);
	}
	if (opt_has(d, "file")) {
		opt_put_str(out->device, "drive", id);
	}
	cli_move(d, "serial", out->device, "serial");
	cli_move(d, "bootindex", out->device, "bootindex");
	return r;
}

int cli_drive(struct opt *d, unsigned n, const struct cli_drive_env *env,
              struct cli_drive *out, struct err *e)
{
	const char *file = opt_get_str(d, "file", NULL), *format, *id;
	struct opt *proto, *node;
	bool ro, cdrom;
	char name[32];
	int r;

	memset(out, 0, sizeof(*out));
	cdrom = strcmp(opt_get_str(d, "media", "disk"), "cdrom") == 0;
	if (!file && !(cdrom && env->ide)) {
		return err_set(e, -EINVAL, "-drive needs file=");
	}
	snprintf(name, sizeof(name), "drive%u", n);
	id = opt_get_str(d, "id", name);
	(void)opt_get(d, "index");
	r = opt_get_bool(d, opt_has(d, "read-only") ? "read-only" : "readonly", cdrom,
	                 &ro, e);
	if (r < 0) {
		return r;
	}
	if (opt_has(d, "snapshot")) {
		bool snap;

		r = opt_get_bool(d, "snapshot", false, &snap, e);
		if (r < 0 || snap) {
			return r < 0 ? r
			             : err_set(e, -ENOTSUP,
			                       "not supported: -drive snapshot=on");
		}
	}
	r = cli_drive_device(d, id, env, cdrom, out, e);
	if (r < 0 || !file) {
		return r < 0 ? r : opt_check_unused(d, "-drive", e);
	}
	format = opt_get_str(d, "format",
	                     cli_ends_with(file, ".qcow2") ? "qcow2" : "raw");
	proto = opt_new_dict();
	opt_put_str(proto, "driver",
	            strncmp(file, "/dev/", 5) == 0 ? "host_device" : "file");
	opt_put_str(proto, "filename",
	            strncmp(file, "file:", 5) == 0 ? file + 5 : file);
	opt_put_bool(proto, "read-only", ro);
	cli_move(d, "aio", proto, "aio");
	cli_move(d, "discard", proto, "discard");
	node = opt_new_dict();
	r = cli_drive_cache(d, proto, out->device, e);
	opt_put_str(node, "driver", format);
	opt_put_str(node, "node-name", id);
	opt_put_bool(node, "read-only", ro);
	cli_move(d, "discard", node, "discard");
	cli_move(d, "detect-zeroes", node, "detect-zeroes");
	cli_move(d, "werror", out->device, "werror");
	cli_move(d, "rerror", out->device, "rerror");
	opt_put_take(node, "file", proto);
	out->node = node;
	return r < 0 ? r : opt_check_unused(d, "-drive", e);
}

int cli_nic(struct opt *nic, unsigned n, const char *net_driver, struct cli_nic *out,
            struct err *e)
{
	static const char *const of_device[] = { "mac", "addr", "bootindex" };
	const char *type = opt_get_str(nic, "type", "user"), *model;
	char id[32];

	memset(out, 0, sizeof(*out));
	if (strcmp(type, "none") == 0) {
		return 0;
	}
	if (strcmp(type, "nic") == 0) {
		return err_set(e, -ENOTSUP,
		               "not supported: -net nic (use -nic TYPE or -netdev and "
		               "-device)");
	}
	model = opt_get_str(nic, "model", net_driver);
	if (strcmp(model, "virtio") == 0) {
		model = net_driver;
	}
	snprintf(id, sizeof(id), "net%u", n);
	out->device = opt_new_dict();
	opt_put_str(out->device, "driver", model);
	for (unsigned i = 0; i < ARRAY_LEN(of_device); i++) {
		cli_move(nic, of_device[i], out->device, of_device[i]);
	}
	out->netdev = opt_copy(nic);
	opt_put_str(out->netdev, "type", type);
	if (!opt_has(out->netdev, "id")) {
		opt_put_str(out->netdev, "id", id);
	}
	opt_put_str(out->device, "netdev", opt_get_str(out->netdev, "id", id));
	opt_del(out->netdev, "model");
	for (unsigned i = 0; i < ARRAY_LEN(of_device); i++) {
		opt_del(out->netdev, of_device[i]);
	}
	return 0;
}
