// SPDX-License-Identifier: MIT OR Apache-2.0
//! Does what runs per packet and per frame, over and over, for `make budget` to count the instructions
//! of each run under callgrind, and `make budget-cross` under qemu: `budget SCENE`; without arguments, the scenes.

use std::ffi::CStr;
use std::hint::black_box;

use ale_media::codec::CodecSpec;
use ale_media::codec::opus::OpusConfig;
use ale_media::leg::{Leg, LegConfig};
use ale_media::mixer::{Mixer, MixerConfig};
use ale_media::rtp::RtpHeader;
use ale_media::srtp::{MAX_TRAILER_BYTES, Receiver, Sender, SessionConfig, Suite};
use benches::jitter::{Network, buffer, packets};
use benches::leg::Room;
#[cfg(not(target_arch = "x86_64"))]
use benches::qemu::count;
#[cfg(target_arch = "x86_64")]
use benches::valgrind::count;

const TICK_NS: u64 = 10_000_000;
/// Runs of what is the same each time but for caches.
const RUNS: u64 = 100;
/// Pulls of a network that is not: half a minute.
const PULLS: u64 = 3_000;

type Scene = (&'static str, fn());

const SCENES: [Scene; 10] = [
    ("srtp-aes-gcm", || {
        srtp(Suite::AeadAes128Gcm, c"protect AES-GCM", c"unprotect AES-GCM", c"refuse AES-GCM");
    }),
    ("srtp-aes-cm-sha1", || {
        let names = [c"protect AES-CM-SHA1", c"unprotect AES-CM-SHA1", c"refuse AES-CM-SHA1"];
        srtp(Suite::AesCm128HmacSha1_80, names[0], names[1], names[2]);
    }),
    ("jitter-calm", || {
        let calm = Network { name: "calm", jitter_ms: 0.0, loss: 0.0 };
        jitter(calm, c"insert, calm", c"pull, calm");
    }),
    ("jitter-bad", || {
        let bad = Network { name: "bad", jitter_ms: 60.0, loss: 0.2 };
        jitter(bad, c"insert, bad network", c"pull, bad network");
    }),
    ("leg-g711", || leg(CodecSpec::Pcma, [c"receive G.711", c"pull G.711", c"send G.711"])),
    ("leg-opus", || {
        let opus = OpusConfig { sample_rate_hz: 16_000, ..OpusConfig::default() };
        leg(CodecSpec::Opus(opus), [c"receive Opus", c"pull Opus", c"send Opus"]);
    }),
    ("mixer", mix),
    ("room", room),
    ("room-joined", room_joined),
    ("room-tapped", room_tapped),
];

fn main() {
    let Some(name) = std::env::args().nth(1) else {
        SCENES.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    #[cfg(not(target_arch = "x86_64"))]
    benches::qemu::announce();
    let found = SCENES.iter().find(|(other, _)| *other == name);
    found.expect("a scene's name").1();
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

/// Packets of 160 bytes, each as it is sent and then with a bit turned over.
fn srtp(suite: Suite, protect: &CStr, unprotect: &CStr, refuse: &CStr) {
    let keys = SessionConfig::new(suite, benches::srtp::master(suite, 1));
    let mut sender = Sender::new(&keys).expect("keys");
    let mut receiver = Receiver::new(&keys).expect("keys");
    for sequence in 0..RUNS {
        let mut packet = packet(sequence);
        let bytes = count(protect, || sender.protect(&mut packet, 172)).expect("a good packet");
        let mut forged = packet;
        forged[20] ^= 1;
        let refused = count(refuse, || receiver.unprotect(black_box(&mut forged[..bytes])));
        assert!(refused.is_err());
        let opened = count(unprotect, || receiver.unprotect(&mut packet[..bytes]));
        black_box(opened.expect("a good packet"));
    }
}

/// A buffer of G.711 behind a network.
fn jitter(network: Network, insert: &CStr, pull: &CStr) {
    let packets = packets(network);
    let (mut writer, mut reader) = buffer();
    let mut waiting = packets.iter().peekable();
    let mut pcm = [0_i16; 80];
    for now_ns in (0..PULLS).map(|pull| pull * TICK_NS) {
        while let Some((arrival_ns, datagram)) = waiting.next_if(|packet| packet.0 <= now_ns) {
            let _ = count(insert, || writer.insert(datagram, *arrival_ns));
        }
        count(pull, || reader.pull(now_ns, &mut pcm)).expect("10 ms");
        black_box(&pcm);
    }
}

/// A leg in AES-GCM that hears another over a network which loses each seventh packet.
fn leg(codec: CodecSpec, [receive, pull, send]: [&CStr; 3]) {
    let suite = Suite::AeadAes128Gcm;
    let rate_hz = codec.format().sample_rate_hz;
    let keys = SessionConfig::new(suite, benches::srtp::master(suite, 1));
    let srtp = ale_media::leg::SrtpConfig { send: keys.clone(), receive: keys };
    let mut near = LegConfig::plain(1, 96, codec.clone());
    near.srtp = Some(srtp);
    let mut far = near.clone();
    far.local_ssrc = 2;
    let (_, mut phone, _) = Leg::new(&near).expect("a leg");
    let (mut receiver, mut media, _) = Leg::new(&far).expect("a leg");
    let voice = benches::codec::voice(rate_hz);
    let mut pcm = vec![0; (rate_hz / 100) as usize];
    for n in 0..PULLS / 6 {
        let now_ns = n * 2 * TICK_NS;
        phone.push(&voice).expect("20 ms");
        while let Some(datagram) = phone.poll_transmit(now_ns) {
            let mut datagram = datagram.to_vec();
            if n % 7 != 6 {
                black_box(count(receive, || receiver.receive(&mut datagram, now_ns)))
                    .expect("a good packet");
            }
        }
        for half in 0..2 {
            let now_ns = now_ns + half * TICK_NS;
            count(pull, || media.pull(now_ns, &mut pcm)).expect("10 ms");
            count(send, || {
                media.push(&pcm).expect("10 ms");
                while let Some(datagram) = media.poll_transmit(now_ns) {
                    black_box(datagram);
                }
            });
        }
    }
}

/// 10 ms of ten participants: as they are, and each with a gain and a limiter.
fn mix() {
    let scenes = [(false, c"mix 8 kHz, 10 legs"), (true, c"mix 8 kHz, 10 legs, gains, limiter")];
    for (limiter, name) in scenes {
        let config = MixerConfig { max_participants: 10, limiter, ..MixerConfig::default() };
        let mut mixer = Mixer::new(&config).expect("a mixer");
        let places: Vec<_> = (0..10).map(|_| mixer.add().expect("a place")).collect();
        for place in &places {
            mixer.set_gain(*place, if limiter { 0.7 } else { 1.0 }).expect("a place");
        }
        let mut pcm = [0; 80];
        for time in 0..RUNS {
            for place in &places {
                mixer.input(*place).expect("a place").fill(time as i16);
            }
            count(name, || {
                mixer.run();
                for place in &places {
                    mixer.output(*place, &mut pcm).expect("a place");
                }
            });
            black_box(&pcm);
        }
    }
}

/// Ten legs of G.711, plain and in AES-GCM.
fn room() {
    let suites = [
        (None, c"tick of 10 legs, plain", c"receive batch of 10, plain"),
        (Some(Suite::AeadAes128Gcm), c"tick of 10 legs, AES-GCM", c"receive batch of 10, AES-GCM"),
    ];
    for (suite, tick, receive) in suites {
        let mut room = Room::new(CodecSpec::Pcma, suite, 10);
        for _ in 0..RUNS {
            let now_ns = room.talk();
            count(receive, || room.receive(now_ns));
            for half in 0..2 {
                count(tick, || room.tick(now_ns + half * TICK_NS));
            }
        }
    }
}

/// Ten legs of G.711 whose ticks are joined.
fn room_joined() {
    let mut room = Room::with_joined_ticks(CodecSpec::Pcma, None, 10);
    for _ in 0..RUNS {
        let now_ns = room.talk();
        room.receive(now_ns);
        count(c"two ticks of 10 legs, plain, joined", || {
            room.tick(now_ns);
            room.tick(now_ns + TICK_NS);
        });
    }
}

/// Ten legs of G.711 that are tapped by programs which have stopped reading.
fn room_tapped() {
    for (rate_hz, tick) in [
        (8_000, c"tick of 10 legs, plain, tapped"),
        (16_000, c"tick of 10 legs, plain, tapped at 16 kHz"),
    ] {
        let mut room = Room::new(CodecSpec::Pcma, None, 10);
        let taps = room.tap(rate_hz);
        for _ in 0..RUNS {
            let now_ns = room.talk();
            room.receive(now_ns);
            for half in 0..2 {
                count(tick, || room.tick(now_ns + half * TICK_NS));
            }
        }
        black_box(&taps);
    }
}
