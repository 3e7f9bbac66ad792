// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits by name (RFC 4733): [`DigitSender`] in the audio half, [`DigitReceiver`] in the network
//! half. Each is a state machine without time of its own: the sender steps with packets, the
//! receiver with arrivals.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub(super) use receiver::DigitReceiver;
pub(super) use sender::{Digit, DigitSender};

/// Shortest digit that may be sent, in ms: what receivers must recognise (ITU-T Q.24).
pub const MIN_DIGIT_MS: u32 = 40;
/// Longest digit that may be sent, in ms.
pub const MAX_DIGIT_MS: u32 = 60_000;
