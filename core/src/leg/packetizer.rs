// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a packet time of PCM to an RTP packet: sound, its repetition, the description of a pause, a
//! digit in its place, or nothing. Knows neither keys nor sockets.

use super::config::{HeaderExtensions, LegConfig};
use super::contributors::Contributors;
use super::digits::{Digit, DigitSender, EventFormat};
use super::encode_once::{EncodeOnce, LegEncoder};
use super::protection::{Chooser, Protection};
use super::redundancy::Redundancy;
use super::silence::{Decision, Silence};
use super::stats::MediaStats;
use crate::codec::CodecError;
use crate::dsp::level::level_dbov;
use crate::dsp::resample::Resampler;
use crate::rtp::RtpHeader;
use crate::rtp::elements::{AudioLevel, absolute_send_time};
use crate::rtp::extension::Writer;
use crate::session::Passed;
use crate::sync::ring::Consumer;
use alloc::boxed::Box;
use alloc::vec;

/// Room for the extension elements of a packet.
const EXTENSION_BYTES: usize = 48;
/// What a packet time has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    /// Bytes of the plain RTP packet.
    pub(super) bytes: usize,
    pub(super) payload_bytes: usize,
}

/// Where the RTP stream stands that a leg sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// Its source.
    pub ssrc: u32,
    /// Sequence number of the next packet.
    pub sequence: u16,
    /// RTP timestamp of the next sample that is sent.
    pub timestamp: u32,
}

pub(super) struct Packetizer {
    encoder: LegEncoder,
    expected_loss_percent: u8,
    pub(super) digits: DigitSender,
    events: EventFormat,
    /// From the leg's rate to the codec's, where those differ, and a packet at the codec's.
    converter: Option<(Resampler, Box<[i16]>)>,
    silence: Option<Box<Silence>>,
    redundancy: Option<Redundancy>,
    /// Which redundancy there is, where it follows loss, and what has been chosen.
    chooser: Option<(Chooser, Protection)>,
    extensions: HeaderExtensions,
    /// Who is heard in the next packet.
    pub(super) contributors: Contributors,

    pub(super) ssrc: u32,
    pub(super) packet_samples: usize,
    /// Packets are of 20 ms or a multiple.
    pub(super) in_pairs: bool,
    rtp_clock_hz: u32,
    pub(super) payload_type: u8,
    sequence: u16,
    timestamp: u32,
    packet_ticks: u32,
    /// The next packet starts a talk spurt.
    marker: bool,
    /// What is added to sequence numbers and timestamps of the stream that is relayed, and whose
    /// stream that is; `None` when the last packet was our own.
    relayed: Option<(u32, u16, u32)>,
}

impl Packetizer {
    pub(super) fn new(config: &LegConfig, digits: Consumer<Digit>) -> Result<Self, CodecError> {
        let send = &config.send;
        let packet_ms = u32::from(send.packet_ms);
        let format = send.codec.format();
        let (payload_type, clock_hz) = config.sent_events().unwrap_or((0, 0));
        let rate_hz = config.rate_hz();
        let converter = if rate_hz == format.sample_rate_hz {
            None
        } else {
            let resampler = Resampler::new(rate_hz, format.sample_rate_hz)
                .map_err(|_| CodecError::Unsupported)?;
            let samples = (format.sample_rate_hz / 1_000 * packet_ms) as usize;
            Some((resampler, vec![0; samples].into()))
        };
        let mut packetizer = Self {
            encoder: LegEncoder::new(send.codec.clone())?,
            expected_loss_percent: send.codec.expected_loss_percent(),
            digits: DigitSender::new(digits),
            events: EventFormat {
                payload_type,
                clock_hz,
                codec_clock_hz: format.rtp_clock_hz,
                packet_ms,
            },
            converter,
            packet_samples: (rate_hz / 1_000 * packet_ms) as usize,
            in_pairs: packet_ms.is_multiple_of(20),
            rtp_clock_hz: format.rtp_clock_hz,
            silence: config.dtx_mode().map(|mode| Box::new(Silence::new(mode, packet_ms, rate_hz))),
            redundancy: config
                .redundancy
                .map(|red| Redundancy::new(red.payload_type, red.generations)),
            chooser: None,
            extensions: config.header_extensions,
            contributors: Contributors::default(),
            ssrc: config.local_ssrc,
            payload_type: send.payload_type,
            // The top bit is not used: see the configuration.
            sequence: config.initial_sequence & 0x7fff,
            timestamp: config.initial_timestamp,
            packet_ticks: send.codec.format().rtp_clock_hz / 1_000 * packet_ms,
            marker: true,
            relayed: None,
        };
        if config.redundancy.is_some_and(|red| red.follows_loss) {
            packetizer.chooser = Some((Chooser::new(config.means()), Protection::default()));
            packetizer.protect();
        }
        Ok(packetizer)
    }

