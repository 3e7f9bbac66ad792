// SPDX-License-Identifier: MIT OR Apache-2.0
//! WAV of one channel of 16-bit PCM, with a comment of its own in front of the sound: RIFF's chunk `LIST` of type
//! `INFO`, whose `ICMT` players show and pass over.

use std::fmt;

/// The longest header: what has to be read of a file to [`parse`] it.
pub const MAX_HEADER_BYTES: usize = 4_096;
/// The most sound that the 32 bits of its length, and of the whole, can tell.
pub const MAX_DATA_BYTES: u32 = u32::MAX - MAX_HEADER_BYTES as u32;

const FORMAT_PCM: u16 = 1;
const SAMPLE_BYTES: u16 = 2;
/// A chunk's name and length.
const CHUNK_BYTES: usize = 8;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'a> {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// The comment; empty where there is none.
    pub comment: &'a str,
    /// Where the sound begins: how long the header is.
    pub data_at: usize,
    /// How much sound there is, as it says; less than there is after a crash.
    pub data_bytes: u32,
}

/// Not the header of such a file, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a WAV file of one channel of 16-bit PCM")
    }
}

impl std::error::Error for Malformed {}

/// A header of a file without sound yet; of the comment as much as fits.
pub fn header(sample_rate_hz: u32, comment: &str) -> Vec<u8> {
    let mut end = comment.len().min(MAX_HEADER_BYTES - 128);
    while !comment.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = comment.as_bytes().get(..end).unwrap_or_default().to_vec();
    // A zero ends it, and chunks are of even length.
    text.resize((text.len() + 2) & !1, 0);
    let mut format = Vec::new();
    format.extend([FORMAT_PCM.to_le_bytes(), 1_u16.to_le_bytes()].concat());
    format.extend(sample_rate_hz.to_le_bytes());
    format.extend(sample_rate_hz.saturating_mul(SAMPLE_BYTES.into()).to_le_bytes());
    format.extend([SAMPLE_BYTES.to_le_bytes(), (8 * SAMPLE_BYTES).to_le_bytes()].concat());
    let info = [b"INFO".as_slice(), &chunk(b"ICMT", &text)].concat();
    let chunks = [chunk(b"fmt ", &format), chunk(b"LIST", &info), chunk(b"data", &[])].concat();
    chunk(b"RIFF", &[b"WAVE".as_slice(), &chunks].concat())
}

/// What is to be written at which places of a file, once it has that much sound.
pub fn lengths(data_at: usize, data_bytes: u32) -> [(u64, [u8; 4]); 2] {
    let whole = (data_at as u32).saturating_sub(CHUNK_BYTES as u32).saturating_add(data_bytes);
    let at = (data_at as u64).saturating_sub(4);
    [(4, whole.to_le_bytes()), (at, data_bytes.to_le_bytes())]
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [name.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat()
}

/// Reads a file's beginning.
///
/// # Errors
/// [`Malformed`].
pub fn parse(bytes: &[u8]) -> Result<Header<'_>, Malformed> {
    let bytes = bytes.get(..MAX_HEADER_BYTES).unwrap_or(bytes);
    let mut at = 12;
    if !bytes.starts_with(b"RIFF") || bytes.get(8..at) != Some(b"WAVE") {
        return Err(Malformed);
    }
    let (mut sample_rate_hz, mut comment) = (None, "");
    loop {
        let rest = bytes.get(at..).ok_or(Malformed)?;
        let (name, length, rest) = opened(rest).ok_or(Malformed)?;
        at += CHUNK_BYTES;
        if &name == b"data" {
            let sample_rate_hz = sample_rate_hz.ok_or(Malformed)?;
            return Ok(Header { sample_rate_hz, comment, data_at: at, data_bytes: length });
        }
        let body = rest.get(..length as usize).ok_or(Malformed)?;
        match &name {
            b"fmt " => sample_rate_hz = Some(rate_of(body).ok_or(Malformed)?),
            b"LIST" => comment = comment_of(body).unwrap_or(comment),
            _ => (),
        }
        at += body.len() + body.len() % 2;
    }
}

/// A chunk's name and length, and what follows.
fn opened(bytes: &[u8]) -> Option<([u8; 4], u32, &[u8])> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((*name, u32::from_le_bytes(*length), rest))
}

fn rate_of(format: &[u8]) -> Option<u32> {
    let &[f0, f1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1] = format.first_chunk()?;
    let is_ours = u16::from_le_bytes([f0, f1]) == FORMAT_PCM
        && u16::from_le_bytes([c0, c1]) == 1
        && u16::from_le_bytes([b0, b1]) == 8 * SAMPLE_BYTES;
    is_ours.then_some(u32::from_le_bytes([r0, r1, r2, r3])).filter(|rate_hz| *rate_hz > 0)
}

