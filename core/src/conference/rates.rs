// SPDX-License-Identifier: MIT OR Apache-2.0
//! One mixer a rate, and what each hears of the others.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::ConferenceConfig;
use super::shard::PartialSums;
use crate::dsp::resample::{RATES_HZ, Resampler};
use crate::mixer::{Mixer, MixerConfig, MixerError};

pub(super) const RATES: usize = RATES_HZ.len();
/// Samples of 10 ms at the highest rate.
pub(super) const MAX_FRAME_SAMPLES: usize = 480;

/// The mixers of all rates, bridged.
pub(super) struct Rates {
    mixers: [Mixer; RATES],
    /// From each rate to each other.
    bridges: Box<[Bridge]>,
    /// What was added up in this tick, here and elsewhere.
    total: PartialSums,
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
        Ok(Self { mixers, bridges: bridges.into_boxed_slice(), total: PartialSums::new() })
    }

    /// Which mixer works at this rate.
    pub(super) fn index_of(sample_rate_hz: u32) -> Option<usize> {
        RATES_HZ.iter().position(|rate| *rate == sample_rate_hz)
    }

    /// The mixer of a rate; `rate` comes from [`Rates::index_of`].
    pub(super) fn mixer(&mut self, rate: usize) -> &mut Mixer {
        &mut self.mixers[rate % RATES]
    }

    /// Adds up each rate for itself.
    pub(super) fn gather(&mut self) {
        let sums = &mut self.total;
        for (rate, mixer) in self.mixers.iter_mut().enumerate() {
            sums.sounded[rate] = false;
            if mixer.stats().participants > 0 {
                mixer.run();
                sums.sounded[rate] = mixer.sum().iter().any(|sample| *sample != 0);
            }
            let total = &mut sums.rates[rate][..mixer.frame_samples()];
            match sums.sounded[rate] {
                true => total.copy_from_slice(mixer.sum()),
                false => total.fill(0),
            }
        }
    }

    /// What [`Rates::gather`] has added up.
    pub(super) fn sums(&self) -> &PartialSums {
        &self.total
    }

    /// Adds what has been added up elsewhere.
    pub(super) fn mix_in(&mut self, other: &PartialSums) {
        for (rate, mixer) in self.mixers.iter_mut().enumerate() {
            if other.sounded[rate] {
                let pcm = &other.rates[rate][..mixer.frame_samples()];
                // As long as a frame by construction.
                let _ = mixer.mix_in(pcm);
                for (total, sample) in self.total.rates[rate].iter_mut().zip(pcm) {
                    *total = total.saturating_add(*sample);
                }
                self.total.sounded[rate] = true;
            }
        }
    }

    /// Takes each rate's sum to the others.
    pub(super) fn cross(&mut self) {
        for bridge in &mut self.bridges {
            let listeners = self.mixers[bridge.to].stats().participants;
            if self.total.sounded[bridge.from] {
                bridge.ringing = RINGING_TICKS;
            } else if bridge.ringing == 0 {
                continue;
            } else {
                bridge.ringing -= 1;
            }
            if listeners == 0 {
                continue;
            }
            let samples = self.mixers[bridge.from].frame_samples();
            bridge.resampler.process(&self.total.rates[bridge.from][..samples], &mut bridge.pcm);
            // As long as the other mixer's frame by construction.
            let _ = self.mixers[bridge.to].mix_in(&bridge.pcm);
        }
    }
}
