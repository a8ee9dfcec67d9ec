# `make run` starts FORLLM and all it needs; `make test` runs every check there is.

PYTHON = .venv/bin/python
CHECKED = forllm studio forum llmqueue personas llmconfig accounts core tests manage.py

# Tests are handed out one by one, in their order: browser tests late, as conftest.py says.
BESIDE = --numprocesses=2 --dist=loadgroup --no-loadscope-reorder

.PHONY: help run test tests checks check rows faults storm mutants format setup

help:
	@echo "make run     start FORLLM; the first time installs what it needs into .venv"
	@echo "make test    all checks and tests"
	@echo "make rows    the requirements that no test names yet"
	@echo "make mutants take away one guard after another and see a test notice"
	@echo "make faults  kill, cut and restart everything; SCALE=long takes an hour;"
	@echo "             ONLY=F02,F04 makes these alone"
	@echo "make storm   a thousand asks while all of that happens at once"
	@echo "make format  put the code into shape"

setup:
	@sh scripts/bootstrap.sh

run: setup
	@$(PYTHON) manage.py up

# The checks go beside the tests, and these in two processes with servers of their own;
# a server that is named for them, though, takes one process at a time.
test: setup
	@$(MAKE) --no-print-directory --jobs=2 checks tests

checks:
	@$(PYTHON) -m tests.services -- $(MAKE) --no-print-directory check

tests:
	@$(PYTHON) -m pytest $(if $(TEST_REDIS_URL),,$(BESIDE))

# Run by `make test`, which provides the settings and a database. The last check is of a
# site as others reach it: by https and with real mail.
check:
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/ruff check --quiet
	@.venv/bin/mypy $(CHECKED)
	@.venv/bin/lint-imports
	@$(PYTHON) manage.py makemigrations --check --dry-run
	@SITE_URL=https://forum.example EMAIL_URL=smtp://127.0.0.1 \
		$(PYTHON) manage.py check --deploy --fail-level WARNING

rows: setup
	@$(PYTHON) -m tests.rows

# Some minutes; ONLY=WORDS tries those whose name holds the words.
mutants: setup
	@$(PYTHON) -m tests.mutants $(ONLY)

faults: setup
	@$(PYTHON) -m tests.faults --scale $(or $(SCALE),short) \
		$(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

storm: setup
	@$(PYTHON) -m tests.faults --storm 1000 $(if $(SEED),--seed $(SEED))

format: setup
	@.venv/bin/ruff check --fix --quiet --select I,UP
	@.venv/bin/ruff format
