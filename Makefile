# make demo: everything, without a board.   make test: what CI runs.   make help lists the rest.
PYTHON ?= python3
VENV := .venv
JOBS ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ASSETS := cloud_broker/web/static/vendor/.ready
TYPINGS := .typings/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench bench-line firmware lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) $(ASSETS) ## environment and front-end files; nothing from apt

$(READY): requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/setup.sh
	@touch $@

$(ASSETS): package-lock.json cloud_broker/web/assets.py $(READY)
	@echo "front-end files (npm)…"
	@$(BIN)/python -m cloud_broker.web.assets
	@touch $@

demo: setup ## broker, cloud, agent and a simulated line; http://127.0.0.1:8000
	@$(BIN)/cloudseat-sim demo

test: setup ## all tests, JOBS=2 at a time, with the system packages they need (apt where it may)
	@sh tools/system_packages.sh
	@$(BIN)/python -m cloud_broker.web.assets --dev
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal

check: setup $(TYPINGS) ## format, lint, types (twice), import directions, mpy-cross
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file mypy-firmware.ini
	@$(BIN)/lint-imports --no-cache | tail -n 3
	@$(BIN)/python tools/build_firmware.py --check

format: setup ## write the format
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

bench: setup ## the figures of docs/BENCHMARKS.md, each a ratio or beside its limit
	@$(BIN)/python -m cloud_broker.web.assets --dev
	@$(BIN)/python -m benchmarks

bench-line: setup ## our ear beside its peers, on the same audio (takes long)
	@$(BIN)/python -m benchmarks.line

firmware: setup ## what a board gets: build/firmware with a manifest of hashes and sizes
	@$(BIN)/python tools/build_firmware.py

lock: setup ## resolve the dependencies anew (names no host)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --group dev --extra install \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock

$(TYPINGS): $(READY)
	@$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --target .typings -r requirements-typings.txt
	@touch $@

clean: ## forget environment, front-end files and build output
	rm -rf $(VENV) .typings node_modules build cloud_broker/web/static/vendor
