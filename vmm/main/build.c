/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * build.c - builds the machine from the option tree, in the order things depend on each
 * other: accelerator, objects, chardevs, block nodes, netdevs, board, devices, firmware
 * tables and kernel, monitors, vCPU threads.
 *
 * Known gaps: -incoming and -loadvm need vmm/migrate; -add-fd only passes (fds are
 * inherited as they are).
 */
#include "config.h"

#include "main/build.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/opt.h"
#include "block.h"
#include "cli/cli.h"
#include "cli/qtest.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86.h"
#include "core/device.h"
#include "core/loop.h"
#include "core/object.h"
#include "core/vm.h"
#include "host/char/chardev.h"
#include "host/net/netdev.h"
#include "machine/cpus.h"
#include "machine/machine.h"
#include "qmp/monitor.h"

/* ---- the tree ---- */

typedef int build_each_fn(struct build *b, struct opt *o, struct err *e);

static int build_each(struct build *b, const char *key, build_each_fn *fn,
                      struct err *e)
{
	struct opt *l = opt_get(b->tree, key);

	for (unsigned i = 0; l && i < opt_count(l); i++) {
		int r = fn(b, opt_at(l, i), e);

		if (r < 0) {
			return err_prefix(e, r, "-%s", key);
		}
	}
	return 0;
}

static bool build_flag(struct build *b, const char *key)
{
	return opt_get(b->tree, key) != NULL;
}

static struct opt *build_dict(struct build *b, const char *key)
{
	struct opt *d = opt_get(b->tree, key);

	if (!d) {
		d = opt_new_dict();
		opt_put_take(b->tree, key, d);
	}
	return d;
}

/* ---- pieces ---- */

static int build_object(struct build *b, struct opt *o, struct err *e)
{
	(void)b;
	return object_add(o, e);
}

static int build_chardev(struct build *b, struct opt *o, struct err *e)
{
	return chardev_new(o, b->vm->loop, e) ? 0 : -EINVAL;
}

static int build_blockdev(struct build *b, struct opt *o, struct err *e)
{
	struct blk_node *n;

	(void)b;
	return blk_node_add(o, &n, e);
}

static int build_netdev(struct build *b, struct opt *o, struct err *e)
{
	(void)b;
	return netdev_new(o, e) ? 0 : -EINVAL;
}

/* Members of -global DRIVER.PROP=VALUE that the device does not have already. */
static void build_globals(struct build *b, const char *driver, struct opt *dev)
{
	struct opt *l = opt_get(b->tree, "global");

	for (unsigned i = 0; l && i < opt_count(l); i++) {
		struct opt *g = opt_at(l, i), *own = opt_get(g, driver);
		const char *d = opt_get_str(g, "driver", ""),
			   *p = opt_get_str(g, "property", "");

		for (unsigned k = 0; own && k < opt_count(own); k++) {
			if (!opt_has(dev, opt_key_at(own, k))) {
				opt_put_take(dev, opt_key_at(own, k),
				             opt_copy(opt_at(own, k)));
			}
		}
		if (strcmp(d, driver) == 0 && *p && !opt_has(dev, p)) {
			opt_put_str(dev, p, opt_get_str(g, "value", ""));
		}
	}
}

static const char *build_class_name(unsigned i)
{
	unsigned n = 0;

	for (unsigned k = 0; device_classes[k]; k++) {
		if (!device_classes[k]->internal && n++ == i) {
			return device_classes[k]->name;
		}
	}
	return NULL;
}

static int build_device(struct build *b, struct opt *o, struct err *e)
{
	const char *driver = opt_get_str(o, "driver", NULL);

	if (driver && !device_class_find(driver) &&
	    machine_is_cpu_driver(b->machine, driver)) {
		return machine_cpu_plug(b->machine, o, e);
	}
	if (driver && !device_class_find(driver)) {
		const char *near = cli_suggest(driver, build_class_name);

		return err_set(e, -EINVAL, "'%s' is not a device%s%s%s", driver,
		               near ? " (did you mean " : " (see -device help)",
		               near ? near : "", near ? "?)" : "");
	}
	if (driver) {
		build_globals(b, driver, o);
	}
	return device_add(b->vm, o, e) ? 0 : -EINVAL;
}

static int build_drive(struct build *b, struct opt *o, struct err *e)
{
	struct cli_drive_env env = { b->machine->cls->blk_driver,
		                     b->machine->cls->has_ide, &b->ide_used };
	struct cli_drive d;
	struct blk_node *n;
	int r = cli_drive(o, b->n_drive++, &env, &d, e);

	if (r >= 0 && d.node) {
		r = blk_node_add(d.node, &n, e);
	}
	if (r >= 0 && d.device) {
		r = build_device(b, d.device, e);
	}
	opt_free(d.node);
	opt_free(d.device);
	return r;
}

