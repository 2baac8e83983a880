# Everything starts from Python >= 3.10 with pip and venv; nothing else is needed.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DEMO ?= demo
MINUTES ?= 4
RECIPE ?= masked
MUSIC ?=
TRACKS ?= 240
SECONDS ?= 30

.PHONY: install demo test test-fast check format clean

install: $(VENV)/.ready

# torch goes first and alone, pinned: every later step then finds it and fetches no second build. Which build the pin
# means is pip's to say: on PyPI it is the ordinary one, which uses a GPU where there is one. For a smaller CPU build:
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make install
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[corpus,playlists,stems,dev]'
	touch $@

# The main job: a folder of music becomes a trained encoder, honest numbers and a search.
demo: install
	$(BIN)/contramuse demo $(if $(MUSIC),--music '$(MUSIC)') --out $(DEMO) --minutes $(MINUTES) --recipe $(RECIPE) \
		--tracks $(TRACKS) --seconds $(SECONDS)

test: install
	$(BIN)/python -m pytest -n 2 -m 'not slow'
	$(BIN)/python -m pytest -n 2 -m slow

test-fast: install
	$(BIN)/python -m pytest -n 2 -m 'not slow'

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO) runs .pytest_cache .mypy_cache .ruff_cache
