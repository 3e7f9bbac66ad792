// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a layer to a datagram: IPv4 and IPv6, UDP and TCP, and the loop that goes through whatever
//! tunnels there are.

use std::net::{IpAddr, SocketAddr};

use super::Passed::{self, Cut, Depth, Encrypted, Malformed, NotIp, NotUdp};
use super::{Addresses, Carrier, be16, chunk, link, tunnel};

/// What one layer carries for the next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layer<'a> {
    /// A frame from its destination address on.
    Ethernet(&'a [u8]),
    /// What follows an EtherType.
    Typed(u16, &'a [u8]),
    /// From the protocol on, or from address and control.
    Ppp(&'a [u8]),
    /// An IP packet of either version.
    Ip(&'a [u8]),
    /// What an IP packet carries.
    Body(Body<'a>),
}

/// What an IP packet carries, with as much of its header as is needed further on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    pub protocol: u8,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub bytes: &'a [u8],
    /// Bytes that the capture left out at the end.
    pub missing: usize,
}

/// A piece of what an IP packet carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub body: Body<'a>,
    pub identification: u32,
    /// Place of the first byte.
    pub offset: usize,
    /// Whether there are others behind it.
    pub more: bool,
}

impl<'a> Fragment<'a> {
    /// The layer that was in pieces.
    pub(super) fn whole(&self, bytes: &'a [u8]) -> Layer<'a> {
        Layer::Body(Body { bytes, missing: 0, ..self.body })
    }
}

/// What a frame comes down to.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Datagram { addresses: Addresses, carrier: Carrier, payload: &'a [u8], missing: usize },
    Segment { addresses: Addresses, payload: &'a [u8], missing: usize },
    Fragment(Fragment<'a>),
}

/// Follows a layer down to what is of use, through at most `depth` others, which are counted off.
pub(super) fn walk<'a>(mut layer: Layer<'a>, depth: &mut usize) -> Result<Found<'a>, Passed> {
    loop {
        *depth = depth.checked_sub(1).ok_or(Depth)?;
        layer = match layer {
            Layer::Ethernet(frame) => link::ethernet(frame)?,
            Layer::Typed(kind, body) => link::typed(kind, body)?,
            Layer::Ppp(body) => link::ppp(body)?,
            Layer::Ip(packet) => match ip(packet)? {
                Ip::Whole(body) => Layer::Body(body),
                Ip::Fragment(fragment) => return Ok(Found::Fragment(fragment)),
            },
            Layer::Body(body) => match body.protocol {
                6 => return tcp(&body),
                // UDP-Lite's length says what the checksum covers (RFC 3828).
                17 | 136 => {
                    let (addresses, payload, missing) = udp(&body)?;
                    if missing == 0
                        && let Some(inner) = tunnel::in_udp(addresses, payload)
                    {
                        inner?
                    } else {
                        let (carrier, payload, missing) = tunnel::relayed(payload, missing);
                        return Ok(Found::Datagram { addresses, carrier, payload, missing });
                    }
                }
                50 => return Err(Encrypted),
                _ => tunnel::in_ip(&body)?.ok_or(NotUdp)?,
            },
        };
    }
}

enum Ip<'a> {
    Whole(Body<'a>),
    Fragment(Fragment<'a>),
}

fn ip(packet: &[u8]) -> Result<Ip<'_>, Passed> {
    match packet.first().ok_or(Cut)? >> 4 {
        4 => ipv4(packet),
        6 => ipv6(packet),
        _ => Err(NotIp),
    }
}

fn ipv4(packet: &[u8]) -> Result<Ip<'_>, Passed> {
    let fixed: &[u8; 20] = packet.first_chunk().ok_or(Cut)?;
    let header = usize::from(fixed[0] & 15) * 4;
    // A total of 0 is a segment that the network card was to cut up.
    let total = match u16::from_be_bytes([fixed[2], fixed[3]]) {
        0 => packet.len(),
        total => total.into(),
    };
    if header < 20 || total < header {
        return Err(Malformed);
    }
    let [_, _, _, _, i0, i1, f0, f1, _, protocol, ..] = *fixed;
    let body = Body {
        protocol,
        source: IpAddr::from(chunk::<4>(fixed, 12).ok_or(Cut)?),
        destination: IpAddr::from(chunk::<4>(fixed, 16).ok_or(Cut)?),
        bytes: packet.get(header..total.min(packet.len())).ok_or(Cut)?,
        missing: total.saturating_sub(packet.len()),
    };
    let place = u16::from_be_bytes([f0, f1]);
    Ok(match place & 0x3fff {
        0 => Ip::Whole(body),
        _ => Ip::Fragment(Fragment {
            body,
            identification: u16::from_be_bytes([i0, i1]).into(),
            offset: usize::from(place & 0x1fff) * 8,
            more: place & 0x2000 != 0,
        }),
    })
}

fn ipv6(packet: &[u8]) -> Result<Ip<'_>, Passed> {
    let fixed: &[u8; 40] = packet.first_chunk().ok_or(Cut)?;
    // A length of 0 is a jumbogram's, or one that the network card was to cut up.
    let total = match u16::from_be_bytes([fixed[4], fixed[5]]) {
        0 => packet.len(),
        length => 40 + usize::from(length),
    };
    let mut body = Body {
        protocol: fixed[6],
        source: IpAddr::from(chunk::<16>(fixed, 8).ok_or(Cut)?),
        destination: IpAddr::from(chunk::<16>(fixed, 24).ok_or(Cut)?),
        bytes: &packet[40..total.min(packet.len())],
        missing: total.saturating_sub(packet.len()),
    };
    loop {
        // An extension header's length does not count its first eight bytes; an
        // authentication header's counts in fours (RFC 8200 4, RFC 4302 2.2).
        let length = |at: usize| body.bytes.get(at).copied().map(usize::from).ok_or(Cut);
        let skipped = match body.protocol {
            0 | 43 | 60 | 135 | 139 | 140 => 8 + 8 * length(1)?,
            51 => 8 + 4 * length(1)?,
            44 => {
                let &[next, _, p0, p1, i0, i1, i2, i3] = body.bytes.first_chunk().ok_or(Cut)?;
                body.protocol = next;
                body.bytes = &body.bytes[8..];
                let place = u16::from_be_bytes([p0, p1]);
                let (offset, more) = (usize::from(place & 0xfff8), place & 1 != 0);
                // A packet that is its only fragment (RFC 6946).
                if offset == 0 && !more {
                    continue;
                }
                let identification = u32::from_be_bytes([i0, i1, i2, i3]);
                return Ok(Ip::Fragment(Fragment { body, identification, offset, more }));
            }
            _ => return Ok(Ip::Whole(body)),
        };
        body.protocol = length(0)? as u8;
        body.bytes = body.bytes.get(skipped..).ok_or(Cut)?;
    }
}

