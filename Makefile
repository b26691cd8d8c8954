# The project's commands. Each target's own comment is its help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run test test-all lint types unit integration chaos clients vendor price bench profile load memory wheel image manifests alerts dashboard kubernetes compose hashes audit sbom clean

PYTHON = .venv/bin/python
# Wheels only: no package's own build script runs, and what an index has replaced is refused.
INSTALL_BY_HASH = $(PYTHON) -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes
# All processes of a run share one broker. Most tests wait for a process, so one more than there are processors.
JOBS = $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST_SIDE_BY_SIDE = $(PYTHON) -m pytest --hypothesis-profile=ci --numprocesses $(JOBS) --dist loadgroup
COMPILE_HASHES = .venv-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links --constraint constraints.txt pyproject.toml
# What was given on make's command line of these names, as flags: WITHOUT_IDS=0.2 is --without-ids 0.2
flags = $(foreach name,$(1),$(if $(filter command,$(origin $(name))),--$(shell echo $(name) | tr A-Z_ a-z-) '$($(name))'))

help: ## says what there is
	@echo "make TARGET:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.complete ## .venv with everything at the versions of constraints.txt, and with their hashes

.venv/.complete: pyproject.toml requirements-test.txt
	@python=; for candidate in python3.11 python3.12 python3 python; do \
		if $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then \
			python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or 3.12 is needed, and neither is on the PATH." >&2; exit 2; fi; \
	echo "Setting up .venv with $$($$python --version)"; \
	$$python -m venv .venv
	@$(INSTALL_BY_HASH) --requirement requirements-test.txt
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## the sample archive through the stream to a stand-in AppsFlyer, with a summary
	@$(PYTHON) -m examples.run

test: lint types ## what finds defects often: lint, types, unit, property, real Kafka, end to end; JOBS=1: one by one
	$(PYTEST_SIDE_BY_SIDE)

test-all: lint types ## all that CI runs: `test`, and what seldom fails: image, manifests, compiled wheel, load, upgrade, TLS
	$(PYTEST_SIDE_BY_SIDE) -m "not chaos"

lint: setup ## ruff and the import rule
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/lint-imports --no-cache

types: setup ## mypy, strict, over code and tests
	$(PYTHON) -m mypy

unit: setup ## the tests that need no broker, and those of the pages: a minute
	$(PYTEST_SIDE_BY_SIDE) tests/unit tests/docs

integration: setup ## the tests with real parts: Kafka, processes, sockets
	$(PYTEST_SIDE_BY_SIDE) tests/integration tests/end_to_end

chaos: setup ## the fault scenarios, judged by an oracle, and ten times the examples; CHAOS_KILLS=50 CHAOS_SEED=7 CHAOS_EXAMPLES=5000
	CHAOS_KILLS=$${CHAOS_KILLS:-15} $(PYTHON) -m pytest tests/chaos -q -m "" --hypothesis-profile=thorough
	$(PYTEST_SIDE_BY_SIDE) tests/unit -q -m hypothesis --hypothesis-profile=thorough

clients: setup ## Amplitude's own clients for the tests, into ~/.cache; needs npm, go, mvn with a JDK, and the network
	@$(PYTHON) -m tests.tools.clients

vendor: setup ## the console's script and style sheet, as the lock file beside them says; needs npm and the network
	@$(PYTHON) -m tests.tools.vendor

price: setup ## what ledger, journal and recovery cost, in events per CPU-second
	$(PYTHON) -m tests.tools.bench.price_of_safety

load: setup ## a load test on this machine, with a report: RATE=2000 MINUTES=10 USERS=50000 SLICES=2 …; docs/load.md
	@$(PYTHON) -m tests.tools.load $(call flags,EVENTS MINUTES RATE USERS SKEW SELECTED WITHOUT_IDS BURST BURST_SECONDS SLICES \
		ANSWER_MS ENDPOINT LIMIT ARCHIVE SETTINGS SEED DIRECTORY)

memory: setup ## what remembering users costs, and a start with them: USERS=1000000; HOSTILE=1: peaks over hostile topics
	@$(PYTHON) -m $(if $(HOSTILE),tests.tools.load.hostile $(call flags,DIRECTORY),tests.tools.load.memory \
		$(call flags,USERS EVENTS SELECTED RATE EPOCHS EPOCH_SECONDS DIRECTORY))

bench: .venv/.bench ## this stream, its peers and the limits side by side; EVENTS=200000 ROUNDS=3 ONLY=stream,go
	$(PYTHON) -m tests.tools.bench compare $(call flags,EVENTS USERS ROUNDS ONLY) $(if $(ONLY),,--record)

