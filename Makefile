# Everything a person does here. `make` or `make help` prints this list from the comments behind the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
SELECT ?=

.PHONY: help
help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9_-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run
.PHONY: run replay status doctor
run: $(VENV)/local ## Real prices through bronze, silver and gold (ARGS="--tickers AAPL,IBM")
	@$(BIN)/stocks run --output text $(ARGS)

replay: $(VENV)/local ## Silver and gold again from bronze, no request (ARGS="--as-of 2005-02-25")
	@$(BIN)/stocks replay --output text $(ARGS)

status: $(VENV)/local ## Last runs, freshness, data quality, request budget
	@$(BIN)/stocks status --output text

doctor: $(VENV)/local ## Check settings, store, warehouse and provider
	@$(BIN)/stocks doctor --output text

##@ dbt, on the embedded warehouse
.PHONY: dbt-run dbt-test dbt-docs
dbt-run: $(VENV)/local ## Build models in place (SELECT=dim_stock)
	@$(BIN)/stocks env -- dbt run $(if $(SELECT),--select $(SELECT)) $(ARGS)

dbt-test: $(VENV)/local ## Run dbt's tests on what is there (SELECT=dim_stock)
	@$(BIN)/stocks env -- dbt test $(if $(SELECT),--select $(SELECT)) $(ARGS)

dbt-docs: $(VENV)/local ## Write dbt's documentation to dbt/target/index.html
	@$(BIN)/stocks env -- dbt docs generate --static $(if $(SELECT),--select $(SELECT)) $(ARGS)
	@echo "Open dbt/target/static_index.html"

##@ Develop
.PHONY: test format check generate lock ci clean
test: $(VENV)/dev ## All tests (ARGS="-k silver")
	@$(BIN)/pytest $(ARGS)

format: $(VENV)/dev ## Format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

check: $(VENV)/dev ## Format, lint, types, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/exchange_holidays.py --check
	$(BIN)/python tools/check_locks.py

generate: $(VENV)/dev ## Write the generated files again
	$(BIN)/python tools/exchange_holidays.py

lock: $(VENV)/dev ## Compile requirements/*.txt again (ARGS=--upgrade)
	$(BIN)/python tools/lock.py $(ARGS)

ci: check ## Exactly what CI runs
	$(BIN)/pytest --cov --cov-report=term

clean: ## Remove .venv and caches; .state, which holds your data, stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* dbt/target dbt/logs

# Set-up: the targets above make these when they need them.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	  echo "Install it, or name another: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu, apt-get install python3-venv." >&2; exit 1; }

# Each stamp is newer than what it was made from; a changed lock installs again.
$(VENV)/local: requirements/local.txt images/pipeline/pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the pipeline needs, from requirements/local.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/local.txt
	@$(PIP) install --no-deps --no-build-isolation --editable images/pipeline
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/local
	@echo "Installing what the tests need, from requirements/dev.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	@touch $@
