# Everything a newcomer needs: `make run-scenario` and `make test`, each sets up what it needs.

SCENARIO ?= worker-crash
ARGS ?=
PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# On all cores: these tests keep to virtual time, or to none.
FAST := $(BIN)/pytest -m "not live" -n auto --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup run-scenario test test-fast lint bench clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## Virtual environment, package and coordinators (done by the others when needed)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 3; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -yq python3-venv; } || \
		{ echo "Python's venv is missing; to get it: apt-get install python3-venv" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/harness doctor --install || true
	@touch $@

run-scenario: setup ## Run a scenario on all its approaches: SCENARIO=gc-pause, ARGS="--repeat 3"
	$(BIN)/harness run $(SCENARIO) $(ARGS)

test: setup ## All tests that this machine can run: the fast ones first, then the live ones
	$(FAST)
	$(BIN)/pytest -m live

test-fast: setup ## The tests that start no server and no worker
	$(FAST)

lint: setup ## Style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## What it costs, measured side by side
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

clean: ## Remove what killed runs left behind, the reports, the caches and the environment
	@if [ -x $(BIN)/harness ]; then $(BIN)/harness clean; fi
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find reports -mindepth 1 -maxdepth 1 ! -name baseline -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
