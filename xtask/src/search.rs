// SPDX-License-Identifier: MIT OR Apache-2.0
//! Searches for what no single test finds: interleavings, undefined behaviour, inputs, hours. Their length
//! is in SECONDS, SEEDS and HOURS of the environment.

use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::step::{Step, release, rust_target, rust_tools, step, target, tools, variable};
use crate::{Outcome, budget, planted};

const NIGHTLY_MIRI: &str = "nightly nightly-rust-src nightly-miri";
const NIGHTLY_SOURCE: &str = "nightly nightly-rust-src";
const NIGHTLY_FUZZ: &str = "nightly cargo-fuzz";
const COVERAGE: &str = "llvm-tools cargo-llvm-cov";

/// What runs two at a time, in the order in which it begins, the longest first; with what each needs beyond
/// a stable toolchain. Nearly all have a target directory of their own, and those that have not wait for one
/// thread of valgrind's most of their time.
const TOGETHER: [(&str, &str); 16] = [
    ("fuzz", NIGHTLY_FUZZ),
    ("miri", NIGHTLY_MIRI),
    ("interop", ""),
    ("features", ""),
    ("coverage", COVERAGE),
    ("c-test", ""),
    ("small", ""),
    ("tsan", NIGHTLY_SOURCE),
    ("deb-test", ""),
    ("cross-quick", ""),
    ("bare-metal", ""),
    ("package-test", ""),
    ("budget", ""),
    ("loom", ""),
    ("shuttle", ""),
    ("soak", ""),
];

/// What is among them, but takes CI longer than it tells: fuzz targets are compiled there and run over their corpora as
/// it is, and what no test reaches changes slowly.
const BY_HAND: [&str; 2] = ["fuzz", "coverage"];

/// What is among them, but no search.
const NO_SEARCHES: [&str; 7] =
    ["interop", "c-test", "deb-test", "cross-quick", "bare-metal", "package-test", "budget"];

/// All searches, or those that are named, in short form. What can't be installed is skipped.
pub(crate) fn all(arguments: &[String]) -> Outcome {
    side_by_side(|name| match arguments.is_empty() {
        true => !NO_SEARCHES.contains(&name),
        false => arguments.iter().any(|word| word == name),
    })
}

/// Those that CI runs, and other tests that take long.
pub(crate) fn together(_: &[String]) -> Outcome {
    side_by_side(|name| !BY_HAND.contains(&name))
}

