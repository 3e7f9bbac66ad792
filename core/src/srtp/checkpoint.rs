// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checkpoints of a session, for failover to another process: its keys, rollover counters and
//! replay windows, wrapped with a key of the caller's (AES-256-GCM).
//!
//! No index may be sent twice under one key, even if the process that takes over knows only an old
//! checkpoint. So a checkpoint *reserves*: it says that a restored sender begins `reserve` packets
//! later, and the live sender stops ([`SrtpError::CheckpointDue`]) where the reservation of the
//! last *confirmed* checkpoint ends. The order is:
//!
//! 1. [`Sender::checkpoint`], at the latest at [`Event::CheckpointDue`](super::Event::CheckpointDue);
//! 2. store the bytes where the other process finds them;
//! 3. [`Sender::confirm_checkpoint`] with its generation.
//!
//! What is restored must be the confirmed checkpoint or one taken after it; all others are to be
//! thrown away when one is confirmed. A restored sender has no
//! reservation of its own, or else two restorations of one checkpoint would collide: it sends once
//! it has taken and confirmed a checkpoint. It refuses SSRCs that the checkpoint does not know, and
//! its packets go on at [`StreamState::highest_sequence`](super::StreamState) plus one: a gap that
//! receivers take for loss, not for a rollover.
//!
//! A restored receiver accepts again what it received after the checkpoint. Policy, flags, header
//! extensions and the SSRCs that are accepted are in the checkpoint, so that keys which come later are
//! held to what the session was made for.
//!
//! For control threads that may allocate, while the half is not in use.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::config::{MAX_STREAMS, SessionConfig, SsrcPolicy};
use super::crypto::{CryptoJob, CryptoKey, Engine, Material};
use super::keys::MasterKey;
use super::policy::Policy;
use super::replay::Position;
use super::session_keys::{KeyRing, SessionKeys, TRACES, Trace};
use super::stream::memory::Memory;
use super::stream::{RTCP_WINDOW_WORDS, Stream};
use super::{Receiver, Sender, SrtpError, Suite, wiping_stack};

/// Most packets that one checkpoint may reserve: receivers follow a gap of so many.
pub const MAX_RESERVE: u32 = 0x7000;

const MAGIC: [u8; 4] = *b"ALES";
const VERSION: u8 = 3;
/// Magic, version, kind, generation and nonce.
const HEAD_BYTES: usize = 4 + 1 + 1 + 8 + 12;
const TAG_BYTES: usize = 16;

/// Key and nonce to wrap a checkpoint with. A nonce must never be used twice with one key: count,
/// or draw 12 random bytes.
#[derive(Clone)]
pub struct Wrapping<'a> {
    /// 32 bytes that both processes know.
    pub key: &'a [u8; 32],
    /// Unique to this checkpoint.
    pub nonce: [u8; 12],
}

/// What a checkpoint holds, to be adjusted and made into a half.
#[derive(Debug)]
pub struct Restored {
    /// Suite, keys, policy, negotiated flags, SSRCs and header extensions; limits are defaults, or
    /// what the streams in the checkpoint need.
    pub config: SessionConfig,
    sender: bool,
    generation: u64,
    left: Vec<(u64, u64)>,
    active: usize,
    /// Those that had made room first.
    streams: Vec<(Stream, Vec<u64>)>,
    marks: [Position; 4],
    filter: Vec<u64>,
    fresh: bool,
    traces: [Trace; TRACES],
}

impl Restored {
    /// Unwraps a checkpoint.
    ///
    /// # Errors
    /// [`SrtpError::InvalidCheckpoint`] if it is damaged, or wrapped with another key.
    pub fn open(key: &[u8; 32], checkpoint: &[u8]) -> Result<Self, SrtpError> {
        wiping_stack(|| Self::unwrap(key, checkpoint))
    }

