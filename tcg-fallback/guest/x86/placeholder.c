/* SPDX-License-Identifier: GPL-2.0-or-later */
/* placeholder.c - keeps libx86guest.a buildable until its first source file; delete it then. */
