# SPDX-License-Identifier: MIT OR Apache-2.0
# `make help` lists what there is. `make demo` and `make test` install what they miss.

CARGO ?= cargo
CC ?= cc
CXX ?= c++
SECONDS ?= 60
SEEDS ?= 4
HOURS ?= 24
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release
C_FLAGS := -std=c99 -O2 -g -Wall -Wextra -Werror -pedantic -Iinclude
# What a static Rust library needs of the system on Linux.
C_LIBS := -lpthread -ldl -lm
DEMO_FLAGS ?=
# What holds the repository to its own rules (xtask/): built before, so that no flags meant for others reach it.
XTASK := $(TARGET_DIR)/debug/xtask

# Where `make install` puts things.
PREFIX ?= /usr/local
DESTDIR ?=
# Below PREFIX; Debian's is lib/x86_64-linux-gnu and the like.
LIBDIR ?= lib
STAGE = $(DESTDIR)$(PREFIX)
STAGE_LIB = $(STAGE)/$(LIBDIR)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
# The archive in which all names but ale_* are local.
ARCHIVE := $(RELEASE)/package/libale_media.a
DEB_BUILD = $(TARGET_DIR)/deb/build
SBOM = $(TARGET_DIR)/ale-media.cdx.json
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
    -e 's|@MAJOR@|$(MAJOR)|g' -e 's|@LIBS@|$(C_LIBS)|g'

.DEFAULT_GOAL := help
.PHONY: help quick xtask bindings-test build-tools demo test check tools peers library programs c-programs header header-check header-compiles \
        c-test c-sanitize c-debug c-wiped c-stack firmware-library firmware-test sip-bridge interop install package-test deb deb-test sbom reproducible features libsrtp2 relink-test \
        loom shuttle miri tsan searches small real-time soak coverage unsafe-budget budget bench compare judge process-webrtc process-test aec-judge aec-quick fuzz bare-metal cross cross-quick cross-test cross-tools docs clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: tools programs c-programs ## an encrypted conference of four phones on this machine, and its report
	$(RELEASE)/conference --c-phone $(RELEASE)/c/phone $(DEMO_FLAGS)

test: tools peers check ## everything that CI runs: formatting, lints, docs, header, tests in Rust and C, searches, the demo
	$(CARGO) test --workspace
	$(MAKE) bare-metal
	$(MAKE) c-test
	$(MAKE) package-test
	@if command -v dpkg >/dev/null; then $(MAKE) deb-test; else echo "deb-test: skipped, there is no dpkg"; fi
	$(MAKE) interop
	$(MAKE) searches
	$(MAKE) cross-quick
	$(MAKE) budget
	$(MAKE) demo DEMO_FLAGS="--quiet --duration 24 --out $(TARGET_DIR)/demo"

quick: unsafe-budget header-check ## formatting, lints and unit tests, in minutes
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) test --quiet -p ale-media --lib
	$(CARGO) test --quiet -p ale-media-ffi -p ale-media-header -p xtask

check: tools header-check header-compiles unsafe-budget ## formatting, lints, documentation and header, without running anything
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p ale-media --all-targets --no-default-features --features std -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(CARGO) check -p ale-media-fuzz --bins --features libfuzzer --quiet
	@if command -v cargo-deny >/dev/null; then \
	    $(CARGO) deny --log-level error check licenses bans sources; \
	    $(CARGO) deny --log-level error --offline check advisories 2>$(TARGET_DIR)/advisories || \
	        { if grep -q '^error\[' $(TARGET_DIR)/advisories; then cat $(TARGET_DIR)/advisories; exit 1; fi; \
	          echo "check: no database of advisories at hand (cargo deny fetch); they are not looked at"; }; \
	else \
	    echo "check: licences, sources and advisories are not looked at without cargo-deny: .ci/rust-tool cargo-deny"; \
	fi

build-tools: ## fail if what the library itself needs is missing; nothing is installed unasked
	@for tool in $(CARGO) $(CC) cmake; do \
	    command -v $$tool >/dev/null || { echo "Please install $$tool: the library is built with Rust, a C compiler and cmake" >&2; exit 1; }; \
	done

tools: ## install what tests and programs need and this machine lacks
	@.ci/install-tools

peers: ## install the peers that tests compare with
	@.ci/install-tools ffmpeg gst-launch-1.0 tshark

