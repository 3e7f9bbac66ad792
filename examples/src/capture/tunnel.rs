// SPDX-License-Identifier: MIT OR Apache-2.0
//! What carries another packet (IP in IP, GRE, MPLS in IP, VXLAN, Geneve, GTP-U, Teredo), what relays
//! a datagram (TURN), and what frames packets in a byte stream.
//!
//! Tunnels in UDP are known by their ports and by a first byte that no RTP packet has, so that a
//! stream on such a port is not lost.

use std::net::SocketAddr;

use super::Passed::{self, Cut, Malformed, NotIp};
use super::link::{self, BRIDGED};
use super::network::{Body, Layer};
use super::{Addresses, Carrier, be16, be32};

/// What is in an IP packet that is neither UDP nor TCP: none if nothing that is followed.
pub(super) fn in_ip<'a>(body: &Body<'a>) -> Result<Option<Layer<'a>>, Passed> {
    let bytes = body.bytes;
    Ok(Some(match body.protocol {
        4 | 41 => Layer::Ip(bytes),
        47 => generic(bytes)?,
        // Authentication (RFC 4302) over IPv4; over IPv6 it is an extension header.
        51 => {
            let &[next, length, ..] = bytes else { return Err(Cut) };
            let inner = bytes.get(8 + 4 * usize::from(length)..).ok_or(Cut)?;
            Layer::Body(Body { protocol: next, bytes: inner, ..*body })
        }
        // Ethernet in IP (RFC 3378).
        97 => Layer::Ethernet(bytes.get(2..).ok_or(Cut)?),
        137 => link::labels(bytes)?,
        _ => return Ok(None),
    }))
}

/// GRE (RFC 2784, RFC 2890), with PPTP's acknowledgement (RFC 2637) and ERSPAN's headers.
fn generic(bytes: &[u8]) -> Result<Layer<'_>, Passed> {
    let flags = be16(bytes, 0).ok_or(Cut)?;
    let kind = be16(bytes, 2).ok_or(Cut)?;
    if flags & 0x4000 != 0 {
        // Source routes (RFC 1701), which nobody sends.
        return Err(NotIp);
    }
    let mut header = 4;
    for present in [0x8000, 0x2000, 0x1000, 0x0080] {
        if flags & present != 0 {
            header += 4;
        }
    }
    let body = bytes.get(header..).ok_or(Cut)?;
    match kind {
        0x880b => Ok(Layer::Ppp(body)),
        // ERSPAN: the first version has no header of its own and no sequence number.
        0x88be if flags & 0x1000 == 0 => Ok(Layer::Ethernet(body)),
        0x88be => Ok(Layer::Ethernet(body.get(8..).ok_or(Cut)?)),
        0x22eb => {
            let sub_header = if body.get(11).ok_or(Cut)? & 1 != 0 { 8 } else { 0 };
            Ok(Layer::Ethernet(body.get(12 + sub_header..).ok_or(Cut)?))
        }
        _ => Ok(Layer::Typed(kind, body)),
    }
}

/// What is in a datagram of a tunnel's; none if it is one of no tunnel.
pub(super) fn in_udp((_, to): Addresses, payload: &[u8]) -> Option<Result<Layer<'_>, Passed>> {
    let inner = match (to.port(), payload) {
        // VXLAN (RFC 7348); 8472 is what Linux had before there was a number.
        (4_789 | 8_472, [0x08, 0, 0, 0, _, _, _, _, rest @ ..]) => Ok(Layer::Ethernet(rest)),
        // Geneve (RFC 8926), version 0.
        (6_081, [first @ 0..=0x3f, ..]) => geneve(*first, payload),
        // GTP-U, version 1 (3GPP TS 29.281), a G-PDU.
        (2_152, [0x30..=0x37, 0xff, ..]) => gtp(payload),
        // MPLS in UDP (RFC 7510).
        (6_635, _) if payload.first()? >> 6 != 2 => link::labels(payload),
        _ if is_teredo(to) => teredo(payload)?,
        (_, _) => return None,
    };
    Some(inner)
}

fn geneve(first: u8, payload: &[u8]) -> Result<Layer<'_>, Passed> {
    let kind = be16(payload, 2).ok_or(Cut)?;
    let body = payload.get(8 + 4 * usize::from(first)..).ok_or(Cut)?;
    Ok(if kind == BRIDGED { Layer::Ethernet(body) } else { Layer::Typed(kind, body) })
}

