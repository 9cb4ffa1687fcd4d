.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
UV_VERSION := 0.13.9
CLI := tests/conformance/encryption_sdk_cli

# What Python compiles it keeps: hundreds of processes start in a test run, and each would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: alone bench-restore console-test console-pictures churn mutants fix watch release-notes deploy deploy-tools deploy-check image-inputs image-check kubernetes ecosystem kills soak mixed convergence test-deep adversary faults fuzz hostile condition-keys condition-keys-check operations operations-check help setup check lint test unit clean gen gen-check gen-clients proto types imports demo demo-xks bench bench-client bench-front bench-gate bench-xks bench-commands bench-processes bench-reload bench-rivals bench-scale bench-tokens overload policy contract scenario conformance migrate-check lock

help:  ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $(STAMP)

setup: $(STAMP)  ## make .venv from the lock file

bench: $(STAMP)  ## ratios to a no-op, measured in one run
	$(BIN)/python scripts/bench.py
	$(BIN)/python scripts/bench_xks.py

bench-xks: $(STAMP)  ## keys in an external key store alone: beside the signed call that they need, and beside a store that hangs
	$(BIN)/python scripts/bench_xks.py

bench-front: $(STAMP)  ## the CPU of a call behind Envoy ÷ behind grpcio, in one run
	$(BIN)/python scripts/bench_front.py

bench-client: $(STAMP)  ## CPU of the client library ÷ that of gRPC's bare stub, and of its import; fails where a goal is missed
	$(BIN)/python scripts/bench_client.py

bench-gate: $(STAMP)  ## fail where an Encrypt costs 1.3 times what was recorded, beside a no-op, on either front; half a minute
	$(BIN)/python scripts/bench_gate.py

bench-reload: $(STAMP)  ## the longest call while a Region takes a thousand new policies
	$(BIN)/python scripts/bench.py --reloads

bench-processes: $(STAMP)  ## CPU of an Encrypt on two processes under one parent ÷ on one, behind FRONT (grpcio or envoy)
	$(BIN)/python scripts/bench_processes.py --front $(or $(FRONT),grpcio)

bench-commands: $(STAMP)  ## CPU of commands that need no Region
	$(BIN)/python scripts/bench_commands.py

bench-scale: $(STAMP)  ## start, memory, listing, first calls and a warm one at 1,000, 10,000 and KEYS (100000) keys, on DATABASE (sqlite or postgresql)
	$(BIN)/python scripts/bench_scale.py --database $(or $(DATABASE),sqlite) --keys 1000 10000 $(or $(KEYS),100000)

bench-restore: $(STAMP)  ## how long a backup of KEYS (100,000) keys takes, and to serve again from it
	$(BIN)/python scripts/bench_restore.py $(or $(KEYS),100000)

bench-tokens: $(STAMP)  ## Encrypt with a key in a hardware token ÷ Encrypt with a key of the Region alone
	$(BIN)/python scripts/bench_tokens.py

bench-rivals: $(STAMP)  ## CPU of an Encrypt beside OpenBao and moto, in one run; WRITE=1: renew its tables and chart in docs/benchmarks.md
	$(BIN)/python scripts/bench_rivals.py $(if $(WRITE),--write)

overload: $(STAMP)  ## ten times what a Region can do, behind FRONT (grpcio or envoy): goodput, waiting and bystanders, as ratios in one run
	$(BIN)/python scripts/overload.py --front $(or $(FRONT),grpcio)

hostile: $(STAMP)  ## a minute of attacks beside honest callers, behind FRONT (grpcio or envoy); how long they wait
	$(BIN)/python scripts/hostile.py --front $(or $(FRONT),grpcio)

demo: $(STAMP)  ## the main job on two real Regions, step by step, behind FRONT (grpcio or envoy)
	$(BIN)/python scripts/demo.py --front $(or $(FRONT),grpcio)

demo-xks: $(STAMP)  ## two locks: one deployment as KMS, another as its external key manager
	$(BIN)/python scripts/demo_xks.py

fix: $(STAMP)  ## mend what mends itself: rules, formats, and every generated file and page
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .
	$(BIN)/buf format -w
	$(MAKE) --no-print-directory gen
	$(BIN)/meridian policy fmt policy/policies policy/tests/library
	$(MAKE) --no-print-directory operations condition-keys

