# Two commands matter on a fresh machine: `make run` and `make test`. README.md has the rest.
TEST_WORKERS ?= 2
BENCH ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard backend/locale/*/LC_MESSAGES/*.po))
# Throwaway PostgreSQL and Valkey around one command, unless DATABASE_URL and REDIS_URL name others.
WITH_SERVERS := $(BIN)/python -m backend.embedded --

.PHONY: setup run test quick check bench lock clean

setup: $(INSTALLED) $(CATALOGUES)

$(INSTALLED): requirements-dev.lock
	@for python in python3.11 python3 none; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then echo "Linli needs Python 3.11 or later." >&2; exit 1; fi; \
	echo "Making .venv with $$("$$python" --version)"; \
	"$$python" -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $<
	@touch $@

%.mo: %.po $(INSTALLED)
	$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

run: setup
	@exec $(BIN)/python -m backend.run

test quick check bench: export DJANGO_SETTINGS_MODULE := backend.test_settings

test: check
	$(WITH_SERVERS) $(BIN)/python -m pytest -n $(TEST_WORKERS)

quick: setup
	$(WITH_SERVERS) $(BIN)/python -m pytest -n $(TEST_WORKERS) -m "not slow"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	# The types of models come from the settings, which want addresses; nothing is asked of them.
	DATABASE_URL=postgresql:///unused REDIS_URL=redis://unused $(BIN)/mypy .
	$(BIN)/lint-imports
	$(WITH_SERVERS) sh -ec ' \
	  $(BIN)/python manage.py check; \
	  $(BIN)/python manage.py makemigrations --check --dry-run; \
	  $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null'

# `make bench BENCH=import` runs that one, `make bench` all of them; as durable as a real server.
bench: setup
	$(BIN)/python -m backend.embedded --durable -- $(BIN)/python -m bench $(BENCH)

# After a change to pyproject.toml's dependencies. To take newer releases, delete the locks first.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header -q pyproject.toml
lock: setup
	$(COMPILE) --all-extras -o requirements-dev.lock
	$(COMPILE) -c requirements-dev.lock -o requirements.lock

# Everything that can be made again; what `make run` keeps in var/ stays.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -f $(CATALOGUES)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