    fn unwrap(key: &[u8; 32], checkpoint: &[u8]) -> Result<Self, SrtpError> {
        let invalid = SrtpError::InvalidCheckpoint;
        let mut bytes = Zeroizing::new(checkpoint.to_vec());
        let head = bytes.first_chunk::<HEAD_BYTES>().ok_or(invalid)?;
        if head[..4] != MAGIC || head[4] != VERSION || head[5] > 1 {
            return Err(invalid);
        }
        let sender = head[5] == 0;
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&head[14..]);
        let generation = generation(checkpoint).ok_or(invalid)?;
        let end = bytes.len().checked_sub(TAG_BYTES).filter(|&e| e >= HEAD_BYTES).ok_or(invalid)?;
        let mut tag = [0; 16];
        tag.copy_from_slice(bytes.get(end..).ok_or(invalid)?);
        let wrap = wrapping_key(&Wrapping { key, nonce })?;
        let iv = wrap.iv(0, 0);
        let job = CryptoJob { buffer: &mut bytes, clear: HEAD_BYTES, end, tail: None, iv };
        if !wrap.open(job, tag, TAG_BYTES) {
            return Err(invalid);
        }
        let mut reader = Reader(bytes.get(HEAD_BYTES..end).ok_or(invalid)?);
        read(&mut reader, sender, generation).ok_or(invalid)
    }

    /// Makes the sending half. It sends once it has taken and confirmed a checkpoint.
    ///
    /// # Errors
    /// [`SrtpError::InvalidCheckpoint`] if it is one of a receiver; else as [`Sender::new`].
    pub fn into_sender(self) -> Result<Sender, SrtpError> {
        if !self.sender {
            return Err(SrtpError::InvalidCheckpoint);
        }
        let mut sender = Sender::new(&self.config)?;
        sender.half.rules.any_ssrc = false;
        for (stream, _) in &self.streams {
            let at = match sender.half.streams.find(stream.ssrc) {
                Some(at) => at,
                None => sender.half.streams.insert(stream.ssrc, stream.initial_roc, EPOCH)?,
            };
            if let Some((to, window)) = sender.half.streams.at(at) {
                *to = *stream;
                window.fill(u64::MAX);
                to.rtcp_window.fill(u64::MAX);
                // Nothing is reserved for this process yet.
                to.rtp_limit = to.rtp.highest().map_or(first_index(to), |highest| highest + 1);
                to.rtp_notice = to.rtp_limit;
                to.rtcp_limit = to.rtcp.highest().map_or(0, |highest| highest + 1);
            }
        }
        sender.half.streams.memory_mut().set_marks(self.marks, &self.filter, EPOCH);
        sender.generation = self.generation;
        restore_keys(&mut sender.half.ring, self.active, &self.left);
        sender.half.traces = self.traces;
        Ok(sender)
    }

    /// Makes the receiving half.
    ///
    /// # Errors
    /// [`SrtpError::InvalidCheckpoint`] if it is one of a sender; else as [`Receiver::new`].
    pub fn into_receiver(self) -> Result<Receiver, SrtpError> {
        if self.sender {
            return Err(SrtpError::InvalidCheckpoint);
        }
        let mut receiver = Receiver::new(&self.config)?;
        for (stream, bits) in &self.streams {
            if bits.is_empty() {
                receiver.half.streams.memory_mut().keep(stream, bits, EPOCH);
                continue;
            }
            let at = match receiver.half.streams.find(stream.ssrc) {
                Some(at) => at,
                None => receiver.half.streams.insert(stream.ssrc, stream.initial_roc, EPOCH)?,
            };
            if let Some((to, window)) = receiver.half.streams.at(at) {
                *to = *stream;
                if window.len() == bits.len() {
                    window.copy_from_slice(bits);
                } else {
                    // Of a window of another size, everything before now counts as seen.
                    window.fill(u64::MAX);
                }
            }
        }
        receiver.half.streams.memory_mut().set_marks(self.marks, &self.filter, EPOCH);
        restore_keys(&mut receiver.half.ring, self.active, &self.left);
        receiver.half.ring.fresh = self.fresh;
        receiver.half.traces = self.traces;
        Ok(receiver)
    }
}

/// A new half's epoch: what has been received before was under the same keys.
const EPOCH: u32 = 1;

