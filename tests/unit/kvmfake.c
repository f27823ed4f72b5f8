/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmfake.c - see kvmfake.h. */
#include "config.h"

#include "kvmfake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compiler.h"

enum { FAKE_FDS = 1024, FAKE_RUN = 12288, FAKE_RING_AT = 8192 };
enum fake_kind { FAKE_NONE, FAKE_SYS, FAKE_VM, FAKE_VCPU };

struct fake_kvm fake;
static struct {
	enum fake_kind kind;
	unsigned vcpu;
} fake_fds[FAKE_FDS];

int __real_ioctl(int fd, unsigned long req, void *arg);
int __real_open(const char *path, int flags, mode_t mode);
int __wrap_ioctl(int fd, unsigned long req, ...);
int __wrap_open(const char *path, int flags, ...);

static int fake_fd(enum fake_kind kind, unsigned vcpu, off_t size)
{
	int fd = memfd_create("fake-kvm", MFD_CLOEXEC);

	if (fd < 0 || fd >= FAKE_FDS || ftruncate(fd, size)) {
		abort();
	}
	fake_fds[fd].kind = kind;
	fake_fds[fd].vcpu = vcpu;
	return fd;
}

void fake_reset(void)
{
	static const int on[] = {
		KVM_CAP_USER_MEMORY,
		KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_EXT_CPUID,
		KVM_CAP_XSAVE,
		KVM_CAP_VCPU_EVENTS,
		KVM_CAP_XCRS,
		KVM_CAP_DEBUGREGS,
		KVM_CAP_SET_IDENTITY_MAP_ADDR,
		KVM_CAP_READONLY_MEM,
	};

	memset(&fake, 0, sizeof(fake));
	memset(fake_fds, 0, sizeof(fake_fds));
	fake.version = KVM_API_VERSION;
	fake.run_size = FAKE_RUN;
	fake.nested_paging = true;
	fake.phys_bits = 40;
	for (unsigned i = 0; i < ARRAY_LEN(on); i++) {
		fake.caps[on[i]] = 1;
	}
	fake.caps[KVM_CAP_NR_VCPUS] = 16;
	fake.caps[KVM_CAP_MAX_VCPUS] = 32;
	fake.caps[KVM_CAP_NR_MEMSLOTS] = 64;
	fake.caps[KVM_CAP_IRQ_ROUTING] = 4096;
}

void fake_refuse(unsigned long req, int err, int after)
{
	for (unsigned i = 0; i < ARRAY_LEN(fake.refuse); i++) {
		if (!fake.refuse[i].req) {
			fake.refuse[i].req = req;
			fake.refuse[i].err = err;
			fake.refuse[i].after = after;
			return;
		}
	}
	abort();
}

/* ---- MSRs, TSC, clock ---- */

uint64_t *fake_msr(struct fake_vcpu *v, uint32_t msr)
{
	unsigned i = 0;

	while (i < v->n_msrs && v->msr[i].msr != msr) {
		i++;
	}
	if (i == ARRAY_LEN(v->msr)) {
		abort();
	}
	if (i == v->n_msrs) {
		v->msr[i].msr = msr;
		v->msr[i].val = 0;
		v->n_msrs++;
	}
	return &v->msr[i].val;
}

static int fake_msrs(struct fake_vcpu *v, struct kvm_msrs *m, bool set)
{
	for (uint32_t i = 0; i < m->nmsrs; i++) {
		uint64_t *val = fake_msr(v, m->entries[i].index);

		if (set) {
			*val = m->entries[i].data;
		} else {
			m->entries[i].data = *val;
		}
	}
	return (int)m->nmsrs;
}

static int fake_tsc_attr(struct fake_vcpu *v, const struct kvm_device_attr *a, bool set)
{
	int64_t *off = (int64_t *)(uintptr_t)a->addr;

	if (set) {
		v->tsc_offset = *off;
	} else {
		*off = v->tsc_offset;
	}
	return 0;
}

static int fake_get_clock(struct kvm_clock_data *d)
{
	for (unsigned i = 0; i < fake.n_vcpus; i++) {
		fake.clock_while_running |= atomic_load(&fake.vcpu[i].running) != 0;
	}
	fake.n_get_clock++;
	*d = fake.clock;
	if (d->flags & KVM_CLOCK_HOST_TSC) {
		d->host_tsc = __builtin_ia32_rdtsc();
	}
	return 0;
}

static int fake_set_clock(const struct kvm_clock_data *d)
{
	usleep(fake.set_clock_us);
	fake.set_clock_us = 0;
	fake.n_set_clock++;
	fake.clock.clock = d->clock;
	return d->flags ? -EINVAL : 0; /* nobody wants it to count the pause */
}