profile: .venv/.bench ## where the time goes: the budget of each stage, and a flame graph of the stream under load
	$(PYTHON) -m tests.tools.bench stages
	$(PYTHON) -m tests.tools.bench profile

.venv/.bench: .venv/.complete requirements-bench.txt
	@$(INSTALL_BY_HASH) --requirement requirements-bench.txt
	@touch $@

wheel: dist/.wheel ## dist/*.whl with what an event passes through compiled to C; needs a C compiler: docs/performance.md
	@ls dist/*.whl

dist/.wheel: .venv/.complete pyproject.toml $(shell find flows connectors -name '*.py')
	@deploy/build-wheel.sh
	@touch $@

.venv-compiled/.complete: dist/.wheel # for the benchmark; what is in this directory is no part of it
	@rm -rf .venv-compiled && $(PYTHON) -m venv --without-pip .venv-compiled
	@$(PYTHON) -m pip --python .venv-compiled/bin/python install --quiet --disable-pip-version-check \
		--constraint constraints.txt dist/*.whl
	@touch $@

image: ## the container image, with podman or docker; IMAGE=registry.example.com/stream:0.2.0 ENGINE=docker
	@deploy/build-image.sh

manifests: setup ## renders deploy/ and checks it strictly; needs kustomize, kubeconform and kube-score
	@$(PYTHON) -m tests.tools.deploy.manifests

alerts: setup ## sets where the alerts' links lead: RUNBOOK=https://git.example.org/docs/runbook.md
	@$(PYTHON) -m tests.tools.deploy.rules $(RUNBOOK) $(if $(RUNBOOK),,> deploy/monitoring/stream.rules.yaml)

dashboard: setup ## docs/dashboard.svg: the dashboard over a real run with faults; needs prometheus, and Kafka or java and mvn
	@$(PYTHON) -m tests.tools.deploy.picture docs/dashboard.svg

kubernetes: setup ## rolls it out on the cluster of KUBECONFIG, disturbs it, and asks the oracle; needs kubectl
	@$(PYTHON) -m tests.tools.deploy.kubernetes

compose: setup ## starts deploy/compose.yaml with that image, waits for events, and removes it; needs docker compose
	@$(PYTHON) -m tests.tools.deploy.compose

hashes: ## what the image and `make setup` install, with hashes: after a change of constraints.txt; needs the network
	@[ -x $(PYTHON) ] || $(MAKE) setup
	@[ -x .venv-tools/bin/python ] || $(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(COMPILE_HASHES) --extra tls --output-file deploy/requirements.txt >/dev/null
	@$(COMPILE_HASHES) --group test --group editable --output-file requirements-test.txt >/dev/null
	@$(COMPILE_HASHES) --group bench --output-file requirements-bench.txt >/dev/null

audit: .venv-tools/.complete ## the versions of constraints.txt against the known weaknesses; needs the network
	@.venv-tools/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off \
		>.venv-tools/audit.log 2>&1; code=$$?; \
	if grep -qE 'could not be audited|ConnectionError|NameResolution|Max retries|timed out|ServiceError|ProxyError' .venv-tools/audit.log; then \
		echo "No audit: pypi.org, which knows of weaknesses, cannot be asked from here; see .venv-tools/audit.log" >&2; exit 3; fi; \
	cat .venv-tools/audit.log; exit $$code

sbom: setup .venv-tools/.complete ## dist/sbom.json: every package that the image holds, as CycloneDX
	@rm -rf dist/environment && mkdir -p dist && $(PYTHON) -m venv --without-pip dist/environment
	@PIP_CONSTRAINT=constraints.txt $(PYTHON) -m pip --python dist/environment/bin/python install --quiet \
		--disable-pip-version-check --no-compile '.[tls]'
	@.venv-tools/bin/cyclonedx-py environment dist/environment --pyproject pyproject.toml --output-format JSON \
		--output-file dist/sbom.json
	@rm -rf dist/environment
	@echo "dist/sbom.json: $$($(PYTHON) -c 'import json; print(len(json.load(open("dist/sbom.json"))["components"]))') packages"

.venv-tools/.complete: pyproject.toml | setup
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --group tools || \
		{ echo "The tools cannot be installed: is there no network?" >&2; rm -rf .venv-tools; exit 3; }
	@touch $@

clean: ## removes the environment and caches
	rm -rf .venv .venv-tools .venv-compiled .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
