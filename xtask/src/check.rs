// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said without running anything.

use crate::step::{make_folder, step, target, tools};
use crate::{Outcome, c, unsafe_budget};

/// Formatting, lints, documentation and headers.
pub(crate) fn all(_: &[String]) -> Outcome {
    tools("")?;
    headers_are_fresh(&[])?;
    c::headers(&[])?;
    unsafe_budget::run(&[])?;
    for words in [
        "fmt --all --check",
        "clippy --workspace --all-targets -- -D warnings",
        "clippy -p ale-media --all-targets --no-default-features --features std -- -D warnings",
        "check -p ale-media-fuzz --bins --features libfuzzer --quiet",
    ] {
        step("cargo").words(words).run()?;
    }
    step("cargo doc --workspace --no-deps --quiet").env("RUSTDOCFLAGS", "-D warnings").run()?;
    dependencies()
}

/// Licences, sources and advisories, where cargo-deny is at hand.
fn dependencies() -> Outcome {
    if !step("cargo deny --version").silent().succeeds() {
        println!("check: licences, sources and advisories are not looked at without cargo-deny");
        return Ok(());
    }
    let deny = || step("cargo deny --log-level error");
    deny().words("check licenses bans sources").run()?;
    let mut advisories = deny().words("--offline check advisories").command();
    let done = advisories.output().map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&done.stderr);
    match (done.status.success(), told.lines().any(|line| line.starts_with("error["))) {
        (true, _) => Ok(()),
        (false, true) => Err(told.into_owned()),
        (false, false) => {
            println!(
                "check: no database of advisories at hand (cargo deny fetch); they are not looked at"
            );
            Ok(())
        }
    }
}

/// Headers and Debian's list of symbols are what is written anew.
pub(crate) fn headers_are_fresh(_: &[String]) -> Outcome {
    let write = || step("cargo run --quiet -p ale-media-header --");
    let (headers, symbols) = (target().join("include"), target().join("symbols"));
    make_folder(&headers)?;
    make_folder(&symbols)?;
    write().arg(&headers).run()?;
    step("diff -ur include").arg(&headers).run()?;
    write().arg("--symbols").arg(&symbols).run()?;
    let list = "libale-media0.symbols";
    step("diff -u").arg(format!("ffi/package/debian/{list}")).arg(symbols.join(list)).run()
}
