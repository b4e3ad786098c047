# Every target sets up what it needs: a fresh clone, Python 3.11 and make are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Labelled rows that must not be trained on; passed over where they are not there.
TEST_SETS ?= $(wildcard data/tests/*.csv) ../shared/dev/dev.csv
HOST ?= 127.0.0.1
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install train retrain evaluate classify serve test lint typecheck check bench lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## Make .venv and install what requirements.lock says

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and "$(PYTHON): Python 3.11 or newer is needed; name one with PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

train: $(INSTALLED)  ## Train on data/labelled and put the new version in use
	$(BIN)/python -m training train

retrain: $(INSTALLED)  ## Take the rows of NEW=rows.csv into the corpus, train, put the new version in use
	@test -n "$(NEW)" || { echo "retrain: no rows named; expected NEW=rows.csv" >&2; exit 2; }
	$(BIN)/python -m training retrain "$(NEW)"

evaluate: $(INSTALLED)  ## Measure the version in use on DATA=file.csv, labelled rows it has not seen
	@test -n "$(DATA)" || { echo "evaluate: no rows named; expected DATA=file.csv" >&2; exit 2; }
	$(BIN)/python -m training evaluate "$(DATA)"

classify: $(INSTALLED)  ## Classify IN=tasks.csv (column text; COLUMN= for another) into OUT=out.csv
	@test -n "$(IN)" -a -n "$(OUT)" || { echo "classify: no files named; expected IN=tasks.csv OUT=out.csv" >&2; exit 2; }
	@$(BIN)/python -m training train --if-missing
	$(BIN)/modality classify "$(IN)" --output "$(OUT)" --column "$(or $(COLUMN),text)"

serve: $(INSTALLED)  ## Answer on http://127.0.0.1:8000 (HOST=, PORT=); trains first if there is no version
	@$(BIN)/python -m training train --if-missing
	$(BIN)/modality serve --host $(HOST) --port $(PORT)

test: $(INSTALLED)  ## Run the tests
	$(BIN)/pytest

lint: $(INSTALLED)  ## Check style, the import rule and the labelled data
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m training check $(foreach set,$(TEST_SETS),--test-set $(set))

typecheck: $(INSTALLED)  ## Check types (mypy, strict)
	$(BIN)/mypy

check: lint typecheck test  ## All that CI runs

bench: $(INSTALLED)  ## Measure speed and memory into benchmarks/RESULTS.md (half an hour; HTTP needs wrk)
	@$(BIN)/python -m training train --if-missing
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.scorer
	$(BIN)/python -m benchmarks.files
	$(BIN)/python -m benchmarks.http

lock:  ## Renew requirements.lock (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-header pyproject.toml --output-file requirements.lock

clean:  ## Remove .venv and caches; trained versions stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
