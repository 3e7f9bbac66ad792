// SPDX-License-Identifier: MIT OR Apache-2.0
//! G.711 (ITU-T, 1988): 64 kbit/s PCM in A-law and mu-law, 8 kHz mono. A byte is a sample.
//!
//! A code word is a small floating-point number: sign, three bits of exponent (the segment), four of
//! mantissa. So is a 32-bit float, and the processor's own conversions find segments in vectors.
//! A single word goes by a table or by its leading zeros. Both are exact to the ITU-T Software Tool
//! Library's vectors for every 16-bit input.
//!
//! Real-time: yes, all of it.
#![allow(unsafe_code)] // Functions compiled for a vector unit, called after asking for it.

use super::{CodecError, Decoder, Encoder, Format};
use crate::dsp::versions::{Unit, versions};

/// Rate, channels and clock of both laws.
pub const FORMAT: Format = Format { sample_rate_hz: 8_000, channels: 1, rtp_clock_hz: 8_000 };

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law (`PCMA`, payload type 8), used in Europe and on international lines.
    A,
    /// mu-law (`PCMU`, payload type 0), used in North America and Japan.
    Mu,
}

static A_TO_LINEAR: [i16; 256] = table(Law::A);
static MU_TO_LINEAR: [i16; 256] = table(Law::Mu);

const fn table(law: Law) -> [i16; 256] {
    let mut linear = [0; 256];
    let mut code = 0;
    while code < 256 {
        linear[code] = match law {
            Law::A => a_to_linear(code as u8),
            Law::Mu => mu_to_linear(code as u8),
        };
        code += 1;
    }
    linear
}

const fn a_to_linear(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let segment = bits >> 4 & 7;
    let step = ((bits & 15) as i16) << 4;
    // Half a step is added: the decoder answers with the middle of the interval.
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if bits & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn mu_to_linear(code: u8) -> i16 {
    let bits = !code;
    let magnitude = (((((bits & 15) as i16) << 3) + 0x84) << (bits >> 4 & 7)) - 0x84;
    if bits & 0x80 != 0 { -magnitude } else { magnitude }
}

impl Law {
    /// The linear value of one code word.
    #[inline]
    pub fn to_linear(self, code: u8) -> i16 {
        self.table()[usize::from(code)]
    }

    /// The code word of one linear value. The two laws treat the low bits of negative values by
    /// one's complement, as the ITU's reference does.
    #[inline]
    pub fn from_linear(self, sample: i16) -> u8 {
        // One's complement: -1 is as small as 0.
        let magnitude = (sample ^ (sample >> 15)) as u32;
        let negative = sample < 0;
        match self {
            Self::A => {
                let m = magnitude >> 4;
                let segment = (32 - m.leading_zeros()).saturating_sub(4);
                let mantissa = if segment == 0 { m } else { m >> (segment - 1) & 15 };
                let sign = if negative { 0 } else { 0x80 };
                (sign | (segment << 4 | mantissa) as u8) ^ 0x55
            }
            Self::Mu => {
                let m = ((magnitude >> 2) + 33).min(0x1fff);
                let segment = 26 - m.leading_zeros();
                let mantissa = m >> (segment + 1) & 15;
                let sign = if negative { 0x80 } else { 0 };
                !(sign | (segment << 4 | mantissa) as u8)
            }
        }
    }

    /// Decodes as many samples as both slices hold.
    #[inline]
    pub fn decode(self, codes: &[u8], pcm: &mut [i16]) {
        self.decode_by(Unit::widest(), codes, pcm);
    }

    #[inline]
    fn decode_by(self, unit: Unit, codes: &[u8], pcm: &mut [i16]) {
        match self {
            Self::A => decode_a(unit, codes, pcm),
            Self::Mu => decode_mu(unit, codes, pcm),
        }
    }

    /// Encodes as many samples as both slices hold.
    #[inline]
    pub fn encode(self, pcm: &[i16], codes: &mut [u8]) {
        self.encode_by(Unit::widest(), pcm, codes);
    }

    #[inline]
    fn encode_by(self, unit: Unit, pcm: &[i16], codes: &mut [u8]) {
        match self {
            Self::A => encode_a(unit, pcm, codes),
            Self::Mu => encode_mu(unit, pcm, codes),
        }
    }

    #[inline]
    fn table(self) -> &'static [i16; 256] {
        match self {
            Self::A => &A_TO_LINEAR,
            Self::Mu => &MU_TO_LINEAR,
        }
    }
}

versions! {
    fn decode_a(unit, codes: &[u8], pcm: &mut [i16]) = vector::decode_a;
    fn decode_mu(unit, codes: &[u8], pcm: &mut [i16]) = vector::decode_mu;
    fn encode_a(unit, pcm: &[i16], codes: &mut [u8]) = vector::encode_a;
    fn encode_mu(unit, pcm: &[i16], codes: &mut [u8]) = vector::encode_mu;
}

/// The laws without tables or branches. A float's bits above the 19th are its exponent and the four
/// highest of its mantissa, in the order in which a code word has them.
mod vector {
    /// 2^23: what is added to a float below it has its integer part in the lowest bits.
    const TO_INTEGER: f32 = 8_388_608.0;

    /// Exponent (of 2, in a float's bits) that segment 0 would have.
    const fn exponent(of_segment_0: u32) -> u32 {
        (127 + of_segment_0) << 4
    }

    /// `(2 * mantissa + 33) << (segment + 2)` of a word's seven low bits: in the middle of its
    /// interval, hence the bit below the mantissa.
    #[inline(always)]
    fn magnitude(bits: u32) -> i16 {
        let float = f32::from_bits((bits + exponent(7)) << 19 | 1 << 18);
        (float + TO_INTEGER).to_bits() as i16
    }