library: build-tools ## libale_media.so in target/release, and libale_media.a in target/release/package
	$(CARGO) build --release -p ale-media-ffi
	ffi/package/localise $(RELEASE)/libale_media.a $(ARCHIVE)

install: library ## header, libraries, pkg-config and CMake files, manual, licences and bill of materials, under $(DESTDIR)$(PREFIX)
	install -d $(STAGE)/include $(STAGE_LIB)/pkgconfig $(STAGE_LIB)/cmake/AleMedia $(STAGE)/share/man/man3 \
	    $(STAGE)/share/doc/libale-media
	install -m 644 include/ale_*.h $(STAGE)/include/
	install -m 644 $(ARCHIVE) $(STAGE_LIB)/
	install -m 755 $(RELEASE)/libale_media.so $(STAGE_LIB)/libale_media.so.$(VERSION)
	ln -sf libale_media.so.$(VERSION) $(STAGE_LIB)/libale_media.so.$(MAJOR)
	ln -sf libale_media.so.$(MAJOR) $(STAGE_LIB)/libale_media.so
	$(FILL) ffi/package/ale-media.pc.in > $(STAGE_LIB)/pkgconfig/ale-media.pc
	$(FILL) ffi/package/AleMediaConfig.cmake.in > $(STAGE_LIB)/cmake/AleMedia/AleMediaConfig.cmake
	$(FILL) ffi/package/AleMediaConfigVersion.cmake.in \
	    > $(STAGE_LIB)/cmake/AleMedia/AleMediaConfigVersion.cmake
	$(CARGO) run --quiet -p ale-media-header -- --manual $(STAGE)/share/man/man3
	install -m 644 LICENSE LICENSE-MIT LICENSE-APACHE CHANGELOG.md $(STAGE)/share/doc/libale-media/
	ffi/package/notices $(STAGE)/share/doc/libale-media/NOTICES
	@if command -v cargo-cyclonedx >/dev/null; then \
	    ffi/package/sbom $(STAGE)/share/doc/libale-media/ale-media.cdx.json; \
	else \
	    echo "install: no bill of materials, there is no cargo-cyclonedx"; \
	fi

package-test: xtask ## the installed library as its users find it: pkg-config, CMake, and beside others
	rm -rf $(TARGET_DIR)/stage
	$(MAKE) install PREFIX=$(abspath $(TARGET_DIR))/stage DESTDIR=
	CC="$(CC)" XTASK=$(XTASK) ffi/tests/package/run $(abspath $(TARGET_DIR))/stage $(abspath $(TARGET_DIR))/package-test

# Built and installed here, packed by debhelper in a folder of its own.
deb: library ## Debian packages of library, headers and manual, debug symbols apart, in target/deb (needs debhelper)
	@.ci/install-tools dh
	rm -rf $(TARGET_DIR)/deb
	mkdir -p $(DEB_BUILD)
	cp -R ffi/package/debian $(DEB_BUILD)
	@grep -q '^ale-media ($(VERSION)-' ffi/package/debian/changelog || { echo "deb: ffi/package/debian/changelog lacks $(VERSION)" >&2; exit 1; }
	umask 022; $(MAKE) install PREFIX=/usr LIBDIR=lib/$$(dpkg-architecture -qDEB_HOST_MULTIARCH) \
	    DESTDIR=$(abspath $(DEB_BUILD))/stage
	ffi/package/notices --debian $(DEB_BUILD)/debian/copyright
	cd $(DEB_BUILD) && umask 022 && DEB_RULES_REQUIRES_ROOT=no MAKEFLAGS= debian/rules binary

deb-test: deb ## what lintian says of the Debian packages, and README's program and a phone built on them installed
	@.ci/install-tools lintian
	CC="$(CC)" ffi/tests/package/deb $(abspath $(TARGET_DIR))/deb $(abspath $(TARGET_DIR))/deb-test

sbom: ## a bill of materials of the library (CycloneDX; needs cargo-cyclonedx), in target
	@command -v cargo-cyclonedx >/dev/null || { echo "needs cargo-cyclonedx: .ci/rust-tool cargo-cyclonedx"; exit 1; }
	@mkdir -p $(TARGET_DIR)
	ffi/package/sbom $(SBOM)

reproducible: ## build the library twice in different places; fail unless the bytes are the same
	ffi/package/reproducible

