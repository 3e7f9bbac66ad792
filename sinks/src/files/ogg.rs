// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ogg (RFC 3533) with one stream of Opus in it (RFC 7845): pages, and the two that stand in front.

use std::fmt;

/// A page's header without its table of lengths.
const HEADER_BYTES: usize = 27;
/// Entries of that table.
const MOST_SEGMENTS: usize = 255;
/// The longest page: what has to be there to read one.
pub const MAX_PAGE_BYTES: usize = HEADER_BYTES + MOST_SEGMENTS * 256;

/// Of a page: it goes on with a packet of the one before, it is the stream's first, and its last.
const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
const FLAGS_AT: usize = 5;
const SERIAL_AT: usize = 14;
const CRC_AT: usize = 22;

/// Positions count samples of this rate, whatever is encoded.
pub const GRANULE_HZ: u64 = 48_000;
/// A position that says nothing.
const NO_GRANULE: u64 = u64::MAX;

/// Not a whole page, or one that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a whole page of Ogg")
    }
}

impl std::error::Error for Malformed {}

/// Packs packets into pages.
#[derive(Debug)]
pub struct Pages {
    serial: u32,
    number: u32,
    table: Vec<u8>,
    body: Vec<u8>,
    granule: u64,
}

impl Pages {
    /// A stream of this name, and the pages in front of it: what it is, and a comment.
    pub fn begin(
        serial: u32,
        sample_rate_hz: u32,
        pre_skip: u16,
        comment: &str,
    ) -> (Self, Vec<u8>) {
        let mut pages =
            Self { serial, number: 0, table: Vec::new(), body: Vec::new(), granule: NO_GRANULE };
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend(pre_skip.to_le_bytes());
        head.extend(sample_rate_hz.to_le_bytes());
        // No gain, and the channels as they come.
        head.extend([0; 3]);
        let mut out = Vec::new();
        pages.add(&head, 0);
        pages.flush(FIRST, &mut out);
        let mut tags = b"OpusTags".to_vec();
        let comment = format!("DESCRIPTION={comment}");
        for (count, text) in [(None, "libale_media"), (Some(1_u32), &comment)] {
            tags.extend(count.into_iter().flat_map(u32::to_le_bytes));
            tags.extend((text.len() as u32).to_le_bytes());
            tags.extend(text.as_bytes());
        }
        pages.add(&tags, 0);
        pages.flush(0, &mut out);
        (pages, out)
    }

    /// Whether a packet of so many bytes fits into the page that is open.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.table.len() + bytes / 255 < MOST_SEGMENTS
    }

    /// Adds a packet, behind which so many samples are there.
    pub fn add(&mut self, packet: &[u8], granule: u64) {
        self.table.extend(std::iter::repeat_n(255, packet.len() / 255));
        self.table.push((packet.len() % 255) as u8);
        self.body.extend(packet);
        self.granule = granule;
    }

    /// Ends the page that is open, if there is something in it.
    pub fn end_page(&mut self, out: &mut Vec<u8>) {
        if !self.table.is_empty() {
            self.flush(0, out);
        }
    }

    /// Ends the stream after so many samples, which may be less than its last packet has.
    pub fn end(mut self, granule: u64, out: &mut Vec<u8>) {
        self.granule = granule;
        self.flush(LAST, out);
    }

    fn flush(&mut self, flags: u8, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend(b"OggS\0");
        out.push(flags);
        out.extend(self.granule.to_le_bytes());
        out.extend(self.serial.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend([0; 4]);
        out.push(self.table.len() as u8);
        out.append(&mut self.table);
        out.extend(&self.body);
        // It was a voice's.
        self.body.fill(0);
        self.body.clear();
        self.number = self.number.wrapping_add(1);
        if let Some(page) = out.get_mut(begin..) {
            seal(page);
        }
    }
}

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// How long it is.
    pub bytes: usize,
    /// Samples up to its end.
    pub granule: u64,
    /// Which stream's.
    pub serial: u32,
    /// Its place in that.
    pub number: u32,
    /// Lengths of what its packets are made of: one ends with each that is below 255.
    pub table: &'a [u8],
    /// Its packets, one behind the other.
    pub body: &'a [u8],
    /// Whether it goes on with a packet of the page before.
    pub is_continued: bool,
    /// Whether it is the stream's last.
    pub is_last: bool,
}

