/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-msi.c - message-signalled interrupts of a PCI function: MSI (64-bit, per-vector
 * masking) and MSI-X (PCI Local Bus 3.0, 6.8).
 *
 * Any thread. msi_lk guards the tables, the pending bits and the eventfd routes; it is
 * held while the message is sent (interrupt controllers rank above), and while the
 * hypervisor changes a route.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/vm.h"
#include "devices/bus/pci-msi.h"
#include "devices/bus/pci.h"

enum {
	MSI_ADDR = 4,
	MSI_DATA = 12, /* 64-bit layout */
	MSI_MASK = 16,
	MSI_PENDING = 20,
	MSI_LEN = 24,
	MSIX_LEN = 12,
	MSIX_ENTRY = 16,
};

static void pci_send(struct pci_dev *d, uint64_t addr, uint32_t data)
{
	struct msi_msg m = { .addr = addr, .data = data, .devid = pci_requester_id(d) };

	if (pci_dma_allowed(d)) {
		msi_send(&d->dev.vm->msi, &m);
	}
}

/* ---- MSI ---- */

int pci_msi_init(struct pci_dev *d, unsigned vectors, struct err *e)
{
	unsigned log2 = 0;
	int off;

	while (BIT(log2) < vectors) {
		log2++;
	}
	if (!vectors || log2 > 5) {
		return err_set(e, -EINVAL, "%s: %u MSI vectors; 1 to 32 are possible",
		               d->dev.cls->name, vectors);
	}
	off = pci_cap_add(d, PCI_CAP_MSI, MSI_LEN, e);
	if (off < 0) {
		return off;
	}
	d->msi_cap = (uint8_t)off;
	d->msi_vectors = (uint16_t)vectors;
	st_le16(d->config + off + PCI_MSI_CTRL,
	        (uint16_t)(PCI_MSI_64 | PCI_MSI_MASKABLE | log2 << 1));
	st_le16(d->wmask + off + PCI_MSI_CTRL, PCI_MSI_ENABLE | 0x70);
	st_le32(d->wmask + off + MSI_ADDR, 0xfffffffc);
	st_le32(d->wmask + off + MSI_ADDR + 4, UINT32_MAX);
	st_le16(d->wmask + off + MSI_DATA, UINT16_MAX);
	st_le32(d->wmask + off + MSI_MASK, (uint32_t)((UINT64_C(1) << vectors) - 1));
	return 0;
}

bool pci_msi_enabled(const struct pci_dev *d)
{
	return d->msi_cap &&
	       ld_le16(d->config + d->msi_cap + PCI_MSI_CTRL) & PCI_MSI_ENABLE;
}

static void pci_msi_set_pending(struct pci_dev *d, uint32_t bits)
{
	LOCK_SCOPE(&d->config_lk);
	st_le32(d->config + d->msi_cap + MSI_PENDING, bits);
}

static void pci_msi_fire_locked(struct pci_dev *d, unsigned vec)
{
	uint8_t *c = d->config + d->msi_cap;
	uint32_t pending = ld_le32(c + MSI_PENDING);
	unsigned mme = (ld_le16(c + PCI_MSI_CTRL) >> 4) & 7,
		 granted = BIT(mme > 5 ? 5 : mme);

	if (!pci_msi_enabled(d)) {
		return;
	}
	if (vec >= granted) {
		vec = 0;
	}
	if (ld_le32(c + MSI_MASK) & BIT(vec)) {
		pci_msi_set_pending(d, pending | BIT(vec));
		return;
	}
	pci_msi_set_pending(d, pending & ~BIT(vec));
	pci_send(d, ld_le64(c + MSI_ADDR),
	         (ld_le16(c + MSI_DATA) & ~(granted - 1)) | vec);
}

void pci_msi_notify(struct pci_dev *d, unsigned vec)
{
	if (d->msi_cap && vec < d->msi_vectors) {
		LOCK_SCOPE(&d->msi_lk);
		pci_msi_fire_locked(d, vec);
	}
}

static void pci_msi_flush_locked(struct pci_dev *d)
{
	uint8_t *c = d->config + d->msi_cap;
	uint32_t ready = ld_le32(c + MSI_PENDING) & ~ld_le32(c + MSI_MASK);

	for (unsigned v = 0; ready && v < d->msi_vectors; v++) {
		if (ready & BIT(v)) {
			pci_msi_fire_locked(d, v);
		}
	}
}

