// SPDX-License-Identifier: MIT OR Apache-2.0
//! The receiving half of a session: SRTP to RTP, SRTCP to RTCP (RFC 3711 sections 3.3 and 3.4,
//! RFC 7714 sections 8 and 9). It belongs to the thread that reads the socket.
//!
//! The order is: find the stream, guess the index, check the replay window, authenticate, decrypt,
//! and only then change any state. A packet that fails leaves everything as it was, its own bytes
//! included.

mod manage;
mod retry;
mod rtcp;

use core::fmt;

use super::config::SessionConfig;
use super::crypto::{CryptoJob, CryptoKey, Tag};
use super::event::Event;
use super::extension;
use super::half::Half;
use super::index::INDEX_LIMIT;
use super::replay::Position;
use super::session_keys::KeyRing;
use super::stream::memory::check_folded;
use super::suite::Cipher;
use super::{MAX_PACKET_BYTES, SrtpError};
use crate::rtp::RtpPacket;
use crate::rtp::header::FIXED_HEADER_BYTES;
use retry::Retries;

/// Unprotects packets. See the [module documentation](super) for an example.
pub struct Receiver {
    pub(super) half: Half,
    /// The keys before the last re-keying, and for how many packets they still count.
    previous: Option<KeyRing>,
    overlap_left: u32,
    /// Packets for which the previous keys go on to count after a re-keying.
    overlap: u32,
    /// Which rollover counters are tried beyond the guessed one, and how often.
    retries: Retries,
    /// Packets that wait in a batch.
    pub(super) staged: u16,
    /// Authentication failures in a row, and the longest row that has been reported.
    pub(super) failures: u32,
    pub(super) reported: u32,
}

/// A packet whose place in its stream has been worked out, but which nothing has vouched for yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Plan {
    pub(super) ssrc: u32,
    pub(super) index: u64,
    /// Position of the stream, if it is known.
    pub(super) stream: Option<usize>,
    pub(super) clear: usize,
    pub(super) end: usize,
    /// The tag as received.
    pub(super) tag: Tag,
    pub(super) key: KeyPlace,
    pub(super) header_bytes: usize,
    pub(super) header: Header,
    /// Why the packet is not acceptable under this index, whether it authenticates or not.
    pub(super) refused: Option<SrtpError>,
    /// The stream begins anew with this packet, under keys that nothing was received under.
    pub(super) restarts: bool,
    /// Counters that had been corrected when this was planned.
    pub(super) corrected: u64,
}

/// What became of a packet in order.
pub(super) enum Opened {
    /// Its new length.
    Done(usize),
    /// It does not authenticate as planned.
    Forged(Plan),
}

/// Which key a packet is tried under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct KeyPlace {
    pub(super) previous: bool,
    pub(super) position: usize,
}

/// What is to be done with a packet's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Header {
    #[default]
    Clear,
    /// Elements may be encrypted; the extension stands here.
    Elements { at: usize },
    /// All of it is encrypted; the extension had this profile.
    Cryptex { at: usize, sources: usize, profile: u16 },
}

impl Receiver {
    /// Makes a receiving half and takes all of its memory.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// As [`SessionConfig::validate`], and [`SrtpError::UnavailableBackend`].
    pub fn new(config: &SessionConfig) -> Result<Self, SrtpError> {
        Ok(Self {
            half: Half::new(config, false)?,
            previous: None,
            overlap_left: 0,
            overlap: config.rekey_overlap_packets,
            retries: Retries::new(config.roc_retry),
            staged: 0,
            failures: 0,
            reported: 0,
        })
    }

    /// Turns the SRTP packet in `datagram` into an RTP packet in place, and returns its length.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`], [`SrtpError::Oversized`],
    /// [`SrtpError::AuthenticationFailed`], [`SrtpError::Replayed`],
    /// [`SrtpError::TooOld`], [`SrtpError::UnknownMki`], [`SrtpError::UnknownSsrc`],
    /// [`SrtpError::IndexExhausted`], [`SrtpError::KeyExhausted`]. The datagram is
    /// untouched then, and so is the session but for counters and events.
    #[inline]
    pub fn unprotect(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        match self.unprotect_in_order(datagram) {
            Some(Opened::Done(len)) => Ok(len),
            Some(Opened::Forged(plan)) => self.retry(datagram, plan),
            None => self.unprotect_any(datagram),
        }
    }

