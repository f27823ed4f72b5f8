/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - boards: what sits where, and the life of the one machine.
 *
 *   machine_new()     RAM, vCPUs (their identification), chips, buses
 *   device_add() ...  what the user plugs, on the board's buses
 *   machine_finish()  firmware tables, kernel, reset hook: after the last -device
 *   vm_start_vcpus(), vm_reset(), vm_cont()
 *
 * Control thread. A board keeps its own struct behind machine->board.
 */
#ifndef LODGE_MACHINE_MACHINE_H
#define LODGE_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/gmem.h"
#include "machine/boot.h"

struct vm;
struct opt;
struct chardev;
struct machine;
struct isa_bus;
struct vcpu;
struct cpu_hotplug;
struct fwcfg;

enum { MACHINE_SERIALS = 4 };

/* What command line or QMP decided; strings and trees are borrowed for the VM's life. */
struct machine_cfg {
	struct opt *props; /* -machine's own properties */
	struct opt *cpu;   /* -cpu: {"model": .., feature: ..} or NULL */
	uint64_t ram_size;
	unsigned cpus, max_cpus, sockets, dies, cores, threads;
	const char *kernel, *initrd, *append, *dtb, *bios;
	struct chardev *serial[MACHINE_SERIALS];
	struct opt *smbios; /* list of dicts, or NULL */
	struct opt *fw_cfg; /* list of dicts, or NULL */
	struct opt *boot;   /* -boot, or NULL */
	int64_t rtc_base_s; /* INT64_MIN: now */
	bool rtc_localtime;
};

struct machine_class {
	const char *name, *description;
	const char *const *aliases; /* NULL at the end; "pc-q35-*" matches by prefix */
	const char *versioned; /* the name management asks by ("pc-q35-7.2"), or NULL */
	const char *arch;      /* guest_arch name */
	const char *ram_id;    /* default id of the RAM backend */
	const char *default_cpu;
	const char *blk_driver, *net_driver; /* what if=virtio and -nic become */
	bool has_ide; /* drives are IDE drives unless -drive says otherwise */
	unsigned max_cpus;
	uint64_t default_ram;
	bool is_default, no_cpus;
	bool has_cpu_hotplug;
	int (*build)(struct machine *m, struct err *e);
	int (*finish)(struct machine *m, struct err *e);
	void (*fini)(struct machine *m);
};

struct machine {
	const struct machine_class *cls;
	struct machine_cfg cfg;
	struct vm *vm;
	struct ram_block *ram;
	struct mr ram_mr, low,
		high; /* the block, and where it shows below and above 4 GiB */
	uint64_t low_size, high_size;
	struct boot_in boot_in;
	struct boot_plan plan;
	bool have_plan;
	struct isa_bus *isa;
	struct fwcfg *fwcfg;
	void *board;

	/* cpus.c; the board sets what it has. control */
	struct cpu_hotplug *hotplug;
	int (*add_cpu)(struct machine *m, struct vcpu *c, struct err *e);
	void (*cpus_changed)(
		struct machine *m); /* before the guest has looked at any */
};

extern const struct machine_class machine_q35, machine_pc, machine_microvm,
	machine_none;

const struct machine_class *machine_class_find(const char *name);
const struct machine_class *machine_class_default(const char *arch);
const struct machine_class *machine_class_at(unsigned i); /* NULL at the end */
void machine_help(void);

/* `vm` has its accelerator set up; errors leave the machine to machine_free(). */
struct machine *machine_new(const struct machine_class *cls, struct vm *vm,
                            const struct machine_cfg *cfg, struct err *e);
int machine_finish(struct machine *m, struct err *e) __must_check;
void machine_free(struct machine *m);

/* Checks -smp and fills in what it leaves open. */
int machine_fix_smp(const struct machine_class *cls, struct machine_cfg *cfg,
                    struct err *e) __must_check;

#endif