    /// Sends with the redundancy that has been chosen.
    fn protect(&mut self) {
        let Some((_, Protection { repeated, own })) = self.chooser else { return };
        if let Some(redundancy) = &mut self.redundancy {
            redundancy.repeat(repeated);
        }
        self.encoder.protect(own);
    }

    /// Prepares the encoder, and redundancy that follows it, for the loss that the peer reports, in 1/256, and
    /// that within bursts: more at once, less by and by. Returns what is expected now, in percent.
    ///
    /// Real-time: yes.
    pub(super) fn expect_loss(&mut self, fraction_lost: u8, burst_density: u8) -> u8 {
        if let Some((chooser, chosen)) = &mut self.chooser {
            chooser.take(fraction_lost, burst_density);
            let protection = chooser.protection();
            if core::mem::replace(chosen, protection) != protection {
                self.protect();
            }
        }
        let reported = (u32::from(fraction_lost) * 100).div_ceil(256) as u8;
        let expected =
            reported.max(self.expected_loss_percent - self.expected_loss_percent.div_ceil(4));
        if expected != self.expected_loss_percent {
            self.expected_loss_percent = expected;
            self.encoder.expect_loss(expected);
        }
        expected
    }

    /// Whether the peer is told who is heard.
    pub(super) fn tells_contributors(&self) -> bool {
        self.extensions.mixer_levels.is_some()
    }

    pub(super) fn position(&self) -> StreamPosition {
        let Self { ssrc, sequence, timestamp, .. } = *self;
        StreamPosition { ssrc, sequence, timestamp }
    }

    pub(super) fn go_on_at(&mut self, position: StreamPosition) {
        (self.sequence, self.timestamp) = (position.sequence, position.timestamp);
    }

    /// Goes on where `before` was: sequence numbers, timestamps, digits, the encoder's state where the
    /// codec is the same.
    ///
    /// Real-time: yes.
    pub(super) fn continue_from(&mut self, before: &mut Self) {
        self.ssrc = before.ssrc;
        self.sequence = before.sequence;
        self.timestamp = before.timestamp;
        self.relayed = before.relayed;
        self.contributors = before.contributors;
        core::mem::swap(&mut self.digits, &mut before.digits);
        if let (Some((chooser, chosen)), Some((before, _))) = (&mut self.chooser, &before.chooser) {
            chooser.continue_from(before);
            *chosen = chooser.protection();
        }
        let same_rate = self.converter.is_none() && before.converter.is_none();
        if same_rate && self.encoder.is_for(&before.encoder) {
            core::mem::swap(&mut self.encoder, &mut before.encoder);
            self.expected_loss_percent = before.expected_loss_percent;
        } else if self.expected_loss_percent < before.expected_loss_percent {
            self.expected_loss_percent = before.expected_loss_percent;
            self.encoder.expect_loss(before.expected_loss_percent);
        }
        self.protect();
        // A listener takes the marker for the start of a talk spurt, and may adapt.
        self.marker = true;
    }

