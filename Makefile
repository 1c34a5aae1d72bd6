# One command for each thing people do with this repository. `make help` lists them.
#
# Needs Python 3.11, make and a C compiler; the rest is installed into .venv. Give another
# interpreter with PYTHON=..., and another source of wheels with TORCH_INDEX=..., as in
#   make install TORCH_INDEX=https://download.pytorch.org/whl/cpu
# which takes PyTorch's CPU build from PyTorch itself: some 200 MB instead of 2 GB with CUDA.

PYTHON ?= $(shell python3.11 -c 'print("python3.11")' 2>/dev/null || echo python3)
TORCH_INDEX ?=
CASCADE ?= log_analysis
NAME ?=
DATA ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# Peers that a benchmark measures us against; nothing else needs them.
BENCH_INSTALLED := $(VENV)/installed-bench
# The stub generator needs an older protobuf than the package runs with: it lives by itself.
PROTOS_VENV := .venv-protos
PROTOS_INSTALLED := $(PROTOS_VENV)/installed
BENCHMARKS := $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/*.py))

# pip up to 25.2 reads the first name for build environments too, later ones the second. They
# stay relative: pip splits them at spaces, and the path of a checkout may have some.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check lint lint-python lint-stubs lint-docs format protos docs \
	test-demos chaos-batch bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-11s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) ## Install the package and its tools into .venv

demo: $(INSTALLED) ## Fit, serve and call a cascade on its sample: CASCADE=log_analysis
	$(BIN)/python cascades/demo.py $(CASCADE)

test: $(INSTALLED) ## Run all tests
	$(BIN)/pytest --ignore=tests/demos

check: lint ## Run lint and the fast tests
	$(BIN)/pytest -m "not slow and not ray"

lint: lint-python lint-stubs lint-docs ## Check style, types, floors, contract and generated files

format: $(INSTALLED) ## Rewrite the Python files in the house format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

protos: $(PROTOS_INSTALLED) ## Generate services/headgate/v1 from protos/
	rm -f services/headgate/v1/*_pb2*.py services/headgate/v1/*_pb2.pyi
	$(call generate_stubs,services)

docs: $(INSTALLED) ## Generate the reference of the cascade file, the manifests and the dashboard
	$(BIN)/python -m headgate.cascade.reference docs
	$(BIN)/python -m headgate.serving.cluster.kubernetes
	$(BIN)/python -m headgate.serving.metrics.dashboards deploy/grafana

test-demos: $(INSTALLED) ## Run the demonstrations of all samples; `make test` runs the first alone
	$(BIN)/pytest tests/demos tests/integration/test_demo.py

chaos-batch: $(INSTALLED) ## Kill a batch job at 20 random moments and compare what comes out
	PYTHONPATH=tests $(BIN)/python tests/chaos/batch_kill.py

bench: $(BENCH_INSTALLED) ## Run a program of benchmarks/: NAME=... DATA=...
	$(if $(filter $(NAME),$(BENCHMARKS)),,$(error Say which benchmark, as in \
	make bench NAME=NAME DATA=DIRECTORY. There are: $(or $(BENCHMARKS),none yet)))
	$(BIN)/python -P benchmarks/$(NAME).py $(if $(DATA),--data "$(DATA)")

clean: ## Delete environments and caches; fitted artifacts stay
	rm -rf $(VENV) $(PROTOS_VENV) dist .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find cascades services tests -name __pycache__ -type d -prune -exec rm -rf {} +

lint-python: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-stubs: $(INSTALLED) $(PROTOS_INSTALLED)
	cd protos && ../$(BIN)/buf lint
	rm -rf $(VENV)/stubs
	mkdir $(VENV)/stubs
	$(call generate_stubs,$(VENV)/stubs)
	@diff -r -x __pycache__ -x __init__.py $(VENV)/stubs/headgate/v1 services/headgate/v1 \
		|| { echo "services/headgate/v1 is not current. Run: make protos"; exit 1; }
	$(BIN)/python -W error -c '$(import_stubs)'

lint-docs: $(INSTALLED)
	rm -rf $(VENV)/docs
	mkdir $(VENV)/docs
	$(BIN)/python -m headgate.cascade.reference $(VENV)/docs
	@for page in $(VENV)/docs/*; do \
		diff "$$page" "docs/$${page##*/}" \
			|| { echo "docs/$${page##*/} is not current. Run: make docs"; exit 1; }; \
	done

# The first argument is the source root that headgate/v1 is written under.
define generate_stubs
$(PROTOS_VENV)/bin/python -m grpc_tools.protoc -I protos \
		--python_out=$(1) --pyi_out=$(1) protos/headgate/v1/*.proto
	$(PROTOS_VENV)/bin/python -m grpc_tools.protoc -I protos \
		--grpc_python_out=$(1) protos/headgate/v1/*_service.proto
endef

define import_stubs
import importlib, pkgutil, headgate.v1 as v1; \
[importlib.import_module("headgate.v1." + stub.name) for stub in pkgutil.iter_modules(v1.__path__)]
endef

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		--editable '.[server,dev]'
	touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --editable '.[bench]'
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Headgate needs Python 3.11. Give it with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(PROTOS_INSTALLED): export PIP_CONSTRAINT := protos/requirements.txt
$(PROTOS_INSTALLED): protos/requirements.txt | $(BIN)/python
	$(BIN)/python -m venv $(PROTOS_VENV)
	$(PROTOS_VENV)/bin/python -m pip install --requirement protos/requirements.txt
	touch $@
