// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network layer in a frame of any link: what tcpdump's list of link types calls a LINKTYPE, and
//! what may stand between it and IP: tags, labels, PPPoE.

use super::Passed::{self, Cut, Encrypted, Link, Malformed, NotIp};
use super::network::Layer;
use super::{be16, be32, chunk};

/// The outermost layer of a frame.
pub(super) fn first(link: u32, frame: &[u8]) -> Result<Layer<'_>, Passed> {
    let from = |at: usize| frame.get(at..).ok_or(Cut);
    let typed = |kind_at, body_at| {
        Ok(Layer::Typed(be16(frame, kind_at).ok_or(Cut)?, frame.get(body_at..).ok_or(Cut)?))
    };
    Ok(match link {
        // BSD's loopback, a family in the order of whichever machine; NULL and LOOP.
        0 | 108 => Layer::Ip(from(4)?),
        1 => Layer::Ethernet(frame),
        9 => Layer::Ppp(frame),
        // PPP in HDLC-like framing, or Cisco's HDLC.
        50 if !matches!(frame, [0x0f | 0x8f, ..]) => Layer::Ppp(frame),
        50 | 104 => typed(2, 4)?,
        // PPPoE without its Ethernet.
        51 => Layer::Typed(PPPOE, frame),
        // Raw IP: LINKTYPE_RAW, what some systems have for it, IPV4 and IPV6.
        12 | 14 | 101 | 228 | 229 => Layer::Ip(frame),
        // RFC 1483 over ATM.
        11 | 100 => logical_link(frame)?,
        105 => wireless(frame)?,
        // OpenBSD's encapsulating interface: family, index, flags.
        109 => Layer::Ip(from(12)?),
        113 => typed(14, 16)?,
        119 => wireless(from(prism_bytes(frame)?)?)?,
        127 => wireless(from(radiotap_bytes(frame)?)?)?,
        163 => wireless(from(be32(frame, 4).ok_or(Cut)? as usize)?)?,
        // A direction before PPP.
        166 | 204 => Layer::Ppp(from(1)?),
        192 => {
            let &[l0, l1, ..] = from(2)? else { return Err(Cut) };
            let inner = u32::from_le_bytes(chunk(frame, 4).ok_or(Cut)?);
            let body = from(u16::from_le_bytes([l0, l1]).into())?;
            match inner {
                1 => Layer::Ethernet(body),
                105 => wireless(body)?,
                other => return Err(Link(other)),
            }
        }
        276 => typed(0, 20)?,
        other => return Err(Link(other)),
    })
}

const PPPOE: u16 = 0x8864;
/// Ethernet in GRE, Geneve and others: transparent bridging.
pub(super) const BRIDGED: u16 = 0x6558;

/// Destination, source, and a type or a length.
pub(super) fn ethernet(frame: &[u8]) -> Result<Layer<'_>, Passed> {
    let kind = be16(frame, 12).ok_or(Cut)?;
    Ok(Layer::Typed(kind, &frame[14..]))
}

/// What an EtherType says that follows.
pub(super) fn typed(kind: u16, body: &[u8]) -> Result<Layer<'_>, Passed> {
    let from = |at: usize| body.get(at..).ok_or(Cut);
    Ok(match kind {
        0x0800 | 0x86dd => Layer::Ip(body),
        // 802.1Q, 802.1ad, and what came before it.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            Layer::Typed(be16(body, 2).ok_or(Cut)?, &body[4..])
        }
        // 802.1ah: a service instance, then a whole frame.
        0x88e7 => Layer::Ethernet(from(4)?),
        0x8847 | 0x8848 => labels(body)?,
        PPPOE => Layer::Ppp(from(6)?),
        BRIDGED => Layer::Ethernet(body),
        // 802.3: a length, then LLC.
        0..=1_500 => logical_link(body)?,
        _ => return Err(NotIp),
    })
}

/// LLC with SNAP (RFC 1042), or LLC alone, which carries nothing of use.
fn logical_link(body: &[u8]) -> Result<Layer<'_>, Passed> {
    match body {
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, k0, k1, rest @ ..] => {
            Ok(Layer::Typed(u16::from_be_bytes([*k0, *k1]), rest))
        }
        _ => Err(NotIp),
    }
}

/// A stack of MPLS labels (RFC 3032). What is below is not named: IP by its version, a pseudowire by
/// its control word (RFC 4385), else taken for Ethernet.
pub(super) fn labels(body: &[u8]) -> Result<Layer<'_>, Passed> {
    let mut rest = body;
    loop {
        let (label, below) = rest.split_first_chunk::<4>().ok_or(Cut)?;
        rest = below;
        if label[2] & 1 != 0 {
            break;
        }
    }
    match rest.first().ok_or(Cut)? >> 4 {
        4 | 6 => Ok(Layer::Ip(rest)),
        0 => Ok(Layer::Ethernet(rest.get(4..).ok_or(Cut)?)),
        _ => Ok(Layer::Ethernet(rest)),
    }
}

/// Address and control may be left out, and so may the first byte of the protocol (RFC 1661 6.5).
pub(super) fn ppp(body: &[u8]) -> Result<Layer<'_>, Passed> {
    let body = body.strip_prefix(&[0xff, 3]).unwrap_or(body);
    let (protocol, rest) = match body {
        [short, rest @ ..] if short & 1 != 0 => (u16::from(*short), rest),
        [p0, p1, rest @ ..] => (u16::from_be_bytes([*p0, *p1]), rest),
        _ => return Err(Cut),
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Layer::Ip(rest)),
        0x0281 | 0x0283 => labels(rest),
        _ => Err(NotIp),
    }
}

/// IEEE 802.11: data frames that are in the clear.
fn wireless(frame: &[u8]) -> Result<Layer<'_>, Passed> {
    let &[control, flags] = frame.first_chunk().ok_or(Cut)?;
    // Data with a body: type 2, and not one of the null subtypes.
    if control & 0x0c != 0x08 || control & 0x40 != 0 {
        return Err(NotIp);
    }
    if flags & 0x40 != 0 {
        return Err(Encrypted);
    }
    let mut header = 24;
    if flags & 3 == 3 {
        header += 6;
    }
    if control & 0x80 != 0 {
        header += if flags & 0x80 != 0 { 6 } else { 2 };
    }
    logical_link(frame.get(header..).ok_or(Cut)?)
}

fn radiotap_bytes(frame: &[u8]) -> Result<usize, Passed> {
    let length = u16::from_le_bytes(chunk(frame, 2).ok_or(Cut)?);
    if length < 8 { Err(Malformed) } else { Ok(length.into()) }
}

/// Prism's header says its length in the order of whoever wrote it; AVS's, which may stand in its
/// place, in network order.
fn prism_bytes(frame: &[u8]) -> Result<usize, Passed> {
    let length = chunk(frame, 4).ok_or(Cut)?;
    Ok(u32::from_be_bytes(length).min(u32::from_le_bytes(length)) as usize)
}
