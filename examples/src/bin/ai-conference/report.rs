// SPDX-License-Identifier: MIT OR Apache-2.0
//! The transcript, and a page about how it came to be.

use std::fs;
use std::path::Path;

use examples::{Context, Failure};

use super::Line;
use super::judge::Verdict;
use super::script::{NAMES, REFUSES, Script, WITHDRAWS};

/// Shows a line as it comes.
pub(crate) fn show(line: &Line) {
    println!("{} {}: {}", stamp(line.begin_s), line.name, line.text);
}

/// All lines: `[MM:SS] Name: words`.
pub(crate) fn transcript(lines: &[Line]) -> String {
    let line = |line: &Line| format!("{} {}: {}\n", stamp(line.begin_s), line.name, line.text);
    lines.iter().map(line).collect()
}

fn stamp(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("[{:02}:{:02}]", whole / 60, whole % 60)
}

/// Writes the page.
pub(crate) fn write(
    folder: &Path,
    script: &Script,
    transcript: &str,
    summary: &str,
    verdict: &Verdict,
) -> Result<(), Failure> {
    let at = stamp(script.withdrawal_tick as f64 / 100.0);
    let page = format!(
        "# A conference, and what a recogniser heard of it\n\n\
         {} and {} have agreed to be transcribed, {} has not been asked. {} takes it back at {at}.\n\n\
         ## Transcript\n\n```text\n{transcript}```\n\n## Summary\n\n{summary}\n## What was found\n\n{verdict}\n\
         `ale-audit verify audit.log --key audit.key` follows the audit.\n",
        NAMES[0], NAMES[WITHDRAWS], NAMES[REFUSES], NAMES[WITHDRAWS],
    );
    let file = folder.join("report.md");
    fs::write(&file, page).context(file.display())
}
