// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tapped members as RTP streams to a recording server, which reads them as RFC 3550 and G.711 have it.

use std::net::UdpSocket;
use std::time::Duration;

use ale_media::codec::CodecSpec;
use ale_media::leg::LegConfig;
use ale_media::tap::Purpose;
use ale_media_sinks::rtp_fork::{Fork, ForkConfig};

mod room;

use room::Room;

/// A packet: payload type, marker, sequence number, timestamp, source, payload.
struct Packet {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

/// What a server receives of RTP until the source says goodbye by RTCP.
fn recorded(server: &UdpSocket) -> Vec<Packet> {
    let (mut packets, mut datagram) = (Vec::new(), [0; 1_500]);
    loop {
        let bytes = server.recv(&mut datagram).expect("a goodbye before this");
        let datagram = &datagram[..bytes];
        assert_eq!(datagram[0] >> 6, 2, "the version");
        let word = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
        if (200..=204).contains(&datagram[1]) {
            // A compound: the last of it may be a BYE.
            let mut at = 0;
            while at < datagram.len() {
                if datagram[at + 1] == 203 {
                    return packets;
                }
                at +=
                    4 * (usize::from(u16::from_be_bytes([datagram[at + 2], datagram[at + 3]])) + 1);
            }
            continue;
        }
        assert_eq!(datagram[0] & 0x3f, 0, "neither padding nor extension nor other sources");
        packets.push(Packet {
            payload_type: datagram[1] & 0x7f,
            sequence: u16::from_be_bytes([datagram[2], datagram[3]]),
            timestamp: word(4),
            ssrc: word(8),
            payload: datagram[12..].to_vec(),
        });
    }
}

/// G.711 as its table has it: a byte's sample.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 15) << 3) + 0x84) << (byte >> 4 & 7);
    (if byte & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }) as i16
}

#[test]
fn streams_are_of_who_has_agreed_and_a_withdrawal_is_a_gap_in_time() {
    let server = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    };
    let servers = [server(), server()];
    let mut room = Room::of(2);
    room.grant(0, Purpose::Record);
    let forks = [0, 1].map(|who| {
        let mut leg = LegConfig::plain(0xabc0 + who as u32, 0, CodecSpec::Pcmu);
        (leg.initial_sequence, leg.initial_timestamp) = (700, u32::MAX - 500);
        let to = servers[who].local_addr().unwrap();
        let config = ForkConfig { from: "127.0.0.1:0".parse().unwrap(), to, leg };
        Fork::start(&config, room.tap(who, Purpose::Record)).unwrap()
    });
    // The ring holds a second.
    let say = |room: &mut Room, frames: usize, level: i16| {
        for _ in 0..frames {
            room.tick_of(|who| if who == 0 { [level; 80] } else { [-20_000; 80] });
        }
    };
    let until = |frames: u64| {
        while forks[0].stats().frames < frames {
            std::thread::yield_now();
        }
    };
    say(&mut room, 40, 1_000);
    until(40);
    room.withdraw(0);
    say(&mut room, 50, 9_000);
    room.grant(0, Purpose::Record);
    say(&mut room, 40, 4_000);
    until(80);
    assert_eq!((forks[0].stats().frames, forks[1].stats().frames), (80, 0));
    drop(forks);

    let packets = recorded(&servers[0]);
    assert_eq!(packets.len(), 40);
    for (n, packet) in packets.iter().enumerate() {
        assert_eq!((packet.payload_type, packet.ssrc, packet.payload.len()), (0, 0xabc0, 160));
        assert_eq!(packet.sequence, 700 + n as u16, "none is missing");
        // Half a second of withdrawal.
        let samples = 160 * n as u32 + if n < 20 { 0 } else { 4_000 };
        assert_eq!(packet.timestamp.wrapping_sub(packets[0].timestamp), samples, "{n}");
        let says = if n < 20 { 1_000 } else { 4_000 };
        let near = |byte: &u8| mu_law(*byte).abs_diff(says) < 200;
        assert!(packet.payload.iter().all(near), "{n}: {:?}", mu_law(packet.payload[0]));
    }
    assert!(recorded(&servers[1]).is_empty(), "who has not agreed has no packet");
}

#[test]
fn what_a_leg_refuses_is_refused_and_a_server_that_is_not_there_is_borne() {
    let mut room = Room::of(1);
    room.grant(0, Purpose::Record);
    // A port that was somebody's a moment ago.
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = ForkConfig {
        from: "127.0.0.1:0".parse().unwrap(),
        to: gone,
        leg: LegConfig::plain(1, 200, CodecSpec::Pcmu),
    };
    let refused = Fork::start(&config, room.tap(0, Purpose::Record));
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::InvalidInput, "no payload type");
    config.leg = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    let fork = Fork::start(&config, room.tap(0, Purpose::Record)).unwrap();
    while fork.stats().refused == 0 {
        room.tick(700);
        std::thread::yield_now();
    }
    assert!(!fork.is_ended());
}
