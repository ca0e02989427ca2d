# One command runs what CI runs: make test
bin := .venv/bin
# Fixtures of workarounds are other people's scripts; Python has scripts in its texts.
shell_scripts = $(shell git ls-files ':!tests/workarounds' ':!*.py' | xargs grep -slE '^\#!.*\b(ba|da)?sh\b' --)

.DEFAULT_GOAL := help
.PHONY: help setup up test unit vm lint format bench lock docs clean

help: ## say what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the system packages and .venv; nothing is done twice
	@scripts/setup

up: setup ## set up this host and bring up the Glance example
	$(bin)/devbox -C examples/glance-dev up --yes

test: setup lint unit vm ## set up, then check everything, in real machines too

unit: setup ## the tests that boot no machine
	$(bin)/pytest -m 'not vm' --durations 12 --numprocesses 2 --dist worksteal

vm: setup ## the tests that boot machines, two environments at a time
	$(bin)/pytest -m vm tests/contract # alone: its machines have the addresses of tests/vm/test_libvirt.py
	$(bin)/pytest -v -m vm tests/vm --durations 30 --numprocesses 2 --dist loadscope --no-loadscope-reorder

lint: setup ## style, types, import direction, playbooks, shell scripts
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports
	PATH=$(CURDIR)/$(bin):$$PATH $(bin)/ansible-lint --offline -q playbooks bench/projects
	$(bin)/shellcheck --severity=warning $(shell_scripts)

format: setup ## write Python the one way
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

bench: setup ## measure; prints a table and writes build/bench.json
	$(bin)/python -m bench

lock: setup ## pin the newest versions of all Python packages that fit
	scripts/lock --upgrade

docs: setup ## write docs/reference.md, docs/workarounds.md and the table in docs/scrub.md anew
	$(bin)/python scripts/reference.py docs/reference.md
	$(bin)/python scripts/workarounds.py docs/workarounds.md
	$(bin)/python scripts/operations.py docs/scrub.md

clean: ## remove what was built here; images and machines stay (devbox destroy, devbox gc)
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .ansible
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
