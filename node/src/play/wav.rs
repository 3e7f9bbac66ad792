// SPDX-License-Identifier: MIT OR Apache-2.0
//! WAV files (RIFF) with what telephony has: PCM of 16 bits, mu-law and A-law, in one channel or two. A pure function.

use core::fmt;

use ale_media::codec::g711::Law;
use ale_media::dsp::resample::CONVERTED_HZ;

/// Why a file can't be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WavError {
    /// It is no WAV, or ends before its sound begins.
    NotWav,
    /// Another coding than PCM of 16 bits, mu-law or A-law, or more than two channels.
    Coding,
    /// A rate that is none of 8, 12, 16, 24, 32 and 48 kHz.
    Rate,
    /// Nothing is to be heard in it.
    Empty,
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotWav => "Not a WAV file",
            Self::Coding => "Only PCM of 16 bits, mu-law and A-law in one channel or two",
            Self::Rate => "Only 8, 12, 16, 24, 32 and 48 kHz",
            Self::Empty => "Nothing is in the file",
        })
    }
}

impl core::error::Error for WavError {}

/// Reads a file: its sound in one channel, and samples a second.
///
/// # Errors
/// [`WavError`].
pub fn read(file: &[u8]) -> Result<(Vec<i16>, u32), WavError> {
    let body = match file.split_at_checked(12) {
        Some((head, body)) if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") => body,
        _ => return Err(WavError::NotWav),
    };
    let format = chunk(body, b"fmt ").and_then(|chunk| chunk.first_chunk::<16>());
    let format = format.ok_or(WavError::NotWav)?;
    let data = chunk(body, b"data").ok_or(WavError::NotWav)?;
    let word = |at: usize| match format.get(at..at + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    let rate_hz = u32::from(word(6)) << 16 | u32::from(word(4));
    let (coding, channels, bits) = (word(0), usize::from(word(2)), word(14));
    if !(1..=2).contains(&channels) {
        return Err(WavError::Coding);
    }
    if !CONVERTED_HZ.contains(&rate_hz) {
        return Err(WavError::Rate);
    }
    let law = |law: Law| data.iter().map(|&code| law.to_linear(code)).collect();
    let samples: Vec<i16> = match (coding, bits) {
        (1, 16) => {
            let pairs = data.chunks_exact(2);
            pairs.filter_map(|pair| Some(i16::from_le_bytes(*pair.first_chunk()?))).collect()
        }
        (6, 8) => law(Law::A),
        (7, 8) => law(Law::Mu),
        _ => return Err(WavError::Coding),
    };
    let mixed: Vec<i16> = samples
        .chunks_exact(channels)
        .map(|frame| (frame.iter().map(|&s| i32::from(s)).sum::<i32>() / frame.len() as i32) as i16)
        .collect();
    if mixed.is_empty() { Err(WavError::Empty) } else { Ok((mixed, rate_hz)) }
}

/// A chunk's contents; one that is cut short as far as it goes, as recorders leave it that were killed.
fn chunk<'f>(mut rest: &'f [u8], name: &[u8; 4]) -> Option<&'f [u8]> {
    loop {
        let (head, body) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, l0, l1, l2, l3] = *head;
        let bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if [a, b, c, d] == *name {
            return Some(body.get(..bytes).unwrap_or(body));
        }
        // Of odd length: a byte more, so that the next begins even.
        rest = body.get(bytes.checked_add(bytes % 2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(coding: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0odd\0fmt \x10\0\0\0".to_vec();
        file.extend([coding.to_le_bytes(), channels.to_le_bytes()].concat());
        file.extend([rate_hz.to_le_bytes(), [0; 4]].concat());
        file.extend([[0; 2], bits.to_le_bytes()].concat());
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn codings_and_channels_end_in_the_same_samples() {
        let pcm: Vec<u8> = [100_i16, 300, -5, -7].iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(read(&wav(1, 1, 8_000, 16, &pcm)), Ok((vec![100, 300, -5, -7], 8_000)));
        assert_eq!(read(&wav(1, 2, 48_000, 16, &pcm)), Ok((vec![200, -6], 48_000)));
        // G.711's silence, and the loudest that ITU-T G.711 has.
        assert_eq!(read(&wav(7, 1, 8_000, 8, &[0xff, 0x80])), Ok((vec![0, 32_124], 8_000)));
        assert_eq!(read(&wav(6, 1, 16_000, 8, &[0xd5, 0xaa])), Ok((vec![8, 32_256], 16_000)));
        // Cut short: what is there.
        let file = wav(1, 1, 8_000, 16, &pcm);
        assert_eq!(read(&file[..file.len() - 3]), Ok((vec![100, 300], 8_000)));
    }

    #[test]
    fn what_can_not_be_played_is_refused_by_its_reason() {
        let fit = wav(1, 1, 8_000, 16, &[1, 2]);
        for bytes in 0..fit.len() - 2 {
            assert!(read(&fit[..bytes]).is_err(), "{bytes}");
        }
        for (file, error) in [
            (wav(3, 1, 8_000, 32, &[0; 8]), WavError::Coding),
            (wav(1, 3, 8_000, 16, &[0; 6]), WavError::Coding),
            (wav(1, 0, 8_000, 16, &[0; 6]), WavError::Coding),
            (wav(1, 1, 44_100, 16, &[0; 6]), WavError::Rate),
            (wav(1, 1, 8_000, 16, &[0]), WavError::Empty),
            (b"RIFX".to_vec(), WavError::NotWav),
        ] {
            assert_eq!(read(&file), Err(error));
        }
        let mut endless = fit.clone();
        endless[16..20].fill(0xff);
        assert_eq!(read(&endless), Err(WavError::NotWav));
    }
}
