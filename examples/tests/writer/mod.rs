// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures as a slow and obvious writer makes them, for tests to read: packets, what may be around
//! them, and files.

// Each test uses its part.
#![allow(dead_code)]

/// Numbers in the order of the machine that writes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> Vec<u8> {
        match self {
            Self::Big => value.to_be_bytes().to_vec(),
            Self::Little => value.to_le_bytes().to_vec(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> Vec<u8> {
        match self {
            Self::Big => value.to_be_bytes().to_vec(),
            Self::Little => value.to_le_bytes().to_vec(),
        }
    }

    pub(crate) fn u64(self, value: u64) -> Vec<u8> {
        match self {
            Self::Big => value.to_be_bytes().to_vec(),
            Self::Little => value.to_le_bytes().to_vec(),
        }
    }
}

/// An RTP packet of 20 ms of mu-law.
pub(crate) fn rtp(ssrc: u32, number: u16) -> Vec<u8> {
    // Timestamps go on where the numbers wrap.
    let timestamp = i32::from(number.cast_signed()) * 160;
    rtp_of(ssrc, number, 0, timestamp.cast_unsigned(), &[0x55; 160])
}

pub(crate) fn rtp_of(
    ssrc: u32,
    number: u16,
    payload_type: u8,
    timestamp: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

pub(crate) const FROM: u16 = 40_000;
pub(crate) const TO: u16 = 5_004;

pub(crate) fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for word in [from, to, 8 + payload.len() as u16, 0] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend(payload);
    datagram
}

pub(crate) fn tcp(from: u16, to: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from.to_be_bytes());
    segment.extend(to.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0x50, 0x18, 0x10, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

pub(crate) fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    ipv4_piece(protocol, 1, 0, body)
}

/// `place` is the flags and the offset in eights.
pub(crate) fn ipv4_piece(protocol: u8, identification: u16, place: u16, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + body.len() as u16).to_be_bytes());
    packet.extend(identification.to_be_bytes());
    packet.extend(place.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend(body);
    packet
}

pub(crate) fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    for last in [1, 2] {
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(body);
    packet
}

pub(crate) fn ipv6_piece(identification: u32, place: u16, body: &[u8]) -> Vec<u8> {
    let mut piece = vec![17, 0];
    piece.extend(place.to_be_bytes());
    piece.extend(identification.to_be_bytes());
    piece.extend(body);
    ipv6(44, &piece)
}

pub(crate) fn ethernet(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(kind.to_be_bytes());
    frame.extend(body);
    frame
}

/// Bytes, one after the other.
pub(crate) fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A way to wrap a payload, and the link type of the frames that it makes.
pub(crate) type Wrapping = (&'static str, u32, fn(&[u8]) -> Vec<u8>);

fn plain(payload: &[u8]) -> Vec<u8> {
    ipv4(17, &udp(FROM, TO, payload))
}

fn plain6(payload: &[u8]) -> Vec<u8> {
    ipv6(17, &udp(FROM, TO, payload))
}

/// Links and what is between them and IP.
pub(crate) const LINKS: &[Wrapping] = &[
    ("Ethernet", 1, |p| ethernet(0x0800, &plain(p))),
    ("Ethernet, IPv6", 1, |p| ethernet(0x86dd, &plain6(p))),
    ("VLAN", 1, |p| ethernet(0x8100, &cat(&[&[0, 5, 8, 0], &plain(p)]))),
    ("QinQ", 1, |p| ethernet(0x88a8, &cat(&[&[0, 1, 0x81, 0, 0, 2, 0x86, 0xdd], &plain6(p)]))),
    ("PPPoE", 1, |p| {
        let ip = plain(p);
        let length = (ip.len() as u16 + 2).to_be_bytes();
        ethernet(0x8864, &cat(&[&[0x11, 0, 0, 1], &length, &[0, 0x21], &ip]))
    }),
    ("MPLS", 1, |p| ethernet(0x8847, &cat(&[&[0, 1, 0, 64, 0, 2, 1, 64], &plain(p)]))),
    ("pseudowire", 1, |p| {
        let inner = ethernet(0x0800, &plain(p));
        ethernet(0x8847, &cat(&[&[0, 1, 1, 64, 0, 0, 0, 0], &inner]))
    }),
    ("LLC and SNAP", 1, |p| {
        let body = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &plain(p)]);
        ethernet(body.len() as u16, &body)
    }),
    ("SLL", 113, |p| cat(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &plain(p)])),
    ("SLL, VLAN", 113, |p| {
        cat(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0, 0, 5, 8, 0], &plain(p)])
    }),
    ("SLL2", 276, |p| cat(&[&[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6], &[0; 8], &plain(p)])),
    ("raw", 101, plain),
    ("raw, IPv6", 229, plain6),
    ("BSD loopback, little", 0, |p| cat(&[&[2, 0, 0, 0], &plain(p)])),
    ("BSD loopback, big", 0, |p| cat(&[&[0, 0, 0, 30], &plain6(p)])),
    ("PPP", 9, |p| cat(&[&[0xff, 3, 0, 0x21], &plain(p)])),
    ("PPP, short", 9, |p| cat(&[&[0x57], &plain6(p)])),
    ("Cisco HDLC", 104, |p| cat(&[&[0x0f, 0, 8, 0], &plain(p)])),
    ("IEEE 802.11", 105, |p| {
        let header = [0x08, 1, 0, 0].into_iter().chain([2; 18]).chain([0, 0]);
        let header: Vec<u8> = header.collect();
        cat(&[&header, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &plain(p)])
    }),
    ("radiotap, QoS", 127, |p| {
        let header = [0x88, 2, 0, 0].into_iter().chain([2; 18]).chain([0, 0, 6, 0]);
        let header: Vec<u8> = header.collect();
        let tap = [0, 0, 8, 0, 0, 0, 0, 0];
        cat(&[&tap, &header, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &plain(p)])
    }),
];

