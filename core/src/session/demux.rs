// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a datagram on a media port is, by its first bytes (RFC 7983 section 7, RFC 5761 section 4).
//!
//! One 5-tuple may carry ICE, DTLS, ZRTP, TURN and media. The host hands over whatever came; what is
//! not RTP or RTCP goes back to it, named. The ranges of the RFC are narrowed to what each protocol's
//! header allows, so that noise is refused and counted instead of handed on.

use crate::rtp::is_rtcp;

/// The protocol of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// A STUN message (RFC 8489), as of ICE.
    Stun,
    /// A DTLS record (RFC 9147).
    Dtls,
    /// ZRTP (RFC 6189).
    Zrtp,
    /// Data of a TURN channel (RFC 8656 section 12.4).
    TurnChannel,
}

/// Bytes before STUN's attributes, and its magic cookie (RFC 8489 section 5).
const STUN_HEADER_BYTES: usize = 20;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Shortest DTLS record: version 1.3's unified header of two bytes and a tag's worth of ciphertext
/// (RFC 9147 section 4.2.3).
const DTLS_MIN_BYTES: usize = 2 + 16;
/// ZRTP's magic cookie, at bytes 4 to 7 (RFC 6189 section 5).
const ZRTP_COOKIE: [u8; 4] = *b"ZRTP";

/// Tells what a datagram is; `None` for what is none of these.
///
/// Real-time: yes.
pub fn classify(datagram: &[u8]) -> Option<Protocol> {
    let &[first, ..] = datagram else { return None };
    let cookie = datagram.get(4..8);
    match first {
        0..=3 => {
            let length = usize::from(u16::from_be_bytes(*datagram.get(2..4)?.first_chunk()?));
            let whole = datagram.len() == STUN_HEADER_BYTES + length && length.is_multiple_of(4);
            (whole && cookie == Some(&STUN_COOKIE)).then_some(Protocol::Stun)
        }
        16..=19 => (cookie == Some(&ZRTP_COOKIE)).then_some(Protocol::Zrtp),
        20..=63 => (datagram.len() >= DTLS_MIN_BYTES).then_some(Protocol::Dtls),
        64..=79 => {
            let length = usize::from(u16::from_be_bytes(*datagram.get(2..4)?.first_chunk()?));
            // Over UDP the data may be padded to whole words.
            (datagram.len() >= 4 + length && datagram.len() < 4 + length + 4)
                .then_some(Protocol::TurnChannel)
        }
        128..=191 if is_rtcp(datagram) => Some(Protocol::Rtcp),
        128..=191 => Some(Protocol::Rtp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn each_protocol_is_told_by_its_own_header() {
        // RFC 5769 section 2.1's request, cut to its header with a length of 0.
        let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        stun.resize(20, 0xb7);
        assert_eq!(classify(&stun), Some(Protocol::Stun));
        stun[3] = 4;
        assert_eq!(classify(&stun), None, "its length is another");
        let mut dtls = vec![22, 0xfe, 0xfd];
        dtls.resize(25, 0);
        assert_eq!(classify(&dtls), Some(Protocol::Dtls));
        let mut zrtp = vec![0x10, 0, 0, 1];
        zrtp.extend(b"ZRTP\x11\x11\x11\x11");
        assert_eq!(classify(&zrtp), Some(Protocol::Zrtp));
        assert_eq!(classify(&[0x40, 0, 0, 3, 1, 2, 3]), Some(Protocol::TurnChannel));
        assert_eq!(classify(&[0x40, 0, 0, 3, 1, 2, 3, 0]), Some(Protocol::TurnChannel), "padded");
        assert_eq!(classify(&[0x40, 0, 0, 9, 1, 2, 3]), None);
        assert_eq!(classify(&[0x80, 200, 0, 1, 0, 0, 0, 1]), Some(Protocol::Rtcp));
        assert_eq!(classify(&[0x80, 0, 0, 1]), Some(Protocol::Rtp), "told apart, not yet checked");
    }

    #[test]
    fn bytes_between_the_ranges_and_noise_are_nothing() {
        assert_eq!(classify(&[]), None);
        for first in (4..16).chain(80..128).chain(192..=255) {
            assert_eq!(classify(&[first; 100]), None, "{first}");
        }
        assert_eq!(classify(&[0; 4]), None);
        assert_eq!(classify(&[0; 40]), None, "no cookie");
        assert_eq!(classify(&[17; 40]), None, "no cookie");
        assert_eq!(classify(&[22; 5]), None, "no record");
    }
}
