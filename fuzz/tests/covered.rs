// SPDX-License-Identifier: MIT OR Apache-2.0
//! The target `c_api` calls every function of the C header.

use std::collections::BTreeSet;
use std::path::Path;

use ale_media_header::Header;

/// What is only there with a feature of the library.
const LEFT_OUT: [&str; 2] = ["ale_srtp_key_log", "ale_srtp_backend_openssl"];

/// Words `ale_...` that a parenthesis follows, and those that are arguments of `defaults!`.
fn called(text: &str) -> BTreeSet<&str> {
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.match_indices("ale_")
        .filter(|(at, _)| !text[..*at].ends_with(name))
        .filter_map(|(at, _)| {
            let end = text[at..].find(|c| !name(c))?;
            let (word, rest) = text[at..].split_at(end);
            let before = text[..at].trim_end();
            let in_macro = before.ends_with("defaults!(") || before.ends_with("_init,");
            (rest.starts_with('(') || in_macro).then_some(word)
        })
        .collect()
}

#[test]
fn every_function_of_the_header_is_called_by_the_fuzz_target() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = Header::read(&here.join("../include")).expect("the headers");
    let functions = header.functions.iter().map(|function| function.name.as_str());
    let mut calls = String::new();
    for entry in std::fs::read_dir(here.join("src/c_api")).expect("the target's folder") {
        calls += &std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
    }
    let calls = called(&calls);
    let missing: Vec<_> =
        functions.filter(|name| !calls.contains(name) && !LEFT_OUT.contains(name)).collect();
    assert!(missing.is_empty(), "not called: {missing:?}");
}
