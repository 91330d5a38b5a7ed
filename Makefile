# Everything a newcomer needs: `make run-scenario` and `make test`, each sets up what it needs.

SCENARIO ?= worker-crash
ARGS ?=
PYTHON ?= python3
# What our own CI guards: these in simulation, against reports/baseline, and one of them live.
GATED := worker-crash gc-pause network-partition
GATED_LIVE := worker-crash
GATE_TRIALS := --runtime sim --repeat 60 --histories failing

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
HARNESS := $(BIN)/harness
# On all cores: these tests keep to virtual time, or to none.
FAST := $(BIN)/pytest -m "not live and not browser and not commands and not scenarios" -n auto --dist loadfile
# A run that found a violation (1) or an invalid trial (4) is still one that is to be judged.
JUDGED := case $$? in 0|1|4) ;; *) exit 1 ;; esac

.DEFAULT_GOAL := help
.PHONY: help setup run-scenario compare gate baseline test oracle test-fast test-browser browser lint bench clean

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
	$(HARNESS) run $(SCENARIO) $(ARGS)

compare: setup ## All scenarios, and one page over them: ARGS="--runtime sim --repeat 100"
	@out=reports/compare-$$(date +%Y%m%d-%H%M%S); \
	for scenario in scenarios/*.yaml; do \
		$(HARNESS) run $$scenario $(ARGS) --out $$out/$$(basename $$scenario .yaml) || $(JUDGED); \
	done; \
	$(HARNESS) compare $$out/* --out $$out

gate: setup ## Is anything worse than reports/baseline says? In simulation, and a little of it live
	@rm -rf reports/gate
	@for scenario in $(GATED); do \
		$(HARNESS) run $$scenario $(GATE_TRIALS) --out reports/gate/sim/$$scenario >/dev/null || $(JUDGED); \
	done
	$(HARNESS) gate reports/gate/sim/* --baseline reports/baseline/sim.json --junit reports/gate/sim.xml
	@for scenario in $(GATED_LIVE); do \
		$(HARNESS) run $$scenario --out reports/gate/live/$$scenario >/dev/null || $(JUDGED); \
	done
	$(HARNESS) gate reports/gate/live/* --junit reports/gate/live.xml

baseline: setup ## What is measured now is what `make gate` asks for from now on
	@rm -rf reports/gate/baseline
	@for scenario in $(GATED); do \
		$(HARNESS) run $$scenario $(GATE_TRIALS) --out reports/gate/baseline/$$scenario >/dev/null || $(JUDGED); \
	done
	$(HARNESS) baseline reports/gate/baseline/* --out reports/baseline/sim.json

test: setup ## All tests that this machine can run: the fast ones first, the live ones last
	$(FAST)
	$(BIN)/pytest -m "browser or commands or scenarios" -n auto --dist loadfile
	$(BIN)/pytest -m live -n 3 --dist loadfile

oracle: setup ## What theory says, live with every approach: half an hour
	HARNESS_ORACLE=all $(BIN)/pytest -m live tests/oracle

test-fast: setup ## The tests that start no server, no worker and no browser
	$(FAST)

test-browser: setup browser ## The report in a real browser, which is installed if need be
	$(BIN)/pytest -m browser

browser: setup
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -yq chromium; } || \
		$(BIN)/playwright install chromium || \
		echo "No browser; to get one: apt-get install chromium" >&2

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