    /// Unprotects a packet that [`Receiver::plan_in_order`] plans.
    #[inline(always)]
    pub(super) fn unprotect_in_order(&mut self, datagram: &mut [u8]) -> Option<Opened> {
        let plan = self.plan_in_order(datagram)?;
        let (tail, tag_bytes) = (self.tail(false, plan.index), self.half.ring.rtp_tag_bytes);
        let key = self.rtp_key(plan.key)?;
        let iv = key.iv(plan.ssrc, plan.index);
        let job = CryptoJob { buffer: datagram, clear: plan.clear, end: plan.end, tail, iv };
        if !key.open(job, plan.tag, tag_bytes) {
            return Some(Opened::Forged(plan));
        }
        self.failures = 0;
        if let Some(at) = plan.stream
            && let Some((stream, window)) = self.half.streams.at(at)
        {
            stream.rtp.commit_in_order(window, plan.index);
            self.half.streams.touch(at);
        }
        if let Some(keys) = self.half.ring.keys.get_mut(plan.key.position) {
            keys.spend_rtp_quietly();
        }
        self.half.stats.rtp_packets += 1;
        Some(Opened::Done(plan.end))
    }

    /// As [`Receiver::unprotect`], for any packet.
    #[inline(never)]
    pub(super) fn unprotect_any(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        match self.try_plan(datagram, false) {
            Ok(plan) => self.execute(datagram, plan),
            Err(error) => match self.unprotect_under_previous(datagram) {
                Some(result) => result,
                None => self.refuse(error),
            },
        }
    }