    /// RTP timestamp of a sample taken just now, with so many samples at `rate_hz` waiting for their
    /// packet.
    pub(super) fn timestamp_at_rest(&self, waiting: u32, rate_hz: u32) -> u32 {
        let ticks = u64::from(waiting) * u64::from(self.rtp_clock_hz) / u64::from(rate_hz.max(1));
        self.timestamp.wrapping_add(ticks as u32)
    }

    /// Lets a packet time go by without a packet.
    pub(super) fn rest(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(self.packet_ticks);
        self.marker = true;
    }

    /// Makes a packet of another stream's: its payload and payload type, our source. Sequence numbers
    /// and timestamps keep their distances, so that the listener sees what is missing.
    ///
    /// Real-time: yes.
    pub(super) fn relay(
        &mut self,
        passed: &Passed,
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<Packet> {
        let (sequence_offset, timestamp_offset) = match self.relayed {
            Some((ssrc, sequence, timestamp)) if ssrc == passed.ssrc => (sequence, timestamp),
            _ => {
                self.marker = true;
                let sequence = self.sequence.wrapping_sub(passed.sequence);
                let timestamp = self.timestamp.wrapping_sub(passed.timestamp);
                self.relayed = Some((passed.ssrc, sequence, timestamp));
                (sequence, timestamp)
            }
        };
        let sequence = passed.sequence.wrapping_add(sequence_offset);
        let timestamp = passed.timestamp.wrapping_add(timestamp_offset);
        let header = RtpHeader {
            marker: passed.marker || self.marker,
            payload_type: passed.payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            ..RtpHeader::default()
        };
        let header_bytes = header.write(out).ok()?;
        let end = header_bytes + payload.len();
        out.get_mut(header_bytes..end)?.copy_from_slice(payload);
        self.marker = false;
        // Our own stream goes on behind the furthest packet.
        let next = sequence.wrapping_add(1);
        if (next.wrapping_sub(self.sequence) as i16) > 0 {
            self.sequence = next;
            self.timestamp = timestamp.wrapping_add(self.packet_ticks);
        }
        Some(Packet { bytes: end, payload_bytes: payload.len() })
    }

    /// Makes a packet without a payload, of the time that the next of audio begins at.
    ///
    /// Real-time: yes.
    pub(super) fn empty(&mut self, payload_type: u8, out: &mut [u8]) -> Option<Packet> {
        // The number is its own: a stream that is relayed goes on behind it.
        if self.relayed.take().is_some() {
            self.marker = true;
        }
        let header = self.header(false, payload_type, self.timestamp);
        self.finish(&header, &[], out)
    }

    /// Makes the packet of the packet time `pcm`, sent at NTP time `ntp`, at the front of `out`;
    /// `None` when there is nothing to send, which is counted. With `once`, others may send the same
    /// payload.
    ///
    /// Real-time: yes.
    pub(super) fn packet(
        &mut self,
        pcm: &[i16],
        ntp: u64,
        out: &mut [u8],
        stats: &mut MediaStats,
        once: Option<&mut EncodeOnce>,
    ) -> Option<Packet> {
        if self.relayed.take().is_some() {
            self.marker = true;
        }
        stats.pushed_level_dbov = level_dbov(pcm).into();
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(self.packet_ticks);
        if let Some(digit) = self.digits.next(timestamp, &self.events) {
            stats.digit_packets += 1;
            let bytes = digit.event.to_bytes();
            let payload_type = self.events.payload_type;
            let header = self.header(digit.marker, payload_type, digit.timestamp);
            // Sound after a digit starts a talk spurt.
            self.marker = true;
            return self.finish(&header, &bytes, out);
        }
        let decision = self.silence.as_mut().map_or(Decision::Sound, |silence| silence.decide(pcm));
        match decision {
            Decision::Sound => self.sound(pcm, timestamp, ntp, out, stats, once),
            Decision::Description(payload_type, description) => {
                stats.comfort_noise_packets += 1;
                let header = self.header(false, payload_type, timestamp);
                self.marker = true;
                self.finish(&header, &description, out)
            }
            Decision::Nothing => {
                stats.suppressed += 1;
                self.marker = true;
                None
            }
        }
    }

    fn sound(
        &mut self,
        pcm: &[i16],
        timestamp: u32,
        ntp: u64,
        out: &mut [u8],
        stats: &mut MediaStats,
        once: Option<&mut EncodeOnce>,
    ) -> Option<Packet> {
        let mut room = [0; EXTENSION_BYTES];
        let level_dbov = stats.pushed_level_dbov as u8;
        let payload_type = self
            .redundancy
            .as_ref()
            .filter(|redundancy| redundancy.is_used())
            .map_or(self.payload_type, |redundancy| redundancy.payload_type);
        let (sources, levels, count) = match self.contributors.as_slice() {
            [] => Default::default(),
            _ => self.contributors.to_wire(),
        };
        let header = RtpHeader {
            contributing_sources: sources.get(..count).unwrap_or(&[]),
            extension: self.extension(
                &mut room,
                level_dbov,
                ntp,
                levels.get(..count).unwrap_or(&[]),
            ),
            ..self.header(self.marker, payload_type, timestamp)
        };
        let header_bytes = header.write(out).ok()?;
        let payload = out.get_mut(header_bytes..)?;
        // Redundancy needs a byte even where it repeats nothing.
        let limit = payload.len().checked_sub(usize::from(self.redundancy.is_some()))?;
        let room = payload.get_mut(..limit)?;
        let pcm = match &mut self.converter {
            Some((converter, converted)) => {
                let samples = converted.len();
                let made = converter.process(pcm, converted);
                debug_assert_eq!(made, samples);
                &*converted
            }
            None => pcm,
        };
        let encoded = match once {
            Some(once) => once.encode(&mut self.encoder, pcm, room),
            None => self.encoder.encode(pcm, room),
        };
        let mut payload_bytes = match encoded {
            Ok(0) => {
                stats.suppressed += 1;
                self.marker = true;
                return None;
            }
            Ok(bytes) => bytes,
            Err(_) => {
                stats.encode_errors += 1;
                return None;
            }
        };
        if let Some(redundancy) = &mut self.redundancy {
            payload_bytes = redundancy.wrap(self.payload_type, timestamp, payload, payload_bytes);
        }
        self.marker = false;
        self.sequence = self.sequence.wrapping_add(1);
        Some(Packet { bytes: header_bytes + payload_bytes, payload_bytes })
    }

    fn header(&self, marker: bool, payload_type: u8, timestamp: u32) -> RtpHeader<'static> {
        RtpHeader {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            ..RtpHeader::default()
        }
    }

