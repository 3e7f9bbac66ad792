// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people have is read: every format, link and tunnel gives the packets that were put in; what is
//! not whole is told apart; and whatever the bytes are, never more comes out than went in.

mod writer;

use std::net::SocketAddr;

use examples::capture::streams::{self, Stream};
use examples::capture::{self, Capture, CaptureError, Carrier, Passed};
use writer::{
    FROM, LINKS, Order, RELAYS, TO, TUNNELS, block, cat, enhanced, ethernet, every_20_ms,
    interface, ipv4, ipv4_piece, ipv6_piece, old_packet, option, pcap, pcap_of, rtp, rtp_of,
    rtpdump, section, simple, tcp, udp,
};

const COUNT: u16 = 6;
const SSRC: u32 = 0x0bad_cafe;
const ORDERS: [Order; 2] = [Order::Big, Order::Little];

fn packets() -> Vec<Vec<u8>> {
    (65_533..).take(COUNT.into()).map(|n: u32| rtp(SSRC, n as u16)).collect()
}

fn payloads(capture: &Capture) -> Vec<Vec<u8>> {
    capture.datagrams.iter().map(|datagram| datagram.payload.clone()).collect()
}

fn passed(capture: &Capture) -> Vec<(Passed, usize)> {
    capture.passed.iter().map(|(&why, &frames)| (why, frames)).collect()
}

#[test]
fn every_link_and_tunnel_gives_the_packets_and_their_ports() {
    for (name, link, wrap) in LINKS.iter().chain(TUNNELS).chain(RELAYS) {
        // Ethernet pads short frames.
        let frames = packets().iter().map(|p| [wrap(p), vec![0; 9]].concat()).collect();
        let file = pcap(Order::Little, *link, 65_535, &every_20_ms(frames));
        let capture = capture::parse(&file).unwrap();
        assert_eq!(payloads(&capture), packets(), "{name}: {:?}", capture.passed);
        assert_eq!(capture.damage, None, "{name}");
        let (from, to): (SocketAddr, SocketAddr) = capture.datagrams[0].addresses.unwrap();
        assert_eq!((from.port(), to.port()), (FROM, TO), "{name}");
        let ends = if from.is_ipv4() { "192.0.2.1 192.0.2.2" } else { "2001:db8::1 2001:db8::2" };
        assert_eq!(format!("{} {}", from.ip(), to.ip()), ends, "{name}");
        let carrier = match *name {
            "RFC 4571" | "RTSP" => Carrier::Tcp,
            name if name.starts_with("TURN") => Carrier::Turn,
            _ => Carrier::Udp,
        };
        assert!(capture.datagrams.iter().all(|d| d.carrier == carrier), "{name}");
        assert!(capture.datagrams.iter().all(|d| d.missing == 0), "{name}");
        let [stream] = &streams::find(&capture.datagrams, None)[..] else { panic!("{name}") };
        assert_eq!((stream.ssrc, stream.packets.len(), stream.lost), (SSRC, 6, 0), "{name}");
        assert_eq!(stream.clock_hz(), Some(8_000), "{name}");
    }
}

#[test]
fn classic_captures_of_every_kind_are_read() {
    let frames: Vec<_> =
        packets().iter().map(|p| ethernet(0x0800, &ipv4(17, &udp(FROM, TO, p)))).collect();
    let frames = every_20_ms(frames);
    for order in ORDERS {
        for (magic, unit_ns, header) in [
            (0xa1b2_c3d4, 1_000, 16),
            (0xa1b2_3c4d, 1, 16),
            (0xa1b2_cd34, 1_000, 24),
            (0xa1b2_cd34, 1_000, 16),
            (0xa1b2_c3d4, 1_000, 24),
            (0xa1b2_c3d4, 1_000, 20),
        ] {
            // What an FCS's length is told by is not the link type's.
            let link = 0x5400_0001;
            let file = pcap_of(magic, unit_ns, header, order, link, 65_535, &frames);
            let capture = capture::parse(&file).unwrap();
            assert_eq!(payloads(&capture), packets(), "{magic:x} {header} {order:?}");
            for (datagram, (ns, _)) in capture.datagrams.iter().zip(&frames) {
                assert_eq!(datagram.arrival_ns, *ns, "{magic:x} {header} {order:?}");
            }
        }
    }
    // A snapshot length that is told too short is nobody's concern.
    let mut file = pcap(Order::Big, 1, 65_535, &frames);
    file[16..20].copy_from_slice(&[0, 0, 0, 60]);
    assert_eq!(payloads(&capture::parse(&file).unwrap()), packets());
    // Some programs of the first days wrote the two lengths the other way round.
    let cut = pcap(Order::Big, 1, 100, &frames);
    let mut swapped = cut.clone();
    swapped[4..8].copy_from_slice(&[0, 2, 0, 2]);
    for n in 0..usize::from(COUNT) {
        let at = 24 + n * 116;
        swapped[at + 8..at + 16].rotate_left(4);
    }
    let (one, other) = (capture::parse(&cut).unwrap(), capture::parse(&swapped).unwrap());
    assert_eq!(one.datagrams, other.datagrams);
    assert_eq!(one.datagrams.len(), 6);
}