/* ---- MSI-X ---- */

static uint16_t pci_msix_ctrl(const struct pci_dev *d)
{
	return ld_le16(d->config + d->msix_cap + PCI_MSIX_CTRL);
}

bool pci_msix_enabled(const struct pci_dev *d)
{
	return d->msix_cap && pci_msix_ctrl(d) & PCI_MSIX_ENABLE;
}

static bool pci_msix_masked_by(const struct pci_dev *d, unsigned vec, uint16_t ctrl)
{
	return !(ctrl & PCI_MSIX_ENABLE) || ctrl & PCI_MSIX_MASKALL ||
	       d->msix[vec].ctrl & PCI_MSIX_ENTRY_MASKED;
}

static bool pci_msix_masked(const struct pci_dev *d, unsigned vec)
{
	return pci_msix_masked_by(d, vec, pci_msix_ctrl(d));
}

static struct msi_msg pci_msix_msg(const struct pci_dev *d, unsigned vec)
{
	return (struct msi_msg){ d->msix[vec].addr, d->msix[vec].data,
		                 pci_requester_id(d) };
}

/* Makes an eventfd's route agree with its table entry. While masked there is none: the
 * eventfd then keeps count, and the hypervisor sees it when the route comes back, unless
 * pci_msix_collect_locked() was first. */
static void pci_msix_route_locked(struct pci_dev *d, unsigned vec)
{
	const struct msi_sink *s = &d->dev.vm->msi;
	struct pci_msix_fd *f = d->msix_fd ? &d->msix_fd[vec] : NULL;
	struct msi_msg m = pci_msix_msg(d, vec);

	if (!f || f->fd < 0 || !s->ops || !s->ops->route_add) {
		return;
	}
	if (pci_msix_masked(d, vec)) {
		if (f->route >= 0) {
			s->ops->route_del(s->arg, f->route);
			f->route = -1;
		}
	} else if (f->route >= 0) {
		s->ops->route_update(s->arg, f->route, &m);
	} else {
		f->route = s->ops->route_add(s->arg, &m, f->fd);
	}
}

static void pci_msix_fire_locked(struct pci_dev *d, unsigned vec)
{
	uint8_t *p = &d->msix_pending[vec / 8];

	if (pci_msix_masked(d, vec)) {
		*p |= (uint8_t)BIT(vec & 7);
	} else {
		*p &= (uint8_t)~BIT(vec & 7);
		pci_send(d, d->msix[vec].addr, d->msix[vec].data);
	}
}

/* What waits in the eventfds of masked vectors becomes pending bits. */
static void pci_msix_collect_locked(struct pci_dev *d)
{
	for (unsigned i = 0; d->msix_fd && i < d->msix_vectors; i++) {
		const struct pci_msix_fd *f = &d->msix_fd[i];
		struct pollfd pf = { .fd = f->fd, .events = POLLIN };
		uint64_t n;

		/* It may block. Without a route nobody else reads it. */
		if (f->fd >= 0 && f->route < 0 && poll(&pf, 1, 0) == 1 &&
		    read(f->fd, &n, sizeof(n)) == sizeof(n)) {
			pci_msix_fire_locked(d, i);
		}
	}
}

void pci_msix_collect(struct pci_dev *d)
{
	LOCK_SCOPE(&d->msi_lk);
	pci_msix_collect_locked(d);
}

void pci_msix_notify(struct pci_dev *d, unsigned vec)
{
	if (vec < d->msix_vectors) {
		LOCK_SCOPE(&d->msi_lk);
		if (pci_msix_enabled(d)) {
			pci_msix_fire_locked(d, vec);
		}
	}
}

/* After a change of the entry's or the function's mask. */
static void pci_msix_refresh_locked(struct pci_dev *d, unsigned vec, bool was)
{
	bool now = pci_msix_masked(d, vec);

	pci_msix_route_locked(d, vec);
	if (was != now && d->msix_mask_changed) {
		d->msix_mask_changed(d, vec, now);
	}
	if (!now && d->msix_pending[vec / 8] & BIT(vec & 7)) {
		pci_msix_fire_locked(d, vec);
	}
}