fn comment_of(list: &[u8]) -> Option<&str> {
    let (name, length, rest) = opened(list.strip_prefix(b"INFO")?)?;
    let text = rest.get(..length as usize).filter(|_| &name == b"ICMT")?;
    std::str::from_utf8(text).ok().map(|text| text.trim_end_matches('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_it_was_made_of() {
        for comment in ["", "a", "ab", "Änne", &"ü".repeat(5_000)] {
            let bytes = header(24_000, comment);
            let found = parse(&bytes).unwrap();
            assert_eq!((found.sample_rate_hz, found.data_bytes), (24_000, 0));
            assert_eq!(found.data_at, bytes.len());
            assert!(comment.starts_with(found.comment) && bytes.len() <= MAX_HEADER_BYTES);
            assert!(found.comment.len() >= comment.len().min(3_900));
        }
    }

    /// As the format's description has them: 20 bytes before the format, the sound behind all.
    #[test]
    fn lengths_stand_where_readers_look_for_them() {
        let mut bytes = header(8_000, "x");
        for (at, length) in lengths(bytes.len(), 320) {
            bytes[at as usize..at as usize + 4].copy_from_slice(&length);
        }
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((&bytes[..4], &bytes[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!(word(4) as usize, bytes.len() - 8 + 320);
        assert_eq!((word(16), word(24), word(28)), (16, 8_000, 16_000));
        assert_eq!(
            (&bytes[bytes.len() - 8..bytes.len() - 4], word(bytes.len() - 4)),
            (&b"data"[..], 320)
        );
        assert_eq!(parse(&bytes).unwrap().data_bytes, 320);
    }

    #[test]
    fn what_is_cut_off_or_not_of_this_kind_is_refused() {
        let bytes = header(8_000, "who");
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Err(Malformed));
        }
        for (at, value) in [(0, b'X'), (8, b'X'), (20, 3), (22, 2), (34, 8)] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            assert_eq!(parse(&bytes), Err(Malformed), "byte {at}");
        }
    }

    /// A file of these chunks, by the format's description.
    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
        for (name, body) in chunks {
            bytes.extend(*name);
            bytes.extend((body.len() as u32).to_le_bytes());
            bytes.extend(*body);
            bytes.resize((bytes.len() + 1) & !1, 0);
        }
        bytes
    }

    const FORMAT: [u8; 16] = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];

    #[test]
    fn another_writers_file_is_read() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let (channels, bits_per_sample) = (1, 16);
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate: 12_000, bits_per_sample, sample_format };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        (0..300_i16).for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        let bytes = bytes.into_inner();
        let found = parse(&bytes).unwrap();
        assert_eq!((found.sample_rate_hz, found.comment, found.data_bytes), (12_000, "", 600));
        assert_eq!(bytes[found.data_at + 2..found.data_at + 4], [1, 0]);
    }

    #[test]
    fn chunks_of_others_are_passed_over_and_their_words_are_no_comment() {
        let ours: &[u8] = b"INFOICMT\x04\0\0\0who\0";
        let software: &[u8] = b"INFOISFT\x04\0\0\0them";
        let longer = [&FORMAT[..], &[0, 0]].concat();
        for (chunks, comment) in [
            // Of odd length: what fills it up belongs to it.
            (&[(b"junk", &b"abc"[..]), (b"fmt ", &FORMAT), (b"LIST", ours)][..], "who"),
            (&[(b"LIST", ours), (b"fmt ", &longer), (b"LIST", b"adtl")], "who"),
            (&[(b"fmt ", &FORMAT), (b"LIST", software)], ""),
            (&[(b"LIST", ours), (b"LIST", software), (b"fmt ", &FORMAT)], "who"),
        ] {
            let bytes = file(&[chunks, &[(b"data", &[7; 4])]].concat());
            let found = parse(&bytes).unwrap();
            assert_eq!((found.sample_rate_hz, found.comment), (8_000, comment));
            assert_eq!((bytes.len() - found.data_at, found.data_bytes), (4, 4));
        }
    }

    #[test]
    fn what_would_have_to_be_guessed_is_refused() {
        let mut silent = FORMAT;
        silent[4..8].fill(0);
        let far = vec![0; MAX_HEADER_BYTES];
        for chunks in [
            &[(b"data", &[7_u8; 4][..]), (b"fmt ", &FORMAT)][..],
            &[(b"fmt ", &silent), (b"data", &[7; 4])],
            &[(b"fmt ", &FORMAT[..14]), (b"data", &[7; 4])],
            &[(b"fmt ", &FORMAT), (b"LIST", &far), (b"data", &[7; 4])],
        ] {
            assert_eq!(parse(&file(chunks)), Err(Malformed), "{chunks:?}");
        }
        let mut bytes = file(&[(b"junk", &[0; 4]), (b"fmt ", &FORMAT), (b"data", &[])]);
        bytes[16..20].fill(0xff);
        assert_eq!(parse(&bytes), Err(Malformed), "a chunk as long as can be told");
    }
}