/* ---- batched writes ---- */

static int fake_set_zone(const struct kvm_coalesced_mmio_zone *z, bool on)
{
	unsigned i = 0;

	while (i < fake.n_zones &&
	       (fake.zone[i].addr != z->addr || fake.zone[i].pio != (z->pio != 0))) {
		i++;
	}
	if (!on && i < fake.n_zones) {
		fake.zone[i] = fake.zone[--fake.n_zones];
	} else if (on && i == fake.n_zones && i < ARRAY_LEN(fake.zone)) {
		fake.zone[fake.n_zones++] =
			(struct fake_zone){ z->addr, z->size, z->pio != 0 };
	}
	return 0;
}

struct kvm_coalesced_mmio_ring *fake_ring(void)
{
	return (void *)((char *)fake.vcpu[0].run + FAKE_RING_AT);
}

bool fake_batch(uint64_t addr, uint32_t len, uint64_t val, bool pio)
{
	struct kvm_coalesced_mmio_ring *r = fake_ring();
	uint32_t last = r->last,
		 n = (4096 - sizeof(*r)) / sizeof(struct kvm_coalesced_mmio);
	struct kvm_coalesced_mmio *e = &r->coalesced_mmio[last % n];

	if ((last + 1) % n == __atomic_load_n(&r->first, __ATOMIC_ACQUIRE)) {
		return false;
	}
	e->phys_addr = addr;
	e->len = len;
	e->pio = pio;
	memcpy(e->data, &val, sizeof(e->data));
	__atomic_store_n(&r->last, (last + 1) % n, __ATOMIC_RELEASE);
	return true;
}

/* ---- requests ---- */

static int fake_cpuid(struct kvm_cpuid2 *t)
{
	static const uint32_t leaves[] = { 0,          1,          7,
		                           0xd,        0x80000000, 0x80000001,
		                           0x80000007, 0x80000008, 0x40000001 };

	if (t->nent < ARRAY_LEN(leaves)) {
		return -E2BIG;
	}
	t->nent = ARRAY_LEN(leaves);
	for (unsigned i = 0; i < t->nent; i++) {
		t->entries[i] = (struct kvm_cpuid_entry2){ .function = leaves[i] };
	}
	t->entries[0].eax = 0xd;
	t->entries[1].ecx = 0x80202001 | fake.leaf1_ecx; /* SSE3, x2APIC, POPCNT... */
	t->entries[1].edx = 0x0f8bfbff;
	t->entries[4].eax = 0x80000008;
	t->entries[5].edx = 0x20100800; /* LM, NX, SYSCALL */
	t->entries[7].eax = 0x3000 | fake.phys_bits;
	t->entries[8].eax = fake.kvm_features;
	return 0;
}

static int fake_set_cpuid(struct fake_vcpu *v, const struct kvm_cpuid2 *t)
{
	if (t->nent > ARRAY_LEN(v->cpuid)) {
		return -E2BIG;
	}
	memcpy(v->cpuid, t->entries, t->nent * sizeof(t->entries[0]));
	v->n_cpuid = t->nent;
	for (unsigned i = 0; i < v->n_cpuid; i++) {
		if (v->cpuid[i].function == 7 && v->cpuid[i].index == 0) {
			v->cpuid[i].ebx |= fake.leaf7_ebx;
		}
	}
	return 0;
}

static int fake_get_cpuid(const struct fake_vcpu *v, struct kvm_cpuid2 *t)
{
	if (t->nent < v->n_cpuid) {
		return -E2BIG;
	}
	t->nent = v->n_cpuid;
	memcpy(t->entries, v->cpuid, t->nent * sizeof(t->entries[0]));
	return 0;
}

