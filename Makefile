# `make demo` and `make test` are all the set-up there is: they make their own environment in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-system check docs format bench chaos simulate-faults proto reference lock clean

demo: $(INSTALLED)
	$(BIN)/difpeer demo

# Units and paper first: they are quick, and what fails there explains what fails later.
test: $(INSTALLED)
	$(BIN)/pytest -n 2 --dist loadfile -m "not long and not system" tests

# In a browser: Debian's chromium, which the tests start without a screen and without a network.
test-system: $(INSTALLED)
	@$(BIN)/python -m tools.browser
	$(BIN)/pytest -v -m system tests/system

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_proto.py --check
	$(BIN)/python tools/generate_reference.py --check
	$(MAKE) docs

# Into build/docs; every warning is an error.
docs: $(INSTALLED)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)
	$(BIN)/python benchmarks/adapt.py
	$(BIN)/python benchmarks/round.py
	$(BIN)/python benchmarks/checkpoint.py
	$(BIN)/python benchmarks/simulate.py

# Real processes, killed at 12 failpoints (144 cases) and at random moments, stopped, frozen, cut off: half an hour.
chaos: $(INSTALLED)
	$(BIN)/pytest -v -n 2 --dist loadgroup tests/chaos/campaign_failpoints.py tests/chaos/campaign_kills.py
	$(BIN)/pytest -v -n 2 --dist loadfile -m long tests/integration

# The long campaign of the fault scheduler: `make simulate-faults SEEDS=0:300000`.
SEEDS ?= 0:300000
simulate-faults: $(INSTALLED)
	$(BIN)/python -m peer.simulate.faults --seeds $(SEEDS)

proto: $(INSTALLED)
	$(BIN)/python tools/generate_proto.py

reference: $(INSTALLED)
	$(BIN)/python tools/generate_reference.py

# Needs uv; everything else installs from the lock alone.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras --group dev \
	  --no-header --output-file requirements.lock pyproject.toml

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "difpeer needs Python 3.11 or later, found %s: make PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	@echo "installing into $(VENV): one to ten minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

clean:
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
