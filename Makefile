# The two commands are `make demo` and `make test`. Everything stays in .venv and .agentflow, except the distribution's
# packages that are missing (Docker, OpenSSH, Chromium): those are named before they are installed.
PYTHON := .venv/bin/python
STAMP := .venv/.set-up

.PHONY: help setup demo test check chaos bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## put the environment into .venv

$(STAMP): requirements.txt pyproject.toml scripts/setup
	@scripts/setup

demo: $(STAMP) ## the main job on this machine, in the browser; ONCE=1: one run as text; PORT=…
	@$(PYTHON) -m bot.demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

test: $(STAMP) ## all tests, on real parts, three files at a time; JOBS=… ARGS=…
	@$(PYTHON) -m pytest --numprocesses $(or $(JOBS),3) --no-loadscope-reorder $(ARGS)

check: $(STAMP) ## style, types, import contracts, links
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check . || (echo 'Run: .venv/bin/ruff format .'; exit 1)
	@.venv/bin/pyright
	@.venv/bin/lint-imports
	@$(PYTHON) scripts/links.py

chaos: $(STAMP) ## everything on the way into the threads broken, 200 times; SEED=… repeats a run, FAULTS=… AGENTS=…
	@$(PYTHON) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(AGENTS),--agents $(AGENTS))

bench: $(STAMP) ## speed, as ratios to the same by hand; results in bench/results
	@$(PYTHON) -m bench

LOCKED = uv pip compile --quiet --generate-hashes --no-strip-extras --no-header --no-annotate --python-version 3.11 --universal

lock: ## pin the requirements again, of this directory and of the bot's image (needs uv)
	@$(LOCKED) --all-extras -o requirements.txt pyproject.toml
	@$(LOCKED) -c requirements.txt -o deploy/requirements.txt pyproject.toml
	@echo 'hatchling' | $(LOCKED) -c requirements.txt -o deploy/build-requirements.txt -

clean: ## remove what the two commands put into this directory
	@rm -rf .venv .agentflow
