# `make` lists the targets. Every variable below can be given on the command line: make test VENV=/tmp/env PYTHON=python3.10
#
#   PYTHON     which Python makes the environment        (found: python3.11, python3.10, ...)
#   VENV       folder of the environment                 (.venv; with MXNET=1.5.1 .venv-mxnet-1.5.1)
#   VENV_151   folder of the environment that compare-mxnet compares with   (.venv-mxnet-1.5.1)
#   EXTRAS     extras of setup.py to install             (test,onnx,detect)
#   GPU        1: MXNet for CUDA 11.7 with its libraries; 0: for the CPU; unchecked: 1 where no driver is, for containers'
#              images   (unset: as the environment is, else for the CPU); docs/gpus.md
#   MXNET      1.9.1, or 1.5.1, of the papers' own time  (1.9.1)
#   JOBS       processes that share the tests; 0: none beside make's own, as a debugger wants   (2)
#   ARGS       further options for the command behind a target   (none), e.g. ARGS="-k codec -x", ARGS=--dry-run
#   DATA_ROOT  folder with the raw data sets as they unpack: DATA_ROOT/300w/{afw,helen,lfpw,ibug}
#   DATA       folder of the prepared indexes: `make data` writes them there (data); where it is given, tables run on
#              them, else on drawn faces
#   QUICK      1: the demo in about two minutes, into runs/quick   (none)
#   PRESET     size of the tables' runs: smoke, ablate, mini, paper   (ablate)
#   SEEDS      runs of every row of a table, with seeds 0, 1, ...     (1)
#   DEVICES    cpu:0,1 or gpu:0,1,2,3: one run a device, side by side (cpu:0)
#   SCHEDULER  address of a Dask scheduler, on whose workers tables run; docs/cluster.md   (none: on this machine)
#   START      first weights of the encoder: scratch, or imagenet where a model zoo has them   (scratch)

PYTHON ?=
MXNET ?= 1.9.1
GPU ?=
VENV ?= .venv$(if $(filter-out 1.9.1,$(MXNET)),-mxnet-$(MXNET))
EXTRAS ?= test,onnx,detect
JOBS ?= 2
ARGS ?=
PRESET ?= ablate
SEEDS ?= 1
DEVICES ?= cpu:0
START ?= scratch
TABLE_DATA := $(if $(DATA),--data "$(DATA)")
DATA ?= data
export PYTHON VENV EXTRAS MXNET GPU
BIN = $(VENV)/bin
VENV_151 ?= .venv-mxnet-1.5.1
LIKES = 300w cofw wflw jd aflw menpo
SETS = w300 cofw wflw jd aflw menpo
# Each with what it costs, one seed on one device, as `python -m experiments.catalogue --times` estimates it;
# paper: from a few steps, on one core, which nobody would use for it (add --dry-run --devices gpu:0,1,2,3 --together to ARGS).
# BEGIN TABLES
#  gv-table1                   12 s      26 min 13 h 06 min        84 h
#  gv-table2                   12 s      26 min 11 h 36 min        36 h
#  gv-table3                   12 s      26 min 11 h 59 min       201 h
#  gv-table4                   12 s      26 min 11 h 50 min       305 h
#  gv-table5                   24 s      35 min  7 h 34 min       146 h
#  gv-table6                   12 s      27 min  7 h 51 min        29 h
#  gv-table7                   42 s      47 min 11 h 59 min       204 h
#  gv-table8                   60 s      67 min 17 h 06 min       292 h
#  gv-table9                  2 min       2 min       2 min       2 min
#  gv-labels                   30 s        30 s        30 s        30 s
#  gv-fig4                     36 s       7 min     103 min        29 h
#  gv-fig6                     30 s      46 min  9 h 39 min       189 h
#  gv-first-weights            78 s  3 h 35 min        49 h       292 h
#  gv-occlusion                30 s      33 min  8 h 10 min       112 h
#  anchorface-table2            6 s       9 min  5 h 42 min 17 h 22 min
#  anchorface-table3            6 s       9 min  5 h 42 min  2 h 44 min
#  anchorface-table4           12 s      14 min  3 h 50 min  7 h 48 min
#  anchorface-table5           36 s      10 min  5 h 13 min  6 h 31 min
#  anchorface-table6           18 s      49 min 16 h 17 min        49 h
#  anchorface-table7           36 s      57 min        34 h       104 h
#  anchorface-table8           24 s      38 min 22 h 47 min        69 h
#  anchorface-table9           24 s      38 min 22 h 47 min        69 h
#  anchorface-table10           6 s       9 min  5 h 42 min 17 h 22 min
#  anchorface-pearson          24 s      38 min 22 h 47 min        69 h
#  anchorface-lambda           24 s      38 min 22 h 47 min        69 h
#  anchorface-cost            2 min       2 min       2 min       2 min
#  anchorface-300w             24 s      42 min 21 h 59 min 10 h 23 min
#  anchorface-fig3             30 s        30 s        30 s        30 s
#  anchorface-fig4             30 s        30 s        30 s        30 s
#  anchorface-fig5             30 s        30 s        30 s        30 s
#  anchorface-fig7             36 s      10 min  5 h 42 min 17 h 22 min
TABLES = gv-table1 gv-table2 gv-table3 gv-table4 gv-table5 gv-table6 gv-table7 gv-table8 gv-table9 gv-labels \
    gv-first-weights gv-occlusion \
    anchorface-table2 anchorface-table3 anchorface-table4 anchorface-table5 anchorface-table6 anchorface-table7 \
    anchorface-table8 anchorface-table9 anchorface-table10 anchorface-pearson anchorface-lambda anchorface-cost \
    anchorface-300w