/// The page that `bytes` begin with.
///
/// # Errors
/// [`Malformed`], also where it is not whole.
pub fn parse(bytes: &[u8]) -> Result<Page<'_>, Malformed> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or(Malformed)?;
    let segments = usize::from(*header.last().ok_or(Malformed)?);
    let (table, rest) = rest.split_at_checked(segments).ok_or(Malformed)?;
    let length = table.iter().map(|length| usize::from(*length)).sum();
    let body = rest.get(..length).ok_or(Malformed)?;
    let length = HEADER_BYTES + segments + length;
    let page = bytes.get(..length).ok_or(Malformed)?;
    let number = |at: usize| page.get(at..).and_then(|bytes| bytes.first_chunk()).copied();
    let told = page.get(CRC_AT..).and_then(|bytes| bytes.first_chunk()).copied();
    if !page.starts_with(b"OggS\0") || told.map(u32::from_le_bytes) != Some(crc(page)) {
        return Err(Malformed);
    }
    let word = |at: usize| {
        let bytes = page.get(at..).and_then(|bytes| bytes.first_chunk()).copied();
        bytes.map(u32::from_le_bytes).ok_or(Malformed)
    };
    let granule = number(FLAGS_AT + 1).map(u64::from_le_bytes).ok_or(Malformed)?;
    let flagged = |flag: u8| page.get(FLAGS_AT).is_some_and(|flags| flags & flag != 0);
    Ok(Page {
        bytes: length,
        granule,
        serial: word(SERIAL_AT)?,
        number: word(SERIAL_AT + 4)?,
        table,
        body,
        is_continued: flagged(CONTINUED),
        is_last: flagged(LAST),
    })
}

/// What a stream of Opus says of itself (RFC 7845 section 5.1), and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Samples to leave out at its beginning, at [`GRANULE_HZ`].
    pub pre_skip: u16,
    /// By how much it is to be louder, in dB in steps of 1/256.
    pub gain_q8_db: i16,
    /// Samples there are behind those, at [`GRANULE_HZ`]; unknown where its end is missing.
    pub samples: Option<u64>,
}

/// Reads a file with one stream of Opus of one channel or two: hands on each packet of sound, until one is not taken.
/// Of a file that is cut short or broken, as much as is whole.
///
/// # Errors
/// [`Malformed`]: it does not begin with such a stream.
pub fn read(file: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> Result<Stream, Malformed> {
    let first = parse(file)?;
    let mut stream = head(first.body)?;
    let (mut rest, mut packet, mut packets) = (file, Vec::new(), 0_u64);
    for number in 0.. {
        let Ok(page) = parse(rest) else { break };
        rest = rest.get(page.bytes..).unwrap_or_default();
        if (page.serial, page.number) != (first.serial, number) {
            break;
        }
        if !page.is_continued {
            packet.clear();
        }
        let mut body = page.body;
        for length in page.table {
            let Some((part, later)) = body.split_at_checked(usize::from(*length)) else { break };
            body = later;
            packet.extend_from_slice(part);
            if *length == 255 {
                continue;
            }
            // The first two say what it is, and what is said about it.
            if packets >= 2 && !take(&packet) {
                return Ok(stream);
            }
            packets += 1;
            packet.clear();
        }
        if page.is_last {
            stream.samples = page.granule.checked_sub(stream.pre_skip.into());
            break;
        }
    }
    Ok(stream)
}

fn head(packet: &[u8]) -> Result<Stream, Malformed> {
    let head = packet.strip_prefix(b"OpusHead").and_then(|head| head.first_chunk::<11>());
    let [version, channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family] =
        *head.ok_or(Malformed)?;
    // A later version of the same first digit is read as this one (section 5.1).
    if version >> 4 != 0 || !(1..=2).contains(&channels) || family != 0 {
        return Err(Malformed);
    }
    let pre_skip = u16::from_le_bytes([skip_low, skip_high]);
    let gain_q8_db = i16::from_le_bytes([gain_low, gain_high]);
    Ok(Stream { pre_skip, gain_q8_db, samples: None })
}

/// What a stream says of itself: samples to leave out at its beginning, the rate of what was encoded, and the
/// comment, of its first two pages.
pub fn described<'a>(head: &Page<'_>, tags: &Page<'a>) -> Option<(u16, u32, &'a str)> {
    let head = head.body.strip_prefix(b"OpusHead\x01\x01")?;
    let (pre_skip, rest) = head.split_first_chunk()?;
    let sample_rate_hz = u32::from_le_bytes(*rest.first_chunk()?);
    let tags = tags.body.strip_prefix(b"OpusTags")?;
    let (_, rest) = text(tags)?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let comment = std::str::from_utf8(text(rest)?.0).ok()?.strip_prefix("DESCRIPTION=")?;
    Some((u16::from_le_bytes(*pre_skip), sample_rate_hz, comment))
}

