#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Text IR through the optimiser, against what is expected.
exec tests/ir/irtool -t "${srcdir:-.}"/tests/ir/*.ir
