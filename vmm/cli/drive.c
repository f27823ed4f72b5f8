/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drive.c - the convenience options that stand for two things at once: -drive (a
 * block node and a device) and -nic (a netdev and a device). They only rewrite the
 * option tree.
 *
 * A drive's node takes the drive's id as its node-name, so that drive=ID finds it.
 *
 * Known gaps: if=ide, scsi, floppy, pflash, sd; -drive without format= probes nothing:
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
	{ "none", true, true, false },
	{ "writeback", true, false, false },
	{ "writethrough", false, false, false },
	{ "directsync", false, true, false },
	{ "unsafe", true, false, true },
};

static int cli_drive_cache(struct opt *d, struct opt *file, struct opt *device, struct err *e)
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
	return err_set(e, -EINVAL, "-drive: cache=%s is not one of none, writeback, writethrough, "
		       "directsync, unsafe", c);
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

static int cli_drive_device(struct opt *d, const char *id, const char *blk_driver,
			    struct cli_drive *out, struct err *e)
{
	const char *bus = opt_get_str(d, "if", "virtio");

	if (strcmp(bus, "none") == 0) {
		return 0;
	}
	if (strcmp(bus, "virtio") != 0) {
		return err_set(e, -ENOTSUP, "not supported: -drive if=%s (virtio and none are)", bus);
	}
	out->device = opt_new_dict();
	opt_put_str(out->device, "driver", blk_driver);
	opt_put_str(out->device, "drive", id);
	cli_move(d, "serial", out->device, "serial");
	cli_move(d, "bootindex", out->device, "bootindex");
	return 0;
}

int cli_drive(struct opt *d, unsigned n, const char *blk_driver, struct cli_drive *out,
	      struct err *e)
{
	const char *file = opt_get_str(d, "file", NULL), *format, *id;
	struct opt *proto, *node;
	bool ro, cdrom;
	char name[32];
	int r;

	memset(out, 0, sizeof(*out));
	if (!file) {
		return err_set(e, -EINVAL, "-drive needs file=");
	}
	snprintf(name, sizeof(name), "drive%u", n);
	id = opt_get_str(d, "id", name);
	cdrom = strcmp(opt_get_str(d, "media", "disk"), "cdrom") == 0;
	(void)opt_get(d, "index");
	r = opt_get_bool(d, opt_has(d, "read-only") ? "read-only" : "readonly", cdrom, &ro, e);
	if (r < 0) {
		return r;
	}
	if (opt_has(d, "snapshot")) {
		bool snap;

		r = opt_get_bool(d, "snapshot", false, &snap, e);
		if (r < 0 || snap) {
			return r < 0 ? r : err_set(e, -ENOTSUP, "not supported: -drive snapshot=on");
		}
	}
	format = opt_get_str(d, "format", cli_ends_with(file, ".qcow2") ? "qcow2" : "raw");
	r = cli_drive_device(d, id, blk_driver, out, e);
	if (r < 0) {
		return r;
	}
	proto = opt_new_dict();
	opt_put_str(proto, "driver", strncmp(file, "/dev/", 5) == 0 ? "host_device" : "file");
	opt_put_str(proto, "filename", strncmp(file, "file:", 5) == 0 ? file + 5 : file);
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
		return err_set(e, -ENOTSUP, "not supported: -net nic (use -nic TYPE or -netdev and -device)");
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