fn side_by_side(wanted: impl Fn(&str) -> bool) -> Outcome {
    // One after the other, so that none installs what another is installing.
    let mut left = Vec::new();
    for (name, needs) in TOGETHER.into_iter().filter(|(name, _)| wanted(name)) {
        match needs.is_empty() || rust_tools(needs) {
            true => left.push(name),
            false => println!("{name}: skipped"),
        }
    }
    left.reverse();
    let (left, failed) = (Mutex::new(left), Mutex::new(Vec::new()));
    let locked = "nothing here panics";
    let work = || {
        while failed.lock().expect(locked).is_empty() {
            let Some(name) = left.lock().expect(locked).pop() else { return };
            if let Err(error) = once(name) {
                failed.lock().expect(locked).push(error);
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let failed = failed.into_inner().expect(locked);
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// One by `make`, which knows what it needs built; what it printed comes when it has ended.
fn once(name: &str) -> Outcome {
    let began = Instant::now();
    let mut command =
        step("sh -c").arg("exec make --no-print-directory \"$0\" 2>&1").arg(name).command();
    command.stdin(Stdio::null());
    for (length, short) in [("SECONDS", "2"), ("SEEDS", "1"), ("HOURS", "1")] {
        command.env(length, variable(length, short));
    }
    let done = command.output().map_err(|error| format!("{name}: {error}"))?;
    let printed = String::from_utf8_lossy(&done.stdout);
    println!("== {name}, {} s\n{printed}", began.elapsed().as_secs());
    if done.status.success() { Ok(()) } else { Err(format!("{name} has failed")) }
}

fn engine(words: &str, cfg: &str) -> Outcome {
    step("cargo test -p ale-media --lib --no-default-features --features std --release")
        .words(words)
        .env("RUSTFLAGS", format!("--cfg {cfg}"))
        .env("CARGO_TARGET_DIR", target().join(cfg))
        .run()
}

/// Every interleaving of the rings and snapshots.
pub(crate) fn loom(_: &[String]) -> Outcome {
    engine("loom", "loom")
}

/// A leg's three threads in random interleavings.
pub(crate) fn shuttle(_: &[String]) -> Outcome {
    engine("shuttle_", "shuttle")
}

fn needed(names: &str) -> Outcome {
    if rust_tools(names) { Ok(()) } else { Err(format!("needs {names}")) }
}

fn miri_of(before: &str, words: &str) -> Step {
    step(before)
        .words("cargo +nightly miri test --no-default-features --features std")
        .words(words)
        .env("CARGO_TARGET_DIR", target().join("miri"))
}

/// Undefined behaviour in what threads share, the reorder window and the C library. Mistakes that planted_
/// tests make must be noticed; without one, `--cfg planted` changes nothing. The C library is built for
/// release, since with debug assertions it keeps what is destroyed.
pub(crate) fn miri(_: &[String]) -> Outcome {
    needed(NIGHTLY_MIRI)?;
    miri_of("env", "--release -p ale-media-capi --test calls")
        .env("MIRIFLAGS", "-Zmiri-permissive-provenance")
        .run()?;
    let seeds = variable("SEEDS", "4");
    let test = |before: &str| {
        miri_of(before, "-p ale-media --lib")
            .env("RUSTFLAGS", "--cfg planted")
            .env("PROPTEST_CASES", "2")
            .env("MIRIFLAGS", format!("-Zmiri-many-seeds=0..{seeds} -Zmiri-disable-isolation"))
    };
    test("env")
        .words("-- --skip planted_ sync:: thread_tests:: packets_cross_threads jitter::window")
        .run()?;
    planted::check("Undefined Behavior: Data race|half a value", &test)
}

/// Data races in the tests with threads, and planted ones. With a standard library that is instrumented,
/// too: nothing has to be suppressed then.
pub(crate) fn tsan(_: &[String]) -> Outcome {
    needed(NIGHTLY_SOURCE)?;
    let test = |before: &str| {
        step(before)
            .words("setarch -R cargo +nightly test -Zbuild-std -p ale-media --lib")
            .words("--target x86_64-unknown-linux-gnu --no-default-features --features std")
            .env("CARGO_TARGET_DIR", target().join("tsan"))
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .env("TSAN_OPTIONS", "halt_on_error=1")
            .env(
                "RUSTFLAGS",
                "--cfg planted -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
            )
    };
    test("env").words("-- --skip planted_ sync:: thread_tests:: jitter::arrival").run()?;
    planted::check("WARNING: ThreadSanitizer: data race", &test)
}

/// A day of calls over a bad network, in fast time.
pub(crate) fn soak(_: &[String]) -> Outcome {
    step("cargo test --release -p ale-media --test soak -- --nocapture")
        .env("ALE_SOAK_HOURS", variable("HOURS", "24"))
        .run()
}

/// Lines of core/ that its tests of behaviour reach: those of time, memory and the system say nothing of lines.
pub(crate) fn coverage(_: &[String]) -> Outcome {
    needed(COVERAGE)?;
    step("cargo llvm-cov test -p ale-media --lib --test field --test faults --test concealment")
        .words(
            "--test adversary --test forged_path --test tap --summary-only --fail-under-lines 90",
        )
        .words("--ignore-filename-regex (testkit|tests|.*tests)[./]")
        .env("CARGO_TARGET_DIR", target().join("coverage"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .run()
}

/// Instructions of each operation.
pub(crate) fn budget(arguments: &[String]) -> Outcome {
    step("cargo build --release -p benches --bin budget").run()?;
    budget::check(&release().join("budget"), arguments.iter().any(|word| word == "--write"))
}

/// The same on 64-bit ARM.
pub(crate) fn budget_cross(arguments: &[String]) -> Outcome {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    tools("aarch64-linux-gnu-gcc qemu-arm-static")?;
    if !rust_target("budget-cross", TARGET) {
        return Ok(());
    }
    step("cargo build --release -p benches --bin budget --target")
        .arg(TARGET)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
        .env("CC_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-gcc")
        .run()?;
    let program = target().join(TARGET).join("release/budget");
    budget::check_arm(&program, arguments.iter().any(|word| word == "--write"))
}