/// A length, and as much.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Makes a whole page the stream's last.
pub fn make_last(page: &mut [u8]) {
    if let Some(flags) = page.get_mut(FLAGS_AT) {
        *flags |= LAST;
    }
    seal(page);
}

fn seal(page: &mut [u8]) {
    let sum = crc(page).to_le_bytes();
    if let Some(place) = page.get_mut(CRC_AT..CRC_AT + sum.len()) {
        place.copy_from_slice(&sum);
    }
}

/// RFC 3533's sum over a page, in which it counts as 0: polynomial 0x04c11db7, the highest bit first.
fn crc(page: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < table.len() {
            let (mut sum, mut bit) = ((n as u32) << 24, 0);
            while bit < 8 {
                sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
                bit += 1;
            }
            table[n] = sum;
            n += 1;
        }
        table
    };
    page.iter().enumerate().fold(0, |sum: u32, (at, byte)| {
        let byte = if (CRC_AT..CRC_AT + 4).contains(&at) { 0 } else { *byte };
        let index = usize::from((sum >> 24) as u8 ^ byte);
        sum << 8 ^ TABLE[index & 0xff]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Read with another's reader, which checks sums and order.
        #[test]
        fn packets_come_out_as_they_went_in(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1_000), 1..60),
        ) {
            let (mut pages, mut file) = Pages::begin(7, 16_000, 312, "Änne");
            for (n, packet) in (1..).zip(&packets) {
                if !pages.has_room(packet.len()) {
                    pages.end_page(&mut file);
                }
                pages.add(packet, 960 * n);
            }
            pages.end(5, &mut file);
            let mut reader = ::ogg::PacketReader::new(std::io::Cursor::new(&file));
            let mut read = Vec::new();
            while let Some(packet) = reader.read_packet().unwrap() {
                prop_assert_eq!(packet.stream_serial(), 7);
                if packet.last_in_stream() {
                    prop_assert_eq!(packet.absgp_page(), 5);
                }
                read.push(packet.data);
            }
            prop_assert_eq!(&read[2..], &packets[..]);
            let head = parse(&file).unwrap();
            let tags = parse(&file[head.bytes..]).unwrap();
            prop_assert_eq!(described(&head, &tags), Some((312, 16_000, "Änne")));
        }

        /// Written with another's writer.
        #[test]
        fn packets_of_other_programs_are_read(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1_300), 1..40),
            cut in any::<prop::sample::Index>(),
        ) {
            use ::ogg::PacketWriteEndInfo::{EndPage, EndStream, NormalPacket};
            let mut file = Vec::new();
            let mut writer = ::ogg::PacketWriter::new(&mut file);
            let mut head = b"OpusHead\x01\x02".to_vec();
            head.extend([0x38, 1, 0x80, 0xbb, 0, 0, 0xff, 0xff, 0]);
            writer.write_packet(head, 9, EndPage, 0).unwrap();
            writer.write_packet(b"OpusTags".to_vec(), 9, EndPage, 0).unwrap();
            for (n, packet) in (1..).zip(&packets) {
                let end = if n == packets.len() { EndStream } else { NormalPacket };
                writer.write_packet(packet.clone(), 9, end, 960 * n as u64).unwrap();
            }
            drop(writer);
            let mut found = Vec::new();
            let all = |packet: &[u8]| {
                found.push(packet.to_vec());
                true
            };
            let stream = read(&file, all).unwrap();
            prop_assert_eq!(&found, &packets);
            let samples = (960 * packets.len() as u64).checked_sub(312);
            prop_assert_eq!(stream, Stream { pre_skip: 312, gain_q8_db: -1, samples });
            // Cut anywhere, what is there is a beginning.
            let (mut some, end) = (0, cut.index(file.len()));
            let taken = read(&file[..end], |packet| {
                some += 1;
                packet == packets[some - 1]
            });
            prop_assert!(taken.is_err() || some <= packets.len());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(mut bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = read(&bytes, |_| true);
            make_last(&mut bytes);
        }
    }

    #[test]
    fn a_page_that_is_cut_or_changed_is_refused() {
        let (mut pages, mut file) = Pages::begin(1, 8_000, 312, "");
        file.clear();
        pages.add(&[9; 600], 960);
        pages.end_page(&mut file);
        assert_eq!(parse(&file).map(|page| (page.granule, page.is_last)), Ok((960, false)));
        for at in 0..file.len() {
            assert_eq!(parse(&file[..at]), Err(Malformed));
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert_eq!(parse(&changed), Err(Malformed), "byte {at}");
        }
        make_last(&mut file);
        assert_eq!(parse(&file).map(|page| page.is_last), Ok(true));
    }
}
