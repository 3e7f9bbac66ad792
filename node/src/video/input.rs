// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a member's camera sends of one layer: its packets in their order, with what was lost asked for again (RFC 4585, RFC 4588),
//! and its sender told what came and what is wanted.

use ale_media::rtp::RtpPacket;
use ale_media::rtp::reception::{Reception, Reporter};
use ale_media::rtp::rtcp::{CompoundWriter, Packet, Packets, ReportBlock};

use super::arrivals::Arrivals;
use super::cache::{Cache, Head, KEPT};
use super::key_frame::Codec;
use super::{CLOCK_HZ, Run, feedback};

/// Packets that are missed at a time; with more a key frame is asked for instead.
const MOST_MISSED: usize = 64;
/// How often a packet is asked for, and how long the first answer may take; later ones may take longer.
const MOST_ASKS: u32 = 6;
const ANSWER_NS: u64 = 40_000_000;
/// Steps of sequence numbers that are believed at once.
const MAX_STEP: i64 = 3_000;
/// How long a camera has to be silent until another SSRC is its.
const SILENCE_NS: u64 = 100_000_000;
/// Time between two requests for a key frame: what several ask for is asked for once.
const KEY_FRAME_NS: u64 = 250_000_000;
/// Time between two reports.
const REPORT_NS: u64 = 1_000_000_000;

/// What a member has said that it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// Of packets that are sent again (RFC 4588), if it does that.
    pub repair: Option<u8>,
    /// The header extension with the transport-wide number, if it has one.
    pub transport_number: Option<u8>,
    /// The header extension with the time of sending, if it has one.
    pub send_time: Option<u8>,
}

/// What has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputStats {
    /// Packets, without those that came again.
    pub packets: u64,
    /// Of those, such as had been lost and were sent again.
    pub repaired: u64,
    /// Packets that were asked for; each as often as it was.
    pub asked: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Key frames that were asked for.
    pub key_frames_asked: u64,
    /// Packets that are not of the camera, or too late.
    pub refused: u64,
}

impl core::ops::Add for InputStats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            repaired: self.repaired + other.repaired,
            asked: self.asked + other.asked,
            lost: self.lost + other.lost,
            key_frames_asked: self.key_frames_asked + other.key_frames_asked,
            refused: self.refused + other.refused,
        }
    }
}

/// A packet that is missed.
#[derive(Debug, Clone, Copy)]
struct Missed {
    sequence: u64,
    asks: u32,
    next_ns: u64,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    highest: u64,
    last_ns: u64,
    /// A number that was not believed.
    stray: Option<u16>,
    reception: Reception,
    reporter: Reporter,
    /// The middle of the NTP time of its last report, and when that came.
    report: Option<(u32, u64)>,
}

/// One layer of a camera.
#[derive(Debug)]
pub struct Input {
    formats: Formats,
    /// The source as which feedback is given.
    ours: u32,
    cname: Box<[u8]>,
    run: Run,
    source: Option<Source>,
    cache: Cache,
    missed: Vec<Missed>,
    key_frame_wanted: bool,
    asked_ns: Option<u64>,
    limit_bps: u64,
    told_bps: u64,
    reported_ns: u64,
    stats: InputStats,
}

/// The number with these low 16 bits that is nearest to another.
pub(super) fn extended(near: u64, number: u16) -> u64 {
    near.saturating_add_signed(i64::from(number.wrapping_sub(near as u16) as i16))
}

impl Input {
    /// A layer whose first run follows `before`; feedback is given as the source `ours` of this canonical name. At most
    /// `limit_bps` is taken.
    pub fn new(before: Run, formats: Formats, ours: u32, cname: &str, limit_bps: u64) -> Self {
        Self {
            formats,
            ours,
            cname: cname.as_bytes().into(),
            run: before,
            source: None,
            cache: Cache::new(),
            missed: Vec::with_capacity(MOST_MISSED),
            key_frame_wanted: false,
            asked_ns: None,
            limit_bps,
            told_bps: 0,
            reported_ns: 0,
            stats: InputStats::default(),
        }
    }

    /// Counters.
    pub fn stats(&self) -> InputStats {
        self.stats
    }

