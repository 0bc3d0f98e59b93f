# make demo      sets up and compares two prompts on the embedded model
# make test      sets up and runs the checks, the tests and the notebooks
# make docs      builds the documentation into build/docs
# make wheel     builds dist/whichway-*.whl, with the embedded model in it
# make test-wheel  installs it into an empty environment, and uses it: 2 GB, some minutes
# make lab       sets up and opens the notebooks in JupyterLab
# make test-lowest  installs the lowest versions that pyproject.toml allows, in .venv-lowest, and runs the tests. On Linux
#                the package index has torch for CUDA only, several GB; UV_TORCH_BACKEND=cpu takes it from PyTorch's index
# make test-browser  installs Debian's chromium and drives JupyterLab with it; screenshots land in runs/browser/
# make study     compares twelve methods on 320 pairs of prompts, and under other conditions; hours (make study-hours)
# make challenge looks for a path that beats optimal transport: candidates on tuning pairs, the pick on held-out ones
# make study-second, make study-sd15: the claim's pairs on a second miniature, and the study on Stable Diffusion 1.5
# make geodesics  paths optimised against the images themselves, and how much of their gain OT takes; a night
# make records   the other records: invariance of the embedded model and of diffusers' denoisers, the demo
# make figures   draws everything in figures/ from the records there; FIGURES=--fast: a smoke version, in runs/
# make train     trains the embedded model, or continues to
# make campaign kills, interrupts and starves the commands, and feeds them what is wrong: is anything lost? Half an
#                hour; it continues where it stopped (CAMPAIGN="--sample 3": a few trials of each kind)
# make benchmark measures against what one would write with POT, SciPy and diffusers alone; a quarter of an hour
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
WHEEL := $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist
JUPYTER := jupyter_server_config.py labconfig/default_setting_overrides.json
DEMO := "a large fox on a blue background" "a panda on a pink background"
DISTANCES ?= lpips,efficientnet,ssim,flip
SECOND ?= miniature-second
STS ?= sts_test.csv
CAPTIONS ?= captions_val2014.json
TRIANGLE := "a fox on a blue background" "a panda on a pink background" "a car at sunset"
SWAPPED := "a fox to the left of a pizza on a blue background" "a pizza to the left of a fox on a blue background"
KEYFRAMES := "a fox on a blue background" "a panda on a pink background" "a car at sunset" "a lemon on a beach"

AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Is OT as good as it could be? Three pairs for the figure, then 40 pairs for the share of the gap that it closes; each has
# two geodesics of at most 41 iterations, each through 10 sampling steps of 7 images, forth and back. A night on two cores;
# interrupted, it goes on. On a GPU, with processes that share it, minutes:
# make geodesics GEODESIC_MODEL="--device cuda --dtype float32" GEODESIC_SPREAD="--dask 14"
GEODESIC_METHODS := identity,optimal,geodesic
GEODESIC_MODEL ?=
GEODESIC_SPREAD ?=
define geodesic_pair
	$(BIN)/whichway compare $(2) $(3) --methods $(GEODESIC_METHODS) --steps 10 --frames 9 $(GEODESIC_MODEL) \
		--out runs/geodesics/$(1)
	$(BIN)/python -m figures.collect runs/geodesics/$(1) geodesics/$(1)
endef
geodesics: .venv/.runtime
	$(call geodesic_pair,fox,"a large fox on a blue background","a panda on a pink background")
	$(call geodesic_pair,boat,"a car at sunset","a sailboat at night")
	$(call geodesic_pair,scene,"a fox to the left of a pizza on a blue background","a pizza to the left of a fox on a blue background")
	$(BIN)/whichway sensitivity "a large fox on a blue background" "two pandas at night" --steps 10 $(GEODESIC_MODEL) \
		--out figures/geodesics/sensitivity.png && rm figures/geodesics/sensitivity.png
	$(BIN)/whichway study --differing --per-stratum 8 --seeds 1 --steps 10 --frames 9 --perceptual-distances lpips,efficientnet \
		--methods identity,optimal,optimal@perceptual,mixture,geodesic,geodesic@unpenalised $(GEODESIC_MODEL) \
		$(GEODESIC_SPREAD) --out runs/geodesics/study
	$(BIN)/python -m figures.collect runs/geodesics/study geodesics/study --records-only
	$(BIN)/python -m figures.texts

