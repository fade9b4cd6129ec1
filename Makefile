# make demo: from nothing to a trained, quantized, evaluated detector and its report.
# make test: from nothing to a green test run.
# make docs: the documentation as a site, for any browser, without a network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test lint docs clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "tinydet needs Python 3.10 or newer: make PYTHON=python3.x ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/tinydet demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not device"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/site
	@echo "Open build/site/docs/index.html"

clean:
	rm -rf $(VENV)
