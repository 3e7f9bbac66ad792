// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP: suites, payload sizes, one session and many, one packet at a time and in batches.

use std::time::{Duration, Instant};

use ale_media::srtp::{
    Engine, Job, Kernel, MasterKey, Policy, Receiver, Sender, SessionConfig, Suite, protect_batch,
    unprotect_batch,
};

use crate::harness::{self, Side};

/// Payload sizes: a tiny one, compressed speech, 20 ms of G.711 with and without its header's
/// weight, wide-band PCM, and a full datagram.
pub const PAYLOADS: [usize; 6] = [20, 60, 160, 172, 960, 1200];
/// Packets per run.
const PACKETS: usize = 1024;
/// Packets per batch.
const BATCH: usize = 64;
/// Bytes of the RTP header.
const HEADER: usize = 12;

/// The suites that are measured.
pub const SUITES: [Suite; 5] = [
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::AesCm256HmacSha1_80,
];

/// A key that differs from session to session.
pub fn master(suite: Suite, session: usize) -> MasterKey {
    MasterKey::from_concatenated(suite, &key_bytes(suite, session))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The bytes of [`master`], key and salt.
pub fn key_bytes(suite: Suite, session: usize) -> Vec<u8> {
    (0..suite.key_bytes() + suite.salt_bytes()).map(|i| (i * 7 + session * 31) as u8).collect()
}

/// A configuration for one session of the benches.
pub fn config(suite: Suite, session: usize, engine: Engine) -> SessionConfig {
    let mut config = SessionConfig::new(suite, master(suite, session));
    config.policy = Policy::Legacy;
    config.max_streams = 1;
    config.engine = engine;
    config
}

/// Packets in a row of buffers, as an application has them.
pub struct Arena {
    bytes: Vec<u8>,
    stride: usize,
    /// RTP bytes of each packet.
    pub len: usize,
    sessions: usize,
    next: u16,
    round: u16,
}

impl Arena {
    /// `PACKETS` packets that go to `sessions` sessions in turn.
    pub fn new(payload: usize, sessions: usize) -> Self {
        let len = HEADER + payload;
        let stride = (len + 64).next_multiple_of(64);
        let mut bytes = vec![0x5a; stride * PACKETS];
        for (i, packet) in bytes.chunks_exact_mut(stride).enumerate() {
            packet[..HEADER].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
            packet[8..12].copy_from_slice(&((i % sessions) as u32 + 1).to_be_bytes());
        }
        Self { bytes, stride, len, sessions, next: 0, round: 0 }
    }

    /// Gives every packet the next sequence number of its session.
    pub fn advance(&mut self) {
        for (i, packet) in self.bytes.chunks_exact_mut(self.stride).enumerate() {
            let sequence = self.next.wrapping_add((i / self.sessions) as u16);
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        }
        self.next = self.next.wrapping_add((PACKETS / self.sessions) as u16);
        self.round = self.round.wrapping_add(1);
    }

    /// Session and buffer of each packet.
    pub fn packets(&mut self) -> impl Iterator<Item = (usize, &mut [u8])> {
        // Counted, not divided: a division would cost as much as half a packet's header work.
        let (sessions, mut session) = (self.sessions, self.sessions - 1);
        self.bytes.chunks_exact_mut(self.stride).map(move |packet| {
            session = if session + 1 == sessions { 0 } else { session + 1 };
            (session, packet)
        })
    }
}

/// One run of protecting one packet at a time; only that is measured.
pub fn protect_singly(
    arena: &mut Arena,
    mut protect: impl FnMut(usize, &mut [u8], usize),
) -> Duration {
    arena.advance();
    let len = arena.len;
    let begin = Instant::now();
    for (session, packet) in arena.packets() {
        protect(session, packet, len);
    }
    begin.elapsed()
}

/// One run of unprotecting one packet at a time: packets are made anew before, unmeasured.
pub fn unprotect_singly(
    arena: &mut Arena,
    senders: &mut [Sender],
    mut unprotect: impl FnMut(usize, &mut [u8]),
) -> Duration {
    let sealed = seal(arena, senders);
    let begin = Instant::now();
    for (session, packet) in arena.packets() {
        unprotect(session, &mut packet[..sealed]);
    }
    begin.elapsed()
}

fn seal(arena: &mut Arena, senders: &mut [Sender]) -> usize {
    arena.advance();
    let len = arena.len;
    let mut sealed = 0;
    for (session, packet) in arena.packets() {
        sealed = senders[session].protect(packet, len).unwrap_or_else(|e| panic!("{e}"));
    }
    sealed
}

fn senders(suite: Suite, sessions: usize, engine: &Engine) -> Vec<Sender> {
    let make = |i| Sender::new(&config(suite, i, engine.clone())).unwrap_or_else(|e| panic!("{e}"));
    (0..sessions).map(make).collect()
}

fn receivers(suite: Suite, sessions: usize, engine: &Engine) -> Vec<Receiver> {
    let make =
        |i| Receiver::new(&config(suite, i, engine.clone())).unwrap_or_else(|e| panic!("{e}"));
    (0..sessions).map(make).collect()
}

/// Our side of a row.
pub fn ours<'a>(
    suite: Suite,
    payload: usize,
    sessions: usize,
    sending: bool,
    batch: bool,
    engine: Engine,
) -> Side<'a> {
    let mut arena = Arena::new(payload, sessions);
    let mut senders = senders(suite, sessions, &engine);
    let mut receivers = receivers(suite, sessions, &engine);
    Side::new("ours", move || match (sending, batch) {
        (true, false) => protect_singly(&mut arena, |session, packet, len| {
            senders[session].protect(packet, len).unwrap_or_else(|e| panic!("{e}"));
        }),
        (false, false) => unprotect_singly(&mut arena, &mut senders, |session, packet| {
            receivers[session].unprotect(packet).unwrap_or_else(|e| panic!("{e}"));
        }),
        (true, true) => {
            arena.advance();
            let len = arena.len;
            let mut jobs: Vec<_> =
                arena.packets().map(|(session, packet)| Job::new(session, packet, len)).collect();
            let begin = Instant::now();
            for jobs in jobs.chunks_mut(BATCH) {
                protect_batch(&mut senders, jobs);
            }
            let elapsed = begin.elapsed();
            assert!(jobs.iter().all(|job| job.result.is_ok()));
            elapsed
        }
        (false, true) => {
            let sealed = seal(&mut arena, &mut senders);
            let mut jobs: Vec<_> = arena
                .packets()
                .map(|(session, packet)| Job::new(session, packet, sealed))
                .collect();
            let begin = Instant::now();
            for jobs in jobs.chunks_mut(BATCH) {
                unprotect_batch(&mut receivers, jobs);
            }
            let elapsed = begin.elapsed();
            assert!(jobs.iter().all(|job| job.result.is_ok()));
            elapsed
        }
    })
}

