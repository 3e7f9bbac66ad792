// SPDX-License-Identifier: MIT OR Apache-2.0
//! By which payload types each party takes what the other sends, as their descriptions say.

use crate::sdp::{Format, Line};
use crate::worker::{Kind, Numbers};

/// Parameters by which formats of one encoding differ in what is in their packets, so that one can't stand for the
/// other; what else `a=fmtp` says is how its author wants them.
const TELLING_APART: [(&str, &[&str]); 8] = [
    ("AMR", &["octet-align", "crc", "robust-sorting", "interleaving"]),
    ("AMR-WB", &["octet-align", "crc", "robust-sorting", "interleaving"]),
    ("AV1", &["profile"]),
    ("G7221", &["bitrate"]),
    ("H264", &["packetization-mode", "profile-level-id"]),
    ("H265", &["profile-id"]),
    ("iLBC", &["mode"]),
    ("VP9", &["profile-id"]),
];
/// Digits of H.264's `profile-level-id` (RFC 6184 section 8.1) that are its profile's: who answers may have another
/// level.
const PROFILE_DIGITS: usize = 4;
/// What sends others again, or holds them, names them; those name nobody.
const MAX_DEPTH: u8 = 2;

/// By which numbers of `to`'s a packet of `from`'s goes on. What `to` has named is by its numbers, as RFC 3264 has it;
/// else it may be by those that its sender has named, and what `to` has not named at all goes on as it came.
pub(super) fn numbers(from: &Line, to: &Line) -> Numbers {
    // Who names none is told nothing else.
    if to.formats.is_empty() {
        return Numbers::default();
    }
    let mut numbers = Numbers::none();
    for own in &from.formats {
        let known = to.formats.iter().find(|format| are_same((own, from), (format, to), MAX_DEPTH));
        match known {
            Some(known) => numbers.set(own.payload_type, known.payload_type, kind(known, to)),
            None => numbers.set_unnegotiated(own.payload_type, kind(own, from)),
        }
    }
    for known in &to.formats {
        numbers.set(known.payload_type, known.payload_type, kind(known, to));
    }
    numbers
}

/// Whether a format is of events (RFC 4733).
pub(super) fn is_events(format: &Format) -> bool {
    is(format, "telephone-event")
}

/// Whether others are repaired from a format's packets, or they are sent again by it.
pub(super) fn is_repair(format: &Format) -> bool {
    is(format, "rtx") || is_forward_correction(format)
}

fn is(format: &Format, name: &str) -> bool {
    format.name.eq_ignore_ascii_case(name)
}

fn is_forward_correction(format: &Format) -> bool {
    ["ulpfec", "parityfec", "flexfec", "flexfec-03"].into_iter().any(|name| is(format, name))
}

fn kind(format: &Format, line: &Line) -> Kind {
    let again = is(format, "rtx").then(|| named(format.parameter("apt"), line)).flatten();
    if is_events(format) {
        Kind::Event
    } else if is(format, "red") {
        Kind::Redundant { behind: 0 }
    } else if again.is_some_and(|of| is(of, "red")) {
        Kind::Redundant { behind: 2 }
    } else if is_forward_correction(format) {
        Kind::Repair
    } else {
        Kind::Media
    }
}

/// Whether formats of two lines are the same but for their numbers.
fn are_same((one, its): (&Format, &Line), (other, others): (&Format, &Line), depth: u8) -> bool {
    let same = !one.name.is_empty()
        && is(one, &other.name)
        && (one.clock_hz, one.channels) == (other.clock_hz, other.channels);
    let hold_the_same = |one: Option<&str>, other: Option<&str>| match (one, other) {
        (Some(_), Some(_)) if depth == 0 => false,
        (Some(one), Some(other)) => match (named(Some(one), its), named(Some(other), others)) {
            (Some(one), Some(other)) => are_same((one, its), (other, others), depth - 1),
            _ => false,
        },
        _ => true,
    };
    if !same {
        return false;
    }
    if is(one, "rtx") {
        return hold_the_same(one.parameter("apt"), other.parameter("apt"));
    }
    if is(one, "red") {
        return hold_the_same(primary(one), primary(other));
    }
    let apart = TELLING_APART.iter().find(|(name, _)| is(one, name));
    apart.is_none_or(|(_, parameters)| {
        parameters.iter().all(|name| value(one, name).eq_ignore_ascii_case(value(other, name)))
    })
}

/// What a parameter that tells formats apart says; the defaults of all of them but G7221's are zero, or mean it.
fn value<'f>(format: &'f Format, name: &str) -> &'f str {
    let value = format.parameter(name);
    match name {
        "profile-level-id" => value.map_or("", |all| all.get(..PROFILE_DIGITS).unwrap_or(all)),
        "mode" => value.unwrap_or("30"),
        _ => value.unwrap_or("0"),
    }
}

/// The first payload type that `a=fmtp` of RED lists (RFC 2198 section 5).
fn primary(format: &Format) -> Option<&str> {
    format.parameters.as_deref()?.split('/').next()
}

/// A line's format of a number.
fn named<'l>(number: Option<&str>, line: &'l Line) -> Option<&'l Format> {
    let number: u8 = number?.trim().parse().ok()?;
    line.formats.iter().find(|format| format.payload_type == number)
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
