// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sending half of a session: RTP to SRTP, RTCP to SRTCP (RFC 3711 sections 3.3 and 3.4,
//! RFC 7714 sections 8 and 9). It belongs to the thread that makes the packets.

use alloc::vec::Vec;
use core::fmt;

use super::checkpoint::Description;
use super::config::{SessionConfig, SsrcPolicy};
use super::crypto::{CryptoKey, Job, Tag};
use super::event::{Event, Events, Stats};
use super::extension::{self, Outgoing};
use super::index::{INDEX_LIMIT, guess};
use super::policy::weakness;
use super::replay::Position;
use super::session_keys::{KeyRing, PreparedKeys, RetiredKeys, SessionKeys};
use super::stream::Streams;
use super::suite::Cipher;
use super::{RTCP_CLEAR_BYTES, RTCP_INDEX_LIMIT, SrtpError, StreamState, Suite};
use crate::rtp::RtpPacket;
use crate::rtp::header::FIXED_HEADER_BYTES;

/// Protects packets. See the [module documentation](super) for an example.
pub struct Sender {
    ring: KeyRing,
    pub(super) streams: Streams,
    rules: Rules,
    stats: Stats,
    events: Events,
    /// Number of the latest checkpoint, and the packets that it reserves while it is unconfirmed.
    pub(super) generation: u64,
    pub(super) pending_reserve: u64,
}

