/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.h - PCI and PCI Express functions: configuration space, BARs, interrupts,
 * capabilities and the DMA gate. PCI Local Bus 3.0, PCI Express Base 4.0 ch. 7.
 *
 * A function embeds `struct pci_dev` first, its class has bus = "pci" and
 * ops = &(struct pci_class_ops). The bus fills the header when the device is
 * plugged; realize() then adds BARs, capabilities and vectors. On reset the host
 * bridge clears all that is writable in the config space (BARs, command, MSI); registers with
 * other reset values are the business of config_reset().
 *
 * Locks: config writes run under dev.lk; bytes change under msi_lk and config_lk, so that
 * one of them is enough to read them: config_lk is never held over a call, msi_lk may be
 * over a change of KVM's routes, which takes milliseconds. MSI/MSI-X state is under msi_lk
 * (RANK_BUS), so pci_*_notify may be called by any thread with or without dev.lk.
 * DMA goes through pci_dma_*: RAM only, and only while the guest allows bus
 * mastering.
 */
#ifndef LODGE_DEVICES_PCI_H
#define LODGE_DEVICES_PCI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/device.h"
#include "core/gmem.h"
#include "core/irq.h"
#include "state/state.h"

#include "devices/bus/pci-regs.h"

enum {
	PCI_CONFIG_SIZE = 4096,
	PCI_BARS = 6,
	PCI_MSIX_MAX = 1024,
	PCI_ROOT_LINES = 8, /* INTx lines of a host bridge */
};

#define PCI_DEVFN(slot, fn) (((slot) << 3) | (fn))
#define PCI_SLOT(devfn)     ((unsigned)(devfn) >> 3)
#define PCI_FUNC(devfn)     ((unsigned)(devfn)&7)

/* pci_bar_add flags */
enum { PCI_BAR_MEM32 = 0, PCI_BAR_IO = 1, PCI_BAR_MEM64 = 4, PCI_BAR_PREFETCH = 8 };

struct pci_dev;
struct pci_bus;
struct pci_host;

/* device_class.ops of a PCI function */
struct pci_class_ops {
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class_code; /* base << 16 | sub << 8 | interface */
	uint8_t revision;
	bool bridge;  /* type 1 header */
	bool express; /* an Express capability is added (endpoint or `express_type`) */
	uint8_t express_type;
	/* Optional, under dev.lk. before_read may refresh d->config; after_write sees the
	 * config space with the write masks applied. */
	void (*before_read)(struct pci_dev *d, unsigned off, unsigned size);
	void (*after_write)(struct pci_dev *d, unsigned off, uint32_t val,
	                    unsigned size);
	/* Optional, under dev.lk: the writable bytes were just cleared by a reset; put
	 * other defaults in and let windows follow. */
	void (*config_reset)(struct pci_dev *d);
};

struct pci_bar {
	struct mr *mr; /* NULL: not there */
	uint64_t size;
	uint64_t addr; /* as decoded now; UINT64_MAX when off */
	uint8_t flags;
};

struct pci_msix_entry {
	uint64_t addr;
	uint32_t data, ctrl;
};

struct pci_dev {
	struct device dev;
	struct pci_bus *bus;
	int32_t prop_addr; /* property "addr": -1 = next free */
	bool prop_multifunction;
	uint8_t devfn;
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t wmask[PCI_CONFIG_SIZE];   /* guest may write */
	uint8_t w1cmask[PCI_CONFIG_SIZE]; /* guest clears by writing 1 */
	struct pci_bar bar[PCI_BARS];
	unsigned cap_next, ecap_last, ecap_next;
	struct pci_bus *secondary; /* bridges */
	uint16_t intx_line;        /* where intx_out went */

	struct lk msi_lk, config_lk;
	uint8_t msi_cap;
	uint16_t msi_vectors;
	uint8_t msix_cap;
	uint16_t msix_vectors; /* 0: no MSI-X */
	uint16_t msix_ctrl;    /* control word as last acted upon */
	uint8_t exp_cap;
	bool intx_level, intx_out;
	struct mr msix_table, msix_pba, msix_bar;
	struct pci_msix_entry msix[PCI_MSIX_MAX];
	uint8_t msix_pending[PCI_MSIX_MAX / 8];
	struct pci_msix_fd {
		int fd;    /* eventfd bound by pci_msix_bind_fd */
		int route; /* -1: none */
	} * msix_fd;
	/* Told when a vector is (un)masked, under msi_lk; optional. */
	void (*msix_mask_changed)(struct pci_dev *d, unsigned vec, bool masked);
	_Atomic bool bus_master;
};

/* Put first into the class's state table and call pci_post_load from post_load. */
extern const struct state_field pci_dev_state[];
#define PCI_STATE(s, f)                                                                \
	{                                                                              \
		.name = "pci", .type = STATE_STRUCT, .offset = offsetof(s, f),         \
		.count = 1, .sub = pci_dev_state                                       \
	}
