// SPDX-License-Identifier: MIT OR Apache-2.0
//! What builds, tests and measures more than cargo does, a task each; what holds the repository to its own
//! rules is among them. `make NAME` runs a task from the repository's root, `make help` lists them.

mod abi;
mod budget;
mod c;
mod check;
mod covered;
mod fuzz;
mod judge;
mod node;
mod package;
mod peers;
mod planted;
mod real_time;
mod search;
mod small;
mod step;
mod unsafe_budget;
mod wired;

use std::process::{Command, ExitCode, Stdio};

/// What a task says when it finds something wrong, a line each.
type Outcome = Result<(), String>;

/// A task: its name, what it is for, and what runs it with the arguments behind the name.
type Task = (&'static str, &'static str, fn(&[String]) -> Outcome);

const TASKS: [Task; 57] = [
    (
        "aec-judge",
        "echo cancellation over simulated rooms beside peers: make aec-judge AEC=\"--only jump\"",
        judge::aec_judge,
    ),
    ("aec-quick", "the same in short form: fails where a jump is not followed", judge::aec_quick),
    ("bare-metal", "the engine without an operating system, for a Cortex-M", small::bare_metal),
    ("bindings-test", "what pycparser, cffi and bindgen make of the headers", c::bindings),
    (
        "budget",
        "instructions of each operation under callgrind; fails over 5 % above benches/budget.txt",
        search::budget,
    ),
    (
        "budget-cross",
        "the same on 64-bit ARM, by qemu's log of what is executed; benches/budget-aarch64.txt",
        search::budget_cross,
    ),
    (
        "c-debug",
        "what only a debug build of the library does: to find out what is destroyed twice",
        c::destroyed_twice,
    ),
    ("c-programs", "the programs of examples/c, in target/release/c", c::programs),
    (
        "c-sanitize",
        "the C tests by clang, under AddressSanitizer and UndefinedBehaviorSanitizer",
        c::sanitize,
    ),
    (
        "c-stack",
        "how much stack each function takes: below 16 KiB but for creation and Opus",
        c::stack,
    ),
    ("c-test", "the C tests: plain, under valgrind, and by clang's sanitizers", c::test),
    (
        "c-wiped",
        "no copy of a key on the stack or in freed memory, in release and debug builds",
        c::wiped,
    ),
    ("check", "formatting, lints, documentation and header, without running anything", check::all),
    ("coverage", "lines of core/ that its tests reach; fails below 90 %", search::coverage),
    ("covered", "a row among the bad inputs and a C test for each function", covered::run),
    (
        "cross",
        "the C phone for ARM and for musl: its size, its heap, and a call with it",
        small::cross,
    ),
    ("cross-quick", "the same without Opus", small::cross_quick),
    (
        "cross-test",
        "the same with Opus, and the engine's own tests and the C tests on ARM",
        small::cross_test,
    ),
    ("deb", "Debian packages of library, headers and manual in target/deb", package::deb),
    (
        "deb-test",
        "what lintian says of them, and programs built on them installed",
        package::deb_test,
    ),
    ("declared", "names of what a folder's headers declare: functions or structs", declared),
    (
        "demo-ai",
        "three people, two of whom have agreed, a recogniser and a summary here, and a report",
        peers::demo_ai,
    ),
    (
        "devices-test",
        "the softphone by a sound card without hardware, which is PulseAudio's",
        peers::devices,
    ),
    (
        "edge",
        "a node, Kamailio and a page on this machine, until Ctrl-C (docs/guides/node.md)",
        node::edge,
    ),
    (
        "edge-test",
        "the same with Chromium and baresip, by what is heard and shown",
        node::edge_test,
    ),
    (
        "features",
        "what is only there with a feature of the library, and absent without it",
        small::features,
    ),
    ("firmware-library", "the library as small devices build it, in target/small", small::library),
    ("firmware-test", "its C tests", small::test),
    ("fuzz", "each fuzz target for SECONDS (needs a nightly toolchain)", fuzz::run),
    (
        "header-check",
        "fail if a header in include/ or Debian's list of symbols is stale",
        check::headers_are_fresh,
    ),
    (
        "header-compiles",
        "each header alone and in any order, as C99 and C++11, by gcc and clang",
        c::headers,
    ),
    (
        "interop",
        "calls with baresip, ffmpeg, GStreamer and pylibsrtp, by what is heard",
        peers::interop,
    ),
    (
        "judge",
        "voice quality on 22 networks beside NetEQ: make judge JUDGE=\"--traces wifi --plot\"",
        judge::judge,
    ),
    (
        "libsrtp2",
        "libsrtp2.so.1 with libsrtp 2's ABI on our sessions, in target/release/libsrtp2",
        peers::libsrtp2,
    ),
    ("loom", "every interleaving of the rings and snapshots", search::loom),
    (
        "miri",
        "undefined behaviour in what threads share and in the C library: make miri SEEDS=4 (nightly)",
        search::miri,
    ),
    ("node-deb", "a Debian package of the node, in target/deb", node::deb),
    (
        "node-soak",
        "calls come and go at a node for SECONDS, and it is killed: nothing may leak",
        node::soak,
    ),
    ("node-test", "the node beside programs of others, in short form", node::test),
    (
        "package-test",
        "the installed library as its users find it: pkg-config, CMake, and beside others",
        package::test,
    ),
    (
        "process-cross",
        "the near end's chain on both ARMs, by qemu: what is sent differs by less than -60 dB",
        judge::process_cross,
    ),
    ("process-test", "tests of the near end's chain with every engine", judge::process_test),
    (
        "process-webrtc",
        "the softphone and `voice` with libwebrtc's echo canceller and RNNoise",
        judge::process_webrtc,
    ),
    (
        "real-time",
        "fail if real-time functions reach what docs/real-time.txt does not explain",
        small::real_time,
    ),
    (
        "relink-test",
        "real hosts on our libsrtp2.so.1, those whose packages are there",
        peers::relink,
    ),
    (
        "reproducible",
        "build the library twice in different places; fail unless the bytes are the same",
        package::reproducible,
    ),
    ("sbom", "a bill of materials of the library, in target", package::sbom),
    (
        "searches",
        "all searches in short form, or those named; skips what can't be installed",
        search::all,
    ),
    ("shuttle", "a leg's three threads in random interleavings", search::shuttle),
    (
        "sinks-peers",
        "an hour of a voice to servers of PyPI and npm, and a recording to ffmpeg",
        peers::sinks_peers,
    ),
    ("sip-bridge", "examples/c/sip_bridge, on Debian's libre-dev", c::sip_bridge),
    ("small", "firmware-test and real-time", small::all),
    ("soak", "a day of calls over a bad network, in fast time: make soak HOURS=24", search::soak),
    (
        "together",
        "the long tests, and searches but for fuzzing, two at a time, as CI does",
        search::together,
    ),
    (
        "tsan",
        "data races in the tests with threads, and planted ones (nightly; x86-64 Linux)",
        search::tsan,
    ),
    (
        "unsafe-budget",
        "fail if `unsafe` has grown beyond what docs/unsafe-budget.txt lists",
        unsafe_budget::run,
    ),
    ("wired", "every documented feature is reached from C", wired::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = arguments.first().and_then(|name| TASKS.iter().find(|(task, ..)| task == name));
    let Some((name, _, run)) = task else {
        TASKS.iter().for_each(|(name, what, _)| println!("{name:<18}{what}"));
        return match arguments.first().is_none_or(|name| name == "help") {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        };
    };
    match run(&arguments[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.lines().for_each(|line| eprintln!("{name}: {line}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints the names of what headers declare, a line each.
fn declared(arguments: &[String]) -> Outcome {
    let header = ale_media_header::Header::read(argument(arguments, 1)?.as_ref())?;
    let names: Vec<&str> = match argument(arguments, 0)? {
        "functions" => header.functions.iter().map(|function| function.name.as_str()).collect(),
        "structs" => header.structs.iter().map(|of| of.name.as_str()).collect(),
        other => return Err(format!("what are {other}?")),
    };
    names.iter().for_each(|name| println!("{name}"));
    Ok(())
}

/// The argument at `at`.
fn argument(arguments: &[String], at: usize) -> Result<&str, String> {
    arguments.get(at).map(String::as_str).ok_or_else(|| "arguments are missing".to_owned())
}

/// A file's text.
fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

/// The texts of the files of a folder that end so, by their paths.
fn read_all(folder: &str, end: &str) -> Result<Vec<(String, String)>, String> {
    let told = |error: std::io::Error| format!("{folder}: {error}");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            texts.extend(read_all(&name, end)?);
        } else if name.ends_with(end) {
            texts.push((name.clone(), read(&name)?));
        }
    }
    texts.sort();
    Ok(texts)
}

/// Runs a command; what it printed, if it succeeds.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("{name}: {error}"))?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(format!("{name}: {}", done.status)),
    }
}

/// All complaints as one outcome.
fn verdict(complaints: Vec<String>, fine: String) -> Outcome {
    if complaints.is_empty() {
        println!("{fine}");
        return Ok(());
    }
    Err(complaints.join("\n"))
}

/// Whether a text has a word as such, and not within another.
fn has_word(text: &str, word: &str) -> bool {
    let within = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(within) && !text[at + word.len()..].starts_with(within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn make_knows_every_task_and_no_other() {
        let makefile = include_str!("../../Makefile").replace("\\\n", " ");
        let listed = makefile.lines().find_map(|line| line.strip_prefix("TASKS := ")).unwrap();
        let listed: Vec<&str> = listed.split_whitespace().collect();
        // What only scripts ask for.
        let ours = TASKS.iter().map(|(name, ..)| *name).filter(|name| *name != "declared");
        assert_eq!(listed, ours.collect::<Vec<_>>());
    }
}
