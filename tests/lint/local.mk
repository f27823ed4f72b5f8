#: lint          what a machine checks of our rules; LINT_CHECKS="format layers": only these
#: format        clang-format over the files that lint looks at
lint:
	CC="$(CC)" $(srcdir)/tests/lint/lint.sh $(srcdir) $(builddir)
format:
	LINT_CHECKS=reformat $(srcdir)/tests/lint/lint.sh $(srcdir) $(builddir)
.PHONY: lint format
EXTRA_DIST += tests/lint/lint.sh tests/lint/layers.txt tests/lint/clang-tidy.yaml
EXTRA_DIST += \
	tests/lint/tidy.baseline \
	tests/lint/tidy.dirs
