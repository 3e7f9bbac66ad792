// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTCP to RTCP (RFC 3711 section 3.4, RFC 7714 section 9).

use super::{KeyPlace, Receiver, read_tag};
use crate::srtp::MAX_PACKET_BYTES;
use crate::srtp::RTCP_CLEAR_BYTES;
use crate::srtp::SrtpError;
use crate::srtp::crypto::{Job, Tag};

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
        if datagram.len() > MAX_PACKET_BYTES {
            return Err(SrtpError::Oversized);
        }
        let ssrc = crate::srtp::rtcp_ssrc(datagram)?;
        let (tag_bytes, mki_bytes) = (self.half.rules.rtcp_tag_bytes, self.half.ring.mki_bytes);
        let end = match datagram.len().checked_sub(tag_bytes + mki_bytes + 4) {
            Some(end) if end >= RTCP_CLEAR_BYTES => end,
            _ => return Err(SrtpError::Malformed),
        };
        let trailer = datagram.get(end..).unwrap_or(&[]);
        let (tag, word, mki) = if self.half.rules.aead {
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
        if !encrypted && !self.half.rules.plain_rtcp {
            return Err(SrtpError::NotPermitted);
        }
        let tag = read_tag(tag);
        let mut place = if mki_bytes == 0 {
            KeyPlace { previous: false, position: self.half.ring.active }
        } else {
            self.key_of(mki)?
        };

        let stream = self.half.streams.find(ssrc);
        match stream {
            Some(at) => {
                if let Some((stream, _)) = self.half.streams.at(at) {
                    stream.rtcp.check(&stream.rtcp_window, index)?;
                }
            }
            None if !self.half.rules.any_ssrc => return Err(SrtpError::UnknownSsrc),
            None if self.half.streams.is_full() => return Err(SrtpError::StreamLimit),
            None => {}
        }
        let clear = if encrypted { RTCP_CLEAR_BYTES } else { end };
        let mut opened = self.attempt_rtcp(datagram, place, ssrc, index, clear, end, tail, tag);
        if !opened
            && mki_bytes == 0
            && let Some(ring) = self.overlapping()
        {
            place = KeyPlace { previous: true, position: ring.active };
            opened = self.attempt_rtcp(datagram, place, ssrc, index, clear, end, tail, tag);
        }
        if !opened {
            return Err(SrtpError::AuthenticationFailed);
        }
        let at = match stream {
            Some(at) => at,
            None => self.half.streams.insert(ssrc, self.half.rules.initial_roc)?,
        };
        if let Some((stream, _)) = self.half.streams.at(at) {
            stream.rtcp.commit(&mut stream.rtcp_window, index);
        }
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
        let tag_bytes = self.half.rules.rtcp_tag_bytes;
        let Some(ring) = self.ring_of(place.previous) else { return false };
        ring.derive_for_rtcp(place.position, index);
        let Some(keys) = ring.keys.get(place.position) else { return false };
        let iv = keys.rtcp.iv(ssrc, index);
        let job = Job { buffer: datagram, clear, end, tail: Some(tail), iv };
        keys.rtcp.open(job, tag, tag_bytes)
    }
}
