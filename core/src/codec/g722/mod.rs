// SPDX-License-Identifier: MIT OR Apache-2.0
//! G.722 (ITU-T, 09/2012): 7 kHz speech at 64, 56 and 48 kbit/s; 16 kHz mono, a byte for two
//! samples. In RTP its clock says 8000 (RFC 3551 section 4.5.2).
//!
//! Two bands, each adaptive differential PCM. The lower band's bits are embedded: whoever drops the
//! lowest one or two of a byte (56, 48 kbit/s) decodes the rest unharmed, so there is one encoder
//! and [`BitRate`] tells a decoder which bits carry sound. Bit-exact to the ITU-T Software Tool
//! Library in all three modes.
//!
//! | file | |
//! |---|---|
//! | `band` | prediction and quantization, of one stream or of a vector of streams |
//! | `lanes` | the ITU's basic operators on a vector of 16-bit words |
//! | `single` | both bands of one stream |
//! | `pair`, `words` | the same with the bands side by side, on SSE2 |
//! | `qmf` | the filters that split and join the bands |
//! | `streams` | [`encode_batch`], [`decode_batch`]: one SIMD lane a stream |
//!
//! Real-time: yes, all but making a codec.

mod band;
mod lanes;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod pair;
mod qmf;
mod single;
mod streams;
mod tables;
#[cfg(all(test, feature = "std"))]
mod tests;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod words;

pub use streams::{DecodeJob, EncodeJob, decode_batch, encode_batch};

use band::Bands;
use qmf::{BLOCK, Memory};
use tables::LOW_CODES;

use super::{CodecError, Decoder, Encoder, Format};

/// Rate, channels and RTP clock.
pub const FORMAT: Format = Format { sample_rate_hz: 16_000, channels: 1, rtp_clock_hz: 8_000 };

/// How many bits of each byte carry sound; the others are an auxiliary channel (G.722 mode 1 to 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BitRate {
    /// 64 kbit/s, mode 1: all eight.
    #[default]
    Kbps64,
    /// 56 kbit/s, mode 2: all but the lowest.
    Kbps56,
    /// 48 kbit/s, mode 3: all but the lowest two.
    Kbps48,
}

impl BitRate {
    /// Bits of a byte that carry no audio.
    fn auxiliary_bits(self) -> u32 {
        self as u32
    }
}

/// Encodes G.722.
#[derive(Debug, Clone)]
pub struct G722Encoder {
    bands: Bands,
    memory: Memory,
    bit_rate: BitRate,
}

impl G722Encoder {
    /// An encoder; bits that `bit_rate` leaves free are sent as 0.
    pub fn new(bit_rate: BitRate) -> Self {
        Self { bands: Bands::new(), memory: Memory::NEW, bit_rate }
    }

    /// Encodes a block after its sizes have been checked.
    fn encode_block(&mut self, pcm: &[i16], payload: &mut [u8]) {
        let mut samples = [(0, 0); BLOCK];
        self.memory.split(pcm, samples.iter_mut(), |sample, low, high| *sample = (low, high));
        self.bands.encode(&samples, payload);
        let mask = 0xff << self.bit_rate.auxiliary_bits();
        payload.iter_mut().for_each(|byte| *byte &= mask);
    }
}

/// The bytes that `pcm` is encoded to.
fn checked_payload<'a>(pcm: &[i16], payload: &'a mut [u8]) -> Result<&'a mut [u8], CodecError> {
    if pcm.is_empty() || !pcm.len().is_multiple_of(2) {
        return Err(CodecError::InvalidArgument);
    }
    payload.get_mut(..pcm.len() / 2).ok_or(CodecError::Capacity)
}

/// The samples that `payload` is decoded to.
fn checked_pcm<'a>(payload: &[u8], pcm: &'a mut [i16]) -> Result<&'a mut [i16], CodecError> {
    if payload.is_empty() {
        return Err(CodecError::Malformed);
    }
    pcm.get_mut(..payload.len() * 2).ok_or(CodecError::Capacity)
}

impl Encoder for G722Encoder {
    fn format(&self) -> Format {
        FORMAT
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let payload = checked_payload(pcm, payload)?;
        for (pcm, payload) in pcm.chunks(2 * BLOCK).zip(payload.chunks_mut(BLOCK)) {
            self.encode_block(pcm, payload);
        }
        Ok(payload.len())
    }

    fn reset(&mut self) {
        *self = Self::new(self.bit_rate);
    }
}

/// Decodes G.722.
#[derive(Debug, Clone)]
pub struct G722Decoder {
    bands: Bands,
    memory: Memory,
    bit_rate: BitRate,
}

impl G722Decoder {
    /// A decoder that takes the bits of `bit_rate` for sound. RTP's G.722 is 64 kbit/s.
    pub fn new(bit_rate: BitRate) -> Self {
        Self { bands: Bands::new(), memory: Memory::NEW, bit_rate }
    }

    /// Decodes a block after its sizes have been checked.
    fn decode_block(&mut self, payload: &[u8], pcm: &mut [i16]) {
        let mut samples = [(0, 0); BLOCK];
        self.bands.decode(payload, &LOW_CODES[self.bit_rate as usize], &mut samples);
        self.memory.join(samples.into_iter().take(payload.len()), pcm);
    }
}

impl Decoder for G722Decoder {
    fn format(&self) -> Format {
        FORMAT
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() { Err(CodecError::Malformed) } else { Ok(payload.len() * 2) }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let pcm = checked_pcm(payload, pcm)?;
        for (payload, pcm) in payload.chunks(BLOCK).zip(pcm.chunks_mut(2 * BLOCK)) {
            self.decode_block(payload, pcm);
        }
        Ok(pcm.len())
    }

    fn reset(&mut self) {
        *self = Self::new(self.bit_rate);
    }
}
