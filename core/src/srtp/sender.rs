// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sending half of a session: RTP to SRTP, RTCP to SRTCP (RFC 3711 sections 3.3 and 3.4,
//! RFC 7714 sections 8 and 9). It belongs to the thread that makes the packets.

mod manage;
mod rtcp;

use core::fmt;

use super::config::SessionConfig;
use super::crypto::{CryptoJob, Tag};
use super::event::Event;
use super::extension::{self, Outgoing};
use super::half::Half;
use super::index::INDEX_LIMIT;
use super::session_keys::SessionKeys;
use super::{MAX_PACKET_BYTES, SrtpError};
use crate::rtp::RtpPacket;
use crate::rtp::header::FIXED_HEADER_BYTES;

/// Protects packets. See the [module documentation](super) for an example.
pub struct Sender {
    pub(super) half: Half,
    /// Number of the latest checkpoint, and the packets that it reserves while it is unconfirmed.
    pub(super) generation: u64,
    pub(super) pending_reserve: u64,
}

/// A packet that has been checked and given its index: what is left is cryptography.
#[derive(Clone, Copy, Default)]
pub(super) struct Plan {
    pub(super) clear: usize,
    pub(super) end: usize,
    pub(super) iv: u128,
    pub(super) tail: Option<u32>,
    /// Sources of a cryptex packet that have been moved and must go back.
    sources: usize,
    pub(super) total: usize,
}

impl Sender {
    /// Makes a sending half and takes all of its memory.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// As [`SessionConfig::validate`], and [`SrtpError::UnavailableBackend`].
    pub fn new(config: &SessionConfig) -> Result<Self, SrtpError> {
        Ok(Self { half: Half::new(config, true)?, generation: 0, pending_reserve: 0 })
    }

