// SPDX-License-Identifier: MIT OR Apache-2.0
//! One mixer a rate, and what each hears of the others.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::ConferenceConfig;
use crate::dsp::resample::{RATES_HZ, Resampler};
use crate::mixer::{Mixer, MixerConfig, MixerError};

const RATES: usize = RATES_HZ.len();
/// Samples of 10 ms at the highest rate.
pub(super) const MAX_FRAME_SAMPLES: usize = 480;

/// The mixers of all rates, bridged.
pub(super) struct Rates {
    mixers: [Mixer; RATES],
    /// From each rate to each other.
    bridges: Box<[Bridge]>,
}

struct Bridge {
    from: usize,
    to: usize,
    resampler: Resampler,
    /// What the other side hears in this tick.
    pcm: Box<[i32]>,
    /// Ticks that the filter still rings after the last sound.
    ringing: u8,
}

/// Ticks after which a resampler that is fed silence gives silence: its delay is below 10 ms.
const RINGING_TICKS: u8 = 2;

impl Rates {
    pub(super) fn new(config: &ConferenceConfig) -> Result<Self, MixerError> {
        let mixer = |rate| {
            Mixer::new(&MixerConfig {
                sample_rate_hz: RATES_HZ[rate],
                channels: 1,
                max_participants: config.max_members,
                max_pair_gains: config.max_pair_gains,
                limiter: config.limiter,
            })
        };
        let mixers = [mixer(0)?, mixer(1)?, mixer(2)?, mixer(3)?];
        let mut bridges = Vec::with_capacity(RATES * (RATES - 1));
        for from in 0..RATES {
            for to in (0..RATES).filter(|to| *to != from) {
                let resampler = Resampler::new(RATES_HZ[from], RATES_HZ[to])
                    .map_err(|_| MixerError::InvalidConfig)?;
                let pcm = vec![0; mixers[to].frame_samples()].into_boxed_slice();
                bridges.push(Bridge { from, to, resampler, pcm, ringing: 0 });
            }
        }
        Ok(Self { mixers, bridges: bridges.into_boxed_slice() })
    }

    /// Which mixer works at this rate.
    pub(super) fn index_of(sample_rate_hz: u32) -> Option<usize> {
        RATES_HZ.iter().position(|rate| *rate == sample_rate_hz)
    }

    /// The mixer of a rate; `rate` comes from [`Rates::index_of`].
    pub(super) fn mixer(&mut self, rate: usize) -> &mut Mixer {
        &mut self.mixers[rate % RATES]
    }

    /// Adds everything up: each rate for itself, then across.
    pub(super) fn run(&mut self) {
        let mut sounded = [false; RATES];
        for (rate, mixer) in self.mixers.iter_mut().enumerate() {
            if mixer.stats().participants > 0 {
                mixer.run();
                sounded[rate] = mixer.sum().iter().any(|sample| *sample != 0);
            }
        }
        for bridge in &mut self.bridges {
            let listeners = self.mixers[bridge.to].stats().participants;
            if sounded[bridge.from] {
                bridge.ringing = RINGING_TICKS;
            } else if bridge.ringing == 0 {
                continue;
            } else {
                bridge.ringing -= 1;
            }
            if listeners == 0 {
                continue;
            }
            let silence = [0; MAX_FRAME_SAMPLES];
            let source = &self.mixers[bridge.from];
            let sum = match sounded[bridge.from] {
                true => source.sum(),
                false => &silence[..source.frame_samples()],
            };
            bridge.resampler.process(sum, &mut bridge.pcm);
            // As long as the other mixer's frame by construction.
            let _ = self.mixers[bridge.to].mix_in(&bridge.pcm);
        }
    }
}
