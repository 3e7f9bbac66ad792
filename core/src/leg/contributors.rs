// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is heard in a mix: contributing sources (RFC 3550 section 5.1) and their levels (RFC 6465).

use crate::rtp::RtpPacket;
use crate::rtp::elements::mixer_to_client_levels;
use crate::rtp::extension::Elements;
use crate::sync::snapshot::Words;

/// Most contributing sources of a packet.
pub const MAX_CONTRIBUTORS: usize = 15;

/// A source whose audio is in a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contributor {
    /// Its synchronization source.
    pub ssrc: u32,
    /// How loud it is, in -dBov; `None` if the mixer does not say.
    pub level_dbov: Option<u8>,
}

/// The sources of a packet, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contributors {
    sources: [Contributor; MAX_CONTRIBUTORS],
    count: usize,
}

impl Contributors {
    pub(super) const WORDS: usize = MAX_CONTRIBUTORS + 1;

    /// The first 15 of `sources`.
    pub fn new(sources: impl IntoIterator<Item = Contributor>) -> Self {
        let mut this = Self::default();
        for (slot, source) in this.sources.iter_mut().zip(sources) {
            *slot = source;
            this.count += 1;
        }
        this
    }

    /// What a packet says; `id` is the levels' identifier.
    pub(super) fn of(packet: &RtpPacket<'_>, id: u8) -> Self {
        let mut levels = mixer_to_client_levels(Elements::of(packet).find(id).unwrap_or(&[]));
        Self::new(
            packet
                .contributing_sources()
                .map(|ssrc| Contributor { ssrc, level_dbov: levels.next() }),
        )
    }

    /// The sources.
    pub fn as_slice(&self) -> &[Contributor] {
        self.sources.get(..self.count).unwrap_or(&[])
    }

    /// The sources and the levels as a packet carries them, and how many there are. What has no level
    /// counts as silent.
    pub(super) fn to_wire(self) -> ([u32; MAX_CONTRIBUTORS], [u8; MAX_CONTRIBUTORS], usize) {
        let level = |c: Contributor| c.level_dbov.unwrap_or(127).min(127);
        (self.sources.map(|c| c.ssrc), self.sources.map(level), self.count)
    }
}

impl Words<{ Contributors::WORDS }> for Contributors {
    fn to_words(&self) -> [u64; Self::WORDS] {
        core::array::from_fn(|n| match n.checked_sub(1).and_then(|n| self.sources.get(n)) {
            // A level above 127 stands for none.
            Some(c) => u64::from(c.ssrc) << 8 | u64::from(c.level_dbov.unwrap_or(255)),
            None => self.count as u64,
        })
    }

    fn from_words(words: &[u64; Self::WORDS]) -> Self {
        let [count, words @ ..] = words;
        let sources = words.map(|word| Contributor {
            ssrc: (word >> 8) as u32,
            level_dbov: Some(word as u8).filter(|level| *level <= 127),
        });
        Self { sources, count: (*count as usize).min(MAX_CONTRIBUTORS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::RtpHeader;

    #[test]
    fn packets_say_who_is_heard_in_the_layout_of_the_rfc() {
        // RFC 6465 section 3, one-byte form: three sources, so a length field of 2, then one byte a
        // source whose top bit is reserved, then padding to a word.
        let packet = [
            0x93,
            0,
            0,
            1,
            0,
            0,
            0,
            160,
            0,
            0,
            0,
            9, // three sources, an extension
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            2,
            0,
            0,
            0,
            3, // the sources
            0xbe,
            0xde,
            0,
            1,
            0x42,
            5,
            0x80 | 40,
            127,  // identifier 4
            0xff, // payload
        ];
        let read = Contributors::of(&RtpPacket::parse(&packet).unwrap(), 4);
        let expected = [(1, 5), (2, 40), (3, 127)]
            .map(|(ssrc, level)| Contributor { ssrc, level_dbov: Some(level) });
        assert_eq!(read.as_slice(), expected);
        assert_eq!(Contributors::from_words(&read.to_words()), read);
        let none = Contributors::of(&RtpPacket::parse(&packet).unwrap(), 5);
        assert!(none.as_slice().iter().all(|c| c.level_dbov.is_none()));
        assert_eq!(Contributors::from_words(&none.to_words()), none);
        let (sources, levels, count) = read.to_wire();
        assert_eq!((&sources[..count], &levels[..count]), (&[1, 2, 3][..], &[5, 40, 127][..]));
    }

    #[test]
    fn a_packet_without_sources_has_none_whatever_its_levels_say() {
        let header =
            RtpHeader { extension: Some((0xbede, &[0x41, 5, 6, 0])), ..Default::default() };
        let mut packet = [0; 40];
        let length = header.write(&mut packet).unwrap();
        let packet = RtpPacket::parse(&packet[..length]).unwrap();
        assert_eq!(Contributors::of(&packet, 4).as_slice(), []);
    }
}
