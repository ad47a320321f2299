# Everything sets itself up: only python3 (3.11 or newer, with venv) and make have to be there.
# Variables: PYTHON, TORCH_INDEX (package index with the CPU build of torch), PIP_ARGS, DATA, OUTPUT,
# PROCESSES (side by side in the tests).

PYTHON ?= python3
TORCH_INDEX ?=
PIP_ARGS ?=
DATA ?= ../shared/data
OUTPUT ?= output
PROCESSES ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
VIEWER_VENV := .venv-viewer
VIEWER_INSTALLED := $(VIEWER_VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# a file's tests share what is costly to make
SIDE_BY_SIDE := -n $(PROCESSES) --dist loadfile

.PHONY: help venv demo test test-lib test-slicer test-slow test-gpu test-killed test-viewer evaluate benchmark lint format clean

help:
	@echo "make demo       register a sample brain and write $(OUTPUT)/demo"
	@echo "make test       lint, library tests, Slicer tests"
	@echo "make test-slow  the tests that take minutes; make test-gpu: those that need a GPU"
	@echo "make test-killed  the worker killed at 20 moments of a registration in each tab"
	@echo "make test-viewer  the viewer in the web browser; needs Chromium"
	@echo "make evaluate   the studies of the README's table, with the images in DATA=$(DATA)"
	@echo "make benchmark  time and memory, with the images in DATA=$(DATA)"
	@echo "make lint, make format, make clean"

venv: $(INSTALLED)

# the stamp is newer than both files once their packages are installed
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is older. Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "import venv, ensurepip" || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	  -c constraints.txt -e '.[slicer,test,training,cohort]'
	touch $@

demo: venv
	$(BIN)/deepregistration demo --output $(OUTPUT)/demo

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint test-lib test-slicer

test-lib: venv
	$(PYTEST) Testing/Lib Testing/Documents $(SIDE_BY_SIDE) -m "not slow and not gpu"

# apart from the library's tests: they boot Slicer's scene and Qt once per process
test-slicer: venv
	$(PYTEST) Testing/Slicer $(SIDE_BY_SIDE) -m "not slow and not gpu"

test-slow: venv
	$(PYTEST) Testing -m "slow and not gpu"

# the worker is killed at 20 moments of a registration in each tab
test-killed: venv
	$(PYTEST) Testing/Slicer/test_killed_worker.py -m slow

# the viewer in a web browser: an environment of its own, where slicer-core is the one that trame-slicer needs
test-viewer: $(VIEWER_INSTALLED)
	$(VIEWER_VENV)/bin/python -m pytest Testing/Viewer

$(VIEWER_INSTALLED): pyproject.toml constraints.txt constraints-viewer.txt
	test -x $(VIEWER_VENV)/bin/python || $(PYTHON) -m venv $(VIEWER_VENV)
	grep -v '^slicer-core==' constraints.txt | cat - constraints-viewer.txt > $(VIEWER_VENV)/constraints.txt
	$(VIEWER_VENV)/bin/python -m pip install $(PIP_ARGS) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	  -c $(VIEWER_VENV)/constraints.txt -e '.[viewer]' pytest pytest-xdist psutil
	touch $@

# exit code 5 of pytest: no test was selected, which is no failure while no job needs a GPU
test-gpu: venv
	$(PYTEST) Testing -m gpu || test $$? -eq 5

evaluate: venv
	$(BIN)/deepregistration evaluate fetal-volume --data $(DATA)/fetal-brain --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate other-objects --data $(DATA) --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate fetal-slice --data $(DATA)/fetal-brain --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate fetal-networks --data $(DATA)/fetal-brain --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate contrast-transfer --data $(DATA)/fetal-brain --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate slice-confidence --data $(DATA)/fetal-brain --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate us --data $(DATA)/ultrasound --output $(OUTPUT)/evaluation
	$(BIN)/deepregistration evaluate xray-wrist --data $(DATA)/xray/autoscoper-wrist --output $(OUTPUT)/evaluation

benchmark: venv
	$(BIN)/deepregistration benchmark fetal-volume --data $(DATA)/fetal-brain --output $(OUTPUT)/benchmark
	$(BIN)/python -m Testing.Slicer.panel_time
	$(BIN)/deepregistration benchmark worker-memory --output $(OUTPUT)/benchmark
	$(BIN)/deepregistration benchmark fetal-networks --data $(DATA)/fetal-brain --output $(OUTPUT)/benchmark

clean:
	rm -rf $(VENV) $(VIEWER_VENV) $(OUTPUT) build dist .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