programs: tools ## the programs of examples/, in target/release
	$(CARGO) build --release -p examples

c-programs: library ## the programs of examples/c, in target/release/c
	@mkdir -p $(RELEASE)/c
	@set -e; for program in $(filter-out %/sip_bridge.c,$(wildcard examples/c/*.c)); do \
	    $(CC) $(C_FLAGS) $$program -o $(RELEASE)/c/$$(basename $$program .c) \
	        $(ARCHIVE) $(C_LIBS); \
	done

sip-bridge: library ## examples/c/sip_bridge, on Debian's libre-dev
	@.ci/install-tools re.h
	@mkdir -p $(RELEASE)/c
	$(CC) $(C_FLAGS) $$(pkg-config --cflags libre | sed 's/-I/-isystem /g') examples/c/sip_bridge.c \
	    -o $(RELEASE)/c/sip_bridge $(ARCHIVE) $$(pkg-config --libs libre) $(C_LIBS)

interop: programs c-programs sip-bridge libsrtp2 ## calls with baresip, ffmpeg, GStreamer and pylibsrtp, by what is heard
	@.ci/install-tools baresip ffmpeg gst-launch-1.0 gst-srtp python3-venv srtp.h
	$(CC) $(C_FLAGS) ffi/tests/interop/tone.c -o $(RELEASE)/c/tone -lm
	$(CC) $(C_FLAGS) ffi/tests/interop/srtp_pipe.c -o $(RELEASE)/c/srtp_pipe $(ARCHIVE) $(C_LIBS)
	ffi/tests/interop/run $(abspath $(RELEASE)) $(abspath $(TARGET_DIR))/interop

c-test: library c-programs xtask ## the C tests: plain, under valgrind, and by clang's sanitizers
	@mkdir -p $(RELEASE)/c
	$(XTASK) covered
	$(XTASK) wired
	@set -e; for test in ffi/tests/c/*.c; do \
	    name=$(RELEASE)/c/$$(basename $$test .c); \
	    $(CC) $(C_FLAGS) $$test -o $$name $(ARCHIVE) $(C_LIBS); \
	    echo "$$test"; $$name; \
	    valgrind --quiet --leak-check=full --error-exitcode=1 $$name; \
	done
	sed -n '/^```c$$/,/^```$$/{/^```/d;p}' README.md > $(RELEASE)/c/readme.c
	$(CC) $(C_FLAGS) $(RELEASE)/c/readme.c -o $(RELEASE)/c/readme $(ARCHIVE) $(C_LIBS)
	valgrind --quiet --leak-check=full --error-exitcode=1 $(RELEASE)/c/readme
	@for headers in ffi/tests/abi/*/; do \
	    CC="$(CC)" C_FLAGS="$(filter-out -Iinclude,$(C_FLAGS))" C_LIBS="$(C_LIBS)" \
	        $(XTASK) abi $$headers $(ARCHIVE) $(TARGET_DIR)/abi || exit 1; \
	done
	.ci/c-phones $(RELEASE)/c
	@set -e; for program in codec_plugin own_memory ivr two_lines mini_pbx; do \
	    valgrind --quiet --leak-check=full --error-exitcode=1 $(RELEASE)/c/$$program; \
	done
	$(RELEASE)/c/handsfree
	$(MAKE) c-sanitize c-debug c-wiped c-stack bindings-test

bindings-test: library xtask ## what pycparser, cffi and bindgen make of the headers
	@.ci/install-tools clang python3-venv
	-@.ci/rust-tool bindgen
	CC="$(CC)" XTASK=$(XTASK) ffi/tests/bindings/run include $(RELEASE)/libale_media.so $(TARGET_DIR)/bindings

c-sanitize: library ## the C tests by clang, under AddressSanitizer and UndefinedBehaviorSanitizer
	@.ci/install-tools clang libclang-rt
	@mkdir -p $(RELEASE)/c
	@set -e; for test in ffi/tests/c/*.c; do \
	    name=$(RELEASE)/c/$$(basename $$test .c)-sanitized; \
	    clang $(C_FLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all $$test -o $$name \
	        $(ARCHIVE) $(C_LIBS); \
	    echo "$$test, sanitized"; $$name >/dev/null; \
	done

c-debug: ## what only a debug build of the library does: to find out what is destroyed twice
	$(CARGO) build --quiet -p ale-media-ffi
	@mkdir -p $(TARGET_DIR)/debug/c
	$(CC) $(C_FLAGS) ffi/tests/debug/destroyed_twice.c -o $(TARGET_DIR)/debug/c/destroyed_twice \
	    $(TARGET_DIR)/debug/libale_media.a $(C_LIBS)
	$(TARGET_DIR)/debug/c/destroyed_twice
	$(TARGET_DIR)/debug/c/destroyed_twice taken

# Not under valgrind, which minds that a stack and blocks are read as they are.
c-wiped: library ## no copy of a key on the stack or in freed memory, in release and debug builds
	$(CARGO) build --quiet -p ale-media-ffi
	@mkdir -p $(RELEASE)/c $(TARGET_DIR)/debug/c
	$(CC) $(C_FLAGS) -Iffi/tests/c ffi/tests/memory/wiped.c -o $(RELEASE)/c/wiped $(ARCHIVE) $(C_LIBS)
	$(CC) $(C_FLAGS) -Iffi/tests/c ffi/tests/memory/wiped.c -o $(TARGET_DIR)/debug/c/wiped \
	    $(TARGET_DIR)/debug/libale_media.a $(C_LIBS)
	$(RELEASE)/c/wiped
	$(TARGET_DIR)/debug/c/wiped

# Not under valgrind either, for the same reason. Frames are those of a release build.
c-stack: library ## how much stack each function takes: below 16 KiB but for creation and Opus
	@mkdir -p $(RELEASE)/c
	$(CC) $(C_FLAGS) -Iffi/tests/c ffi/tests/memory/stack.c -o $(RELEASE)/c/stack $(ARCHIVE) $(C_LIBS)
	$(RELEASE)/c/stack

# Symbols and lines are kept, for real-time to tell.
SYMBOLS := --config profile.firmware.strip=false --config 'profile.firmware.debug="line-tables-only"'
firmware-library: tools ## the library as small devices build it, without Rust's standard library and Opus
	$(CARGO) build --profile firmware $(SYMBOLS) \
	    -p ale-media-ffi --no-default-features --target-dir $(TARGET_DIR)/small

firmware-test: firmware-library ## its C tests
	$(CARGO) clippy --profile firmware -p ale-media-ffi --no-default-features -- -D warnings
	ffi/package/localise $(TARGET_DIR)/small/firmware/libale_media.a $(TARGET_DIR)/small/libale_media.a
	@set -e; for test in $(filter-out %/opus.c,$(wildcard ffi/tests/c/*.c)) examples/c/own_memory.c; do \
	    name=$(TARGET_DIR)/small/$$(basename $$test .c); \
	    $(CC) $(C_FLAGS) -DALE_WITHOUT_OPUS $$test -o $$name $(TARGET_DIR)/small/libale_media.a $(C_LIBS); \
	    echo "$$test, without a standard library"; \
	    valgrind --quiet --leak-check=full --error-exitcode=1 $$name; \
	done

features: tools ## what is only there with a feature of the library, and absent without it
	$(CARGO) clippy -p ale-media --all-targets --features opus-deep,opus-dred,odd-rates -- -D warnings
	$(CARGO) test -p ale-media --lib --features opus-deep,opus-dred,odd-rates opus
	$(CARGO) test -p ale-media --lib --features opus-deep,opus-dred,odd-rates -- deep_ odd_rates::
	$(CARGO) test -p ale-media --lib --features opus-fixed-point codec::opus
	$(CARGO) clippy -p ale-media -p ale-media-ffi --all-targets --no-default-features \
	    --features openssl,key-log -- -D warnings
	$(CARGO) test -p ale-media --lib --no-default-features --features std,openssl,key-log srtp::
	$(CARGO) build --release -p ale-media-ffi --no-default-features --features openssl,key-log \
	    --target-dir $(TARGET_DIR)/features
	$(CC) $(C_FLAGS) -DALE_WITH_OPENSSL -DALE_WITH_KEY_LOG -Iffi/tests/c ffi/tests/features/srtp.c \
	    -o $(TARGET_DIR)/features/srtp $(TARGET_DIR)/features/release/libale_media.a -lssl -lcrypto $(C_LIBS)
	$(TARGET_DIR)/features/srtp
	$(CC) $(C_FLAGS) -DALE_WITH_OPENSSL -DALE_WITH_KEY_LOG ffi/tests/c/bad_input.c \
	    -o $(TARGET_DIR)/features/bad_input $(TARGET_DIR)/features/release/libale_media.a -lssl -lcrypto $(C_LIBS)
	$(TARGET_DIR)/features/bad_input
	! nm $(ARCHIVE) | grep -q key_log

libsrtp2: tools ## libsrtp2.so.1 with libsrtp 2's ABI on our sessions, in target/release/libsrtp2
	$(CARGO) build --release -p ale-media-libsrtp2
	install -d $(RELEASE)/libsrtp2
	install -m 755 $(RELEASE)/libsrtp2.so $(RELEASE)/libsrtp2/libsrtp2.so.1

relink-test: libsrtp2 ## real hosts on it, beside Debian's libsrtp: those whose packages are there
	ffi/libsrtp2/tests/gstreamer $(abspath $(RELEASE))/libsrtp2 $(abspath $(TARGET_DIR))/relink
	ffi/libsrtp2/tests/gstreamer_rekey $(abspath $(RELEASE))/libsrtp2 $(abspath $(TARGET_DIR))/relink-rekey
	ffi/libsrtp2/tests/aiortc $(abspath $(RELEASE))/libsrtp2 $(abspath $(TARGET_DIR))/relink-aiortc
	ffi/libsrtp2/tests/linphone $(abspath $(RELEASE))/libsrtp2 $(abspath $(TARGET_DIR))/relink-linphone

header: ## write the headers in include/ and Debian's list of symbols anew from ffi/
	$(CARGO) run --quiet -p ale-media-header -- include
	$(CARGO) run --quiet -p ale-media-header -- --symbols ffi/package/debian

header-check: ## fail if a header in include/ or Debian's list of symbols is stale
	@mkdir -p $(TARGET_DIR)/include $(TARGET_DIR)/symbols
	$(CARGO) run --quiet -p ale-media-header -- $(TARGET_DIR)/include
	diff -ur include $(TARGET_DIR)/include
	$(CARGO) run --quiet -p ale-media-header -- --symbols $(TARGET_DIR)/symbols
	diff -u ffi/package/debian/libale-media0.symbols $(TARGET_DIR)/symbols/libale-media0.symbols

# Each by itself, and after another; enumerations are as wide as they were for who has them short.
header-compiles: ## each header alone and in any order, as C99 and C++11, by gcc and clang
	@.ci/install-tools clang
	@set -e; for compilers in "$(CC) $(CXX)" "clang clang++"; do \
	    set -- $$compilers; \
	    for first in include/ale_*.h; do for second in include/ale_*.h; do \
	        for flags in "$$1 -std=c99 -x c" "$$1 -std=c99 -fshort-enums -x c" "$$2 -std=c++11 -x c++"; do \
	            printf '#include <%s>\n' $${first#*/} $${second#*/} | \
	                $$flags -Iinclude -Wall -Wextra -Werror -pedantic -fsyntax-only -; \
	        done; \
	    done; done; \
	done

xtask:
	@$(CARGO) build --quiet -p xtask

unsafe-budget: xtask ## fail if `unsafe` has grown in any file beyond what docs/unsafe-budget.txt lists
	$(XTASK) unsafe-budget

# ARM as far as Rust's own library for it is there; no C compiler is needed.
real-time: firmware-library xtask ## fail if real-time functions reach panics, allocations, locks or the system that docs/real-time.txt does not explain: in builds for small devices, x86-64 and ARM, and in the whole library
	$(XTASK) real-time $(TARGET_DIR)/small/firmware/libale_media.a
	@set -e; for target in armv7-unknown-linux-gnueabihf aarch64-unknown-linux-gnu; do \
	    echo $$target; \
	    if .ci/rust-target $$target; then \
	        $(CARGO) rustc --quiet --profile firmware $(SYMBOLS) -p ale-media-ffi --crate-type staticlib \
	            --no-default-features --target $$target --target-dir $(TARGET_DIR)/small; \
	        $(XTASK) real-time $(TARGET_DIR)/small/$$target/firmware/libale_media.a; \
	    else \
	        echo "real-time: left out, there is no standard library for it"; \
	    fi; \
	done
	@echo "whole library"
	@$(CARGO) rustc --quiet --profile firmware $(SYMBOLS) -p ale-media-ffi --crate-type staticlib \
	    --target-dir $(TARGET_DIR)/small/whole
	$(XTASK) real-time $(TARGET_DIR)/small/whole/firmware/libale_media.a

# What a search needs beyond a stable toolchain.
NEEDS_tsan := nightly nightly-rust-src
NEEDS_miri := nightly nightly-rust-src nightly-miri
NEEDS_fuzz := nightly cargo-fuzz
NEEDS_coverage := llvm-tools cargo-llvm-cov

# In a form that CI has time for, two at a time: nearly all have a target directory of their own. The
# longest begin.
searches: ## fuzz, coverage, miri, tsan, loom, shuttle and soak for some seconds each, features and small; skips what can't be installed
	-@for needs in "$(NEEDS_tsan)" "$(NEEDS_miri)" "$(NEEDS_fuzz)" "$(NEEDS_coverage)"; do .ci/rust-tool $$needs; done
	@$(MAKE) --no-print-directory -j2 --output-sync=target SECONDS=2 SEEDS=1 HOURS=1 \
	    $(addprefix search-,fuzz features coverage miri small tsan loom shuttle soak)

# Without MAKEFLAGS, or each compiler warns that it can't reach this make's job server.
search-%:
	@if .ci/rust-tool $(NEEDS_$*); then \
	    MAKEFLAGS= $(MAKE) --no-print-directory $* SECONDS=$(SECONDS) SEEDS=$(SEEDS) HOURS=$(HOURS); \
	else \
	    echo "$*: skipped"; \
	fi

small: ## the build for small devices: its C tests, and what its real-time functions reach
	$(MAKE) firmware-test
	$(MAKE) real-time

loom: ## every interleaving of the rings and snapshots
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(TARGET_DIR)/loom \
	    $(CARGO) test -p ale-media --lib --no-default-features --features std --release loom

shuttle: ## a leg's three threads in random interleavings
	RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR=$(TARGET_DIR)/shuttle \
	    $(CARGO) test -p ale-media --lib --no-default-features --features std --release shuttle_

bench: tools ## criterion benches
	$(CARGO) bench -p benches

compare: tools ## ours beside peers: make compare WHAT=srtp|jitter|mixer|codec|leg|ffi
	@[ "$(WHAT)" != ffi ] || $(MAKE) library
	$(CARGO) run --release -p benches --bin compare -- $(WHAT)

MIRI = CARGO_TARGET_DIR=$(TARGET_DIR)/miri $(CARGO) +nightly miri test --no-default-features --features std
MIRI_TEST = $(MIRI) -p ale-media --lib

# Mistakes that planted_ tests make must be noticed; without one, --cfg planted changes nothing. The C
# library is built for release, since with debug assertions it keeps what is destroyed.
miri: xtask ## undefined behaviour in what threads share, the reorder window and the C library: make miri SEEDS=4 (needs a nightly toolchain)
	@.ci/rust-tool $(NEEDS_miri)
	MIRIFLAGS=-Zmiri-permissive-provenance $(MIRI) --release -p ale-media-capi --test calls
	@set -e; export RUSTFLAGS="--cfg planted" PROPTEST_CASES=2 \
	    MIRIFLAGS="-Zmiri-many-seeds=0..$(SEEDS) -Zmiri-disable-isolation"; \
	$(MIRI_TEST) -- --skip planted_ sync:: thread_tests:: packets_cross_threads jitter::window; \
	$(XTASK) planted 'Undefined Behavior: Data race|half a value' env $(MIRI_TEST)

# With a standard library that is instrumented, too: nothing has to be suppressed then.
TSAN_TEST = CARGO_TARGET_DIR=$(TARGET_DIR)/tsan CARGO_PROFILE_DEV_DEBUG=line-tables-only setarch -R \
    $(CARGO) +nightly test -Zbuild-std -p ale-media --lib --target x86_64-unknown-linux-gnu \
    --no-default-features --features std

tsan: xtask ## data races in the tests with threads, and planted ones (needs a nightly toolchain; x86-64 Linux)
	@.ci/rust-tool $(NEEDS_tsan)
	@set -e; export TSAN_OPTIONS=halt_on_error=1 \
	    RUSTFLAGS="--cfg planted -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"; \
	$(TSAN_TEST) -- --skip planted_ sync:: thread_tests:: jitter::arrival; \
	$(XTASK) planted 'WARNING: ThreadSanitizer: data race' env $(TSAN_TEST)

soak: ## a day of calls over a bad network, in fast time: make soak HOURS=24
	ALE_SOAK_HOURS=$(HOURS) $(CARGO) test --release -p ale-media --test soak -- --nocapture

coverage: ## lines of core/ that tests and corpora reach; fails below 90 %
	@.ci/rust-tool $(NEEDS_coverage)
	CARGO_TARGET_DIR=$(TARGET_DIR)/coverage CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) llvm-cov test -p ale-media -p ale-media-fuzz \
	    --summary-only --ignore-filename-regex '(ffi|fuzz|benches|examples|tests|.*tests)[./]' \
	    --fail-under-lines 90

budget: tools xtask ## instructions of each operation under callgrind, mean and worst case; fails over 5 % above benches/budget.txt
	$(CARGO) build --release -p benches --bin budget
	$(XTASK) budget $(RELEASE)/budget

judge: programs ## voice quality on 22 networks beside NetEQ and others (JUDGE="--traces wifi --plot"), see benches/judge
	@benches/judge/run $(abspath $(RELEASE))/playout $(abspath $(TARGET_DIR))/judge $(JUDGE)

# The engines in C++ and Rust that a softphone has; what they need is in .ci/process-webrtc.
PROCESS := .ci/process-webrtc $(abspath $(TARGET_DIR))/process-webrtc
ENGINES := process-webrtc,process-rnnoise

process-webrtc: tools ## the softphone and `voice` with libwebrtc's echo canceller and RNNoise, in target/release
	$(PROCESS) $(CARGO) build --release -p examples --bin voice --bin softphone --features $(ENGINES)

process-test: tools ## tests of the chain with every engine
	$(PROCESS) $(CARGO) test --release -p ale-media --features $(ENGINES),process-sonora --test engines
	$(PROCESS) $(CARGO) clippy --release -p ale-media --all-targets --features $(ENGINES),process-sonora -- -D warnings

aec-judge: process-webrtc ## echo cancellation, noise suppression and gain over simulated rooms beside peers (AEC="--only jump --rooms 2"), see benches/aec_judge
	@.ci/install-tools ffmpeg
	@benches/aec_judge/run $(abspath $(RELEASE))/voice $(abspath $(TARGET_DIR))/aec-judge $(AEC)

# One room and three kinds of scenes: what can break, in a minute or two.
aec-quick: ## the same in short form: fails where a jump is not followed or the canceller has stopped working
	$(MAKE) aec-judge AEC="--rooms 1 --only st_soft,jump200,nst --chains echo --least st_soft:erle_5:18,jump200:erle_0_3:15,nst:pesq:3.4"

fuzz: xtask ## each fuzz target for SECONDS (needs a nightly toolchain)
	@.ci/rust-tool $(NEEDS_fuzz)
	CARGO="$(CARGO)" $(XTASK) fuzz $(SECONDS) $(abspath $(TARGET_DIR))

# Where they can't be installed, targets are left out.
cross-tools: tools ## install what the targets named cross need, where it can be had
	-@.ci/install-tools arm-linux-gnueabihf-gcc aarch64-linux-gnu-gcc musl-gcc qemu-arm-static

cross: cross-tools ## the C phone for ARM and for musl, 32 and 64 bits: its size, its heap, and a call with it
	ffi/package/cross $(TARGET_DIR)/cross

cross-quick: cross-tools ## the same without Opus
	ffi/package/cross $(TARGET_DIR)/cross --quick

cross-test: cross-tools ## the same with Opus, and the engine's own tests and the C tests on ARM
	ffi/package/cross $(TARGET_DIR)/cross --test

bare-metal: tools ## the engine without an operating system: no_std and alloc, for a Cortex-M
	$(CARGO) check -p ale-media --no-default-features
	@if .ci/rust-target thumbv7em-none-eabihf; then \
	    RUSTFLAGS="-D warnings" $(CARGO) build --release -p ale-media --no-default-features \
	        --target thumbv7em-none-eabihf; \
	else \
	    echo "bare-metal: skipped, there is no standard library for thumbv7em-none-eabihf"; \
	fi

docs: ## the crate's documentation, in target/doc
	$(CARGO) doc --workspace --no-deps

clean: ## remove what was built
	$(CARGO) clean
	rm -rf out