#[test]
fn pcapng_is_read_with_odd_options_sections_and_blocks() {
    let wanted = packets();
    let frames: Vec<_> = wanted.iter().map(|p| ipv4(17, &udp(FROM, TO, p))).collect();
    let mut file = Vec::new();
    for order in ORDERS {
        file.extend(section(order));
        // A name resolution and a block of somebody's own.
        file.extend(block(order, 4, &[1, 2, 3, 4]));
        file.extend(block(order, 0x0bad, &[9; 17]));
        // Another whose writer rounded the block, but not its length.
        let mut odd = block(order, 0x0bad, &[9; 17]);
        odd[4..8].copy_from_slice(&order.u32(29));
        file.extend(odd);
        let end = option(order, 0, &[]);
        // Nanoseconds, with a comment, an option that nobody knows and no end of the options.
        let options =
            [option(order, 9, &[9]), option(order, 1, b"odd"), option(order, 777, &[1; 5])];
        file.extend(interface(order, 101, 0, &options.concat()));
        // Halves of a second to the tenth power, an hour later; on Ethernet.
        let hour = order.u64(3_600);
        let options = [option(order, 9, &[0x8a]), option(order, 14, &hour), end.clone()];
        file.extend(interface(order, 1, 262_144, &options.concat()));
        file.extend(enhanced(order, 0, 5_000_000_000, &frames[0]));
        file.extend(enhanced(order, 1, 512, &ethernet(0x0800, &frames[1])));
        file.extend(old_packet(order, 0, 7_000_000_000, &frames[2]));
        file.extend(simple(order, usize::MAX, &frames[3]));
        // A packet of an interface that there is not: the next is read all the same.
        file.extend(enhanced(order, 9, 0, &frames[4]));
        file.extend(enhanced(order, 0, 8_000_000_000, &frames[5]));
    }
    let capture = capture::parse(&file).unwrap();
    let one = [0, 1, 2, 3, 5].map(|n| wanted[n].clone());
    assert_eq!(payloads(&capture), [one.clone(), one].concat());
    let times: Vec<_> = capture.datagrams.iter().map(|d| d.arrival_ns / 100_000_000).collect();
    assert_eq!(times[..5], [50, 36_005, 70, 70, 80]);
    assert_eq!(times[5..], times[..5]);
    let damage = capture.damage.unwrap();
    assert_eq!(damage.reason, "a packet of an interface that was not described");
}

#[test]
fn what_the_snapshot_length_cut_is_listed_and_not_played() {
    let frames: Vec<_> = packets().iter().map(|p| ipv4(17, &udp(FROM, TO, p))).collect();
    let whole = 20 + 8 + 12 + 160;
    for longest in 0..=whole {
        let capture =
            capture::parse(&pcap(Order::Big, 101, longest, &every_20_ms(frames.clone()))).unwrap();
        let order = Order::Little;
        let mut simply =
            cat(&[&section(order), &interface(order, 101, longest.max(1) as u32, &[])]);
        frames.iter().for_each(|frame| simply.extend(simple(order, longest.max(1), frame)));
        let simply = capture::parse(&simply).unwrap();
        for (capture, longest) in [(capture, longest), (simply, longest.max(1))] {
            if longest < 28 {
                assert_eq!(passed(&capture), [(Passed::Cut, 6)], "{longest}");
                continue;
            }
            let missing = whole - longest;
            assert!(capture.datagrams.iter().all(|d| d.missing == missing), "{longest}");
            let found = streams::find(&capture.datagrams, None);
            // A header of RTP tells a stream, whatever is left of the payload.
            assert_eq!(found.len(), usize::from(longest >= 40), "{longest}");
            let cut = if longest < whole { 6 } else { 0 };
            assert!(found.iter().all(|stream| stream.cut == cut), "{longest}");
        }
    }
}