    /// Turns the RTP packet in `buffer[..len]` into an SRTP packet in place, and returns its
    /// length. [`Sender::rtp_overhead_bytes`] are added, and with cryptex up to 4 more.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::Capacity`], [`SrtpError::Malformed`], [`SrtpError::Oversized`],
    /// [`SrtpError::UnknownSsrc`],
    /// [`SrtpError::StreamLimit`], [`SrtpError::IndexReused`], [`SrtpError::IndexExhausted`],
    /// [`SrtpError::KeyExhausted`], [`SrtpError::CheckpointDue`]. The buffer is untouched then,
    /// and so is the session but for counters. [`SrtpError::Backend`] if cryptography from outside
    /// failed: the text is overwritten and the index used up then.
    #[inline]
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        match self.protect_in_order(buffer, len) {
            Some(len) => Ok(len),
            None => self.protect_any(buffer, len),
        }
    }

    /// Protects a packet that [`Sender::plan_in_order`] plans.
    #[inline(always)]
    pub(super) fn protect_in_order(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        let plan = self.plan_in_order(buffer, len)?;
        let key = self.rtp_key()?;
        let tag = key.seal(CryptoJob {
            buffer,
            clear: plan.clear,
            end: plan.end,
            tail: plan.tail,
            iv: plan.iv,
        })?;
        write_tag(buffer.get_mut(plan.end..plan.total)?, tag);
        self.half.stats.rtp_packets += 1;
        Some(plan.total)
    }

    /// As [`Sender::protect`], for any packet.
    #[inline(never)]
    pub(super) fn protect_any(
        &mut self,
        buffer: &mut [u8],
        len: usize,
    ) -> Result<usize, SrtpError> {
        let plan = self.plan_any(buffer, len)?;
        if plan.sources != 0 && !self.half.ring.aead {
            return self.protect_with_sources(buffer, &plan);
        }
        self.seal(buffer, &plan)
    }

    #[inline(always)]
    fn seal(&mut self, buffer: &mut [u8], plan: &Plan) -> Result<usize, SrtpError> {
        let Some(key) = self.rtp_key() else { return Err(SrtpError::KeyCount) };
        let job =
            CryptoJob { buffer, clear: plan.clear, end: plan.end, tail: plan.tail, iv: plan.iv };
        let tag = key.seal(job).ok_or(SrtpError::Backend);
        self.finish_or_count(buffer, plan, tag)
    }

    /// The plan of nearly every packet: the next one of a known stream, of a session without
    /// special wishes. `None`, and nothing changed, for all others, [`Sender::plan_any`] does.
    #[inline(always)]
    pub(super) fn plan_in_order(&mut self, buffer: &[u8], len: usize) -> Option<Plan> {
        let &[first, _, s0, s1, _, _, _, _, a, b, c, d] = buffer.first_chunk::<12>()?;
        let total = len.checked_add(self.half.ring.rtp_tag_bytes)?;
        if !self.half.rules.ordinary
            || first >> 6 != 2
            || len < FIXED_HEADER_BYTES
            || total > buffer.len().min(MAX_PACKET_BYTES)
        {
            return None;
        }
        let mut clear = FIXED_HEADER_BYTES;
        if first & 0x1f != 0 {
            clear = RtpPacket::parse(buffer.get(..len)?).ok()?.header_bytes();
        }
        let (ssrc, sequence) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1]));
        let at = self.half.streams.find(ssrc)?;
        let (stream, window) = self.half.streams.at(at)?;
        let index = stream.rtp.next_in_order(sequence)?;
        if stream.pending {
            return None;
        }
        let keys = self.half.ring.keys.get_mut(self.half.ring.active)?;
        if index >= stream.rtp_notice || !keys.spend_rtp_quietly() {
            return None;
        }
        stream.rtp.commit_in_order(window, index);
        self.half.streams.touch(at);
        let tail = if self.half.ring.aead { None } else { Some((index >> 16) as u32) };
        Some(Plan { clear, end: len, iv: keys.rtp.iv(ssrc, index), tail, sources: 0, total })
    }

    /// Checks the packet, gives it its index, and notes that the index is used.
    #[inline(never)]
    pub(super) fn plan_any(&mut self, buffer: &mut [u8], len: usize) -> Result<Plan, SrtpError> {
        self.try_plan(buffer, len).inspect_err(|&e| self.half.stats.count(e))
    }

    #[inline(always)]
    fn try_plan(&mut self, buffer: &mut [u8], len: usize) -> Result<Plan, SrtpError> {
        if len > MAX_PACKET_BYTES {
            return Err(SrtpError::Oversized);
        }
        let packet = RtpPacket::parse(buffer.get(..len).ok_or(SrtpError::Capacity)?)
            .map_err(|_| SrtpError::Malformed)?;
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        let mut plan = Plan {
            clear: packet.header_bytes(),
            end: len,
            iv: 0,
            tail: None,
            sources: 0,
            total: len + self.half.ring.rtp_tag_bytes + self.half.ring.mki_bytes,
        };
        let mut header = Header::Clear;
        if self.half.rules.cryptex || !self.half.rules.encrypted_extensions.is_empty() {
            header = Header::of(&packet, self.half.rules.cryptex);
            if let Header::Cryptex { what: Outgoing::Insert, .. } = header {
                plan.end += 4;
                plan.total += 4;
            }
        }
        if plan.total > MAX_PACKET_BYTES {
            return Err(SrtpError::Oversized);
        }
        if plan.total > buffer.len() {
            return Err(SrtpError::Capacity);
        }
        if self.half.ring.plain_rtp {
            plan.clear = len;
        }

        let active = self.half.ring.active;
        match self.half.ring.keys.get(active) {
            Some(keys) if keys.rtp_left > 0 => {}
            _ => return Err(SrtpError::KeyExhausted),
        }
        let at = match self.half.streams.find(ssrc) {
            Some(at) => at,
            None => self.add_on_demand(ssrc)?,
        };
        let Some((stream, window)) = self.half.streams.at(at) else {
            return Err(SrtpError::UnknownSsrc);
        };
        let index = stream.likely_index(sequence);
        if index >= INDEX_LIMIT {
            return Err(SrtpError::IndexExhausted);
        }
        if index >= stream.rtp_limit {
            return Err(SrtpError::CheckpointDue);
        }
        stream.rtp.check(window, index).map_err(|_| SrtpError::IndexReused)?;
        stream.rtp.commit(window, index);
        stream.pending = false;
        if stream.rtp_limit != u64::MAX && index >= stream.rtp_notice && !stream.noticed {
            stream.noticed = true;
            self.half.events.push(Event::CheckpointDue { ssrc }, &mut self.half.stats);
        }
        self.half.streams.touch(at);

        self.half.ring.derive_for_rtp(active, index);
        let Some(keys) = self.half.ring.keys.get_mut(active) else {
            return Err(SrtpError::KeyCount);
        };
        if let Some(packets_left) = keys.spend_rtp() {
            let event = Event::KeyExpiring { key: active, packets_left };
            self.half.events.push(event, &mut self.half.stats);
        }
        plan.iv = keys.rtp.iv(ssrc, index);
        if !self.half.ring.aead {
            plan.tail = Some((index >> 16) as u32);
        }
        match header {
            Header::Clear => {}
            Header::Elements { at } => {
                if let Some(key) = keys.header.as_deref() {
                    let (ids, iv) = (&self.half.rules.encrypted_extensions, key.iv(ssrc, index));
                    extension::crypt_elements(buffer, at, plan.clear, ids, &key.aes, iv)?;
                }
            }
            Header::Cryptex { what, sources, at } => {
                match what {
                    Outgoing::Plain => return Ok(plan),
                    Outgoing::Mark(profile) => extension::set_profile(buffer, at, profile)?,
                    Outgoing::Insert => extension::insert(buffer, at, len)?,
                }
                if !self.half.ring.plain_rtp {
                    plan.clear = extension::CRYPTEX_CLEAR_BYTES;
                    plan.sources = sources;
                    extension::sources_behind_word(buffer, sources)?;
                }
            }
        }
        Ok(plan)
    }

    #[cold]
    fn add_on_demand(&mut self, ssrc: u32) -> Result<usize, SrtpError> {
        if !self.half.rules.any_ssrc {
            return Err(SrtpError::UnknownSsrc);
        }
        self.half.streams.insert(ssrc, self.half.rules.initial_roc, self.half.epoch)
    }

    /// Writes the trailer, or counts that there is nothing to write.
    #[inline(always)]
    pub(super) fn finish_or_count(
        &mut self,
        buffer: &mut [u8],
        plan: &Plan,
        tag: Result<Tag, SrtpError>,
    ) -> Result<usize, SrtpError> {
        match tag {
            Ok(tag) => self.finish(buffer, plan, tag),
            Err(error) => {
                self.half.stats.count(error);
                Err(error)
            }
        }
    }

    /// Writes the trailer.
    #[inline(always)]
    pub(super) fn finish(
        &mut self,
        buffer: &mut [u8],
        plan: &Plan,
        tag: Tag,
    ) -> Result<usize, SrtpError> {
        if plan.sources != 0 {
            extension::sources_before_word(buffer, plan.sources)?;
        }
        let tag_bytes = self.half.ring.rtp_tag_bytes;
        let trailer = buffer.get_mut(plan.end..plan.total).ok_or(SrtpError::Capacity)?;
        if self.half.ring.mki_bytes == 0 {
            write_tag(trailer, tag);
        } else if let Some(keys) = self.half.ring.keys.get(self.half.ring.active) {
            write_trailer(trailer, keys, tag, tag_bytes, self.half.ring.aead);
        }
        self.half.stats.rtp_packets += 1;
        Ok(plan.total)
    }

    /// Counter mode encrypts a cryptex packet in one piece, but authenticates it as it is sent.
    #[cold]
    fn protect_with_sources(&mut self, buffer: &mut [u8], plan: &Plan) -> Result<usize, SrtpError> {
        let Some(keys) = self.half.ring.keys.get(self.half.ring.active) else {
            return Err(SrtpError::KeyCount);
        };
        let text = buffer.get_mut(plan.clear..plan.end).ok_or(SrtpError::Internal)?;
        keys.rtp.xor_keystream(plan.iv, text);
        extension::sources_before_word(buffer, plan.sources)?;
        let job =
            CryptoJob { buffer, clear: plan.end, end: plan.end, tail: plan.tail, iv: plan.iv };
        let tag = keys.rtp.seal(job).ok_or(SrtpError::Backend);
        self.finish_or_count(buffer, &Plan { sources: 0, ..*plan }, tag)
    }
}

