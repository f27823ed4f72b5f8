/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i8042.c - PS/2 keyboard and mouse controller (IBM PS/2 Hardware Interface Technical
 * Reference, 1990, "Keyboard and Auxiliary Device Controller"), with the two devices.
 *
 * Threads: ports on vCPU threads, input on control; the device's lock.
 * Known gaps: scan code sets 1 and 3 are accepted but set 2 is sent; no remote mode.
 */
#include "config.h"

#include "devices/input/i8042.h"

#include <errno.h>

#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "state/state.h"

enum { PS2_QUEUE = 64 };

#define STS_OBF      0x01
#define STS_SYS      0x04
#define STS_CMD      0x08
#define STS_UNLOCKED 0x10
#define STS_AUX      0x20

#define CTR_KBD_INT  0x01
#define CTR_AUX_INT  0x02
#define CTR_SYS      0x04
#define CTR_KBD_OFF  0x10
#define CTR_AUX_OFF  0x20
#define CTR_XLATE    0x40

#define OUT_RESET_N  0x01
#define OUT_A20      0x02
#define PS2_ACK      0xfa
#define PS2_RESEND   0xfe

struct ps2_queue {
	uint8_t data[PS2_QUEUE];
	uint8_t head, len;
};

struct i8042 {
	struct device dev;
	struct i8042_cfg cfg;
	struct mr data, cmd, port92;
	uint8_t status, ctr, out_port, obuf;
	uint8_t pending_cmd; /* command waiting for its data byte; 0 none */
	struct ps2_queue ctl, kbd, aux;
	struct ps2_queue
		loop; /* command d3: as from the mouse, though that is disabled */
	bool kbd_scan, xlate_break;
	uint8_t kbd_cmd, kbd_leds, kbd_set;
	bool aux_report, aux_wheel, aux_scale2;
	uint8_t aux_cmd, aux_rate, aux_res, aux_magic, aux_buttons;
};

/* Scan code set 2 to set 1, as the controller does it when CTR bit 6 is on. */
static const uint8_t i8042_xlate[0x90] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40,
	0x3e, 0x0f, 0x29, 0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a,
	0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20,
	0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
	0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
	0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60,
	0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74,
	0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
	0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b,
	0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
	0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, 0x80, 0x81, 0x82, 0x41,
	0x54, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f,
};

static bool ps2_room(const struct ps2_queue *q, unsigned n)
{
	return q->len + n <= PS2_QUEUE;
}

static void ps2_put(struct ps2_queue *q, uint8_t v)
{
	if (ps2_room(q, 1)) {
		q->data[(q->head + q->len++) % PS2_QUEUE] = v;
	}
}

static bool ps2_get(struct ps2_queue *q, uint8_t *v)
{
	if (!q->len) {
		return false;
	}
	*v = q->data[q->head];
	q->head = (q->head + 1) % PS2_QUEUE;
	q->len--;
	return true;
}

static void i8042_update_irq(struct i8042 *k)
{
	bool full = k->status & STS_OBF, aux = k->status & STS_AUX;

	irq_set(&k->cfg.kbd, full && !aux && k->ctr & CTR_KBD_INT);
	irq_set(&k->cfg.aux, full && aux && k->ctr & CTR_AUX_INT);
}

/* Moves the next byte into the output buffer when that is empty. */
static void i8042_refill(struct i8042 *k)
{
	uint8_t v;

	if (k->status & STS_OBF) {
		return;
	}
	if (ps2_get(&k->ctl, &v)) {
		k->status &= (uint8_t)~STS_AUX;
	} else if (ps2_get(&k->loop, &v)) {
		k->status |= STS_AUX;
	} else if (!(k->ctr & CTR_KBD_OFF) && ps2_get(&k->kbd, &v)) {
		k->status &= (uint8_t)~STS_AUX;
		if (k->ctr & CTR_XLATE) {
			if (v ==
			    0xf0) { /* break prefix: becomes bit 7 of what follows */
				k->xlate_break = true;
				i8042_update_irq(k);
				if (!ps2_get(&k->kbd, &v)) {
					return;
				}
			}
			v = v < sizeof(i8042_xlate) ? i8042_xlate[v] : v;
			v |= k->xlate_break ? 0x80 : 0;
			k->xlate_break = false;
		}
	} else if (!(k->ctr & CTR_AUX_OFF) && ps2_get(&k->aux, &v)) {
		k->status |= STS_AUX;
	} else {
		return;
	}
	k->obuf = v;
	k->status |= STS_OBF;
}