watch: $(STAMP)  ## rerun the quick tests of a room when a file of it changes
	$(BIN)/python scripts/watch.py

release-notes: $(STAMP)  ## print what CHANGELOG.md says of VERSION
	@$(BIN)/python scripts/release_notes.py "$(VERSION)"

lint: $(STAMP)  ## ruff, rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lock:  ## renew the lock files from pyproject.toml and requirements.in
	$(BIN)/uv pip compile --quiet --upgrade --group pyproject.toml:dev --all-extras pyproject.toml --generate-hashes --no-header --no-emit-index-url \
	  --universal --python-version 3.11 -o requirements.lock
	$(BIN)/uv pip compile --quiet --all-extras pyproject.toml --constraint requirements.lock --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --universal --python-version 3.11 -o deploy/image/requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade $(CLI)/requirements.in --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --universal --python-version 3.11 -o $(CLI)/requirements.lock

gen: $(STAMP)  ## regenerate the stubs and the client's source from the protos
	$(BIN)/python scripts/gen_protos.py
	$(BIN)/python scripts/gen_client.py

gen-clients: $(STAMP)  ## regenerate the stubs of clients/go, clients/typescript and clients/rust, which needs go, npm and cargo
	$(BIN)/python scripts/gen_clients.py go
	cd clients/typescript && npm ci --no-audit --no-fund --ignore-scripts
	$(BIN)/python scripts/gen_clients.py typescript
	$(BIN)/python scripts/gen_clients.py rust

gen-check: $(STAMP)  ## fail where the committed stubs, or the client's source, differ from the protos
	$(BIN)/python scripts/gen_protos.py --check 2>/dev/null
	$(BIN)/python scripts/gen_client.py --check

operations: $(STAMP)  ## regenerate docs/operations.md from the protos and the tests
	$(BIN)/python scripts/operations.py

operations-check: $(STAMP)
	$(BIN)/python scripts/operations.py --check

condition-keys: $(STAMP)  ## regenerate docs/condition-keys.md from the table of condition keys and the policy tests
	$(BIN)/python scripts/condition_keys.py

condition-keys-check: $(STAMP)
	$(BIN)/python scripts/condition_keys.py --check

proto: $(STAMP)  ## buf lint and format
	$(BIN)/buf lint
	$(BIN)/buf format -d --exit-code

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

imports: $(STAMP)  ## the layers of the architecture
	$(BIN)/lint-imports --no-cache --verbose >/dev/null || $(BIN)/lint-imports --no-cache

policy: $(STAMP)  ## validate, test, cover and prove the policies with the service's own evaluator
	$(BIN)/meridian policy validate --strict policy/policies
	$(BIN)/meridian policy validate --strict policy/tests/library
	$(BIN)/meridian policy validate --strict policy/tests/exports
	$(BIN)/meridian policy fmt --check policy/policies policy/tests/library policy/tests/exports
	$(BIN)/meridian policy test policy/tests --policies policy/policies
	$(BIN)/meridian policy coverage policy/tests --policies policy/policies --fail-under 100
	$(BIN)/meridian policy prove policy/tests --policies policy/policies

check: policy gen-check operations-check condition-keys-check lint types imports proto migrate-check  ## what a change must pass, with test

unit: $(STAMP)  ## the quick tests of every room, under a minute on two cores
	$(BIN)/python scripts/quick_tests.py

mutants: $(STAMP)  ## small faults in four rooms that their quick tests must find: SAMPLE (400) of them, drawn alike each time; 0 plants all
	$(BIN)/python scripts/mutants.py --sample $(or $(SAMPLE),400)

contract: $(STAMP)  ## one suite per port, against every adapter; PostgreSQL included
	$(BIN)/pytest -q tests/contract

scenario: $(STAMP)  ## stories on real processes
	$(BIN)/pytest -q tests/scenario

conformance: $(STAMP)  ## the contract, its errors and its callers
	$(BIN)/pytest -q tests/conformance tests/architecture

migrate-check: $(STAMP)  ## migrations lead to the schema of the code, on both databases
	$(BIN)/pytest -q tests/contract/test_migrations.py

deploy: $(STAMP)  ## make deploy/base, components, Regions and the schema of the values from the chart and the code
	$(BIN)/python scripts/deploy.py

deploy-tools: $(STAMP)  ## bring the tools of deploy-check into .tools/
	$(BIN)/python scripts/deploy_tools.py

