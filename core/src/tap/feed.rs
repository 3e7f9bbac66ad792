// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's end of a tap: takes what it may, and nothing else.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use super::config::{TapConfig, TapEvent, TapId, TapSource, TapState};
use super::frame::{Head, Sound, Writer};
use super::packet::{PACKET_WORDS, pack};
use super::reference::{FRAMES_HZ, Reference};
use crate::dsp::activity::Activity;
use crate::dsp::level::{SILENCE_DBOV, level_dbov};
use crate::dsp::resample::{RATES_HZ, Resampler, UnsupportedRate, delay_samples};
use crate::jitter::PacketMeta;
use crate::member::MemberId;
use crate::within::Within;

const FRAME_MS: u64 = 10;
/// Ticks after which a filter that is fed silence gives silence: its delay is below 10 ms.
const RINGING: u8 = 3;

/// Voices of one rate on their way to the tap's.
struct Road {
    from_hz: u32,
    /// None where the rates are the same.
    resampler: Option<Resampler>,
    sum: Box<[i32]>,
    /// Voices in the sum, and ticks that the filter still rings.
    voices: u16,
    ringing: u8,
}

/// The audio thread's end of a tap.
pub(crate) struct Feed {
    pub(crate) id: TapId,
    pub(crate) config: TapConfig,
    writer: Writer,
    roads: Box<[Road]>,
    /// Room for a frame, or for a packet.
    out: Box<[i16]>,
    mix: Box<[i32]>,
    /// Voices of another rate.
    crossed: Box<[i32]>,
    activity: Activity,
    reference: Option<Box<Reference>>,
    /// What has been told.
    told: Option<TapState>,
    taken_frames: u64,
    /// Withdrawals up to the last frame, and whether anything has been written since the last wipe.
    under: u32,
    holds: bool,
    /// Of packets: the next feed of the same member in this tick.
    pub(crate) next: Option<u16>,
}

impl Feed {
    /// Makes a feed of members at these rates, beside a voice at `reference_hz` where there is to be one.
    ///
    /// Real-time: no (allocates).
    pub(crate) fn new(
        id: TapId,
        config: &TapConfig,
        writer: Writer,
        rates_hz: &[u32],
        reference_hz: u32,
    ) -> Result<Self, UnsupportedRate> {
        let to_hz = config.sample_rate_hz;
        let near_hz = rates_hz.first().copied().unwrap_or(to_hz);
        let reference = config
            .reference
            .map(|voice| Ok(Box::new(Reference::new(voice, reference_hz, near_hz, to_hz)?)));
        let used = RATES_HZ.into_iter().filter(|rate_hz| rates_hz.contains(rate_hz));
        let road = |from_hz: u32| {
            let resampler =
                (from_hz != to_hz).then(|| Resampler::new(from_hz, to_hz)).transpose()?;
            let sum = vec![0; (from_hz / FRAMES_HZ) as usize].into();
            Ok(Road { from_hz, resampler, sum, voices: 0, ringing: 0 })
        };
        let (samples, words) = match config.source {
            TapSource::Packets(_) => (0, PACKET_WORDS),
            _ => ((to_hz / FRAMES_HZ) as usize, 0),
        };
        Ok(Self {
            id,
            config: *config,
            writer,
            roads: used.map(road).collect::<Result<_, _>>()?,
            out: vec![0; samples + words].into(),
            mix: vec![0; samples].into(),
            crossed: vec![0; samples].into(),
            activity: Activity::new(),
            reference: reference.transpose()?,
            told: None,
            taken_frames: 0,
            under: 0,
            holds: false,
            next: None,
        })
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.writer.is_closed()
    }

    /// Nothing more will come; what waits can still be read.
    pub(crate) fn close(&mut self) {
        self.writer.close();
    }

    /// What is to be told, if the state is another now.
    #[inline]
    pub(crate) fn news(&self, state: TapState, at_ns: u64) -> Option<TapEvent> {
        if self.told == Some(state) {
            return None;
        }
        Some(TapEvent {
            tap: self.id,
            tag: self.config.tag,
            source: self.config.source,
            purpose: self.config.purpose,
            sink: self.config.sink,
            state,
            at_ns,
            taken_ms: self.taken_frames * FRAME_MS,
        })
    }

    /// The state has been told. What filters remember of a voice is not heard after a pause.
    pub(crate) fn has_told(&mut self, state: TapState) {
        self.told = Some(state);
        if !matches!(state, TapState::Taking { .. }) {
            self.forget();
        }
    }

    /// Takes in how many withdrawals there have been: with another, all that waits is overwritten, and
    /// what filters remember.
    pub(crate) fn under(&mut self, withdrawals: u32) {
        if core::mem::replace(&mut self.under, withdrawals) == withdrawals || !self.holds {
            return;
        }
        self.holds = false;
        self.writer.wipe();
        self.forget();
    }

    /// Overwrites what is left of voices on their way.
    fn forget(&mut self) {
        self.out.fill(0);
        self.mix.fill(0);
        self.crossed.fill(0);
        for road in &mut self.roads {
            road.ringing = 0;
            if let Some(resampler) = &mut road.resampler {
                resampler.reset();
            }
        }
        if let Some(reference) = &mut self.reference {
            reference.forget();
        }
    }

    /// Whose voice goes beside what is taken.
    #[inline]
    pub(crate) fn reference(&self) -> Option<MemberId> {
        self.reference.as_ref().map(|reference| reference.voice)
    }

