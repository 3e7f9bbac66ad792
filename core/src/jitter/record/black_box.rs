// SPDX-License-Identifier: MIT OR Apache-2.0
//! The black box: a bounded log of what the buffer saw and decided.
//!
//! The audio thread writes it, a few bytes a packet and a pull, into memory taken at creation; when
//! that is full the oldest is dropped. What follows the usual course (the next sequence number, a
//! pull 10 ms after the last) is written as its difference from that. Each record begins with its
//! kind:
//!
//! ```text
//! 0 packet, whole     arrival_ns u64, ssrc u32, timestamp u32, sequence u16, length u16,
//!                     payload type u8 (top bit: a redundant copy)
//! 1 packet, usual     arrival less the last packet's, ns, u32
//!                     (top bits of the length: no audio, the first of a stream, the marker)
//! 2 pull, whole       now_ns u64, settings u64, frames u16, then as 3
//! 3 pull, usual       operation u8, delay and target in steps of 0.1 ms, u16 each
//! 4 the source is gone
//! ```
//!
//! With audio, the payload follows its packet's record. All numbers are little-endian.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::jitter::arrival::ingest::PacketMeta;
use crate::jitter::config::{DriftMode, JitterConfig};
use crate::jitter::control::Settings;
use crate::jitter::stats::{Operation, PullInfo};
use crate::within::Within;

const MAGIC: &[u8; 8] = b"ALEJBB\0\x02";
/// Bytes in front of the records: magic, configuration, flags, state, length.
const HEADER_BYTES: usize = 8 + 20 + 1 + State::BYTES + 4;
/// Smallest log that holds anything of use: the largest packet and some pulls.
pub(crate) const MIN_BYTES: usize = 2048;
const FRAME_NS: u64 = 10_000_000;
/// The bits of a length; a payload has fewer.
const LENGTH: u16 = 0x1fff;

/// What records are differences from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    packet: PacketMeta,
    /// Timestamp ticks from packet to packet.
    step: u32,
    now_ns: u64,
    settings: u64,
    frames: u16,
}

impl State {
    const BYTES: usize = 8 + 4 + 4 + 2 + 2 + 1 + 4 + 8 + 8 + 2;

    /// The packet that would come next in an undisturbed stream.
    fn usual(&self, arrival_ns: u64) -> PacketMeta {
        PacketMeta {
            arrival_ns,
            sequence: self.packet.sequence.wrapping_add(1),
            timestamp: self.packet.timestamp.wrapping_add(self.step),
            begins: false,
            marker: false,
            ..self.packet
        }
    }

    fn after_packet(&mut self, packet: PacketMeta) {
        self.step = packet.timestamp.wrapping_sub(self.packet.timestamp);
        self.packet = packet;
    }
}

/// What a log holds, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Record<'a> {
    /// A packet reached the audio thread; its payload, if the log has audio.
    Packet(PacketMeta, &'a [u8]),
    /// A pull, the settings in force, and what it decided.
    Pull { now_ns: u64, settings: Settings, frames: u16, decided: Decided },
    /// The source was said to be gone.
    Gone,
}

/// What a pull decided, as far as the log tells: delays in steps of 0.1 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) operation: Operation,
    pub(crate) delay: u16,
    pub(crate) target: u16,
}

impl Decided {
    pub(crate) fn of(info: &PullInfo) -> Self {
        // Saturates: a negative delay is 0.
        let steps = |ms: f32| (ms * 10.0 + 0.5) as u16;
        Self {
            operation: info.operation,
            delay: steps(info.delay_ms),
            target: steps(info.target_delay_ms),
        }
    }
}

/// The log in the making.
#[derive(Debug)]
pub(crate) struct BlackBox {
    config: JitterConfig,
    bytes: Box<[u8]>,
    /// Where the oldest record is, and how many bytes there are.
    start: usize,
    len: usize,
    /// What the oldest and the next record are differences from.
    oldest: State,
    newest: State,
    dropped: bool,
}