fn restore_keys(ring: &mut KeyRing, active: usize, left: &[(u64, u64)]) {
    ring.active = active.min(ring.keys.len().saturating_sub(1));
    for (key, &(rtp, rtcp)) in ring.keys.iter_mut().zip(left) {
        key.rtp_left = key.rtp_left.min(rtp);
        key.rtcp_left = key.rtcp_left.min(rtcp);
    }
}

/// The index that a stream which has not begun would begin with, at the least.
fn first_index(stream: &Stream) -> u64 {
    u64::from(stream.initial_roc) << 16
}

/// The generation of a checkpoint, which tells a later one from an earlier; it is not secret.
pub fn generation(checkpoint: &[u8]) -> Option<u64> {
    let bytes = checkpoint.get(6..14)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes))
}

impl Sender {
    /// Takes a checkpoint that reserves `reserve` packets of SRTP, and of SRTCP, in every stream.
    /// Returns its bytes; its [`generation`] is to be confirmed when they are stored.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// [`SrtpError::InvalidConfig`] for a reservation of 0 or more than [`MAX_RESERVE`], and while
    /// a stream has not begun: which index it will begin with is not known yet.
    pub fn checkpoint(
        &mut self,
        wrapping: &Wrapping<'_>,
        reserve: u32,
    ) -> Result<Vec<u8>, SrtpError> {
        let not_begun = |(stream, _): (&Stream, _)| stream.rtp.highest().is_none();
        if reserve == 0 || reserve > MAX_RESERVE || self.half.streams.iter().any(not_begun) {
            return Err(SrtpError::InvalidConfig);
        }
        self.generation += 1;
        let reserve = u64::from(reserve);
        let mut streams = Vec::new();
        for stream in self.half.streams.iter_mut() {
            // Never less than what may be sent already without this checkpoint.
            let in_force = |limit: u64| if limit == u64::MAX { 0 } else { limit };
            let next = |position: Position| position.highest().map_or(0, |highest| highest + 1);
            let rtp = (next(stream.rtp) + reserve).max(in_force(stream.rtp_limit));
            let rtcp = (next(stream.rtcp) + reserve).max(in_force(stream.rtcp_limit));
            // The reservation that holds goes on holding until this one is confirmed; the first
            // holds at once.
            stream.rtp_pending = rtp;
            stream.rtcp_pending = rtcp;
            if stream.rtp_limit == u64::MAX {
                stream.reserve(reserve);
            }
            let rtp = Position::at(rtp - 1);
            let rtcp = Position::at(rtcp - 1);
            streams.push((Stream { rtp, rtcp, ..*stream }, Vec::new()));
        }
        self.pending_reserve = reserve;
        let spent = reserve.saturating_mul(streams.len() as u64);
        let mut body = body(self.checkpoint_bytes());
        self.half.describe(&mut body);
        write_keys(&mut body, &self.half.ring.keys, spent);
        write_traces(&mut body, self.half.ring.fresh, &self.half.traces);
        // What has made room is left out: what is restored refuses those SSRCs like all that it does
        // not know, since they may have come back here.
        write_streams(&mut body, &Memory::default(), &streams, self.half.epoch);
        wiping_stack(|| wrap(wrapping, 0, self.generation, &body))
    }

    /// Bytes that [`Sender::checkpoint`] would return now.
    ///
    /// Real-time: yes.
    pub fn checkpoint_bytes(&self) -> usize {
        wrapped_bytes(
            self.half.description_bytes(),
            &self.half.ring.keys,
            self.half.streams.iter().len(),
            0,
            &Memory::default(),
        )
    }

    /// Says that the checkpoint of this generation, or a later one, is what another process would
    /// restore. Only the latest can be confirmed; false, and nothing changed, for any other.
    ///
    /// Real-time: yes.
    pub fn confirm_checkpoint(&mut self, generation: u64) -> bool {
        if generation == 0 || generation != self.generation || self.pending_reserve == 0 {
            return false;
        }
        let reserve = core::mem::take(&mut self.pending_reserve);
        for stream in self.half.streams.iter_mut() {
            // A stream that began after the checkpoint is not in it, and has no limit.
            if stream.rtp_pending != 0 {
                stream.reserve(reserve);
            }
        }
        true
    }
}