/// What carries other packets.
pub(crate) const TUNNELS: &[Wrapping] = &[
    ("extension headers", 101, |p| {
        let udp = udp(FROM, TO, p);
        ipv6(0, &cat(&[&[43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0], &options(17), &udp]))
    }),
    ("IP in IP", 101, |p| ipv4(4, &plain(p))),
    ("6in4", 101, |p| ipv4(41, &plain6(p))),
    ("IPv4 in IPv6", 101, |p| ipv6(4, &plain(p))),
    ("GRE", 101, |p| ipv4(47, &cat(&[&[0, 0, 8, 0], &plain(p)]))),
    ("GRE, key and sequence", 101, |p| {
        ipv4(
            47,
            &cat(&[&[0x30, 0, 0x65, 0x58, 0, 0, 0, 7, 0, 0, 0, 1], &ethernet(0x0800, &plain(p))]),
        )
    }),
    ("ERSPAN", 101, |p| {
        let inner = ethernet(0x0800, &plain(p));
        ipv4(47, &cat(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 1, 0, 0, 0, 0], &inner]))
    }),
    ("VXLAN", 101, |p| {
        let inner = ethernet(0x0800, &plain(p));
        ipv4(17, &udp(50_000, 4_789, &cat(&[&[8, 0, 0, 0, 0, 0, 7, 0], &inner])))
    }),
    ("Geneve", 101, |p| {
        let inner = ethernet(0x0800, &plain(p));
        let header = [1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0];
        ipv4(17, &udp(50_000, 6_081, &cat(&[&header, &inner])))
    }),
    ("GTP-U", 101, |p| {
        let inner = plain(p);
        let length = (inner.len() as u16).to_be_bytes();
        ipv4(17, &udp(2_152, 2_152, &cat(&[&[0x30, 0xff], &length, &[0, 0, 0, 9], &inner])))
    }),
    ("GTP-U, extension", 101, |p| {
        let inner = plain(p);
        let length = (inner.len() as u16 + 8).to_be_bytes();
        let extension = [0, 0, 0, 0x85, 1, 0, 9, 0];
        let header = cat(&[&[0x34, 0xff], &length, &[0, 0, 0, 9], &extension]);
        ipv4(17, &udp(2_152, 2_152, &cat(&[&header, &inner])))
    }),
    ("Teredo", 101, |p| ipv4(17, &udp(50_000, 3_544, &plain6(p)))),
    ("MPLS in UDP", 101, |p| ipv4(17, &udp(50_000, 6_635, &cat(&[&[0, 1, 1, 64], &plain(p)])))),
    ("authentication", 101, |p| {
        let header = [17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
        ipv4(51, &cat(&[&header, &udp(FROM, TO, p)]))
    }),
];

