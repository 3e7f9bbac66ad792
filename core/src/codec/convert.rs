// SPDX-License-Identifier: MIT OR Apache-2.0
//! A decoder of another rate or of two channels, made to give mono PCM at the output rate, so that
//! the playout knows one rate only. Audio thread only, once made.

use alloc::boxed::Box;
use core::cell::Cell;
use core::fmt;
use core::num::NonZeroUsize;

use super::{CodecError, Decoder, Format};
use crate::dsp::resample::Resampler;
use crate::within::Within;

/// `inner`, or what makes its PCM mono at `rate_hz`, of packets of up to `longest_ms`; `None` for a rate
/// that can't be converted, or other than 1 or 2 channels.
pub(crate) fn to_mono_at(
    inner: Box<dyn Decoder>,
    rate_hz: u32,
    longest_ms: u16,
) -> Option<Box<dyn Decoder>> {
    let format = inner.format();
    if !matches!(format.channels, 1 | 2) || format.rtp_clock_hz == 0 {
        return None;
    }
    if format.channels == 1 && format.sample_rate_hz == rate_hz {
        return Some(inner);
    }
    let resampler = Resampler::new(format.sample_rate_hz, rate_hz).ok()?;
    let rate = |hz| NonZeroUsize::new(hz as usize);
    let channels = usize::from(format.channels);
    let longest = usize::from(longest_ms) * format.sample_rate_hz as usize / 1000 * channels;
    Some(Box::new(Converted {
        inner,
        from_hz: rate(format.sample_rate_hz)?,
        to_hz: rate(rate_hz)?,
        channels,
        resampler,
        scratch: alloc::vec![0; longest].into_boxed_slice(),
    }))
}

struct Converted {
    inner: Box<dyn Decoder>,
    from_hz: NonZeroUsize,
    to_hz: NonZeroUsize,
    channels: usize,
    resampler: Resampler,
    /// A packet of the inner decoder.
    scratch: Box<[i16]>,
}

impl Converted {
    /// Samples at the output rate that so many of the inner rate give, when that is a whole number.
    fn converted(&self, samples: usize) -> Option<usize> {
        let exact = samples * self.to_hz.get();
        exact.is_multiple_of(self.from_hz.get()).then_some(exact / self.from_hz)
    }

    /// Mixes down and resamples what the scratch holds.
    fn convert(&mut self, decoded: usize, pcm: &mut [i16]) -> Result<usize, CodecError> {
        let decoded = self.scratch.get_mut(..decoded).ok_or(CodecError::Internal)?;
        let mono = if self.channels == 2 { mixed_down(decoded) } else { decoded };
        if self.resampler.output_len(mono.len()) > pcm.len() {
            return Err(CodecError::Capacity);
        }
        Ok(self.resampler.process(mono, pcm))
    }

    /// How many samples of the inner decoder make `samples` at the output rate.
    fn inner_len(&self, samples: usize) -> Result<usize, CodecError> {
        let exact = samples * self.from_hz.get();
        if !exact.is_multiple_of(self.to_hz.get()) {
            return Err(CodecError::InvalidArgument);
        }
        Ok(exact / self.to_hz * self.channels)
    }
}

/// The two channels' mean, at the front of what held both.
fn mixed_down(stereo: &mut [i16]) -> &[i16] {
    let samples = Cell::from_mut(&mut *stereo).as_slice_of_cells();
    let (pairs, _) = samples.as_chunks::<2>();
    for (mono, [left, right]) in samples.iter().zip(pairs) {
        mono.set(((i32::from(left.get()) + i32::from(right.get())) >> 1) as i16);
    }
    stereo.head(stereo.len() / 2)
}

impl Decoder for Converted {
    fn format(&self) -> Format {
        let sample_rate_hz = self.to_hz.get() as u32;
        Format { sample_rate_hz, channels: 1, ..self.inner.format() }
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        self.converted(self.inner.packet_samples(payload)?).ok_or(CodecError::Malformed)
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let decoded = self.inner.decode(payload, &mut self.scratch)?;
        self.convert(decoded, pcm)
    }

    fn bytes_per_second(&self) -> u32 {
        self.inner.bytes_per_second()
    }

    fn conceals(&self) -> bool {
        self.inner.conceals()
    }

    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        let len = self.inner_len(pcm.len())?;
        let room = self.scratch.get_mut(..len).ok_or(CodecError::InvalidArgument)?;
        let made = self.inner.conceal(room)?;
        self.convert(made, pcm)
    }

    fn recover(
        &mut self,
        next: &[u8],
        before: usize,
        pcm: &mut [i16],
    ) -> Result<usize, CodecError> {
        let (before, len) = (self.inner_len(before)?, self.inner_len(pcm.len())?);
        let room = self.scratch.get_mut(..len).ok_or(CodecError::InvalidArgument)?;
        let made = self.inner.recover(next, before, room)?;
        self.convert(made, pcm)
    }

    fn reset(&mut self) {
        self.inner.reset();
        self.resampler.reset();
    }
}

impl fmt::Debug for Converted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Converted")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Two channels of linear samples, left a tone and right the same.
    struct Stereo(u32);

    impl Decoder for Stereo {
        fn format(&self) -> Format {
            Format { sample_rate_hz: self.0, channels: 2, rtp_clock_hz: 48_000 }
        }
        fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
            Ok(payload.len())
        }
        fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
            for (pair, &byte) in pcm.chunks_exact_mut(2).zip(payload) {
                pair.fill((i16::from(byte) - 128) * 100);
            }
            Ok(2 * payload.len())
        }
        fn reset(&mut self) {}
    }

    #[test]
    fn a_stereo_decoder_of_another_rate_gives_mono_at_ours() {
        for (from, to) in [(48_000, 8_000), (8_000, 48_000), (16_000, 8_000), (48_000, 48_000)] {
            let mut decoder = to_mono_at(Box::new(Stereo(from)), to, 20).unwrap();
            assert_eq!((decoder.format().channels, decoder.format().sample_rate_hz), (1, to));
            let payload: Vec<u8> = alloc::vec![178; from as usize / 50];
            let mut pcm = alloc::vec![0; to as usize / 50];
            for _ in 0..3 {
                assert_eq!(decoder.packet_samples(&payload), Ok(pcm.len()));
                assert_eq!(decoder.decode(&payload, &mut pcm), Ok(pcm.len()));
            }
            assert!(pcm.iter().all(|s| (s - 5000).abs() < 40), "{from} to {to}");
        }
    }

    #[test]
    fn rates_that_can_not_be_converted_are_refused() {
        assert!(to_mono_at(Box::new(Stereo(44_100)), 8_000, 20).is_none());
    }
}