    /// Its source, once it has one.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// The run that its packets are of now.
    pub fn run(&self) -> Run {
        self.run
    }

    /// Takes a packet; what is new of it, and the highest number there is. It is kept then.
    ///
    /// Real-time: yes.
    pub fn take(
        &mut self,
        packet: &RtpPacket<'_>,
        payload: &[u8],
        now_ns: u64,
    ) -> Option<(Head, u64)> {
        let number = packet.payload_type();
        let taken = if number == self.formats.payload_type {
            self.take_first(packet, payload, now_ns)
        } else if Some(number) == self.formats.repair {
            // Without the number of what is sent again it is padding, by which senders probe the network.
            let (original, payload) = payload.split_first_chunk()?;
            self.take_again(packet, u16::from_be_bytes(*original), payload)
        } else {
            None
        };
        if taken.is_none() {
            self.stats.refused += 1;
        }
        taken
    }

    fn take_first(
        &mut self,
        packet: &RtpPacket<'_>,
        payload: &[u8],
        now_ns: u64,
    ) -> Option<(Head, u64)> {
        let (ssrc, number) = (packet.ssrc(), packet.sequence());
        let sequence = match &mut self.source {
            Some(source) if source.ssrc == ssrc => {
                let sequence = extended(source.highest, number);
                let step = sequence as i64 - source.highest as i64;
                if step <= MAX_STEP && step > -(KEPT as i64) {
                    source.stray = None;
                    sequence
                } else if source.stray == Some(number.wrapping_sub(1)) {
                    self.begin(ssrc, number)
                } else {
                    source.stray = Some(number);
                    return None;
                }
            }
            Some(source) if now_ns.saturating_sub(source.last_ns) < SILENCE_NS => return None,
            _ => self.begin(ssrc, number),
        };
        let source = self.source.as_mut()?;
        source.last_ns = now_ns;
        source.reception.packet(number, packet.timestamp(), now_ns);
        if sequence > source.highest {
            let gap = source.highest + 1..sequence;
            source.highest = sequence;
            self.miss(gap, now_ns);
        }
        self.keep(sequence, packet, payload)
    }

    fn take_again(
        &mut self,
        packet: &RtpPacket<'_>,
        original: u16,
        payload: &[u8],
    ) -> Option<(Head, u64)> {
        let sequence = extended(self.source.as_ref()?.highest, original);
        // Only what was asked for: by it nothing moves.
        self.missed.iter().find(|missed| missed.sequence == sequence)?;
        let kept = self.keep(sequence, packet, payload)?;
        self.stats.repaired += 1;
        Some(kept)
    }

    fn keep(
        &mut self,
        sequence: u64,
        packet: &RtpPacket<'_>,
        payload: &[u8],
    ) -> Option<(Head, u64)> {
        if self.cache.get(sequence).is_some() {
            return None;
        }
        let key = self.formats.codec.begins_key_frame(payload);
        let head = Head {
            sequence,
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            key,
            counts: self.formats.codec.counts(payload),
        };
        if !self.cache.keep(head, payload) {
            return None;
        }
        self.missed.retain(|missed| missed.sequence != sequence);
        self.key_frame_wanted &= !key;
        self.stats.packets += 1;
        Some((head, self.source.as_ref()?.highest))
    }

    /// Another run begins. Its numbers are beyond all of the one before, so that none is mistaken for one of those.
    fn begin(&mut self, ssrc: u32, number: u16) -> u64 {
        let before = self.source.as_ref().map_or(0, |source| source.highest >> 16);
        let sequence = (before + 2) << 16 | u64::from(number);
        self.run.number = self.run.number.wrapping_add(1);
        self.missed.clear();
        self.source = Some(Source {
            ssrc,
            highest: sequence,
            last_ns: 0,
            stray: None,
            reception: Reception::new(CLOCK_HZ),
            reporter: Reporter::default(),
            report: None,
        });
        sequence
    }

    fn miss(&mut self, gap: core::ops::Range<u64>, now_ns: u64) {
        if self.missed.len() as u64 + (gap.end - gap.start) > MOST_MISSED as u64 {
            self.stats.lost += self.missed.len() as u64 + (gap.end - gap.start);
            self.missed.clear();
            self.key_frame_wanted = true;
            return;
        }
        self.missed.extend(gap.map(|sequence| Missed { sequence, asks: 0, next_ns: now_ns }));
    }

