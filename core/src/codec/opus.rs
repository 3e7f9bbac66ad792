// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opus (RFC 6716, RFC 7587) through libopus.
//!
//! libopus allocates when an encoder or decoder is made and never after, so encoding, decoding and
//! concealing are real-time.

use super::{CodecError, Decoder, Encoder, Format, MAX_PACKET_SAMPLES};

/// Opus RTP timestamps count at 48 kHz whatever the rate (RFC 7587 section 4.1).
pub const RTP_CLOCK_HZ: u32 = 48_000;

/// What an encoder is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Application {
    /// Speech at a low rate first.
    #[default]
    Voip,
    /// Fidelity first: music, mixed content.
    Audio,
    /// Least delay; without the speech-only modes.
    LowDelay,
}

/// How the bit rate may vary (RFC 7587 section 6.1, `cbr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RateControl {
    /// Every packet as large as it needs.
    #[default]
    Variable,
    /// Variable within a bound over a short window.
    ConstrainedVariable,
    /// Every packet alike: speech can't be told from its packets' sizes (RFC 6562).
    Constant,
}

/// How Opus is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusConfig {
    /// 8000, 12000, 16000, 24000 or 48000.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Application.
    pub application: Application,
    /// 6000 to 510000.
    pub bit_rate_bps: u32,
    /// 0 (fast) to 10.
    pub complexity: u8,
    /// Rate control.
    pub rate_control: RateControl,
    /// In-band forward error correction (`useinbandfec`).
    pub inband_fec: bool,
    /// Loss that the encoder prepares for, 0 to 100 percent.
    pub expected_loss_percent: u8,
    /// Discontinuous transmission (`usedtx`).
    pub dtx: bool,
}

impl Default for OpusConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 48_000,
            channels: 1,
            application: Application::Voip,
            bit_rate_bps: 24_000,
            complexity: 5,
            rate_control: RateControl::Variable,
            inband_fec: true,
            expected_loss_percent: 10,
            dtx: false,
        }
    }
}

impl OpusConfig {
    fn format(&self) -> Result<(Format, opus::Channels), CodecError> {
        let channels = channels(self.channels)?;
        if !matches!(self.sample_rate_hz, 8_000 | 12_000 | 16_000 | 24_000 | 48_000) {
            return Err(CodecError::InvalidArgument);
        }
        let format = Format {
            sample_rate_hz: self.sample_rate_hz,
            channels: self.channels,
            rtp_clock_hz: RTP_CLOCK_HZ,
        };
        Ok((format, channels))
    }
}

fn channels(count: u8) -> Result<opus::Channels, CodecError> {
    match count {
        1 => Ok(opus::Channels::Mono),
        2 => Ok(opus::Channels::Stereo),
        _ => Err(CodecError::InvalidArgument),
    }
}

fn refused(error: opus::Error) -> CodecError {
    match error.code() {
        opus::ErrorCode::BadArg => CodecError::InvalidArgument,
        opus::ErrorCode::BufferTooSmall => CodecError::Capacity,
        opus::ErrorCode::InvalidPacket => CodecError::Malformed,
        opus::ErrorCode::Unimplemented => CodecError::Unsupported,
        _ => CodecError::Internal,
    }
}

/// Decodes Opus to one rate and channel count; libopus converts from what the packets carry.
#[derive(Debug)]
pub struct OpusDecoder {
    inner: opus::Decoder,
    format: Format,
}

