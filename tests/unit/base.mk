# Unit tests and fuzz targets: see tests/local.mk for the pattern.
