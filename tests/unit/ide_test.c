/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide_test.c - ATA disks and ATAPI CD-ROMs on a PIIX3, as drivers use them and abuse them. */
#include "config.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/unit/ide-rig.h"

extern const struct device_class ide_hd_class, ide_cd_class;

const struct device_class *const device_classes[] = { &ide_hd_class, &ide_cd_class,
	                                              NULL };

enum { DISK_SECTORS = 2048, CD_BLOCKS = 300 };

static struct ide_rig rig;
static struct harness *h;
static struct device *disk, *cd;
static char disk_path[64], cd_path[64];
static struct err err;

static uint8_t image_byte(uint64_t off)
{
	return (uint8_t)(off >> 9 ^ off * 7);
}

static void make_image(char *path, uint64_t size)
{
	FILE *f;
	int fd;

	strcpy(path, "/tmp/lodge-ide-XXXXXX");
	fd = mkstemp(path);
	f = fdopen(fd, "w");
	ck_assert_ptr_nonnull(f);
	for (uint64_t i = 0; i < size; i++) {
		putc(image_byte(i), f);
	}
	ck_assert_int_eq(fclose(f), 0);
}

static void begin(void)
{
	char text[200];

	make_image(disk_path, DISK_SECTORS * 512);
	make_image(cd_path, CD_BLOCKS * 2048);
	rig_init(&rig);
	h = rig.h;
	snprintf(text, sizeof(text), "file,node-name=hd,filename=%s,discard=unmap",
	         disk_path);
	rig_node(text);
	snprintf(text, sizeof(text), "file,node-name=iso,filename=%s,read-only=on",
	         cd_path);
	rig_node(text);
	disk = rig_drive(&rig, "ide-hd,drive=hd,serial=S123,bus=ide.0,unit=0");
	cd = rig_drive(&rig, "ide-cd,drive=iso,bus=ide.1");
	ck_assert(disk && cd);
	unlink(disk_path);
	unlink(cd_path);
}

/* The next `len` bytes of the data port are those of the image from `off` on. */
static void expect_port(uint64_t off, unsigned len, bool wide)
{
	for (unsigned i = 0; i < len; i += wide ? 4 : 2) {
		uint32_t v = wide ? harness_inl(h, rig.cmd) : harness_inw(h, rig.cmd);

		ck_assert_uint_eq(v & 0xff, image_byte(off + i));
		ck_assert_uint_eq(v >> (wide ? 24 : 8),
		                  image_byte(off + i + (wide ? 3 : 1)));
	}
}

static void expect_memory(gpa_t at, uint64_t off, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		ck_assert_uint_eq(harness_read(h, at + i, 1), image_byte(off + i));
	}
}

START_TEST(ide_detect)
{
	uint16_t id[256];

	begin();
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	harness_outb(h, 0x3f6, 4); /* SRST */
	ck_assert_uint_eq(rig_status(&rig), IDE_BSY);
	harness_outb(h, 0x3f6, 0);
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), 1);
	ck_assert_uint_eq(harness_inb(h, 0x1f4) | harness_inb(h, 0x1f5) << 8, 0);
	harness_outb(h, 0x1f6, 0xb0); /* nobody is unit 1 */
	ck_assert_uint_eq(rig_status(&rig), 0);
	harness_outb(h, 0x1f6, 0xa0);
	rig_command(&rig, 0xec);
	ck_assert_uint_eq(rig_status(&rig), IDE_OK | IDE_DRQ);
	ck_assert_int_eq(h->level[14], 1);
	ck_assert_uint_eq(harness_inb(h, 0x1f7), IDE_OK | IDE_DRQ);
	ck_assert_int_eq(h->level[14], 0);
	for (unsigned i = 0; i < 256; i++) {
		id[i] = harness_inw(h, 0x1f0);
	}
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	ck_assert_uint_eq(id[10], 'S' << 8 | '1');
	ck_assert_uint_eq(id[27], 'L' << 8 | 'O');
	ck_assert_uint_eq(id[60] | id[61] << 16, DISK_SECTORS);
	ck_assert_uint_eq(id[100], DISK_SECTORS);
	ck_assert_uint_eq(id[63], 0x0407);
	rig_command(&rig, 0xa1); /* a disk takes no packets */
	ck_assert_uint_eq(rig_status(&rig), IDE_OK | IDE_ERR);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_ABRT);
	/* The CD-ROM says so by its signature, and by aborting IDENTIFY DEVICE. */
	rig_channel(&rig, 1);
	rig_command(&rig, 0xec);
	ck_assert_uint_eq(harness_inb(h, 0x174) | harness_inb(h, 0x175) << 8, 0xeb14);
	ck_assert_uint_eq(rig_status(&rig) & IDE_ERR, IDE_ERR);
	rig_command(&rig, 0xa1);
	ck_assert_uint_eq(harness_inw(h, 0x170), 0x85c0);
}
END_TEST

