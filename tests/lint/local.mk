# make lint: LINT_CHECKS="format layers" runs some of the checks only.
lint:
	CC="$(CC)" $(srcdir)/tests/lint/lint.sh $(srcdir) $(builddir)
.PHONY: lint
EXTRA_DIST += tests/lint/lint.sh tests/lint/layers.txt tests/lint/clang-tidy.yaml
EXTRA_DIST += \
	tests/lint/bans.baseline \
	tests/lint/cppcheck.baseline \
	tests/lint/format.baseline \
	tests/lint/headers.baseline \
	tests/lint/layers.baseline \
	tests/lint/tidy.baseline \
	tests/lint/tidy.dirs