    #[inline(always)]
    fn with_sign(magnitude: i16, positive: bool) -> i16 {
        if positive { magnitude } else { -magnitude }
    }

    #[inline(always)]
    pub(super) fn decode_mu(codes: &[u8], pcm: &mut [i16]) {
        for (sample, code) in pcm.iter_mut().zip(codes) {
            let bits = u32::from(!code);
            *sample = with_sign(magnitude(bits & 0x7f) - 0x84, bits & 0x80 == 0);
        }
    }

    #[inline(always)]
    pub(super) fn decode_a(codes: &[u8], pcm: &mut [i16]) {
        for (sample, code) in pcm.iter_mut().zip(codes) {
            let bits = u32::from(code ^ 0x55);
            // Segment 0 is linear.
            let word = bits & 0x7f;
            let linear = (word << 4 | 8) as i16;
            let size = if word < 16 { linear } else { magnitude(word) };
            *sample = with_sign(size, bits & 0x80 != 0);
        }
    }

    #[inline(always)]
    pub(super) fn encode_mu(pcm: &[i16], codes: &mut [u8]) {
        for (code, sample) in codes.iter_mut().zip(pcm) {
            let sample = i32::from(*sample);
            let size = (((sample ^ sample >> 31) >> 2) + 33).min(0x1fff);
            let bits = (size as f32).to_bits() >> 19;
            *code = !((bits.wrapping_sub(exponent(5)) | (sample >> 31) as u32 & 0x80) as u8);
        }
    }

    #[inline(always)]
    pub(super) fn encode_a(pcm: &[i16], codes: &mut [u8]) {
        for (code, sample) in codes.iter_mut().zip(pcm) {
            let sample = i32::from(*sample);
            let size = (sample ^ sample >> 31) >> 4;
            let float = ((size as f32).to_bits() >> 19).wrapping_sub(exponent(3));
            let bits = if size < 16 { size as u32 } else { float };
            *code = (bits | !(sample >> 31) as u32 & 0x80) as u8 ^ 0x55;
        }
    }
}

/// G.711 as a [`Decoder`] and [`Encoder`]; it has no state but its law.
#[derive(Debug, Clone, Copy)]
pub struct G711(pub Law);

impl Decoder for G711 {
    fn format(&self) -> Format {
        FORMAT
    }

    fn is_stateless(&self) -> bool {
        true
    }

    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() { Err(CodecError::Malformed) } else { Ok(payload.len()) }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let samples = self.packet_samples(payload)?;
        self.0.decode(payload, pcm.get_mut(..samples).ok_or(CodecError::Capacity)?);
        Ok(samples)
    }

    fn reset(&mut self) {}
}

impl Encoder for G711 {
    fn format(&self) -> Format {
        FORMAT
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        if pcm.is_empty() {
            return Err(CodecError::InvalidArgument);
        }
        self.0.encode(pcm, payload.get_mut(..pcm.len()).ok_or(CodecError::Capacity)?);
        Ok(pcm.len())
    }

    fn reset(&mut self) {}
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::test_support::itu_vector;

    /// The ITU's vectors are 16-bit words: samples, or code words in the low byte.
    fn words(name: &str) -> Option<Vec<i16>> {
        let bytes = itu_vector(&format!("g711/{name}"))?;
        Some(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
    }

    fn check(law: Law, encoded: &str, decoded: &str, again: &str) {
        let (Some(linear), Some(codes), Some(back), Some(twice)) =
            (words("sweep.src"), words(encoded), words(decoded), words(again))
        else {
            return;
        };
        assert!(linear.len() >= 65_536, "the sweep covers every 16-bit value");
        for (i, sample) in linear.iter().enumerate() {
            assert_eq!(i16::from(law.from_linear(*sample)), codes[i], "encoding {sample}");
            assert_eq!(law.to_linear(codes[i] as u8), back[i], "decoding {:#x}", codes[i]);
            let again = law.to_linear(law.from_linear(back[i]));
            assert_eq!(again, twice[i], "coding {} a second time", back[i]);
        }
    }

    #[test]
    fn a_law_equals_the_itu_reference_for_every_input() {
        check(Law::A, "sweep-r.a", "sweep-r.rea", "sweep-r.a-a");
    }

    #[test]
    fn mu_law_equals_the_itu_reference_for_every_input() {
        check(Law::Mu, "sweep-r.u", "sweep-r.reu", "sweep-r.u-u");
    }

    #[test]
    fn vectors_code_every_word_and_sample_like_single_ones() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let words: Vec<u8> = (0..=255).collect();
        for unit in Unit::available() {
            for law in [Law::A, Law::Mu] {
                let mut codes = vec![0; samples.len()];
                law.encode_by(unit, &samples, &mut codes);
                for (sample, code) in samples.iter().zip(&codes) {
                    assert_eq!(*code, law.from_linear(*sample), "{unit:?} {law:?} {sample}");
                }
                let mut pcm = [0; 256];
                law.decode_by(unit, &words, &mut pcm);
                for (sample, code) in pcm.iter().zip(&words) {
                    assert_eq!(*sample, law.to_linear(*code), "{unit:?} {law:?} {code:#x}");
                }
            }
        }
    }

    #[test]
    fn an_empty_payload_and_a_short_buffer_are_refused() {
        let mut codec = G711(Law::A);
        assert_eq!(Decoder::packet_samples(&codec, &[]), Err(CodecError::Malformed));
        assert_eq!(codec.decode(&[0; 3], &mut [0; 2]), Err(CodecError::Capacity));
        assert_eq!(codec.encode(&[0; 3], &mut [0; 2]), Err(CodecError::Capacity));
        assert_eq!(codec.encode(&[], &mut [0; 2]), Err(CodecError::InvalidArgument));
    }
}
