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
# Each worker has PostgreSQL servers of its own. One more than there are processors: tests wait for the programs that they
# start. Worksteal keeps neighbours together, and their fixtures, until a worker has nothing left to do. (Not loadgroup:
# xdist 3.8 groups nothing under pytest 9.2, and doesn't say so.)
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := $(BIN)/pytest --numprocesses=$(WORKERS) --maxprocesses=4 --dist=worksteal
ARGS ?=
SELECT ?=
# dbt's parse of the project, made at set-up: a first build of gold begins with it. A set-up of before has made none, and
# dbt would take the name of a file that isn't there for a mistake.
PARSED := $(abspath $(VENV))/parsed/partial_parse.msgpack
run replay bench: export DBT_PARTIAL_PARSE_FILE_PATH = $(wildcard $(PARSED))

.PHONY: help
help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9_-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run
.PHONY: run dashboard replay status doctor
run: $(VENV)/local ## Real prices through bronze, silver and gold (ARGS="--tickers AAPL,IBM")
	@$(BIN)/stocks run --output text $(ARGS)

dashboard: $(VENV)/dashboard ## Look at gold in the browser (ARGS="--server.port 8600")
	@$(BIN)/stocks env --role reader -- streamlit run dashboard/src/stocks_dashboard/app.py $(ARGS)

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

##@ Cluster: kind with Argo Workflows (docs/cluster.md)
# Variables of `up`, `down` and `mtu`; tools/cluster reads them.
export CLUSTER PROVIDER KIND_NODE_IMAGE ARGO_MANIFEST OFFLINE VALUES MTU
KUBECTL = kubectl --context kind-$(or $(CLUSTER),stocks) --namespace stocks
ARGO = argo --context kind-$(or $(CLUSTER),stocks) --namespace stocks

.PHONY: up down mtu submit logs ui dashboard-forward e2e
up: | $(VENV)/bin/python ## Bring the platform up on a local cluster (PROVIDER=podman, OFFLINE=1, MTU=1400)
	@$(BIN)/python -m tools.cluster up

down: | $(VENV)/bin/python ## Take away what `make up` made, data included
	@$(BIN)/python -m tools.cluster down

mtu: | $(VENV)/bin/python ## Check every hop from this machine to a pod
	@$(BIN)/python -m tools.cluster mtu

submit: ## Fetch prices in the cluster and watch (ARGS="-p tickers=IBM,AAPL -p batch-size=10")
	@$(ARGO) submit --from workflowtemplate/stocks-ingest --watch $(ARGS)

logs: ## Logs of the newest workflow (ARGS=name for another), also of steps without pods while it runs
	@$(ARGO) logs $(or $(ARGS),@latest) --selector 'workflows.argoproj.io/component!=agent'
	@$(ARGO) logs $(or $(ARGS),@latest) --selector workflows.argoproj.io/component=agent --container worker

ui: ## Argo's UI on https://localhost:2746, and a token that may look but not touch
	@echo "Open https://localhost:2746 and log in with:"; echo "Bearer $$($(KUBECTL) create token stocks-argo-ui)"
	@$(KUBECTL) --namespace argo port-forward service/argo-server 2746:2746

dashboard-forward: ## The dashboard on http://localhost:8501
	@$(KUBECTL) port-forward service/dashboard 8501:8501

e2e: $(VENV)/dev ## Run the pipeline in the cluster that kubectl talks to, and check gold
	@STOCKS_TEST_CLUSTER=1 $(BIN)/pytest tests/e2e $(ARGS)

##@ Release (docs/release.md)
.PHONY: release release-login release-page
STAGES ?= wheels images charts sign verify
# Variables of tools/release.py.
export REGISTRY PLATFORMS TAG COSIGN_KEY COSIGN_PUBLIC_KEY COSIGN_IDENTITY
release: $(VENV)/dev ## Build, push, sign and verify wheels, images and charts (REGISTRY=127.0.0.1:5055 COSIGN_KEY=…)
	@$(BIN)/python -m tools.release $(STAGES)

release-login: ## Log Docker and Helm in to REGISTRY, as REGISTRY_USER with REGISTRY_TOKEN
	@for program in docker "helm registry"; do printf '%s' "$$REGISTRY_TOKEN" | \
	  $$program login --username "$$REGISTRY_USER" --password-stdin "$${REGISTRY%%/*}"; done

