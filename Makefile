# `make demo` and `make test` are all the set-up there is: they make their own environment in .venv. The demo needs what
# difpeer itself needs (requirements.lock), everything else that and the tools of its tests and documents, in the same
# versions (requirements-dev.lock); a container with a peer what serving needs (requirements-peer.lock).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: demo test test-system check docs format bench chaos fuzz simulate-faults proto reference lock clean

demo: $(INSTALLED)
	$(BIN)/difpeer demo

# Units and paper first: they are quick, and what fails there explains what fails later.
test: $(DEVELOPED)
	$(BIN)/pytest -n 2 --dist loadfile -m "not long and not system" tests

# With what .ci/run installs: chromium, without a screen and without a network; network namespaces with packet captures,
# as root; prometheus on loopback. And with Docker: images are built, and containers run on networks of their own. What is
# computed there is compared with what is computed here, so no variable may choose another kernel of BLAS here.
test-system: $(DEVELOPED)
	@$(BIN)/python -m tools.browser
	env -u OPENBLAS_CORETYPE $(BIN)/pytest -v -m system tests/system

check: $(DEVELOPED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_proto.py --check
	$(BIN)/python tools/generate_reference.py --check
	$(MAKE) docs

# Into build/docs; every warning is an error.
docs: $(DEVELOPED)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

format: $(DEVELOPED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEVELOPED)
	$(BIN)/python benchmarks/adapt.py
	$(BIN)/python benchmarks/round.py
	$(BIN)/python benchmarks/checkpoint.py
	$(BIN)/python benchmarks/measure.py
	$(BIN)/python benchmarks/simulate.py

# Real processes, killed at 12 failpoints (144 cases) and at random moments, stopped, frozen, cut off: half an hour.
chaos: $(DEVELOPED)
	$(BIN)/pytest -v -n 2 --dist loadgroup tests/chaos/campaign_failpoints.py tests/chaos/campaign_kills.py
	$(BIN)/pytest -v -n 2 --dist loadfile -m long tests/integration

# All decoders of what comes from outside, under the guidance of coverage: an hour or so on one core. It may be stopped and
# goes on when started again; `--keep` makes tests/data/corpus anew: `make fuzz INPUTS=10000000`.
INPUTS ?= 10000000
fuzz: $(DEVELOPED)
	$(BIN)/python -m tests.fuzz.campaign --inputs $(INPUTS)

# The long campaign of the fault scheduler: `make simulate-faults SEEDS=0:300000`.
SEEDS ?= 0:300000
simulate-faults: $(DEVELOPED)
	$(BIN)/python -m peer.simulate.faults --seeds $(SEEDS)

proto: $(DEVELOPED)
	$(BIN)/python tools/generate_proto.py

reference: $(DEVELOPED)
	$(BIN)/python tools/generate_reference.py

# What is locked already stays as it is; for newer versions remove the locks first.
COMPILE := build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock:
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) --all-extras --group build --output-file requirements.lock pyproject.toml
	$(COMPILE) --group build --constraints requirements.lock --output-file requirements-peer.lock pyproject.toml
	$(COMPILE) --all-extras --group dev --constraints requirements.lock --output-file requirements-dev.lock pyproject.toml

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "difpeer needs Python 3.11 or later, found %s: make PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	@echo "installing into $(VENV), once: a minute or a few; pip tells how far it is"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

$(DEVELOPED): $(INSTALLED) requirements-dev.lock
	@echo "installing the tools of tests and documents into $(VENV), once"
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $(DEVELOPED)

clean:
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