START_TEST(ide_sizes)
{
	static const struct {
		const char *conf;
		bool good;
	} c[] = {
		{ "logical_block_size=4096,physical_block_size=4096", false },
		{ "logical_block_size=256", false },
		{ "physical_block_size=256", false },
		{ "physical_block_size=1536", false },
		{ "physical_block_size=65536", false },
		{ "logical_block_size=0,physical_block_size=0", true },
		{ "physical_block_size=4096", true },
	};
	static const uint16_t word_106[] = { 0, 0x6003 }; /* of the last two */
	unsigned good = 0;
	char text[200];

	begin();
	make_image(disk_path, DISK_SECTORS * 512);
	snprintf(text, sizeof(text), "file,node-name=other,filename=%s", disk_path);
	rig_node(text);
	unlink(disk_path);
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		struct device *d;

		snprintf(text, sizeof(text), "ide-hd,drive=other,bus=ide.0,unit=1,%s",
		         c[i].conf);
		d = rig_drive(&rig, text);
		ck_assert_msg((d != NULL) == c[i].good, "%s", c[i].conf);
		if (d) {
			harness_outb(h, 0x1f6, 0xb0);
			rig_command(&rig, 0xec);
			for (unsigned w = 0; w < 106; w++) {
				harness_inw(h, 0x1f0);
			}
			ck_assert_uint_eq(harness_inw(h, 0x1f0), word_106[good++]);
			device_unrealize(d);
			device_free(d);
		}
	}
	ck_assert_ptr_null(rig_drive(&rig, "ide-hd,bus=ide.0,unit=1"));
	ck_assert_ptr_null(rig_drive(&rig, "ide-hd,drive=none,bus=ide.0,unit=1"));
}
END_TEST

START_TEST(ide_pio)
{
	begin();
	for (unsigned wide = 0; wide < 2; wide++) {
		rig_lba(&rig, 100, 3);
		h->rises[14] = 0;
		rig_command(&rig, 0x20);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_DRQ);
			ck_assert_uint_eq(harness_inb(h, 0x1f7), IDE_OK | IDE_DRQ);
			expect_port((100 + i) * 512, 512, wide);
		}
		ck_assert_uint_eq(rig_status(&rig), IDE_OK);
		ck_assert_uint_eq(h->rises[14],
		                  3); /* one before each block, none after */
	}
	/* READ MULTIPLE: blocks of 16; 256 sectors are more than the buffer holds. */
	rig_lba(&rig, 512, 0);
	h->rises[14] = 0;
	rig_command(&rig, 0xc4);
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_DRQ);
		harness_inb(h, 0x1f7);
		expect_port((512 + 16 * i) * 512, 16 * 512, true);
	}
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	ck_assert_uint_eq(h->rises[14], 16);
	/* Cylinder 1, head 2, sector 3 of 16 x 63. */
	harness_outb(h, 0x1f2, 1);
	harness_outb(h, 0x1f3, 3);
	harness_outb(h, 0x1f4, 1);
	harness_outb(h, 0x1f5, 0);
	harness_outb(h, 0x1f6, 0xa2);
	rig_command(&rig, 0x20);
	rig_wait(&rig);
	expect_port(((16 + 2) * 63 + 2) * 512, 512, false);
}
END_TEST

