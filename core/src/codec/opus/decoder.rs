// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opus packets to PCM, with what stands in for lost ones.

use opusic_sys as sys;

use super::{OpusConfig, libopus};
use crate::codec::{CodecError, Decoder, Format, MAX_PACKET_SAMPLES};

/// Decodes Opus to one rate and channel count; libopus converts from what the packets carry.
#[derive(Debug)]
pub struct OpusDecoder {
    inner: libopus::Decoder,
    format: Format,
    #[cfg(feature = "opus-dred")]
    dred: Option<Dred>,
}

/// Deep redundancy: what was found in the packet behind the gap.
#[cfg(feature = "opus-dred")]
#[derive(Debug)]
struct Dred {
    inner: libopus::Dred,
    /// Samples per channel that are there before the packet; `None` until one was looked into.
    there: Option<usize>,
}

impl OpusDecoder {
    /// Makes a decoder for PCM of `sample_rate_hz` (8000, 12000, 16000, 24000 or 48000) with
    /// `channel_count` channels (1 or 2), that conceals as the codec's standard does.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// As [`OpusDecoder::with_complexity`].
    pub fn new(sample_rate_hz: u32, channel_count: u8) -> Result<Self, CodecError> {
        Self::with_complexity(sample_rate_hz, channel_count, 0)
    }

    /// Makes a decoder that may spend more ([`OpusConfig::decoder_complexity`]).
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`]; [`CodecError::Unsupported`] for what this build lacks the
    /// feature for; [`CodecError::Internal`] when libopus has no memory.
    pub fn with_complexity(
        sample_rate_hz: u32,
        channel_count: u8,
        complexity: u8,
    ) -> Result<Self, CodecError> {
        let format = OpusConfig {
            sample_rate_hz,
            channels: channel_count,
            decoder_complexity: complexity,
            ..Default::default()
        }
        .checked()?;
        let mut inner = libopus::Decoder::new(sample_rate_hz, channel_count)?;
        inner.set(sys::OPUS_SET_COMPLEXITY_REQUEST, i32::from(complexity))?;
        Ok(Self {
            inner,
            format,
            #[cfg(feature = "opus-dred")]
            dred: (complexity >= super::DEEP_COMPLEXITY)
                .then(|| Ok(Dred { inner: libopus::Dred::new()?, there: None }))
                .transpose()?,
        })
    }

    /// The range coder's final state, which equals the encoder's for the same packet: the check
    /// that both libraries agree (RFC 6716 section 6).
    pub fn final_range(&mut self) -> Option<u32> {
        self.inner.final_range()
    }

    fn total(&self, samples_per_channel: usize) -> usize {
        samples_per_channel * usize::from(self.format.channels)
    }

    #[cfg(feature = "opus-dred")]
    fn recover_deep(
        &mut self,
        next: &[u8],
        before: usize,
        pcm: &mut [i16],
    ) -> Result<usize, CodecError> {
        let rate = self.format.sample_rate_hz;
        let before = before / usize::from(self.format.channels);
        let dred = self.dred.as_mut().ok_or(CodecError::Unsupported)?;
        let there = match dred.there {
            Some(there) => there,
            // The whole gap is asked for from its start, so this is as far back as it goes.
            None => *dred.there.insert(dred.inner.parse(next, before, rate)?),
        };
        if there < before {
            return Err(CodecError::Unsupported);
        }
        self.inner.decode_dred(&dred.inner, before, pcm)
    }

    #[cfg(not(feature = "opus-dred"))]
    fn recover_deep(&mut self, _: &[u8], _: usize, _: &mut [i16]) -> Result<usize, CodecError> {
        Err(CodecError::Unsupported)
    }

    /// What is known of the packet behind a gap is over with it.
    fn forget_redundancy(&mut self) {
        #[cfg(feature = "opus-dred")]
        if let Some(dred) = &mut self.dred {
            dred.there = None;
        }
    }
}

impl Decoder for OpusDecoder {
    fn format(&self) -> Format {
        self.format
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        // The crate `opus` panics at lengths that do not fit an `int`.
        if payload.is_empty() || payload.len() > usize::from(u16::MAX) {
            return Err(CodecError::Malformed);
        }
        match opus::packet::get_nb_samples(payload, self.format.sample_rate_hz) {
            Ok(samples) if samples > 0 && samples <= MAX_PACKET_SAMPLES => Ok(samples),
            _ => Err(CodecError::Malformed),
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        self.forget_redundancy();
        let needed = self.total(self.packet_samples(payload)?);
        let pcm = pcm.get_mut(..needed).ok_or(CodecError::Capacity)?;
        let samples = self.inner.decode(Some(payload), pcm, false)?;
        Ok(self.total(samples))
    }

    fn conceals(&self) -> bool {
        true
    }

    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        if pcm.is_empty() {
            return Err(CodecError::InvalidArgument);
        }
        // Without a packet libopus conceals exactly the buffer's length.
        let samples = self.inner.decode(None, pcm, false)?;
        Ok(self.total(samples))
    }

    fn recover(
        &mut self,
        next: &[u8],
        before: usize,
        pcm: &mut [i16],
    ) -> Result<usize, CodecError> {
        let packet = self.total(self.packet_samples(next)?);
        if before < pcm.len() {
            return Err(CodecError::InvalidArgument);
        }
        let samples = if before == packet && pcm.len() == packet && libopus::has_redundancy(next) {
            self.inner.decode(Some(next), pcm, true)?
        } else {
            self.recover_deep(next, before, pcm)?
        };
        Ok(self.total(samples))
    }

    #[cfg(feature = "opus-dred")]
    fn reach(&mut self, next: &[u8]) -> usize {
        let rate = self.format.sample_rate_hz;
        // As far back as libopus describes.
        let most = rate as usize;
        let there = self.dred.as_mut().map(|dred| dred.inner.parse(next, most, rate));
        self.forget_redundancy();
        self.total(there.and_then(Result::ok).unwrap_or(0))
    }

    fn reset(&mut self) {
        self.forget_redundancy();
        self.inner.reset();
    }
}