static void i8042_step(struct i8042 *k)
{
	i8042_refill(k);
	i8042_update_irq(k);
}

static void i8042_set_out_port(struct i8042 *k, uint8_t v)
{
	irq_set(&k->cfg.a20, (v & OUT_A20) != 0);
	k->out_port = v | OUT_RESET_N;
	if (!(v & OUT_RESET_N)) {
		vm_request_reset(k->dev.vm, CAUSE_GUEST_RESET);
	}
}

/* ---- keyboard ---- */

static void i8042_kbd_defaults(struct i8042 *k)
{
	k->kbd_cmd = 0;
	k->kbd_leds = 0;
	k->kbd_set = 2;
	k->kbd_scan = true;
	k->xlate_break = false;
}

static void i8042_kbd_arg(struct i8042 *k, uint8_t v)
{
	uint8_t cmd = k->kbd_cmd;

	k->kbd_cmd = 0;
	ps2_put(&k->kbd, PS2_ACK);
	if (cmd == 0xed) {
		k->kbd_leds = v & 7;
	} else if (cmd == 0xf0) {
		if (v == 0) {
			ps2_put(&k->kbd, k->kbd_set);
		} else if (v <= 3) {
			k->kbd_set = v;
		}
	}
}

static void i8042_kbd_write(struct i8042 *k, uint8_t v)
{
	if (k->kbd_cmd && v < 0xed) {
		i8042_kbd_arg(k, v);
		return;
	}
	k->kbd_cmd = 0;
	switch (v) {
	case 0xed: /* LEDs, scan code set, rate: a byte follows */
	case 0xf0:
	case 0xf3: k->kbd_cmd = v; break;
	case 0xee: /* echo */ ps2_put(&k->kbd, 0xee); return;
	case 0xf2: /* identify */
		ps2_put(&k->kbd, PS2_ACK);
		ps2_put(&k->kbd, 0xab);
		ps2_put(&k->kbd, 0x83);
		return;
	case 0xf4: k->kbd_scan = true; break;
	case 0xf5:
		i8042_kbd_defaults(k);
		k->kbd_scan = false;
		break;
	case 0xf6: i8042_kbd_defaults(k); break;
	case 0xf7 ... 0xfd: /* key types of set 3 */ break;
	case 0xff:
		k->kbd.len = 0;
		i8042_kbd_defaults(k);
		ps2_put(&k->kbd, PS2_ACK);
		ps2_put(&k->kbd, 0xaa);
		return;
	default: ps2_put(&k->kbd, PS2_RESEND); return;
	}
	ps2_put(&k->kbd, PS2_ACK);
}

/* ---- mouse ---- */

static void i8042_aux_defaults(struct i8042 *k)
{
	k->aux_cmd = 0;
	k->aux_rate = 100;
	k->aux_res = 2;
	k->aux_scale2 = k->aux_report = false;
	k->aux_buttons = 0;
}

/* Rates 200, 100, 80 in a row wake the wheel (IntelliMouse). */
static void i8042_aux_rate(struct i8042 *k, uint8_t v)
{
	static const uint8_t magic[3] = { 200, 100, 80 };

	k->aux_magic = v == magic[k->aux_magic] ? k->aux_magic + 1 : v == magic[0];
	if (k->aux_magic == 3) {
		k->aux_magic = 0;
		k->aux_wheel = true;
	}
	k->aux_rate = v;
}