#[test]
fn a_file_that_ends_anywhere_gives_what_is_whole_before() {
    let frames: Vec<_> = packets().iter().map(|p| ipv4(17, &udp(FROM, TO, p))).collect();
    let order = Order::Big;
    let mut blocks = cat(&[&section(order), &interface(order, 101, 0, &[])]);
    let mut ends = vec![(blocks.len(), 0)];
    for (n, frame) in frames.iter().enumerate() {
        blocks.extend(enhanced(order, 0, n as u64, frame));
        ends.push((blocks.len(), n + 1));
    }
    let dump: Vec<_> = packets().into_iter().map(|packet| (0, packet)).collect();
    let dump = rtpdump(&dump);
    let classic = pcap(order, 101, 65_535, &every_20_ms(frames));
    let every = |start: usize, length: usize| {
        (0..=6).map(move |n| (start + n * length, n)).collect::<Vec<_>>()
    };
    for (file, ends) in [(blocks, ends), (dump, every(44, 180)), (classic, every(24, 216))] {
        assert_eq!(ends.last().unwrap().0, file.len());
        for length in ends[0].0..=file.len() {
            let capture = capture::parse(&file[..length]).unwrap();
            let (end, count) = *ends.iter().rev().find(|(end, _)| *end <= length).unwrap();
            let whole = capture.datagrams.iter().filter(|d| d.missing == 0).count();
            // The last packet may be whole though its block's padding is not.
            assert!((count..=count + 1).contains(&whole), "{length}: {whole}");
            let offset = capture.damage.map(|damage| damage.offset);
            assert_eq!(offset, (end != length).then_some(end), "{length}");
        }
    }
}

#[test]
fn what_is_no_capture_is_named() {
    let error = |bytes: &[u8]| capture::parse(bytes).unwrap_err();
    for bytes in
        [&b"RIFF...."[..], b"", b"\xa1", b"\xa1\xb2\xc3\xd5 and so on until there is a header"]
    {
        assert!(matches!(error(bytes), CaptureError::Format), "{bytes:?}");
    }
    assert!(error(&[0x1f, 0x8b, 8, 0]).to_string().contains("gzip"));
    assert!(matches!(error(&[0xa1, 0xb2, 0xc3, 0xd4]), CaptureError::Header(_)));
    assert!(matches!(error(b"#!rtpplay1.0 10.0.0.1/5004"), CaptureError::Header(_)));
    assert!(matches!(error(&[0x0a, 0x0d, 0x0d, 0x0a, 0, 0]), CaptureError::Header(_)));
}

#[test]
fn what_gives_no_datagram_is_counted_by_why() {
    let good = udp(FROM, TO, b"ok");
    let frames = vec![
        ipv4(6, &tcp(1, 2, 1, b"GET / HTTP/1.1")),
        ipv4(50, &[1; 40]),
        ipv4(17, &good)[..25].to_vec(),
        vec![],
        vec![0x15; 40],
        ipv4(17, &[0, 1, 0, 2, 0, 99, 0, 0, 1, 2]),
        (0..100).fold(ipv4(17, &good), |packet, _| ipv4(4, &packet)),
        ipv4(1, &[8, 0, 0, 0]),
        ipv4(17, &good),
    ];
    let capture = capture::parse(&pcap(Order::Little, 101, 65_535, &every_20_ms(frames))).unwrap();
    let expected = [
        (Passed::Cut, 2),
        (Passed::Malformed, 1),
        (Passed::Encrypted, 1),
        (Passed::Depth, 1),
        (Passed::NotIp, 1),
        (Passed::NotUdp, 2),
    ];
    assert_eq!(passed(&capture), expected);
    assert_eq!(payloads(&capture), [b"ok"]);
    let strange = pcap(Order::Little, 147, 65_535, &every_20_ms(vec![vec![0; 40]; 3]));
    assert_eq!(passed(&capture::parse(&strange).unwrap()), [(Passed::Link(147), 3)]);
}

