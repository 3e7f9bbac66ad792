// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended reports (RFC 3611): what a receiver that sends nothing needs to measure the round trip
//! (receiver reference time and its answer), and what a call sounded like (VoIP metrics).

use super::wire::{EXTENDED_REPORT, RtcpError, word};
use super::writer::{CompoundWriter, put};
use crate::within::Within;

const RECEIVER_REFERENCE_TIME: u8 = 4;
const DELAY_SINCE_LAST_RECEIVER_REPORT: u8 = 5;
const VOIP_METRICS: u8 = 7;
/// Bytes of a VoIP metrics block behind its header.
const VOIP_METRICS_BYTES: usize = 32;
/// A level, rating or score that is not known (sections 4.7.4 and 4.7.5).
pub const UNAVAILABLE: u8 = 127;

/// The answer to one receiver reference time (section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dlrr {
    /// The receiver that is answered.
    pub ssrc: u32,
    /// Middle 32 bits of the NTP time in its last report.
    pub last_receiver_report: u32,
    /// Since that report, in 1/65536 s.
    pub delay_since_last_receiver_report: u32,
}

/// VoIP metrics of one source (section 4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoipMetrics {
    /// The source that they are about.
    pub ssrc: u32,
    /// Packets lost, in 1/256.
    pub loss_rate: u8,
    /// Packets that came too late or too early, in 1/256.
    pub discard_rate: u8,
    /// Loss and discard within bursts, in 1/256.
    pub burst_density: u8,
    /// The same outside of bursts.
    pub gap_density: u8,
    /// Mean length of bursts, in ms.
    pub burst_ms: u16,
    /// Mean length of gaps, in ms.
    pub gap_ms: u16,
    /// Newest round-trip time, in ms; 0 if unknown.
    pub round_trip_ms: u16,
    /// Delay in the receiver: buffer, decoding, device, in ms.
    pub end_system_ms: u16,
    /// Level of the signal in dBm0, two's complement; [`UNAVAILABLE`] if unknown.
    pub signal_level: u8,
    /// Level in silence; [`UNAVAILABLE`] if unknown.
    pub noise_level: u8,
    /// Residual echo return loss in dB; [`UNAVAILABLE`] if unknown.
    pub residual_echo_return_loss: u8,
    /// Received packets that end a burst, 16 as a rule.
    pub gap_minimum: u8,
    /// Rating R, 0 to 100; [`UNAVAILABLE`] if unknown.
    pub rating: u8,
    /// Rating of another network's part; [`UNAVAILABLE`] if unknown.
    pub external_rating: u8,
    /// Listening quality times ten, 10 to 50; [`UNAVAILABLE`] if unknown.
    pub mos_lq_x10: u8,
    /// Conversational quality times ten, 10 to 50; [`UNAVAILABLE`] if unknown.
    pub mos_cq_x10: u8,
    /// Kind of concealment (bits 7 and 6: 3 is enhanced), adaptivity of the buffer (bits 5 and 4:
    /// 3 is adaptive) and its rate (bits 3 to 0).
    pub receiver_configuration: u8,
    /// Nominal delay of the jitter buffer, in ms.
    pub buffer_nominal_ms: u16,
    /// Largest delay that it has now, in ms.
    pub buffer_maximum_ms: u16,
    /// Largest delay that it could ever have, in ms.
    pub buffer_absolute_maximum_ms: u16,
}

/// One block of an extended report.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Block<'a> {
    /// NTP time of the receiver that reports, 32.32 fixed point (section 4.4).
    ReceiverReferenceTime(u64),
    /// Answers to such (section 4.5).
    Dlrr(Dlrrs<'a>),
    /// What a call sounds like (section 4.7).
    VoipMetrics(VoipMetrics),
    /// A block type that is not read here, or a block that has not the length of its type.
    Other(u8),
}

/// Answers of a DLRR block, not copied.
#[derive(Debug, Clone, Copy)]
pub struct Dlrrs<'a>(&'a [u8]);

impl Iterator for Dlrrs<'_> {
    type Item = Dlrr;

    fn next(&mut self) -> Option<Dlrr> {
        let (answer, rest) = self.0.split_first_chunk::<12>()?;
        self.0 = rest;
        Some(Dlrr {
            ssrc: word(answer, 0),
            last_receiver_report: word(answer, 4),
            delay_since_last_receiver_report: word(answer, 8),
        })
    }
}

/// Blocks of an extended report, not copied; none leads out of it.
#[derive(Debug, Clone, Copy)]
pub struct Blocks<'a>(&'a [u8]);