FIGURES = gv-fig4 gv-fig6 anchorface-fig3 anchorface-fig4 anchorface-fig5 anchorface-fig7
# END TABLES
CATALOGUE = $(BIN)/python -m experiments.catalogue --preset $(PRESET) --seeds $(SEEDS) --devices $(DEVICES) $(if $(filter-out scratch,$(START)),--start $(START)) $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(TABLE_DATA)
# Results are bit-identical only at a fixed number of threads; training on more is the caller's choice.
ONE_THREAD = OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup test test-slow lint clean data data-root data-check $(SETS) demo faces tables figures ablations report \
  compare-mxnet weights \
  $(TABLES) $(FIGURES)

help: ## this list
	@echo "usage: make TARGET [VARIABLE=VALUE ...]"
	@echo; echo "variables, and their defaults in brackets:"
	@sed -n '/^#   [A-Z]/,/^$$/s/^#  //p' Makefile
	@echo; echo "targets:"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  %-20s %s\n", $$1, $$2 }'
	@echo; echo "one table or figure each; time of one seed on one core at preset   smoke    ablate      mini     paper (ESTIMATED)"
	@sed -n 's/^#  \([a-z]*-[a-z0-9-]*  .*\)/  \1/p' Makefile

setup: ## make the environment, unless it is ready (finds a Python 3.8 to 3.13, says what is missing); for NVIDIA cards: GPU=1
	@sh .ci/setup.sh

test: setup ## every test but the slow ones (sets the environment up first)
	$(ONE_THREAD) $(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist worksteal $(ARGS)

test-slow: setup ## the slow tests
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow $(ARGS) || test $$? -eq 5  # 5: no test is marked slow

lint: setup ## ruff over everything
	$(BIN)/python -m ruff check $(ARGS) .

data: data-root setup ## prepare every data set found under DATA_ROOT (300w, cofw, wflw, jd, aflw, menpo); ARGS=--pack cuts the faces out
	@found=; for set in $(SETS); do \
	  folder=$$(echo $$set | sed 's/^w300$$/300w/'); \
	  if test -d "$(DATA_ROOT)/$$folder"; then found=1; $(MAKE) --no-print-directory $$set || exit $$?; fi; \
	done; test -n "$$found" || { echo "make: none of 300w cofw wflw jd aflw menpo is in $(DATA_ROOT)" >&2; exit 2; }

w300: data-root setup ## prepare 300-W: DATA_ROOT/300w -> data/300w
	$(BIN)/python -m data_prep.w300 --root "$(DATA_ROOT)/300w" --out "$(DATA)/300w" $(ARGS)

cofw wflw jd aflw menpo: data-root setup
	$(BIN)/python -m data_prep.$@ --root "$(DATA_ROOT)/$@" --out "$(DATA)/$@" $(ARGS)

data-root:
	@test -n "$(DATA_ROOT)" || { echo "make: give the folder that holds 300w/, cofw/, ...: make data DATA_ROOT=..." >&2; exit 2; }

data-check: setup ## prove the prepared indexes below DATA: make data-check DATA=data/300w; page in runs/data-check.html
	@mkdir -p runs
	$(BIN)/python -m data_prep.check --data "$(DATA)" --page runs/data-check.html $(ARGS)

demo: setup ## the whole project on faces that it draws: ten minutes on two cores (QUICK=1: two), ends in runs/demo/report.html
	$(BIN)/python -m experiments.demo $(if $(QUICK),--quick --out runs/quick,--out runs/demo) $(ARGS)

faces: setup ## contact sheets of the embedded sets, in runs/faces/
	@mkdir -p runs/faces
	@for like in $(LIKES); do $(BIN)/python -m data_prep.synthetic --like $$like --sheet runs/faces/$$like.png || exit $$?; done

tables: setup ## every table: make tables PRESET=smoke takes minutes
	$(CATALOGUE) $(TABLES) $(ARGS)

figures: setup ## every figure
	$(CATALOGUE) $(FIGURES) $(ARGS)

ablations: setup ## all that is not yet run at preset ablate, three seeds; hours: stop it and call it again as you like
	$(CATALOGUE) --preset ablate --seeds 3 $(ARGS)

report: setup ## one page on every table and claim, from the records: runs/report/index.html (at ablate also docs/RESULTS.md)
	$(BIN)/python -m experiments.report --preset $(PRESET) $(TABLE_DATA) $(if $(filter ablate,$(PRESET)),--markdown docs/RESULTS.md --readme README.md) $(ARGS)

weights: setup ## train the nets that come with the packages anew, on drawn faces; DATA: also measure them on real ones; ARGS=--install
	$(ONE_THREAD) $(BIN)/python -m experiments.studies.weights --seeds $(SEEDS) $(TABLE_DATA) $(ARGS)

compare-mxnet: setup ## MXNet 1.5.1, the paper's, beside 1.9.1, in an environment of its own; page in runs/compare_mxnet
	@MXNET=1.5.1 GPU= VENV=$(VENV_151) sh .ci/setup.sh
	$(ONE_THREAD) $(BIN)/python -m experiments.studies.compare_mxnet --other $(VENV_151)/bin/python --markdown runs/compare_mxnet/page.md $(ARGS)

$(TABLES) $(FIGURES): setup
	$(CATALOGUE) $@ $(ARGS)

clean: ## remove caches and builds; keeps the environment, data and runs
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path "./$(VENV)" -prune -o -path "./.venv*" -prune -o -type d -name __pycache__ -exec rm -rf {} +

.DEFAULT:
	@echo "make: no target $@; 'make help' lists them" >&2; exit 2
