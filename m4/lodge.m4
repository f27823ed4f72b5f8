# SPDX-License-Identifier: GPL-2.0-or-later

# LODGE_TRY_CFLAGS(FLAGS, IF-OK, IF-NOT): does the compiler take these flags?
AC_DEFUN([LODGE_TRY_CFLAGS], [
	lodge_save_CFLAGS=$CFLAGS
	CFLAGS="-Werror $1"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [lodge_ok=yes], [lodge_ok=no])
	CFLAGS=$lodge_save_CFLAGS
	AS_IF([test $lodge_ok = yes], [$2], [$3])
])

# LODGE_WARN(FLAGS): appends those the compiler knows to WARN_CFLAGS.
AC_DEFUN([LODGE_WARN], [
	AC_MSG_CHECKING([for warning flags])
	for lodge_flag in m4_normalize([$1]); do
		LODGE_TRY_CFLAGS([$lodge_flag], [WARN_CFLAGS="$WARN_CFLAGS $lodge_flag"])
	done
	AC_MSG_RESULT([$WARN_CFLAGS])
])

# LODGE_LIB(VAR, PKG-CONFIG-MODULE, HEADER, LIBRARY, WHAT-FOR)
# Sets VAR_CFLAGS, VAR_LIBS, HAVE_VAR in config.h and as a conditional. Falls back to
# trying the header and -lLIBRARY, because not every distribution ships a usable .pc file.
# --without-var leaves the library out.
AC_DEFUN([LODGE_LIB], [
	AC_ARG_WITH(m4_tolower([$1]),
		[AS_HELP_STRING([--without-]m4_tolower([$1]), [leave out $5])],
		[], [with_]m4_tolower([$1])[=check])
	AS_IF([test "$with_]m4_tolower([$1])[" = no], [have_$1=no], [
		PKG_CHECK_MODULES([$1], [$2], [have_$1=yes], [
			AC_CHECK_HEADER([$3],
				[AC_CHECK_LIB([$4], [main], [have_$1=yes], [have_$1=no])],
				[have_$1=no])
			AS_IF([test $have_$1 = yes], [$1_CFLAGS= $1_LIBS=-l$4])
		])
	])
	AS_IF([test $have_$1 = no], [$1_CFLAGS= $1_LIBS=
		AS_IF([test "$with_]m4_tolower([$1])[" = yes],
			[AC_MSG_ERROR([$4 was asked for and not found (needed for $5)])])])
	AS_IF([test $have_$1 = yes], [AC_DEFINE([HAVE_$1], [1], [$5])])
	AM_CONDITIONAL([HAVE_$1], [test $have_$1 = yes])
	AC_SUBST([$1_CFLAGS])
	AC_SUBST([$1_LIBS])
	lodge_lib_summary="$lodge_lib_summary
  m4_format([%-17s], [$4]) $have_$1 ($5)"
])
