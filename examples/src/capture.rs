// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP datagrams with their arrival times out of a capture: pcap, pcapng, or rtpdump.
//!
//! Ethernet (802.1Q and 802.1ad tags), Linux cooked captures (1 and 2), BSD loopback and raw IP;
//! IPv4 and IPv6. IP fragments, other protocols and frames that were cut short are counted, not
//! played. A malformed file is refused with the offset at which it stops making sense.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgParser};
use pcap_file::{DataLink, PcapError};

/// One UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Nanoseconds since the capture's epoch (usually 1970; rtpdump: the start of the dump).
    pub arrival_ns: u64,
    /// Where it came from and went to; not known in an rtpdump.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// What a capture holds.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    /// The datagrams, in the order of the file.
    pub datagrams: Vec<Datagram>,
    /// Frames that hold no whole UDP datagram.
    pub skipped: usize,
}

/// Why a file can't be read as a capture.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file can't be read.
    Io(std::io::Error),
    /// It is none of the known formats.
    Format,
    /// It stops making sense at this offset, in bytes.
    Malformed {
        /// Offset of the record that can't be read.
        offset: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format => f.write_str("neither pcap, pcapng nor rtpdump"),
            Self::Malformed { offset, reason } => write!(f, "at byte {offset}: {reason}"),
        }
    }
}

impl std::error::Error for CaptureError {}

/// Reads the capture at `path`.
///
/// # Errors
/// [`CaptureError`].
pub fn read(path: &Path) -> Result<Capture, CaptureError> {
    parse(&std::fs::read(path).map_err(CaptureError::Io)?)
}

/// Reads a capture in memory.
///
/// # Errors
/// [`CaptureError::Format`] and [`CaptureError::Malformed`].
pub fn parse(bytes: &[u8]) -> Result<Capture, CaptureError> {
    const PCAP_MAGIC: [[u8; 4]; 4] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
    ];
    match bytes {
        [a, b, c, d, ..] if PCAP_MAGIC.contains(&[*a, *b, *c, *d]) => parse_pcap(bytes),
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => parse_pcapng(bytes),
        [b'#', b'!', b'r', b't', b'p', b'p', b'l', b'a', b'y', ..] => parse_rtpdump(bytes),
        _ => Err(CaptureError::Format),
    }
}

fn malformed(whole: &[u8], rest: &[u8], error: &PcapError) -> CaptureError {
    let reason = match error {
        PcapError::IncompleteBuffer => "the file ends in the middle of a record".into(),
        other => other.to_string(),
    };
    CaptureError::Malformed { offset: whole.len() - rest.len(), reason }
}

fn parse_pcap(bytes: &[u8]) -> Result<Capture, CaptureError> {
    let (mut rest, parser) = PcapParser::new(bytes).map_err(|e| malformed(bytes, bytes, &e))?;
    let link = parser.header().datalink;
    let mut capture = Capture::default();
    while !rest.is_empty() {
        let (after, packet) = parser.next_packet(rest).map_err(|e| malformed(bytes, rest, &e))?;
        capture.add(packet.timestamp.as_nanos() as u64, link, &packet.data);
        rest = after;
    }
    Ok(capture)
}

fn parse_pcapng(bytes: &[u8]) -> Result<Capture, CaptureError> {
    let (mut rest, mut parser) =
        PcapNgParser::new(bytes).map_err(|e| malformed(bytes, bytes, &e))?;
    let mut capture = Capture::default();
    while !rest.is_empty() {
        let (after, block) = parser.next_block(rest).map_err(|e| malformed(bytes, rest, &e))?;
        match block {
            Block::EnhancedPacket(packet) => {
                let Some(interface) = parser.packet_interface(&packet) else {
                    let reason = "packet of an interface that was not described".into();
                    return Err(CaptureError::Malformed {
                        offset: bytes.len() - rest.len(),
                        reason,
                    });
                };
                let resolution = interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfTsResol(value) => Some(*value),
                    _ => None,
                });
                // The library hands over the raw count as if it were nanoseconds.
                let ticks = packet.timestamp.as_nanos();
                let arrival_ns = ticks_to_ns(ticks, resolution.unwrap_or(6));
                capture.add(arrival_ns, interface.linktype, &packet.data);
            }
            Block::SimplePacket(_) | Block::Packet(_) => capture.skipped += 1,
            _ => {}
        }
        rest = after;
    }
    Ok(capture)
}