static int build_nic(struct build *b, struct opt *o, struct err *e)
{
	struct cli_nic n;
	int r = cli_nic(o, b->n_nic++, b->machine->cls->net_driver, &n, e);

	if (r >= 0 && n.netdev) {
		r = build_netdev(b, n.netdev, e);
		r = r < 0 ? r : build_device(b, n.device, e);
	}
	opt_free(n.netdev);
	opt_free(n.device);
	return r;
}

/* ---- serial ports and monitors ---- */

static int build_monitor_on(struct build *b, struct chardev *c, enum monitor_mode mode,
                            bool pretty, struct err *e)
{
	b->n_mon++;
	return monitor_new(b->vm, c, mode, pretty, e) ? 0 : -EINVAL;
}

static struct chardev *build_short(struct build *b, const char *text, const char *id,
                                   struct err *e)
{
	if (strncmp(text, "chardev:", 8) == 0) {
		struct chardev *c = chardev_find(text + 8);

		if (!c) {
			err_set(e, -ENOENT, "no -chardev has id '%s'", text + 8);
		}
		return c;
	}
	return chardev_new_short(text, id, b->vm->loop, e);
}

/* Before the devices: their clock becomes the test's. */
static int build_qtest(struct build *b, struct err *e)
{
	const char *text = opt_get_str(b->tree, "qtest", NULL);
	struct chardev *c = text ? build_short(b, text, "qtest", e) : NULL;

	if (!text) {
		return 0;
	}
	return c && qtest_new(b->vm, c, e) ? 0 : -EINVAL;
}

static int build_serial(struct build *b, const char *text, struct machine_cfg *cfg,
                        struct err *e)
{
	char id[16];
	unsigned n = b->n_serial++;
	struct chardev *c;

	if (n >= MACHINE_SERIALS) {
		return err_set(e, -E2BIG, "-serial: %d ports are the most",
		               MACHINE_SERIALS);
	}
	if (strcmp(text, "none") == 0) {
		return 0;
	}
	snprintf(id, sizeof(id), "serial%u", n);
	c = build_short(b, text, id, e);
	if (!c) {
		return err_prefix(e, -EINVAL, "-serial %s", text);
	}
	cfg->serial[n] = c;
	return 0;
}

static int build_serials(struct build *b, struct machine_cfg *cfg, struct err *e)
{
	struct opt *l = opt_get(b->tree, "serial");
	bool own_monitor = opt_get(b->tree, "monitor") != NULL;

	for (unsigned i = 0; l && i < opt_count(l); i++) {
		int r = build_serial(b, opt_str(opt_at(l, i)), cfg, e);

		if (r < 0) {
			return r;
		}
	}
	if (l || b->nodefaults) {
		return 0;
	}
	/* A serial port is on by default: on the terminal with -nographic, else unconnected. */
	if (b->nographic) {
		return build_serial(b, own_monitor ? "stdio" : "mon:stdio", cfg, e);
	}
	return build_serial(b, "null", cfg, e);
}

/* "-serial mon:X" also carries a monitor. */
static int build_mux_monitors(struct build *b, const struct machine_cfg *cfg,
                              struct err *e)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < MACHINE_SERIALS; i++) {
		if (cfg->serial[i] && chardev_wants_monitor(cfg->serial[i])) {
			r = build_monitor_on(b, cfg->serial[i], MONITOR_READLINE, false,
			                     e);
		}
	}
	return r;
}

static int build_mon_text(struct build *b, const char *key, enum monitor_mode mode,
                          struct err *e)
{
	struct opt *l = opt_get(b->tree, key);
	int r = 0;

	for (unsigned i = 0; r >= 0 && l && i < opt_count(l); i++) {
		const char *text = opt_str(opt_at(l, i));
		struct chardev *c;
		char id[32];

		if (strcmp(text, "none") == 0) {
			continue;
		}
		snprintf(id, sizeof(id), "compat_monitor%u", b->n_mon);
		c = build_short(b, text, id, e);
		r = c ? build_monitor_on(b, c, mode, false, e) : -EINVAL;
		if (r < 0) {
			r = err_prefix(e, r, "-%s %s", key, text);
		}
	}
	return r;
}