/// Destination options of 16 bytes.
fn options(next: u8) -> Vec<u8> {
    vec![next, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// What relays a datagram between the same ports.
pub(crate) const RELAYS: &[Wrapping] = &[
    ("TURN indication", 101, |p| {
        let peer = [0, 0x12, 0, 8, 0, 1, 0x21, 0x12, 0xe1, 0x12, 0xa6, 0x41];
        let length = (p.len() as u16).to_be_bytes();
        let padding = vec![0; p.len().next_multiple_of(4) - p.len()];
        let attributes = cat(&[&peer, &[0, 0x13], &length, p, &padding]);
        let all = (attributes.len() as u16).to_be_bytes();
        let header = cat(&[&[0, 0x17], &all, &[0x21, 0x12, 0xa4, 0x42], &[7; 12]]);
        ipv4(17, &udp(FROM, TO, &cat(&[&header, &attributes])))
    }),
    ("TURN channel", 101, |p| {
        let length = (p.len() as u16).to_be_bytes();
        ipv4(17, &udp(FROM, TO, &cat(&[&[0x40, 1], &length, p])))
    }),
    ("RFC 4571", 101, |p| {
        let length = (p.len() as u16).to_be_bytes();
        ipv4(6, &tcp(FROM, TO, u32::from(p[3]) * 174, &cat(&[&length, p])))
    }),
    ("RTSP", 101, |p| {
        let length = (p.len() as u16).to_be_bytes();
        ipv4(6, &tcp(FROM, TO, u32::from(p[3]) * 176, &cat(&[b"$\0", &length, p])))
    }),
];

/// A frame and when it came, in nanoseconds.
pub(crate) type Frame = (u64, Vec<u8>);

/// Frames 20 ms apart.
pub(crate) fn every_20_ms(frames: Vec<Vec<u8>>) -> Vec<Frame> {
    (0..).map(|n| 1_000_040_000_000 + n * 20_000_000).zip(frames).collect()
}

/// A classic capture; `longest` is the snapshot length.
pub(crate) fn pcap(order: Order, link: u32, longest: usize, frames: &[Frame]) -> Vec<u8> {
    pcap_of(0xa1b2_c3d4, 1_000, 16, order, link, longest, frames)
}

/// With any magic number, nanoseconds a unit of time, and bytes a record's header.
pub(crate) fn pcap_of(
    magic: u32,
    unit_ns: u64,
    header: usize,
    order: Order,
    link: u32,
    longest: usize,
    frames: &[Frame],
) -> Vec<u8> {
    let mut file = order.u32(magic);
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    for word in [0, 0, longest as u32, link] {
        file.extend(order.u32(word));
    }
    for (ns, frame) in frames {
        let captured = frame.len().min(longest);
        let (seconds, fraction) = (ns / 1_000_000_000, ns % 1_000_000_000 / unit_ns);
        for word in [seconds as u32, fraction as u32, captured as u32, frame.len() as u32] {
            file.extend(order.u32(word));
        }
        file.extend(vec![0x77; header - 16]);
        file.extend(&frame[..captured]);
    }
    file
}

/// A block of pcapng around a body.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.u32(12 + padded as u32);
    let mut block = cat(&[&order.u32(kind), &length, body]);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = cat(&[&order.u32(0x1a2b_3c4d), &order.u16(1), &order.u16(0), &[0xff; 8]]);
    block(order, 0x0a0d_0d0a, &body)
}

pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = cat(&[&order.u16(code), &order.u16(value.len() as u16), value]);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

pub(crate) fn interface(order: Order, link: u16, longest: u32, options: &[u8]) -> Vec<u8> {
    let body = cat(&[&order.u16(link), &order.u16(0), &order.u32(longest), options]);
    block(order, 1, &body)
}

/// `time` in the interface's ticks.
pub(crate) fn enhanced(order: Order, interface: u32, time: u64, frame: &[u8]) -> Vec<u8> {
    let mut body = order.u32(interface);
    let length = frame.len() as u32;
    for word in [(time >> 32) as u32, time as u32, length, length] {
        body.extend(order.u32(word));
    }
    body.extend(frame);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(option(order, 1, b"a comment"));
    body.extend(option(order, 0, &[]));
    block(order, 6, &body)
}

/// A packet block as it was before there were enhanced ones.
pub(crate) fn old_packet(order: Order, interface: u16, time: u64, frame: &[u8]) -> Vec<u8> {
    let mut body = cat(&[&order.u16(interface), &order.u16(0)]);
    let length = frame.len() as u32;
    for word in [(time >> 32) as u32, time as u32, length, length] {
        body.extend(order.u32(word));
    }
    body.extend(frame);
    block(order, 2, &body)
}

pub(crate) fn simple(order: Order, longest: usize, frame: &[u8]) -> Vec<u8> {
    let captured = &frame[..frame.len().min(longest)];
    block(order, 3, &cat(&[&order.u32(frame.len() as u32), captured]))
}

/// rtpdump: each packet with its milliseconds.
pub(crate) fn rtpdump(packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"#!rtpplay1.0 192.0.2.1/4000\n".to_vec();
    file.extend([0; 16]);
    for (ms, packet) in packets {
        file.extend((8 + packet.len() as u16).to_be_bytes());
        file.extend((packet.len() as u16).to_be_bytes());
        file.extend(ms.to_be_bytes());
        file.extend(packet);
    }
    file
}