    /// The plan of nearly every packet: the next one of a known stream, of a session without
    /// special wishes. `None` for all others, [`Receiver::plan_any`] does.
    #[inline(always)]
    pub(super) fn plan_in_order(&mut self, datagram: &[u8]) -> Option<Plan> {
        let &[first, _, s0, s1, _, _, _, _, a, b, c, d] = datagram.first_chunk::<12>()?;
        if !self.half.rules.ordinary
            || first >> 6 != 2
            || self.overlap_left > 0
            || datagram.len() > MAX_PACKET_BYTES
        {
            return None;
        }
        let mut clear = FIXED_HEADER_BYTES;
        if first & 0x1f != 0 {
            clear = RtpPacket::parse(datagram).ok()?.header_bytes();
        }
        let end =
            datagram.len().checked_sub(self.half.ring.rtp_tag_bytes).filter(|&e| e >= clear)?;
        let (ssrc, sequence) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1]));
        let stream = self.half.streams.find(ssrc)?;
        let (known, _) = self.half.streams.at(stream)?;
        let index = known.rtp.next_in_order(sequence)?;
        if known.pending || known.rtp_epoch != self.half.epoch {
            return None;
        }
        let position = self.half.ring.active;
        if index >= INDEX_LIMIT || !self.half.ring.keys.get(position)?.has_plenty() {
            return None;
        }
        let tag = read_tag(datagram.get(end..)?);
        let key = KeyPlace { previous: false, position };
        let stream = Some(stream);
        let corrected = self.half.stats.rollover_corrected;
        let plan = Plan { ssrc, index, stream, clear, end, tag, key, corrected, ..Plan::default() };
        Some(Plan { header_bytes: clear, ..plan })
    }

    /// Carries a plan out.
    #[inline(always)]
    pub(super) fn execute(&mut self, datagram: &mut [u8], plan: Plan) -> Result<usize, SrtpError> {
        let opened = self.attempt(datagram, &plan);
        self.conclude(datagram, plan, opened)
    }

    /// Draws the consequences of a plan whose packet was, or was not, authenticated and decrypted.
    #[inline(always)]
    pub(super) fn conclude(
        &mut self,
        datagram: &mut [u8],
        plan: Plan,
        opened: bool,
    ) -> Result<usize, SrtpError> {
        if opened { self.commit(datagram, &plan) } else { self.retry(datagram, plan) }
    }

    /// Whether a rollover counter has been corrected since this was planned.
    pub(super) fn is_outdated(&self, plan: &Plan) -> bool {
        plan.corrected != self.half.stats.rollover_corrected
    }

    /// The plan of any packet under the keys in use, if it is acceptable.
    pub(super) fn peek(&mut self, datagram: &[u8]) -> Option<Plan> {
        self.try_plan(datagram, false).ok().filter(|plan| plan.refused.is_none())
    }

    /// Counts a refusal.
    #[cold]
    pub(super) fn refuse(&mut self, error: SrtpError) -> Result<usize, SrtpError> {
        self.half.stats.count(error);
        Err(error)
    }

    /// Works out index, key and layout under the keys in use or the previous ones; changes nothing.
    #[inline(always)]
    fn try_plan(&mut self, datagram: &[u8], previous: bool) -> Result<Plan, SrtpError> {
        if datagram.len() > MAX_PACKET_BYTES {
            return Err(SrtpError::Oversized);
        }
        let packet = RtpPacket::parse(datagram).map_err(|_| SrtpError::Malformed)?;
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        let Some(ring) = self.ring_of(previous) else { return Err(SrtpError::KeyCount) };
        let (tag_bytes, mki_bytes, aead) = (ring.rtp_tag_bytes, ring.mki_bytes, ring.aead);
        let (plain_rtp, active) = (ring.plain_rtp, ring.active);
        let header_bytes = packet.header_bytes();
        let end = match datagram.len().checked_sub(tag_bytes + mki_bytes) {
            Some(end) if end >= header_bytes => end,
            _ => return Err(SrtpError::Malformed),
        };
        let mut header = Header::Clear;
        if self.half.rules.cryptex || !self.half.rules.encrypted_extensions.is_empty() {
            header = Header::of(&packet, self.half.rules.cryptex);
        }
        let clear = match header {
            _ if plain_rtp => end,
            Header::Cryptex { .. } => extension::CRYPTEX_CLEAR_BYTES,
            _ => header_bytes,
        };

        let stream = self.half.streams.find(ssrc);
        let known = match stream {
            Some(at) => {
                let (stream, window) = self.half.streams.at(at).ok_or(SrtpError::Internal)?;
                let index = stream.likely_index(sequence);
                Some((index, stream.rtp.check(window, index)))
            }
            None if !self.half.rules.any_ssrc => return Err(SrtpError::UnknownSsrc),
            None => self.half.streams.recall(ssrc, self.half.epoch).map(|(stream, folded)| {
                let index = stream.likely_index(sequence);
                (index, check_folded(folded, stream.rtp, index))
            }),
        };
        let first = u64::from(self.half.rules.initial_roc) << 16 | u64::from(sequence);
        let (index, check) = known.unwrap_or((first, Ok(())));
        let mut refused = check.err();
        if index >= INDEX_LIMIT {
            refused = Some(SrtpError::IndexExhausted);
        }
        let (position, tag) = if mki_bytes == 0 {
            (active, read_tag(datagram.get(end..).unwrap_or(&[])))
        } else {
            let trailer = datagram.get(end..).unwrap_or(&[]);
            let split = if aead { tag_bytes } else { mki_bytes };
            let (a, b) = trailer.split_at(split.min(trailer.len()));
            let (mki, tag) = if aead { (b, a) } else { (a, b) };
            let found = self.ring_of(previous).and_then(|ring| ring.find(mki));
            (found.ok_or(SrtpError::UnknownMki)?, read_tag(tag))
        };
        match self.ring_of(previous).and_then(|ring| ring.keys.get(position)) {
            Some(keys) if keys.rtp_left > 0 => {}
            _ => return Err(SrtpError::KeyExhausted),
        }
        let key = KeyPlace { previous, position };
        let corrected = self.half.stats.rollover_corrected;
        let restarts = false;
        Ok(Plan {
            ssrc,
            index,
            stream,
            clear,
            end,
            tag,
            key,
            header_bytes,
            header,
            refused,
            restarts,
            corrected,
        })
    }

    /// The previous keys, while they count.
    fn overlaps(&self) -> bool {
        self.previous.is_some() && self.overlap_left > 0
    }

    /// The previous keys, whether they count or not.
    pub(super) fn previous(&self) -> Option<&KeyRing> {
        self.previous.as_ref()
    }

    #[inline(always)]
    fn ring_of(&mut self, previous: bool) -> Option<&mut KeyRing> {
        if previous { self.previous.as_mut() } else { Some(&mut self.half.ring) }
    }

    /// The SRTP key of a place.
    #[inline(always)]
    pub(super) fn rtp_key(&self, place: KeyPlace) -> Option<&CryptoKey> {
        let ring = if place.previous { self.previous.as_ref()? } else { &self.half.ring };
        ring.keys.get(place.position).map(|keys| &keys.rtp)
    }

    /// Whether the batch kernels take this session's packets.
    #[inline(always)]
    pub(super) fn batches(&self) -> bool {
        self.half.ring.keys.get(self.half.ring.active).is_some_and(|keys| keys.rtp.batches())
    }

    /// Whether the plan is one that the batch kernels can carry out: on success and on failure
    /// nothing but the usual happens.
    #[inline(always)]
    pub(super) fn is_simple(&self, plan: &Plan) -> bool {
        let keys = self.half.ring.keys.get(plan.key.position);
        plan.stream.is_some()
            && keys.is_some_and(|keys| keys.rtp_left > u64::from(u16::MAX))
            && plan.header == Header::Clear
            && plan.refused.is_none()
            && !self.half.ring.has_rate()
            && self.overlap_left == 0
            && self.half.ring.mki_bytes == 0
    }

    /// Authenticates, and decrypts if that succeeds.
    #[inline(always)]
    fn attempt(&mut self, datagram: &mut [u8], plan: &Plan) -> bool {
        if plan.refused.is_some() {
            return false;
        }
        if self.half.ring.has_rate()
            && let Some(ring) = self.ring_of(plan.key.previous)
        {
            ring.derive_for_rtp(plan.key.position, plan.index);
        }
        let tail = self.tail(plan.key.previous, plan.index);
        let Some(ring) = self.ring_of(plan.key.previous) else { return false };
        let (tag_bytes, plain_rtp) = (ring.rtp_tag_bytes, ring.plain_rtp);
        let Some(key) = self.rtp_key(plan.key) else { return false };
        let iv = key.iv(plan.ssrc, plan.index);
        if let Header::Cryptex { sources, .. } = plan.header
            && sources != 0
            && !plain_rtp
        {
            return attempt_with_sources(key, datagram, plan, tail, iv, tag_bytes, sources);
        }
        let job = CryptoJob { buffer: datagram, clear: plan.clear, end: plan.end, tail, iv };
        key.open(job, plan.tag, tag_bytes)
    }

    /// The rollover counter, where the suite authenticates it explicitly.
    #[inline(always)]
    pub(super) fn tail(&self, previous: bool, index: u64) -> Option<u32> {
        let ring = if previous { self.previous.as_ref() } else { Some(&self.half.ring) };
        if ring.is_some_and(|ring| ring.aead) { None } else { Some((index >> 16) as u32) }
    }

    /// Bytes of an SRTP tag under the keys in use.
    pub(super) fn tag_bytes(&self) -> usize {
        self.half.ring.rtp_tag_bytes
    }

    /// Notes that an authenticated packet has been received.
    #[inline(always)]
    pub(super) fn commit(&mut self, datagram: &mut [u8], plan: &Plan) -> Result<usize, SrtpError> {
        let epoch = self.half.epoch;
        let at = match plan.stream {
            Some(at) => at,
            None => self.half.streams.insert(plan.ssrc, self.half.rules.initial_roc, epoch)?,
        };
        // What is not noted could be replayed.
        let Some((stream, window)) = self.half.streams.at(at) else {
            return self.refuse(SrtpError::Internal);
        };
        if let Err(error) = stream.rtp.check(window, plan.index) {
            if !plan.restarts {
                return self.refuse(error);
            }
            stream.former_rtp = stream.former_rtp.max(stream.rtp);
            stream.rtp = Position::default();
            // Packets under the old keys could be replayed against what begins here.
            self.overlap_left = 0;
        }
        stream.rtp.commit(window, plan.index);
        stream.pending = false;
        if !plan.key.previous {
            stream.rtp_epoch = epoch;
        }
        self.failures = 0;
        self.half.streams.touch(at);
        self.note_key(plan.key, true);
        self.half.stats.rtp_packets += 1;
        let mut len = plan.end;
        if plan.header != Header::Clear {
            len = match self.restore_header(datagram, plan) {
                Ok(len) => len,
                Err(error) => return self.refuse(error),
            };
        }
        Ok(len)
    }

    /// Counts a packet against its key, and follows the peer to another one.
    #[inline(always)]
    fn note_key(&mut self, place: KeyPlace, rtp: bool) {
        if place.previous || place.position != self.half.ring.active || self.overlap_left > 0 {
            self.note_other_key(place);
        }
        let ring = if place.previous { self.previous.as_mut() } else { Some(&mut self.half.ring) };
        if let Some(keys) = ring.and_then(|ring| ring.keys.get_mut(place.position)) {
            let left = if rtp { keys.spend_rtp() } else { keys.spend_rtcp() };
            if let Some(packets_left) = left {
                let event = Event::KeyExpiring { key: place.position, packets_left };
                self.half.events.push(event, &mut self.half.stats);
            }
        }
    }

    #[cold]
    fn note_other_key(&mut self, place: KeyPlace) {
        if place.previous {
            self.half.stats.under_previous_keys += 1;
            return;
        }
        self.half.ring.heard = true;
        self.overlap_left = self.overlap_left.saturating_sub(1);
        if place.position != self.half.ring.active {
            self.half.ring.active = place.position;
            self.half.events.push(Event::KeySwitched { key: place.position }, &mut self.half.stats);
        }
    }

    /// Decrypts what of the header is encrypted besides the text.
    #[cold]
    fn restore_header(&self, datagram: &mut [u8], plan: &Plan) -> Result<usize, SrtpError> {
        let previous = plan.key.previous;
        let ring = if previous { self.previous.as_ref() } else { Some(&self.half.ring) };
        match plan.header {
            Header::Clear => {}
            Header::Elements { at } => {
                let keys = ring.and_then(|ring| ring.keys.get(plan.key.position));
                if let Some(key) = keys.and_then(|keys| keys.header.as_deref()) {
                    let iv = key.iv(plan.ssrc, plan.index);
                    let ids = &self.half.rules.encrypted_extensions;
                    let header = plan.header_bytes;
                    extension::crypt_elements(datagram, at, header, ids, &key.aes, iv)?;
                }
            }
            Header::Cryptex { at, sources, profile } => {
                if sources != 0 && ring.is_some_and(|ring| !ring.plain_rtp) {
                    extension::sources_before_word(datagram, sources)?;
                }
                extension::set_profile(datagram, at, profile)?;
            }
        }
        Ok(plan.end)
    }
}

