// SPDX-License-Identifier: MIT OR Apache-2.0
//! G.711 (ITU-T, 1988): 64 kbit/s PCM in A-law and mu-law, 8 kHz mono. A byte is a sample.
//!
//! Decoding is a table of 256 words; encoding finds the segment from the number of leading zeros.
//! Both are exact to the ITU-T Software Tool Library's vectors for every 16-bit input.
//!
//! Real-time: yes, all of it.

use super::{CodecError, Decoder, Encoder, Format};

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
        let table = self.table();
        for (sample, code) in pcm.iter_mut().zip(codes) {
            *sample = table[usize::from(*code)];
        }
    }

    /// Encodes as many samples as both slices hold.
    #[inline]
    pub fn encode(self, pcm: &[i16], codes: &mut [u8]) {
        for (code, sample) in codes.iter_mut().zip(pcm) {
            *code = self.from_linear(*sample);
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
    fn an_empty_payload_and_a_short_buffer_are_refused() {
        let mut codec = G711(Law::A);
        assert_eq!(Decoder::packet_samples(&codec, &[]), Err(CodecError::Malformed));
        assert_eq!(codec.decode(&[0; 3], &mut [0; 2]), Err(CodecError::Capacity));
        assert_eq!(codec.encode(&[0; 3], &mut [0; 2]), Err(CodecError::Capacity));
        assert_eq!(codec.encode(&[], &mut [0; 2]), Err(CodecError::InvalidArgument));
    }
}