static uint64_t pci_msix_table_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_dev *d = opaque;
	unsigned vec = (unsigned)(off / MSIX_ENTRY);
	uint8_t raw[MSIX_ENTRY];

	if (vec >= d->msix_vectors) {
		return 0;
	}
	LOCK_SCOPE(&d->msi_lk);
	st_le64(raw, d->msix[vec].addr);
	st_le32(raw + 8, d->msix[vec].data);
	st_le32(raw + 12, d->msix[vec].ctrl);
	return ld_le(raw + off % MSIX_ENTRY, size);
}

static void pci_msix_table_write(void *opaque, uint64_t off, uint64_t val,
                                 unsigned size)
{
	struct pci_dev *d = opaque;
	unsigned vec = (unsigned)(off / MSIX_ENTRY);
	uint8_t raw[MSIX_ENTRY];
	struct pci_msix_entry *t;
	bool was;

	if (vec >= d->msix_vectors) {
		return;
	}
	LOCK_SCOPE(&d->msi_lk);
	t = &d->msix[vec];
	was = pci_msix_masked(d, vec);
	st_le64(raw, t->addr);
	st_le32(raw + 8, t->data);
	st_le32(raw + 12, t->ctrl);
	st_le(raw + off % MSIX_ENTRY, val, size);
	t->addr = ld_le64(raw) & ~UINT64_C(3);
	t->data = ld_le32(raw + 8);
	t->ctrl = ld_le32(raw + 12) & PCI_MSIX_ENTRY_MASKED;
	pci_msix_refresh_locked(d, vec, was);
}

static uint64_t pci_msix_pba_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_dev *d = opaque;

	LOCK_SCOPE(&d->msi_lk);
	pci_msix_collect_locked(d);
	return range_fits(off, size, sizeof(d->msix_pending))
	               ? ld_le(d->msix_pending + off, size)
	               : 0;
}

static void pci_msix_pba_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)val;
	(void)size;
}

static const struct mr_ops pci_msix_table_ops = {
	.read = pci_msix_table_read,
	.write = pci_msix_table_write,
	.min = 4,
	.max = 8,
};
static const struct mr_ops pci_msix_pba_ops = {
	.read = pci_msix_pba_read,
	.write = pci_msix_pba_write,
	.min = 4,
	.max = 8,
};

int pci_msix_init(struct pci_dev *d, unsigned vectors, struct mr *container,
                  unsigned bar, unsigned table_off, unsigned pba_off, struct err *e)
{
	unsigned pba_len = ALIGN_UP((vectors + 7) / 8, 8u);
	int off;

	if (!vectors || vectors > PCI_MSIX_MAX || bar >= PCI_BARS || table_off & 7 ||
	    pba_off & 7 ||
	    !range_fits(table_off, vectors * MSIX_ENTRY, container->size) ||
	    !range_fits(pba_off, pba_len, container->size) ||
	    ranges_overlap(table_off, vectors * MSIX_ENTRY, pba_off, pba_len)) {
		return err_set(e, -EINVAL, "%s: %u MSI-X vectors do not fit (1 to %d)",
		               d->dev.cls->name, vectors, PCI_MSIX_MAX);
	}
	off = pci_cap_add(d, PCI_CAP_MSIX, MSIX_LEN, e);
	if (off < 0) {
		return off;
	}
	d->msix_cap = (uint8_t)off;
	d->msix_vectors = (uint16_t)vectors;
	st_le16(d->config + off + PCI_MSIX_CTRL, (uint16_t)(vectors - 1));
	st_le16(d->wmask + off + PCI_MSIX_CTRL, PCI_MSIX_ENABLE | PCI_MSIX_MASKALL);
	st_le32(d->config + off + PCI_MSIX_TABLE, table_off | bar);
	st_le32(d->config + off + PCI_MSIX_PBA, pba_off | bar);
	for (unsigned i = 0; i < vectors; i++) {
		d->msix[i].ctrl = PCI_MSIX_ENTRY_MASKED;
	}
	mr_init_io(&d->msix_table, "msix-table", vectors * MSIX_ENTRY,
	           &pci_msix_table_ops, d, NULL);
	mr_init_io(&d->msix_pba, "msix-pba", pba_len, &pci_msix_pba_ops, d, NULL);
	mr_add(container, table_off, &d->msix_table, 1);
	mr_add(container, pba_off, &d->msix_pba, 1);
	return 0;
}