static void i8042_aux_write(struct i8042 *k, uint8_t v)
{
	uint8_t cmd = k->aux_cmd;

	if (k->cfg.no_mouse) {
		return;
	}
	k->aux_cmd = 0;
	if (cmd) {
		ps2_put(&k->aux, PS2_ACK);
		if (cmd == 0xf3) {
			i8042_aux_rate(k, v);
		} else {
			k->aux_res = v & 3;
		}
		return;
	}
	switch (v) {
	case 0xe6:
	case 0xe7: k->aux_scale2 = v & 1; break;
	case 0xe8:
	case 0xf3: k->aux_cmd = v; break;
	case 0xe9:
		ps2_put(&k->aux, PS2_ACK);
		ps2_put(&k->aux, (uint8_t)(k->aux_report << 5 | k->aux_scale2 << 4 |
		                           (k->aux_buttons & 7)));
		ps2_put(&k->aux, k->aux_res);
		ps2_put(&k->aux, k->aux_rate);
		return;
	case 0xea:
	case 0xf0: break;
	case 0xf2:
		ps2_put(&k->aux, PS2_ACK);
		ps2_put(&k->aux, k->aux_wheel ? 3 : 0);
		return;
	case 0xf4:
	case 0xf5: k->aux_report = v == 0xf4; break;
	case 0xf6: i8042_aux_defaults(k); break;
	case 0xff:
		k->aux.len = 0;
		k->aux_wheel = false;
		i8042_aux_defaults(k);
		ps2_put(&k->aux, PS2_ACK);
		ps2_put(&k->aux, 0xaa);
		ps2_put(&k->aux, 0x00);
		return;
	default: ps2_put(&k->aux, PS2_RESEND); return;
	}
	ps2_put(&k->aux, PS2_ACK);
}

/* ---- controller ---- */

static void i8042_command(struct i8042 *k, uint8_t v)
{
	k->pending_cmd = 0;
	switch (v) {
	case 0x20: ps2_put(&k->ctl, k->ctr); break;
	case 0x60:
	case 0xd1 ... 0xd4: k->pending_cmd = v; break;
	case 0xa7: k->ctr |= CTR_AUX_OFF; break;
	case 0xa8: k->ctr &= (uint8_t)~CTR_AUX_OFF; break;
	case 0xa9: ps2_put(&k->ctl, k->cfg.no_mouse ? 0x02 : 0x00); break;
	case 0xaa:
		k->status |= STS_SYS;
		k->ctr |= CTR_SYS;
		ps2_put(&k->ctl, 0x55);
		break;
	case 0xab: ps2_put(&k->ctl, 0x00); break;
	case 0xad: k->ctr |= CTR_KBD_OFF; break;
	case 0xae: k->ctr &= (uint8_t)~CTR_KBD_OFF; break;
	case 0xc0: ps2_put(&k->ctl, 0x80); break;
	case 0xd0: ps2_put(&k->ctl, k->out_port | (k->status & STS_OBF) << 4); break;
	case 0xdd:
	case 0xdf:
		i8042_set_out_port(k,
		                   (uint8_t)((k->out_port & ~OUT_A20) | (v & OUT_A20)));
		break;
	case 0xf0 ... 0xff: /* pulse low: bit 0 is the reset line */
		if (!(v & 1)) {
			vm_request_reset(k->dev.vm, CAUSE_GUEST_RESET);
		}
		break;
	}
}

static void i8042_data(struct i8042 *k, uint8_t v)
{
	uint8_t cmd = k->pending_cmd;

	k->pending_cmd = 0;
	switch (cmd) {
	case 0x60:
		k->ctr = v;
		k->status =
			(uint8_t)((k->status & ~STS_SYS) | (v & CTR_SYS ? STS_SYS : 0));
		break;
	case 0xd1: i8042_set_out_port(k, v); break;
	case 0xd2: /* as if the keyboard, the mouse had sent it */
		ps2_put(&k->ctl, v);
		break;
	case 0xd3: ps2_put(&k->loop, v); break;
	case 0xd4:
		k->ctr &= (uint8_t)~CTR_AUX_OFF;
		i8042_aux_write(k, v);
		break;
	default: k->ctr &= (uint8_t)~CTR_KBD_OFF; i8042_kbd_write(k, v);
	}
}