impl Plan {
    /// Whether `later`, a packet of the same session planned before this one was concluded, would
    /// have been planned the same after it.
    pub(super) fn is_unaffected_by_order(&self, later: &Self) -> bool {
        // Another stream shares nothing. In the same one, order matters neither to the guess nor
        // to the replay window if the later packet is ahead, by less than half of the sequence
        // number's range.
        self.stream != later.stream
            || (later.index > self.index && later.index - self.index < 0x4000)
    }
}

impl Header {
    fn of(packet: &RtpPacket<'_>, cryptex: bool) -> Self {
        let sources = packet.contributing_sources().len();
        let at = FIXED_HEADER_BYTES + 4 * sources;
        match packet.extension() {
            None => Self::Clear,
            Some(_) if !cryptex => Self::Elements { at },
            Some((profile, _)) => match extension::incoming(profile) {
                Some(profile) => Self::Cryptex { at, sources, profile },
                None => Self::Clear,
            },
        }
    }
}

/// A cryptex packet with contributing sources: GCM authenticates it with the sources moved, the
/// HMAC suites as it was sent.
#[cold]
fn attempt_with_sources(
    key: &CryptoKey,
    datagram: &mut [u8],
    plan: &Plan,
    tail: Option<u32>,
    iv: u128,
    tag_bytes: usize,
    sources: usize,
) -> bool {
    if key.cipher() == Cipher::Gcm {
        if extension::sources_behind_word(datagram, sources).is_err() {
            return false;
        }
        let job = CryptoJob { buffer: datagram, clear: plan.clear, end: plan.end, tail, iv };
        let opened = key.open(job, plan.tag, tag_bytes);
        if !opened {
            // As it came, for the next attempt.
            let _ = extension::sources_before_word(datagram, sources);
        }
        return opened;
    }
    let job = CryptoJob { buffer: datagram, clear: plan.end, end: plan.end, tail, iv };
    if !key.open(job, plan.tag, tag_bytes) {
        return false;
    }
    let moved = extension::sources_behind_word(datagram, sources);
    let Some(text) = datagram.get_mut(plan.clear..plan.end).filter(|_| moved.is_ok()) else {
        return false;
    };
    key.xor_keystream(iv, text);
    true
}

#[inline(always)]
fn read_tag(bytes: &[u8]) -> Tag {
    let mut tag = [0; 16];
    if let Some(whole) = bytes.first_chunk::<16>() {
        tag = *whole;
    } else if let Some(ten) = bytes.first_chunk::<10>() {
        tag[..10].copy_from_slice(ten);
    } else if let Some(four) = bytes.first_chunk::<4>() {
        tag[..4].copy_from_slice(four);
    }
    tag
}

impl AsRef<Self> for Receiver {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsMut<Self> for Receiver {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.half.print("Receiver", f)
    }
}
