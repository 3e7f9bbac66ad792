// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opus (RFC 6716, RFC 7587) through libopus.
//!
//! libopus allocates when an encoder or decoder is made and never after, so encoding, decoding and
//! concealing are real-time.
//!
//! - [`OpusConfig`] here, [`OpusDecoder`], [`OpusEncoder`].
//! - `libopus`: what they are made of.

mod decoder;
mod encoder;
mod libopus;
#[cfg(test)]
mod tests;

pub use decoder::OpusDecoder;
pub use encoder::OpusEncoder;

use super::{CodecError, Format};

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

/// The widest that is sent (RFC 6716 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bandwidth {
    /// 4 kHz.
    Narrow,
    /// 6 kHz.
    Medium,
    /// 8 kHz.
    Wide,
    /// 12 kHz.
    SuperWide,
    /// 20 kHz: whatever the rate of the PCM allows.
    #[default]
    Full,
}

/// How Opus is encoded, and what its decoder does beyond the standard.
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
    /// The widest band that is encoded.
    pub max_bandwidth: Bandwidth,
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
    /// Deep redundancy (DRED): up to so many milliseconds of the past in every packet, 0 to 1040, in
    /// steps of 10. It takes its share of the bit rate (32 kbit/s and more are advised), the more the
    /// more loss is expected. Needs feature `opus-dred`.
    pub dred_ms: u16,
    /// What the decoder may spend, 0 to 10: from 5 on losses are concealed by a neural network
    /// (features `opus-deep` and `opus-dred`; the latter's redundancy is only used then), from 6 and
    /// 7 on wide-band speech is enhanced by a small and a large one (LACE, NoLACE; `opus-deep`).
    pub decoder_complexity: u8,
}

impl Default for OpusConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 48_000,
            channels: 1,
            application: Application::Voip,
            bit_rate_bps: 24_000,
            max_bandwidth: Bandwidth::Full,
            complexity: 5,
            rate_control: RateControl::Variable,
            inband_fec: true,
            expected_loss_percent: 10,
            dtx: false,
            dred_ms: 0,
            decoder_complexity: 0,
        }
    }
}

/// From this on the decoder conceals by a neural network.
const DEEP_COMPLEXITY: u8 = 5;
/// From this on it enhances.
const ENHANCING_COMPLEXITY: u8 = 6;

impl OpusConfig {
    /// The PCM's format, once every setting has been found possible.
    fn checked(&self) -> Result<Format, CodecError> {
        let possible = matches!(self.sample_rate_hz, 8_000 | 12_000 | 16_000 | 24_000 | 48_000)
            && matches!(self.channels, 1 | 2)
            && (6_000..=510_000).contains(&self.bit_rate_bps)
            && self.complexity <= 10
            && self.expected_loss_percent <= 100
            && self.dred_ms <= 1040
            && self.decoder_complexity <= 10;
        if !possible {
            return Err(CodecError::InvalidArgument);
        }
        let (deep, dred) = (cfg!(feature = "opus-deep"), cfg!(feature = "opus-dred"));
        let built = (self.decoder_complexity < DEEP_COMPLEXITY || deep || dred)
            && (self.decoder_complexity < ENHANCING_COMPLEXITY || deep)
            && (self.dred_ms == 0 || dred);
        if !built {
            return Err(CodecError::Unsupported);
        }
        Ok(Format {
            sample_rate_hz: self.sample_rate_hz,
            channels: self.channels,
            rtp_clock_hz: RTP_CLOCK_HZ,
        })
    }
}
