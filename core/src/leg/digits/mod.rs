// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits by name (RFC 4733): [`DigitSender`] in the audio half, which steps with packets;
//! [`DigitReceiver`] in the network half, and [`DigitTimer`] in the audio half, whose clock ends a press of
//! which nothing more comes. Whichever of the two finds the end tells it.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub(super) use receiver::{DigitReceiver, DigitReport, DigitTimer, Ends, Press};
pub(super) use sender::{Digit, DigitSender, EventFormat, QUEUE};

/// Shortest digit that may be sent, in ms: what receivers must recognise (ITU-T Q.24).
pub const MIN_DIGIT_MS: u32 = 40;
/// Longest digit that may be sent, in ms.
pub const MAX_DIGIT_MS: u32 = 60_000;
