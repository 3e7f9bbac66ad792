# SPDX-License-Identifier: MIT OR Apache-2.0
# `make help` lists what there is: the daily words here, and the tasks of xtask/, each `make NAME` too.
# `make demo` and `make test` install what they miss.

CARGO ?= cargo
CC ?= cc
CXX ?= c++
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release
# What a static Rust library needs of the system on Linux.
C_LIBS := -lpthread -ldl -lm
DEMO_FLAGS ?=

# Where `make install` puts things.
PREFIX ?= /usr/local
DESTDIR ?=
# Below PREFIX; Debian's is lib/x86_64-linux-gnu and the like.
LIBDIR ?= lib
STAGE = $(DESTDIR)$(PREFIX)
STAGE_LIB = $(STAGE)/$(LIBDIR)
STAGE_DOC = $(STAGE)/share/doc/libale-media
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
# The archive in which all names but ale_* are local.
ARCHIVE := $(RELEASE)/package/libale_media.a
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
    -e 's|@MAJOR@|$(MAJOR)|g' -e 's|@LIBS@|$(C_LIBS)|g'

# Built before, so that no flags meant for others reach it; what compilers are called is told by names that
# no build script reads.
XTASK = C_COMPILER="$(CC)" CXX_COMPILER="$(CXX)" C_LIBS="$(C_LIBS)" $(TARGET_DIR)/debug/xtask
TASKS := aec-judge aec-quick bare-metal bindings-test budget budget-cross c-debug c-programs c-sanitize c-stack c-test c-wiped \
    check coverage covered cross cross-quick cross-test deb deb-test demo-ai devices-test edge edge-test features \
    firmware-library firmware-test fuzz header-check header-compiles interop judge libsrtp2 loom miri node-deb \
    node-soak node-test package-test process-cross process-test process-webrtc real-time relink-test reproducible sbom \
    searches shuttle sinks-peers sip-bridge small soak together tsan unsafe-budget wired

.DEFAULT_GOAL := help
.PHONY: help demo test quick build-tools tools peers library install programs header bench compare docs clean xtask $(TASKS)

help: xtask ## list all of these
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18
	@$(XTASK) help

demo: tools programs c-programs ## an encrypted conference of four phones on this machine, and its report
	$(RELEASE)/conference --c-phone $(RELEASE)/c/phone $(DEMO_FLAGS)

test: tools peers check ## everything that CI runs: formatting, lints, docs, header, tests in Rust and C, searches, the demo
	$(CARGO) test --workspace
	$(MAKE) together
	$(MAKE) demo DEMO_FLAGS="--quiet --duration 24 --out $(TARGET_DIR)/demo"

quick: unsafe-budget header-check ## formatting, lints and unit tests, in minutes
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) test --quiet -p ale-media --lib
	$(CARGO) test --quiet -p ale-media-ffi -p ale-media-header -p xtask

build-tools: ## fail if what the library itself needs is missing; nothing is installed unasked
	@for tool in $(CARGO) $(CC) cmake; do \
	    command -v $$tool >/dev/null || { echo "Please install $$tool: the library is built with Rust, a C compiler and cmake" >&2; exit 1; }; \
	done

tools: ## install what tests and programs need and this machine lacks
	@.ci/install-tools

peers: ## install the peers that tests compare with
	@.ci/install-tools ffmpeg gst-launch-1.0 tshark redis-server

library: build-tools ## libale_media.so in target/release, and libale_media.a in target/release/package
	$(CARGO) build --release -p ale-media-ffi
	@cmp -s $(RELEASE)/libale_media.a $(ARCHIVE).from && [ $(ARCHIVE) -nt ffi/package/localise ] || \
	    { ffi/package/localise $(RELEASE)/libale_media.a $(ARCHIVE) && ln -f $(RELEASE)/libale_media.a $(ARCHIVE).from; }

install: library ## headers, libraries, pkg-config and CMake files, manual, licences and bill of materials, under $(DESTDIR)$(PREFIX)
	install -d $(STAGE)/include $(STAGE_LIB)/pkgconfig $(STAGE_LIB)/cmake/AleMedia $(STAGE)/share/man/man3 $(STAGE_DOC)
	install -m 644 include/ale_*.h $(STAGE)/include/
	install -m 644 $(ARCHIVE) $(STAGE_LIB)/
	install -m 755 $(RELEASE)/libale_media.so $(STAGE_LIB)/libale_media.so.$(VERSION)
	ln -sf libale_media.so.$(VERSION) $(STAGE_LIB)/libale_media.so.$(MAJOR)
	ln -sf libale_media.so.$(MAJOR) $(STAGE_LIB)/libale_media.so
	$(FILL) ffi/package/ale-media.pc.in > $(STAGE_LIB)/pkgconfig/ale-media.pc
	for file in AleMediaConfig AleMediaConfigVersion; do \
	    $(FILL) ffi/package/$$file.cmake.in > $(STAGE_LIB)/cmake/AleMedia/$$file.cmake || exit 1; \
	done
	$(CARGO) run --quiet -p ale-media-header -- --manual $(STAGE)/share/man/man3
	install -m 644 LICENSE LICENSE-MIT LICENSE-APACHE CHANGELOG.md $(STAGE_DOC)/
	ffi/package/notices $(STAGE_DOC)/NOTICES
	@if command -v cargo-cyclonedx >/dev/null; then ffi/package/sbom $(STAGE_DOC)/ale-media.cdx.json; \
	    else echo "install: no bill of materials, there is no cargo-cyclonedx"; fi

programs: tools ## the programs of examples/, in target/release
	$(CARGO) build --release -p examples

header: ## write the headers in include/ and Debian's list of symbols anew from ffi/
	$(CARGO) run --quiet -p ale-media-header -- include
	$(CARGO) run --quiet -p ale-media-header -- --symbols ffi/package/debian

bench: tools ## criterion benches
	$(CARGO) bench -p benches

compare: tools $(if $(filter ffi,$(WHAT)),library) ## ours beside peers: make compare WHAT=srtp|jitter|mixer|codec|leg|ffi
	$(CARGO) run --release -p benches --bin compare -- $(WHAT)

docs: ## the crate's documentation, in target/doc
	$(CARGO) doc --workspace --no-deps

clean: ## remove what was built
	$(CARGO) clean
	rm -rf out

xtask:
	@$(CARGO) build --quiet -p xtask

# What tasks find built.
bindings-test c-programs c-sanitize c-stack c-test c-wiped features interop sip-bridge: library
c-test interop: c-programs
interop judge: programs
budget budget-cross coverage cross cross-quick cross-test features firmware-library fuzz libsrtp2 process-cross process-test process-webrtc: tools

$(TASKS): xtask
	@$(XTASK) $@
