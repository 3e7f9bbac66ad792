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

/// Why a packet is not passed on: it would be read wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Its blocks end nowhere.
    Malformed,
    /// It repairs packets that have been given other numbers, and would give them their old ones back.
    Repair,
}

/// What there is to a packet that is passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbered {
    /// Whether there is a digit in it.
    pub(super) digits: bool,
    /// Whether the receiver has not named its payload type, or that of a block in it: that is as it came.
    pub(super) unnegotiated: bool,
}

/// By which payload type the one party takes what the other sends, for each that it may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    entries: [Option<Entry>; 128],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    goes: u8,
    kind: Kind,
    /// Whether the receiver has named it, and not the sender alone.
    negotiated: bool,
}

impl Default for Numbers {
    /// All go on as they come.
    fn default() -> Self {
        let entry = |goes| Entry { goes, kind: Kind::Media, negotiated: true };
        Self { entries: core::array::from_fn(|number| Some(entry(number as u8))) }
    }
}

impl Numbers {
    /// None is named.
    pub fn none() -> Self {
        Self { entries: [None; 128] }
    }

    /// Packets that come by a payload type below 128 go on by another, which the receiver has named.
    pub fn set(&mut self, comes: u8, goes: u8, kind: Kind) {
        self.put(comes, Entry { goes: goes & 0x7f, kind, negotiated: true });
    }

    /// Packets of a payload type below 128 are of this kind, as the sender alone has named them.
    pub fn set_unnegotiated(&mut self, comes: u8, kind: Kind) {
        self.put(comes, Entry { goes: comes & 0x7f, kind, negotiated: false });
    }

    fn put(&mut self, comes: u8, entry: Entry) {
        if let Some(place) = self.entries.get_mut(usize::from(comes)) {
            *place = Some(entry);
        }
    }

    fn entry(&self, comes: u8) -> Option<Entry> {
        self.entries.get(usize::from(comes)).copied().flatten()
    }

    /// By which payload type packets of one go on, and what they are, if the receiver has named it.
    pub fn of(&self, comes: u8) -> Option<(u8, Kind)> {
        let entry = self.entry(comes).filter(|entry| entry.negotiated)?;
        Some((entry.goes, entry.kind))
    }

    /// What the receiver has not named by these is as it was `before`: within a stream no number changes its meaning
    /// (RFC 3264 section 8.3.2), so that what was on its way when others were agreed on is still read.
    pub fn after(mut self, before: &Self) -> Self {
        for (entry, before) in self.entries.iter_mut().zip(&before.entries) {
            let named = entry.filter(|entry| entry.negotiated);
            *entry = named.or(*before).or(*entry);
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

    /// Gives a packet, of which the payload lies there, the numbers that its receiver knows. What it has named none for
    /// goes on as it came: many take what they did not list. A packet that is refused may be half renumbered.
    ///
    /// Real-time: yes.
    pub(super) fn apply(
        &mut self,
        packet: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Numbered, Unreadable> {
        let mut numbered = Numbered::default();
        let second = packet.get_mut(1).ok_or(Unreadable::Malformed)?;
        let kind = self.renumber(second, &mut numbered)?;
        let Kind::Redundant { behind } = kind else { return Ok(numbered) };
        let payload = packet.get_mut(payload).unwrap_or_default();
        let mut headers = payload.get_mut(usize::from(behind)..).unwrap_or_default();
        loop {
            let first = headers.first_mut().ok_or(Unreadable::Malformed)?;
            let is_last = *first & 0x80 == 0;
            self.renumber(first, &mut numbered)?;
            if is_last {
                return Ok(numbered);
            }
            headers = headers.get_mut(4..).unwrap_or_default();
        }
    }

    /// Gives the payload type in the lower bits of a byte its other number; what packets of it are.
    fn renumber(&mut self, byte: &mut u8, told: &mut Numbered) -> Result<Kind, Unreadable> {
        let comes = *byte & 0x7f;
        let as_it_came = Entry { goes: comes, kind: Kind::Media, negotiated: false };
        let Entry { goes, kind, negotiated } = self.numbers.entry(comes).unwrap_or(as_it_came);
        if kind == Kind::Repair && self.renumbers {
            return Err(Unreadable::Repair);
        }
        self.renumbers |= goes != comes && kind != Kind::Repair;
        told.digits |= kind == Kind::Event;
        told.unnegotiated |= !negotiated;
        *byte = *byte & 0x80 | goes;
        Ok(kind)
    }
}