impl BlackBox {
    /// A log with the memory that the configuration gives it.
    pub(crate) fn new(config: &JitterConfig) -> Option<Self> {
        let bytes = config.black_box_bytes as usize;
        (bytes > 0).then(|| Self {
            config: *config,
            bytes: alloc::vec![0; bytes.max(MIN_BYTES)].into_boxed_slice(),
            start: 0,
            len: 0,
            oldest: State::default(),
            newest: State::default(),
            dropped: false,
        })
    }

    /// Where the byte stands that is `offset` behind the oldest.
    fn wrapped(&self, offset: usize) -> usize {
        (self.start + offset) % self.bytes.len().max(1)
    }

    pub(crate) fn has_audio(&self) -> bool {
        self.config.black_box_audio
    }

    #[inline]
    pub(crate) fn packet(&mut self, meta: &PacketMeta, payload: &[u8]) {
        let meta = PacketMeta { next: 0, level_dbov: 0, ..*meta };
        let mut record = [0; 24];
        let later = meta.arrival_ns.wrapping_sub(self.newest.packet.arrival_ns);
        let usual = self.newest.usual(meta.arrival_ns) == meta;
        let len = match u32::try_from(later) {
            Ok(later) if usual => {
                record[0] = 1;
                record[1..5].copy_from_slice(&later.to_le_bytes());
                5
            }
            _ => {
                record[1..22].copy_from_slice(&packet_bytes(&meta));
                22
            }
        };
        let payload = if self.has_audio() { payload } else { &[] };
        self.append(record.head(len), payload);
        self.newest.after_packet(meta);
    }

    #[inline]
    pub(crate) fn pull(&mut self, now_ns: u64, settings: Settings, frames: u16, info: &PullInfo) {
        let mut record = [0; 24];
        let settings = settings.to_word();
        let state = &mut self.newest;
        let due_ns = state.now_ns.wrapping_add(FRAME_NS * u64::from(state.frames));
        let at = if (now_ns, settings, frames) == (due_ns, state.settings, state.frames) {
            record[0] = 3;
            1
        } else {
            record[0] = 2;
            record[1..9].copy_from_slice(&now_ns.to_le_bytes());
            record[9..17].copy_from_slice(&settings.to_le_bytes());
            record[17..19].copy_from_slice(&frames.to_le_bytes());
            19
        };
        (state.now_ns, state.settings, state.frames) = (now_ns, settings, frames);
        let decided = Decided::of(info);
        record[at] = decided.operation as u8;
        record[at + 1..at + 3].copy_from_slice(&decided.delay.to_le_bytes());
        record[at + 3..at + 5].copy_from_slice(&decided.target.to_le_bytes());
        self.append(&record[..at + 5], &[]);
    }

    pub(crate) fn source_gone(&mut self) {
        self.append(&[4], &[]);
    }

    fn append(&mut self, record: &[u8], payload: &[u8]) {
        while self.len + record.len() + payload.len() > self.bytes.len() {
            if !self.drop_oldest() {
                return;
            }
        }
        for part in [record, payload] {
            let at = self.wrapped(self.len);
            let (first, rest) = part.cut(part.len().min(self.bytes.len() - at));
            self.bytes.span_mut(at..at + first.len()).copy_of(first);
            self.bytes.head_mut(rest.len()).copy_of(rest);
            self.len += part.len();
        }
    }

    /// Makes room: the oldest record becomes what the next is a difference from.
    fn drop_oldest(&mut self) -> bool {
        let mut head = [0; 24];
        let count = head.len().min(self.len);
        let (front, back) = self.bytes.cut(self.start);
        for (byte, from) in head.iter_mut().zip(back.iter().chain(front)).take(count) {
            *byte = *from;
        }
        let Some((len, _)) = read(head.head(count), &mut self.oldest) else { return false };
        let audio = if self.has_audio() && head[0] < 2 { self.oldest.packet.len } else { 0 };
        let len = len + usize::from(audio);
        self.start = self.wrapped(len);
        self.len = self.len.saturating_sub(len);
        self.dropped = true;
        true
    }

