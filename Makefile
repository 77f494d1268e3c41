# The two commands to know: `make repro` and `make test`. Both set up .venv first; only Python 3.11+ and make are needed.
PYTHON ?= python3
# TORCH=cpu: on Linux PyTorch without CUDA, a fraction of the download.
TORCH ?=
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED = $(INSTALL) -c constraints.txt
WITHOUT_CUDA = $(PINNED) --no-deps --retries 1 --index-url https://download.pytorch.org/whl/cpu torch torchvision
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC runs stages in $SHELL, which may be one that nobody can log in to.
export SHELL := /bin/sh

.DEFAULT_GOAL := help
.PHONY: help setup peers repro compare test test-faults test-docs docs lint lock validate benchmark gpu-check generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.done ## create .venv with the pinned packages; TORCH=cpu takes PyTorch without CUDA

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=...")'
	@git rev-parse HEAD > /dev/null || { echo 'DVC needs a git repository with a commit here (git says above what is wrong). An unpacked'; \
	  echo 'archive becomes one by: git init && git add -A && git commit -m start'; exit 1; }
	$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@if [ '$(TORCH)' = cpu ]; then $(WITHOUT_CUDA) || echo 'No PyTorch without CUDA (see above); taking the larger one with CUDA'; fi
	$(PINNED) -e '.[dev]'
	touch $@

repro: setup ## run the whole pipeline of params.yaml and say where its report is
	dvc repro
	@tail -n 1 reports/validation.md
	@echo "report: file://$(CURDIR)/reports/report.html"

compare: setup ## the experiments on this commit side by side: what differs, and by how much
	@python -m studies.compare

test: setup ## run the tests
	python -m pytest

test-faults: setup ## kills, full disks, damaged files, a remote (long; some need root)
	python -m pytest -m faults -s tests/faults

docs: setup ## build docs/ as a site with a search, strictly: broken links fail
	$(PINNED) -e '.[docs]'
	sphinx-build --quiet --fail-on-warning --keep-going -b html -c docs . docs/_build
	@echo "site: file://$(CURDIR)/docs/_build/docs/index.html"

test-docs: setup ## run every command that README and the tutorials show, in a clone of the last commit, after make repro
	python -m tools.walk README.md docs/tutorial-first-run.md docs/tutorial-threshold.md docs/tutorial-own-images.md

lock: setup ## install the newest versions that pyproject.toml allows, and write them into constraints.txt
	$(INSTALL) --upgrade --upgrade-strategy eager -e '.[dev,docs,benchmark]'
	python -m tools.lock

lint: setup ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

validate: setup ## check the expectations of the run in force and of every published experiment, strictly
	python -m stages.validate --strict
	python -m stages.validate --published

peers: setup ## install SpikingJelly, snnTorch and Norse into .venv; `make test` then tests their measurement too
	$(PINNED) -e '.[benchmark]'

benchmark: peers ## this project beside SpikingJelly, snnTorch and Norse
	python -m benchmarks.throughput

gpu-check: ## on a machine with a GPU: kernels, agreement with the CPU, speed, hours that the paper's experiments would take
	$(BIN)/python -m benchmarks.gpu_check

generate: setup ## make dvc.yaml, docs/parameters.md and the picture of the rooms from the code
	python -m tools.dvc_yaml
	python -m tools.parameters_page
	python -m tools.rooms

clean: ## remove what a run makes; the next reads the images anew and takes the rest from DVC's cache if they are the same
	rm -rf runs data/prepared .resume
	cache="$$(dvc cache dir)" && grep -rlsF --null 'python -m stages.prepare' "$$cache/runs" | xargs -0 rm -f
