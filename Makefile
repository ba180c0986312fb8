# Each target sets itself up: a virtual environment in .venv, made with the system's Python 3.11 or
# later, and nothing outside this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOR_USE := $(VENV)/.for-use
FOR_DEVELOPMENT := $(VENV)/.for-development
CHECKED := openclaw_locust locustfiles tests benchmarks

.PHONY: demo test lint conformance failures bench bench-truth bench-handshakes bench-ports clean

demo: $(FOR_USE)  ## load the embedded rating server over TLS and print the report
	$(BIN)/locust -f locustfiles/rating.py --demo --users 50 --spawn-rate 25 --run-time 20s \
		--pause 250ms --headless --only-summary --csv reports/demo
	@echo "The report is in reports/demo_report.md, its figures in reports/demo_stats.csv."

test: $(FOR_DEVELOPMENT)  ## run every test
	$(BIN)/python -m pytest

lint: $(FOR_DEVELOPMENT)  ## ruff and mypy
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy

conformance: $(FOR_DEVELOPMENT)  ## the client against the Autobahn testsuite (Python 2.7, docker or podman)
	$(BIN)/python -m tests.conformance.run

failures: $(FOR_DEVELOPMENT)  ## produce every failure class and write docs/failures.md (as root)
	$(BIN)/python -m tests.failures.table

bench: $(FOR_USE)  ## CPU per ack and per connect beside k6, in one run
	$(BIN)/python benchmarks/against_k6.py

bench-truth: $(FOR_USE)  ## a stalled server as we, k6 and plain Locust see it, and as it was
	$(BIN)/python benchmarks/true_distribution.py

bench-handshakes: $(FOR_USE)  ## connects per second and CPU per connect beside wrk and k6
	$(BIN)/python benchmarks/handshakes.py

bench-ports: $(FOR_USE)  ## who runs out of ports (as root, in a network namespace)
	$(BIN)/python benchmarks/port_trap.py

$(VENV)/bin/python:
	@echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)

$(FOR_USE): pyproject.toml | $(VENV)/bin/python
	@echo "Installing openclaw-locust and what it needs into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[server]'
	@touch $@

$(FOR_DEVELOPMENT): pyproject.toml | $(VENV)/bin/python
	@echo "Installing openclaw-locust and its development tools into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(FOR_USE)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
