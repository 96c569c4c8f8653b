# Footlight's commands. `make` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help deps test-deps build page run test check unit explore e2e conformance rehearse cable bench fuzz advisories lab-deps lab-up lab-down ansible-check test-lab packages test-packages packages-twice test-appliance test-vm

# Where Rust's installer puts cargo, for a shell that was open before.
export PATH := $(PATH):$(HOME)/.cargo/bin

say = @printf '\033[1m==> %s\033[0m\n' "$(1)"

DEBIAN := build-essential pkg-config curl ca-certificates git openssl iproute2 \
  libsystemd-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav \
  ffmpeg fonts-dejavu-core
DEBIAN_TEST := chromium xvfb obs-studio rtmpdump systemd python3-pip python3-venv nftables caddy
DEBIAN_BENCH := nginx libnginx-mod-rtmp haproxy varnish hitch
DEBIAN_LAB := systemd-container mmdebstrap dpkg-dev nftables openssh-client python3 iproute2 caddy
NEXTEST := 0.9.143
DENY := 0.20.2
DEB := 3.8.0
CYCLONEDX := 0.5.9

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

deps: ## what building and running needs, from Debian's packages (under 2 s when all is there)
	@$(call install,$(DEBIAN))
	@command -v node >/dev/null && command -v npm >/dev/null || { $(call install,nodejs npm); }
	@command -v cargo >/dev/null || { \
	  echo "==> Rust's own installer fetches the pinned toolchain"; \
	  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none; }

test-deps: deps ## and what the tests need on top
	@$(call install,$(DEBIAN_TEST))
	@cargo nextest --version 2>/dev/null | grep -q 'cargo-nextest' || cargo install --locked cargo-nextest@$(NEXTEST)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@$(DENY)
	@$(MAKE) --no-print-directory tests/ffmpeg/imageio_ffmpeg/__init__.py

# An ffmpeg that speaks Enhanced RTMP; nothing outside this directory is touched.
tests/ffmpeg/imageio_ffmpeg/__init__.py: tests/ffmpeg/requirements.txt
	@python3 -m pip install --quiet --root-user-action=ignore --upgrade --target tests/ffmpeg -r $<
	@touch $@

# Installs those of the packages $(1) that are missing; one question to dpkg when none is.
define install
missing=$$(comm -23 <(printf '%s\n' $(1) | sort -u) <(dpkg-query -W -f '$${db:Status-Abbrev}$${Package}\n' $(1) 2>/dev/null | sed -n 's/^ii //p' | sort -u)); \
if [ -n "$$missing" ]; then \
  echo "==> apt installs:" $$missing; \
  as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
  command -v apt-get >/dev/null || { echo "apt-get is missing: Footlight builds on Debian 12; elsewhere install the packages named above by hand" >&2; exit 69; }; \
  $$as_root apt-get update -q && $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
fi
endef

page: distributor/page/dist/manifest.json ## the watch page, built into the distributor