impl OpusDecoder {
    /// Makes a decoder for PCM of `sample_rate_hz` (8000, 12000, 16000, 24000 or 48000) with
    /// `channel_count` channels (1 or 2).
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`]; [`CodecError::Internal`] when libopus has no memory.
    pub fn new(sample_rate_hz: u32, channel_count: u8) -> Result<Self, CodecError> {
        let config = OpusConfig { sample_rate_hz, channels: channel_count, ..Default::default() };
        let (format, channels) = config.format()?;
        let inner = opus::Decoder::new(sample_rate_hz, channels).map_err(refused)?;
        Ok(Self { inner, format })
    }

    /// The range coder's final state, which equals the encoder's for the same packet: the check
    /// that both libraries agree (RFC 6716 section 6).
    pub fn final_range(&mut self) -> Option<u32> {
        self.inner.get_final_range().ok()
    }

    fn total(&self, samples_per_channel: usize) -> usize {
        samples_per_channel * usize::from(self.format.channels)
    }
}

impl Decoder for OpusDecoder {
    fn format(&self) -> Format {
        self.format
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(CodecError::Malformed);
        }
        match opus::packet::get_nb_samples(payload, self.format.sample_rate_hz) {
            Ok(samples) if samples > 0 && samples <= MAX_PACKET_SAMPLES => Ok(samples),
            _ => Err(CodecError::Malformed),
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let needed = self.total(self.packet_samples(payload)?);
        let pcm = pcm.get_mut(..needed).ok_or(CodecError::Capacity)?;
        let samples = self.inner.decode(payload, pcm, false).map_err(refused)?;
        Ok(self.total(samples))
    }

    fn conceals(&self) -> bool {
        true
    }

    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        if pcm.is_empty() {
            return Err(CodecError::InvalidArgument);
        }
        // An empty payload asks libopus for exactly the buffer's length of concealment.
        let samples = self.inner.decode(&[], pcm, false).map_err(refused)?;
        Ok(self.total(samples))
    }

    fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        self.packet_samples(next)?;
        if !has_lbrr(next) {
            return Err(CodecError::Unsupported);
        }
        let samples = self.inner.decode(next, pcm, true).map_err(refused)?;
        Ok(self.total(samples))
    }

    fn reset(&mut self) {
        // The only error that libopus knows here is an unknown request.
        let _ = self.inner.reset_state();
    }
}

/// Whether the first frame of a packet carries low-bit-rate redundancy for the packet before it:
/// only SILK and hybrid frames can (RFC 6716 section 4.2.4), and the flag behind the first
/// channel's voice-activity flags says whether this one does.
fn has_lbrr(packet: &[u8]) -> bool {
    let Some(&toc) = packet.first() else { return false };
    let configuration = toc >> 3;
    if configuration >= 16 {
        return false; // CELT only
    }
    // SILK frames in an Opus frame: one for 10 and 20 ms, two for 40, three for 60.
    let vad_flags = match (configuration < 12, configuration & 3) {
        (true, 2) => 2,
        (true, 3) => 3,
        _ => 1,
    };
    // Code 0 packets hold one frame right behind the TOC byte. The other codes carry several, and
    // libopus itself finds out.
    if toc & 3 != 0 {
        return true;
    }
    packet.get(1).is_some_and(|flags| flags >> (7 - vad_flags) & 1 != 0)
}

/// Encodes Opus.
#[derive(Debug)]
pub struct OpusEncoder {
    inner: opus::Encoder,
    format: Format,
}

impl OpusEncoder {
    /// Makes an encoder.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`] for a setting out of range; [`CodecError::Internal`] when
    /// libopus has no memory.
    pub fn new(config: &OpusConfig) -> Result<Self, CodecError> {
        let (format, channels) = config.format()?;
        let in_range = (6_000..=510_000).contains(&config.bit_rate_bps)
            && config.complexity <= 10
            && config.expected_loss_percent <= 100;
        if !in_range {
            return Err(CodecError::InvalidArgument);
        }
        let application = match config.application {
            Application::Voip => opus::Application::Voip,
            Application::Audio => opus::Application::Audio,
            Application::LowDelay => opus::Application::LowDelay,
        };
        let mut inner =
            opus::Encoder::new(config.sample_rate_hz, channels, application).map_err(refused)?;
        let set = |inner: &mut opus::Encoder| -> opus::Result<()> {
            inner.set_bitrate(opus::Bitrate::Bits(config.bit_rate_bps as i32))?;
            inner.set_complexity(i32::from(config.complexity))?;
            inner.set_vbr(config.rate_control != RateControl::Constant)?;
            inner.set_vbr_constraint(config.rate_control == RateControl::ConstrainedVariable)?;
            inner.set_inband_fec(config.inband_fec)?;
            inner.set_packet_loss_perc(i32::from(config.expected_loss_percent))?;
            inner.set_dtx(config.dtx)
        };
        set(&mut inner).map_err(refused)?;
        Ok(Self { inner, format })
    }

    /// See [`OpusDecoder::final_range`].
    pub fn final_range(&mut self) -> Option<u32> {
        self.inner.get_final_range().ok()
    }
}

