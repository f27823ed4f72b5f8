/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fwcfg.c - firmware configuration items by selector and by name, through ports or DMA
 * (public fw_cfg interface: keys, directory and DMA block as its specification and
 * Linux's Documentation/ABI describe them).
 *
 * Threads: ports on vCPU threads under the device's lock; items are added on control
 * before the VM runs. DMA copies between items and RAM only, in bounded steps.
 * Known gaps: contents of writable files are not part of the saved state.
 */
#include "config.h"

#include "devices/fw/fwcfg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "state/state.h"

enum {
	FWCFG_NAME_MAX = 56,
	FWCFG_DIR_ENTRY = 64,
	FWCFG_PORT = 0x510,
	FWCFG_DMA_PORT = 0x514,
	FWCFG_KEYS = 0x20, /* below files, and again for FWCFG_ARCH */
	FWCFG_STEP = 4096,
};

#define FWCFG_KEY_WRITE 0x4000

#define DMA_ERROR       0x01u
#define DMA_READ        0x02u
#define DMA_SKIP        0x04u
#define DMA_SELECT      0x08u
#define DMA_WRITE       0x10u
#define DMA_SIGNATURE   UINT64_C(0x51454d5520434647)

struct fwcfg_item {
	char *name; /* files */
	const uint8_t *data;
	uint8_t *own; /* data, when it is ours to free */
	size_t len;
	bool writable;
	void (*written)(void *opaque, const uint8_t *data, size_t len);
	void *opaque;
};

struct fwcfg {
	struct device dev;
	struct mr ports, dma;
	struct fwcfg_item key[2][FWCFG_KEYS]; /* [1]: FWCFG_ARCH */
	struct fwcfg_item file[FWCFG_FILE_SLOTS];
	unsigned n_files;
	uint8_t dir[4 + FWCFG_FILE_SLOTS * FWCFG_DIR_ENTRY];
	uint16_t selected;
	uint32_t offset;
	uint64_t dma_addr;
};

/* ---- items ---- */

static struct fwcfg_item *fwcfg_find_key(struct fwcfg *f, uint16_t key)
{
	unsigned n = key & (uint16_t) ~(FWCFG_ARCH | FWCFG_KEY_WRITE);

	if (n < FWCFG_KEYS) {
		return &f->key[key & FWCFG_ARCH ? 1 : 0][n];
	}
	n -= FWCFG_FILE_FIRST;
	return !(key & FWCFG_ARCH) && n < f->n_files ? &f->file[n] : NULL;
}

static void fwcfg_item_clear(struct fwcfg_item *it)
{
	free(it->own);
	free(it->name);
	memset(it, 0, sizeof(*it));
}

static int fwcfg_item_set(struct fwcfg_item *it, const void *data, size_t len,
                          bool copy, struct err *e)
{
	uint8_t *own = NULL;

	if (len > UINT32_MAX) {
		return err_set(e, -E2BIG, "fw_cfg: an item of %zu bytes is too large",
		               len);
	}
	if (copy) {
		own = malloc(len ? len : 1);
		if (!own) {
			return err_set(e, -ENOMEM, "out of memory for a fw_cfg item");
		}
		if (len) {
			memcpy(own, data, len);
		}
		data = own;
	}
	free(it->own);
	it->own = own;
	it->data = data;
	it->len = len;
	return 0;
}

static int fwcfg_add_key(struct fwcfg *f, uint16_t key, const void *data, size_t len,
                         bool copy, struct err *e)
{
	unsigned n = key & (uint16_t)~FWCFG_ARCH;

	if (n >= FWCFG_KEYS) {
		return err_set(e, -EINVAL, "fw_cfg: key %#x is not a fixed key", key);
	}
	LOCK_SCOPE(&f->dev.lk);
	return fwcfg_item_set(&f->key[key & FWCFG_ARCH ? 1 : 0][n], data, len, copy, e);
}

int fwcfg_add_bytes(struct fwcfg *f, uint16_t key, const void *data, size_t len,
                    struct err *e)
{
	return fwcfg_add_key(f, key, data, len, true, e);
}

int fwcfg_add_borrowed(struct fwcfg *f, uint16_t key, const void *data, size_t len,
                       struct err *e)
{
	return fwcfg_add_key(f, key, data, len, false, e);
}

int fwcfg_add_u16(struct fwcfg *f, uint16_t key, uint16_t v, struct err *e)
{
	uint8_t b[2];

	st_le16(b, v);
	return fwcfg_add_bytes(f, key, b, sizeof(b), e);
}

int fwcfg_add_u32(struct fwcfg *f, uint16_t key, uint32_t v, struct err *e)
{
	uint8_t b[4];

	st_le32(b, v);
	return fwcfg_add_bytes(f, key, b, sizeof(b), e);
}

int fwcfg_add_u64(struct fwcfg *f, uint16_t key, uint64_t v, struct err *e)
{
	uint8_t b[8];

	st_le64(b, v);
	return fwcfg_add_bytes(f, key, b, sizeof(b), e);
}

int fwcfg_add_str(struct fwcfg *f, uint16_t key, const char *s, struct err *e)
{
	return fwcfg_add_bytes(f, key, s, strlen(s) + 1, e);
}

static void fwcfg_make_dir(struct fwcfg *f)
{
	memset(f->dir, 0, sizeof(f->dir));
	st_be32(f->dir, f->n_files);
	for (unsigned i = 0; i < f->n_files; i++) {
		uint8_t *p = f->dir + 4 + i * FWCFG_DIR_ENTRY;

		st_be32(p, (uint32_t)f->file[i].len);
		st_be16(p + 4, (uint16_t)(FWCFG_FILE_FIRST + i));
		memcpy(p + 8, f->file[i].name, strlen(f->file[i].name));
	}
	f->key[0][FWCFG_FILE_DIR].data = f->dir;
	f->key[0][FWCFG_FILE_DIR].len = 4 + f->n_files * FWCFG_DIR_ENTRY;
}

/* The item of that name, made (in order) if there is none. */
static struct fwcfg_item *fwcfg_make_file(struct fwcfg *f, const char *name)
{
	unsigned i = 0;
	char *copy;
	int c = -1;

	while (i < f->n_files && (c = strcmp(f->file[i].name, name)) < 0) {
		i++;
	}
	if (i < f->n_files && c == 0) {
		return &f->file[i];
	}
	copy = f->n_files < FWCFG_FILE_SLOTS ? strdup(name) : NULL;
	if (!copy) {
		return NULL;
	}
	memmove(&f->file[i + 1], &f->file[i], (f->n_files - i) * sizeof(f->file[0]));
	f->n_files++;
	f->file[i] = (struct fwcfg_item){ .name = copy, .data = (const uint8_t *)"" };
	return &f->file[i];
}

static int fwcfg_add_named(struct fwcfg *f, const char *name, const void *data,
                           size_t len, struct fwcfg_item **out, struct err *e)
{
	struct fwcfg_item *it;
	int r;

	if (!*name || strlen(name) >= FWCFG_NAME_MAX) {
		return err_set(e, -EINVAL,
		               "fw_cfg: file name '%s' must have 1 to %d characters",
		               name, FWCFG_NAME_MAX - 1);
	}
	it = fwcfg_make_file(f, name);
	if (!it) {
		return err_set(e, -ENOSPC, "fw_cfg: no slot left for '%s' (%d files)",
		               name, FWCFG_FILE_SLOTS);
	}
	r = fwcfg_item_set(it, data, len, true, e);
	fwcfg_make_dir(f);
	*out = it;
	return r;
}

int fwcfg_add_file(struct fwcfg *f, const char *name, const void *data, size_t len,
                   struct err *e)
{
	struct fwcfg_item *it;

	LOCK_SCOPE(&f->dev.lk);
	return fwcfg_add_named(f, name, data, len, &it, e);
}

int fwcfg_add_file_rw(struct fwcfg *f, const char *name, const void *data, size_t len,
                      void (*written)(void *opaque, const uint8_t *data, size_t len),
                      void *opaque, struct err *e)
{
	struct fwcfg_item *it;
	int r;

	LOCK_SCOPE(&f->dev.lk);
	r = fwcfg_add_named(f, name, data, len, &it, e);
	if (r == 0) {
		it->writable = true;
		it->written = written;
		it->opaque = opaque;
	}
	return r;
}

const uint8_t *fwcfg_file(struct fwcfg *f, const char *name, size_t *len)
{
	LOCK_SCOPE(&f->dev.lk);
	for (unsigned i = 0; i < f->n_files; i++) {
		if (!strcmp(f->file[i].name, name)) {
			*len = f->file[i].len;
			return f->file[i].data;
		}
	}
	return NULL;
}

/* ---- the guest's side ---- */

static void fwcfg_select(struct fwcfg *f, uint16_t key)
{
	f->selected = key;
	f->offset = 0;
}

/* What is left of the selected item; past the end there are zeros. */
static const uint8_t *fwcfg_rest(struct fwcfg *f, size_t *left)
{
	struct fwcfg_item *it = fwcfg_find_key(f, f->selected);

	if (!it || !it->data || f->offset >= it->len) {
		*left = 0;
		return NULL;
	}
	*left = it->len - f->offset;
	return it->data + f->offset;
}

static void fwcfg_advance(struct fwcfg *f, uint32_t by)
{
	f->offset = by > UINT32_MAX - f->offset ? UINT32_MAX : f->offset + by;
}

static uint8_t fwcfg_next_byte(struct fwcfg *f)
{
	size_t left;
	const uint8_t *p = fwcfg_rest(f, &left);

	fwcfg_advance(f, 1);
	return left ? *p : 0;
}

static bool fwcfg_dma_read(struct fwcfg *f, uint64_t addr, uint32_t len)
{
	static const uint8_t zeros[FWCFG_STEP];

	while (len) {
		size_t left;
		const uint8_t *p = fwcfg_rest(f, &left);
		uint32_t n = len;

		if (left) {
			n = left < n ? (uint32_t)left : n;
		} else {
			p = zeros;
			n = n < FWCFG_STEP ? n : FWCFG_STEP;
		}
		if (dma_write(&f->dev.vm->mem, addr, p, n) < 0) {
			return false;
		}
		fwcfg_advance(f, n);
		addr += n;
		len -= n;
	}
	return true;
}

static bool fwcfg_dma_write(struct fwcfg *f, uint64_t addr, uint32_t len)
{
	struct fwcfg_item *it = fwcfg_find_key(f, f->selected);

	if (!it || !it->writable || !range_fits(f->offset, len, it->len) ||
	    dma_read(&f->dev.vm->mem, addr, it->own + f->offset, len) < 0) {
		return false;
	}
	fwcfg_advance(f, len);
	if (it->written) {
		it->written(it->opaque, it->own, it->len);
	}
	return true;
}

static void fwcfg_dma(struct fwcfg *f)
{
	uint64_t at = f->dma_addr, addr;
	uint32_t control, len;
	uint8_t blk[16];
	bool ok = true;

	f->dma_addr = 0;
	if (dma_read(&f->dev.vm->mem, at, blk, sizeof(blk)) < 0) {
		log_guest("fw_cfg: DMA block at %#llx is not in RAM",
		          (unsigned long long)at);
		return;
	}
	control = ld_be32(blk);
	len = ld_be32(blk + 4);
	addr = ld_be64(blk + 8);
	if (control & DMA_SELECT) {
		fwcfg_select(f, (uint16_t)(control >> 16));
	}
	if (control & DMA_READ) {
		ok = fwcfg_dma_read(f, addr, len);
	} else if (control & DMA_WRITE) {
		ok = fwcfg_dma_write(f, addr, len);
	} else if (control & DMA_SKIP) {
		fwcfg_advance(f, len);
	}
	st_be32(blk, ok ? 0 : DMA_ERROR);
	if (dma_write(&f->dev.vm->mem, at, blk, 4) < 0) {
		log_guest("fw_cfg: DMA block at %#llx went away",
		          (unsigned long long)at);
	}
}

static uint64_t fwcfg_port_read(void *opaque, uint64_t off, unsigned size)
{
	struct fwcfg *f = opaque;

	if (size == 2) {
		return f->selected;
	}
	return off == 1 ? fwcfg_next_byte(f) : (uint8_t)f->selected;
}

static void fwcfg_port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	if (off == 0 && size == 2) {
		fwcfg_select(opaque, (uint16_t)val);
	}
}