/// What is to be done with a packet's header.
enum Header {
    Clear,
    Elements { at: usize },
    Cryptex { what: Outgoing, sources: usize, at: usize },
}

impl Header {
    fn of(packet: &RtpPacket<'_>, cryptex: bool) -> Self {
        let sources = packet.contributing_sources().len();
        let at = FIXED_HEADER_BYTES + 4 * sources;
        match packet.extension() {
            Some(_) if !cryptex => Self::Elements { at },
            None if !cryptex => Self::Clear,
            extension => {
                let what = extension::outgoing(sources, extension.map(|(profile, _)| profile));
                Self::Cryptex { what, sources, at }
            }
        }
    }
}

#[inline(always)]
fn write_tag(out: &mut [u8], tag: Tag) {
    if let Some(whole) = out.first_chunk_mut::<16>() {
        *whole = tag;
    } else if let Some(ten) = out.first_chunk_mut::<10>() {
        ten.copy_from_slice(&tag[..10]);
    } else if let Some(four) = out.first_chunk_mut::<4>() {
        four.copy_from_slice(&tag[..4]);
    }
}

/// MKI and tag, in the order of RFC 3711 (MKI first) or RFC 7714 (the tag belongs to the text).
fn write_trailer(out: &mut [u8], keys: &SessionKeys, tag: Tag, tag_bytes: usize, aead: bool) {
    let tag = &tag[..tag_bytes.min(16)];
    let mki = keys.master.mki();
    if aead { write_pair(out, tag, mki) } else { write_pair(out, mki, tag) }
}

fn write_pair(out: &mut [u8], first: &[u8], second: &[u8]) {
    for (to, from) in out.iter_mut().zip(first.iter().chain(second)) {
        *to = *from;
    }
}

impl AsRef<Self> for Sender {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsMut<Self> for Sender {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.half.print("Sender", f)
    }
}