START_TEST(ide_pio_write)
{
	begin();
	rig_lba48(&rig, 7, 200);
	h->rises[14] = 0;
	rig_command(&rig, 0x34);
	for (unsigned i = 0; i < 200; i++) {
		ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_DRQ);
		harness_inb(h, 0x1f7);
		for (unsigned k = 0; k < 128; k++) {
			harness_outl(h, 0x1f0, i << 8 | k);
		}
	}
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(h->rises[14],
	                  200); /* none before the first, one at the end */
	rig_command(&rig, 0xe7);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	rig_lba(&rig, 7 + 199, 2);
	rig_command(&rig, 0x20);
	rig_wait(&rig);
	ck_assert_uint_eq(harness_inl(h, 0x1f0), 199 << 8);
	for (unsigned k = 1; k < 128; k++) {
		harness_inl(h, 0x1f0);
	}
	expect_port((7 + 200) * 512, 512, true);
}
END_TEST

START_TEST(ide_dma)
{
	begin();
	/* Whole sectors: straight to memory. */
	rig_prd(&rig, 0, RIG_DATA, 0x8000, false);
	rig_prd(&rig, 1, RIG_DATA + 0x10000, 0x8000, true);
	rig_lba(&rig, 64, 128);
	rig_command(&rig, 0xc8);
	ck_assert_uint_eq(rig_status(&rig),
	                  IDE_OK | IDE_DRQ); /* waits for the bus master */
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, RIG_BM + 2) & 7, 4);
	ck_assert_int_eq(h->level[14], 1);
	expect_memory(RIG_DATA, 64 * 512, 0x8000);
	expect_memory(RIG_DATA + 0x10000, (64 + 64) * 512, 0x8000);
	harness_outb(h, RIG_BM, 0);
	harness_inb(h, 0x1f7);
	/* Pieces that are no sectors, the bus master first, a list longer than needed. */
	for (unsigned i = 0; i < 40; i++) {
		rig_prd(&rig, i, RIG_DATA + 0x1000 * i, 30, i == 39);
	}
	harness_write(h, RIG_DATA + 0x1000 * 35, 0xeeee, 2);
	rig_bm_start(&rig, true);
	rig_lba48(&rig, 9, 2);
	rig_command(&rig, 0x25);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, RIG_BM + 2) & 7,
	                  5); /* active: the list goes on */
	expect_memory(RIG_DATA, 9 * 512, 30);
	expect_memory(RIG_DATA + 0x1000 * 33, 9 * 512 + 33 * 30, 30);
	ck_assert_uint_eq(harness_read(h, RIG_DATA + 0x1000 * 35, 2), 0xeeee);
	harness_outb(h, RIG_BM, 0);
	/* Write, and read it back by the data port. */
	harness_write(h, RIG_DATA, 0x1122334455667788, 8);
	rig_prd(&rig, 0, RIG_DATA, 512, true);
	rig_lba(&rig, 3, 1);
	rig_command(&rig, 0xca);
	rig_bm_start(&rig, false);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	harness_outb(h, RIG_BM, 0);
	rig_command(&rig, 0x20);
	rig_wait(&rig);
	ck_assert_uint_eq(harness_inl(h, 0x1f0), 0x55667788);
}
END_TEST