impl Receiver {
    /// Takes a checkpoint. `generation` is the caller's, to tell a later one from an earlier.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// None at present but those of the wrapping's backend.
    pub fn checkpoint(
        &self,
        wrapping: &Wrapping<'_>,
        generation: u64,
    ) -> Result<Vec<u8>, SrtpError> {
        let mut body = body(self.checkpoint_bytes());
        self.half.describe(&mut body);
        write_keys(&mut body, &self.half.ring.keys, 0);
        // The previous keys are not in the checkpoint, but have to be known again.
        let mut traces = self.half.traces;
        if let Some(previous) = self.previous() {
            previous.leave_traces(&mut traces);
        }
        write_traces(&mut body, self.half.ring.fresh, &traces);
        let streams: Vec<_> =
            self.half.streams.iter().map(|(s, bits)| (*s, bits.to_vec())).collect();
        write_streams(&mut body, self.half.streams.memory(), &streams, self.half.epoch);
        wiping_stack(|| wrap(wrapping, 1, generation, &body))
    }

    /// Bytes that [`Receiver::checkpoint`] would return now.
    ///
    /// Real-time: yes.
    pub fn checkpoint_bytes(&self) -> usize {
        let words = self.half.streams.iter().map(|(_, bits)| bits.len()).sum();
        wrapped_bytes(
            self.half.description_bytes(),
            &self.half.ring.keys,
            self.half.streams.iter().len(),
            words,
            self.half.streams.memory(),
        )
    }
}

/// What is wrapped, with room for all of it: a list that grows leaves copies behind.
fn body(bytes: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(bytes))
}

const POLICIES: [Policy; 3] = [Policy::Strict, Policy::Interop, Policy::Legacy];

/// What both halves say of their configuration.
pub(super) struct Description<'a> {
    pub(super) suite: Suite,
    /// SRTP plain, SRTCP plain, short SRTCP tags, cryptex, any SSRC.
    pub(super) flags: [bool; 5],
    pub(super) policy: Policy,
    pub(super) initial_roc: u32,
    pub(super) rate_log2: Option<u8>,
    pub(super) active: usize,
    pub(super) encrypted_extensions: &'a [u8],
}

impl Description<'_> {
    /// Bytes that [`Description::write`] writes for so many encrypted extensions.
    pub(super) fn bytes(encrypted_extensions: usize) -> usize {
        1 + 5 + 1 + 4 + 1 + 1 + 1 + encrypted_extensions.min(255)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let suite = Suite::ALL.iter().position(|&suite| suite == self.suite).unwrap_or(0);
        out.push(suite as u8);
        out.extend(self.flags.map(u8::from));
        let policy = POLICIES.iter().position(|&policy| policy == self.policy).unwrap_or(0);
        out.push(policy as u8);
        out.extend(self.initial_roc.to_be_bytes());
        out.push(self.rate_log2.map_or(255, |rate| rate));
        out.push(self.active as u8);
        out.push(self.encrypted_extensions.len() as u8);
        out.extend(self.encrypted_extensions.iter().take(255));
    }
}

fn write_keys(out: &mut Vec<u8>, keys: &[SessionKeys], spent: u64) {
    out.push(keys.len() as u8);
    for key in keys {
        out.extend(key.master.key());
        out.extend(key.master.salt());
        out.push(key.master.mki().len() as u8);
        out.extend(key.master.mki());
        out.extend(key.master.lifetime().to_be_bytes());
        out.extend(key.rtp_left.saturating_sub(spent).to_be_bytes());
        out.extend(key.rtcp_left.saturating_sub(spent).to_be_bytes());
    }
}

fn write_traces(out: &mut Vec<u8>, fresh: bool, traces: &[Trace; TRACES]) {
    out.push(u8::from(fresh));
    for trace in traces {
        out.extend(trace.words().map(u64::to_be_bytes).as_flattened());
    }
}

