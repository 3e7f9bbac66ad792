// SPDX-License-Identifier: MIT OR Apache-2.0
//! Call progress tones. The European plan is that of ETSI TR 101 041-2 (425 Hz); countries that
//! differ have plans of their own, by ITU-T E.180 supplement 2. The North American one is the precise
//! tone plan of ANSI T1.401.

use super::generator::{Cadence, Part};

/// What a tone tells the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The exchange waits for digits.
    Dial,
    /// The other telephone rings.
    Ringing,
    /// The other side is busy.
    Busy,
    /// The network is.
    Congestion,
    /// Somebody else calls.
    CallWaiting,
    /// An announcement follows: the special information tone, three steps.
    Information,
}

/// Whose tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The harmonised plan, and Germany, Austria, Switzerland, Italy and most others near enough.
    Europe,
    /// France: 440 Hz.
    France,
    /// Spain.
    Spain,
    /// The United Kingdom and Ireland: pairs of frequencies.
    UnitedKingdom,
    /// The United States and Canada: pairs of 350, 440, 480 and 620 Hz.
    NorthAmerica,
}

const NONE: Part = Part { frequencies_hz: [0; 2], on_ms: 0, off_ms: 0 };

const fn part(first_hz: u16, second_hz: u16, on_ms: u16, off_ms: u16) -> Part {
    Part { frequencies_hz: [first_hz, second_hz], on_ms, off_ms }
}

const fn pair(first_hz: u16, second_hz: u16, on_ms: u16, off_ms: u16) -> Cadence {
    Cadence { parts: [part(first_hz, second_hz, on_ms, off_ms), NONE, NONE] }
}

const fn one(hz: u16, on_ms: u16, off_ms: u16) -> Cadence {
    Cadence { parts: [part(hz, 0, on_ms, off_ms), NONE, NONE] }
}

/// The tone that tells `signal` in `plan`.
pub const fn cadence(plan: Plan, signal: Signal) -> Cadence {
    use Plan::{Europe, France, NorthAmerica, Spain, UnitedKingdom};
    match (plan, signal) {
        (_, Signal::Information) => Cadence {
            parts: [part(950, 0, 330, 0), part(1_400, 0, 330, 0), part(1_800, 0, 330, 1_000)],
        },
        (Europe | Spain, Signal::Dial) => one(425, u16::MAX, 0),
        (France, Signal::Dial) => one(440, u16::MAX, 0),
        (UnitedKingdom | NorthAmerica, Signal::Dial) => pair(350, 440, u16::MAX, 0),
        (Europe, Signal::Ringing) => one(425, 1_000, 4_000),
        (France, Signal::Ringing) => one(440, 1_500, 3_500),
        (Spain, Signal::Ringing) => one(425, 1_500, 3_000),
        (UnitedKingdom, Signal::Ringing) => {
            Cadence { parts: [part(400, 450, 400, 200), part(400, 450, 400, 2_000), NONE] }
        }
        (Europe, Signal::Busy) => one(425, 500, 500),
        (France, Signal::Busy) => one(440, 500, 500),
        (Spain, Signal::Busy) => one(425, 200, 200),
        (UnitedKingdom, Signal::Busy) => one(400, 375, 375),
        (Europe, Signal::Congestion) => one(425, 250, 250),
        (France, Signal::Congestion) => one(440, 250, 250),
        (Spain, Signal::Congestion) => Cadence {
            parts: [part(425, 0, 200, 200), part(425, 0, 200, 200), part(425, 0, 200, 600)],
        },
        (UnitedKingdom, Signal::Congestion) => {
            Cadence { parts: [part(400, 0, 400, 350), part(400, 0, 225, 525), NONE] }
        }
        (Europe, Signal::CallWaiting) => {
            Cadence { parts: [part(425, 0, 200, 600), part(425, 0, 200, 3_000), NONE] }
        }
        (France, Signal::CallWaiting) => one(440, 300, 10_000),
        (Spain, Signal::CallWaiting) => {
            Cadence { parts: [part(425, 0, 175, 175), part(425, 0, 175, 3_500), NONE] }
        }
        (UnitedKingdom, Signal::CallWaiting) => one(400, 100, 3_000),
        (NorthAmerica, Signal::Ringing) => pair(440, 480, 2_000, 4_000),
        (NorthAmerica, Signal::Busy) => pair(480, 620, 500, 500),
        (NorthAmerica, Signal::Congestion) => pair(480, 620, 250, 250),
        (NorthAmerica, Signal::CallWaiting) => one(440, 300, 9_700),
    }
}
