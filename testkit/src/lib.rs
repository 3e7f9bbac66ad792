// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tests, benches and fuzz targets share, all of them outside of the engine: keys, two phones that talk
//! to each other over a network of the test's making, and numbers that look random.

use ale_media::codec::CodecSpec;
use ale_media::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver, SrtpConfig};
use ale_media::srtp::{MasterKey, Policy, SessionConfig, Suite};

/// Time between two calls of the audio thread.
pub const TICK_NS: u64 = 10_000_000;
/// The pitch that each end speaks at.
const PITCH_HZ: [f32; 2] = [420.0, 660.0];

/// A phone: a leg that says a tone.
#[derive(Debug)]
pub struct End {
    /// The network thread's half.
    pub receiver: LegReceiver,
    /// The audio thread's half.
    pub media: LegMedia,
    /// Any thread's half.
    pub control: LegControl,
    /// Samples that it has said.
    said: u64,
    /// What it has heard.
    pub heard: Vec<i16>,
}

/// Amplitude of a tone in sound: its sum over a Hann window, so that what is 2 / (length of `pcm`) away and further is
/// no part of it.
#[must_use]
pub fn amplitude(pcm: &[i16], rate_hz: u32, hz: f64) -> f64 {
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let turn = std::f64::consts::TAU * n as f64;
        let window = 1.0 - (turn / pcm.len() as f64).cos();
        let (sin, cos) = (turn * hz / f64::from(rate_hz)).sin_cos();
        let sample = window * f64::from(*sample);
        (re, im, weight) = (re + sample * cos, im + sample * sin, weight + window);
    }
    2.0 * re.hypot(im) / f64::max(weight, 1.0)
}

/// Keys of one direction, the same for the same seed; any suite with a cipher is accepted.
///
/// # Panics
/// Never: the key has the suite's length.
#[must_use]
pub fn keys(suite: Suite, seed: u8) -> SessionConfig {
    let material = vec![seed; suite.key_bytes() + suite.salt_bytes()];
    let key = MasterKey::from_concatenated(suite, &material).expect("a key of the suite's length");
    let mut config = SessionConfig::new(suite, key);
    config.policy = Policy::Legacy;
    config
}

/// Two ends, each of which expects the other.
///
/// # Panics
/// When what `set` makes of a config is refused.
pub fn pair(codec: &CodecSpec, suite: Option<Suite>, set: impl Fn(&mut LegConfig)) -> [End; 2] {
    [(0xa, 1, 2), (0xb, 2, 1)].map(|(ssrc, send, receive)| {
        let mut config = LegConfig::plain(ssrc, 96, codec.clone());
        config.rtcp_interval_ms = 500;
        config.initial_sequence = 65_500;
        config.srtp = suite
            .map(|suite| SrtpConfig { send: keys(suite, send), receive: keys(suite, receive) });
        set(&mut config);
        let (receiver, media, control) = Leg::new(&config).unwrap();
        End { receiver, media, control, said: 0, heard: Vec::new() }
    })
}

impl End {
    /// Speaks 10 ms; what is to be sent.
    ///
    /// # Panics
    /// When the leg does not take 10 ms.
    pub fn speak(&mut self, who: usize, now_ns: u64) -> Vec<Vec<u8>> {
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
    ///
    /// # Panics
    /// When the leg does not give 10 ms.
    pub fn hear(&mut self, now_ns: u64) {
        let mut pcm = vec![0; (self.media.sample_rate_hz() / 100) as usize];
        self.media.pull(now_ns, &mut pcm).unwrap();
        self.heard.extend_from_slice(&pcm);
    }

    /// The share of the other's pitch in the last half second, from 0 to 1.
    pub fn hears(&self, other: usize) -> f32 {
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
pub fn talk(
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
pub fn deliver(ends: &mut [End; 2], to: usize, now_ns: u64, mut datagram: Vec<u8>) {
    let _ = ends[to].receiver.receive(&mut datagram, now_ns);
}

/// Numbers that look random and are the same every time.
#[derive(Debug)]
pub struct Dice(
    /// Where they begin; not 0.
    pub u64,
);

impl Dice {
    /// The next number.
    #[allow(clippy::should_implement_trait)] // It never ends.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }
}
