// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of Opus in Ogg (RFC 7845), as recordings are and other programs make them. A pure function.

use ale_media::codec::Decoder;
use ale_media::codec::opus::OpusDecoder;
use ale_media_sinks::files::ogg;

use super::PlayError;

/// Rate at which they are decoded: what a voice has, and files of music keep of what telephones carry.
const RATE_HZ: u32 = 16_000;
/// Longest sound, five minutes: it is decoded while requests wait.
const MAX_SAMPLES: usize = 300 * RATE_HZ as usize;
/// Samples of a packet at most: 120 ms (RFC 6716 section 3.2).
const MAX_PACKET_SAMPLES: usize = RATE_HZ as usize * 120 / 1_000;

/// Whether a file is one.
pub(super) fn is_one(file: &[u8]) -> bool {
    file.starts_with(b"OggS")
}

/// Reads a file: its sound in one channel, and samples a second.
///
/// # Errors
/// [`PlayError::Opus`], [`PlayError::TooLong`].
pub(super) fn read(file: &[u8]) -> Result<(Vec<i16>, u32), PlayError> {
    let mut decoder = OpusDecoder::new(RATE_HZ, 1).map_err(|_| PlayError::Opus)?;
    let mut pcm = Vec::new();
    let mut room = [0; MAX_PACKET_SAMPLES];
    let stream = ogg::read(file, |packet| {
        // One that can't be decoded is left out.
        let samples = decoder.decode(packet, &mut room).unwrap_or_default();
        pcm.extend_from_slice(room.get(..samples).unwrap_or_default());
        pcm.len() <= MAX_SAMPLES
    });
    let stream = stream.map_err(|_| PlayError::Opus)?;
    if pcm.len() > MAX_SAMPLES {
        return Err(PlayError::TooLong);
    }
    let at_our_rate = |samples: u64| samples * u64::from(RATE_HZ) / ogg::GRANULE_HZ;
    let skipped = (at_our_rate(stream.pre_skip.into()) as usize).min(pcm.len());
    pcm.drain(..skipped);
    if let Some(samples) = stream.samples {
        pcm.truncate(usize::try_from(at_our_rate(samples)).unwrap_or(usize::MAX));
    }
    if stream.gain_q8_db != 0 {
        let factor = 10_f32.powf(f32::from(stream.gain_q8_db) / (20.0 * 256.0));
        // A float that is too large becomes the largest sample.
        pcm.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * factor) as i16);
    }
    if pcm.is_empty() { Err(PlayError::Opus) } else { Ok((pcm, RATE_HZ)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ale_media::codec::CodecSpec;

    /// Packets of a tone of amplitude 8,000, 20 ms each, in a file that ends 10 ms before the last.
    fn file(packets: u64, hz: f64, gain_db: i16) -> Vec<u8> {
        let mut encoder = CodecSpec::from_rtpmap("opus/48000/2").unwrap().encoder().unwrap();
        let (mut pages, mut file) = ogg::Pages::begin(3, 48_000, 312, "");
        // Of the first page, behind 27 bytes and a length (RFC 7845 section 5.1).
        file[28 + 16..][..2].copy_from_slice(&(256 * gain_db).to_le_bytes());
        ogg_sealed(&mut file);
        for n in 0..packets {
            let sample = |k: u64| {
                let turn = core::f64::consts::TAU * (960 * n + k) as f64 * hz / 48_000.0;
                (8_000.0 * turn.sin()) as i16
            };
            let pcm: Vec<i16> = (0..960).map(sample).collect();
            let mut packet = [0; 1_275];
            let bytes = encoder.encode(&pcm, &mut packet).unwrap();
            pages.add(&packet[..bytes], 960 * (n + 1));
            pages.end_page(&mut file);
        }
        pages.end((960 * packets).saturating_sub(480), &mut file);
        file
    }

    /// Computes the sum of the first page anew, by RFC 3533's polynomial, bit by bit.
    fn ogg_sealed(file: &mut [u8]) {
        let page = &mut file[..28 + 19];
        page[22..26].fill(0);
        let sum = page.iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
                sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
            })
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
    }

    fn amplitude(pcm: &[i16], hz: f64) -> f64 {
        let (sin, cos) = pcm.iter().enumerate().fold((0.0, 0.0), |(sin, cos), (n, &sample)| {
            let turn = core::f64::consts::TAU * n as f64 * hz / 16_000.0;
            (sin + f64::from(sample) * turn.sin(), cos + f64::from(sample) * turn.cos())
        });
        2.0 * f64::hypot(sin, cos) / pcm.len() as f64
    }

    #[test]
    fn a_tone_is_as_long_and_as_loud_as_the_file_says() {
        for (gain_db, loud) in [(0, 8_000.0), (-6, 4_009.0)] {
            let (pcm, rate_hz) = read(&file(50, 1_000.0, gain_db)).unwrap();
            // 990 ms, of which 312 samples at 48 kHz are left out.
            assert_eq!((pcm.len(), rate_hz), (15_840 - 104, 16_000));
            let measured = amplitude(&pcm[1_600..14_400], 1_000.0);
            assert!((0.9..1.1).contains(&(measured / loud)), "{measured} for {loud}");
        }
    }

    #[test]
    fn what_is_too_long_or_none_is_refused() {
        assert_eq!(read(b"OggS"), Err(PlayError::Opus));
        assert_eq!(read(&file(0, 1_000.0, 0)), Err(PlayError::Opus));
        let whole = file(3, 1_000.0, 0);
        assert!(read(&whole[..whole.len() - 20]).is_ok(), "what is there");
        // The shortest packets that say 120 ms (RFC 6716 section 3.2.5): nothing, six times 20 ms.
        let (mut pages, mut long) = ogg::Pages::begin(3, 48_000, 0, "");
        for n in 0..2_600 {
            if !pages.has_room(8) {
                pages.end_page(&mut long);
            }
            pages.add(&[0xfb, 6], 5_760 * n);
        }
        pages.end(5_760 * 2_600, &mut long);
        assert_eq!(read(&long), Err(PlayError::TooLong));
    }
}
