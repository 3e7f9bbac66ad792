// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a codec's own concealment. What a decoder makes up after a fifth of a second is
//! background, or should be: libopus takes a steady pitch for it and goes on with it for ever, and
//! asks more for 10 ms than for a packet that has come. So its audio is described once (as RFC 3389
//! does) and noise of that description, no louder than the call's own background, goes on with it.
//! Audio thread only; touches the samples and the noise that it is given.

use super::noise::{Noise, STRETCH};
use crate::codec::comfort_noise::Background;
use crate::dsp::pitch::to_pcm;
use crate::within::Within;

/// Samples at 8 kHz of concealment after which a decoder's is listened to, and after which it has ended.
const LISTEN: usize = 800;
const END: usize = 1600;
/// Samples at 8 kHz over which the noise goes when sound comes back.
const LEAVE: usize = 40;

/// How much louder than the call's background, as it was measured last, the noise may be.
const HEADROOM: f32 = 1.5;

/// Listens to how a concealment ends.
#[derive(Debug, Default)]
pub(super) struct Decay {
    background: Background,
    is_described: bool,
}

impl Decay {
    /// A concealment begins: what it ends in is not known yet.
    pub(super) fn restart(&mut self) {
        self.background.restart();
        self.is_described = false;
    }

    /// Whether noise stands in by now, `concealed` samples after the last sound.
    pub(super) fn has_begun(&self, concealed: usize, unit: usize) -> bool {
        self.is_described && concealed >= END * unit
    }

    /// Takes in what the decoder has made, `concealed` samples after the last sound. The last of it goes
    /// over into `noise`, which knows then what to sound like.
    pub(super) fn follow(
        &mut self,
        pcm: &mut [i16],
        concealed: usize,
        unit: usize,
        floor: f32,
        noise: &mut Noise,
    ) {
        if concealed < LISTEN * unit {
            return;
        }
        self.background.hear(pcm);
        if concealed + pcm.len() < END * unit {
            return;
        }
        noise.describe(&self.background.describe());
        noise.limit(HEADROOM * floor);
        self.is_described = true;
        fade(pcm, noise, |made, came, w| came + (made - came) * w);
    }

    /// Lets the noise go under the first of `pcm`, with which sound comes back.
    pub(super) fn leave(pcm: &mut [i16], unit: usize, noise: &mut Noise) {
        let count = pcm.len().min(LEAVE * unit);
        fade(pcm.head_mut(count), noise, |made, came, w| came + made * (1.0 - w));
    }
}

/// Mixes noise into `pcm`: `mix(noise, sample, w)`, with `w` from 0 to 1.
fn fade(pcm: &mut [i16], noise: &mut Noise, mix: impl Fn(f32, f32, f32) -> f32) {
    let step = 1.0 / pcm.len().max(1) as f32;
    let (mut made, mut at) = ([0; STRETCH], 0.5);
    for part in pcm.chunks_mut(STRETCH) {
        let made = made.head_mut(part.len());
        noise.fill(made);
        for (sample, made) in part.iter_mut().zip(made) {
            *sample = to_pcm(mix(f32::from(*made), f32::from(*sample), at * step));
            at += 1.0;
        }
    }
}

// The bench stands on `std`, and not on loom.
#[cfg(all(test, feature = "std", not(loom)))]
mod tests {
    use alloc::boxed::Box;
    use alloc::sync::Arc;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use crate::codec::{CodecError, Decoder, Format};
    use crate::jitter::tests::Bench;
    use crate::jitter::{DecoderMap, JitterConfig};

    /// A codec that takes what it heard last for the background, and counts how often it is asked.
    struct Drone(Arc<AtomicUsize>);

    const LOUD: i16 = 4000;
    const SOFT: i16 = 40;

    fn pcm(level: i16, n: usize) -> i16 {
        if n % 10 < 5 { level } else { -level }
    }

    impl Decoder for Drone {
        fn format(&self) -> Format {
            Format { sample_rate_hz: 8000, channels: 1, rtp_clock_hz: 8000 }
        }
        fn packet_samples(&self, _: &[u8]) -> Result<usize, CodecError> {
            Ok(160)
        }
        fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
            let level = if payload == [0] { SOFT } else { LOUD };
            out[..160].iter_mut().enumerate().for_each(|(n, sample)| *sample = pcm(level, n));
            Ok(160)
        }
        fn conceals(&self) -> bool {
            true
        }
        fn conceal(&mut self, out: &mut [i16]) -> Result<usize, CodecError> {
            self.0.fetch_add(out.len(), Ordering::Relaxed);
            out.iter_mut().enumerate().for_each(|(n, sample)| *sample = pcm(LOUD, n));
            Ok(out.len())
        }
        fn reset(&mut self) {}
    }

    #[test]
    fn a_drone_ends_in_soft_noise_and_is_not_asked_for_more() {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut map = DecoderMap::new();
        map.insert(0, Box::new(Drone(asked.clone()))).unwrap();
        let mut bench = Bench::with_decoders(&JitterConfig::default(), map);
        let send = |bench: &mut Bench, n: usize| {
            // A pause, then speech.
            let level = u8::from(n >= 25);
            bench.send_payload(n as u16, n as u32 * 160, &[level]).unwrap();
        };
        // A packet is lost: the decoder is asked.
        for n in (0..50).chain([51]) {
            send(&mut bench, n);
            bench.pull();
            bench.pull();
        }
        bench.heard.clear();
        for _ in 0..100 {
            bench.pull();
        }
        let loud = |pcm: &[i16]| pcm.iter().filter(|sample| sample.abs() > LOUD / 2).count();
        assert!(loud(&bench.heard[..800]) > 0, "it is heard at first");
        assert_eq!(loud(&bench.heard[3200..]), 0, "and not any more later");
        assert!(
            bench.heard[3200..].iter().any(|sample| *sample != 0),
            "what is heard is no silence"
        );
        let after = asked.load(Ordering::Relaxed);
        assert!(after > 0 && after < 2400, "{after} samples of a second");
        for n in 105..110 {
            send(&mut bench, n);
            bench.pull();
            bench.pull();
        }
        assert!(loud(&bench.heard[8000..]) >= 480, "sound comes back");
    }
}
