# Every target makes what it needs: `make demo` and `make test` work on a machine that has only Python 3.11 or newer.
# An interpreter can be named: make test PYTHON=/usr/bin/python3.12

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3 python; do $$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)
BUDGET ?= 2m
PY := .venv/bin/python
TESTS := OMP_NUM_THREADS=1 MPLBACKEND=agg $(PY) -m pytest -n 2 $(PYTEST_FLAGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow format lint types docs wheel clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: .venv/.has-data        ## train a DCGAN on real handwritten digits for two minutes
	.venv/bin/saddle train dcgan --data mnist --budget $(BUDGET)
	@echo


test: .venv/.has-dev         ## the fast tests and every example in a docstring
	$(TESTS) -m "not slow"

test-slow: .venv/.has-dev    ## the tests that take longer
	$(TESTS) -m slow tests

format: .venv/.has-dev       ## lay the code out
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

lint: .venv/.has-dev         ## layout and lint
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: .venv/.has-dev        ## type check
	$(PY) -m mypy

docs: .venv/.has-docs        ## build the site into site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

wheel: .venv/.has-dev        ## build the wheel into dist/
	$(PY) -m build --wheel

clean:                       ## remove what make made (.venv and runs/ stay)
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

# .venv/.has-EXTRA stands for "installed with that extra"; a change of the requirements installs again.
.venv/.has-%: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -c constraints.txt -e ".[$*]"
	@touch $@

.PRECIOUS: .venv/.has-%

$(PY):
	@test -n "$(PYTHON)" || { echo "saddle needs Python 3.11 or newer; name it with make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Making .venv and installing into it: a few minutes, once"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; $(ADD_VENV) && $(PYTHON) -m venv .venv; }

# Debian packs the venv module apart. Root, as in a container, adds it; anybody else is told.
ADD_VENV = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update && apt-get install -y python3-venv; \
  else echo "python3 -m venv does not work here; on Debian and Ubuntu: sudo apt-get install python3-venv"; exit 2; fi