static int build_mon(struct build *b, struct opt *o, struct err *e)
{
	static const char *const modes[] = { "readline", "control", NULL };
	const char *id = opt_get_str(o, "chardev", "");
	struct chardev *c = chardev_find(id);
	bool pretty;
	int mode, r;

	(void)opt_get(o, "id");
	r = opt_get_enum(o, "mode", modes, 0, &mode, e);
	r = r < 0 ? r : opt_get_bool(o, "pretty", false, &pretty, e);
	if (r >= 0 && !c) {
		r = err_set(e, -ENOENT, "no -chardev has id '%s'", id);
	}
	return r < 0 ? r : build_monitor_on(b, c, mode, pretty, e);
}

static int build_monitors(struct build *b, const struct machine_cfg *cfg, struct err *e)
{
	int r = build_mux_monitors(b, cfg, e);

	r = r < 0 ? r : build_mon_text(b, "monitor", MONITOR_READLINE, e);
	r = r < 0 ? r : build_mon_text(b, "qmp", MONITOR_CONTROL, e);
	return r < 0 ? r : build_each(b, "mon", build_mon, e);
}

/* ---- machine settings ---- */

static int build_smp(struct build *b, const struct machine_class *cls,
                     struct machine_cfg *cfg, struct err *e)
{
	struct opt *o = build_dict(b, "smp");
	const struct {
		const char *key;
		unsigned *to;
	} f[] = { { "cpus", &cfg->cpus },       { "maxcpus", &cfg->max_cpus },
		  { "sockets", &cfg->sockets }, { "dies", &cfg->dies },
		  { "cores", &cfg->cores },     { "threads", &cfg->threads } };

	for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
		uint64_t v;
		int r = opt_get_u64(o, f[i].key, 0, &v, e);

		if (r >= 0 && (v > 4096 || (v == 0 && opt_has(o, f[i].key)))) {
			r = err_set(e, -EINVAL, "%s=%llu is out of range: 1 to 4096",
			            f[i].key, (unsigned long long)v);
		}
		if (r < 0) {
			return err_prefix(e, r, "-smp");
		}
		*f[i].to = v;
	}
	return opt_check_unused(o, "-smp", e) < 0 ? -EINVAL
	                                          : machine_fix_smp(cls, cfg, e);
}

static int build_memory(struct build *b, const struct machine_class *cls,
                        struct machine_cfg *cfg, struct err *e)
{
	struct opt *o = build_dict(b, "memory");
	int r = opt_get_size(o, "size", cls->default_ram, 1 << 20, &cfg->ram_size, e);

	(void)opt_get(o, "slots");
	(void)opt_get(o, "maxmem");
	if (r >= 0) {
		r = opt_check_unused(o, "-m", e);
	}
	if (r < 0) {
		return err_prefix(e, r, "-m");
	}
	cfg->ram_size = ALIGN_UP(cfg->ram_size, (uint64_t)8192);
	if (cls->no_cpus) {
		return 0;
	}
	if (cfg->ram_size < (1 << 20) || cfg->ram_size > (UINT64_C(1) << 40)) {
		return err_set(e, -EINVAL,
		               "-m: between 1M and 1T of memory are possible");
	}
	return 0;
}

/* -rtc base=utc|localtime|2024-01-31T12:00:00 */
static int build_rtc(struct build *b, struct machine_cfg *cfg, struct err *e)
{
	struct opt *o = build_dict(b, "rtc");
	const char *base = opt_get_str(o, "base", "utc");
	struct tm tm = { 0 };

	(void)opt_get(o, "clock");
	(void)opt_get(o, "driftfix");
	cfg->rtc_base_s = INT64_MIN;
	if (strcmp(base, "localtime") == 0) {
		cfg->rtc_localtime = true;
	} else if (strcmp(base, "utc") != 0) {
		const char *end = strptime(base, "%Y-%m-%dT%H:%M:%S", &tm);

		if (!end) {
			end = strptime(base, "%Y-%m-%d", &tm);
		}
		if (!end || *end) {
			return err_set(e, -EINVAL,
			               "-rtc base: utc, localtime or "
			               "YYYY-MM-DDTHH:MM:SS, not '%s'",
			               base);
		}
		cfg->rtc_base_s = timegm(&tm);
	}
	return opt_check_unused(o, "-rtc", e);
}

