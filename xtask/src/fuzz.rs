// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs each fuzz target for so many seconds, from its seeds and what earlier runs have found, and tells
//! what it did.

use std::process::Stdio;

use crate::Outcome;
use crate::step::{rust_tools, step, target, variable};

/// All targets, or those that are named.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if !rust_tools("nightly cargo-fuzz") {
        return Err("needs a nightly toolchain and cargo-fuzz".to_owned());
    }
    let (seconds, built) = (variable("SECONDS", "60"), target().display().to_string());
    let mut targets = arguments.to_vec();
    if targets.is_empty() {
        let sources = crate::read_all("fuzz/fuzz_targets", ".rs")?;
        let name = |path: &str| {
            path.rsplit('/').next().and_then(|n| n.strip_suffix(".rs")).map(str::to_owned)
        };
        targets.extend(sources.iter().filter_map(|(path, _)| name(path)));
    }
    let fuzz = |what: &str| {
        let mut command = step("cargo +nightly fuzz").arg(what).command();
        command.args(["--fuzz-dir", "fuzz", "--features", "libfuzzer"]);
        command.env("CARGO_TARGET_DIR", format!("{built}/fuzz"));
        command.envs([
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ]);
        // Which toolchain runs this is no matter of theirs.
        for variable in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
            command.env_remove(variable);
        }
        command
    };
    let built_all = fuzz("build").status().map_err(|error| error.to_string())?;
    if !built_all.success() {
        return Err(format!("the targets can't be built: {built_all}"));
    }
    for target in &targets {
        let found = format!("{built}/fuzz-corpus/{target}");
        std::fs::create_dir_all(&found).map_err(|error| format!("{found}: {error}"))?;
        // Builds with debug assertions keep what the C library's destroy functions are given, to find
        // out what is destroyed twice.
        let leaks = u8::from(target != "c_api");
        let mut run = fuzz("run");
        run.args([target, &found, &format!("fuzz/corpus/{target}"), "--"])
            .args([&format!("-max_total_time={seconds}"), "-max_len=4096", "-print_final_stats=1"])
            .env("ASAN_OPTIONS", format!("detect_leaks={leaks}"))
            .stdin(Stdio::null());
        let done = run.output().map_err(|error| error.to_string())?;
        let log = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        std::fs::write(format!("{found}.log"), &log).map_err(|error| error.to_string())?;
        if !done.status.success() {
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(100)..].join("\n");
            return Err(format!("{end}\n{target} has failed"));
        }
        let executions = after(&log, "stat::number_of_executed_units:");
        println!("{target:<16} {executions:>10} executions {:>7} edges", after(&log, " cov: "));
    }
    Ok(())
}

/// The word behind the last mention of something.
fn after<'a>(log: &'a str, mention: &str) -> &'a str {
    let rest = log.rsplit_once(mention).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    #[test]
    fn figures_are_the_last_of_their_kind() {
        let log = "#2 INITED cov: 31 ft: 32\n#9 NEW cov: 40 ft: 50\nstat::number_of_executed_units: 812\n";
        assert_eq!(super::after(log, " cov: "), "40");
        assert_eq!(super::after(log, "stat::number_of_executed_units:"), "812");
    }
}