    /// Bytes that [`BlackBox::copy`] needs now.
    pub(crate) fn total(&self) -> usize {
        HEADER_BYTES + self.len
    }

    /// Copies the log out, to be stored or replayed; `None` when it doesn't fit.
    pub(crate) fn copy(&self, out: &mut [u8]) -> Option<usize> {
        let out = out.get_mut(..self.total())?;
        let c = &self.config;
        let mut header = Bytes { bytes: out, at: 0 };
        header.put(MAGIC);
        header.put(&c.sample_rate_hz.to_le_bytes());
        for word in [c.slots, c.slot_bytes, c.max_payload_bytes, c.outside_delay_ms] {
            header.put(&word.to_le_bytes());
        }
        header.put(&Settings::of(c).to_word().to_le_bytes());
        let resamples = c.drift == DriftMode::Resample;
        let flags = [self.dropped, self.has_audio(), resamples];
        header.put(&[(0..).zip(flags).fold(0, |all, (bit, flag)| all | u8::from(flag) << bit)]);
        header.put(&packet_bytes(&self.oldest.packet));
        header.put(&self.oldest.step.to_le_bytes());
        header.put(&self.oldest.now_ns.to_le_bytes());
        header.put(&self.oldest.settings.to_le_bytes());
        header.put(&self.oldest.frames.to_le_bytes());
        header.put(&(self.len as u32).to_le_bytes());
        let (front, back) = self.bytes.cut(self.start);
        let first = self.len.min(back.len());
        header.put(back.head(first));
        header.put(front.head(self.len - first));
        Some(self.total())
    }
}

struct Bytes<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Bytes<'_> {
    fn put(&mut self, part: &[u8]) {
        self.bytes.span_mut(self.at..self.at + part.len()).copy_of(part);
        self.at += part.len();
    }
}

fn packet_bytes(meta: &PacketMeta) -> [u8; 21] {
    let mut bytes = [0; 21];
    bytes[..8].copy_from_slice(&meta.arrival_ns.to_le_bytes());
    bytes[8..12].copy_from_slice(&meta.ssrc.to_le_bytes());
    bytes[12..16].copy_from_slice(&meta.timestamp.to_le_bytes());
    bytes[16..18].copy_from_slice(&meta.sequence.to_le_bytes());
    let flags =
        u16::from(meta.filler) << 15 | u16::from(meta.begins) << 14 | u16::from(meta.marker) << 13;
    bytes[18..20].copy_from_slice(&(meta.len & LENGTH | flags).to_le_bytes());
    bytes[20] = meta.payload_type & 0x7f | u8::from(meta.redundant) << 7;
    bytes
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn packet_of(bytes: &[u8], at: usize) -> Option<PacketMeta> {
    let kind = *bytes.get(at + 20)?;
    let length = u16::from_le_bytes(array(bytes, at + 18)?);
    Some(PacketMeta {
        arrival_ns: u64::from_le_bytes(array(bytes, at)?),
        ssrc: u32::from_le_bytes(array(bytes, at + 8)?),
        timestamp: u32::from_le_bytes(array(bytes, at + 12)?),
        sequence: u16::from_le_bytes(array(bytes, at + 16)?),
        len: length & LENGTH,
        filler: length >> 15 != 0,
        begins: length >> 14 & 1 != 0,
        marker: length >> 13 & 1 != 0,
        payload_type: kind & 0x7f,
        redundant: kind & 0x80 != 0,
        ..PacketMeta::default()
    })
}

/// Reads the record at the front, without a packet's payload, and how long it is; `None` for what is
/// no record.
fn read(bytes: &[u8], state: &mut State) -> Option<(usize, Record<'static>)> {
    let kind = *bytes.first()?;
    let at = match kind {
        0 => {
            let meta = packet_of(bytes, 1)?;
            state.after_packet(meta);
            return Some((22, Record::Packet(meta, &[])));
        }
        1 => {
            let later = u32::from_le_bytes(array(bytes, 1)?);
            let meta = state.usual(state.packet.arrival_ns.wrapping_add(u64::from(later)));
            state.after_packet(meta);
            return Some((5, Record::Packet(meta, &[])));
        }
        2 => {
            state.now_ns = u64::from_le_bytes(array(bytes, 1)?);
            state.settings = u64::from_le_bytes(array(bytes, 9)?);
            state.frames = u16::from_le_bytes(array(bytes, 17)?);
            19
        }
        3 => {
            state.now_ns = state.now_ns.wrapping_add(FRAME_NS * u64::from(state.frames));
            1
        }
        4 => return Some((1, Record::Gone)),
        _ => return None,
    };
    let decided = Decided {
        operation: *Operation::ALL.get(usize::from(*bytes.get(at)?))?,
        delay: u16::from_le_bytes(array(bytes, at + 1)?),
        target: u16::from_le_bytes(array(bytes, at + 3)?),
    };
    let settings = Settings::from_word(state.settings);
    if !settings.are_possible() {
        return None;
    }
    let pull = Record::Pull { now_ns: state.now_ns, settings, frames: state.frames, decided };
    Some((at + 5, pull))
}

/// How far a log was read back.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) config: JitterConfig,
    /// Whether older records were dropped.
    pub(crate) dropped: bool,
    pub(crate) has_audio: bool,
    state: State,
    /// Where the next record is, and where the last ends.
    at: usize,
    end: usize,
}

