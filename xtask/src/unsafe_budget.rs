// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts `unsafe` in each source file and compares with docs/unsafe-budget.txt, whose lines are: count,
//! file, reason. Fails where a file has more than is listed, or is not listed at all; `--write` sets the
//! counts anew and keeps the reasons.

use std::collections::BTreeMap;
use std::fmt::Write;

use regex::Regex;

use crate::{Outcome, read, read_all, verdict};

const BUDGET: &str = "docs/unsafe-budget.txt";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let text = read(BUDGET)?;
    let listed = listed(&text);
    let word = Regex::new(r"\bunsafe\b").expect("an expression");
    let mut files = Vec::new();
    for folder in ["core/src", "ffi/src", "ffi/libsrtp2/src"] {
        files.extend(read_all(folder, ".rs")?);
    }
    files.sort();
    let counted = files.iter().map(|(path, text)| (path.as_str(), word.find_iter(text).count()));
    let counted: Vec<(&str, usize)> = counted.filter(|(_, count)| *count > 0).collect();
    if arguments.first().is_some_and(|argument| argument == "--write") {
        let mut next: String = text
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| format!("{line}\n"))
            .collect();
        for (path, count) in counted {
            let reason = listed.get(path).map_or("?", |(_, reason)| reason);
            let _ = writeln!(next, "{count:4} {path:<42} {reason}");
        }
        return std::fs::write(BUDGET, next).map_err(|error| format!("{BUDGET}: {error}"));
    }
    let complaints = counted.iter().filter_map(|(path, count)| {
        let (allowed, reason) = listed.get(path).copied().unwrap_or((0, ""));
        let fine = *count <= allowed && !["", "?"].contains(&reason);
        (!fine).then(|| {
            format!("{path}: {count} times unsafe, {allowed} listed; the reason: {reason:?}")
        })
    });
    verdict(complaints.collect(), format!("unsafe-budget: {} files", counted.len()))
}

/// Count and reason by file.
fn listed(text: &str) -> BTreeMap<&str, (usize, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (count, rest) = line.trim_start().split_once(' ')?;
            let (file, reason) = rest.split_once(' ')?;
            Some((file, (count.parse().ok()?, reason.trim())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn lines_are_count_file_and_reason() {
        let listed =
            listed("# count\n  12 core/src/a.rs       a slot  belongs to one\n   1 b.rs\n");
        assert_eq!(listed.get("core/src/a.rs"), Some(&(12, "a slot  belongs to one")));
        assert_eq!(listed.len(), 1, "without a reason it is not listed");
    }
}
