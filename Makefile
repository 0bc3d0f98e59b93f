# make demo      sets up and compares two prompts on the embedded model
# make test      sets up and runs the checks and the tests
# make figures   draws README's pictures again
# make train     trains the embedded model, or continues to
# make benchmark measures the command against rendering frame by frame
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := "a large fox on a blue background" "a panda on a pink background"

.PHONY: demo figures test lint train benchmark clean

demo: .venv/.runtime
	$(BIN)/whichway compare $(DEMO)

figures: .venv/.runtime
	rm -rf runs/demo
	$(BIN)/whichway compare $(DEMO) --out runs/demo
	mkdir -p figures/demo
	$(BIN)/whichway invariance --architectures all --json figures/census.json > /dev/null || [ $$? -eq 1 ] # some violate
	$(BIN)/python figures/census.py
	cp runs/demo/filmstrips.png runs/demo/steps.png runs/demo/projection.png runs/demo/coupling.png figures/demo/

test: lint
	$(BIN)/python -m pytest

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Continues from miniature/checkpoints/ where there are any.
train: .venv/.dev
	$(BIN)/python -m miniature.train

benchmark: .venv/.dev
	$(BIN)/python -m benchmarks.compare_command

clean:
	rm -rf .venv build *.egg-info

.venv/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.dev: .venv/.runtime
	$(PIP) --editable '.[dev]'
	touch $@
