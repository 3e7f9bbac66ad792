// SPDX-License-Identifier: MIT OR Apache-2.0
//! L16 (RFC 3551 section 4.5.11): 16-bit PCM, big-endian, channels interleaved.
//!
//! Real-time: yes, all of it.

use super::{CodecError, Decoder, Encoder, Format};

/// L16 as a [`Decoder`] and [`Encoder`]; it has no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L16 {
    format: Format,
}

impl L16 {
    /// Linear PCM at 1000 to 192000 Hz in one or two channels; its RTP clock is the sample rate.
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`] for anything else.
    pub fn new(sample_rate_hz: u32, channels: u8) -> Result<Self, CodecError> {
        if !(1_000..=192_000).contains(&sample_rate_hz) || !matches!(channels, 1 | 2) {
            return Err(CodecError::InvalidArgument);
        }
        Ok(Self { format: Format { sample_rate_hz, channels, rtp_clock_hz: sample_rate_hz } })
    }

    fn frame_bytes(&self) -> usize {
        2 * usize::from(self.format.channels)
    }
}

impl Decoder for L16 {
    fn format(&self) -> Format {
        self.format
    }

    fn bytes_per_second(&self) -> u32 {
        self.frame_bytes() as u32 * self.format.sample_rate_hz
    }

    fn is_stateless(&self) -> bool {
        true
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() || !payload.len().is_multiple_of(self.frame_bytes()) {
            return Err(CodecError::Malformed);
        }
        Ok(payload.len() / self.frame_bytes())
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        self.packet_samples(payload)?;
        let (words, _) = payload.as_chunks::<2>();
        let pcm = pcm.get_mut(..words.len()).ok_or(CodecError::Capacity)?;
        for (sample, word) in pcm.iter_mut().zip(words) {
            *sample = i16::from_be_bytes(*word);
        }
        Ok(pcm.len())
    }

    fn reset(&mut self) {}
}

impl Encoder for L16 {
    fn format(&self) -> Format {
        self.format
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        if pcm.is_empty() || !pcm.len().is_multiple_of(usize::from(self.format.channels)) {
            return Err(CodecError::InvalidArgument);
        }
        let payload = payload.get_mut(..2 * pcm.len()).ok_or(CodecError::Capacity)?;
        let (words, _) = payload.as_chunks_mut::<2>();
        for (word, sample) in words.iter_mut().zip(pcm) {
            *word = sample.to_be_bytes();
        }
        Ok(payload.len())
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_significant_byte_goes_first() {
        let mut codec = L16::new(44_100, 2).unwrap();
        let mut payload = [0; 4];
        assert_eq!(codec.encode(&[0x1234, -2], &mut payload), Ok(4));
        assert_eq!(payload, [0x12, 0x34, 0xff, 0xfe]);
        let mut pcm = [0; 2];
        assert_eq!(codec.packet_samples(&payload), Ok(1));
        assert_eq!(codec.decode(&payload, &mut pcm), Ok(2));
        assert_eq!(pcm, [0x1234, -2]);
    }

    #[test]
    fn impossible_formats_and_lengths_are_refused() {
        for (rate, channels) in [(999, 1), (192_001, 1), (8_000, 0), (8_000, 3)] {
            assert_eq!(L16::new(rate, channels).err(), Some(CodecError::InvalidArgument));
        }
        let mut codec = L16::new(48_000, 2).unwrap();
        assert_eq!(codec.decode(&[0; 6], &mut [0; 9]), Err(CodecError::Malformed));
        assert_eq!(codec.decode(&[], &mut [0; 9]), Err(CodecError::Malformed));
        assert_eq!(codec.decode(&[0; 8], &mut [0; 3]), Err(CodecError::Capacity));
        assert_eq!(codec.encode(&[0; 3], &mut [0; 9]), Err(CodecError::InvalidArgument));
        assert_eq!(codec.encode(&[0; 2], &mut [0; 3]), Err(CodecError::Capacity));
    }
}
