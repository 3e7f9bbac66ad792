// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs each test whose name begins with planted_, in a process of its own: it must fail, and what is
//! reported must be the planted mistake and not something else.

use std::process::Stdio;

use regex::Regex;

use crate::step::Step;
use crate::{Outcome, verdict};

/// `test` gives the tests' command; what it is given stands before.
pub(crate) fn check(report: &str, test: &dyn Fn(&str) -> Step) -> Outcome {
    let report = Regex::new(report).map_err(|error| error.to_string())?;
    let list = test("env").words("-- --list").output()?;
    let mut tests: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| name.contains("::planted_"))
        .collect();
    tests.sort_unstable();
    tests.dedup();
    if tests.is_empty() {
        return Err("there is no such test".to_owned());
    }
    let mut complaints = Vec::new();
    for name in &tests {
        // Two threads on a busy machine may miss each other: what has not happened is looked for again.
        let mut failed = None;
        for _ in 0..3 {
            // Where nothing is noticed, the test's other thread may wait for ever.
            let mut once = test("timeout 300").words("-- --exact").arg(name).command();
            let done = once.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
            if !done.status.success() {
                failed = Some([done.stdout, done.stderr].concat());
                break;
            }
        }
        match failed.map(|printed| String::from_utf8_lossy(&printed).into_owned()) {
            None => complaints.push(format!("{name} was not noticed")),
            Some(printed) if !report.is_match(&printed) => {
                let lines: Vec<&str> = printed.lines().collect();
                let end = lines[lines.len().saturating_sub(40)..].join("\n");
                complaints.push(format!("{name} failed by something else:\n{end}"));
            }
            Some(_) => {}
        }
    }
    verdict(complaints, format!("planted: each of {} mistakes was noticed", tests.len()))
}