/// A payload between two ports, as far as it was captured, and how much is missing.
type Between<'a> = (Addresses, &'a [u8], usize);

fn udp<'a>(body: &Body<'a>) -> Result<Between<'a>, Passed> {
    let addresses = addresses(body)?;
    let there = body.bytes.len() + body.missing;
    let length = match be16(body.bytes, 4).ok_or(Cut)? {
        _ if body.protocol == 136 => there,
        0 => there,
        length => length.into(),
    };
    if length < 8 || length > there {
        return Err(Malformed);
    }
    let end = length.min(body.bytes.len());
    Ok((addresses, body.bytes.get(8..end).ok_or(Cut)?, length - end))
}

fn tcp<'a>(body: &Body<'a>) -> Result<Found<'a>, Passed> {
    let addresses = addresses(body)?;
    let header = usize::from(*body.bytes.get(12).ok_or(Cut)? >> 4) * 4;
    if header < 20 {
        return Err(Malformed);
    }
    let payload = body.bytes.get(header..).ok_or(Cut)?;
    Ok(Found::Segment { addresses, payload, missing: body.missing })
}

fn addresses(body: &Body<'_>) -> Result<Addresses, Passed> {
    let port = |at| be16(body.bytes, at).ok_or(Cut);
    Ok((SocketAddr::new(body.source, port(0)?), SocketAddr::new(body.destination, port(2)?)))
}
