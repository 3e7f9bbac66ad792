// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds the repository to its own rules, a command each; `make` runs them from the repository's
//! root.

mod abi;
mod budget;
mod covered;
mod fuzz;
mod planted;
mod real_time;
mod unsafe_budget;
mod wired;

use std::process::{Command, ExitCode, Stdio};

/// What a command says when it finds something wrong, a line each.
type Outcome = Result<(), String>;

/// A command: its name, its arguments, and what runs it.
type Task = (&'static str, &'static str, fn(&[String]) -> Outcome);

const TASKS: [Task; 9] = [
    ("abi", "OLD-HEADERS ARCHIVE WORK-FOLDER", abi::run),
    ("budget", "PROGRAM [--write]", budget::run),
    ("covered", "", covered::run),
    ("declared", "functions|structs FOLDER-OF-HEADERS", declared),
    ("fuzz", "SECONDS TARGET-FOLDER [TARGET...]", fuzz::run),
    ("planted", "REPORT CARGO-TEST-COMMAND...", planted::run),
    ("real-time", "ARCHIVE [--all]", real_time::run),
    ("unsafe-budget", "[--write]", unsafe_budget::run),
    ("wired", "", wired::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = arguments.first().and_then(|name| TASKS.iter().find(|(task, ..)| task == name));
    let Some((name, _, run)) = task else {
        for (name, usage, _) in TASKS {
            eprintln!("usage: xtask {name} {usage}");
        }
        return ExitCode::FAILURE;
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
