// SPDX-License-Identifier: MIT OR Apache-2.0
//! `compare SUBJECT [FILTER]`: one table of this library beside its peers.

/// A subject's name and what measures it; the argument filters rows by substring.
type Subject = (&'static str, fn(&str));

const SUBJECTS: &[Subject] = &[
    ("codec", benches::codec::compare),
    ("ffi", benches::ffi::compare),
    ("jitter", benches::jitter::compare),
    ("leg", benches::leg::compare),
    ("mixer", benches::mixer::compare),
    ("srtp", benches::srtp::compare),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let filter = arguments.next().unwrap_or_default();
    match SUBJECTS.iter().find(|(subject, _)| *subject == name) {
        Some((_, run)) => run(&filter),
        None => {
            let names: Vec<_> = SUBJECTS.iter().map(|(subject, _)| *subject).collect();
            eprintln!("usage: compare {} [row filter]", names.join("|"));
            std::process::exit(2);
        }
    }
}
