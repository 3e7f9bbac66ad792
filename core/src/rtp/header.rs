// SPDX-License-Identifier: MIT OR Apache-2.0
//! The RTP fixed header (RFC 3550 section 5.1): a view for reading, a struct for writing.

use core::fmt;

use crate::within::Within;

/// Bytes of the fixed header.
pub const FIXED_HEADER_BYTES: usize = 12;
/// The version that RFC 3550 defines.
const VERSION: u8 = 2;

/// Why a datagram is not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than its header says it is, or than the fixed header.
    Truncated,
    /// The version field is not 2.
    Version,
    /// The padding count is 0 or larger than what follows the header.
    Padding,
    /// A buffer is too small for what is to be written to it.
    Capacity,
    /// More than 15 contributing sources.
    TooManySources,
    /// An extension block that is not a multiple of four bytes, or longer than 65535 words.
    Extension,
}

impl fmt::Display for RtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "RTP packet shorter than its header says",
            Self::Version => "RTP version is not 2",
            Self::Padding => "RTP padding count exceeds the payload or is 0",
            Self::Capacity => "buffer too small for the RTP packet",
            Self::TooManySources => "more than 15 contributing sources",
            Self::Extension => "RTP extension block is not a whole number of words, or too long",
        })
    }
}

impl core::error::Error for RtpError {}

/// Whether a number can be a payload type: seven bits, but for those that would make RTP look like RTCP
/// (RFC 5761 section 4).
pub fn is_payload_type(number: u8) -> bool {
    number < 128 && !(64..96).contains(&number)
}

/// Tells RTCP from RTP on a port that carries both (RFC 5761 section 4): packet types 192 to 223
/// are RTCP's.
///
/// Real-time: yes.
#[inline]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == VERSION)
}

/// An RTP packet in a datagram: the header has been checked, nothing has been copied.
///
/// The padding is *not* checked here, since in SRTP it is still encrypted when the header is first
/// read; [`RtpPacket::payload`] does.
#[derive(Debug, Clone, Copy)]
pub struct RtpPacket<'a> {
    datagram: &'a [u8],
    fixed: &'a [u8; FIXED_HEADER_BYTES],
    header_bytes: usize,
    extension: Option<(u16, &'a [u8])>,
}

impl<'a> RtpPacket<'a> {
    /// Checks version, CSRC list and extension block against the datagram's length.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`RtpError::Truncated`] and [`RtpError::Version`].
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let fixed = datagram.first_chunk::<FIXED_HEADER_BYTES>().ok_or(RtpError::Truncated)?;
        if fixed[0] >> 6 != VERSION {
            return Err(RtpError::Version);
        }
        let mut header_bytes = FIXED_HEADER_BYTES + 4 * usize::from(fixed[0] & 0x0f);
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let Some(&[p0, p1, w0, w1]) = datagram.get(header_bytes..header_bytes + 4) else {
                return Err(RtpError::Truncated);
            };
            let start = header_bytes + 4;
            let end = start + 4 * usize::from(u16::from_be_bytes([w0, w1]));
            let body = datagram.get(start..end).ok_or(RtpError::Truncated)?;
            extension = Some((u16::from_be_bytes([p0, p1]), body));
            header_bytes = end;
        }
        if datagram.len() < header_bytes {
            return Err(RtpError::Truncated);
        }
        Ok(Self { datagram, fixed, header_bytes, extension })
    }

    /// The datagram that this is a view of.
    #[inline]
    pub fn datagram(&self) -> &'a [u8] {
        self.datagram
    }

    /// Bytes of header: fixed part, CSRC list and extension block.
    #[inline]
    pub fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    /// The marker bit.
    #[inline]
    pub fn marker(&self) -> bool {
        self.fixed[1] & 0x80 != 0
    }

    /// The payload type, 0 to 127.
    #[inline]
    pub fn payload_type(&self) -> u8 {
        self.fixed[1] & 0x7f
    }

    /// The sequence number as on the wire.
    #[inline]
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// The timestamp, in ticks of the payload's RTP clock.
    #[inline]
    pub fn timestamp(&self) -> u32 {
        let f = self.fixed;
        u32::from_be_bytes([f[4], f[5], f[6], f[7]])
    }

    /// The synchronization source.
    #[inline]
    pub fn ssrc(&self) -> u32 {
        let f = self.fixed;
        u32::from_be_bytes([f[8], f[9], f[10], f[11]])
    }

    /// The contributing sources, in the order in which they stand in the packet.
    pub fn contributing_sources(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let count = usize::from(self.fixed[0] & 0x0f);
        let list = self.datagram.span(FIXED_HEADER_BYTES..FIXED_HEADER_BYTES + 4 * count);
        list.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word))
    }

    /// The extension block: its profile word and its body, if there is one.
    #[inline]
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension
    }

    /// Whether the padding bit is set.
    #[inline]
    pub fn has_padding(&self) -> bool {
        self.fixed[0] & 0x20 != 0
    }

    /// The payload without padding (RFC 3550 section 5.1).
    ///
    /// # Errors
    /// [`RtpError::Padding`].
    #[inline]
    pub fn payload(&self) -> Result<&'a [u8], RtpError> {
        let body = self.datagram.past(self.header_bytes);
        if !self.has_padding() {
            return Ok(body);
        }
        let count = body.last().copied().map_or(0, usize::from);
        match body.len().checked_sub(count).and_then(|length| body.get(..length)) {
            Some(payload) if count != 0 => Ok(payload),
            _ => Err(RtpError::Padding),
        }
    }
}

