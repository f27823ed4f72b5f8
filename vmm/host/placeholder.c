/* SPDX-License-Identifier: GPL-2.0-or-later */
/* placeholder.c - keeps libhost.a buildable until its first source file; delete it then. */