START_TEST(ide_trim)
{
	begin();
	for (unsigned i = 0; i < 512; i += 8) {
		harness_write(h, RIG_DATA + i, 0, 8);
	}
	harness_write(h, RIG_DATA + 8, UINT64_C(16) << 48 | 64, 8);
	harness_write(h, RIG_DATA + 504, UINT64_C(8) << 48 | 128, 8);
	rig_prd(&rig, 0, RIG_DATA, 512, true);
	harness_outb(h, 0x1f1, 1);
	rig_lba48(&rig, 0, 1);
	rig_command(&rig, 0x06);
	rig_bm_start(&rig, false);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	harness_outb(h, RIG_BM, 0);
	rig_lba(&rig, 79, 2);
	rig_command(&rig, 0x20);
	rig_wait(&rig);
	for (unsigned i = 0; i < 128; i++) {
		ck_assert_uint_eq(harness_inl(h, 0x1f0), 0);
	}
	expect_port(80 * 512, 512, true);
	/* A range beyond the disk is refused. */
	harness_write(h, RIG_DATA, UINT64_C(16) << 48 | (DISK_SECTORS - 1), 8);
	harness_outb(h, 0x1f1, 1);
	rig_lba48(&rig, 0, 1);
	rig_command(&rig, 0x06);
	rig_bm_start(&rig, false);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_ERR);
}
END_TEST

START_TEST(ide_limits)
{
	static const uint8_t cmds[] = { 0x20, 0x30, 0xc4, 0xc5, 0xc8, 0xca, 0x40 };

	begin();
	for (unsigned i = 0; i < sizeof(cmds); i++) {
		rig_lba(&rig, DISK_SECTORS - 1, 2);
		rig_command(&rig, cmds[i]);
		ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_ERR);
		ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_IDNF);
	}
	rig_lba48(&rig, UINT64_C(0xffffffffffff), 0);
	rig_command(&rig, 0x24);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_IDNF);
	harness_outb(h, 0x1f3, 0); /* sector 0 of a track does not exist */
	harness_outb(h, 0x1f6, 0xa0);
	rig_command(&rig, 0x20);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_IDNF);
	/* Class 9: no geometry makes a division by zero. */
	harness_outb(h, 0x1f2, 0);
	rig_command(&rig, 0x91);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_ABRT);
	harness_outb(h, 0x1f2, 1);
	rig_command(&rig, 0x91);
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	harness_outb(h, 0x1f2, 3);
	rig_command(&rig, 0xc6);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_ABRT);
	harness_outb(h, 0x1f2, 0); /* no multiple mode: no READ MULTIPLE */
	rig_command(&rig, 0xc6);
	rig_lba(&rig, 0, 1);
	rig_command(&rig, 0xc4);
	ck_assert_uint_eq(harness_inb(h, 0x1f1), IDE_E_ABRT);
}
END_TEST

/* Class 15: what a request works with is its own, whatever the guest does meanwhile. */
START_TEST(ide_class_15_frozen)
{
	begin();
	rig_prd(&rig, 0, RIG_DATA, 0x8000, true);
	rig_lba(&rig, 64, 64);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_status(&rig), IDE_BSY);
	rig_lba(&rig, 1, 1);
	rig_command(&rig, 0x30);
	harness_outw(h, 0x1f0, 0xffff);
	harness_outl(h, RIG_BM + 4, 0x30000);
	harness_outb(h, 0x1f2, 16);
	rig_command(&rig, 0xc6);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	expect_memory(RIG_DATA, 64 * 512, 0x8000);
	harness_outb(h, RIG_BM, 0);
	/* A software reset waits for the request. */
	rig_lba(&rig, 64, 64);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	harness_outb(h, 0x3f6, 4);
	harness_outb(h, 0x3f6, 0);
	ck_assert_uint_eq(rig_status(&rig), IDE_BSY);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, 0x1f2), 1); /* the signature */
	ck_assert_int_eq(h->level[14], 0);
	/* So does the machine's; and stopping the bus master ends a transfer silently. */
	rig_command(&rig, 0xec);
	rig_lba(&rig, 64, 64);
	rig_command(&rig, 0x20);
	device_reset_all(h->vm);
	harness_outl(h, 0xcf8, 0x80000904);
	ck_assert_uint_eq(harness_inw(h, 0xcfc), 0);
	ck_assert_uint_eq(rig_status(&rig), 0xff); /* the ports are off again */
}
END_TEST