int pci_post_load(struct pci_dev *d, struct err *e);
/* device_class.bus_props of every PCI function: addr, multifunction. */
extern const struct prop pci_bus_props[];

struct pci_bus {
	struct bus bus; /* type "pci" */
	struct pci_host *host;
	struct pci_dev *bridge; /* NULL on the root bus */
	struct pci_dev *_Atomic fn[256];
	struct mr *mem, *io; /* BARs are mapped here */
	unsigned first_slot, last_slot;
};

/* ---- a function's life (realize, control thread) ---- */

void pci_set_ids(struct pci_dev *d, uint16_t vendor, uint16_t device,
                 uint16_t subvendor, uint16_t subdevice);
void pci_set_class(struct pci_dev *d, uint32_t class_code, uint8_t revision);
/* The region's size must be a power of two; MEM64 takes n and n+1. */
int pci_bar_add(struct pci_dev *d, unsigned n, unsigned flags, struct mr *m,
                struct err *e) __must_check;
/* Offset of a new capability whose bytes are zero but id and link; or -ENOSPC. */
int pci_cap_add(struct pci_dev *d, uint8_t id, unsigned len, struct err *e)
	__must_check;
int pci_ecap_add(struct pci_dev *d, uint16_t id, unsigned ver, unsigned len,
                 struct err *e) __must_check;
/* Interrupt pin register: 1 = INTA. */
void pci_intx_init(struct pci_dev *d, unsigned pin);
int pci_msi_init(struct pci_dev *d, unsigned vectors, struct err *e) __must_check;
/* Table and PBA in a BAR of their own... */
int pci_msix_init_bar(struct pci_dev *d, unsigned vectors, unsigned bar, struct err *e)
	__must_check;
/* ... or inside `container` (which is, or will be, BAR `bar`). */
int pci_msix_init(struct pci_dev *d, unsigned vectors, struct mr *container,
                  unsigned bar, unsigned table_off, unsigned pba_off, struct err *e)
	__must_check;
/* First thing in unrealize: BARs and vectors are gone, and no vCPU is in a handler. The
 * bus calls it too (also when realize failed), so a simple device need not. */
void pci_dev_fini(struct pci_dev *d);
/* Config space, vectors and INTx to the power-on state. */
void pci_dev_reset(struct pci_dev *d);

/* ---- interrupts [any thread] ---- */

void pci_intx_set(struct pci_dev *d, bool level);
bool pci_msi_enabled(const struct pci_dev *d);
bool pci_msix_enabled(const struct pci_dev *d);
void pci_msi_notify(struct pci_dev *d, unsigned vec);
void pci_msix_notify(struct pci_dev *d, unsigned vec);
/* MSI-X if enabled, else MSI (vector 0 if fewer), else nothing: -ENOTCONN tells to use INTx. */
int pci_msg_notify(struct pci_dev *d, unsigned vec);
/* Every signal of `eventfd` is the vector, without us where the hypervisor can (KVM): returns
 * -ENOSYS where it can't, and the caller watches the fd and calls pci_msix_notify. */
int pci_msix_bind_fd(struct pci_dev *d, unsigned vec, int eventfd);
void pci_msix_unbind_fd(struct pci_dev *d, unsigned vec);
/* Before msix_pending is saved: what came by eventfd for masked vectors is put there. */
void pci_msix_collect(struct pci_dev *d);

/* ---- DMA: -EFAULT when not RAM, -EPERM when bus mastering is off ---- */

int pci_dma_read(struct pci_dev *d, gpa_t addr, void *buf, uint64_t len) __must_check;
int pci_dma_write(struct pci_dev *d, gpa_t addr, const void *buf, uint64_t len)
	__must_check;
bool pci_dma_allowed(const struct pci_dev *d);
uint16_t pci_requester_id(const struct pci_dev *d);

/* ---- buses and config cycles (bridges) ---- */

void pci_bus_init(struct pci_bus *b, const char *name, struct pci_host *host,
                  struct pci_dev *bridge, struct mr *mem, struct mr *io);
void pci_bus_fini(struct pci_bus *b);
uint8_t pci_bus_number(const struct pci_bus *b);
void pci_bus_reset(struct pci_bus *b); /* all functions below, bridges included */
struct pci_dev *pci_find(struct pci_host *h, unsigned bus, unsigned devfn);
uint32_t pci_config_read(struct pci_dev *d, unsigned off, unsigned size);
void pci_config_write(struct pci_dev *d, unsigned off, uint32_t val, unsigned size);
/* For the bus itself after a change it made to command or BARs; under dev.lk. */
void pci_update_mappings(struct pci_dev *d);

#endif
