/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smbios.c - a small SMBIOS 3.0 table: system, chassis, processor, memory. DMTF DSP0134.
 *
 * -smbios type=1,manufacturer=..,product=..,version=..,serial=..,family=..,sku=.. changes the system
 * structure, type=0 the firmware's, type=3 the chassis', type=11,value=.. adds OEM
 * strings. Known gap: other types are refused where they are parsed (vmm/cli).
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "core/vm.h"
#include "machine/pc.h"

struct smbios {
	struct blob *b;
	const struct machine *m;
	size_t at; /* current structure */
	const char *str[32];
	unsigned n_str;
	uint16_t handle;
};

/* The formatted part is filled by the caller; strings follow at smbios_end. */
static void smbios_begin(struct smbios *s, uint8_t type, uint8_t len)
{
	s->at = blob_grow(s->b, len);
	s->n_str = 0;
	blob_set(s->b, s->at, type, 1);
	blob_set(s->b, s->at + 1, len, 1);
	blob_set(s->b, s->at + 2, s->handle++, 2);
}

static void smbios_str(struct smbios *s, unsigned off, const char *text)
{
	if (text && *text && s->n_str < ARRAY_LEN(s->str)) {
		s->str[s->n_str++] = text;
		blob_set(s->b, s->at + off, s->n_str, 1);
	}
}

static void smbios_end(struct smbios *s)
{
	for (unsigned i = 0; i < s->n_str; i++) {
		blob_put(s->b, s->str[i], strlen(s->str[i]) + 1);
	}
	if (!s->n_str) {
		blob_u8(s->b, 0);
	}
	blob_u8(s->b, 0);
}

/* The user's value of a member of -smbios type=N, or the default. */
static const char *smbios_user(const struct smbios *s, uint64_t type, const char *key,
                               const char *def)
{
	struct opt *l = s->m->cfg.smbios;

	for (unsigned i = 0; l && i < opt_count(l); i++) {
		struct opt *o = opt_at(l, i);
		uint64_t t;

		if (opt_get_u64(o, "type", 0, &t, NULL) == 0 && t == type &&
		    opt_has(o, key)) {
			def = opt_get_str(o, key, def);
		}
	}
	return def;
}

static void smbios_firmware(struct smbios *s)
{
	smbios_begin(s, 0, 24);
	smbios_str(s, 4, smbios_user(s, 0, "vendor", "lodge"));
	smbios_str(s, 5, smbios_user(s, 0, "version", PACKAGE_VERSION));
	smbios_str(s, 8, smbios_user(s, 0, "date", "01/01/2024"));
	blob_set(s->b, s->at + 10, 1 << 3, 8); /* characteristics: none supported */
	blob_set(s->b, s->at + 19, 0x1c, 1);   /* virtual machine, targeted content */
	blob_set(s->b, s->at + 22, 0xffff, 2);
	smbios_end(s);
}

static void smbios_system(struct smbios *s)
{
	const uint8_t *u = s->m->vm->uuid;

	smbios_begin(s, 1, 27);
	smbios_str(s, 4, smbios_user(s, 1, "manufacturer", "lodge"));
	smbios_str(s, 5, smbios_user(s, 1, "product", s->m->cls->description));
	smbios_str(s, 6, smbios_user(s, 1, "version", s->m->cls->name));
	smbios_str(s, 7, smbios_user(s, 1, "serial", NULL));
	for (unsigned i = 0; i < 16; i++) { /* first three groups little-endian */
		static const uint8_t order[16] = { 3, 2, 1,  0,  5,  4,  7,  6,
			                           8, 9, 10, 11, 12, 13, 14, 15 };
		blob_set(s->b, s->at + 8 + i, u[order[i]], 1);
	}
	blob_set(s->b, s->at + 24, 6, 1); /* woken by the power switch */
	smbios_str(s, 25, smbios_user(s, 1, "sku", NULL));
	smbios_str(s, 26, smbios_user(s, 1, "family", NULL));
	smbios_end(s);
}

static void smbios_chassis(struct smbios *s)
{
	smbios_begin(s, 3, 22);
	smbios_str(s, 4, smbios_user(s, 3, "manufacturer", "lodge"));
	blob_set(s->b, s->at + 5, 1, 1); /* other */
	smbios_str(s, 6, smbios_user(s, 3, "version", s->m->cls->name));
	smbios_str(s, 7, smbios_user(s, 3, "serial", NULL));
	smbios_str(s, 8, smbios_user(s, 3, "asset", NULL));
	for (unsigned i = 9; i < 13; i++) {
		blob_set(s->b, s->at + i, i == 12 ? 2 : 3,
		         1); /* states safe, security unknown */
	}
	smbios_end(s);
}