fn gtp(payload: &[u8]) -> Result<Layer<'_>, Passed> {
    let flags = payload[0];
    let mut at = 8;
    if flags & 7 != 0 {
        // Sequence number, N-PDU number, and the first of a chain of extension headers.
        let mut next = *payload.get(11).ok_or(Cut)?;
        at = 12;
        while next != 0 {
            let length = 4 * usize::from(*payload.get(at).ok_or(Cut)?);
            if length == 0 {
                return Err(Malformed);
            }
            at += length;
            next = *payload.get(at - 1).ok_or(Cut)?;
        }
    }
    Ok(Layer::Ip(payload.get(at..).ok_or(Cut)?))
}

fn is_teredo(to: SocketAddr) -> bool {
    to.port() == 3_544
}

/// IPv6 over UDP (RFC 4380), behind an origin indication if there is one.
fn teredo(payload: &[u8]) -> Option<Result<Layer<'_>, Passed>> {
    let inner = match payload {
        [0, 0, _, _, _, _, _, _, rest @ ..] => rest,
        all => all,
    };
    (inner.first()? >> 4 == 6).then_some(Ok(Layer::Ip(inner)))
}

const STUN_COOKIE: u32 = 0x2112_a442;
const STUN_DATA: u16 = 0x0013;

/// What a TURN server relays in a datagram (RFC 8656 12, 11): a channel's data, or that of a Send or
/// Data indication. Anything else is the datagram itself.
pub(super) fn relayed(payload: &[u8], missing: usize) -> (Carrier, &[u8], usize) {
    let there = payload.len() + missing;
    let inner = match payload {
        // RFC 5766 had channels up to 0x7fff. Data may be padded to a multiple of four.
        [0x40..=0x7f, _, l0, l1, data @ ..] => {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let padding = there.checked_sub(4 + length);
            padding.filter(|&padding| padding < 4).map(|_| {
                let end = length.min(data.len());
                (&data[..end], length - end)
            })
        }
        [0x00, 0x16 | 0x17, ..] if be32(payload, 4) == Some(STUN_COOKIE) => {
            indicated(payload, missing)
        }
        _ => None,
    };
    match inner {
        Some((data, missing)) => (Carrier::Turn, data, missing),
        None => (Carrier::Udp, payload, missing),
    }
}

/// The DATA attribute of a STUN message.
fn indicated(message: &[u8], missing: usize) -> Option<(&[u8], usize)> {
    let mut at = 20;
    loop {
        let (kind, length) = (be16(message, at)?, usize::from(be16(message, at + 2)?));
        if kind == STUN_DATA {
            let data = message.get(at + 4..)?;
            let end = length.min(data.len());
            return (length - end <= missing).then_some((&data[..end], length - end));
        }
        at += 4 + length.next_multiple_of(4);
    }
}

/// Packets in a TCP segment that begins with one: by their length (RFC 4571), in RTSP's
/// interleaving, in a TURN channel or indication. A segment that begins in the middle of one gives
/// nothing.
pub(super) fn frames_in_segment(
    segment: &[u8],
    missing: usize,
    mut each: impl FnMut(&[u8], usize),
) {
    let mut rest = segment;
    loop {
        if be32(rest, 4) == Some(STUN_COOKIE) {
            let length = 20 + usize::from(be16(rest, 2).unwrap_or(0));
            let message = &rest[..length.min(rest.len())];
            if let ([0, 0x16 | 0x17, ..], Some((data, left_out))) =
                (message, indicated(message, missing))
            {
                each(data, left_out);
            }
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let (header, length, padding) = match rest {
            [b'$', 0..=31, l0, l1, ..] => (4, u16::from_be_bytes([*l0, *l1]), 0),
            [0x40..=0x7f, _, l0, l1, ..] => {
                let length = u16::from_be_bytes([*l0, *l1]);
                (4, length, usize::from(length.wrapping_neg() & 3))
            }
            [l0, l1, ..] => (2, u16::from_be_bytes([*l0, *l1]), 0),
            _ => return,
        };
        let length = usize::from(length);
        let body = &rest[header.min(rest.len())..];
        // Version 2, and long enough for a header.
        if length < 12 || body.first().is_none_or(|first| first >> 6 != 2) {
            return;
        }
        if length > body.len() {
            // The rest is in the next segment, or was not captured.
            if missing > 0 {
                each(body, length - body.len());
            }
            return;
        }
        each(&body[..length], 0);
        rest = body.get(length + padding..).unwrap_or_default();
    }
}
