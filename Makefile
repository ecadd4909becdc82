# make demo   a first run on generated data: nothing to download but the packages
# make test   the whole test suite
# make lint   style, types and the layers of the house
# make docs   the reference pages, written anew from the code, and the site in site/
# make clean  remove the demo run and the tools' caches (distclean: .venv too)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo

PLUGINS := $(wildcard plugins/*)
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
EDITABLE_PLUGINS := $(foreach plugin,$(PLUGINS),-e ./$(plugin))
TESTED_PLUGINS := $(foreach plugin,$(PLUGINS),-e './$(plugin)[test]')

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs clean distclean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# The stamps make a second call quick; a changed pyproject.toml installs anew.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 10) else "samdomains needs Python 3.10 or newer, $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(PROJECTS) | $(BIN)/python
	$(BIN)/python -m pip install -e . $(EDITABLE_PLUGINS)
	@touch $@

$(VENV)/.installed-dev: $(PROJECTS) | $(BIN)/python
	$(BIN)/python -m pip install -e '.[dev]' $(TESTED_PLUGINS)
	@touch $(VENV)/.installed $@

demo: $(VENV)/.installed
	rm -rf $(DEMO)
	$(BIN)/samdomains run microscopy --out $(DEMO)
	@echo "Report: $(CURDIR)/$(DEMO)/report.html"

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	$(BIN)/python benchmarks/results_page.py --check

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(DEMO) site build dist plugins/*/build plugins/*/dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

distclean: clean
	rm -rf $(VENV)