    /// The extension block of a packet of audio, if any element was negotiated.
    fn extension<'a>(
        &self,
        room: &'a mut [u8],
        level_dbov: u8,
        ntp: u64,
        contributors_dbov: &[u8],
    ) -> Option<(u16, &'a [u8])> {
        let mut writer = Writer::new(room);
        if let Some(id) = self.extensions.audio_level {
            // Whoever does not look for speech says that there may be some (RFC 6464 section 4).
            let level = AudioLevel { level_dbov, voice: level_dbov < 127 };
            writer.push(id, &[level.to_byte()]);
        }
        if let Some(id) = self.extensions.mixer_levels {
            // Nothing is written where nobody contributes: an element has a byte at least.
            writer.push(id, contributors_dbov);
        }
        if let Some(id) = self.extensions.absolute_send_time {
            writer.push(id, &absolute_send_time(ntp));
        }
        if let Some((id, mid)) = &self.extensions.mid {
            writer.push(*id, mid.as_bytes());
        }
        writer.finish()
    }

    fn finish(&mut self, header: &RtpHeader<'_>, payload: &[u8], out: &mut [u8]) -> Option<Packet> {
        let header_bytes = header.write(out).ok()?;
        out.get_mut(header_bytes..header_bytes + payload.len())?.copy_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        Some(Packet { bytes: header_bytes + payload.len(), payload_bytes: payload.len() })
    }
}
