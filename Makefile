# Two commands do everything on a machine with python3, make and git: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup demo test browser check bench shots docs lock format clean

help: ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(STAMP) ## the program and its tools in .venv, from the locked requirements

$(STAMP): requirements/dev.txt pyproject.toml
	@echo "Setting up $(VENV) from requirements/dev.txt (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## a real control plane, filled, with the live screen on it (a tour without a terminal)
	@$(BIN)/k8sops demo

test: $(STAMP) ## all tests, on real control planes, in JOBS processes (one more than cores); what fails once more, alone
	@$(BIN)/python -m tools.run_tests -n $(JOBS) --dist loadfile --durations 15

browser: ## where there is none, install one for tests of the local Slack's page (as root, with apt); else they are skipped
	@sh tools/get_browser.sh

check: $(STAMP) ## lint, types, import contracts, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.generated --check

docs: $(STAMP) ## write the generated pages again
	$(BIN)/python -m tools.generated

bench: $(STAMP) ## measure; figures go to docs/performance.md by hand, with the command
	$(BIN)/python -m tests.bench

shots: $(STAMP) ## screenshots (SVG, PNG) of a real sandbox, as it was at one moment; that of Slack where there is a browser
	$(BIN)/python -m screenshots.generate

lock: $(STAMP) ## compile requirements/*.txt anew
	$(BIN)/uv pip compile -q --generate-hashes --no-annotate --no-header --universal --python-version 3.11 pyproject.toml --extra slack -o requirements/run.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-annotate --no-header --universal --python-version 3.11 pyproject.toml --extra slack --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-annotate --no-header --universal --python-version 3.11 requirements/emulators.in -o requirements/emulators.txt

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what make made here; the control plane's binaries stay in the cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
