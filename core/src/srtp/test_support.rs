// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of this room share.

use alloc::vec::Vec;

use super::{MasterKey, Policy, SessionConfig, Suite};

/// Bytes of a hexadecimal string; white space is skipped.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A configuration for any suite, with keys that depend on `seed`.
pub(crate) fn config(suite: Suite, seed: u8) -> SessionConfig {
    let mut config = SessionConfig::new(suite, master(suite, seed));
    config.policy = Policy::Legacy;
    config.allow_null_cipher = true;
    config
}

pub(crate) fn master(suite: Suite, seed: u8) -> MasterKey {
    let bytes: Vec<u8> = (0..suite.key_bytes() + suite.salt_bytes())
        .map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed))
        .collect();
    MasterKey::from_concatenated(suite, &bytes).unwrap()
}

/// An RTP packet with a payload that depends on the sequence number, and its length.
pub(crate) fn rtp(ssrc: u32, sequence: u16, payload: usize) -> Vec<u8> {
    let mut packet = alloc::vec![0x80, 0, 0, 0, 0, 0, 0, 1];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..payload).map(|i| (i as u16 ^ sequence) as u8));
    packet
}