    /// A packet that is kept.
    ///
    /// Real-time: yes.
    pub fn kept(&self, sequence: u64) -> Option<(Head, &[u8])> {
        self.cache.get(sequence)
    }

    /// Somebody needs a key frame.
    pub fn want_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    /// Who is shown the camera can take so much, in bits a second.
    pub fn set_limit(&mut self, limit_bps: u64) {
        self.limit_bps = limit_bps;
    }

    /// Takes note of the reports in a compound packet of the sender's.
    pub fn hear(&mut self, compound: &[u8], now_ns: u64) {
        let Some(source) = &mut self.source else { return };
        for packet in Packets::new(compound).flatten() {
            if let Packet::SenderReport(ssrc, info, _) = packet
                && ssrc == source.ssrc
            {
                source.report = Some((info.ntp_middle(), now_ns));
            }
        }
    }

    /// Writes what the sender is to be told now, as a compound packet, also of what came on its transport; its bytes, if
    /// there is something.
    ///
    /// Real-time: yes.
    pub fn poll_feedback(
        &mut self,
        now_ns: u64,
        arrivals: &mut Arrivals,
        out: &mut [u8],
    ) -> Option<usize> {
        let source = self.source.as_mut()?;
        let asks = self.asked_ns.is_none_or(|at_ns| now_ns - at_ns >= KEY_FRAME_NS);
        let asks = self.key_frame_wanted && asks;
        let reports = now_ns.saturating_sub(self.reported_ns) >= REPORT_NS;
        let misses = self.missed.iter().any(|missed| missed.next_ns <= now_ns);
        let came = arrivals.is_due(now_ns);
        let limits = self.limit_bps < self.told_bps - self.told_bps / 32;
        if !(asks || reports || misses || came || limits) {
            return None;
        }
        let mut writer = CompoundWriter::new(out);
        let block = reports.then(|| source.block(now_ns));
        writer.receiver_report(self.ours, block.as_slice()).ok()?;
        writer.source_description(self.ours, &self.cname).ok()?;
        if misses {
            let mut numbers = [0; MOST_MISSED];
            let mut count = 0;
            let due = self.missed.iter_mut().filter(|missed| missed.next_ns <= now_ns);
            for (missed, number) in due.zip(&mut numbers) {
                *number = missed.sequence as u16;
                count += 1;
                missed.next_ns = now_ns + (ANSWER_NS << missed.asks.min(2));
                missed.asks += 1;
            }
            writer.nack(self.ours, source.ssrc, numbers.get(..count)?).ok()?;
            self.stats.asked += count as u64;
            let before = self.missed.len();
            self.missed.retain(|missed| missed.asks <= MOST_ASKS);
            self.stats.lost += (before - self.missed.len()) as u64;
        }
        let mut used = writer.len();
        if asks {
            self.asked_ns = Some(now_ns);
            self.stats.key_frames_asked += 1;
            used = feedback::ask_for_key_frame(out, used, self.ours, source.ssrc)?;
        }
        if reports || limits {
            self.told_bps = self.limit_bps;
            used = feedback::tell_bandwidth(out, used, self.ours, source.ssrc, self.limit_bps)?;
        }
        if came {
            used = arrivals.tell(out, used, self.ours, source.ssrc, now_ns).unwrap_or(used);
        }
        if reports {
            self.reported_ns = now_ns;
        }
        Some(used)
    }
}

impl Source {
    fn block(&mut self, now_ns: u64) -> ReportBlock {
        let summary = self.reception.summary();
        let report = self.reporter.report(&summary);
        let (last_sender_report, at_ns) = self.report.unwrap_or((0, now_ns));
        let since = u128::from(now_ns.saturating_sub(at_ns)) << 16;
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: report.fraction_lost,
            cumulative_lost: report.cumulative_lost,
            highest_sequence: summary.highest_sequence,
            jitter_ticks: summary.jitter_ticks,
            last_sender_report,
            delay_since_last_sender_report: (since / 1_000_000_000) as u32,
        }
    }
}
