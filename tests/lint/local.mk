# make lint: LINT_CHECKS="format layers" runs some of the checks only.
lint:
	CC="$(CC)" $(srcdir)/tests/lint/lint.sh $(srcdir) $(builddir)
.PHONY: lint
EXTRA_DIST += tests/lint/lint.sh tests/lint/layers.txt tests/lint/clang-tidy.yaml
