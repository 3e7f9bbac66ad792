// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTCP to SRTCP (RFC 3711 section 3.4, RFC 7714 section 9).

use super::Sender;
use super::write_pair;
use super::write_tag;
use super::write_trailer;
use crate::srtp::MAX_PACKET_BYTES;
use crate::srtp::RTCP_CLEAR_BYTES;
use crate::srtp::RTCP_INDEX_LIMIT;
use crate::srtp::SrtpError;
use crate::srtp::crypto::CryptoJob;
use crate::srtp::event::Event;
use crate::srtp::replay::Position;

impl Sender {
    /// Turns the compound RTCP packet in `buffer[..len]` into an SRTCP packet in place, and
    /// returns its length. [`Sender::rtcp_overhead_bytes`] are added.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`Sender::protect`].
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        self.try_protect_rtcp(buffer, len).inspect_err(|&e| self.half.stats.count(e))
    }

    fn try_protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..len).ok_or(SrtpError::Capacity)?;
        let ssrc = crate::srtp::rtcp_ssrc(packet)?;
        let total = len + self.rtcp_overhead_bytes();
        if total > MAX_PACKET_BYTES {
            return Err(SrtpError::Oversized);
        }
        if total > buffer.len() {
            return Err(SrtpError::Capacity);
        }
        let active = self.half.ring.active;
        match self.half.ring.keys.get(active) {
            Some(keys) if keys.rtcp_left > 0 => {}
            _ => return Err(SrtpError::KeyExhausted),
        }
        let at = match self.half.streams.find(ssrc) {
            Some(at) => at,
            None => self.add_on_demand(ssrc)?,
        };
        let Some((stream, _)) = self.half.streams.at(at) else {
            return Err(SrtpError::UnknownSsrc);
        };
        let index = stream.rtcp.highest().map_or(0, |highest| highest + 1);
        if index >= RTCP_INDEX_LIMIT {
            return Err(SrtpError::IndexExhausted);
        }
        if index >= stream.rtcp_limit {
            return Err(SrtpError::CheckpointDue);
        }
        stream.rtcp = Position::at(index);
        self.half.streams.touch(at);

        self.half.ring.derive_for_rtcp(active, index);
        let Some(keys) = self.half.ring.keys.get_mut(active) else {
            return Err(SrtpError::KeyCount);
        };
        if let Some(packets_left) = keys.spend_rtcp() {
            let event = Event::KeyExpiring { key: active, packets_left };
            self.half.events.push(event, &mut self.half.stats);
        }
        let e_bit = if self.half.ring.plain_rtcp { 0 } else { 1 << 31 };
        let word = e_bit | index as u32;
        let clear = if self.half.ring.plain_rtcp { len } else { RTCP_CLEAR_BYTES };
        let iv = keys.rtcp.iv(ssrc, index);
        let job = CryptoJob { buffer, clear, end: len, tail: Some(word), iv };
        let tag = keys.rtcp.seal(job).ok_or(SrtpError::Backend)?;
        let word = word.to_be_bytes();

        let trailer = buffer.get_mut(len..total).ok_or(SrtpError::Capacity)?;
        let tag_bytes = self.half.ring.rtcp_tag_bytes;
        if self.half.ring.aead {
            // RFC 7714 section 9.2: the tag belongs to the ciphertext, the index follows.
            let (tag_at, rest) = trailer.split_at_mut(tag_bytes.min(trailer.len()));
            write_tag(tag_at, tag);
            write_pair(rest, &word, keys.master.mki());
        } else {
            let (word_at, rest) = trailer.split_first_chunk_mut().ok_or(SrtpError::Capacity)?;
            *word_at = word;
            write_trailer(rest, keys, tag, tag_bytes, false);
        }
        self.half.stats.rtcp_packets += 1;
        Ok(total)
    }
}