/// Timestamps count in negative powers of ten, or of two when the top bit is set.
fn ticks_to_ns(ticks: u128, resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 != 0 {
        return (ticks.saturating_mul(1_000_000_000) >> exponent.min(127)) as u64;
    }
    match exponent {
        0..=9 => ticks.saturating_mul(10_u128.pow(9 - exponent)) as u64,
        10..=38 => (ticks / 10_u128.pow(exponent - 9)) as u64,
        _ => 0,
    }
}

/// rtpdump's binary format: a line of text, a header of 16 bytes, then per packet its length with
/// header, the length of the RTP packet (0 for RTCP) and milliseconds since the start.
fn parse_rtpdump(bytes: &[u8]) -> Result<Capture, CaptureError> {
    let error =
        |offset: usize, reason: &str| CaptureError::Malformed { offset, reason: reason.into() };
    let line = bytes.iter().take(200).position(|&b| b == b'\n');
    let mut at = line.ok_or_else(|| error(0, "no end of the first line"))? + 1 + 16;
    if at > bytes.len() {
        return Err(error(bytes.len(), "the file ends in the header"));
    }
    let mut capture = Capture::default();
    while at < bytes.len() {
        let Some(&[l0, l1, p0, p1, t0, t1, t2, t3]) = bytes.get(at..at + 8) else {
            return Err(error(at, "the file ends in the middle of a record"));
        };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let packet = usize::from(u16::from_be_bytes([p0, p1]));
        let offset_ms = u32::from_be_bytes([t0, t1, t2, t3]);
        if length < 8 {
            return Err(error(at, "a record shorter than its own header"));
        }
        let Some(data) = bytes.get(at + 8..at + length) else {
            return Err(error(at, "the file ends in the middle of a record"));
        };
        if packet == 0 || packet > data.len() {
            capture.skipped += 1;
        } else {
            capture.datagrams.push(Datagram {
                arrival_ns: u64::from(offset_ms) * 1_000_000,
                addresses: None,
                payload: data[..packet].to_vec(),
            });
        }
        at += length;
    }
    Ok(capture)
}

impl Capture {
    fn add(&mut self, arrival_ns: u64, link: DataLink, frame: &[u8]) {
        match network_layer(link, frame).and_then(udp) {
            Some((addresses, payload)) => self.datagrams.push(Datagram {
                arrival_ns,
                addresses: Some(addresses),
                payload: payload.to_vec(),
            }),
            None => self.skipped += 1,
        }
    }
}

/// The IP packet in a frame.
fn network_layer(link: DataLink, frame: &[u8]) -> Option<&[u8]> {
    match link {
        DataLink::ETHERNET => {
            let mut at = 12;
            loop {
                match frame.get(at..at + 2)? {
                    [0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00] => at += 4,
                    [0x08, 0x00] | [0x86, 0xdd] => return frame.get(at + 2..),
                    _ => return None,
                }
            }
        }
        DataLink::LINUX_SLL => match frame.get(14..16)? {
            [0x08, 0x00] | [0x86, 0xdd] => frame.get(16..),
            [0x81, 0x00] => frame.get(20..),
            _ => None,
        },
        DataLink::LINUX_SLL2 => match frame.get(..2)? {
            [0x08, 0x00] | [0x86, 0xdd] => frame.get(20..),
            _ => None,
        },
        DataLink::NULL => frame.get(4..),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => Some(frame),
        // The value of raw IP on some systems.
        DataLink::Unknown(12 | 14) => Some(frame),
        _ => None,
    }
}

type Udp<'a> = ((SocketAddr, SocketAddr), &'a [u8]);