release-page: ## Make the release's page on GitHub for TAG, with what is in dist/
	@gh release create "$$TAG" --verify-tag --generate-notes dist/*.whl dist/*.sigstore.json dist/*.tgz dist/release.json

##@ Develop
.PHONY: test format check generate lock assets docs ci coverage audit advisories bench audit-mem clean
test: $(VENV)/dev ## All tests (ARGS="-k silver")
	@$(PYTEST) $(ARGS)

format: $(VENV)/dev ## Format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

check: $(VENV)/dev ## Format, lint, types, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/sqlfluff lint --nocolor dbt/models dbt/tests dbt/macros
	$(BIN)/python tools/exchange_holidays.py --check
	$(BIN)/python -m stocks_workflows --check
	$(BIN)/python tools/pictures.py --check
	$(BIN)/python tools/lock.py --check
	$(BIN)/python tools/assets.py --check

generate: $(VENV)/dev ## Write the generated files again
	$(BIN)/python tools/exchange_holidays.py
	$(BIN)/python -m stocks_workflows
	$(BIN)/python tools/pictures.py

lock: $(VENV)/dev ## Compile requirements/*.txt again (ARGS=--upgrade)
	$(BIN)/python tools/lock.py $(ARGS)

assets: $(VENV)/dev ## Fetch the dashboard's chart library again, as tools/assets.py locks it (needs npm)
	$(BIN)/python tools/assets.py

docs: $(VENV)/docs ## Build the site of docs/ into site/, and fail at what it warns of
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict $(ARGS)

ci: check docs test ## What CI runs; .ci/run adds what needs a cluster

coverage: $(VENV)/dev ## All tests, measured; tracing what they start takes half as long again
	$(PYTEST) --cov --cov-report=term $(ARGS)

# Programs in Go are pinned here; Go compares what it fetches with the public checksum database.
GITLEAKS ?= go run github.com/zricethezav/gitleaks/v8@v8.30.1
ACTIONLINT ?= go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
KUBE_SCORE ?= go run github.com/zegl/kube-score/cmd/kube-score@v1.20.0
# What kube-score is told to pass over, in this order: tags are pinned, and offline clusters load images; open (SECURITY.md);
# PostgreSQL's image has users of its own; one question tells both; one pod behind a Service needs no headless one; Argo makes
# the pods; the value `replicas` says how many. And a limit of processors would slow down what has them to itself.
KUBE_SCORE_IGNORED := container-image-pull-policy container-ephemeral-storage-request-and-limit \
  container-security-context-user-group-id pod-probes-identical statefulset-has-servicename networkpolicy-targets-pod \
  deployment-replicas
# Of the one that is left out, policies are off by its own value.
KUBE_SCORE_SCENARIOS = $(filter-out %/existing-values.yaml,$(wildcard charts/stocks/ci/*-values.yaml))

audit: $(VENV)/audit ## Look for secrets in tree and history, and for faults of workflows, Dockerfiles and charts (Go, Helm)
	$(BIN)/zizmor --offline --quiet .github
	$(ACTIONLINT)
	$(BIN)/hadolint --no-color images/*/Dockerfile
	$(GITLEAKS) git --no-banner --redact --verbose .
	for values in $(KUBE_SCORE_SCENARIOS); do \
	  PATH=$$PATH:$${K8S_BIN:-/opt/k8s/bin} helm template stocks charts/stocks --namespace stocks --kube-version 1.34.0 \
	    --values $$values 2> >(grep -v "found symbolic link" >&2) | \
	  $(KUBE_SCORE) score --ignore-container-cpu-limit $(KUBE_SCORE_IGNORED:%=--ignore-test %) --output-format ci - | \
	  { ! grep -E '^\[(CRITICAL|WARNING)\]' | sed "s,^,$$values: ,"; }; done

advisories: $(VENV)/audit ## Ask PyPI what is known against the versions that are locked
	for lock in requirements/*.txt; do $(BIN)/pip-audit --strict --progress-spinner off --disable-pip --require-hashes --requirement $$lock; done

bench: $(VENV)/bench ## A day's work beside what it is measured against (ARGS="curve", "factors", "sample", "memory")
	@$(BIN)/python -m tools.bench $(ARGS)

audit-mem: $(VENV)/bench ## Peak memory and time of each stage in Polars, pandas and DuckDB (ARGS="--svg FILE")
	@$(BIN)/python -m tools.bench.audit_mem $(ARGS)

clean: ## Remove .venv and caches; .state, which holds your data, stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* dbt/target dbt/logs site

# Set-up: the targets above make these when they need them.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	  echo "Install it, or name another: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu, apt-get install python3-venv." >&2; exit 1; }

# Each stamp is newer than what it was made from; a changed lock installs again.
$(VENV)/local: requirements/local.txt images/dbt/pyproject.toml images/pipeline/pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the pipeline needs, from requirements/local.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/local.txt
	@$(PIP) install --no-deps --no-build-isolation --editable images/dbt --editable images/pipeline
	@PGHOST=127.0.0.1 PGPORT=5432 PGUSER=stocks_owner PGDATABASE=stocks STOCKS_GOLD_SCHEMA=gold_next \
	  $(BIN)/dbt --quiet parse --no-version-check --no-send-anonymous-usage-stats --project-dir dbt --profiles-dir dbt \
	  --target-path $(dir $(PARSED)) --log-path $(dir $(PARSED))
	@touch $@

$(VENV)/dashboard: requirements/dashboard.txt dashboard/pyproject.toml $(VENV)/local
	@echo "Installing what the dashboard needs, from requirements/dashboard.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/dashboard.txt
	@$(PIP) install --no-deps --no-build-isolation --editable dashboard
	@touch $@

$(VENV)/workflows: requirements/workflows.txt workflows/pyproject.toml $(VENV)/local
	@echo "Installing what renders the workflows, from requirements/workflows.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/workflows.txt
	@$(PIP) install --no-deps --no-build-isolation --editable workflows
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/dashboard $(VENV)/workflows
	@echo "Installing what the tests need, from requirements/dev.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/audit: requirements/audit.txt | $(VENV)/bin/python
	@echo "Installing what looks for faults, from requirements/audit.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/audit.txt
	@touch $@

$(VENV)/docs: requirements/docs.txt $(VENV)/local
	@echo "Installing what builds the site, from requirements/docs.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/docs.txt
	@touch $@

$(VENV)/bench: requirements/bench.txt $(VENV)/dev
	@echo "Installing what the benchmarks compare with, from requirements/bench.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/bench.txt
	@touch $@
