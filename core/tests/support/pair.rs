// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two legs that talk to each other over a network of the test's making.
#![allow(dead_code)] // Each test uses a part.

use ale_media::codec::CodecSpec;
use ale_media::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver, SrtpConfig};
use ale_media::srtp::{MasterKey, SessionConfig, Suite};

pub(crate) const TICK_NS: u64 = 10_000_000;
/// The pitch that each end speaks at.
const PITCH_HZ: [f32; 2] = [420.0, 660.0];

pub(crate) struct End {
    pub(crate) receiver: LegReceiver,
    pub(crate) media: LegMedia,
    pub(crate) control: LegControl,
    /// Samples that it has said.
    said: u64,
    /// What it has heard.
    pub(crate) heard: Vec<i16>,
}

fn keys(byte: u8, suite: Suite) -> SessionConfig {
    let material = vec![byte; suite.key_bytes() + suite.salt_bytes()];
    SessionConfig::new(suite, MasterKey::from_concatenated(suite, &material).unwrap())
}

/// Two ends, each of which expects the other.
pub(crate) fn pair(
    codec: &CodecSpec,
    suite: Option<Suite>,
    set: impl Fn(&mut LegConfig),
) -> [End; 2] {
    [(0xa, 1, 2), (0xb, 2, 1)].map(|(ssrc, send, receive)| {
        let mut config = LegConfig::plain(ssrc, 96, codec.clone());
        config.rtcp_interval_ms = 500;
        config.initial_sequence = 65_500;
        config.srtp = suite
            .map(|suite| SrtpConfig { send: keys(send, suite), receive: keys(receive, suite) });
        set(&mut config);
        let (receiver, media, control) = Leg::new(&config).unwrap();
        End { receiver, media, control, said: 0, heard: Vec::new() }
    })
}

impl End {
    /// Speaks 10 ms; what is to be sent.
    pub(crate) fn speak(&mut self, who: usize, now_ns: u64) -> Vec<Vec<u8>> {
        let rate = self.media.sample_rate_hz();
        let pcm: Vec<i16> = (self.said..self.said + u64::from(rate / 100))
            .map(|n| {
                let seconds = (n % (u64::from(rate) * 100)) as f32 / rate as f32;
                (8_000.0 * (core::f32::consts::TAU * PITCH_HZ[who] * seconds).sin()) as i16
            })
            .collect();
        self.said += pcm.len() as u64;
        self.media.push(&pcm).unwrap();
        let mut sent = Vec::new();
        while let Some(datagram) = self.media.poll_transmit(now_ns) {
            sent.push(datagram.to_vec());
        }
        sent
    }

    /// Hears 10 ms.
    pub(crate) fn hear(&mut self, now_ns: u64) {
        let mut pcm = vec![0; (self.media.sample_rate_hz() / 100) as usize];
        self.media.pull(now_ns, &mut pcm).unwrap();
        self.heard.extend_from_slice(&pcm);
    }

    /// The share of the other's pitch in the last half second, from 0 to 1.
    pub(crate) fn hears(&self, other: usize) -> f32 {
        let rate = self.media.sample_rate_hz() as usize;
        let tail = &self.heard[self.heard.len().saturating_sub(rate / 2)..];
        let [mut power, mut total] = [0.0_f32; 2];
        // In windows of 50 ms, so that a step of the phase costs little.
        for window in tail.chunks_exact(rate / 20) {
            let [mut re, mut im] = [0.0_f32; 2];
            for (n, sample) in window.iter().enumerate() {
                let sample = f32::from(*sample);
                let angle = core::f32::consts::TAU * PITCH_HZ[other] * n as f32 / rate as f32;
                re += sample * angle.cos();
                im += sample * angle.sin();
                total += sample * sample;
            }
            power += 2.0 * (re * re + im * im) / window.len() as f32;
        }
        // Silence has no pitch.
        if total < 1e6 { 0.0 } else { power / total }
    }
}

/// Both talk for `ticks`; `network` is given where a datagram goes to (0 or 1), when it was sent and
/// itself, and does with it what it likes.
pub(crate) fn talk(
    ends: &mut [End; 2],
    ticks: std::ops::Range<u64>,
    mut network: impl FnMut(&mut [End; 2], usize, u64, Vec<u8>),
) {
    for tick in ticks {
        let now_ns = tick * TICK_NS;
        for who in 0..2 {
            for datagram in ends[who].speak(who, now_ns) {
                network(ends, 1 - who, now_ns, datagram);
            }
            ends[who].hear(now_ns);
        }
    }
}

/// A network that delivers.
pub(crate) fn deliver(ends: &mut [End; 2], to: usize, now_ns: u64, mut datagram: Vec<u8>) {
    let _ = ends[to].receiver.receive(&mut datagram, now_ns);
}

/// Numbers that look random and are the same every time.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }
}
