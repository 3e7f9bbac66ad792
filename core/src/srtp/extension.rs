// SPDX-License-Identifier: MIT OR Apache-2.0
//! Header extensions that are encrypted: element by element (RFC 6904), or whole together with the
//! contributing sources (RFC 9335, "cryptex"). Pure functions over a packet; any thread.
//!
//! Everything here works in place on a header whose lengths
//! [`RtpPacket::parse`](crate::rtp::RtpPacket::parse) has checked.

use super::SrtpError;
use super::crypto::portable::Aes;
use crate::rtp::header::FIXED_HEADER_BYTES;
use crate::within::Within;

/// Profiles of RFC 8285's one-byte and two-byte elements, and what RFC 9335 makes of them.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;
const CRYPTEX_ONE_BYTE: u16 = 0xc0de;
const CRYPTEX_TWO_BYTE: u16 = 0xc2de;

/// Bytes in clear in front of a cryptex packet whose sources have been moved: the fixed header and
/// the word of profile and length.
pub(crate) const CRYPTEX_CLEAR_BYTES: usize = FIXED_HEADER_BYTES + 4;

/// XORs the elements listed in `ids` with the keystream of RFC 6904 section 3.1.1: twice is not at
/// all. `extension` is where the block's profile word stands.
pub(crate) fn crypt_elements(
    packet: &mut [u8],
    extension: usize,
    header_bytes: usize,
    ids: &[u8],
    aes: &Aes,
    iv: u128,
) -> Result<(), SrtpError> {
    let block = packet.get_mut(extension..header_bytes).ok_or(SrtpError::Internal)?;
    crypt_block(block, ids, Keystream { aes, iv, at: usize::MAX, block: [0; 16] });
    Ok(())
}

/// The same for a header extension with its first word; what is cut off in it is nobody's element.
fn crypt_block(block: &mut [u8], ids: &[u8], mut keystream: Keystream<'_>) {
    let Some((profile, body)) = block.split_first_chunk_mut::<4>() else { return };
    let profile = u16::from_be_bytes([profile[0], profile[1]]);
    let two_byte = match profile {
        ONE_BYTE => false,
        p if p & 0xfff0 == TWO_BYTE => true,
        _ => return,
    };
    let mut at = 0;
    while let Some(&first) = body.get(at) {
        let (id, start, len) = if two_byte {
            if first == 0 {
                at += 1;
                continue;
            }
            let Some(&len) = body.get(at + 1) else { return };
            (first, at + 2, usize::from(len))
        } else {
            match first >> 4 {
                0 => {
                    at += 1;
                    continue;
                }
                15 => return, // RFC 8285 section 4.2: stop here
                id => (id, at + 1, usize::from(first & 15) + 1),
            }
        };
        let Some(data) = body.get_mut(start..start + len) else { return };
        if ids.contains(&id) {
            for (i, byte) in data.iter_mut().enumerate() {
                *byte ^= keystream.byte(start + i);
            }
        }
        at = start + len;
    }
}

/// The keystream that covers the whole block, made where it is needed.
struct Keystream<'a> {
    aes: &'a Aes,
    iv: u128,
    at: usize,
    block: [u8; 16],
}

impl Keystream<'_> {
    fn byte(&mut self, position: usize) -> u8 {
        if self.at != position / 16 {
            self.at = position / 16;
            self.block = self.aes.encrypt(self.iv.wrapping_add(self.at as u128)).to_be_bytes();
        }
        self.block[position % 16]
    }
}

/// What cryptex would do with a packet that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// Nothing: there is neither extension nor source, or the extension is not RFC 8285's.
    Plain,
    /// The extension's profile changes to this.
    Mark(u16),
    /// There are sources but no extension: an empty one has to be put behind them.
    Insert,
}

/// Looks at a packet to be sent (RFC 9335 section 5.1).
pub(crate) fn outgoing(sources: usize, profile: Option<u16>) -> Outgoing {
    match profile {
        Some(ONE_BYTE) => Outgoing::Mark(CRYPTEX_ONE_BYTE),
        Some(TWO_BYTE) => Outgoing::Mark(CRYPTEX_TWO_BYTE),
        None if sources > 0 => Outgoing::Insert,
        _ => Outgoing::Plain,
    }
}

/// The profile of an empty extension that [`Outgoing::Insert`] makes.
pub(crate) const INSERTED: u16 = CRYPTEX_ONE_BYTE;

/// The original profile of a received extension, if it is a cryptex one (RFC 9335 section 5.2).
pub(crate) fn incoming(profile: u16) -> Option<u16> {
    match profile {
        CRYPTEX_ONE_BYTE => Some(ONE_BYTE),
        CRYPTEX_TWO_BYTE => Some(TWO_BYTE),
        _ => None,
    }
}

/// Moves the extension's first word in front of the sources, so that everything behind
/// [`CRYPTEX_CLEAR_BYTES`] is encrypted in one piece (RFC 9335 section 6).
pub(crate) fn sources_behind_word(packet: &mut [u8], sources: usize) -> Result<(), SrtpError> {
    words_of(packet, sources)?.last_to_front();
    Ok(())
}

/// Undoes [`sources_behind_word`].
pub(crate) fn sources_before_word(packet: &mut [u8], sources: usize) -> Result<(), SrtpError> {
    words_of(packet, sources)?.first_to_back();
    Ok(())
}

/// The sources, and the word behind or before them.
fn words_of(packet: &mut [u8], sources: usize) -> Result<&mut [[u8; 4]], SrtpError> {
    let area = FIXED_HEADER_BYTES..FIXED_HEADER_BYTES + 4 * sources + 4;
    Ok(packet.get_mut(area).ok_or(SrtpError::Internal)?.as_chunks_mut().0)
}

/// Makes room for an extension without elements at `at` in a packet of `len` bytes.
pub(crate) fn insert(packet: &mut [u8], at: usize, len: usize) -> Result<(), SrtpError> {
    let grown = packet.get_mut(at..len + 4).ok_or(SrtpError::Internal)?;
    let rest = grown.len() - 4;
    grown.shift(0..rest, 4);
    let (word, _) = grown.split_first_chunk_mut().ok_or(SrtpError::Internal)?;
    *word = [0; 4];
    *packet.first_mut().ok_or(SrtpError::Internal)? |= 0x10;
    set_profile(packet, at, INSERTED)
}

/// Writes an extension's profile.
pub(crate) fn set_profile(
    packet: &mut [u8],
    extension: usize,
    profile: u16,
) -> Result<(), SrtpError> {
    let word = packet.get_mut(extension..extension + 2).ok_or(SrtpError::Internal)?;
    word.copy_from_slice(&profile.to_be_bytes());
    Ok(())
}