/// What stands in front of a payload: for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtpHeader<'a> {
    /// The marker bit: for audio, the first packet of a talk spurt (RFC 3551 section 4.1).
    pub marker: bool,
    /// 0 to 127; the top bit is ignored.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// In ticks of the payload's RTP clock.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Contributing sources, at most 15.
    pub contributing_sources: &'a [u32],
    /// The extension block's profile word and body (a multiple of four bytes).
    pub extension: Option<(u16, &'a [u8])>,
}

impl RtpHeader<'_> {
    /// Bytes that [`RtpHeader::write`] will write.
    pub fn encoded_len(&self) -> usize {
        FIXED_HEADER_BYTES
            + 4 * self.contributing_sources.len()
            + self.extension.map_or(0, |(_, body)| 4 + body.len())
    }

    /// Writes the header to the front of `out` and returns its length in bytes.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`RtpError::Capacity`], [`RtpError::TooManySources`], [`RtpError::Extension`]; nothing is
    /// written then.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, RtpError> {
        if self.contributing_sources.len() > 15 {
            return Err(RtpError::TooManySources);
        }
        if let Some((_, body)) = self.extension
            && (body.len() % 4 != 0 || body.len() / 4 > usize::from(u16::MAX))
        {
            return Err(RtpError::Extension);
        }
        let total = self.encoded_len();
        let out = out.get_mut(..total).ok_or(RtpError::Capacity)?;
        let extension_bit = u8::from(self.extension.is_some()) << 4;
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [i0, i1, i2, i3] = self.ssrc.to_be_bytes();
        let first = VERSION << 6 | extension_bit | self.contributing_sources.len() as u8;
        let second = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        let (fixed, rest) =
            out.split_first_chunk_mut::<FIXED_HEADER_BYTES>().ok_or(RtpError::Capacity)?;
        *fixed = [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3];
        let (list, block) = rest.cut_mut(4 * self.contributing_sources.len());
        for (place, source) in list.as_chunks_mut().0.iter_mut().zip(self.contributing_sources) {
            *place = source.to_be_bytes();
        }
        if let Some((profile, body)) = self.extension {
            let [p0, p1] = profile.to_be_bytes();
            let [w0, w1] = ((body.len() / 4) as u16).to_be_bytes();
            block.put_all(0, [p0, p1, w0, w1]);
            block.past_mut(4).copy_of(body);
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_parse_to_parts_that_cover_the_datagram(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                prop_assert!(packet.header_bytes() <= bytes.len());
                prop_assert_eq!(packet.contributing_sources().len(), usize::from(bytes[0] & 15));
                if let Ok(payload) = packet.payload() {
                    prop_assert!(packet.header_bytes() + payload.len() <= bytes.len());
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            sources in prop::collection::vec(any::<u32>(), 0..16),
            extension in prop::option::of((any::<u16>(), prop::collection::vec(any::<[u8; 4]>(), 0..9))),
            payload in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let body = extension.as_ref().map(|(p, words)| (*p, words.concat()));
            let header = RtpHeader {
                marker, payload_type, sequence, timestamp, ssrc,
                contributing_sources: &sources,
                extension: body.as_ref().map(|(p, b)| (*p, b.as_slice())),
            };
            let mut datagram = [0_u8; 300];
            let len = header.write(&mut datagram).unwrap();
            prop_assert_eq!(len, header.encoded_len());
            datagram[len..len + payload.len()].copy_from_slice(&payload);
            let packet = RtpPacket::parse(&datagram[..len + payload.len()]).unwrap();
            prop_assert_eq!(packet.marker(), marker);
            prop_assert_eq!(packet.payload_type(), payload_type);
            prop_assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (sequence, timestamp, ssrc));
            prop_assert_eq!(packet.contributing_sources().collect::<Vec<_>>(), sources.clone());
            prop_assert_eq!(packet.extension(), header.extension);
            prop_assert_eq!(packet.payload().unwrap(), payload.as_slice());
            prop_assert_eq!(header.write(&mut datagram[..len - 1]), Err(RtpError::Capacity));
        }
    }

    #[test]
    fn padding_is_cut_off_and_impossible_padding_is_refused() {
        let mut datagram = [0_u8; 20];
        RtpHeader::default().write(&mut datagram).unwrap();
        datagram[0] |= 0x20;
        for (count, expected) in
            [(0, Err(RtpError::Padding)), (1, Ok(7)), (8, Ok(0)), (9, Err(RtpError::Padding))]
        {
            datagram[19] = count;
            let packet = RtpPacket::parse(&datagram).unwrap();
            assert_eq!(packet.payload().map(<[u8]>::len), expected);
        }
        assert_eq!(RtpPacket::parse(&datagram[..12]).unwrap().payload(), Err(RtpError::Padding));
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_packet_type() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 201]) && is_rtcp(&[0x80, 192]) && is_rtcp(&[0x80, 223]));
        assert!(!is_rtcp(&[0x80, 0x80 | 111]) && !is_rtcp(&[0x80, 0]) && !is_rtcp(&[0x80]));
        assert!(!is_rtcp(&[0x40, 200]) && !is_rtcp(&[]));
    }
}