static uint64_t fwcfg_dma_port_read(void *opaque, uint64_t off, unsigned size)
{
	uint64_t v = 0;

	(void)opaque;
	for (unsigned i = 0; i < size; i++) { /* "QEMU CFG", first byte first */
		v |= (DMA_SIGNATURE >> (56 - 8 * (off + i)) & 0xff) << 8 * i;
	}
	return v;
}

/* Big-endian registers: the high half first, the low half starts the transfer. */
static void fwcfg_dma_port_write(void *opaque, uint64_t off, uint64_t val,
                                 unsigned size)
{
	struct fwcfg *f = opaque;
	uint32_t v = __builtin_bswap32((uint32_t)val);

	if (size != 4) {
		return;
	}
	if (off == 0) {
		f->dma_addr = (uint64_t)v << 32;
	} else if (off == 4) {
		f->dma_addr |= v;
		fwcfg_dma(f);
	}
}

static const struct mr_ops fwcfg_port_ops = {
	.read = fwcfg_port_read,
	.write = fwcfg_port_write,
	.min = 1,
	.max = 2,
};
static const struct mr_ops fwcfg_dma_ops = {
	.read = fwcfg_dma_port_read,
	.write = fwcfg_dma_port_write,
	.min = 1,
	.max = 4,
	.split = true,
};

