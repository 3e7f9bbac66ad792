// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTCP to RTCP (RFC 3711 section 3.4, RFC 7714 section 9).

use super::{KeyPlace, Receiver, read_tag};
use crate::srtp::MAX_PACKET_BYTES;
use crate::srtp::RTCP_CLEAR_BYTES;
use crate::srtp::SrtpError;
use crate::srtp::crypto::{CryptoJob, Tag};
use crate::srtp::replay::Position;

impl Receiver {
    /// Turns the SRTCP packet in `datagram` into a compound RTCP packet in place, and returns its
    /// length.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`Receiver::unprotect`], and [`SrtpError::NotPermitted`] for an unencrypted packet that
    /// the configuration does not allow.
    pub fn unprotect_rtcp(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        self.try_unprotect_rtcp(datagram).inspect_err(|&e| self.half.stats.count(e))
    }

    fn try_unprotect_rtcp(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        match self.try_rtcp(datagram, false) {
            Err(error) if self.overlaps() => self.try_rtcp(datagram, true).map_err(|_| error),
            result => result,
        }
    }

    /// The packet under the keys in use, or under the previous ones.
    fn try_rtcp(&mut self, datagram: &mut [u8], previous: bool) -> Result<usize, SrtpError> {
        if datagram.len() > MAX_PACKET_BYTES {
            return Err(SrtpError::Oversized);
        }
        let ssrc = crate::srtp::rtcp_ssrc(datagram)?;
        let Some(ring) = self.ring_of(previous) else { return Err(SrtpError::KeyCount) };
        let (tag_bytes, mki_bytes) = (ring.rtcp_tag_bytes, ring.mki_bytes);
        let (aead, plain_rtcp) = (ring.aead, ring.plain_rtcp);
        let end = match datagram.len().checked_sub(tag_bytes + mki_bytes + 4) {
            Some(end) if end >= RTCP_CLEAR_BYTES => end,
            _ => return Err(SrtpError::Malformed),
        };
        let trailer = datagram.get(end..).unwrap_or(&[]);
        let (tag, word, mki) = if aead {
            let (tag, rest) = trailer.split_at(tag_bytes.min(trailer.len()));
            let (word, mki) = rest.split_at(4.min(rest.len()));
            (tag, word, mki)
        } else {
            let (word, rest) = trailer.split_at(4.min(trailer.len()));
            let (mki, tag) = rest.split_at(mki_bytes.min(rest.len()));
            (tag, word, mki)
        };
        let &[w0, w1, w2, w3] = word else { return Err(SrtpError::Malformed) };
        let tail = u32::from_be_bytes([w0, w1, w2, w3]);
        let index = u64::from(tail & 0x7fff_ffff);
        let encrypted = w0 & 0x80 != 0;
        if !encrypted && !plain_rtcp {
            return Err(SrtpError::NotPermitted);
        }
        let tag = read_tag(tag);
        let place = if mki_bytes == 0 {
            self.unnamed_key(previous)
        } else {
            let position = self.ring_of(previous).and_then(|ring| ring.find(mki));
            position.map(|position| KeyPlace { previous, position })
        };
        let place = place.ok_or(SrtpError::UnknownMki)?;
        match self.ring_of(previous).and_then(|ring| ring.keys.get(place.position)) {
            Some(keys) if keys.rtcp_left > 0 => {}
            _ => return Err(SrtpError::KeyExhausted),
        }

        let epoch = self.half.epoch;
        let stream = self.half.streams.find(ssrc);
        let known = match stream {
            Some(at) => Some(*self.half.streams.at(at).ok_or(SrtpError::Internal)?.0),
            None if !self.half.rules.any_ssrc => return Err(SrtpError::UnknownSsrc),
            None => self.half.streams.recall(ssrc, epoch).map(|(stream, _)| stream),
        };
        // A peer that has got new keys may count from 0 again, against RFC 3711 section 3.4: what
        // was received under the old ones does not say that this is a replay.
        let mut restarts = false;
        if let Some(stream) = known
            && let Err(error) = stream.rtcp.check(&stream.rtcp_window, index)
        {
            restarts = !previous && self.half.ring.fresh && stream.rtcp_epoch != epoch;
            if !restarts {
                return Err(error);
            }
        }
        let clear = if encrypted { RTCP_CLEAR_BYTES } else { end };
        if !self.attempt_rtcp(datagram, place, ssrc, index, clear, end, tail, tag) {
            return Err(SrtpError::AuthenticationFailed);
        }
        let at = match stream {
            Some(at) => at,
            None => self.half.streams.insert(ssrc, self.half.rules.initial_roc, epoch)?,
        };
        // What is not noted could be replayed.
        let (stream, _) = self.half.streams.at(at).ok_or(SrtpError::Internal)?;
        if restarts {
            stream.former_rtcp = stream.former_rtcp.max(stream.rtcp);
            stream.rtcp = Position::default();
            // Packets under the old keys could be replayed against what begins here.
            self.overlap_left = 0;
        }
        stream.rtcp.commit(&mut stream.rtcp_window, index);
        if !previous {
            stream.rtcp_epoch = epoch;
        }
        self.half.streams.touch(at);
        self.note_key(place, false);
        self.half.stats.rtcp_packets += 1;
        Ok(end)
    }

    fn attempt_rtcp(
        &mut self,
        datagram: &mut [u8],
        place: KeyPlace,
        ssrc: u32,
        index: u64,
        clear: usize,
        end: usize,
        tail: u32,
        tag: Tag,
    ) -> bool {
        let Some(ring) = self.ring_of(place.previous) else { return false };
        let tag_bytes = ring.rtcp_tag_bytes;
        ring.derive_for_rtcp(place.position, index);
        let Some(keys) = ring.keys.get(place.position) else { return false };
        let iv = keys.rtcp.iv(ssrc, index);
        let job = CryptoJob { buffer: datagram, clear, end, tail: Some(tail), iv };
        keys.rtcp.open(job, tag, tag_bytes)
    }
}