distributor/page/dist/manifest.json: $(wildcard distributor/page/package*.json distributor/page/*.mjs distributor/page/src/*)
	$(call say,building the watch page)
	@cd distributor/page && npm ci --no-audit --no-fund --silent && npm run --silent build
	@touch $@

# Drives Debian's Chromium; no browser is downloaded.
tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	$(call say,installing the browser's driver)
	@cd tests/browser && npm ci --no-audit --no-fund --silent
	@touch $@

# An S3 server.
tests/bucket/node_modules/.package-lock.json: tests/bucket/package-lock.json
	$(call say,installing an S3 server for the tests)
	@cd tests/bucket && npm ci --no-audit --no-fund --silent
	@touch $@

# A validator that is not ours, with a lock file and a target directory of its own.
target/cmaf/debug/cmaf: tests/cmaf/Cargo.toml tests/cmaf/Cargo.lock tests/cmaf/src/main.rs
	$(call say,building the validator of CMAF)
	@cargo build --quiet --locked --manifest-path tests/cmaf/Cargo.toml --target-dir target/cmaf
	@touch $@

build: page
	$(call say,building the daemons)
	@cargo build --release --workspace --bins --exclude bench

run: deps build ## the three daemons on this machine, and a page to watch (SHOW=1: with a test show)
	@exec ./target/release/onebox

test: test-deps page ## everything that a submission must pass
	@$(MAKE) --no-print-directory check ansible-check unit e2e

check: ## formatting, lints, licences
	$(call say,formatting)
	@cargo fmt --all --check
	$(call say,lints)
	@cargo clippy --workspace --all-targets -- -D warnings
	@cargo clippy -p live --quiet -- -D warnings
	$(call say,licences and bans)
	@cargo deny --log-level error check bans licenses sources
	@cargo deny --manifest-path tests/cmaf/Cargo.toml --log-level error --config deny.toml check bans licenses sources

# The property tests of a submission are the same each time; make explore is for finding more.
SEED := 20261121

# One selection of packages for both, so that cargo builds once; with the tests it builds the daemons they start.
unit: page tests/browser/node_modules/.package-lock.json tests/bucket/node_modules/.package-lock.json ## unit and property tests, and every fuzz corpus
	$(call say,unit and property tests)
	@PROPTEST_RNG_SEED=$(SEED) cargo nextest run --workspace -E 'not package(tests)'
	@cd distributor/page && npm test --silent
	@cd tests/browser && npm test --silent

explore: tests/bucket/node_modules/.package-lock.json ## the property tests on inputs that nobody has tried, ROUNDS=10 times
	@for round in $$(seq $(or $(ROUNDS),10)); do cargo nextest run --workspace --no-fail-fast -E 'not package(tests)' || exit 1; done

e2e: page tests/browser/node_modules/.package-lock.json target/cmaf/debug/cmaf ## the three real daemons, a real encoder, a real browser
	$(call say,end to end)
	@cargo nextest run --workspace --no-fail-fast -E 'package(tests)'

conformance: test-deps page tests/browser/node_modules/.package-lock.json target/cmaf/debug/cmaf ## the linter, others' validators and players over a real show: target/conformance.md
	@rm -rf target/conformance
	$(call say,a show before all judges)
	@failed=; cargo nextest run --workspace --no-fail-fast -E 'package(tests) & test(/^conformance::/)' || failed=1; \
	{ printf '# Conformance of %s, %s\n\n' "$$(git describe --always --dirty)" "$$(date -u +%FT%TZ)"; cat target/conformance/*.md; } >target/conformance.md; \
	echo "==> target/conformance.md$${failed:+, and not all is as it must be}"; test -z "$$failed"

rehearse: deps build ## a show under the systemd units, on a systemd of its own (as root)
	@systemd/rehearse target/release

cable: deps build ## a publisher's cable is pulled: mux must notice within 8 s (as root)
	@tests/cable/pull target/release

packages: deps page ## the Debian packages, their contents as CycloneDX and their sums: target/packages
	@$(call install,dpkg-dev)
	@cargo deb --version 2>/dev/null | grep -qF $(DEB) || cargo install --locked cargo-deb@$(DEB)
	@cargo cyclonedx --version 2>/dev/null | grep -qF $(CYCLONEDX) || cargo install --locked cargo-cyclonedx@$(CYCLONEDX)
	@packaging/build target/packages
	@packaging/examine target/packages

packages-twice: packages ## and once more from nothing, from a clean checkout in another place: the same bytes
	@packaging/twice target/packages

test-packages: packages lab-deps ## installed, upgraded, removed and purged on a machine of the lab (as root)
	@packaging/rehearse target/packages

# T0, what can be judged without a machine; then the courses on booted ones. Exit 77 of the latter: no machine can be booted here.
test-appliance: ansible-check packages lab-deps tests/browser/node_modules/.package-lock.json ## from bare Debian to a show, and an upgrade in the middle of it, on booted machines: about half an hour (as root)
	$(call say,units)
	@cargo nextest run -p live --test units
	@cargo build --release -p tests --bin audience
	$(call say,on booted machines)
	@ansible/tests/appliance one-box three-boxes upgrade

lab-deps:
	@$(call install,$(DEBIAN_LAB))

lab-up: lab-deps ## boots Debian machines to put the appliance on, BOXES=3 (as root; ansible/lab/lab --help)
	@ansible/lab/lab up --boxes $(or $(BOXES),3)

test-lab: lab-deps ## the lab keeps what it promises, and leaves nothing behind (as root)
	@ansible/lab/test

test-vm: packages lab-deps target/ansible/pinned/.installed ## what only a kernel of its own can show, on an emulated machine (as root)
	@ansible/tests/appliance kernel

lab-down: ## clears the machines away, also what a killed run has left
	@ansible/lab/lab down

# Debian 12's own ansible-core, for who installs Ansible with apt.
ANSIBLE_OLDEST := 2.14.18

target/ansible/%/.installed: ansible/requirements.txt
	$(call say,installing Ansible ($*))
	@python3 -m venv target/ansible/$*
	@target/ansible/$*/bin/pip install --quiet --disable-pip-version-check $(if $(filter pinned,$*),-r $<,ansible-core==$(ANSIBLE_OLDEST))
	@touch $@

ansible-check: target/ansible/pinned/.installed target/ansible/oldest/.installed ## the appliance's roles and playbooks: lints, syntax, arguments, old traps
	$(call say,roles and playbooks)
	@cd ansible && for test in tests/test_*.py; do ../target/ansible/pinned/bin/python "$$test" --quiet; done
	@cd ansible && for core in oldest pinned; do for example in one-box three-boxes festival; do \
	  ../target/ansible/$$core/bin/ansible-playbook -i examples/$$example.yml --syntax-check playbooks/*.yml >/dev/null; done; done
	@cd ansible && PATH="$$PWD/../target/ansible/pinned/bin:$$PATH" ansible-lint --offline -q .

bench: deps page tests/browser/node_modules/.package-lock.json ## beside nginx, HAProxy, Varnish, nginx-rtmp, ffmpeg and others, about twenty minutes; RESULT=file.json keeps the numbers
	@$(call install,$(DEBIAN_BENCH) chromium)
	$(call say,building the daemons and the load)
	@cargo build --release -p mux -p transcoder -p distributor -p tests -p bench
	@./target/release/bench $(if $(RESULT),--json $(RESULT))

fuzz: ## every fuzz target for a minute (needs cargo-fuzz and a nightly toolchain)
	@cd fuzz && for target in $$(cargo +nightly fuzz list); do cargo +nightly fuzz run "$$target" -- -max_total_time=60; done

advisories: ## known weaknesses in our dependencies (needs a network)
	@cargo deny check advisories || { echo "advisories NOT checked or found wanting: see above" >&2; exit 1; }
