/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - argv into an option tree, QEMU's grammar and the short form `lodge run`.
 *
 * One table (options.c) says for each option what its text becomes in the tree:
 * nothing is created here. vmm/main reads the tree in the order things depend on
 * each other, so that options may refer to what comes later on the command line.
 *
 *   dicts   machine cpu smp memory rtc boot name msg sandbox overcommit
 *   lists   accel object chardev blockdev drive netdev nic device mon qmp serial monitor
 *           global smbios fw_cfg trace add-fd
 *   scalars kernel initrd append dtb bios uuid pidfile display vga d D incoming loadvm
 *           and the flags
 */
#ifndef LODGE_CLI_CLI_H
#define LODGE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct opt;

enum { CLI_DONE = 1 }; /* help or version was printed: exit 0 */

/* 0, CLI_DONE or -errno. `target` ("x86_64") comes from the program's name. */
int cli_parse(int argc, char **argv, struct opt **out, struct err *e) __must_check;
/* "lodge run IMAGE_OR_KERNEL ...": the same tree. argv[0] is "run". */
int cli_parse_run(int argc, char **argv, struct opt **out, struct err *e) __must_check;
/* "-X text" into the tree; for run.c and configuration files. `name` without dash. */
int cli_put(struct opt *tree, const char *name, const char *text, struct err *e)
	__must_check;
/* The text with its commas doubled, as it stands in a value of key=value text: its length. */
size_t cli_escape(char *out, size_t room, const char *text);
/* Target of argv[0]: "qemu-system-x86_64" -> "x86_64"; the host's default otherwise. */
const char *cli_target(const char *argv0);
void cli_help(void);

/* -drive, -hda, -cdrom ... : makes the -blockdev dicts and the -device dict (or NULL). */
struct cli_drive {
	struct opt *
		node; /* format over protocol, one nested dict; NULL: an empty CD-ROM */
	struct opt *device; /* NULL for if=none */
};
struct cli_drive_env {
	const char *blk_driver; /* of if=virtio */
	bool ide;               /* the board has IDE: what if= is without a value */
	unsigned *ide_used;     /* bit n: drive n (channel n/2, unit n%2) is taken */
};
int cli_drive(struct opt *drive, unsigned n, const struct cli_drive_env *env,
              struct cli_drive *out, struct err *e) __must_check;
/* -nic, -net: a netdev dict and a device dict; both NULL for "none". */
struct cli_nic {
	struct opt *netdev, *device;
};
int cli_nic(struct opt *nic, unsigned n, const char *net_driver, struct cli_nic *out,
            struct err *e) __must_check;

/* The best match for a mistyped name, or NULL. */
const char *cli_suggest(const char *given, const char *(*at)(unsigned i));

#endif
