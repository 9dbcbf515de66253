# Every task of the project. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# The first Python that runs and is new enough (a command of that name may be a shim that does not).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
BIN := .venv/bin
# A platform is many processes: each would compile all modules again where this forbids to keep them (images do).
export PYTHONDONTWRITEBYTECODE :=
# One test process more than CI has cores: tests wait for disks and processes too. The order is conftest's.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help start test test-external test-soak lint types floors fmt check sim sim-scheduler bench \
	bench-federation bench-telemetry bench-scheduler soak lock clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

start: .venv/runtime ## Run the whole platform on the embedded PostgreSQL (LAMINA_DATA_DIR, LAMINA_PORT_OFFSET)
	$(BIN)/lamina up

test: .venv/dev ## Run all tests on the embedded PostgreSQL
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-external: .venv/dev ## Run the tests that reach the database on an external PostgreSQL 15+ (LAMINA_TEST_DSN, else Debian's is started)
	$(BIN)/python -m tests.external $(PYTEST_ARGS)

test-soak: .venv/dev ## Run the tests that take minutes: failover after failover (LAMINA_KILLS)
	$(BIN)/python -m pytest -m soak -s

lint: .venv/dev ## Style and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev ## Types, strict
	$(BIN)/basedpyright

floors: .venv/dev ## Import rules between the rooms
	$(BIN)/lint-imports

fmt: .venv/dev ## Format and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint types floors test ## Everything a change must pass

sim: .venv/dev ## Simulate federation and scheduler: SEED=n replays one seed of the federation, else 200 and 500 seeds (SIM_ARGS)
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(SIM_ARGS)
	$(if $(SEED)$(SIM_ARGS),,$(BIN)/python -m tests.simulation.scheduler)

sim-scheduler: .venv/dev ## Simulate the scheduler: SEED=n replays one seed, else 500 seeds (SIM_ARGS, see --help)
	$(BIN)/python -m tests.simulation.scheduler $(if $(SEED),--seed $(SEED)) $(SIM_ARGS)

bench: .venv/dev ## Measure the ledger against its floor; writes docs/benchmarks.md
	$(BIN)/python -m bench.ledger

bench-federation: .venv/dev ## Measure federations of 1, 2 and 4 nodes beside one on its own; writes docs/benchmarks.md
	$(BIN)/python -m bench.federation

bench-telemetry: .venv/dev ## Measure telemetry beside its floor, and over a long history; writes docs/benchmarks.md
	$(BIN)/python -m bench.telemetry --history

bench-scheduler: .venv/dev ## Measure the scheduler beside the signing rate of the same cores; writes docs/benchmarks.md
	$(BIN)/python -m bench.scheduler

soak: .venv/dev ## Half load for 30 minutes; memory must stay flat
	$(BIN)/python -m bench.ledger.soak

lock: ## Resolve dependencies anew into the lock files (needs uv)
	uv pip compile pyproject.toml --group build --universal --generate-hashes --no-header --no-annotate -q -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock

clean: ## Remove the environment and caches; data directories are left alone
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache build dist

# The environment, exactly as locked. Each stamp stands for "installed from this lock file".
.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lamina needs Python 3.11 or newer. If it is installed elsewhere: make PYTHON=/path/to/python3 start"; exit 1; }
	$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "This Python cannot make environments. On Debian: apt install python3-venv"; exit 1; }

.venv/runtime: requirements.lock pyproject.toml | .venv/pyvenv.cfg
	@if [ -f .venv/dev ] && [ .venv/dev -nt requirements.lock ]; then :; else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml | .venv/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
