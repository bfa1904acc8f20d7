# Builds, runs and checks Pyston; `make help` lists what there is, docs/building.md explains it.
#
# Everything made goes into build/, except the link ./pyston3. Each kind of build has its own virtual
# environment, so that switching between them costs nothing:
#
#   build/python/         the private CPython 3.14, made only where the machine has none
#   build/python-path     which Python is used, and for which folder
#   build/tools/          mypy, mypyc, ruff
#   build/opt/, unopt/    venv/ with Pyston and what its tests and demo import; object files; wheel
#
# A hidden file in a virtual environment (.made, .pyston, .test, …) marks a step done.

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# The kind of build that a target works with: opt or unopt.
BUILD ?= opt
# Runs tools/find_python.py only; any Python from 3.11 on will do.
HOST_PYTHON ?= $(firstword $(foreach name,python3 python3.14,$(shell command -v $(name))) python3)

VENV := build/$(BUILD)/venv
TOOLS := build/tools
# pip must work even while Pyston itself is broken, so it always runs without.
PIP = PYSTON=0 $(VENV)/bin/python -m pip --disable-pip-version-check --quiet
BASE_PYTHON = "$$(head -n 1 build/python-path)"

SOURCES := $(shell find src -type f -not -name '*.pyc' 2>/dev/null)
PYTHON_SOURCES = $(wildcard src bench tests tools setup.py)

.PHONY: all help unopt demo test test-all fuzz lint bench golden clean python tools FORCE

all: $(VENV)/.pyston  ## build Pyston and leave ./pyston3 (the default)
	@ln -sfn $(VENV)/bin/pyston3 pyston3

unopt:  ## the quick build for work on Pyston: C with assertions, compiler interpreted
	@$(MAKE) --no-print-directory all BUILD=unopt

demo: all $(VENV)/.demo  ## a web application on stock CPython and on Pyston, side by side
	./pyston3 -m bench.demo $(ARGS)

# pytest itself runs interpreted (PYSTON=0): the tests switch Pyston on, or start programs that have it on.
test: lint all $(VENV)/.test $(VENV)/.demo $(VENV)/.bench  ## lint, the tests, and a short run of the conformance suites
	PYSTON=0 ./pyston3 -m pytest tests -q $(ARGS)
	tests/conformance/run --ci

test-all: test  ## the same with every conformance suite (goes on where it was stopped), and ten minutes of the fuzzer
	tests/conformance/run --all --projects
	PYSTON=0 ./pyston3 -m tests.fuzz --seconds 600

# One failing check does not hide the others: -k, and each check a target of its own.
lint:  ## ruff, mypy --strict, and the C runtime under -Wall -Wextra -Werror
	@$(MAKE) --no-print-directory -k lint-ruff lint-mypy lint-c

fuzz: all $(VENV)/.test  ## random programs, stock against Pyston (SECONDS=600, SEED=1)
	PYSTON=0 ./pyston3 -m tests.fuzz --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1) $(ARGS)

bench: all $(VENV)/.bench  ## the comparison with every peer found on this machine
	./pyston3 -m bench $(ARGS)

golden: all $(VENV)/.test  ## write the golden files anew, to be reviewed as code
	PYSTON=0 ./pyston3 -m pytest tests/golden -q --update-golden $(ARGS)

clean:  ## remove everything that was made
	rm -rf build pyston3

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
	@echo
	@echo "  BUILD=unopt works with the quick build; ARGS='…' goes on to the program a target runs;"
	@echo "  PYTHON=/path/to/python3.14 chooses the Python to build for."

# The parts, in the order in which a fresh clone needs them.

python: build/python-path
tools: $(TOOLS)/.made

# Asked each time, written only when the answer changed.
build/python-path: FORCE
	@$(HOST_PYTHON) tools/find_python.py $@ build/python

$(TOOLS)/.made: build/python-path requirements/build.txt
	@echo "pyston: installing the build tools"
	@rm -rf $(TOOLS)
	@$(BASE_PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check --quiet install -r requirements/build.txt
	@touch $@

$(VENV)/.made: build/python-path
	@echo "pyston: making the virtual environment of the $(BUILD) build"
	@rm -rf $(VENV)
	@$(BASE_PYTHON) -m venv $(VENV)
	@touch $@

# Python finds a virtual environment beside its own executable only, not through a link to it: see the launcher.
$(VENV)/bin/pyston3: tools/launcher.c $(VENV)/.made
	@$(CC) -O2 -Wall -Wextra -o $@ $<

build/opt/venv/.pyston: build/opt/venv/.made build/opt/venv/bin/pyston3 $(TOOLS)/.made build/source-list $(SOURCES) setup.py pyproject.toml
	@echo "pyston: compiling the C runtime, and the compiler with mypyc (minutes where much has changed)"
	@rm -rf build/opt/wheel
	@PYSTON_BUILD_DIR=build/opt/work $(TOOLS)/bin/python tools/build_wheel.py build/opt/wheel
	@$(PIP) install --no-deps --no-index --force-reinstall build/opt/wheel/*.whl
	@touch $@

build/unopt/venv/.pyston: build/unopt/venv/.made build/unopt/venv/bin/pyston3 $(TOOLS)/.made build/source-list $(SOURCES) setup.py pyproject.toml
	@PYSTON_BUILD_KIND=unopt PYSTON_BUILD_DIR=build/unopt/work $(TOOLS)/bin/python setup.py --quiet build_ext
	@$(TOOLS)/bin/python tools/link_sources.py build/unopt/work build/unopt/venv
	@touch $@

# A removed file makes no other one newer, so the list of files is a file too.
build/source-list: FORCE
	@mkdir -p build; echo '$(sort $(SOURCES))' | cmp -s - $@ || echo '$(sort $(SOURCES))' > $@

# What the tests, the demo and the benchmarks import.
$(VENV)/.test $(VENV)/.demo $(VENV)/.bench: $(VENV)/.%: requirements/%.txt $(VENV)/.made
	@echo "pyston: installing what requirements/$*.txt names"
	@$(PIP) install -r $<
	@touch $@

$(VENV)/.bench: requirements/bench-loads.txt

.PHONY: lint-ruff lint-mypy lint-c
lint-ruff: $(TOOLS)/.made
	@$(TOOLS)/bin/ruff check --quiet $(PYTHON_SOURCES)
	@$(TOOLS)/bin/ruff format --quiet --diff $(PYTHON_SOURCES)

# mypy finds the types of pytest, Flask and the like in the environment that the tests run in.
lint-mypy: $(TOOLS)/.made $(VENV)/.test $(VENV)/.demo $(VENV)/.bench
	@$(TOOLS)/bin/mypy --no-error-summary setup.py tools
	@$(TOOLS)/bin/mypy --no-error-summary --python-executable $(VENV)/bin/python $(wildcard src bench tests)

lint-c: $(TOOLS)/.made
	@PYSTON_BUILD_KIND=lint PYSTON_BUILD_DIR=build/lint $(TOOLS)/bin/python setup.py --quiet build_ext