impl<'a> Blocks<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = body;
        while !rest.is_empty() {
            (_, rest) = split(rest).ok_or(RtcpError::Truncated)?;
        }
        Ok(Self(body))
    }
}

/// The first block with its header, and what is behind it.
fn split(blocks: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = blocks.first_chunk::<4>()?;
    let length = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
    blocks.split_at_checked(length)
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let (block, rest) = split(self.0)?;
        self.0 = rest;
        let body = &block[4..];
        Some(match block[0] {
            RECEIVER_REFERENCE_TIME if body.len() == 8 => {
                let ntp = u64::from(word(body, 0)) << 32 | u64::from(word(body, 4));
                Block::ReceiverReferenceTime(ntp)
            }
            DELAY_SINCE_LAST_RECEIVER_REPORT if body.len().is_multiple_of(12) => {
                Block::Dlrr(Dlrrs(body))
            }
            VOIP_METRICS if body.len() == VOIP_METRICS_BYTES => Block::VoipMetrics(metrics(body)),
            other => Block::Other(other),
        })
    }
}

fn metrics(body: &[u8]) -> VoipMetrics {
    let byte = |at: usize| body.get(at).copied().unwrap_or(0);
    let short = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    VoipMetrics {
        ssrc: word(body, 0),
        loss_rate: byte(4),
        discard_rate: byte(5),
        burst_density: byte(6),
        gap_density: byte(7),
        burst_ms: short(8),
        gap_ms: short(10),
        round_trip_ms: short(12),
        end_system_ms: short(14),
        signal_level: byte(16),
        noise_level: byte(17),
        residual_echo_return_loss: byte(18),
        gap_minimum: byte(19),
        rating: byte(20),
        external_rating: byte(21),
        mos_lq_x10: byte(22),
        mos_cq_x10: byte(23),
        receiver_configuration: byte(24),
        buffer_nominal_ms: short(26),
        buffer_maximum_ms: short(28),
        buffer_absolute_maximum_ms: short(30),
    }
}

/// What goes into one extended report; empty parts are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExtendedReport<'a> {
    /// NTP time now, to be answered by a DLRR.
    pub reference_time: Option<u64>,
    /// Answers to other receivers.
    pub answers: &'a [Dlrr],
    /// What the call sounds like.
    pub metrics: Option<&'a VoipMetrics>,
}

impl CompoundWriter<'_> {
    /// Adds an extended report of `ssrc`.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`RtcpError::Capacity`]; nothing is written then.
    pub fn extended_report(
        &mut self,
        ssrc: u32,
        report: &ExtendedReport<'_>,
    ) -> Result<(), RtcpError> {
        let time = if report.reference_time.is_some() { 12 } else { 0 };
        let answers = if report.answers.is_empty() { 0 } else { 4 + 12 * report.answers.len() };
        let voip = if report.metrics.is_some() { 4 + VOIP_METRICS_BYTES } else { 0 };
        let body = self.packet(EXTENDED_REPORT, 0, 4 + time + answers + voip)?;
        put(body, 0, ssrc);
        let (time_block, rest) = body.past_mut(4).cut_mut(time);
        if let Some(ntp) = report.reference_time {
            put(time_block, 0, header(RECEIVER_REFERENCE_TIME, 8));
            put(time_block, 4, (ntp >> 32) as u32);
            put(time_block, 8, ntp as u32);
        }
        let (answer_block, metrics_block) = rest.cut_mut(answers);
        if let Some((head, list)) = answer_block.split_first_chunk_mut::<4>() {
            put(head, 0, header(DELAY_SINCE_LAST_RECEIVER_REPORT, list.len()));
            for (out, answer) in list.as_chunks_mut::<12>().0.iter_mut().zip(report.answers) {
                put(out, 0, answer.ssrc);
                put(out, 4, answer.last_receiver_report);
                put(out, 8, answer.delay_since_last_receiver_report);
            }
        }
        if let Some(metrics) = report.metrics {
            put_metrics(metrics_block, metrics);
        }
        Ok(())
    }
}

/// A block's first word: type, nothing type-specific, length in words.
fn header(kind: u8, bytes: usize) -> u32 {
    u32::from(kind) << 24 | (bytes / 4) as u32 & 0xffff
}