/// A datagram in pieces of 64 bytes, in any order.
fn pieces(of: &[u8], identification: u16, six: bool) -> Vec<Vec<u8>> {
    let chunks: Vec<_> = of.chunks(64).collect();
    let last = chunks.len() - 1;
    let piece = |(n, chunk): (usize, &&[u8])| {
        let place = (n * 8) as u16;
        match (six, n < last) {
            (false, more) => ipv4_piece(17, identification, place | u16::from(more) << 13, chunk),
            (true, more) => ipv6_piece(identification.into(), place << 3 | u16::from(more), chunk),
        }
    };
    chunks.iter().enumerate().map(piece).collect()
}

#[test]
fn fragments_are_put_together_in_any_order_and_within_bounds() {
    for six in [false, true] {
        let whole: Vec<_> = packets().iter().map(|p| udp(FROM, TO, p)).collect();
        let one = pieces(&whole[0], 7, six);
        let other = pieces(&whole[1], 8, six);
        // Backwards, mixed with another's, with one piece twice.
        let mut frames: Vec<_> =
            one.iter().rev().zip(&other).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
        frames.insert(1, one.last().unwrap().clone());
        let file = pcap(Order::Big, 101, 65_535, &every_20_ms(frames));
        let capture = capture::parse(&file).unwrap();
        assert_eq!(payloads(&capture), packets()[..2], "{six}");
        assert_eq!(passed(&capture), []);

        // Without the last: named, not played.
        let mut frames = other[..2].to_vec();
        frames.extend(pieces(&whole[2], 9, six));
        let file = pcap(Order::Big, 101, 65_535, &every_20_ms(frames));
        let capture = capture::parse(&file).unwrap();
        assert_eq!(payloads(&capture), packets()[2..3], "{six}");
        assert_eq!(passed(&capture), [(Passed::Fragment, 2)]);

        // Too late, and more at once than are waited for.
        let mut frames = vec![(0, one[0].clone()), (31_000_000_000, one[1].clone())];
        frames.push((31_000_000_000, one[2].clone()));
        frames.extend(
            (0..1_000).map(|n| (31_000_000_000, pieces(&whole[0], 100 + n, six)[0].clone())),
        );
        let capture = capture::parse(&pcap(Order::Big, 101, 65_535, &frames)).unwrap();
        assert_eq!(
            (payloads(&capture).len(), passed(&capture)),
            (0, vec![(Passed::Fragment, 1_003)])
        );
    }
}

#[test]
fn as_many_packets_are_waited_for_as_there_is_room() {
    let whole = udp(FROM, TO, &packets()[0]);
    for (others, found) in [(63, 1), (64, 0)] {
        let mut frames = pieces(&whole, 7, false);
        let rest = frames.split_off(1);
        frames.extend((0..others).map(|n| pieces(&whole, 100 + n, false)[0].clone()));
        frames.extend(rest);
        let file = pcap(Order::Big, 101, 65_535, &every_20_ms(frames));
        assert_eq!(capture::parse(&file).unwrap().datagrams.len(), found, "{others}");
    }
}

#[test]
fn a_channel_is_known_by_its_length() {
    for (length, carrier) in [(172_u16, Carrier::Turn), (171, Carrier::Turn), (160, Carrier::Udp)] {
        let relayed = cat(&[&[0x40, 1], &length.to_be_bytes(), &packets()[0]]);
        let frames = vec![ipv4(17, &udp(FROM, TO, &relayed))];
        let capture = capture::parse(&pcap(Order::Big, 101, 65_535, &every_20_ms(frames))).unwrap();
        assert_eq!(capture.datagrams[0].carrier, carrier, "{length}");
        let bytes = if carrier == Carrier::Turn { length.into() } else { relayed.len() };
        assert_eq!(capture.datagrams[0].payload.len(), bytes, "{length}");
    }
}

#[test]
fn several_packets_in_a_segment_are_all_there() {
    let framed: Vec<u8> = packets().iter().flat_map(|p| cat(&[&[0, 172], p])).collect();
    let channels: Vec<u8> = packets().iter().flat_map(|p| cat(&[&[0x40, 0, 0, 172], p])).collect();
    // Indications between a binding's answer, which carries nothing.
    let told = |kind: u16, attribute: &[u8]| {
        let length = (attribute.len() as u16).to_be_bytes();
        cat(&[&kind.to_be_bytes(), &length, &[0x21, 0x12, 0xa4, 0x42], &[7; 12], attribute])
    };
    let data = |p: &Vec<u8>| told(0x0017, &cat(&[&[0, 0x13, 0, 172], p]));
    let mut indications = told(0x0101, &[]);
    packets().iter().for_each(|p| indications.extend(data(p)));
    for stream in [framed, channels, indications] {
        // The last is not whole: it goes on in the next segment.
        let segment = ipv4(6, &tcp(FROM, TO, 1, &stream[..stream.len() - 1]));
        let capture = capture::parse(&pcap(Order::Big, 101, 65_535, &every_20_ms(vec![segment])));
        assert_eq!(payloads(&capture.unwrap()), packets()[..5]);
    }
}