static int build_uuid(const char *text, uint8_t out[16], struct err *e)
{
	unsigned n = 0;

	for (const char *p = text; *p; p++) {
		int c = tolower((unsigned char)*p);

		if (c == '-') {
			continue;
		}
		if (!isxdigit(c) || n == 32) {
			n = 0;
			break;
		}
		c = c <= '9' ? c - '0' : c - 'a' + 10;
		out[n / 2] = n & 1 ? out[n / 2] << 4 | c : c;
		n++;
	}
	return n == 32 ? 0 : err_set(e, -EINVAL, "-uuid: '%s' is not a UUID", text);
}

static int build_identity(struct build *b, struct err *e)
{
	struct opt *name = opt_get(b->tree, "name");
	const char *uuid = opt_get_str(b->tree, "uuid", NULL);
	const char *guest = name ? opt_get_str(name, "guest", NULL) : NULL;

	if (guest) {
		b->vm->name = strdup(guest);
	}
	return uuid ? build_uuid(uuid, b->vm->uuid, e) : 0;
}

static int build_smbios_ok(struct build *b, struct opt *o, struct err *e)
{
	uint64_t t;
	int r = opt_get_u64(o, "type", 1, &t, e);

	(void)b;
	if (r >= 0 && t != 0 && t != 1 && t != 3 && t != 11) {
		r = err_set(e, -ENOTSUP,
		            "not supported: type=%llu (0, 1, 3 and 11 are)",
		            (unsigned long long)t);
	}
	return r;
}

static int build_displays(struct build *b, struct err *e)
{
	const char *d = opt_get_str(b->tree, "display", "none");
	const char *v = opt_get_str(b->tree, "vga", "none");

	if (strcmp(d, "none") != 0) {
		return err_set(e, -ENOTSUP, "not supported: -display %s ('none' is)",
		               d);
	}
	if (strcmp(v, "none") != 0) {
		return err_set(e, -ENOTSUP, "not supported: -vga %s ('none' is)", v);
	}
	return 0;
}

static int build_machine_class(struct build *b, const struct machine_class **out,
                               struct err *e)
{
	struct opt *o = build_dict(b, "machine");
	const char *type = opt_get_str(o, "type", NULL);

	(void)opt_get(o, "accel");
	(void)opt_get(o, "usb");
	*out = type ? machine_class_find(type) : machine_class_default(b->target);
	if (!*out && type) {
		return err_set(e, -EINVAL,
		               "-machine: '%s' is not supported (see -machine help)",
		               type);
	}
	if (!*out) {
		return err_set(e, -ENOTSUP,
		               "not supported: guest architecture '%s' (x86_64 is)",
		               b->target);
	}
	return 0;
}

static int build_settings(struct build *b, const struct machine_class *cls,
                          struct machine_cfg *cfg, struct err *e)
{
	int r;

	*cfg = (struct machine_cfg){
		.props = build_dict(b, "machine"),
		.cpu = opt_get(b->tree, "cpu"),
		.kernel = opt_get_str(b->tree, "kernel", NULL),
		.initrd = opt_get_str(b->tree, "initrd", NULL),
		.append = opt_get_str(b->tree, "append", NULL),
		.dtb = opt_get_str(b->tree, "dtb", NULL),
		.bios = opt_get_str(b->tree, "bios", NULL),
		.smbios = opt_get(b->tree, "smbios"),
		.fw_cfg = opt_get(b->tree, "fw_cfg"),
		.boot = opt_get(b->tree, "boot"),
	};
	if (cfg->append && !cfg->kernel) {
		return err_set(e, -EINVAL, "-append needs -kernel");
	}
	r = build_smp(b, cls, cfg, e);
	r = r < 0 ? r : build_memory(b, cls, cfg, e);
	r = r < 0 ? r : build_rtc(b, cfg, e);
	r = r < 0 ? r : build_displays(b, e);
	return r < 0 ? r : build_each(b, "smbios", build_smbios_ok, e);
}

/* A card is there by default unless the command line speaks of networks at all. */
static int build_default_nic(struct build *b, struct err *e)
{
	struct opt *o;
	int r;

	if (b->nodefaults || opt_get(b->tree, "nic") || opt_get(b->tree, "netdev") ||
	    b->machine->cls->no_cpus ||
	    !device_class_find(b->machine->cls->net_driver)) {
		return 0;
	}
	o = opt_new_dict();
	opt_put_str(o, "type", "user");
	r = build_nic(b, o, e);
	opt_free(o);
	if (r < 0) { /* a convenience: never a reason not to start */
		log_warn("no default network card: %s", e->text);
	}
	return 0;
}