START_TEST(ide_stop)
{
	begin();
	rig_prd(&rig, 0, RIG_DATA, 0x8000, true);
	rig_lba(&rig, 64, 64);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	harness_outb(h, RIG_BM, 0);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, RIG_BM + 2) & 7, 0);
	ck_assert_int_eq(h->level[14], 0);
	/* The next transfer is none the worse. */
	rig_lba(&rig, 64, 64);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	expect_memory(RIG_DATA, 64 * 512, 0x8000);
}
END_TEST

/* Classes 1 and 2: lists that lead nowhere, are too short, or never end. */
START_TEST(ide_class_1_prd)
{
	begin();
	rig_prd(&rig, 0, 0xfe000000, 512, true);
	rig_lba(&rig, 0, 1);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_ERR);
	ck_assert_uint_eq(harness_inb(h, RIG_BM + 2) & 7, 6);
	harness_outb(h, RIG_BM, 0);
	/* The list itself is not in memory. */
	rig_command(&rig, 0xc8);
	harness_outl(h, RIG_BM + 4, 0xfe000000);
	harness_outb(h, RIG_BM, 9);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_ERR);
	harness_outb(h, RIG_BM, 0);
	/* Too short: the bus master stops, without an interrupt. */
	harness_inb(h, 0x1f7);
	rig_prd(&rig, 0, RIG_DATA, 512, true);
	rig_lba(&rig, 0, 2);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, RIG_BM + 2) & 7, 0);
	ck_assert_int_eq(h->level[14], 0);
	harness_outb(h, RIG_BM, 0);
	/* No bus mastering allowed. */
	harness_outl(h, 0xcf8, 0x80000904);
	harness_outw(h, 0xcfc, 1);
	rig_lba(&rig, 0, 1);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_ERR);
}
END_TEST

/* Class 6: a list of 64 KiB without an end is walked once. */
START_TEST(ide_class_6_endless)
{
	begin();
	for (unsigned i = 0; i < 8400; i++) {
		rig_prd(&rig, i, RIG_DATA + 0x20000, 2, false);
	}
	rig_lba(&rig, 0, 64);
	rig_command(&rig, 0xc8);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, RIG_BM + 2) & 7, 0);
}
END_TEST

/* ---- CD-ROM ---- */

static void cd_reply_is(const char *hex, unsigned n)
{
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_DRQ);
	ck_assert_uint_eq(harness_inb(h, 0x172) & 3, 2);
	ck_assert_uint_eq(harness_inb(h, 0x174) | harness_inb(h, 0x175) << 8, n);
	for (unsigned i = 0; i < n; i += 2) {
		uint16_t v = harness_inw(h, 0x170);
		unsigned a, b = v >> 8;

		ck_assert_int_eq(
			sscanf(hex + 2 * i, i + 1 < n ? "%2x%2x" : "%2x", &a, &b),
			i + 1 < n ? 2 : 1);
		ck_assert_uint_eq(v, a | b << 8);
	}
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	ck_assert_uint_eq(harness_inb(h, 0x172) & 3, 3);
}

static void cd_sense_is(uint8_t key, uint8_t asc)
{
	static const uint8_t sense[12] = { 3, 0, 0, 0, 18 };
	uint8_t b[18];

	ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_ERR);
	ck_assert_uint_eq(harness_inb(h, 0x171) >> 4, key);
	rig_packet(&rig, sense, 18, false);
	rig_wait(&rig);
	for (unsigned i = 0; i < 18; i += 2) {
		st_le16(b + i, harness_inw(h, 0x170));
	}
	ck_assert_uint_eq(b[2], key);
	ck_assert_uint_eq(b[12], asc);
}

