#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Half of the cases of tests/lab/kvm, so that make -j2 runs two outer machines.
exec "$(dirname "$0")/kvm" -s 1/2