fn write_streams(out: &mut Vec<u8>, memory: &Memory, streams: &[(Stream, Vec<u64>)], epoch: u32) {
    let (marks, filter) = memory.marks();
    for mark in marks {
        out.extend(mark.highest().unwrap_or(u64::MAX).to_be_bytes());
    }
    out.extend((filter.len() as u32).to_be_bytes());
    for word in filter {
        out.extend(word.to_be_bytes());
    }
    let remembered = memory.streams(epoch);
    out.extend(((remembered.len() + streams.len()) as u32).to_be_bytes());
    for stream in remembered {
        write_stream(out, &stream, &[], epoch);
    }
    for (stream, bits) in streams {
        write_stream(out, stream, bits, epoch);
    }
}

fn write_stream(out: &mut Vec<u8>, stream: &Stream, bits: &[u64], epoch: u32) {
    out.extend(stream.ssrc.to_be_bytes());
    out.extend(stream.initial_roc.to_be_bytes());
    let flags = [stream.pending, stream.rtp_epoch == epoch, stream.rtcp_epoch == epoch];
    out.extend(flags.map(u8::from));
    for position in [stream.rtp, stream.rtcp, stream.former_rtp, stream.former_rtcp] {
        out.extend(position.highest().unwrap_or(u64::MAX).to_be_bytes());
    }
    for word in stream.rtcp_window {
        out.extend(word.to_be_bytes());
    }
    out.extend((bits.len() as u16).to_be_bytes());
    for word in bits {
        out.extend(word.to_be_bytes());
    }
}

/// Bytes of what [`wrap`] makes of what the functions above write.
fn wrapped_bytes(
    description: usize,
    keys: &[SessionKeys],
    streams: usize,
    words: usize,
    memory: &Memory,
) -> usize {
    let key = |key: &SessionKeys| {
        let master = &key.master;
        master.key().len() + master.salt().len() + 1 + master.mki().len() + 3 * 8
    };
    let keys: usize = keys.iter().map(key).sum();
    let streams = streams + memory.streams(0).len();
    let streams = streams * (2 * 4 + 3 + 4 * 8 + RTCP_WINDOW_WORDS * 8 + 2) + words * 8;
    let marks = 4 * 8 + 4 + memory.marks().1.len() * 8;
    let traces = 1 + TRACES * 3 * 8;
    HEAD_BYTES + description + 1 + keys + traces + marks + 4 + streams + TAG_BYTES
}

fn wrapping_key(wrapping: &Wrapping<'_>) -> Result<CryptoKey, SrtpError> {
    let mut material = Material { cipher_bytes: 32, ..Material::default() };
    material.cipher.copy_from_slice(wrapping.key);
    material.salt[..12].copy_from_slice(&wrapping.nonce);
    CryptoKey::new(Suite::AeadAes256Gcm, &material, &Engine::Best)
}

fn wrap(
    wrapping: &Wrapping<'_>,
    kind: u8,
    generation: u64,
    body: &[u8],
) -> Result<Vec<u8>, SrtpError> {
    let mut out = Vec::with_capacity(HEAD_BYTES + body.len() + TAG_BYTES);
    out.extend(MAGIC);
    out.extend([VERSION, kind]);
    out.extend(generation.to_be_bytes());
    out.extend(wrapping.nonce);
    out.extend_from_slice(body);
    let key = wrapping_key(wrapping)?;
    let (end, iv) = (out.len(), key.iv(0, 0));
    let job = CryptoJob { buffer: &mut out, clear: HEAD_BYTES, end, tail: None, iv };
    let tag = key.seal(job).ok_or(SrtpError::Backend)?;
    out.extend(tag);
    Ok(out)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn u64(&mut self) -> Option<u64> {
        self.word().map(u64::from_be_bytes)
    }
}

