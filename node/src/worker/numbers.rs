// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payload types of packets that go on as they are. Each party names the numbers by which it wants to receive
//! (RFC 3264 sections 5.1 and 6.1), and not all send by them: what comes with the sender's own number goes on with
//! the receiver's.

use core::ops::Range;

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;

/// What packets of a payload type are to who forwards them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing more than their number matters.
    Media,
    /// Digits and tones (RFC 4733).
    Event,
    /// Blocks with payload types of their own (RFC 2198), behind so many bytes of payload: two where the packet is
    /// sent again (RFC 4588).
    Redundant {
        /// Bytes before the first block's header.
        behind: u8,
    },
    /// What others are repaired from, their payload types included (RFC 5109, RFC 8627).
    Repair,
}

/// Why a packet is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnumbered {
    /// The receiver has not named its payload type, or that of a block in it.
    Unnegotiated,
    /// Its blocks end nowhere.
    Malformed,
}

/// By which payload type the one party takes what the other sends, for each that it may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    entries: [Option<(u8, Kind)>; 128],
}

impl Default for Numbers {
    /// All go on as they come.
    fn default() -> Self {
        Self { entries: core::array::from_fn(|number| Some((number as u8, Kind::Media))) }
    }
}

impl Numbers {
    /// None goes on.
    pub fn none() -> Self {
        Self { entries: [None; 128] }
    }

    /// Packets that come by a payload type below 128 go on by another.
    pub fn set(&mut self, comes: u8, goes: u8, kind: Kind) {
        if let Some(entry) = self.entries.get_mut(usize::from(comes)) {
            *entry = Some((goes & 0x7f, kind));
        }
    }

    /// By which payload type packets of one go on, and what they are.
    pub fn of(&self, comes: u8) -> Option<(u8, Kind)> {
        self.entries.get(usize::from(comes)).copied().flatten()
    }

    /// What these don't name is as it was `before`: within a stream no number changes its meaning (RFC 3264 section
    /// 8.3.2), so that what was on its way when others were agreed on is still read.
    pub fn after(mut self, before: &Self) -> Self {
        for (entry, before) in self.entries.iter_mut().zip(&before.entries) {
            *entry = entry.or(*before);
        }
        self
    }
}

/// What one end's packets go by.
#[derive(Debug, Default)]
pub struct Renumbering {
    pub(super) numbers: Numbers,
    /// Whether its peer sends by numbers of its own. What repairs its packets would give them those back.
    renumbers: bool,
}

impl Renumbering {
    /// By these, from the first packet on.
    pub fn by(numbers: Numbers) -> Self {
        Self { numbers, renumbers: false }
    }

    /// Gives a packet, of which the payload lies there, the numbers that its receiver knows; whether there is a digit
    /// in it. A packet that is refused may be half renumbered.
    ///
    /// Real-time: yes.
    pub(super) fn apply(
        &mut self,
        packet: &mut [u8],
        payload: Range<usize>,
    ) -> Result<bool, Unnumbered> {
        let kind = self.renumber(packet.get_mut(1).ok_or(Unnumbered::Malformed)?)?;
        let mut digits = kind == Kind::Event;
        let Kind::Redundant { behind } = kind else { return Ok(digits) };
        let payload = packet.get_mut(payload).unwrap_or_default();
        let mut headers = payload.get_mut(usize::from(behind)..).unwrap_or_default();
        loop {
            let first = headers.first_mut().ok_or(Unnumbered::Malformed)?;
            let is_last = *first & 0x80 == 0;
            digits |= self.renumber(first)? == Kind::Event;
            if is_last {
                return Ok(digits);
            }
            headers = headers.get_mut(4..).unwrap_or_default();
        }
    }

    /// Gives the payload type in the lower bits of a byte its other number; what packets of it are.
    fn renumber(&mut self, byte: &mut u8) -> Result<Kind, Unnumbered> {
        let comes = *byte & 0x7f;
        let (goes, kind) = self.numbers.of(comes).ok_or(Unnumbered::Unnegotiated)?;
        if kind == Kind::Repair && self.renumbers {
            return Err(Unnumbered::Unnegotiated);
        }
        self.renumbers |= goes != comes && kind != Kind::Repair;
        *byte = *byte & 0x80 | goes;
        Ok(kind)
    }
}