/// Random numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn found(payloads: Vec<Vec<u8>>) -> Vec<Stream> {
    let frames = payloads.iter().map(|p| ipv4(17, &udp(FROM, TO, p))).collect();
    let capture = capture::parse(&pcap(Order::Big, 101, 65_535, &every_20_ms(frames))).unwrap();
    streams::find(&capture.datagrams, None)
}

#[test]
fn what_is_no_rtp_is_not_taken_for_it() {
    let mut random = Random(1);
    // DNS questions from one port, with identifiers that look like version 2; answers as well.
    let dns = |random: &mut Random, flags: u8| {
        let [a, b] = [0x80 | random.next() as u8 & 0x3f, random.next() as u8];
        cat(&[&[a, b, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0], b"\x07example\x03org\0", &[0, 1, 0, 1]])
    };
    let questions = (0..500).map(|_| dns(&mut random, 1)).collect();
    assert!(found(questions).is_empty());
    let answers = (0..500).map(|_| dns(&mut random, 0x81)).collect();
    assert!(found(answers).is_empty());
    // DTLS, QUIC, STUN; UDPTL's numbers, which reach version 2 after 32,768 packets; RTCP; noise.
    let dtls = (0..500)
        .map(|n| cat(&[&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0], &[0, n as u8], &random.bytes(60)]));
    assert!(found(dtls.collect()).is_empty());
    let quic = (0..500).map(|n| cat(&[&[0x40 | n as u8 & 0x3f], &[5; 8], &random.bytes(60)]));
    assert!(found(quic.collect()).is_empty());
    let t38 = (0x8000..0x8200_u16).map(|n| cat(&[&n.to_be_bytes(), &[4], &random.bytes(40)]));
    assert!(found(t38.collect()).is_empty());
    let rtcp = (0..500_u16).map(|_| cat(&[&[0x80, 200, 0, 6, 0, 0, 0, 7], &random.bytes(20)]));
    assert!(found(rtcp.collect()).is_empty());
    let noise = (0..5_000).map(|_| cat(&[&[0x80, 0], &random.bytes(6), &[0, 0, 0, 7], &[0; 20]]));
    assert!(found(noise.collect()).is_empty());
    // Timestamps that are near each other, but numbers that are not.
    let jumpy = (0..5_000).map(|n| {
        cat(&[&[0x80, 0], &random.bytes(2), &[0, 0, 0, n as u8], &[0, 0, 0, 7], &[0; 20]])
    });
    assert!(found(jumpy.collect()).is_empty());
    // And what is RTP is found among it, though half of it is lost and the rest is out of order.
    let mut mixed: Vec<_> = (0..300).map(|_| dns(&mut random, 1)).collect();
    for n in (0..200_u16).step_by(2) {
        mixed.insert(usize::from(n), rtp(SSRC, n ^ 4));
    }
    let streams = found(mixed);
    assert_eq!(streams.len(), 1);
    assert_eq!((streams[0].packets.len(), streams[0].lost), (100, 99));
}

#[test]
fn directions_are_apart_and_sources_in_turn_are_one() {
    let mut frames = Vec::new();
    let put = |frames: &mut Vec<_>, ns: u64, to: u16, packet: &[u8]| {
        frames.push((ns, ipv4(17, &udp(FROM, to, packet))));
    };
    for n in 0..100_u16 {
        let ns = u64::from(n) * 20_000_000;
        put(&mut frames, ns, TO, &rtp(1, n));
        put(&mut frames, ns, TO + 2, &rtp(1, n));
        // Another source takes over where the first ends.
        put(&mut frames, 2_000_000_000 + ns, TO, &rtp(2, 5_000 + n));
        // And one that talks at the same time, of digits only.
        let digit = [5, 10, (n >> 8) as u8, n as u8];
        put(&mut frames, ns, TO, &rtp_of(3, n, 101, u32::from(n / 10) * 1_600, &digit));
    }
    let capture = capture::parse(&pcap(Order::Big, 101, 65_535, &frames)).unwrap();
    let streams = streams::find(&capture.datagrams, None);
    let directions = streams::directions(&streams);
    let of: Vec<Vec<u32>> = directions.iter().map(|d| d.iter().map(|s| s.ssrc).collect()).collect();
    assert_eq!(of, [vec![1, 2], vec![1], vec![3]]);
    let usage = &streams[2].payload_types[&101];
    assert_eq!(
        (usage.packets, usage.events.clone().unwrap().into_iter().collect()),
        (100, vec![5])
    );
    assert!(streams[0].payload_types[&0].events.is_none());
    let wanted = streams::find(&capture.datagrams, Some(2));
    assert_eq!(wanted.iter().map(|s| s.packets.len()).collect::<Vec<_>>(), [100]);
}