.PHONY: demo docs wheel test-wheel lab study study-hours study-second study-sd15 challenge geodesics records figures test test-lowest test-browser lint train benchmark campaign clean

demo: .venv/.runtime
	$(BIN)/whichway compare $(DEMO)
	@echo; echo "The command is $(BIN)/whichway; after 'source $(BIN)/activate' it is whichway."

lab: .venv/.lab
	$(BIN)/jupyter lab $(LAB) notebooks/01_what_the_model_sees.ipynb

# 'whichway study' with no options: the table in README. Twelve methods, 40 pairs in each of eight strata, two noises:
# 44,000 frames, 4 to 8 hours on two cores; 'make study-hours' measures and says how many it will be here.
# Frames stay in runs/; what was measured, and the frames that figures show, go to figures/.
study: .venv/.runtime
	$(BIN)/whichway study --perceptual-distances $(DISTANCES) --out runs/study
	$(BIN)/python -m figures.collect runs/study study
	$(BIN)/whichway study --methods identity,optimal,optimal@perceptual,mixture@perceptual --differing --per-stratum 20 --seeds 1 \
		--out runs/parametrisation
	$(BIN)/python -m figures.collect runs/parametrisation parametrisation --records-only
	rm -rf figures/robustness
	$(call other_conditions,guidance-6,--guidance 6)
	$(call other_conditions,steps-10,--steps 10)
	$(call other_conditions,steps-50,--steps 50)
	$(call other_conditions,frames-13,--frames 13)
	$(call other_conditions,sampler-euler,--scheduler euler)
	$(call other_conditions,second-model,--model $(SECOND))

# A smaller study under other conditions, on the first pairs of the large one: does the ranking hold?
define other_conditions
$(BIN)/whichway study --differing --per-stratum 12 --seeds 1 --methods identity,random,optimal,spherical,mixture \
		--perceptual-distances $(DISTANCES) --out runs/robustness/$(1) $(2) \
	&& $(BIN)/python -m figures.collect runs/robustness/$(1) robustness/$(1) --records-only
endef

# What 'make study' and 'make challenge' will take on this machine.
study-hours: .venv/.runtime
	$(BIN)/whichway study --perceptual-distances $(DISTANCES) --dry-run
	$(BIN)/whichway challenge --perceptual-distances $(DISTANCES) --dry-run

# A way that beats the paper's? Sixteen candidates on 120 pairs for tuning, the one that a rule picks on 240 held-out ones.
challenge: .venv/.runtime
	$(BIN)/whichway challenge --perceptual-distances $(DISTANCES) --out runs/challenge
	$(BIN)/python -m figures.collect runs/challenge challenge

# Is the claim one network's? Its pairs on a second denoiser, trained from another seed (miniature/MODEL_CARD.md): an hour or two.
study-second: .venv/.runtime
	$(BIN)/whichway study --model $(SECOND) --differing --seeds 1 --perceptual-distances lpips \
		--methods identity,random,optimal,optimal@cross-attention,spherical,mixture --out runs/study-second
	$(BIN)/python -m figures.collect runs/study-second second --records-only

# Stable Diffusion 1.5 on Crisscrossed Captions: STS and CAPTIONS name sts_test.csv and captions_val2014.json. It says
# after the first pair how many hours it will take; with SD15=--dry-run it says so and stops.
study-sd15: .venv/.runtime
	$(BIN)/whichway study --pairs $(STS) --captions $(CAPTIONS) --model stable-diffusion-v1-5/stable-diffusion-v1-5 \
		--steps 30 --guidance 7.5 --perceptual-distances $(DISTANCES) --out runs/study-sd15 $(SD15)