fn put_metrics(out: &mut [u8], m: &VoipMetrics) {
    let bytes = |of: [u8; 4]| u32::from_be_bytes(of);
    let shorts = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
    let words = [
        header(VOIP_METRICS, VOIP_METRICS_BYTES),
        m.ssrc,
        bytes([m.loss_rate, m.discard_rate, m.burst_density, m.gap_density]),
        shorts(m.burst_ms, m.gap_ms),
        shorts(m.round_trip_ms, m.end_system_ms),
        bytes([m.signal_level, m.noise_level, m.residual_echo_return_loss, m.gap_minimum]),
        bytes([m.rating, m.external_rating, m.mos_lq_x10, m.mos_cq_x10]),
        bytes([m.receiver_configuration, 0, 0, 0]) | u32::from(m.buffer_nominal_ms),
        shorts(m.buffer_maximum_ms, m.buffer_absolute_maximum_ms),
    ];
    for (n, word) in words.into_iter().enumerate() {
        put(out, 4 * n, word);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Packet, Packets};
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> (u32, Vec<Block<'_>>) {
        match Packets::new(bytes).next() {
            Some(Ok(Packet::ExtendedReport(ssrc, blocks))) => (ssrc, blocks.collect()),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            ssrc: u32, ntp: Option<u64>, answers in prop::collection::vec(any::<[u32; 3]>(), 0..4),
            bytes: [u8; 13], shorts: [u16; 7], with_metrics: bool,
        ) {
            let answers: Vec<Dlrr> = answers.iter().map(|w| Dlrr {
                ssrc: w[0], last_receiver_report: w[1], delay_since_last_receiver_report: w[2],
            }).collect();
            let metrics = VoipMetrics {
                ssrc, loss_rate: bytes[0], discard_rate: bytes[1], burst_density: bytes[2],
                gap_density: bytes[3], burst_ms: shorts[0], gap_ms: shorts[1],
                round_trip_ms: shorts[2], end_system_ms: shorts[3], signal_level: bytes[4],
                noise_level: bytes[5], residual_echo_return_loss: bytes[6], gap_minimum: bytes[7],
                rating: bytes[8], external_rating: bytes[9], mos_lq_x10: bytes[10],
                mos_cq_x10: bytes[11], receiver_configuration: bytes[12],
                buffer_nominal_ms: shorts[4], buffer_maximum_ms: shorts[5],
                buffer_absolute_maximum_ms: shorts[6],
            };
            let report = ExtendedReport {
                reference_time: ntp, answers: &answers, metrics: with_metrics.then_some(&metrics),
            };
            let mut out = [0x55; 200];
            let mut writer = CompoundWriter::new(&mut out);
            writer.extended_report(ssrc, &report).unwrap();
            let length = writer.len();
            let (from, blocks) = read(&out[..length]);
            prop_assert_eq!(from, ssrc);
            let mut expected = usize::from(ntp.is_some()) + usize::from(with_metrics);
            expected += usize::from(!answers.is_empty());
            prop_assert_eq!(blocks.len(), expected);
            for block in blocks {
                match block {
                    Block::ReceiverReferenceTime(time) => prop_assert_eq!(Some(time), ntp),
                    Block::Dlrr(list) => prop_assert_eq!(list.collect::<Vec<_>>(), answers.clone()),
                    Block::VoipMetrics(read) => prop_assert_eq!(read, metrics),
                    Block::Other(kind) => prop_assert!(false, "type {}", kind),
                }
            }
        }

        #[test]
        fn any_blocks_are_walked_or_refused(body in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(blocks) = Blocks::new(&body) {
                for block in blocks {
                    if let Block::Dlrr(list) = block {
                        prop_assert!(list.count() <= 10);
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_of_a_wrong_length_vetoes_no_other() {
        let (time, answer) = ([4, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2], [5, 0, 0, 0]);
        for odd in
            [&[4, 0, 0, 1, 0, 0, 0, 0][..], &[5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], &[7, 0, 0, 0]]
        {
            let body = [&[0, 0, 0, 1], &time[..], odd, &answer].concat();
            let header = [0x80, 207, 0, (body.len() / 4) as u8];
            let packet = [&header[..], &body].concat();
            let (_, blocks) = read(&packet);
            assert!(matches!(blocks[0], Block::ReceiverReferenceTime(0x1_0000_0002)));
            assert!(matches!(blocks[1], Block::Other(kind) if kind == odd[0]));
            assert!(matches!(blocks[2..], [Block::Dlrr(_)]));
        }
        let endless = [0x80, 207, 0, 2, 0, 0, 0, 1, 99, 0, 0, 1];
        assert!(matches!(Packets::new(&endless).next(), Some(Err(RtcpError::Truncated))));
        let unknown = [0x80, 207, 0, 3, 0, 0, 0, 1, 99, 0, 0, 1, 0, 0, 0, 0];
        assert!(matches!(read(&unknown).1[..], [Block::Other(99)]));
    }
}