START_TEST(ide_cd)
{
	static const uint8_t inquiry[12] = { 0x12, 0, 0, 0, 5 },
			     capacity[12] = { 0x25 };
	static const uint8_t toc[12] = { 0x43, 0, 0, 0, 0, 0, 0, 0, 20 };
	static const uint8_t toc_msf[12] = { 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 12 };
	static const uint8_t event[12] = { 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8 };
	static const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 20, 0, 0, 40 };
	static const uint8_t beyond[12] = { 0x28, 0, 0, 0, 1, 0x2b, 0, 0, 2 };
	static const uint8_t bad[12] = { 0xfe };

	begin();
	rig_channel(&rig, 1);
	rig_packet(&rig, inquiry, 0xffff, false);
	cd_reply_is("058000211f", 5);
	rig_packet(&rig, capacity, 8, false);
	cd_reply_is("0000012b00000800", 8);
	rig_packet(&rig, toc, 2000, false);
	cd_reply_is("00120101"
	            "0014010000000000"
	            "0014aa000000012c",
	            20);
	rig_packet(&rig, toc_msf, 2000, false);
	cd_reply_is("000a0101"
	            "0014aa0000000600",
	            12);
	rig_packet(&rig, event, 8, false);
	cd_reply_is("0006041000020000", 8);
	/* 40 blocks are more than the buffer; pieces of at most 5000 bytes. */
	rig_packet(&rig, read10, 5000, false);
	for (unsigned at = 0; at < 40 * 2048;) {
		unsigned n;

		ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_DRQ);
		n = harness_inb(h, 0x174) | (unsigned)harness_inb(h, 0x175) << 8;
		ck_assert(n && n <= 5000);
		expect_port(20 * 2048 + at, n, false);
		at += n;
	}
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	rig_packet(&rig, beyond, 2048, false);
	cd_sense_is(5, 0x21);
	rig_packet(&rig, bad, 2048, false);
	cd_sense_is(5, 0x20);
	/* By DMA: data and a short reply. */
	harness_outl(h, 0xcf8, 0x80000904);
	rig_prd(&rig, 0, RIG_DATA, 0, false);
	rig_prd(&rig, 1, RIG_DATA + 0x10000, 0x4000, true);
	rig_packet(&rig, read10, 0, true);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_int_eq(h->level[15], 1);
	expect_memory(RIG_DATA, 20 * 2048, 40 * 2048);
	harness_outb(h, rig.bm, 0);
	rig_prd(&rig, 0, RIG_DATA, 8, true);
	rig_packet(&rig, capacity, 0, true);
	rig_bm_start(&rig, true);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	ck_assert_uint_eq(harness_read(h, RIG_DATA, 4), 0x2b010000);
}
END_TEST

START_TEST(ide_cd_tray)
{
	static const uint8_t ready[12] = { 0 }, eject[12] = { 0x1b, 0, 0, 0, 2 };
	static const uint8_t load[12] = { 0x1b, 0, 0, 0, 3 },
			     lock[12] = { 0x1e, 0, 0, 0, 1 };
	static const uint8_t unlock[12] = { 0x1e },
			     read[12] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t event[12] = { 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8 };

	begin();
	rig_channel(&rig, 1);
	rig_packet(&rig, lock, 0, false);
	rig_packet(&rig, eject, 0, false);
	cd_sense_is(5, 0x53);
	rig_packet(&rig, unlock, 0, false);
	rig_packet(&rig, eject, 0, false);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	rig_packet(&rig, ready, 0, false);
	cd_sense_is(2, 0x3a);
	rig_packet(&rig, read, 2048, false);
	cd_sense_is(2, 0x3a);
	rig_packet(&rig, event, 8, false);
	cd_reply_is("0006041003010000", 8);
	rig_packet(&rig, load, 0, false);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	rig_packet(&rig, ready, 0, false);
	cd_sense_is(6, 0x28);
	rig_packet(&rig, ready, 0, false);
	ck_assert_uint_eq(rig_wait(&rig), IDE_OK);
	/* An empty drive answers too. */
	ck_assert_ptr_nonnull(rig_drive(&rig, "ide-cd,bus=ide.1,unit=1"));
	harness_outb(h, 0x176, 0xb0);
	rig_packet(&rig, read, 2048, false);
	cd_sense_is(2, 0x3a);
	ck_assert_ptr_null(rig_drive(&rig, "ide-cd,bus=ide.1"));
	ck_assert_ptr_null(rig_drive(&rig, "ide-hd,drive=hd,bus=ide.0,unit=0"));
	ck_assert_ptr_null(rig_drive(&rig, "ide-hd,bus=ide.0"));
}
END_TEST