/// The UDP payload of an IP packet that is no fragment.
fn udp(packet: &[u8]) -> Option<Udp<'_>> {
    let (source, destination, body): (IpAddr, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet[0] & 15) * 4;
            let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
            let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x3fff;
            if header < 20 || fragment != 0 || *packet.get(9)? != 17 {
                return None;
            }
            let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
            let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            // A total of 0 is a segment that the network card was to cut up.
            let end = if total == 0 { packet.len() } else { total };
            (source.into(), destination.into(), packet.get(header..end)?)
        }
        6 => {
            let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            let end = 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
            let (mut next, mut at) = (packet[6], 40);
            // Hop-by-hop, routing and destination options; a fragment (44) is not followed.
            while matches!(next, 0 | 43 | 60) {
                let length = 8 + 8 * usize::from(*packet.get(at + 1)?);
                next = packet[at];
                at += length;
            }
            if next != 17 {
                return None;
            }
            (source.into(), destination.into(), packet.get(at..end)?)
        }
        _ => return None,
    };
    let [s0, s1, d0, d1, l0, l1, _, _] = *body.first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let payload = body.get(8..length)?;
    let addresses = (
        SocketAddr::new(source, u16::from_be_bytes([s0, s1])),
        SocketAddr::new(destination, u16::from_be_bytes([d0, d1])),
    );
    Some((addresses, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(payload: &[u8]) -> Vec<u8> {
        let total = (28 + payload.len()) as u16;
        let mut packet = vec![0x45, 0, (total >> 8) as u8, total as u8, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0x13, 0x8c]);
        packet.extend(((8 + payload.len()) as u16).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        packet
    }

    fn ipv6(payload: &[u8]) -> Vec<u8> {
        let length = (8 + 8 + payload.len()) as u16;
        let mut packet = vec![0x60, 0, 0, 0, (length >> 8) as u8, length as u8, 60, 64];
        packet.extend([0xfe; 32]);
        packet.extend([17, 0, 1, 4, 0, 0, 0, 0, 0, 1, 0, 2]);
        packet.extend(((8 + payload.len()) as u16).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        packet
    }

    fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut file =
            vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];
        file.extend(link.to_le_bytes());
        for (n, frame) in frames.iter().enumerate() {
            for word in [7, n as u32, frame.len() as u32, frame.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        file
    }

    #[test]
    fn datagrams_come_out_of_every_link_layer() {
        let frames = [
            (1, [vec![0; 12], vec![8, 0], ipv4(b"abc")].concat()),
            (
                1,
                [vec![0; 12], vec![0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x86, 0xdd], ipv6(b"abc")]
                    .concat(),
            ),
            (113, [vec![0; 14], vec![8, 0], ipv4(b"abc")].concat()),
            (276, [vec![8, 0], vec![0; 18], ipv4(b"abc")].concat()),
            (101, ipv6(b"abc")),
            (0, [vec![2, 0, 0, 0], ipv4(b"abc")].concat()),
        ];
        for (link, frame) in frames {
            // Ethernet pads short frames.
            let padded = [frame, vec![0; 9]].concat();
            let capture = parse(&pcap(link, &[padded])).unwrap();
            assert_eq!(capture.datagrams.len(), 1, "link {link}");
            assert_eq!(capture.datagrams[0].payload, b"abc");
            assert_eq!(capture.datagrams[0].arrival_ns, 7_000_000_000);
        }
    }

    #[test]
    fn what_is_no_whole_udp_datagram_is_skipped() {
        let mut fragment = ipv4(b"abc");
        fragment[6] = 0x20;
        let mut tcp = ipv4(b"abc");
        tcp[9] = 6;
        let cut = ipv4(b"abc")[..29].to_vec();
        let capture = parse(&pcap(101, &[fragment, tcp, cut, vec![], ipv4(b"ok")])).unwrap();
        assert_eq!((capture.skipped, capture.datagrams.len()), (4, 1));
    }

    #[test]
    fn a_file_that_ends_early_is_refused_with_the_offset() {
        let whole = pcap(101, &[ipv4(b"abc"), ipv4(b"def")]);
        let error = parse(&whole[..whole.len() - 1]).unwrap_err();
        assert_eq!(error.to_string(), "at byte 71: the file ends in the middle of a record");
        assert!(matches!(parse(b"RIFF...."), Err(CaptureError::Format)));
        assert!(matches!(parse(b""), Err(CaptureError::Format)));
    }

    #[test]
    fn an_rtpdump_gives_its_packets_and_skips_rtcp() {
        let mut file = b"#!rtpplay1.0 10.0.0.1/5004\n".to_vec();
        file.extend([0; 16]);
        file.extend([0, 10, 0, 2, 0, 0, 0, 20, 0x80, 0]);
        file.extend([0, 9, 0, 0, 0, 0, 0, 30, 0x81]);
        let capture = parse(&file).unwrap();
        assert_eq!((capture.datagrams.len(), capture.skipped), (1, 1));
        assert_eq!(capture.datagrams[0].arrival_ns, 20_000_000);
        assert_eq!(capture.datagrams[0].payload, [0x80, 0]);
        file.pop();
        assert!(matches!(parse(&file), Err(CaptureError::Malformed { offset: 53, .. })));
    }

    #[test]
    fn timestamps_count_in_what_the_interface_says() {
        assert_eq!(ticks_to_ns(5, 6), 5_000);
        assert_eq!(ticks_to_ns(5, 9), 5);
        assert_eq!(ticks_to_ns(5_000, 12), 5);
        assert_eq!(ticks_to_ns(512, 0x80 | 10), 500_000_000);
    }
}