int pci_msix_init_bar(struct pci_dev *d, unsigned vectors, unsigned bar, struct err *e)
{
	uint64_t half = 2048;
	int r;

	while (half < (uint64_t)vectors * MSIX_ENTRY) {
		half *= 2;
	}
	mr_init_container(&d->msix_bar, "msix", 2 * half);
	r = pci_msix_init(d, vectors, &d->msix_bar, bar, 0, (unsigned)half, e);
	if (r < 0) {
		return r;
	}
	r = pci_bar_add(d, bar, PCI_BAR_MEM32, &d->msix_bar, e);
	if (r < 0) {
		pci_msi_fini(d);
	}
	return r;
}

int pci_msg_notify(struct pci_dev *d, unsigned vec)
{
	if (pci_msix_enabled(d)) {
		pci_msix_notify(d, vec);
		return 0;
	}
	if (pci_msi_enabled(d)) {
		pci_msi_notify(d, vec < d->msi_vectors ? vec : 0);
		return 0;
	}
	return -ENOTCONN;
}

/* ---- eventfds ---- */

int pci_msix_bind_fd(struct pci_dev *d, unsigned vec, int eventfd)
{
	const struct msi_sink *s = &d->dev.vm->msi;

	if (!s->ops || !s->ops->route_add) {
		return -ENOSYS;
	}
	if (vec >= d->msix_vectors) {
		return -EINVAL;
	}
	LOCK_SCOPE(&d->msi_lk);
	if (!d->msix_fd) {
		d->msix_fd = calloc(d->msix_vectors, sizeof(*d->msix_fd));
		if (!d->msix_fd) {
			return -ENOMEM;
		}
		for (unsigned i = 0; i < d->msix_vectors; i++) {
			d->msix_fd[i] = (struct pci_msix_fd){ -1, -1 };
		}
	}
	if (d->msix_fd[vec].fd >= 0) {
		return -EBUSY;
	}
	d->msix_fd[vec].fd = eventfd;
	pci_msix_route_locked(d, vec);
	return 0;
}

void pci_msix_unbind_fd(struct pci_dev *d, unsigned vec)
{
	const struct msi_sink *s = &d->dev.vm->msi;

	LOCK_SCOPE(&d->msi_lk);
	if (d->msix_fd && vec < d->msix_vectors && d->msix_fd[vec].fd >= 0) {
		if (d->msix_fd[vec].route >= 0) {
			s->ops->route_del(s->arg, d->msix_fd[vec].route);
			d->msix_fd[vec].route = -1;
		}
		pci_msix_collect_locked(d);
		d->msix_fd[vec] = (struct pci_msix_fd){ -1, -1 };
	}
}

/* ---- from pci.c ---- */

void pci_msi_config_written_locked(struct pci_dev *d, unsigned off, unsigned size)
{
	if (d->msi_cap && ranges_overlap(off, size, d->msi_cap, MSI_LEN)) {
		pci_msi_flush_locked(d);
	}
	if (d->msix_cap && pci_msix_ctrl(d) != d->msix_ctrl) {
		uint16_t was = d->msix_ctrl;

		d->msix_ctrl = pci_msix_ctrl(d);
		for (unsigned v = 0; v < d->msix_vectors; v++) {
			pci_msix_refresh_locked(d, v, pci_msix_masked_by(d, v, was));
		}
	}
}

void pci_msi_reset_locked(struct pci_dev *d)
{
	if (d->msi_cap) {
		pci_msi_set_pending(d, 0);
	}
	memset(d->msix_pending, 0, sizeof(d->msix_pending));
	d->msix_ctrl = d->msix_cap ? pci_msix_ctrl(d) : 0;
	for (unsigned i = 0; i < d->msix_vectors; i++) {
		d->msix[i] = (struct pci_msix_entry){ .ctrl = PCI_MSIX_ENTRY_MASKED };
		pci_msix_refresh_locked(d, i, true);
	}
	pci_msix_collect_locked(d); /* what the eventfds held is forgotten, too */
	memset(d->msix_pending, 0, sizeof(d->msix_pending));
}

void pci_msi_fini(struct pci_dev *d)
{
	for (unsigned i = 0; d->msix_fd && i < d->msix_vectors; i++) {
		pci_msix_unbind_fd(d, i);
	}
	free(d->msix_fd);
	d->msix_fd = NULL;
	if (d->msix_table.parent) {
		mr_del(&d->msix_table);
		mr_del(&d->msix_pba);
	}
	d->msix_vectors = 0;
}