/// What of the configuration matters for each packet.
pub(super) struct Rules {
    pub(super) rtp_tag_bytes: usize,
    pub(super) rtcp_tag_bytes: usize,
    mki_bytes: usize,
    aead: bool,
    any_ssrc: bool,
    plain_rtp: bool,
    plain_rtcp: bool,
    cryptex: bool,
    encrypted_extensions: Vec<u8>,
    initial_roc: u32,
    /// Nothing of the above asks for more than header, text and tag.
    ordinary: bool,
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
        let ring = PreparedKeys::new(config)?.0;
        let suite = config.suite;
        let mut this = Self {
            rules: Rules {
                rtp_tag_bytes: suite.tag_bytes(),
                rtcp_tag_bytes: suite.rtcp_tag_bytes(),
                mki_bytes: ring.mki_bytes,
                aead: suite.cipher() == Cipher::Gcm,
                any_ssrc: config.ssrcs == SsrcPolicy::Any,
                plain_rtp: config.unencrypted_srtp,
                plain_rtcp: config.unencrypted_srtcp || suite.is_null(),
                cryptex: config.cryptex,
                encrypted_extensions: config.encrypted_extensions.clone(),
                initial_roc: config.initial_roc,
                ordinary: !config.cryptex
                    && config.encrypted_extensions.is_empty()
                    && !config.unencrypted_srtp
                    && !ring.has_rate()
                    && ring.mki_bytes == 0,
            },
            ring,
            streams: Streams::new(config.max_streams, config.replay_window),
            stats: Stats::default(),
            events: Events::default(),
            generation: 0,
            pending_reserve: 0,
        };
        if let SsrcPolicy::Only(list) = &config.ssrcs {
            for &ssrc in list {
                if this.streams.find(ssrc).is_none() {
                    this.streams.insert(ssrc, config.initial_roc)?;
                }
            }
        }
        if let Some(weakness) = weakness(suite) {
            this.events.push(Event::WeakSuite { suite, weakness }, &mut this.stats);
        }
        Ok(this)
    }

    /// Turns the RTP packet in `buffer[..len]` into an SRTP packet in place, and returns its
    /// length. [`Sender::rtp_overhead_bytes`] are added, and with cryptex up to 4 more.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::Capacity`], [`SrtpError::Malformed`], [`SrtpError::UnknownSsrc`],
    /// [`SrtpError::StreamLimit`], [`SrtpError::IndexReused`], [`SrtpError::IndexExhausted`],
    /// [`SrtpError::KeyExhausted`], [`SrtpError::CheckpointDue`]. The buffer is untouched then,
    /// and so is the session but for counters.
    #[inline]
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        match self.plan_in_order(buffer, len) {
            Some(plan) => self.seal(buffer, &plan),
            None => self.protect_any(buffer, len),
        }
    }

    #[inline(never)]
    fn protect_any(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let plan = self.plan_any(buffer, len)?;
        if plan.sources != 0 && !self.rules.aead {
            return self.protect_with_sources(buffer, &plan);
        }
        self.seal(buffer, &plan)
    }

    #[inline(always)]
    fn seal(&mut self, buffer: &mut [u8], plan: &Plan) -> Result<usize, SrtpError> {
        let Some(key) = self.rtp_key() else { return Err(SrtpError::KeyCount) };
        let job = Job { buffer, clear: plan.clear, end: plan.end, tail: plan.tail, iv: plan.iv };
        let tag = key.seal(job);
        self.finish(buffer, plan, tag)
    }

    /// Checks the packet, gives it its index, and notes that the index is used.
    #[inline(always)]
    pub(super) fn plan(&mut self, buffer: &mut [u8], len: usize) -> Result<Plan, SrtpError> {
        match self.plan_in_order(buffer, len) {
            Some(plan) => Ok(plan),
            None => self.plan_any(buffer, len),
        }
    }

    /// The plan of nearly every packet: the next one of a known stream, of a session without
    /// special wishes. `None`, and nothing changed, for all others, [`Sender::plan_any`] does.
    #[inline(always)]
    fn plan_in_order(&mut self, buffer: &[u8], len: usize) -> Option<Plan> {
        let &[first, _, s0, s1, _, _, _, _, a, b, c, d] = buffer.first_chunk::<12>()?;
        let total = len.checked_add(self.rules.rtp_tag_bytes)?;
        if !self.rules.ordinary
            || first >> 6 != 2
            || len < FIXED_HEADER_BYTES
            || total > buffer.len()
        {
            return None;
        }
        let mut clear = FIXED_HEADER_BYTES;
        if first & 0x1f != 0 {
            clear = RtpPacket::parse(buffer.get(..len)?).ok()?.header_bytes();
        }
        let (ssrc, sequence) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1]));
        let at = self.streams.find(ssrc)?;
        let (stream, window) = self.streams.at(at)?;
        let index = stream.rtp.next_in_order(sequence)?;
        let keys = self.ring.keys.get_mut(self.ring.active)?;
        if index >= stream.rtp_notice || !keys.spend_rtp_quietly() {
            return None;
        }
        stream.rtp.commit_in_order(window, index);
        let tail = if self.rules.aead { None } else { Some((index >> 16) as u32) };
        Some(Plan { clear, end: len, iv: keys.rtp.iv(ssrc, index), tail, sources: 0, total })
    }

    /// As [`Sender::plan`], for any packet.
    #[inline(never)]
    fn plan_any(&mut self, buffer: &mut [u8], len: usize) -> Result<Plan, SrtpError> {
        self.try_plan(buffer, len).inspect_err(|&e| self.stats.count(e))
    }

    #[inline(always)]
    fn try_plan(&mut self, buffer: &mut [u8], len: usize) -> Result<Plan, SrtpError> {
        let packet = RtpPacket::parse(buffer.get(..len).ok_or(SrtpError::Capacity)?)
            .map_err(|_| SrtpError::Malformed)?;
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        let mut plan = Plan {
            clear: packet.header_bytes(),
            end: len,
            iv: 0,
            tail: None,
            sources: 0,
            total: len + self.rules.rtp_tag_bytes + self.rules.mki_bytes,
        };
        let mut header = Header::Clear;
        if self.rules.cryptex || !self.rules.encrypted_extensions.is_empty() {
            header = Header::of(&packet, self.rules.cryptex);
            if let Header::Cryptex { what: Outgoing::Insert, .. } = header {
                plan.end += 4;
                plan.total += 4;
            }
        }
        if plan.total > buffer.len() {
            return Err(SrtpError::Capacity);
        }
        if self.rules.plain_rtp {
            plan.clear = len;
        }

        let active = self.ring.active;
        match self.ring.keys.get(active) {
            Some(keys) if keys.rtp_left > 0 => {}
            _ => return Err(SrtpError::KeyExhausted),
        }
        let at = match self.streams.find(ssrc) {
            Some(at) => at,
            None => self.add_on_demand(ssrc)?,
        };
        let Some((stream, window)) = self.streams.at(at) else {
            return Err(SrtpError::UnknownSsrc);
        };
        let index = match stream.rtp.highest() {
            Some(highest) => guess(highest, sequence),
            None => u64::from(stream.initial_roc) << 16 | u64::from(sequence),
        };
        if index >= INDEX_LIMIT {
            return Err(SrtpError::IndexExhausted);
        }
        if index >= stream.rtp_limit {
            return Err(SrtpError::CheckpointDue);
        }
        stream.rtp.check(window, index).map_err(|_| SrtpError::IndexReused)?;
        stream.rtp.commit(window, index);
        if stream.rtp_limit != u64::MAX && index >= stream.rtp_notice && !stream.noticed {
            stream.noticed = true;
            self.events.push(Event::CheckpointDue { ssrc }, &mut self.stats);
        }

        self.ring.derive_for_rtp(active, index);
        let Some(keys) = self.ring.keys.get_mut(active) else {
            return Err(SrtpError::KeyCount);
        };
        if let Some(packets_left) = keys.spend_rtp() {
            let event = Event::KeyExpiring { key: active, packets_left };
            self.events.push(event, &mut self.stats);
        }
        plan.iv = keys.rtp.iv(ssrc, index);
        if !self.rules.aead {
            plan.tail = Some((index >> 16) as u32);
        }
        match header {
            Header::Clear => {}
            Header::Elements { at } => {
                let salt_iv = u128::from(ssrc) << 64 | u128::from(index) << 16;
                if let Some((aes, salt)) = &keys.header {
                    let (ids, iv) = (&self.rules.encrypted_extensions, salt ^ salt_iv);
                    extension::crypt_elements(buffer, at, plan.clear, ids, aes, iv);
                }
            }
            Header::Cryptex { what, sources, at } => {
                match what {
                    Outgoing::Plain => return Ok(plan),
                    Outgoing::Mark(profile) => extension::set_profile(buffer, at, profile),
                    Outgoing::Insert => {
                        buffer.copy_within(at..len, at + 4);
                        buffer[0] |= 0x10;
                        buffer[at..at + 4].fill(0);
                        extension::set_profile(buffer, at, extension::INSERTED);
                    }
                }
                if !self.rules.plain_rtp {
                    plan.clear = extension::CRYPTEX_CLEAR_BYTES;
                    plan.sources = sources;
                    extension::sources_behind_word(buffer, sources);
                }
            }
        }
        Ok(plan)
    }

    #[cold]
    fn add_on_demand(&mut self, ssrc: u32) -> Result<usize, SrtpError> {
        if !self.rules.any_ssrc {
            return Err(SrtpError::UnknownSsrc);
        }
        self.streams.insert(ssrc, self.rules.initial_roc)
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
            extension::sources_before_word(buffer, plan.sources);
        }
        let tag_bytes = self.rules.rtp_tag_bytes;
        let trailer = buffer.get_mut(plan.end..plan.total).ok_or(SrtpError::Capacity)?;
        if self.rules.mki_bytes == 0 {
            write_tag(trailer, tag);
        } else if let Some(keys) = self.ring.keys.get(self.ring.active) {
            write_trailer(trailer, keys, tag, tag_bytes, self.rules.aead);
        }
        self.stats.rtp_packets += 1;
        Ok(plan.total)
    }

    /// Counter mode encrypts a cryptex packet in one piece, but authenticates it as it is sent.
    #[cold]
    fn protect_with_sources(&mut self, buffer: &mut [u8], plan: &Plan) -> Result<usize, SrtpError> {
        let Some(keys) = self.ring.keys.get(self.ring.active) else {
            return Err(SrtpError::KeyCount);
        };
        if let Some(text) = buffer.get_mut(plan.clear..plan.end) {
            keys.rtp.xor_keystream(plan.iv, text);
        }
        extension::sources_before_word(buffer, plan.sources);
        let job = Job { buffer, clear: plan.end, end: plan.end, tail: plan.tail, iv: plan.iv };
        let tag = keys.rtp.seal(job);
        self.finish(buffer, &Plan { sources: 0, ..*plan }, tag)
    }

    /// Turns the compound RTCP packet in `buffer[..len]` into an SRTCP packet in place, and
    /// returns its length. [`Sender::rtcp_overhead_bytes`] are added.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`Sender::protect`].
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        self.try_protect_rtcp(buffer, len).inspect_err(|&e| self.stats.count(e))
    }

    fn try_protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..len).ok_or(SrtpError::Capacity)?;
        let ssrc = super::rtcp_ssrc(packet)?;
        let total = len + self.rtcp_overhead_bytes();
        if total > buffer.len() {
            return Err(SrtpError::Capacity);
        }
        let active = self.ring.active;
        match self.ring.keys.get(active) {
            Some(keys) if keys.rtcp_left > 0 => {}
            _ => return Err(SrtpError::KeyExhausted),
        }
        let at = match self.streams.find(ssrc) {
            Some(at) => at,
            None => self.add_on_demand(ssrc)?,
        };
        let Some((stream, _)) = self.streams.at(at) else { return Err(SrtpError::UnknownSsrc) };
        let index = stream.rtcp.highest().map_or(0, |highest| highest + 1);
        if index >= RTCP_INDEX_LIMIT {
            return Err(SrtpError::IndexExhausted);
        }
        if index >= stream.rtcp_limit {
            return Err(SrtpError::CheckpointDue);
        }
        stream.rtcp = Position::at(index);

        self.ring.derive_for_rtcp(active, index);
        let Some(keys) = self.ring.keys.get_mut(active) else {
            return Err(SrtpError::KeyCount);
        };
        if let Some(packets_left) = keys.spend_rtcp() {
            let event = Event::KeyExpiring { key: active, packets_left };
            self.events.push(event, &mut self.stats);
        }
        let e_bit = if self.rules.plain_rtcp { 0 } else { 1 << 31 };
        let word = e_bit | index as u32;
        let clear = if self.rules.plain_rtcp { len } else { RTCP_CLEAR_BYTES };
        let iv = keys.rtcp.iv(ssrc, index);
        let tag = keys.rtcp.seal(Job { buffer, clear, end: len, tail: Some(word), iv });
        let word = word.to_be_bytes();

        let trailer = buffer.get_mut(len..total).ok_or(SrtpError::Capacity)?;
        let tag_bytes = self.rules.rtcp_tag_bytes;
        if self.rules.aead {
            // RFC 7714 section 9.2: the tag belongs to the ciphertext, the index follows.
            let (tag_at, rest) = trailer.split_at_mut(tag_bytes.min(trailer.len()));
            write_tag(tag_at, tag);
            write_pair(rest, &word, keys.master.mki());
        } else {
            let (word_at, rest) = trailer.split_at_mut(word.len().min(trailer.len()));
            word_at.copy_from_slice(&word);
            write_trailer(rest, keys, tag, tag_bytes, false);
        }
        self.stats.rtcp_packets += 1;
        Ok(total)
    }

    /// Bytes that [`Sender::protect`] adds: tag and master key identifier.
    pub fn rtp_overhead_bytes(&self) -> usize {
        self.rules.rtp_tag_bytes + self.rules.mki_bytes
    }

    /// Bytes that [`Sender::protect_rtcp`] adds: tag, index and master key identifier.
    pub fn rtcp_overhead_bytes(&self) -> usize {
        self.rules.rtcp_tag_bytes + 4 + self.rules.mki_bytes
    }

    /// Sends under other keys from now on, rollover counters and indices going on as they are.
    /// Returns the old keys, to be dropped elsewhere.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The new keys come back with [`SrtpError::InvalidConfig`] if they are for another suite.
    pub fn rekey(&mut self, keys: PreparedKeys) -> Result<RetiredKeys, (SrtpError, PreparedKeys)> {
        if keys.0.suite != self.ring.suite
            || keys.0.keys.iter().any(|k| k.header.is_some())
                == self.rules.encrypted_extensions.is_empty()
        {
            return Err((SrtpError::InvalidConfig, keys));
        }
        let mut ring = keys.0;
        ring.carry_lifetimes(&self.ring);
        self.rules.mki_bytes = ring.mki_bytes;
        self.rules.ordinary &= ring.mki_bytes == 0 && !ring.has_rate();
        Ok(RetiredKeys(core::mem::replace(&mut self.ring, ring)))
    }

    /// Sends under the key with this master key identifier from now on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::UnknownMki`].
    pub fn select_key(&mut self, mki: &[u8]) -> Result<(), SrtpError> {
        self.ring.active = self.ring.find(mki).ok_or(SrtpError::UnknownMki)?;
        Ok(())
    }

    /// Adds a stream, or gives it another state, as when a call is re-negotiated with the same
    /// keys or joined late. The indices in `state` count as used.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`], and [`SrtpError::InvalidConfig`] for indices out of range.
    pub fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        super::set_stream(&mut self.streams, state)
    }

    /// Forgets a stream; whether it was known. Its indices must not be sent again under the same
    /// keys, which the session can't see to any more.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.streams.remove(ssrc)
    }

    /// The streams, with what is needed to go on with them elsewhere.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamState> {
        self.streams.iter().map(|(stream, _)| StreamState::of(stream))
    }

    /// The oldest event that has not been polled yet.
    ///
    /// Real-time: yes.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.poll()
    }

    /// Counters since the half was made.
    ///
    /// Real-time: yes.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.ring.suite
    }

    /// Memory that this half takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.ring.heap_bytes() + self.streams.heap_bytes()
    }

    pub(super) fn describe(&self, out: &mut Vec<u8>) {
        let rules = &self.rules;
        Description {
            suite: self.ring.suite,
            flags: [
                rules.plain_rtp,
                rules.plain_rtcp && !self.ring.suite.is_null(),
                rules.cryptex,
                false,
            ],
            rate_log2: self.ring.rate_log2,
            active: self.ring.active,
            encrypted_extensions: &rules.encrypted_extensions,
        }
        .write(out);
    }

    pub(super) fn keys(&self) -> &[SessionKeys] {
        &self.ring.keys
    }

    pub(super) fn keys_mut(&mut self) -> &mut [SessionKeys] {
        &mut self.ring.keys
    }

    pub(super) fn set_active(&mut self, active: usize) {
        self.ring.active = active.min(self.ring.keys.len().saturating_sub(1));
    }

    pub(super) fn accept_known_streams_only(&mut self) {
        self.rules.any_ssrc = false;
    }

    /// Whether the batch kernels take this session's packets.
    #[inline(always)]
    pub(super) fn has_lanes(&self) -> bool {
        !self.rules.cryptex
            && !self.ring.has_rate()
            && self.rtp_key().is_some_and(|key| key.has_lanes())
    }

    /// The key that packets are sealed with.
    #[inline(always)]
    pub(super) fn rtp_key(&self) -> Option<&CryptoKey> {
        self.ring.keys.get(self.ring.active).map(|keys| &keys.rtp)
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
        f.debug_struct("Sender")
            .field("suite", &self.ring.suite)
            .field("streams", &self.streams.iter().len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