/// Prints the table.
pub fn compare(filter: &str) {
    println!("kernel: {:?}; {PACKETS} packets a run, batches of {BATCH}", Kernel::best());
    harness::print_head();
    for suite in SUITES {
        for payload in PAYLOADS {
            for (sessions, batch) in [(1, false), (256, false), (64, true), (256, true)] {
                for sending in [true, false] {
                    let row = format!(
                        "{} {} {payload} B x{sessions}{}",
                        suite.sdes_name(),
                        if sending { "protect" } else { "unprotect" },
                        if batch { " batch" } else { "" },
                    );
                    if !row.contains(filter) {
                        continue;
                    }
                    let mut sides =
                        vec![ours(suite, payload, sessions, sending, batch, Engine::Best)];
                    #[cfg(feature = "peers")]
                    sides.extend(crate::peers::srtp(suite, payload, sessions, sending));
                    harness::compare(&row, PACKETS as u64, &mut sides);
                }
            }
        }
    }
    for &kernel in Kernel::ALL.iter().filter(|kernel| kernel.is_available()) {
        for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
            for batch in [false, true] {
                let row = format!(
                    "{} protect 160 B x256{} {kernel:?}",
                    suite.sdes_name(),
                    if batch { " batch" } else { "" },
                );
                if row.contains(filter) {
                    let engine = Engine::Builtin(kernel);
                    let mut sides = vec![ours(suite, 160, 256, true, batch, engine)];
                    #[cfg(feature = "peers")]
                    sides.extend(crate::peers::srtp(suite, 160, 256, true));
                    harness::compare(&row, PACKETS as u64, &mut sides);
                }
            }
        }
    }
}