/* Threads of several vCPUs come at the same time, in any order. */
static int fake_create_vcpu(unsigned long id)
{
	static pthread_mutex_t lk = PTHREAD_MUTEX_INITIALIZER;
	struct fake_vcpu *v;

	if (id >= ARRAY_LEN(fake.vcpu)) {
		errno = EINVAL;
		return -1;
	}
	v = &fake.vcpu[id];
	pthread_mutex_lock(&lk);
	v->fd = fake_fd(FAKE_VCPU, (unsigned)id, FAKE_RUN);
	v->index = (unsigned)id;
	fake.n_vcpus = MAX(fake.n_vcpus, v->index + 1);
	v->run = mmap(NULL, FAKE_RUN, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	pthread_mutex_unlock(&lk);
	return v->fd;
}

static int fake_slot(const struct kvm_userspace_memory_region *r)
{
	if (fake.phys_bits < 64 && r->memory_size &&
	    (r->guest_phys_addr + r->memory_size - 1) >> fake.phys_bits) {
		return -EINVAL;
	}
	atomic_fetch_add(&fake.n_slots, r->memory_size ? 1u : -1u);
	atomic_fetch_add(&fake.n_late_slots, r->memory_size && fake.n_zones);
	return 0;
}

/* A halted guest: leaves when kicked, like the kernel. */
static int fake_idle(struct fake_vcpu *v)
{
	volatile uint8_t *exit_now = &v->run->immediate_exit;

	while (!*exit_now) {
		usleep(50);
	}
	return -EINTR;
}

static int fake_run(struct fake_vcpu *v)
{
	int r;

	atomic_fetch_add(&v->n_runs, 1);
	if (*(volatile uint8_t *)&v->run->immediate_exit) {
		return -EINTR; /* completes pending I/O, runs nothing */
	}
	atomic_store(&v->running, 1);
	r = fake.run ? fake.run(v) : fake_idle(v);
	atomic_store(&v->running, 0);
	return r;
}

static int fake_request(int fd, unsigned long req, void *arg)
{
	struct fake_vcpu *v = &fake.vcpu[fake_fds[fd].vcpu];

	if (req == KVM_RUN) {
		return fake_run(v);
	}
	if (fake_fds[fd].kind == FAKE_VCPU) {
		atomic_fetch_add(&v->n_state, 1);
	}
	switch (req) {
	case KVM_GET_API_VERSION: return fake.version;
	case KVM_CHECK_EXTENSION:
		return (uintptr_t)arg < ARRAY_LEN(fake.caps) ? fake.caps[(uintptr_t)arg]
		                                             : 0;
	case KVM_CREATE_VM: return fake_fd(FAKE_VM, 0, 0);
	case KVM_GET_VCPU_MMAP_SIZE: return fake.run_size;
	case KVM_CREATE_VCPU: return fake_create_vcpu((unsigned long)arg);
	case KVM_GET_SUPPORTED_CPUID: return fake_cpuid(arg);
	case KVM_SET_CPUID2: return fake_set_cpuid(v, arg);
	case KVM_GET_CPUID2: return fake_get_cpuid(v, arg);
	case KVM_GET_TSC_KHZ: return 2000000;
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return fake_fds[fd].kind == FAKE_VCPU
		               ? fake_msrs(v, arg, req == KVM_SET_MSRS)
		               : (int)((struct kvm_msrs *)arg)->nmsrs;
	case KVM_GET_DEVICE_ATTR: return fake_tsc_attr(v, arg, false);
	case KVM_SET_DEVICE_ATTR: return fake_tsc_attr(v, arg, true);
	case KVM_GET_CLOCK: return fake_get_clock(arg);
	case KVM_SET_CLOCK: return fake_set_clock(arg);
	case KVM_KVMCLOCK_CTRL: v->n_clock_ctrl++; return 0;
	case KVM_REGISTER_COALESCED_MMIO: return fake_set_zone(arg, true);
	case KVM_UNREGISTER_COALESCED_MMIO: return fake_set_zone(arg, false);
	case KVM_SET_USER_MEMORY_REGION: return fake_slot(arg);
	default: break;
	}
	if (_IOC_DIR(req) == _IOC_READ) {
		memset(arg, 0, _IOC_SIZE(req));
	}
	return 0;
}

int __wrap_ioctl(int fd, unsigned long req, ...)
{
	void *arg;
	va_list ap;
	int r;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fd < 0 || fd >= FAKE_FDS || !fake_fds[fd].kind) {
		return __real_ioctl(fd, req, arg);
	}
	for (unsigned i = 0; i < ARRAY_LEN(fake.refuse); i++) {
		if (fake.refuse[i].req == req && fake.refuse[i].after-- <= 0) {
			errno = fake.refuse[i].err;
			return -1;
		}
	}
	r = fake_request(fd, req, arg);
	if (r < 0) {
		errno = -r;
		return -1;
	}
	return r;
}

static int fake_sysfs(bool on)
{
	int fd = memfd_create("fake-sysfs", MFD_CLOEXEC);

	if (fd < 0 || write(fd, on ? "1\n" : "0\n", 2) != 2 || lseek(fd, 0, SEEK_SET)) {
		abort();
	}
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (!strcmp(path, "/dev/kvm")) {
		if (fake.open_err) {
			errno = fake.open_err;
			return -1;
		}
		return fake_fd(FAKE_SYS, 0, 0);
	}
	if (!strncmp(path, "/sys/module/kvm_", 16)) {
		return fake_sysfs(fake.nested_paging && strstr(path, "amd"));
	}
	return __real_open(path, flags, mode);
}
