// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagrams with their arrival times out of what people have: pcap, pcapng, rtpdump.
//!
//! In layers, each of which knows only its own:
//!
//! - `pcap`, `pcapng`, `rtpdump`: frames out of a file;
//! - `link`: the network layer in a frame (Ethernet, cooked, PPP, IEEE 802.11, tags and labels);
//! - `network`: IPv4 and IPv6 with their extension headers, UDP, TCP; `fragments` puts together;
//! - `tunnel`: what carries another packet, or a datagram of TURN's;
//! - [`streams`]: RTP among the datagrams, found by what repeats.
//!
//! A capture comes from anywhere. What is whole is read; what was cut short by the snapshot length
//! or by the end of the file is told apart from what is wrong, counted, and never guessed.

mod fragments;
mod link;
mod network;
mod pcap;
mod pcapng;
mod rtpdump;
pub mod streams;
mod tunnel;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use fragments::Fragments;
use network::{Found, Layer};

/// Source and destination.
pub type Addresses = (SocketAddr, SocketAddr);

/// One datagram, or one packet framed in a TCP segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Nanoseconds since the capture's epoch (usually 1970; rtpdump: the start of the dump).
    pub arrival_ns: u64,
    /// Where it came from and went to; not known in an rtpdump.
    pub addresses: Option<Addresses>,
    /// What brought it.
    pub carrier: Carrier,
    /// The payload, as far as it was captured.
    pub payload: Vec<u8>,
    /// How many bytes of the payload the capture left out.
    pub missing: usize,
}

/// What brought a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// UDP.
    Udp,
    /// A TURN channel or indication (RFC 8656); the addresses are the client's and the server's.
    Turn,
    /// A TCP segment that is framed by RFC 4571, RTSP (RFC 2326 10.12) or TURN.
    Tcp,
}

/// Why a frame gave no datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Passed {
    /// Its headers are not all in the capture.
    Cut,
    /// A fragment whose others are not in the capture, or too many at once.
    Fragment,
    /// A header contradicts itself.
    Malformed,
    /// Encrypted below the transport (ESP, IEEE 802.11).
    Encrypted,
    /// More than [`MAX_LAYERS`] layers.
    Depth,
    /// A link type that is not read, by its number.
    Link(u32),
    /// Not IP.
    NotIp,
    /// IP, but neither UDP nor framed packets in TCP.
    NotUdp,
}

impl Passed {
    /// Whether such a frame may have been one of a call.
    pub fn may_hide_rtp(self) -> bool {
        !matches!(self, Self::NotIp | Self::NotUdp)
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut short by the capture",
            Self::Fragment => "fragments without the others",
            Self::Malformed => "malformed",
            Self::Encrypted => "encrypted below the transport",
            Self::Depth => "with too many layers",
            Self::Link(link) => return write!(f, "of link type {link}, which is not read"),
            Self::NotIp => "not IP",
            Self::NotUdp => "not UDP",
        })
    }
}

/// Layers that are followed into a frame.
pub const MAX_LAYERS: usize = 24;

/// What a capture holds.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    /// The datagrams, in the order of the file.
    pub datagrams: Vec<Datagram>,
    /// How many frames gave none, by why.
    pub passed: BTreeMap<Passed, usize>,
    /// Where the file stops making sense, if it does: what is before was read.
    pub damage: Option<Damage>,
    /// Time of the first frame.
    pub start_ns: Option<u64>,
}

/// Where and why a file stops making sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Offset of the record that is not whole, in bytes.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.reason)
    }
}