impl Encoder for OpusEncoder {
    fn format(&self) -> Format {
        self.format
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(CodecError::Capacity);
        }
        let length = self.inner.encode(pcm, payload).map_err(refused)?;
        // libopus answers with a packet of one or two bytes for what need not be sent (DTX).
        Ok(if length <= 2 { 0 } else { length })
    }

    fn expect_loss(&mut self, percent: u8) {
        let _ = self.inner.set_packet_loss_perc(i32::from(percent.min(100)));
    }

    fn reset(&mut self) {
        let _ = self.inner.reset_state();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn tone(rate: u32, count: usize) -> Vec<i16> {
        let step = 440.0 * 2.0 * core::f32::consts::PI / rate as f32;
        (0..count).map(|n| (8_000.0 * crate::math::sin(n as f32 * step)) as i16).collect()
    }

    #[test]
    fn final_range_of_decoder_equals_the_encoders_in_every_rate_and_packet_time() {
        for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
            for per_second in [400, 200, 100, 50, 25] {
                let config = OpusConfig { sample_rate_hz: rate, ..Default::default() };
                let mut encoder = OpusEncoder::new(&config).unwrap();
                let mut decoder = OpusDecoder::new(rate, 1).unwrap();
                let frame = (rate / per_second) as usize;
                for pcm in tone(rate, frame * 10).chunks(frame) {
                    let mut payload = [0; 1500];
                    let length = encoder.encode(pcm, &mut payload).unwrap();
                    let mut out = [0; MAX_PACKET_SAMPLES];
                    assert_eq!(decoder.packet_samples(&payload[..length]), Ok(frame));
                    assert_eq!(decoder.decode(&payload[..length], &mut out), Ok(frame));
                    assert_eq!(decoder.final_range(), encoder.final_range());
                }
            }
        }
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next_ones_redundancy() {
        let mut encoder = OpusEncoder::new(&OpusConfig {
            sample_rate_hz: 16_000,
            expected_loss_percent: 30,
            ..Default::default()
        })
        .unwrap();
        let mut decoder = OpusDecoder::new(16_000, 1).unwrap();
        // A chirp, so that concealment by repetition can't pass for recovery.
        let pcm: Vec<i16> = (0..320 * 30)
            .map(|n| (8_000.0 * crate::math::sin(0.02 * n as f32 + 6e-6 * (n * n) as f32)) as i16)
            .collect();
        let mut packets = Vec::new();
        for frame in pcm.chunks(320) {
            let mut payload = [0; 400];
            let length = encoder.encode(frame, &mut payload).unwrap();
            packets.push(payload[..length].to_vec());
        }
        let mut clean = Vec::new();
        let mut recovered = Vec::new();
        let mut reference = OpusDecoder::new(16_000, 1).unwrap();
        for (i, packet) in packets.iter().enumerate() {
            let mut out = [0; 320];
            reference.decode(packet, &mut out).unwrap();
            clean.extend_from_slice(&out);
            if i == 20 {
                assert_eq!(decoder.recover(&packets[21], &mut out), Ok(320));
            } else {
                decoder.decode(packet, &mut out).unwrap();
            }
            recovered.extend_from_slice(&out);
        }
        let lost = 320 * 20..320 * 21;
        let energy: i64 = clean[lost.clone()].iter().map(|s| i64::from(*s).pow(2)).sum();
        let error: i64 = lost.map(|i| i64::from(clean[i] - recovered[i]).pow(2)).sum();
        assert!(error * 4 < energy, "recovered within 6 dB: error {error}, energy {energy}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_bytes_decode_or_are_refused(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8)) {
            let mut decoder = OpusDecoder::new(48_000, 1).unwrap();
            let mut out = [0; MAX_PACKET_SAMPLES];
            for packet in &packets {
                let said = decoder.packet_samples(packet);
                if let Ok(decoded) = decoder.decode(packet, &mut out) {
                    prop_assert_eq!(said, Ok(decoded));
                }
                let _ = decoder.recover(packet, &mut out[..960]);
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let wrong = [
            OpusConfig { sample_rate_hz: 44_100, ..Default::default() },
            OpusConfig { channels: 3, ..Default::default() },
            OpusConfig { bit_rate_bps: 5_999, ..Default::default() },
            OpusConfig { complexity: 11, ..Default::default() },
            OpusConfig { expected_loss_percent: 101, ..Default::default() },
        ];
        for config in wrong {
            assert_eq!(OpusEncoder::new(&config).err(), Some(CodecError::InvalidArgument));
        }
        assert_eq!(OpusDecoder::new(48_000, 0).err(), Some(CodecError::InvalidArgument));
    }
}