#[test]
fn a_stream_without_times_comes_as_it_was_sent() {
    let order = Order::Big;
    let mut file = cat(&[&section(order), &interface(order, 101, 0, &[])]);
    for packet in packets() {
        file.extend(simple(order, usize::MAX, &ipv4(17, &udp(FROM, TO, &packet))));
    }
    let mut capture = capture::parse(&file).unwrap();
    let [stream] = &streams::find(&capture.datagrams, None)[..] else { panic!() };
    assert!(stream.is_untimed(8_000));
    streams::arrivals_as_sent(&mut capture.datagrams, 8_000);
    let times: Vec<_> = capture.datagrams.iter().map(|d| d.arrival_ns / 1_000_000).collect();
    assert_eq!(times, [0, 20, 40, 60, 80, 100]);
}

/// Captures of everything that is read, for damage to be done to.
fn everything() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for (_, link, wrap) in LINKS.iter().chain(TUNNELS).chain(RELAYS) {
        let frames = packets()[..2].iter().map(|p| wrap(&p[..40])).collect();
        files.push(pcap(Order::Big, *link, 65_535, &every_20_ms(frames)));
    }
    let whole = udp(FROM, TO, &packets()[0]);
    for six in [false, true] {
        files.push(pcap(Order::Big, 101, 65_535, &every_20_ms(pieces(&whole, 7, six))));
    }
    let order = Order::Little;
    let mut file = section(order);
    let options = [option(order, 9, &[9]), option(order, 14, &[0; 8]), option(order, 0, &[])];
    file.extend(interface(order, 101, 0, &options.concat()));
    let frame = ipv4(17, &udp(FROM, TO, &packets()[0][..40]));
    file.extend(enhanced(order, 0, 5, &frame));
    file.extend(old_packet(order, 0, 5, &frame));
    file.extend(simple(order, usize::MAX, &frame));
    files.push(file);
    files.push(rtpdump(&[(0, packets()[0].clone()), (20, packets()[1].clone())]));
    files
}

/// Never more than went in, and never a panic.
fn check(bytes: &[u8]) {
    let Ok(capture) = capture::parse(bytes) else { return };
    let payload: usize = capture.datagrams.iter().map(|datagram| datagram.payload.len()).sum();
    let skipped: usize = capture.passed.values().sum();
    assert!(payload + skipped <= bytes.len(), "{payload} {skipped} of {}", bytes.len());
    for stream in streams::find(&capture.datagrams, None) {
        assert!(stream.packets.len() <= capture.datagrams.len());
        assert!(stream.seconds() >= 0.0);
        stream.clock_hz();
        stream.is_untimed(8_000);
    }
    streams::arrivals_as_sent(&mut capture.datagrams.clone(), 8_000);
}

#[test]
fn damaged_captures_are_read_or_refused() {
    let mut random = Random(2);
    for whole in everything() {
        for at in 0..whole.len() {
            check(&whole[..at]);
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                check(&damaged);
            }
        }
        for _ in 0..300 {
            let mut damaged = whole.clone();
            for _ in 0..1 + random.next() % 8 {
                let at = random.next() as usize % damaged.len();
                match random.next() % 4 {
                    0 => damaged[at] = random.next() as u8,
                    1 => damaged[at] ^= 1 << (random.next() % 8),
                    2 => drop(
                        damaged.drain(at..(at + 1 + random.next() as usize % 9).min(damaged.len())),
                    ),
                    _ => drop(damaged.splice(at..at, random.bytes(3))),
                }
                if damaged.is_empty() {
                    break;
                }
            }
            check(&damaged);
        }
    }
}