    /// Takes 10 ms of a member, and of what goes beside it, if that is heard.
    pub(crate) fn take(
        &mut self,
        pcm: &[i16],
        from_hz: u32,
        time_ns: u64,
        sound: &mut Sound,
        muted: bool,
        reference_pcm: Option<&[i16]>,
    ) {
        let mut head = self.head(time_ns, 1);
        // As it came in, at whatever rate it is read.
        let level_dbov = if muted { SILENCE_DBOV } else { sound.level_dbov(pcm) };
        self.describe(&mut head, level_dbov);
        (head.sound, head.muted) = (*sound, muted);
        head.member = self.config.source.member();
        let Self { roads, out, reference, .. } = self;
        let road = roads.iter_mut().find(|road| road.from_hz == from_hz);
        let pcm = match road.and_then(|road| Some((road.resampler.as_mut()?, &road.sum))) {
            None if muted => {
                out.fill(0);
                out
            }
            None => pcm,
            Some((resampler, silence)) => {
                let to_hz = self.config.sample_rate_hz;
                let late_ns = ns(delay_samples(from_hz, to_hz), to_hz);
                head.time_ns = time_ns.saturating_sub(late_ns);
                // Nothing is added up in a tap of one member.
                match muted {
                    true => resampler.process(silence, out),
                    false => resampler.process(pcm, out),
                };
                out
            }
        };
        let pcm = match reference {
            None => pcm,
            Some(reference) => {
                let late_ns = ns(reference.near_delay_samples(), self.config.sample_rate_hz);
                head.time_ns = head.time_ns.saturating_sub(late_ns);
                reference.beside(pcm, reference_pcm)
            }
        };
        self.writer.write(&head.to_words(), pcm);
        self.taken_frames += 1;
        self.holds = true;
    }

    /// Takes a packet of a member.
    pub(crate) fn take_packet(&mut self, time_ns: u64, meta: &PacketMeta, payload: &[u8]) {
        let mut head = self.head(time_ns, 1);
        (head.member, head.sound.ssrc) = (self.config.source.member(), Some(meta.ssrc));
        let words = pack(meta, payload, &mut self.out);
        self.writer.write(&head.to_words(), self.out.head(words));
        self.out.head_mut(words).fill(0);
        self.holds = true;
    }

    /// 10 ms have gone by in which packets were taken as they came.
    pub(crate) fn has_taken(&mut self) {
        self.taken_frames += 1;
    }

    /// Adds 10 ms of a member to the mix.
    pub(crate) fn add(&mut self, pcm: &[i16], from_hz: u32) {
        let Some(road) = self.roads.iter_mut().find(|road| road.from_hz == from_hz) else { return };
        for (sum, sample) in road.sum.iter_mut().zip(pcm) {
            *sum += i32::from(*sample);
        }
        road.voices += 1;
    }

    /// Takes what has been added up.
    pub(crate) fn take_mix(&mut self, time_ns: u64, voices: u16) {
        let mut head = self.head(time_ns, voices);
        let Self { roads, out, mix, .. } = self;
        mix.fill(0);
        for road in roads.iter_mut() {
            match &mut road.resampler {
                None => mix.iter_mut().zip(&road.sum).for_each(|(mix, sum)| *mix += *sum),
                Some(resampler) => {
                    road.ringing = if road.voices > 0 { RINGING } else { road.ringing };
                    if road.ringing == 0 {
                        continue;
                    }
                    road.ringing -= 1;
                    resampler.process(&road.sum, &mut self.crossed);
                    for (mix, crossed) in mix.iter_mut().zip(&self.crossed) {
                        *mix = mix.saturating_add(*crossed);
                    }
                }
            }
        }
        for (out, mix) in out.iter_mut().zip(mix.iter()) {
            *out = (*mix).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
        let level_dbov = level_dbov(out);
        self.describe(&mut head, level_dbov);
        self.writer.write(&head.to_words(), &self.out);
        self.taken_frames += 1;
        self.holds = true;
        self.clear_mix();
    }

    /// Forgets what has been added up.
    pub(crate) fn clear_mix(&mut self) {
        for road in &mut self.roads {
            road.sum.fill(0);
            road.voices = 0;
        }
    }

    /// Leaves 10 ms of silence.
    pub(crate) fn rest(&mut self, time_ns: u64) {
        let mut head = self.head(time_ns, 0);
        (head.paused, head.level_dbov) = (true, SILENCE_DBOV);
        self.out.fill(0);
        let silence = match &mut self.reference {
            Some(reference) => reference.forget(),
            None => &self.out,
        };
        self.writer.write(&head.to_words(), silence);
        self.holds = true;
    }

    /// Says how loud it is, and whether it is speech.
    fn describe(&mut self, head: &mut Head, level_dbov: u8) {
        head.level_dbov = level_dbov;
        head.speech = self.activity.hears(-f32::from(level_dbov), FRAME_MS as u32);
    }

    fn head(&self, time_ns: u64, voices: u16) -> Head {
        Head { time_ns, voices, under: self.under, ..Head::default() }
    }
}

fn ns(samples: u64, rate_hz: u32) -> u64 {
    (samples * 1_000_000_000).checked_div(rate_hz.into()).unwrap_or(0)
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("config", &self.config).finish_non_exhaustive()
    }
}