static uint64_t i8042_data_read(void *opaque, uint64_t off, unsigned size)
{
	struct i8042 *k = opaque;
	uint8_t v = k->obuf;

	(void)off;
	(void)size;
	if (k->status & STS_OBF) {
		k->status &= (uint8_t) ~(STS_OBF | STS_AUX);
		i8042_update_irq(k); /* the line falls between two bytes: edges */
		i8042_step(k);
	}
	return v;
}

static void i8042_data_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i8042 *k = opaque;

	(void)off;
	(void)size;
	k->status &= (uint8_t)~STS_CMD;
	i8042_data(k, (uint8_t)val);
	i8042_step(k);
}

static uint64_t i8042_cmd_read(void *opaque, uint64_t off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct i8042 *)opaque)->status;
}

static void i8042_cmd_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i8042 *k = opaque;

	(void)off;
	(void)size;
	k->status |= STS_CMD;
	i8042_command(k, (uint8_t)val);
	i8042_step(k);
}

/* System control port A: bit 0 resets, bit 1 is A20. */
static uint64_t i8042_port92_read(void *opaque, uint64_t off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct i8042 *)opaque)->out_port & OUT_A20;
}

static void i8042_port92_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i8042 *k = opaque;

	(void)off;
	(void)size;
	i8042_set_out_port(k, (uint8_t)((k->out_port & ~(OUT_A20 | OUT_RESET_N)) |
	                                (val & OUT_A20) | (val & 1 ? 0 : OUT_RESET_N)));
}

static const struct mr_ops i8042_data_ops = {
	.read = i8042_data_read,
	.write = i8042_data_write,
	.min = 1,
	.max = 1,
};
static const struct mr_ops i8042_cmd_ops = {
	.read = i8042_cmd_read,
	.write = i8042_cmd_write,
	.min = 1,
	.max = 1,
};
static const struct mr_ops i8042_port92_ops = {
	.read = i8042_port92_read,
	.write = i8042_port92_write,
	.min = 1,
	.max = 1,
};

void i8042_key(struct i8042 *k, const uint8_t *set2, unsigned len)
{
	LOCK_SCOPE(&k->dev.lk);
	if (!k->kbd_scan || !ps2_room(&k->kbd, len)) {
		return; /* a whole key or nothing */
	}
	for (unsigned i = 0; i < len; i++) {
		ps2_put(&k->kbd, set2[i]);
	}
	i8042_step(k);
}

static int i8042_clamp(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

void i8042_mouse(struct i8042 *k, int dx, int dy, int dz, unsigned buttons)
{
	LOCK_SCOPE(&k->dev.lk);
	dx = i8042_clamp(dx, -256, 255);
	dy = i8042_clamp(-dy, -256, 255); /* the mouse counts upwards */
	dz = i8042_clamp(dz, -8, 7);
	k->aux_buttons = buttons & 7;
	if (!k->aux_report || !ps2_room(&k->aux, 4)) {
		return;
	}
	ps2_put(&k->aux,
	        (uint8_t)(0x08 | (buttons & 7) | (dx < 0) << 4 | (dy < 0) << 5));
	ps2_put(&k->aux, (uint8_t)dx);
	ps2_put(&k->aux, (uint8_t)dy);
	if (k->aux_wheel) {
		ps2_put(&k->aux, (uint8_t)dz);
	}
	i8042_step(k);
}

static void i8042_reset(struct device *d)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	LOCK_SCOPE(&d->lk);
	k->status = STS_UNLOCKED | STS_CMD;
	k->ctr = CTR_KBD_INT | CTR_AUX_INT;
	k->out_port = OUT_RESET_N | OUT_A20;
	k->pending_cmd = 0;
	k->ctl.len = k->kbd.len = k->aux.len = k->loop.len = 0;
	k->aux_wheel = false;
	k->aux_magic = 0;
	i8042_kbd_defaults(k);
	i8042_aux_defaults(k);
	irq_set(&k->cfg.a20, 1);
	i8042_update_irq(k);
}

