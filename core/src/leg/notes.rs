// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the network half tells the audio half beside packets.

use super::digits::Press;

/// Notes that may wait: 160 ms of events without a pull.
pub(super) const NOTES: usize = 8;

/// One thing to tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note {
    /// What is known of a press of a digit.
    Digit(Press),
    /// The source listened to has said goodbye.
    Goodbye,
}