fn read(reader: &mut Reader<'_>, sender: bool, generation: u64) -> Option<Restored> {
    let suite = *Suite::ALL.get(usize::from(reader.byte()?))?;
    let [plain_rtp, plain_rtcp, short_rtcp_tags, cryptex, any_ssrc] =
        reader.word::<5>()?.map(|flag| flag != 0);
    let policy = *POLICIES.get(usize::from(reader.byte()?))?;
    let initial_roc = u32::from_be_bytes(reader.word()?);
    let rate = reader.byte()?;
    let active = usize::from(reader.byte()?);
    let extensions = usize::from(reader.byte()?);
    let extensions = reader.take(extensions)?.to_vec();
    let (mut keys, mut left) = (Vec::new(), Vec::new());
    for _ in 0..reader.byte()? {
        let key = reader.take(suite.key_bytes())?;
        let salt = reader.take(suite.salt_bytes())?;
        let mki = usize::from(reader.byte()?);
        let key = MasterKey::new(key, salt).ok()?.with_mki(reader.take(mki)?).ok()?;
        keys.push(key.with_lifetime(reader.u64()?).ok()?);
        left.push((reader.u64()?, reader.u64()?));
    }
    let fresh = reader.byte()? != 0;
    let mut traces = [Trace::default(); TRACES];
    for trace in &mut traces {
        *trace = Trace::from_words([reader.u64()?, reader.u64()?, reader.u64()?]);
    }
    let mut config = SessionConfig::new(suite, keys.first()?.clone());
    config.keys = keys;
    config.policy = policy;
    config.initial_roc = initial_roc;
    config.allow_null_cipher = suite.is_null();
    config.unencrypted_srtp = plain_rtp;
    config.unencrypted_srtcp = plain_rtcp;
    config.short_rtcp_tags = short_rtcp_tags;
    config.cryptex = cryptex;
    config.encrypted_extensions = extensions;
    config.key_derivation_rate_log2 = (rate != 255).then_some(rate);
    let mut marks = [Position::default(); 4];
    for mark in &mut marks {
        *mark = read_position(reader)?;
    }
    let mut filter = Vec::new();
    for _ in 0..u32::from_be_bytes(reader.word()?) {
        filter.push(reader.u64()?);
    }
    let mut streams = Vec::new();
    for _ in 0..u32::from_be_bytes(reader.word()?) {
        let mut stream =
            Stream::new(u32::from_be_bytes(reader.word()?), u32::from_be_bytes(reader.word()?));
        let [pending, rtp_heard, rtcp_heard] = reader.word::<3>()?.map(|flag| flag != 0);
        stream.pending = pending;
        stream.rtp_epoch = if rtp_heard { EPOCH } else { 0 };
        stream.rtcp_epoch = if rtcp_heard { EPOCH } else { 0 };
        stream.rtp = read_position(reader)?;
        stream.rtcp = read_position(reader)?;
        stream.former_rtp = read_position(reader)?;
        stream.former_rtcp = read_position(reader)?;
        let mut rtcp_window = [0; RTCP_WINDOW_WORDS];
        for word in &mut rtcp_window {
            *word = reader.u64()?;
        }
        stream.rtcp_window = rtcp_window;
        let words = usize::from(u16::from_be_bytes(reader.word()?));
        let mut bits = Vec::new();
        for _ in 0..words {
            bits.push(reader.u64()?);
        }
        if words.is_power_of_two() && words <= 512 {
            config.replay_window = words * 64;
        }
        streams.push((stream, bits));
    }
    let present = streams.iter().filter(|(_, bits)| sender || !bits.is_empty());
    config.max_streams = config.max_streams.max(present.count()).min(MAX_STREAMS);
    if !any_ssrc {
        // What is remembered besides is not among those that are accepted, and has no window.
        let listed = streams.iter().filter(|(_, bits)| sender || !bits.is_empty());
        config.ssrcs = SsrcPolicy::Only(listed.map(|(stream, _)| stream.ssrc).collect());
    }
    Some(Restored {
        config,
        sender,
        generation,
        left,
        active,
        streams,
        marks,
        filter,
        fresh,
        traces,
    })
}

fn read_position(reader: &mut Reader<'_>) -> Option<Position> {
    match reader.u64()? {
        u64::MAX => Some(Position::default()),
        highest if highest < 1 << 48 => Some(Position::at(highest)),
        _ => None,
    }
}