records: .venv/.runtime
	$(BIN)/whichway invariance --json figures/invariance.json
	$(BIN)/whichway invariance --architectures all --json figures/census.json > /dev/null || [ $$? -eq 1 ] # some violate
	rm -rf runs/demo runs/triangle runs/keyframes runs/film-identity runs/film-optimal
	$(BIN)/whichway compare $(DEMO) --out runs/demo
	$(BIN)/python -m figures.collect runs/demo demo
	$(BIN)/whichway barycenter $(TRIANGLE) --out runs/triangle
	$(BIN)/python -m figures.collect runs/triangle triangle
	$(BIN)/whichway animate $(KEYFRAMES) runs/keyframes.webp --interpolation spline --parametrisation uniform \
		--at 0,1,2,3 --fps 3 --out runs/keyframes
	$(BIN)/python -m figures.collect runs/keyframes keyframes
	for method in identity optimal; do $(BIN)/whichway animate $(SWAPPED) figures/film-$$method.webp --method $$method \
		--parametrisation uniform --frames 17 --ping-pong --fps 10 --out runs/film-$$method || exit 1; done
	rm figures/film-*-contact-sheet.png

figures: .venv/.runtime
	$(BIN)/python -m figures $(FIGURES)
	$(BIN)/python -m figures.texts

# Two processes of one thread each: torch's threads gain little on models this small.
test test-lowest: export OMP_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=300 notebooks

test-lowest: .venv-lowest/.installed
	.venv-lowest/bin/python -m pytest -n 2 --dist loadfile

test-browser: .venv/.dev
	command -v chromium > /dev/null || { $(AS_ROOT) apt-get update; $(AS_ROOT) apt-get install --yes --no-install-recommends chromium; }
	$(BIN)/python -m pytest -m browser

test-wheel: .venv/.dev wheel
	$(BIN)/python -m pytest -m wheel

# tests/test_docs.py does the same. Tables are read off the code, of whose changes an old environment would not know.
docs: .venv/.dev
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --fresh-env docs build/docs
	@echo build/docs/index.html

wheel: .venv/.runtime
	rm -rf build/lib build/bdist.* dist # what an earlier build left would be packed too
	$(WHEEL) .

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Continues where it stopped, also in another clone: what it needs for that is in the user's cache folder.
# On a GPU: make train TRAIN="--batch 256".
train: .venv/.dev
	$(BIN)/python -m whichway.miniature.train $(TRAIN)
	$(BIN)/python -m whichway.miniature.evaluate

benchmark: .venv/.dev
	$(BIN)/python -m benchmarks

# What it finds goes to figures/campaign.json and docs/reliability.md. Full disks and read-only folders take root's rights.
campaign: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.campaign $(CAMPAIGN)

clean:
	rm -rf .venv .venv-lowest build dist *.egg-info

.venv/.runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.lab: .venv/.runtime
	$(PIP) --editable '.[lab]'
	$(link_jupyter_settings)
	touch $@

.venv/.dev: .venv/.runtime
	$(PIP) --editable '.[dev]'
	$(link_jupyter_settings)
	touch $@

# Every Jupyter of this environment reads notebooks/jupyter, by links; a file of the user's own in their place stays.
define link_jupyter_settings
@for file in $(JUPYTER); do \
		ours="$(CURDIR)/notebooks/jupyter/$$file"; link=".venv/etc/jupyter/$$file"; \
		if [ -e "$$link" ] && ! cmp -s "$$ours" "$$link"; then \
			echo "$$link is not the project's and stays; saved notebooks may keep their outputs"; \
		else mkdir -p "$${link%/*}" && ln -sf "$$ours" "$$link" || exit 1; fi; \
	done
endef

# uv can resolve to the lowest versions; pip cannot.
.venv-lowest/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	.venv-lowest/bin/uv pip install --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	touch $@