static void fwcfg_reset(struct device *d)
{
	struct fwcfg *f = container_of(d, struct fwcfg, dev);

	LOCK_SCOPE(&d->lk);
	fwcfg_select(f, 0);
	f->dma_addr = 0;
}

static int fwcfg_realize(struct device *d, struct err *e)
{
	struct fwcfg *f = container_of(d, struct fwcfg, dev);
	int r;

	r = fwcfg_add_bytes(f, FWCFG_SIGNATURE, "QEMU", 4, e);
	if (r == 0) {
		r = fwcfg_add_u32(f, FWCFG_ID, 3, e); /* ports and DMA */
	}
	if (r < 0) {
		return r;
	}
	fwcfg_make_dir(f);
	mr_init_io(&f->ports, "fwcfg", 2, &fwcfg_port_ops, f, &d->lk);
	mr_init_io(&f->dma, "fwcfg-dma", 8, &fwcfg_dma_ops, f, &d->lk);
	mr_add(&d->vm->io_root, FWCFG_PORT, &f->ports, 0);
	mr_add(&d->vm->io_root, FWCFG_DMA_PORT, &f->dma, 0);
	return 0;
}

static void fwcfg_unrealize(struct device *d)
{
	struct fwcfg *f = container_of(d, struct fwcfg, dev);

	mr_del(&f->ports);
	mr_del(&f->dma);
	f->key[0][FWCFG_FILE_DIR].own = NULL;
	for (unsigned i = 0; i < FWCFG_KEYS; i++) {
		fwcfg_item_clear(&f->key[0][i]);
		fwcfg_item_clear(&f->key[1][i]);
	}
	for (unsigned i = 0; i < f->n_files; i++) {
		fwcfg_item_clear(&f->file[i]);
	}
	f->n_files = 0;
}

static const struct state_field fwcfg_state[] = {
	STATE_FIELD(STATE_U16, struct fwcfg, selected),
	STATE_FIELD(STATE_U32, struct fwcfg, offset),
	STATE_FIELD(STATE_U64, struct fwcfg, dma_addr),
	{ .name = NULL },
};

static const struct device_class fwcfg_class = {
	.name = "fw_cfg_io",
	.bus = "sys",
	.description = "firmware configuration",
	.category = "misc",
	.instance_size = sizeof(struct fwcfg),
	.internal = true,
	.state = fwcfg_state,
	.realize = fwcfg_realize,
	.unrealize = fwcfg_unrealize,
	.reset = fwcfg_reset,
};

struct fwcfg *fwcfg_create(struct vm *vm, struct err *e)
{
	struct device *d = device_new_own(vm, &fwcfg_class, e);

	if (!d) {
		return NULL;
	}
	return device_realize_own(d, NULL, e) ? container_of(d, struct fwcfg, dev)
	                                      : NULL;
}