/* ---- state ---- */

static void save(struct state_buf *buf)
{
	for (struct device *d = device_next(NULL); d; d = device_next(d)) {
		if (d->cls->pre_save) {
			d->cls->pre_save(d);
		}
		ck_assert_int_eq(state_save(buf, d->path, d->cls->state, d, &err), 0);
	}
}

static int load(struct state_buf *buf)
{
	int r = 0;

	for (struct device *d = device_next(NULL); d && r >= 0; d = device_next(d)) {
		r = state_load(buf, d->path, d->cls->state, d, &err);
		if (r >= 0 && d->cls->post_load) {
			r = d->cls->post_load(d, &err);
		}
	}
	return r;
}

START_TEST(ide_state)
{
	struct state_buf buf = { 0 };

	begin();
	rig_lba(&rig, 100, 200);
	rig_command(&rig, 0x20);
	rig_wait(&rig);
	expect_port(100 * 512, 100, false);
	save(&buf); /* in the middle of a sector */
	device_reset_all(h->vm);
	ck_assert_msg(load(&buf) == 0, "%s", err.text);
	expect_port(100 * 512 + 100, 412, false);
	for (unsigned i = 1; i < 200; i++) {
		ck_assert_uint_eq(rig_wait(&rig), IDE_OK | IDE_DRQ);
		expect_port((100 + i) * 512, 512, true);
	}
	ck_assert_uint_eq(rig_status(&rig), IDE_OK);
	state_buf_fini(&buf);
	/* What cannot be is refused: a sector size of nothing (class 16). */
	memset(&buf, 0, sizeof(buf));
	container_of(disk, struct ide_drive, dev)->x.block = 0;
	save(&buf);
	ck_assert_int_lt(load(&buf), 0);
	state_buf_fini(&buf);
}
END_TEST

START_TEST(ide_torture)
{
	begin();
	for (unsigned n = 0; n < 2; n++) {
		rig_channel(&rig, n);
		for (unsigned i = 0; i < 4000; i++) {
			harness_torture(h, true, rig.cmd, 8, 4);
			harness_outb(h, rig.cmd + (harness_random() & 7),
			             (uint8_t)harness_random());
			harness_outb(h, rig.bm + (harness_random() & 3),
			             (uint8_t)harness_random());
			if (!(i & 7)) {
				rig_prd(&rig, harness_random() & 3,
				        harness_random() & 0xffffff,
				        (uint16_t)harness_random(),
				        harness_random() & 1);
				harness_outl(h, rig.bm + 4, RIG_PRD);
				rig_wait(&rig);
			}
		}
	}
	device_unrealize(disk);
	device_unrealize(cd);
	device_free(disk);
	device_free(cd);
	device_unrealize(rig.ctl);
	device_free(rig.ctl);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ide_detect,
		ide_sizes,
		ide_pio,
		ide_pio_write,
		ide_dma,
		ide_trim,
		ide_limits,
		ide_class_15_frozen,
		ide_stop,
		ide_class_1_prd,
		ide_class_6_endless,
		ide_cd,
		ide_cd_tray,
		ide_state,
		ide_torture,
	};

	return unit_main(unit_suite("ide", tests, ARRAY_LEN(tests)));
}
