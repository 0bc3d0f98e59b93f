# make demo      sets up and compares two prompts on the embedded model
# make test      sets up and runs the checks, the tests and the notebooks
# make lab       sets up and opens the notebooks in JupyterLab
# make test-browser  installs Debian's chromium and drives JupyterLab with it; screenshots land in runs/browser/
# make study     walks between 100 prompt pairs by twelve methods, an hour or two, and draws what came out
# make records   checks the invariance of the embedded model and of diffusers' denoisers again
# make figures   draws README's pictures again
# make train     trains the embedded model, or continues to
# make benchmark measures against what one would write with POT, SciPy and diffusers alone; a quarter of an hour
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := "a large fox on a blue background" "a panda on a pink background"
TRIANGLE := "a fox on a blue background" "a panda on a pink background" "a red car at sunset"

AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: demo lab study records figures test test-browser lint train benchmark clean

demo: .venv/.runtime
	$(BIN)/whichway compare $(DEMO)

lab: .venv/.lab
	$(BIN)/jupyter lab --LabApp.news_url=None $(LAB) notebooks/01_what_the_model_sees.ipynb

# A small study under other conditions: does the ranking hold?
define other_conditions
	$(BIN)/whichway study --count 20 --seeds 1 --methods identity,random,optimal,spherical,mixture --steps 10 --frames 7 \
		--metrics efficientnet,ssim,flip --out runs/robustness/$(1) $(2)
	mkdir -p figures/robustness/$(1)
	cp runs/robustness/$(1)/study.json runs/robustness/$(1)/records.jsonl figures/robustness/$(1)/
endef

# Frames stay in runs/, what was measured goes to figures/.
study: .venv/.runtime
	$(BIN)/whichway study --steps 10 --frames 7 --out runs/study --metrics efficientnet,ssim,flip
	mkdir -p figures/study
	cp runs/study/study.json runs/study/records.jsonl figures/study/
	$(BIN)/whichway study --count 60 --seeds 1 --methods identity,optimal,optimal@perceptual,mixture@perceptual --steps 10 \
		--frames 7 --out runs/parametrisation
	mkdir -p figures/parametrisation
	cp runs/parametrisation/study.json runs/parametrisation/records.jsonl figures/parametrisation/
	$(call other_conditions,guidance-6,--guidance 6)
	$(call other_conditions,steps-25,--steps 25)
	$(call other_conditions,sampler-euler,--sampler euler)
	for figure in comparison strata distances geometry_against_perception robustness headline; do $(BIN)/python figures/$$figure.py || exit 1; done

records: .venv/.runtime
	$(BIN)/whichway invariance --json figures/invariance.json
	$(BIN)/whichway invariance --architectures all --json figures/census.json > /dev/null || [ $$? -eq 1 ] # some violate

figures: .venv/.runtime
	rm -rf runs/demo runs/triangle
	$(BIN)/whichway compare $(DEMO) --out runs/demo
	$(BIN)/whichway barycenter $(TRIANGLE) --out runs/triangle
	mkdir -p figures/demo
	cp runs/demo/filmstrips.png runs/demo/steps.png runs/demo/projection.png runs/demo/coupling.png figures/demo/
	cp runs/triangle/simplex.png figures/triangle.png
	$(BIN)/python figures/invariance.py
	$(BIN)/python figures/census.py

test: lint
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --nbmake notebooks

test-browser: .venv/.dev
	command -v chromium > /dev/null || { $(AS_ROOT) apt-get update; $(AS_ROOT) apt-get install --yes --no-install-recommends chromium; }
	$(BIN)/python -m pytest -m browser

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Continues from miniature/checkpoints/ where there are any.
train: .venv/.dev
	$(BIN)/python -m miniature.train

benchmark: .venv/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build *.egg-info

.venv/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.lab: .venv/.runtime
	$(PIP) --editable '.[lab]'
	touch $@

.venv/.dev: .venv/.runtime
	$(PIP) --editable '.[dev]'
	touch $@
