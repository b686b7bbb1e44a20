# What there is to run. Each target does its own set-up; see CONTRIBUTING.md.

CARGO ?= cargo
# For example `--locked`.
CARGO_OPTIONS ?=
CARGO_TARGET_DIR ?= target
# How many storms `make sim` runs.
SEEDS ?= 1000
# How long `make soak` runs, after one round to get warm.
SECONDS ?= 1800
# Which part of all changes `make mutants` tries: the first of four, or 0/1 for all.
SHARD ?= 0/4
# Where an installer puts cargo, and where Debian keeps `ip`, though a shell may not look there.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin:/sbin

.PHONY: help demo test sim soak models instructions conformance mutants interop bench need-cargo

help:
	@echo 'make demo      publish a service on the loopback link and find it again'
	@echo 'make test      format, clippy, documentation, all tests that need nothing installed'
	@echo 'make sim       whole links under a virtual clock, SEEDS=n storms and a crowd of 1,000 hosts'
	@echo 'make soak      everything at once that a link can do to one process, SECONDS=n (1800)'
	@echo 'make models    budgets and their kin under every interleaving of a few threads'
	@echo 'make instructions  what messages cost, counted by valgrind and compared with what is kept'
	@echo 'make conformance  which rules of the RFCs have a passing test (STRICT=1: fail below all)'
	@echo 'make mutants   change lines of wire/ and protocol/ one by one: do the tests notice? (hours)'
	@echo 'make bench     what it costs, with peers beside, in one table (as root; half an hour)'
	@echo 'make interop   against Avahi, python-zeroconf and mdns-sd, in network namespaces (as root)'

demo: need-cargo
	$(CARGO) run $(CARGO_OPTIONS) --example demo

# `--test …` beside `--all-targets`, because `cargo test` leaves those out on purpose.
test: need-cargo
	$(CARGO) fmt --check
	$(CARGO) clippy $(CARGO_OPTIONS) --all-features --all-targets \
	    --test instructions --test interop --test soak --test conformance_report -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(CARGO_OPTIONS) --all-features --no-deps
	$(CARGO) test $(CARGO_OPTIONS) --all-features --no-run
	tests/keep-log '$(CARGO_TARGET_DIR)/test.log' \
	    tests/with-namespaces $(CARGO) test $(CARGO_OPTIONS) --all-features

# SEED=n runs the storm of one seed again.
sim: need-cargo
	SEEDS=$(SEEDS) $(if $(SEED),SEED=$(SEED)) \
	    $(CARGO) test $(CARGO_OPTIONS) --profile bench --all-features --test sim -- --show-output

soak: need-cargo
	$(CARGO) test $(CARGO_OPTIONS) --profile bench --all-features --test soak --no-run
	SECONDS=$(SECONDS) tests/with-namespaces \
	    $(CARGO) test $(CARGO_OPTIONS) --profile bench --all-features --test soak

# With other atomics and locks, so the library is built once more, in a folder of its own.
models: need-cargo
	RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR='$(abspath $(CARGO_TARGET_DIR))/models' \
	    $(CARGO) test $(CARGO_OPTIONS) --manifest-path tests/models/Cargo.toml

# UPDATE=1 keeps what was counted. As root where valgrind is missing.
UPDATE ?=
instructions: need-cargo
	tests/instructions/set-up
	UPDATE=$(UPDATE) \
	    $(CARGO) test $(CARGO_OPTIONS) --profile bench --all-features --test instructions

# Runs all tests; LOG=target/test.log takes what `make test` kept instead. In `CI` a skipped test
# fails: it shows nothing.
LOG ?=
conformance: need-cargo
ifeq ($(LOG),)
	$(CARGO) test $(CARGO_OPTIONS) --all-features --no-run
	@echo "running all tests; their output goes to $(CARGO_TARGET_DIR)/conformance.log"
	@CI=1 CARGO_TERM_COLOR=never tests/with-namespaces $(CARGO) test $(CARGO_OPTIONS) --all-features \
	    --no-fail-fast >'$(CARGO_TARGET_DIR)/conformance.log' 2>&1 || echo 'some tests failed'
endif
	@$(CARGO) test $(CARGO_OPTIONS) --all-features --quiet --test conformance_report -- \
	    '$(or $(LOG),$(CARGO_TARGET_DIR)/conformance.log)'

# The figures of the last run are in src/manual/mutants.md.
mutants: need-cargo
	command -v cargo-mutants >/dev/null || $(CARGO) install --locked cargo-mutants
	$(CARGO) mutants --config tests/mutants.toml --sharding round-robin --shard $(SHARD) \
	    --output $(CARGO_TARGET_DIR)

interop: need-cargo
	$(CARGO) fmt --manifest-path benches/peers/Cargo.toml --check
	tests/peers/set-up '$(CARGO_TARGET_DIR)/peers'
	$(CARGO) test $(CARGO_OPTIONS) --all-features --test interop

# `ROUNDS=1 make bench ONLY=responder` is a quick look at one part: responder, browse, flood, idle
# or life; without ONLY the benches without a network run first. The command that `link` measures is
# built as it is installed.
ROUNDS ?= 5
ONLY ?=
BENCHES = $(shell sed -n '/^\[\[bench\]\]/{n;s/name = "\(.*\)"/\1/p}' Cargo.toml)
bench: need-cargo
	tests/peers/set-up '$(CARGO_TARGET_DIR)/peers'
ifeq ($(ONLY),)
	for bench in $(filter-out link,$(BENCHES)); do \
	    $(CARGO) bench $(CARGO_OPTIONS) --all-features --bench $$bench || exit 1; \
	done
endif
	ROUNDS=$(ROUNDS) ONLY=$(ONLY) \
	    $(CARGO) bench $(CARGO_OPTIONS) --profile release --features cli --bench link

need-cargo:
	@command -v $(CARGO) >/dev/null || { \
	    echo 'cargo is missing: install Rust 1.85 or newer from https://rustup.rs' >&2; exit 1; }
	@command -v cc >/dev/null || { \
	    echo 'a linker is missing: install a C compiler (on Debian: apt-get install gcc libc6-dev)' >&2; \
	    exit 1; }
