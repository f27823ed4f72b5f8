# SPDX-License-Identifier: GPL-2.0-or-later
# devices.list -> devtable.c: declares each class and lists them all.
BEGIN {
	print "/* Made by devtable.awk from devices.list; do not edit. */"
	print "#include \"config.h\""
	print "#include \"core/device.h\""
	n = 0
}
{ sub(/#.*/, ""); gsub(/[ \t\r]/, "") }
$0 == "" || ($0 in seen) { next }
!/^[A-Za-z_][A-Za-z0-9_]*$/ {
	print "devices.list:" FNR ": not a C name: " $0 > "/dev/stderr"
	bad = 1
	exit 1
}
{ seen[$0] = 1; name[n++] = $0 }
END {
	if (bad) {
		exit 1
	}
	for (i = 0; i < n; i++) {
		print "extern const struct device_class " name[i] ";"
	}
	print "const struct device_class *const device_classes[] = {"
	for (i = 0; i < n; i++) {
		print "\t&" name[i] ","
	}
	print "\tNULL,"
	print "};"
}
