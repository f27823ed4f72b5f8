# make lint: see lint.sh
