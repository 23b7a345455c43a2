# `make repro` sets up and runs the main job; `make test` sets up and passes the tests.
VENV := .venv
# The first Python that the lock serves; `make PYTHON=/path/to/python3.12 ...` names another.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: help setup repro test test-full lint format table lock kit recipe plan review
help:
	@echo "make setup            the environment in .venv (again only when requirements.txt changed)"
	@echo "make repro            set up, and run whatever changed; reports/<key>/index.html is the result"
	@echo "make test             set up, and run ruff, mypy, codespell and the tests"
	@echo "make test-full        the same, and the tests at published widths: 8 GB of memory, minutes more"
	@echo "make recipe NAME=x    write an overlay of recipes/ into params.yaml; without NAME: list them"
	@echo "make plan             memory, largest batch, steps and time of training, here and on other machines"
	@echo "make format           let ruff mend and format the code"
	@echo "make table            write the table of README.md from metrics/"
	@echo "make review REV=main  what the working tree changes against a revision, as Markdown for a pull request"
	@echo "make lock             resolve requirements.in into requirements.txt (needs uv)"
	@echo "make kit              train the starter kit again (about two hours on two cores)"

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v in ((3, 11), (3, 12)) or sys.exit("lowend needs Python 3.11 or 3.12, this is %d.%d: run `make PYTHON=python3.12 ...`" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
	@$(BIN)/python -c 'import site; open(site.getsitepackages()[0] + "/lowend.pth", "w").write("$(CURDIR)/src\n")'
	@touch $@

setup: $(VENV)/.installed

repro: setup
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("essentia") is None)' \
		|| { echo "Essentia is not installed here: applying recipes/spark (librosa analyses tempo and key)"; $(BIN)/python src/recipe.py spark; }
	$(BIN)/python src/plan.py --check
	$(BIN)/python src/prune.py
	$(BIN)/python src/parallel.py
	$(BIN)/dvc repro

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint
	$(BIN)/python -m pytest -q -n 2 -m "not pipeline and not full"
	$(BIN)/python -m pytest -q -m pipeline

test-full: test
	$(BIN)/python -m pytest -q -m full

recipe: setup
	$(BIN)/python src/recipe.py $(NAME)

plan: setup
	@$(BIN)/python src/plan.py

LOCK = uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --no-annotate --no-header \
	--override overrides.txt requirements.in
lock:
	@{ cat requirements.header; $(LOCK) | sed "s/ ; python_full_version < '3.13' and sys_platform == 'linux'$$//"; } > requirements.txt
	uv pip install --quiet --dry-run --no-deps --python-version 3.12 --python-platform aarch64-manylinux_2_35 --target $(VENV)/lock-check -r requirements.txt

# Training up to the codes is one thread, so two stages run at a time; the last `dvc repro` runs what is left or failed.
# DVC watches src/lowend/synth from outside, where no .dvcignore reaches: bytecode would make it another folder.
kit: export PYTHONDONTWRITEBYTECODE = 1
kit: setup
	find src/lowend/synth -name __pycache__ -prune -exec rm -r {} +
	cd starter/build && { [ -d .dvc ] || dvc init -q --no-scm; }
	cd starter/build && { dvc repro -s separator refine & dvc repro -s codec; wait; }
	cd starter/build && dvc repro
	rm -rf starter/kit && cp -r starter/build/kit starter/kit

review: setup
	@test -n "$(REV)" || { echo "name what to compare with: make review REV=main" >&2; exit 1; }
	@$(BIN)/python src/changes.py $(REV)

table: setup
	$(BIN)/python src/table.py --metrics metrics --readme README.md
