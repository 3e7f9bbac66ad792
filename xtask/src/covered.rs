// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every function of the headers has a row in the table of bad inputs, and a C test that uses it as it is
//! meant to be used.

use std::path::Path;

use ale_media_header::Header;

use crate::{Outcome, has_word, read, read_all, verdict};

const BAD_INPUT: &str = "ffi/tests/c/bad_input.c";
/// They take no pointer, or give no status.
const WITHOUT_ROW: [&str; 3] = ["ale_version", "ale_status_message", "ale_is_rtcp"];

pub(crate) fn run(_: &[String]) -> Outcome {
    let header = Header::read(Path::new("include"))?;
    let table = read(BAD_INPUT)?;
    let mut tests = read_all("ffi/tests/c", ".c")?;
    tests.extend(read_all("ffi/tests/features", ".c")?);
    tests.retain(|(path, _)| path != BAD_INPUT);
    let mut complaints = Vec::new();
    for function in &header.functions {
        let name = function.name.as_str();
        let row = [format!("X({name},"), format!("X({name})")];
        if !WITHOUT_ROW.contains(&name) && !row.iter().any(|row| table.contains(row)) {
            complaints.push(format!("no row in {BAD_INPUT}: {name}"));
        }
        if !tests.iter().any(|(_, test)| calls(test, name)) {
            complaints.push(format!("no C test calls {name}"));
        }
    }
    verdict(complaints, format!("covered: {} functions", header.functions.len()))
}

/// Whether a test calls a function: by name, in parentheses that keep macros away, or by a macro for all
/// calls of one kind.
fn calls(test: &str, name: &str) -> bool {
    let ends = |text: &str| text.starts_with('(') || text.starts_with(")(");
    test.lines().any(|line| {
        if line.starts_with("CALLS(") {
            return has_word(line, name);
        }
        line.match_indices(name).any(|(at, _)| {
            let begins = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            begins && ends(&line[at + name.len()..])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn a_call_is_told_from_a_mention() {
        assert!(calls("  check(ale_f(NULL) == 0);", "ale_f"));
        assert!(calls("  (ale_f)(NULL);", "ale_f"));
        assert!(calls("CALLS(init, ale_f, ale_g)", "ale_f"));
        assert!(!calls("  ale_f_sized(NULL); /* ale_f */ my_ale_f(1);", "ale_f"));
    }
}
