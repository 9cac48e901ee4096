# `make` lists the targets. Every variable below can be given on the command line: make test VENV=/tmp/env PYTHON=python3.10
#
#   PYTHON     the Python to make the environment with   (found by itself: python3.11, python3.10, ...)
#   VENV       folder of the environment                 (.venv)
#   EXTRAS     extras of setup.py to install             (test,onnx)
#   ARGS       more for pytest or ruff                   (none), e.g. ARGS="-k codec -x"
#   DATA_ROOT  folder with the raw data sets as they unpack: DATA_ROOT/300w/{afw,helen,lfpw,ibug}
#   DATA       folder for the prepared indexes           (data)

PYTHON ?=
VENV ?= .venv
EXTRAS ?= test,onnx
ARGS ?=
DATA ?= data
export PYTHON VENV EXTRAS
BIN = $(VENV)/bin
LIKES = 300w cofw wflw jd aflw menpo
# Results are bit-identical only at a fixed number of threads; training on more is the caller's choice.
ONE_THREAD = OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup test test-slow lint clean data data-root w300 demo faces

help: ## this list
	@echo "usage: make TARGET [VARIABLE=VALUE ...]; the variables are described at the top of the Makefile"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  %-10s %s\n", $$1, $$2 }'

setup: ## make the environment, unless it is ready (finds a Python 3.8 to 3.11, says what is missing)
	@sh .ci/setup.sh

test: setup ## every test but the slow ones (sets the environment up first)
	$(ONE_THREAD) $(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: setup ## the slow tests
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow $(ARGS) || test $$? -eq 5  # 5: no test is marked slow

lint: setup ## ruff over everything
	$(BIN)/python -m ruff check $(ARGS) .

data: w300 ## prepare every data set found under DATA_ROOT (now: 300-W)

w300: data-root setup ## prepare 300-W: DATA_ROOT/300w -> data/300w
	$(BIN)/python -m data_prep.w300 --root "$(DATA_ROOT)/300w" --out "$(DATA)/300w"

data-root:
	@test -n "$(DATA_ROOT)" || { echo "make: give the folder that holds 300w/: make w300 DATA_ROOT=..." >&2; exit 2; }

demo: setup ## the whole project on faces that it makes itself: about ten minutes on two cores, ends in runs/demo/report.html
	$(BIN)/python -m experiments.demo --out runs/demo

faces: setup ## contact sheets of the embedded sets, in runs/faces/
	@mkdir -p runs/faces
	@for like in $(LIKES); do $(BIN)/python -m data_prep.synthetic --like $$like --sheet runs/faces/$$like.png || exit $$?; done

clean: ## remove caches and builds; keeps the environment, data and runs
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path "./$(VENV)" -prune -o -type d -name __pycache__ -exec rm -rf {} +
