// SPDX-License-Identifier: MIT OR Apache-2.0
//! PCM to Opus packets.

use opusic_sys as sys;

use super::{Application, Bandwidth, OpusConfig, RateControl, libopus};
use crate::codec::{CodecError, Encoder, Format, OwnRedundancy};

const MOST_BIT_RATE_BPS: u32 = 510_000;

/// Encodes Opus.
#[derive(Debug)]
pub struct OpusEncoder {
    inner: libopus::Encoder,
    format: Format,
    bit_rate_bps: u32,
}

impl OpusEncoder {
    /// Makes an encoder.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`] for a setting out of range, [`CodecError::Unsupported`] for one
    /// that this build lacks the feature for; [`CodecError::Internal`] when libopus has no memory.
    pub fn new(config: &OpusConfig) -> Result<Self, CodecError> {
        let format = config.checked()?;
        let application = match config.application {
            Application::Voip => sys::OPUS_APPLICATION_VOIP,
            Application::Audio => sys::OPUS_APPLICATION_AUDIO,
            Application::LowDelay => sys::OPUS_APPLICATION_RESTRICTED_LOWDELAY,
        };
        let bandwidth = match config.max_bandwidth {
            Bandwidth::Narrow => sys::OPUS_BANDWIDTH_NARROWBAND,
            Bandwidth::Medium => sys::OPUS_BANDWIDTH_MEDIUMBAND,
            Bandwidth::Wide => sys::OPUS_BANDWIDTH_WIDEBAND,
            Bandwidth::SuperWide => sys::OPUS_BANDWIDTH_SUPERWIDEBAND,
            Bandwidth::Full => sys::OPUS_BANDWIDTH_FULLBAND,
        };
        let mut inner = libopus::Encoder::new(config.sample_rate_hz, config.channels, application)?;
        let variable = config.rate_control != RateControl::Constant;
        let constrained = config.rate_control == RateControl::ConstrainedVariable;
        let settings = [
            (sys::OPUS_SET_BITRATE_REQUEST, config.bit_rate_bps as i32),
            (sys::OPUS_SET_MAX_BANDWIDTH_REQUEST, bandwidth),
            (sys::OPUS_SET_COMPLEXITY_REQUEST, i32::from(config.complexity)),
            (sys::OPUS_SET_VBR_REQUEST, i32::from(variable)),
            (sys::OPUS_SET_VBR_CONSTRAINT_REQUEST, i32::from(constrained)),
            (sys::OPUS_SET_INBAND_FEC_REQUEST, i32::from(config.inband_fec)),
            (sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, i32::from(config.expected_loss_percent)),
            (sys::OPUS_SET_DTX_REQUEST, i32::from(config.dtx)),
        ];
        for (request, value) in settings {
            inner.set(request, value)?;
        }
        if config.dred_ms > 0 {
            // In frames of 10 ms.
            inner.set(sys::OPUS_SET_DRED_DURATION_REQUEST, i32::from(config.dred_ms / 10))?;
        }
        Ok(Self { inner, format, bit_rate_bps: config.bit_rate_bps })
    }

    /// See [`super::OpusDecoder::final_range`].
    pub fn final_range(&mut self) -> Option<u32> {
        self.inner.final_range()
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
        let length = self.inner.encode(pcm, payload)?;
        // libopus answers with a packet of one or two bytes for what need not be sent (DTX).
        Ok(if length <= 2 { 0 } else { length })
    }

    fn expect_loss(&mut self, percent: u8) {
        let percent = i32::from(percent.min(100));
        // Every value up to 100 is taken.
        let _ = self.inner.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, percent);
    }

    fn set_redundancy(&mut self, own: OwnRedundancy) {
        // libopus takes either from its bit rate; so that what is new does not suffer, both come on top.
        let has_any = own.inband_fec || own.deep_ms > 0;
        let share_bps = if has_any { self.bit_rate_bps / 3 * 2 } else { 0 };
        let bit_rate_bps = (self.bit_rate_bps + share_bps).min(MOST_BIT_RATE_BPS);
        // Each of these values is taken.
        let _ = self.inner.set(sys::OPUS_SET_BITRATE_REQUEST, bit_rate_bps as i32);
        let _ = self.inner.set(sys::OPUS_SET_INBAND_FEC_REQUEST, i32::from(own.inband_fec));
        if cfg!(feature = "opus-dred") {
            let frames = i32::from(own.deep_ms.min(1_040) / 10);
            let _ = self.inner.set(sys::OPUS_SET_DRED_DURATION_REQUEST, frames);
        }
    }

    fn reset(&mut self) {
        self.inner.reset();
    }
}
