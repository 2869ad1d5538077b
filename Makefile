# AtlasPay. Needs only make and Python >= 3.11; everything else goes into .venv from requirements.lock.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# A copied or moved checkout carries a .venv whose programs point at the old place: make it again.
ifneq ($(wildcard $(STAMP)),)
ifneq ($(shell cat $(STAMP)),$(CURDIR))
.PHONY: $(STAMP)
endif
endif

.PHONY: help run demo test bench bench-full bench-names lint format types arch check lock stop clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: $(STAMP) ## the whole platform with sample payouts, until Ctrl-C
	@exec $(PY) -m atlaspay.run

demo: $(STAMP) ## the same on a fresh database, judged: exit 0 only if every end is as it must be
	@exec $(PY) -m atlaspay.run --demo

# Two at once: half the tests wait more than they compute. Tests of one file stay together.
test: $(STAMP) ## the whole test suite (ARGS="-k name" narrows it)
	@exec $(PY) -m pytest $(if $(ARGS),$(ARGS),-n 2 --dist loadfile)

bench: $(STAMP) ## the benchmarks, within five minutes; one JSON object as the last line
	@exec $(PY) -m bench $(ARGS)

bench-full: $(STAMP) ## the long benchmarks too
	@exec $(PY) -m bench --full $(ARGS)

bench-names: $(STAMP) ## how well and how fast names are matched, where the lists are at hand
	@exec $(PY) -m bench.names

lint: $(STAMP) ## ruff
	@$(PY) -m ruff check .

format: $(STAMP) ## let ruff sort imports and mend what it can
	@$(PY) -m ruff check --fix .

types: $(STAMP) ## mypy
	@$(PY) -m mypy

arch: $(STAMP) ## who may import whom
	@$(VENV)/bin/lint-imports

check: ## everything a submission must pass
	@exec sh .ci/run

stop: $(STAMP) ## stop embedded servers that were started by hand
	@$(PY) -m atlaspay.embedded stop

lock: ## resolve requirements.lock again (needs uv)
	@sh .ci/lock

clean: ## remove .venv, caches and the embedded servers' data
	@if [ -x $(PY) ] && [ -d .atlaspay ]; then $(PY) -m atlaspay.embedded stop --now; fi
	rm -rf $(VENV) .atlaspay .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP): requirements.lock
	@sh .ci/venv $(VENV)
	@printf '%s' '$(CURDIR)' > $@
