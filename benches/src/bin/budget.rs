// SPDX-License-Identifier: MIT OR Apache-2.0
//! Does one operation a number of times, for `make budget` to count its instructions under callgrind:
//! `budget NAME TIMES`; without arguments, the names.

use std::hint::black_box;

use ale_media::codec::CodecSpec;
use ale_media::codec::g711::{G711, Law};
use ale_media::jitter::{self, DecoderMap, JitterConfig};
use ale_media::mixer::{Mixer, MixerConfig};
use ale_media::rtp::RtpHeader;
use ale_media::srtp::{MAX_TRAILER_BYTES, Receiver, Sender, SessionConfig, Suite};
use benches::leg::Room;

const TICK_NS: u64 = 10_000_000;

type Operation = (&'static str, fn(u64));

const OPERATIONS: [Operation; 11] = [
    ("protect-aes-gcm", |times| protect(Suite::AeadAes128Gcm, times, false)),
    ("protect-aes-cm-sha1", |times| protect(Suite::AesCm128HmacSha1_80, times, false)),
    ("round-trip-aes-gcm", |times| protect(Suite::AeadAes128Gcm, times, true)),
    ("round-trip-aes-cm-sha1", |times| protect(Suite::AesCm128HmacSha1_80, times, true)),
    ("refuse-forged-aes-gcm", |times| forged(Suite::AeadAes128Gcm, times)),
    ("refuse-forged-aes-cm-sha1", |times| forged(Suite::AesCm128HmacSha1_80, times)),
    ("insert-and-pull", |times| buffer(times, u64::MAX)),
    ("insert-and-pull-with-loss", |times| buffer(times, 5)),
    ("mix-8k-10-legs", mix),
    ("room-of-10-20ms-g711-plain", |times| room(None, times)),
    ("room-of-10-20ms-g711-aes-gcm", |times| room(Some(Suite::AeadAes128Gcm), times)),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(times)) = (arguments.next(), arguments.next()) else {
        OPERATIONS.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let times = times.parse().expect("a number");
    let found = OPERATIONS.iter().find(|(other, _)| *other == name);
    found.expect("an operation's name").1(times);
}

fn packet(sequence: u64) -> [u8; 172 + MAX_TRAILER_BYTES] {
    let mut packet = [0x55; 172 + MAX_TRAILER_BYTES];
    let header = RtpHeader {
        sequence: sequence as u16,
        timestamp: sequence as u32 * 160,
        ssrc: 1,
        ..RtpHeader::default()
    };
    header.write(&mut packet).expect("room");
    packet
}

fn keys(suite: Suite) -> SessionConfig {
    SessionConfig::new(suite, benches::srtp::master(suite, 1))
}

/// Protects, and unprotects too if asked.
fn protect(suite: Suite, times: u64, both: bool) {
    let mut sender = Sender::new(&keys(suite)).expect("keys");
    let mut receiver = Receiver::new(&keys(suite)).expect("keys");
    for sequence in 0..times {
        let mut packet = packet(sequence);
        let bytes = sender.protect(&mut packet, 172).expect("a good packet");
        if both {
            black_box(receiver.unprotect(&mut packet[..bytes]).expect("a good packet"));
        }
    }
}

fn forged(suite: Suite, times: u64) {
    let mut sender = Sender::new(&keys(suite)).expect("keys");
    let mut receiver = Receiver::new(&keys(suite)).expect("keys");
    let mut first = packet(0);
    let bytes = sender.protect(&mut first, 172).expect("a good packet");
    first[20] ^= 1;
    for _ in 0..times {
        let mut copy = first;
        assert!(receiver.unprotect(black_box(&mut copy[..bytes])).is_err());
    }
}

/// 20 ms of G.711 in, two pulls out, every so many packets lost.
fn buffer(times: u64, lost_each: u64) {
    let mut map = DecoderMap::new();
    map.insert(0, Box::new(G711(Law::Mu))).expect("a free payload type");
    let (mut writer, mut reader, _) = jitter::create(&JitterConfig::default(), map).expect("fits");
    let mut pcm = [0; 80];
    for sequence in 0..times {
        let now_ns = sequence * 2 * TICK_NS;
        if sequence % lost_each != lost_each - 1 {
            writer.insert(&packet(sequence)[..172], now_ns).expect("a good packet");
        }
        for half in 0..2 {
            reader.pull(now_ns + half * TICK_NS, &mut pcm).expect("10 ms");
        }
    }
}

fn mix(times: u64) {
    let config =
        MixerConfig { sample_rate_hz: 8_000, max_participants: 10, ..MixerConfig::default() };
    let mut mixer = Mixer::new(&config).expect("a mixer");
    let places: Vec<_> = (0..10).map(|_| mixer.add().expect("a place")).collect();
    let mut pcm = [0; 80];
    for time in 0..times {
        for place in &places {
            mixer.input(*place).expect("a place").fill(time as i16);
        }
        mixer.run();
        for place in &places {
            mixer.output(*place, &mut pcm).expect("a place");
        }
        black_box(&pcm);
    }
}

/// Ten legs, phones and bridge.
fn room(suite: Option<Suite>, times: u64) {
    let mut room = Room::new(CodecSpec::Pcma, suite, 10);
    for _ in 0..times {
        black_box(room.packet_time());
    }
}