/// Why a file can't be read as a capture at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file can't be read.
    Io(std::io::Error),
    /// It is none of the known formats.
    Format,
    /// It is compressed, by this.
    Compressed(&'static str),
    /// Its header is not whole.
    Header(Damage),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format => {
                f.write_str("neither pcap, pcapng nor rtpdump (editcap converts others)")
            }
            Self::Compressed(by) => write!(f, "compressed by {by}; unpack it first"),
            Self::Header(damage) => damage.fmt(f),
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
/// All of [`CaptureError`] but `Io`: where the header is whole, what follows is read as far as it
/// makes sense, and [`Capture::damage`] says how far that is.
pub fn parse(bytes: &[u8]) -> Result<Capture, CaptureError> {
    let mut reading = Reading::default();
    match bytes {
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => pcapng::parse(bytes, &mut reading)?,
        [b'#', b'!', b'r', b't', b'p', b'p', b'l', b'a', b'y', ..] => {
            rtpdump::parse(bytes, &mut reading)?;
        }
        [0x1f, 0x8b, ..] => return Err(CaptureError::Compressed("gzip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(CaptureError::Compressed("zstd")),
        [0x04, 0x22, 0x4d, 0x18, ..] => return Err(CaptureError::Compressed("lz4")),
        _ => pcap::parse(bytes, &mut reading)?,
    }
    Ok(reading.finish())
}

/// A capture that is being read: what the formats hand frames to.
#[derive(Debug, Default)]
struct Reading {
    capture: Capture,
    fragments: Fragments,
}

impl Reading {
    /// A frame of a link type, as far as it was captured.
    fn frame(&mut self, arrival_ns: u64, link: u32, frame: &[u8]) {
        self.capture.start_ns.get_or_insert(arrival_ns);
        let result =
            link::first(link, frame).and_then(|layer| self.follow(arrival_ns, layer, MAX_LAYERS));
        if let Err(why) = result {
            self.pass(why, 1);
        }
    }

    fn pass(&mut self, why: Passed, frames: usize) {
        if frames > 0 {
            *self.capture.passed.entry(why).or_default() += frames;
        }
    }

    /// A datagram, and the end of what the frame is good for.
    fn push(&mut self, datagram: Datagram) {
        self.capture.start_ns.get_or_insert(datagram.arrival_ns);
        self.capture.datagrams.push(datagram);
    }

    fn follow(
        &mut self,
        arrival_ns: u64,
        layer: Layer<'_>,
        mut depth: usize,
    ) -> Result<(), Passed> {
        match network::walk(layer, &mut depth)? {
            Found::Datagram { addresses, carrier, payload, missing } => self.push(Datagram {
                arrival_ns,
                addresses: Some(addresses),
                carrier,
                payload: payload.to_vec(),
                missing,
            }),
            Found::Segment { addresses, payload, missing } => {
                let mut found = false;
                tunnel::frames_in_segment(payload, missing, |payload, missing| {
                    found = true;
                    self.push(Datagram {
                        arrival_ns,
                        addresses: Some(addresses),
                        carrier: Carrier::Tcp,
                        payload: payload.to_vec(),
                        missing,
                    });
                });
                if !found {
                    return Err(Passed::NotUdp);
                }
            }
            Found::Fragment(fragment) => {
                let (whole, dropped) = self.fragments.add(arrival_ns, &fragment);
                self.pass(Passed::Fragment, dropped);
                if let Some(body) = whole {
                    let layer = fragment.whole(&body);
                    return self.follow(arrival_ns, layer, depth);
                }
            }
        }
        Ok(())
    }

    fn damage(&mut self, offset: usize, reason: &'static str) {
        self.capture.damage = Some(Damage { offset, reason });
    }

    fn finish(mut self) -> Capture {
        let left = self.fragments.frames();
        self.pass(Passed::Fragment, left);
        self.capture
    }
}

/// The bytes from `at`, as many as `N`.
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Two bytes in network order.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    chunk(bytes, at).map(u16::from_be_bytes)
}

/// Four bytes in network order.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    chunk(bytes, at).map(u32::from_be_bytes)
}

/// Numbers in the order of the machine that wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        chunk(bytes, at).map(|b| match self {
            Self::Big => u16::from_be_bytes(b),
            Self::Little => u16::from_le_bytes(b),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        chunk(bytes, at).map(|b| match self {
            Self::Big => u32::from_be_bytes(b),
            Self::Little => u32::from_le_bytes(b),
        })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        chunk(bytes, at).map(|b| match self {
            Self::Big => u64::from_be_bytes(b),
            Self::Little => u64::from_le_bytes(b),
        })
    }
}