static void smbios_processor(struct smbios *s, unsigned socket)
{
	const struct machine_cfg *c = &s->m->cfg;
	unsigned cores = c->cores * c->dies, threads = cores * c->threads;

	(void)socket;
	smbios_begin(s, 4, 48);
	smbios_str(s, 4, "CPU");
	blob_set(s->b, s->at + 5, 3, 1); /* central processor */
	blob_set(s->b, s->at + 6, 1, 1); /* family: other */
	smbios_str(s, 7, "lodge");
	smbios_str(s, 16, s->m->cls->name);
	blob_set(s->b, s->at + 24, 0x41, 1); /* populated, enabled */
	blob_set(s->b, s->at + 25, 1, 1);
	for (unsigned i = 26; i < 32; i++) { /* no cache structures */
		blob_set(s->b, s->at + i, 0xff, 1);
	}
	blob_set(s->b, s->at + 35, MIN(cores, 255u), 1);
	blob_set(s->b, s->at + 36, MIN(cores, 255u), 1);
	blob_set(s->b, s->at + 37, MIN(threads, 255u), 1);
	blob_set(s->b, s->at + 38, 4, 2); /* 64-bit */
	blob_set(s->b, s->at + 40, 1, 2);
	blob_set(s->b, s->at + 42, cores, 2);
	blob_set(s->b, s->at + 44, cores, 2);
	blob_set(s->b, s->at + 46, threads, 2);
	smbios_end(s);
}

static void smbios_memory(struct smbios *s)
{
	uint64_t mb = s->m->cfg.ram_size >> 20;
	uint16_t array = s->handle;

	smbios_begin(s, 16, 23);
	blob_set(s->b, s->at + 4, 1, 1);
	blob_set(s->b, s->at + 5, 3, 1);
	blob_set(s->b, s->at + 6, 6, 1); /* multi-bit ECC */
	blob_set(s->b, s->at + 7, 0x80000000, 4);
	blob_set(s->b, s->at + 11, 0xfffe, 2);
	blob_set(s->b, s->at + 13, 1, 2);
	blob_set(s->b, s->at + 15, mb << 20, 8);
	smbios_end(s);
	smbios_begin(s, 17, 40);
	blob_set(s->b, s->at + 4, array, 2);
	blob_set(s->b, s->at + 6, 0xfffe, 2);
	blob_set(s->b, s->at + 8, 0xffff, 2);
	blob_set(s->b, s->at + 10, 0xffff, 2);
	blob_set(s->b, s->at + 12, mb < 0x7fff ? mb : 0x7fff, 2);
	blob_set(s->b, s->at + 14, 9, 1); /* DIMM */
	smbios_str(s, 16, "DIMM 0");
	blob_set(s->b, s->at + 18, 7, 1); /* RAM */
	blob_set(s->b, s->at + 19, 2, 2);
	blob_set(s->b, s->at + 28, mb < 0x7fff ? 0 : mb, 4);
	smbios_end(s);
}

static void smbios_oem_strings(struct smbios *s)
{
	struct opt *l = s->m->cfg.smbios;
	bool open = false;

	for (unsigned i = 0; l && i < opt_count(l); i++) {
		struct opt *o = opt_at(l, i);
		uint64_t t;
		const char *v;

		if (opt_get_u64(o, "type", 0, &t, NULL) < 0 || t != 11) {
			continue;
		}
		v = opt_get_str(o, "value", NULL);
		if (!v) {
			continue;
		}
		if (!open) {
			smbios_begin(s, 11, 5);
			open = true;
		}
		smbios_str(s, 4, v); /* leaves the count of strings there */
	}
	if (open) {
		smbios_end(s);
	}
}

int smbios_build(struct blob *table, const struct machine *m)
{
	struct smbios s = { .b = table, .m = m };

	smbios_firmware(&s);
	smbios_system(&s);
	smbios_chassis(&s);
	for (unsigned i = 0; i < MIN(m->cfg.sockets, 64u); i++) {
		smbios_processor(&s, i);
	}
	smbios_memory(&s);
	smbios_oem_strings(&s);
	smbios_begin(&s, 32, 11);
	smbios_end(&s);
	smbios_begin(&s, 127, 4);
	smbios_end(&s);
	return blob_ok(table) && table->len < 0xe000 ? 0 : -ENOMEM;
}

void smbios_entry(uint8_t out[24], uint64_t table, uint32_t len)
{
	uint8_t sum = 0;

	memset(out, 0, 24);
	memcpy(out, "_SM3_", 5);
	out[6] = 24;
	out[7] = 3;
	out[10] = 1;
	st_le32(out + 12, len);
	st_le64(out + 16, table);
	for (unsigned i = 0; i < 24; i++) {
		sum += out[i];
	}
	out[5] = -sum;
}
