# make demo: from nothing to a trained, quantized, evaluated detector and its report.
# make test: from nothing to a green test run.
# make docs: the documentation as a site, for any browser, without a network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test device pages lint docs package lock clean

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

# Tests that need programs which pip does not install: skipped where these are missing.
device: setup
	$(BIN)/python -m pytest -m device

# Site, report and workbench in a browser (Chromium; with axe-core, npm install axe-core, also
# whether they bar anybody).
pages: setup
	$(BIN)/python -m pytest -m device tests/docs tests/report tests/workbench

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/site
	@echo "Open build/site/docs/index.html"

# The wheel and the sdist, and the wheel at work in an empty environment.
package: setup
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python .ci/check_package.py dist

# constraints.txt from the versions installed here: for all Pythons and systems, changed only where
# it must be (needs uv).
lock: setup
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt
	uv pip compile --quiet --universal --python-version 3.10 --all-extras --no-annotate --no-header pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV)
