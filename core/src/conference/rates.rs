// SPDX-License-Identifier: MIT OR Apache-2.0
//! One mixer a rate, and what each hears of the others.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::config::ConferenceConfig;
use super::partial_sums::{PartialSums, RATES};
use crate::dsp::resample::{RATES_HZ, Resampler};
use crate::mixer::{Mixer, MixerConfig, MixerError, ParticipantId, Said};
use crate::within::Within;

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
        let frames = config.most_frames();
        let is_used = RATES_HZ.map(|rate_hz| config.rates_hz.contains(&rate_hz));
        let is_known = |rate_hz: &u32| *rate_hz == 0 || RATES_HZ.contains(rate_hz);
        if !config.rates_hz.iter().all(is_known) || is_used == [false; RATES] {
            return Err(MixerError::InvalidConfig);
        }
        let mixer = |rate: usize| match is_used[rate] {
            true => {
                let config = MixerConfig {
                    sample_rate_hz: RATES_HZ[rate],
                    channels: 1,
                    max_participants: config.max_members,
                    max_pair_gains: config.max_pair_gains,
                    limiter: config.limiter,
                    frame_ms: 10,
                };
                Mixer::of_frames(&config, frames)
            }
            // Nobody joins there.
            false => Mixer::new(&MixerConfig {
                sample_rate_hz: RATES_HZ[0],
                channels: 1,
                max_participants: 1,
                max_pair_gains: 0,
                limiter: false,
                frame_ms: 10,
            }),
        };
        let mixers = [mixer(0)?, mixer(1)?, mixer(2)?, mixer(3)?];
        let mut bridges = Vec::with_capacity(RATES * (RATES - 1));
        for from in (0..RATES).filter(|from| is_used[*from]) {
            for to in (0..RATES).filter(|to| *to != from && is_used[*to]) {
                let resampler = Resampler::new(RATES_HZ[from], RATES_HZ[to])
                    .map_err(|_| MixerError::InvalidConfig)?;
                let pcm = vec![0; mixers[to].frame_samples() * frames].into_boxed_slice();
                bridges.push(Bridge { from, to, resampler, pcm, ringing: 0 });
            }
        }
        let total = PartialSums::of_frames(frames);
        Ok(Self { mixers, bridges: bridges.into_boxed_slice(), total })
    }

    /// Makes all mixers work on so many times 10 ms at once, from the next tick's input on.
    #[inline]
    pub(super) fn set_frames(&mut self, frames: usize) {
        for mixer in &mut self.mixers {
            mixer.set_frames(frames);
        }
    }

    /// Which mixer works at this rate.
    pub(super) fn index_of(sample_rate_hz: u32) -> Option<usize> {
        RATES_HZ.iter().position(|rate| *rate == sample_rate_hz)
    }

    /// The mixer of a rate; `rate` comes from [`Rates::index_of`].
    pub(super) fn mixer(&mut self, rate: usize) -> &mut Mixer {
        &mut self.mixers[rate % RATES]
    }

    /// What a participant of a rate's mixer says in this tick.
    pub(super) fn said(&self, rate: usize, place: ParticipantId) -> Said<'_> {
        self.mixers[rate % RATES].said(place)
    }

    /// Pair gains in all mixers.
    pub(super) fn pair_gains(&self) -> usize {
        self.mixers.iter().map(Mixer::pair_gains).sum()
    }

    /// Whether the mixer of a rate has a gain of one of its participants for another.
    pub(super) fn has_pair_gain(
        &self,
        rate: usize,
        listener: ParticipantId,
        talker: ParticipantId,
    ) -> bool {
        self.mixers[rate % RATES].has_pair_gain(listener, talker)
    }

    /// Adds up each rate for itself.
    pub(super) fn gather(&mut self) {
        let totals = self.total.rates.iter_mut().zip(&mut self.total.sounded);
        for (mixer, (total, sounded)) in self.mixers.iter_mut().zip(totals) {
            let sounded_before = core::mem::take(sounded);
            if mixer.stats().participants > 0 {
                mixer.run();
                *sounded = mixer.sum().iter().any(|sample| *sample != 0);
            }
            match sounded {
                true => total.head_mut(mixer.frame_samples()).copy_of(mixer.sum()),
                // Zeros stay there, whatever the next frame's length.
                false if sounded_before => total.fill(0),
                false => {}
            }
        }
    }

    /// What [`Rates::gather`] has added up.
    pub(super) fn sums(&self) -> &PartialSums {
        &self.total
    }

    /// Adds what has been added up elsewhere.
    pub(super) fn mix_in(&mut self, other: &PartialSums) {
        let totals = self.total.rates.iter_mut().zip(&mut self.total.sounded);
        let others = other.rates.iter().zip(&other.sounded);
        for ((mixer, (total, sounded)), (pcm, other_sounded)) in
            self.mixers.iter_mut().zip(totals).zip(others)
        {
            if *other_sounded {
                let pcm = pcm.head(mixer.frame_samples());
                // As long as a frame by construction.
                let _ = mixer.mix_in(pcm);
                for (total, sample) in total.iter_mut().zip(pcm) {
                    *total = total.saturating_add(*sample);
                }
                *sounded = true;
            }
        }
    }

    /// Takes each rate's sum to the others.
    pub(super) fn cross(&mut self) {
        for bridge in &mut self.bridges {
            // The remainder is for the compiler, which knows then that there is such a rate.
            let (from, to) = (bridge.from % RATES, bridge.to % RATES);
            let listeners = self.mixers[to].stats().participants;
            if self.total.sounded[from] {
                bridge.ringing = RINGING_TICKS;
            } else if bridge.ringing == 0 {
                continue;
            } else {
                bridge.ringing -= 1;
            }
            if listeners == 0 {
                continue;
            }
            let sum = self.total.rates[from].head(self.mixers[from].frame_samples());
            // As long as the other mixer's frame by construction.
            let pcm = bridge.pcm.head_mut(self.mixers[to].frame_samples());
            bridge.resampler.process(sum, pcm);
            let _ = self.mixers[to].mix_in(pcm);
        }
    }
}
