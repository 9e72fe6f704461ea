# Everything a developer runs. `make help` lists it; every target brings along what it needs, below .venv and .build.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
CONFIG ?= novacenter.yml
ARGS ?=
JOBS ?= auto

BIN := $(VENV)/bin
VCSIM := $(wildcard tests/vcsim/*.go)
EXTERNALS := .build/vcsim-classic .build/vcsim-current .build/prometheus .build/alertmanager .build/postgres .build/vmware_exporter/.complete

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.product ## run the whole agent against the embedded simulator; Ctrl-C ends it (ARGS="--for 60s")
	$(BIN)/novacenter demo $(ARGS)

.PHONY: stack
stack: $(VENV)/.product .build/prometheus .build/alertmanager ## demo agent, Prometheus and Alertmanager on loopback; Ctrl-C ends them
	@$(BIN)/python tools/stack.py $(ARGS)

.PHONY: run
run: $(VENV)/.product ## run the agent (CONFIG=novacenter.yml)
	$(BIN)/novacenter run --config $(CONFIG) $(ARGS)

.PHONY: test
test: $(VENV)/.dev externals ## run all tests (ARGS="-k decode" JOBS=0)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal $(ARGS)

.PHONY: check
check: $(VENV)/.dev .build/prometheus .build/alertmanager .build/pint ## linters, types, import contracts, spelling, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	tools/check-expositions.sh tests/golden
	tools/check-rules.sh
	$(BIN)/python tools/write_deploy.py --check
	$(BIN)/python tools/write_docs.py --check
	tools/check-dashboards.sh

.PHONY: openstack-up
openstack-up: | $(VENV)/bin/python ## start a real OpenStack on loopback (root, Debian 12)
	tests/e2e/openstack/up.sh

.PHONY: openstack-down
openstack-down: ## stop it (ARGS=--wipe forgets its data)
	tests/e2e/openstack/down.sh $(ARGS)

.PHONY: test-openstack
test-openstack: $(VENV)/.dev ## start it, run the tests against it, stop it
	trap 'tests/e2e/openstack/down.sh >.build/openstack-down.log 2>&1' EXIT; tests/e2e/openstack/up.sh && \
	NOVACENTER_REQUIRE_OPENSTACK=1 $(BIN)/python -m pytest tests/e2e/openstack $(ARGS)

.PHONY: fix
fix: $(VENV)/.dev ## repair what linters and formatter can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: golden
golden: $(VENV)/.dev externals ## rewrite tests/golden from the actual output; read the diff
	$(BIN)/python -m pytest --update-golden $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev externals ## measure speed and print the ratios (bench/latest.json)
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

.PHONY: faults
faults: $(VENV)/.dev .build/prometheus .build/alertmanager ## faults until they are alerts, and over, in real time (half an hour)
	$(BIN)/python -m pytest tests/e2e/test_faults_seen.py --faults-factor 1 $(ARGS)
	@cat .build/faults-1.md

.PHONY: docs
docs: $(VENV)/.dev ## write docs/METRICS.md from the catalogue
	$(BIN)/python tools/write_docs.py

.PHONY: rules
rules: $(VENV)/.product ## write alerts/*.rules.yml from thresholds and policy
	$(BIN)/novacenter rules --output alerts
	$(BIN)/python tools/write_deploy.py

.PHONY: dashboards
dashboards: $(VENV)/.dev ## write dashboards/*.json
	$(BIN)/python -m tools.dashboards

.PHONY: image
image: ## build the container image novacenter
	docker build --tag novacenter .

.PHONY: clean
clean: ## remove everything that was built or installed here
	if [ -d .build/openstack ]; then tests/e2e/openstack/down.sh; fi
	rm -rf .build $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find exporter sla simulator tests tools -name __pycache__ -prune -exec rm -rf {} +

.PHONY: venv
venv: $(VENV)/.dev ## install the product and the developer's tools into .venv

.PHONY: externals
externals: $(EXTERNALS) ## build or fetch the programs that tests talk to

.PHONY: vcsim
vcsim: .build/vcsim-classic .build/vcsim-current ## build the two vCenter simulators alone

.PHONY: versions
versions: $(VENV)/.dev externals ## say which versions are in use
	@$(BIN)/python --version
	@$(BIN)/python -m pip list --format=freeze --exclude-editable
	@tools/go.sh version
	@PATH=".build/prometheus/usr/bin:$$PATH" promtool --version | head -n 1
	@.build/alertmanager/alertmanager --version 2>&1 | head -n 1
	@.build/postgres/bin/postgres --version

# --- how each is made -------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	tools/venv.sh $(VENV)

$(VENV)/.product: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(VENV)/.product $@

.build/vcsim-classic: $(VCSIM) tests/vcsim/classic.mod tests/vcsim/classic.sum tools/go.sh | $(VENV)/bin/python
	cd tests/vcsim && ../../tools/go.sh build -modfile=classic.mod -tags=classic -o ../../$@ .

.build/vcsim-current: $(VCSIM) tests/vcsim/go.mod tests/vcsim/go.sum tools/go.sh | $(VENV)/bin/python
	cd tests/vcsim && ../../tools/go.sh build -o ../../$@ .

.build/prometheus: tools/prometheus.sh
	tools/prometheus.sh $@
	touch $@

.build/alertmanager: tools/alertmanager.sh
	tools/alertmanager.sh $@
	touch $@

.build/pint: tools/pint.sh tools/pint/go.mod tools/pint/go.sum tools/go.sh | $(VENV)/bin/python
	tools/pint.sh $@

.build/postgres: tools/postgres.sh
	tools/postgres.sh $@
	touch $@

.build/vmware_exporter/.complete: tools/vmware-exporter.txt | $(VENV)/bin/python
	$(BIN)/python -m venv --clear .build/vmware_exporter
	.build/vmware_exporter/bin/python -m pip install --quiet --requirement $<
	touch $@