deploy-check: $(STAMP)  ## lint, render, judge and scan everything in deploy/, offline
	$(BIN)/python scripts/deploy_check.py

image-inputs: $(STAMP)  ## build/wheels for the image: Meridian's wheel, built twice and compared, the locked ones, the SBOM
	$(BIN)/python scripts/deploy_image.py

image-check: $(STAMP)  ## the same, build the image without a daemon, and serve a Region from it; BASE_IMAGE names a base
	$(BIN)/python scripts/deploy_image.py --build
	$(BIN)/pytest -q tests/deploy/test_the_image_serves_a_region.py

kubernetes: $(STAMP)  ## build etcd and kube-apiserver in at most SECONDS (1200), apply the chart to them, encrypt their Secrets
	$(BIN)/python scripts/kubernetes_programs.py $(or $(SECONDS),1200)
	$(BIN)/pytest -q -s tests/kubernetes/test_building.py tests/kubernetes/test_control_plane.py tests/kubernetes/test_secrets_in_etcd.py tests/kubernetes/test_from_a_clone.py

console-test: $(STAMP)  ## the web console in Chromium, people signing in at a real OpenID provider; needs Chromium and npm, or says what it skips
	$(BIN)/pytest -q -rs -n 0 tests/unit/console tests/scenario/test_console.py tests/scenario/test_settings_of_the_console.py tests/browser

console-pictures: $(STAMP)  ## the same walk, and docs/pictures made of it
	mkdir -p docs/pictures
	MERIDIAN_PICTURES=$(CURDIR)/docs/pictures $(BIN)/pytest -q -rs -n 0 tests/browser

ecosystem: $(STAMP)  ## bring OpenBao, SOPS, SDKs and others within SECONDS (2400), and show each of them working with a Region
	$(BIN)/python scripts/ecosystem_programs.py $(or $(SECONDS),2400) || echo "ecosystem: what is absent is skipped" >&2
	$(BIN)/pytest -q -rs -n 0 tests/ecosystem

fuzz: $(STAMP)  ## every parser of foreign bytes, SECONDS (60) each, guided by coverage
	$(BIN)/python scripts/fuzz.py $(or $(SECONDS),60)

adversary: $(STAMP)  ## hostile callers, hostile Regions, floods, forged logs, on real processes
	$(BIN)/pytest -q -n 2 --dist loadfile tests/adversary tests/fuzz

kills: $(STAMP)  ## kill Regions KILLS (200) times under load; what was acknowledged, lost, without a story
	$(BIN)/python scripts/kills.py $(or $(KILLS),200)

churn: $(STAMP)  ## MINUTES (2) of connections cut, calls given up, garbage, new certificates and a kill before Envoy; how long honest callers wait
	$(BIN)/python scripts/churn.py $(or $(MINUTES),2)

soak: $(STAMP)  ## MINUTES (60) of steady load with a fault every five; what went wrong, what grew
	$(BIN)/python scripts/soak.py $(or $(MINUTES),60)

mixed: $(STAMP)  ## CALLS (1000000) of every kind, changes of keys among them; fails where memory grows by 5 % once the caches are full
	$(BIN)/python scripts/mixed.py $(or $(CALLS),1000000)

alone: $(STAMP)  ## MINUTES (60) without any link between two Regions that are used all the while; what failed
	$(BIN)/python scripts/alone.py $(or $(MINUTES),60)

convergence: $(STAMP)  ## how long related keys differ after restarts and lost messages, RUNS (100) times; fails where the slowest percent takes over 5 s, or 30 where messages were lost
	$(BIN)/python scripts/convergence.py $(or $(RUNS),100)

faults: $(STAMP)  ## poisoned rows, databases that hang or start again
	$(BIN)/pytest -q tests/faults

test: $(STAMP)  ## every suite on two cores, a third in hand while tests wait, without what makes test-deep long
	$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not deep" tests

test-deep: $(STAMP)  ## kills at every point, lost Regions, floods, hanging databases, long searches, and a minute of fuzz of every parser
	MERIDIAN_DEEP=1 $(BIN)/pytest -q -n 2 --dist loadfile -m "deep or searched" tests
	$(BIN)/python scripts/fuzz.py $(or $(SECONDS),60)

clean:  ## remove the environment and caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