/* Memory that the processor model cannot address would never be found. */
static int build_check_phys(struct build *b, struct err *e)
{
	const struct x86_cpu *c = b->vm->n_vcpus ? b->vm->vcpus[0]->arch : NULL;
	const struct flat *f = aspace_enter(&b->vm->mem);
	uint64_t end = 0;

	for (unsigned i = 0; i < f->n; i++) {
		end = f->r[i].host && !f->r[i].readonly ? f->r[i].start + f->r[i].size
		                                        : end;
	}
	aspace_leave(&b->vm->mem);
	if (c && end && (end - 1) >> c->phys_bits) {
		return err_set(e, -EINVAL,
		               "-m: guest memory ends at 0x%llx, above the %u address "
		               "bits of this processor: less memory, or -cpu "
		               "%s,phys-bits=N where "
		               "the host has more",
		               (unsigned long long)end, c->phys_bits, c->model);
	}
	return 0;
}

static int build_backends(struct build *b, struct err *e)
{
	int r = build_each(b, "object", build_object, e);

	r = r < 0 ? r : build_each(b, "chardev", build_chardev, e);
	r = r < 0 ? r : build_each(b, "blockdev", build_blockdev, e);
	return r < 0 ? r : build_each(b, "netdev", build_netdev, e);
}

static int build_devices(struct build *b, struct err *e)
{
	int r = build_each(b, "drive", build_drive, e);

	r = r < 0 ? r : build_default_nic(b, e);
	r = r < 0 ? r : build_each(b, "nic", build_nic, e);
	return r < 0 ? r : build_each(b, "device", build_device, e);
}

static int build_refuse(struct build *b, struct err *e)
{
	const char *in = opt_get_str(b->tree, "incoming", NULL);

	if (in && strcmp(in, "defer") != 0) {
		return err_set(e, -ENOTSUP, "not supported: -incoming %s", in);
	}
	if (opt_get(b->tree, "loadvm")) {
		return err_set(e, -ENOTSUP, "not supported: -loadvm");
	}
	return 0;
}

static int build_run_flags(struct build *b, struct err *e)
{
	struct opt *a = build_dict(b, "action");

	b->vm->no_reboot = build_flag(b, "no-reboot") ||
	                   strcmp(opt_get_str(a, "reboot", "reset"), "shutdown") == 0;
	b->vm->no_shutdown =
		build_flag(b, "no-shutdown") ||
		strcmp(opt_get_str(a, "shutdown", "poweroff"), "pause") == 0;
	(void)opt_get(a, "panic");
	(void)opt_get(a, "watchdog");
	return opt_check_unused(a, "-action", e);
}

int build_vm(struct build *b, struct err *e)
{
	const struct machine_class *cls;
	struct machine_cfg cfg;
	int r;

	b->nodefaults = build_flag(b, "nodefaults");
	b->nographic = build_flag(b, "nographic");
	r = build_machine_class(b, &cls, e);
	r = r < 0 ? r : build_refuse(b, e);
	r = r < 0 ? r : build_settings(b, cls, &cfg, e);
	r = r < 0 ? r : accel_pick(b, e);
	if (r < 0) {
		return r;
	}
	b->vm = vm_new(&x86_guest_arch, b->hv);
	if (!b->vm) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	if (!b->vm->loop) {
		b->vm->loop = loop_new(LOOP_AUTO, e);
	}
	if (!b->vm->loop) {
		return -ENOMEM;
	}
	b->vm->max_vcpus = cfg.max_cpus; /* accelerators make room for them */
	r = build_run_flags(b, e);
	r = r < 0 ? r : build_identity(b, e);
	if (r >= 0 && b->hv->vm_init && !cls->no_cpus) {
		r = b->hv->vm_init(b->vm, b->hv_opts, e);
	} else if (r >= 0 && b->hv->models && cls->no_cpus) {
		r = b->hv->models(b->hv_opts, e);
	}
	r = r < 0 ? r : build_backends(b, e);
	r = r < 0 ? r : build_qtest(b, e);
	if (r >= 0 && !cls->no_cpus) {
		r = build_serials(b, &cfg, e);
	}
	if (r < 0) {
		return r;
	}
	b->machine = machine_new(cls, b->vm, &cfg, e);
	if (!b->machine) {
		return -EINVAL;
	}
	r = build_devices(b, e);
	r = r < 0 ? r : machine_finish(b->machine, e);
	r = r < 0 ? r : build_check_phys(b, e);
	r = r < 0 ? r : build_monitors(b, &cfg, e);
	r = r < 0 ? r : vm_start_vcpus(b->vm, e);
	b->vm->ready = r >= 0;
	return r;
}

void build_free(struct build *b)
{
	opt_free(b->tree);
	b->tree = NULL;
}
