// SPDX-License-Identifier: MIT OR Apache-2.0
//! The jitter buffer: inserting alone, and a 10 ms pull with its share of inserting, on a calm
//! network, a jittery one and one with 20 % packet loss. The peer that can be linked is
//! speexdsp's buffer, which does less (no concealment, no stretching); NetEQ and PJMEDIA are measured
//! from outside (docs/measurements.md). The `neteq` crate reads the wall clock, so it can't be driven
//! faster than real time in one process with us.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ale_media::codec::Decoder;
use ale_media::codec::g711::{G711, Law};
use ale_media::jitter::{self, DecoderMap, JitterConfig, JitterReader, JitterWriter};
use ale_media::rtp::RtpHeader;

use crate::harness::{Side, compare as row, print_head};

/// Packets of 20 ms in a run.
pub const PACKETS: usize = 3000;
/// Pulls of 10 ms in a run.
pub const PULLS: usize = 2 * PACKETS;
const MS: u64 = 1_000_000;

/// A network, the same each time.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Its name.
    pub name: &'static str,
    /// Every packet is up to this late, milliseconds, with a tail of bursts.
    pub jitter_ms: f32,
    /// Share of packets lost, in bursts of two.
    pub loss: f32,
}

/// The networks that are measured.
pub const NETWORKS: [Network; 3] = [
    Network { name: "calm", jitter_ms: 0.0, loss: 0.0 },
    Network { name: "wifi", jitter_ms: 12.0, loss: 0.005 },
    Network { name: "loss20", jitter_ms: 12.0, loss: 0.2 },
];

/// Packets with their arrival times, in order of arrival.
pub fn packets(network: Network) -> Vec<(u64, Vec<u8>)> {
    let mut seed = 7_u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 24) as f32
    };
    let mut packets = Vec::new();
    let (mut lost, mut not_before) = (0_u32, 0);
    for n in 0..PACKETS {
        let burst = if random() < 0.01 && network.jitter_ms > 0.0 { 80.0 * random() } else { 0.0 };
        let late_ms = network.jitter_ms * random() * random() + burst;
        if lost == 0 && random() < network.loss / 2.0 {
            lost = 2;
        }
        if lost > 0 {
            lost -= 1;
            continue;
        }
        let arrival = (n as u64 * 20 + 20) * MS + (late_ms * 1e6) as u64;
        not_before = arrival.max(not_before);
        let header = RtpHeader {
            sequence: n as u16,
            timestamp: n as u32 * 160,
            ssrc: 1,
            ..RtpHeader::default()
        };
        let mut datagram = vec![0; 172];
        if header.write(&mut datagram).is_ok() {
            for (i, byte) in datagram[12..].iter_mut().enumerate() {
                let t = (n * 160 + i) as f32;
                let envelope = if (n / 75) % 4 == 3 { 0.001 } else { 1.0 };
                let wave = (t * 0.0785).sin() + 0.5 * (t * 0.157).sin() + 0.1 * random();
                *byte = Law::Mu.from_linear((5000.0 * envelope * wave) as i16);
            }
        }
        packets.push((not_before, datagram));
    }
    packets
}

/// A buffer for G.711.
pub fn buffer() -> (JitterWriter, JitterReader) {
    let mut map = DecoderMap::new();
    let decoder: Box<dyn Decoder> = Box::new(G711(Law::Mu));
    map.insert(0, decoder).expect("payload type 0 is one");
    let (writer, reader, _) =
        jitter::create(&JitterConfig::default(), map).expect("the default is valid");
    (writer, reader)
}

/// Plays all packets, a pull every 10 ms; returns how long that took.
pub fn play(packets: &[(u64, Vec<u8>)]) -> Duration {
    let (mut writer, mut reader) = buffer();
    let mut waiting = packets.iter().peekable();
    let mut pcm = [0_i16; 80];
    let begin = Instant::now();
    for pull in 0..PULLS as u64 {
        let now = pull * 10 * MS;
        while let Some((arrival, datagram)) = waiting.next_if(|p| p.0 <= now) {
            let _ = writer.insert(datagram, *arrival);
        }
        let _ = black_box(reader.pull(now, &mut pcm));
        black_box(&pcm);
    }
    begin.elapsed()
}

/// Inserts batches of packets, the reader making room in between, unmeasured.
pub fn insert(packets: &[(u64, Vec<u8>)]) -> Duration {
    let (mut writer, mut reader) = buffer();
    let mut pcm = [0_i16; 80 * 64];
    let mut took = Duration::ZERO;
    for batch in packets.chunks(32) {
        let begin = Instant::now();
        for (arrival, datagram) in batch {
            let _ = black_box(writer.insert(datagram, *arrival));
        }
        took += begin.elapsed();
        let _ = reader.pull(batch[batch.len() - 1].0 + 10 * MS, &mut pcm);
    }
    took
}

/// The table; `filter` picks rows by substring.
pub fn compare(filter: &str) {
    print_head();
    let calm = packets(NETWORKS[0]);
    if "insert".contains(filter) {
        row("insert, G.711 20 ms", PACKETS as u64, &mut [Side::new("ours", || insert(&calm))]);
    }
    for network in NETWORKS {
        let name = format!("insert + 10 ms pull, G.711, {}", network.name);
        if name.contains(filter) {
            let packets = packets(network);
            let mut sides = vec![Side::new("ours", || play(&packets))];
            #[cfg(feature = "peers")]
            sides.push(Side::new("speexdsp", || crate::speexdsp::play(&packets)));
            row(&name, PULLS as u64, &mut sides);
        }
    }
}