static int i8042_realize(struct device *d, struct err *e)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	(void)e;
	mr_init_io(&k->data, "i8042-data", 1, &i8042_data_ops, k, &d->lk);
	mr_init_io(&k->cmd, "i8042-cmd", 1, &i8042_cmd_ops, k, &d->lk);
	mr_init_io(&k->port92, "port92", 1, &i8042_port92_ops, k, &d->lk);
	mr_add(&d->vm->io_root, 0x60, &k->data, 0);
	mr_add(&d->vm->io_root, 0x64, &k->cmd, 0);
	mr_add(&d->vm->io_root, 0x92, &k->port92, 0);
	i8042_reset(d);
	return 0;
}

static void i8042_unrealize(struct device *d)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	mr_del(&k->data);
	mr_del(&k->cmd);
	mr_del(&k->port92);
}

static int i8042_post_load(struct device *d, struct err *e)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	(void)e;
	LOCK_SCOPE(&d->lk);
	irq_set(&k->cfg.a20, (k->out_port & OUT_A20) != 0);
	i8042_update_irq(k);
	return 0;
}

static const struct state_field ps2_queue_state[] = {
	{ .name = "data",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct ps2_queue, data),
	  .count = PS2_QUEUE },
	STATE_RANGE(STATE_U8, struct ps2_queue, head, 0, PS2_QUEUE - 1),
	STATE_RANGE(STATE_U8, struct ps2_queue, len, 0, PS2_QUEUE),
	{ .name = NULL },
};
#define PS2_QUEUE_STATE(f)                                                             \
	{                                                                              \
		.name = #f, .type = STATE_STRUCT, .offset = offsetof(struct i8042, f), \
		.count = 1, .sub = ps2_queue_state                                     \
	}

static const struct state_field i8042_state[] = {
	STATE_FIELD(STATE_U8, struct i8042, status),
	STATE_FIELD(STATE_U8, struct i8042, ctr),
	STATE_FIELD(STATE_U8, struct i8042, out_port),
	STATE_FIELD(STATE_U8, struct i8042, obuf),
	STATE_FIELD(STATE_U8, struct i8042, pending_cmd),
	PS2_QUEUE_STATE(ctl),
	PS2_QUEUE_STATE(kbd),
	PS2_QUEUE_STATE(aux),
	PS2_QUEUE_STATE(loop),
	STATE_FIELD(STATE_BOOL, struct i8042, kbd_scan),
	STATE_FIELD(STATE_BOOL, struct i8042, xlate_break),
	STATE_FIELD(STATE_U8, struct i8042, kbd_cmd),
	STATE_FIELD(STATE_U8, struct i8042, kbd_leds),
	STATE_FIELD(STATE_U8, struct i8042, kbd_set),
	STATE_FIELD(STATE_BOOL, struct i8042, aux_report),
	STATE_FIELD(STATE_BOOL, struct i8042, aux_wheel),
	STATE_FIELD(STATE_BOOL, struct i8042, aux_scale2),
	STATE_FIELD(STATE_U8, struct i8042, aux_cmd),
	STATE_FIELD(STATE_U8, struct i8042, aux_rate),
	STATE_FIELD(STATE_U8, struct i8042, aux_res),
	STATE_RANGE(STATE_U8, struct i8042, aux_magic, 0, 2),
	STATE_FIELD(STATE_U8, struct i8042, aux_buttons),
	{ .name = NULL },
};

static const struct device_class i8042_class = {
	.name = "i8042",
	.bus = "sys",
	.description = "PS/2 keyboard and mouse controller",
	.category = "input",
	.instance_size = sizeof(struct i8042),
	.internal = true,
	.state = i8042_state,
	.realize = i8042_realize,
	.unrealize = i8042_unrealize,
	.reset = i8042_reset,
	.post_load = i8042_post_load,
};

struct i8042 *i8042_create(struct vm *vm, const struct i8042_cfg *cfg, struct err *e)
{
	struct device *d = device_new_own(vm, &i8042_class, e);
	struct i8042 *k;

	if (!d) {
		return NULL;
	}
	k = container_of(d, struct i8042, dev);
	k->cfg = *cfg;
	return device_realize_own(d, NULL, e) ? k : NULL;
}
