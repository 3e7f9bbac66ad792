// SPDX-License-Identifier: MIT OR Apache-2.0
//! The library for small devices and with features, and what its real-time functions reach.

use std::path::PathBuf;

use crate::step::{
    archive, cc, compile, files, program_at, rust_target, stem, step, target, tools, valgrind,
};
use crate::{Outcome, real_time};

/// Symbols and lines are kept, so that it can be told which are reached.
const SYMBOLS: &str =
    "--config profile.firmware.strip=false --config profile.firmware.debug=\"line-tables-only\"";
const TARGETS: [&str; 2] = ["armv7-unknown-linux-gnueabihf", "aarch64-unknown-linux-gnu"];

fn built() -> PathBuf {
    target().join("small")
}

/// The library as small devices build it, without Rust's standard library and Opus.
pub(crate) fn library(_: &[String]) -> Outcome {
    step("cargo build --profile firmware -p ale-media-ffi --no-default-features")
        .words(SYMBOLS)
        .arg("--target-dir")
        .arg(built())
        .run()
}

/// Its C tests.
pub(crate) fn test(_: &[String]) -> Outcome {
    library(&[])?;
    step("cargo clippy --profile firmware -p ale-media-ffi --no-default-features -- -D warnings")
        .run()?;
    let local = built().join("libale_media.a");
    step("ffi/package/localise").arg(built().join("firmware/libale_media.a")).arg(&local).run()?;
    let mut sources = files("ffi/tests/c", ".c")?;
    sources.retain(|source| stem(source) != "opus");
    sources.push(PathBuf::from("examples/c/own_memory.c"));
    for source in sources {
        let program = built().join(stem(&source));
        compile(&format!("{} -DALE_WITHOUT_OPUS", cc()), &source, &program, &[&local])?;
        valgrind(&program)?;
    }
    Ok(())
}

/// Whether real-time functions reach panics, allocations, locks or the system: in builds for small devices,
/// here and on ARM as far as Rust's own library for it is there (no C compiler is needed), and in the whole
/// library.
pub(crate) fn real_time(arguments: &[String]) -> Outcome {
    if let Some(archive) = arguments.first() {
        return real_time::check(archive.as_ref(), arguments.iter().any(|word| word == "--all"));
    }
    library(&[])?;
    real_time::check(&built().join("firmware/libale_media.a"), false)?;
    for triple in TARGETS {
        if !rust_target("real-time", triple) {
            continue;
        }
        let words = format!("--no-default-features --target {triple}");
        static_library(&words, built())?;
        let archive = built().join(triple).join("firmware/libale_media.a");
        real_time::check(&archive, false)?;
    }
    static_library("", built().join("whole"))?;
    real_time::check(&built().join("whole/firmware/libale_media.a"), false)
}

fn static_library(words: &str, folder: PathBuf) -> Outcome {
    step("cargo rustc --quiet --profile firmware -p ale-media-ffi --crate-type staticlib")
        .words(SYMBOLS)
        .words(words)
        .arg("--target-dir")
        .arg(folder)
        .run()
}

/// Both.
pub(crate) fn all(_: &[String]) -> Outcome {
    test(&[])?;
    real_time(&[])
}

/// The engine without an operating system: `no_std` and alloc, for a Cortex-M.
pub(crate) fn bare_metal(_: &[String]) -> Outcome {
    step("cargo check -p ale-media --no-default-features").run()?;
    let triple = "thumbv7em-none-eabihf";
    if !rust_target("bare-metal", triple) {
        return Ok(());
    }
    step("cargo build --release -p ale-media --no-default-features --target")
        .arg(triple)
        .env("RUSTFLAGS", "-D warnings")
        .run()
}

/// The C phone for ARM and for musl: `cross`, without Opus, or with all tests. Targets whose tools can't be
/// had are left out.
fn cross_built(how: &str) -> Outcome {
    let _ = tools("arm-linux-gnueabihf-gcc aarch64-linux-gnu-gcc musl-gcc qemu-arm-static");
    step("ffi/package/cross").arg(target().join("cross")).words(how).run()
}

/// Its size, its heap, and a call with it.
pub(crate) fn cross(_: &[String]) -> Outcome {
    cross_built("")
}

/// The same without Opus.
pub(crate) fn cross_quick(_: &[String]) -> Outcome {
    cross_built("--quick")
}

/// The same with Opus, and the engine's own tests and the C tests on ARM.
pub(crate) fn cross_test(_: &[String]) -> Outcome {
    cross_built("--test")
}

/// What is only there with a feature of the library, and absent without it.
pub(crate) fn features(_: &[String]) -> Outcome {
    let opus = "--features opus-deep,opus-dred,odd-rates";
    let srtp = "--no-default-features --features openssl,key-log";
    for words in [
        format!("clippy -p ale-media --all-targets {opus} -- -D warnings"),
        format!("test -p ale-media --lib {opus} opus"),
        format!("test -p ale-media --lib {opus} -- deep_ odd_rates::"),
        "test -p ale-media --lib --features opus-fixed-point codec::opus".to_owned(),
        format!("clippy -p ale-media -p ale-media-ffi --all-targets {srtp} -- -D warnings"),
        "test -p ale-media --lib --no-default-features --features std,openssl,key-log srtp::"
            .to_owned(),
        "test -p ale-media-node --lib --features dtls13 dtls".to_owned(),
    ] {
        step("cargo").words(&words).run()?;
    }
    let built = target().join("features");
    step("cargo build --release -p ale-media-ffi")
        .words(srtp)
        .arg("--target-dir")
        .arg(&built)
        .run()?;
    let library = built.join("release/libale_media.a");
    let compiler = format!("{} -DALE_WITH_OPENSSL -DALE_WITH_KEY_LOG -Iffi/tests/c", cc());
    for source in ["ffi/tests/features/srtp.c", "ffi/tests/c/bad_input.c"].map(PathBuf::from) {
        let program = built.join(stem(&source));
        let libraries = [library.as_path(), "-lssl".as_ref(), "-lcrypto".as_ref()];
        compile(&compiler, &source, &program, &libraries)?;
        program_at(&program).run()?;
    }
    match step("nm").arg(archive()).output()?.contains("key_log") {
        true => Err("the library has a log of keys without that feature".to_owned()),
        false => Ok(()),
    }
}
