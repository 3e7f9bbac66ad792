// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holds docs/wiring.md to the headers and to the C tests: each row's test is there and is called, what
//! can be asked for is in a row, and what is counted is read.

use std::collections::BTreeSet;
use std::path::Path;

use ale_media_header::Header;
use regex::Regex;

use crate::{Outcome, has_word, read, read_all, verdict};

const TABLE: &str = "docs/wiring.md";

pub(crate) fn run(_: &[String]) -> Outcome {
    let table = read(TABLE)?;
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| {
            line.starts_with("| ") && line.ends_with(" |") && !line.starts_with("| feature |")
        })
        .collect();
    let tests = read_all("ffi/tests/c", ".c")?;
    let header = Header::read(Path::new("include"))?;
    let mut complaints = broken_rows(&rows, &tests);
    for name in asked(&header) {
        let quoted = format!("`{name}`");
        if !rows.iter().any(|row| row.contains(&quoted)) {
            complaints.push(format!("no row for {name}"));
        }
    }
    let counted = members(
        &header,
        r"^ale_([a-z_]*_counters|leg_ticket|memory|pull_info|leg_event|srtp_event|passed)$",
    );
    for name in &counted {
        let read = |text: &str| {
            [format!(".{name}"), format!("->{name}")].iter().any(|access| {
                text.match_indices(access.as_str()).any(|(at, _)| {
                    !text[at + access.len()..]
                        .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                })
            })
        };
        if !tests.iter().any(|(_, text)| read(text)) {
            complaints.push(format!("no C test reads {name}"));
        }
    }
    verdict(complaints, format!("wired: {} features, {} figures", rows.len(), counted.len()))
}

/// Rows whose test is not there or not called.
fn broken_rows(rows: &[&str], tests: &[(String, String)]) -> Vec<String> {
    let named = Regex::new(r"\| `([a-z_]*\.c)` `([a-z_0-9]*)` \|$").expect("an expression");
    let mut complaints = Vec::new();
    for row in rows {
        let Some((_, [file, test])) = named.captures(row).map(|found| found.extract()) else {
            complaints.push(format!("a row names no test, or not as the others do: {row}"));
            continue;
        };
        let Some((_, text)) = tests.iter().find(|(path, _)| path.ends_with(&format!("/{file}")))
        else {
            complaints.push(format!("no such file: {file}"));
            continue;
        };
        let call = format!("{test}(");
        let lines = || text.lines().filter(|line| line.contains(&call) && has_word(line, test));
        if test == "main" {
        } else if !lines().any(|line| line.starts_with("static ")) {
            complaints.push(format!("no test {test} in {file}"));
        } else if lines().count() < 2 {
            complaints.push(format!("nobody calls {test} in {file}"));
        }
    }
    complaints
}

/// The members of all structs whose names are of this kind.
fn members<'a>(header: &'a Header, structs: &str) -> BTreeSet<&'a str> {
    let structs = Regex::new(structs).expect("an expression");
    let of_kind = header.structs.iter().filter(|of| structs.is_match(&of.name));
    of_kind.flat_map(|of| of.members.iter().map(String::as_str)).collect()
}

/// What a host can ask for, or be told.
fn asked(header: &Header) -> BTreeSet<&str> {
    let mut asked = members(
        header,
        r"^ale_([a-z_]*_config|join_options|codec|srtp_crypto|srtp_key|pass_through|allocator)$",
    );
    asked.retain(|name| !["struct_size", "context", "reserved"].contains(name));
    let told = Regex::new(r"^ALE_(LEG|RECEIVED|DELAY|JITTER|SRTP)_").expect("an expression");
    let bound = Regex::new(r"^ALE_SRTP_(MAX|WRAPPING)_|_OTHER$").expect("an expression");
    let constants = header.constants.iter().map(|constant| constant.name.as_str());
    asked.extend(constants.filter(|name| told.is_match(name) && !bound.is_match(name)));
    asked
}
