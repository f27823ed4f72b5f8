/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - links all of kvm/ for a host and asks it whether it can be used there. Under
 * qemu-user there is no KVM: it has to say so in a sentence.
 */
#include "config.h"

#include <stdio.h>

#include "core/hv.h"

int main(void)
{
	struct err e = ERR_INIT;
	int r = kvm_hv_ops.probe(&e);

	printf("kvm: %s\n", r < 0 ? e.text : "can be used");
	return r < 0 && !e.text[0];
}