impl Log {
    /// Reads the header; `None` for what is no log.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..8)? != MAGIC {
            return None;
        }
        let word = |n: usize| Some(u16::from_le_bytes(array(bytes, 12 + 2 * n)?));
        let settings = Settings::from_word(u64::from_le_bytes(array(bytes, 20)?));
        let flags = *bytes.get(28)?;
        let config = JitterConfig {
            sample_rate_hz: u32::from_le_bytes(array(bytes, 8)?),
            slots: word(0)?,
            slot_bytes: word(1)?,
            max_payload_bytes: word(2)?,
            outside_delay_ms: word(3)?,
            min_delay_ms: settings.min_ms,
            max_delay_ms: settings.max_ms,
            target_delay_ms: settings.target_ms,
            mode: settings.mode,
            drift: if flags & 4 == 0 { DriftMode::Stretch } else { DriftMode::Resample },
            ..JitterConfig::default()
        };
        let state = State {
            packet: packet_of(bytes, 29)?,
            step: u32::from_le_bytes(array(bytes, 50)?),
            now_ns: u64::from_le_bytes(array(bytes, 54)?),
            settings: u64::from_le_bytes(array(bytes, 62)?),
            frames: u16::from_le_bytes(array(bytes, 70)?),
        };
        let len = u32::from_le_bytes(array(bytes, 72)?) as usize;
        let end = HEADER_BYTES.checked_add(len).filter(|&end| end <= bytes.len())?;
        config.validate().ok()?;
        let (dropped, has_audio) = (flags & 1 != 0, flags & 2 != 0);
        Some(Self { config, dropped, has_audio, state, at: HEADER_BYTES, end })
    }

    /// The next record of the log's `bytes`; `None` at the end, or where they are damaged.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<Record<'a>> {
        let records = bytes.get(self.at..self.end)?;
        let (len, record) = read(records, &mut self.state)?;
        let Record::Packet(meta, _) = record else {
            self.at += len;
            return Some(record);
        };
        let audio = if self.has_audio { usize::from(meta.len) } else { 0 };
        let payload = records.get(len..len + audio)?;
        self.at += len + audio;
        Some(Record::Packet(meta, payload))
    }

    /// Whether all was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.end
    }
}

impl BlackBox {
    /// The log as it would be stored. Allocates.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = alloc::vec![0; self.total()];
        self.copy(&mut bytes);
        bytes
    }
}
