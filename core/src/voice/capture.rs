// SPDX-License-Identifier: MIT OR Apache-2.0
//! The chain that a microphone's frames go through.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::jump::{Finding, JumpFinder};
use super::leveller::Leveller;
use super::processor::{Processor, Settings, Statistics};
use super::reference::Reference;
use crate::dsp::resample::RATES_HZ;
use crate::dsp::versions::Unit;
use crate::mixer::limiter::{BLOCKS, Limiter};

/// How much is let through while the echo may have moved: -36 dB.
const HUSHED: f32 = 0.016;
/// Frames for which little is let through after it has: the canceller still holds what was played before.
const HUSHED_FRAMES: u32 = 12;
/// Frames that may be hushed in a row of jumps, and frames after which one more may: whatever is taken for a
/// jump, and however often, who speaks is heard.
const MOST_HUSHED_FRAMES: u32 = 60;
const FRAMES_REGAINED_EACH: u32 = 20;
/// By how much the gain may rise a frame after that.
const RISE: f32 = 0.25;

/// What a chain was asked for that it can't do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VoiceError {
    /// Only 8000, 16000, 32000 and 48000 Hz.
    UnsupportedRate,
    /// A frame is 10 ms.
    InvalidLength,
    /// The engine could not be made.
    Engine,
}

impl fmt::Display for VoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedRate => "only 8000, 16000, 32000 and 48000 Hz are processed",
            Self::InvalidLength => "a frame is 10 ms",
            Self::Engine => "the engine could not be made",
        })
    }
}

impl core::error::Error for VoiceError {}

/// Counters of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CaptureStats {
    /// Frames that were captured.
    pub frames: u64,
    /// Those whose reference had not come: silence stood in for it.
    pub missing_reference_frames: u64,
    /// How often the reference's place was sought: once at the beginning, and after each time that nobody
    /// played or nobody captured.
    pub sought: u64,
    /// Jumps of the echo that were told.
    pub jumps_told: u64,
    /// Jumps of the echo that were found in the signal.
    pub jumps_found: u64,
    /// Frames that were hushed because the echo may have moved.
    pub hushed_frames: u64,
}

/// The half of the thread that captures: the engines, and what they work on.
///
/// Real-time: as its engines; the chain itself is.
pub struct Capture {
    rate_hz: u32,
    settings: Settings,
    reference: Reference,
    engines: Vec<Box<dyn Processor>>,
    jumps: Option<Box<JumpFinder>>,
    leveller: Leveller,
    limiter: Limiter,
    unit: Unit,
    /// What is let through, and for how many frames little.
    gain: f32,
    hushed_frames: u32,
    /// Frames that may still be hushed, in parts of [`FRAMES_REGAINED_EACH`].
    hush_left: u32,
    /// Sound that the limiter holds back.
    held: Box<[i32]>,
    played: Box<[i16]>,
    played_f32: Box<[f32]>,
    heard: Box<[f32]>,
    mix: Box<[i32]>,
    stats: CaptureStats,
    echo: Echo,
}

/// Mean squares while the echo is heard alone: of what is played, of what is heard, and of what goes out.
#[derive(Debug, Clone, Copy, Default)]
struct Echo {
    played: f32,
    heard: f32,
    left: f32,
}

impl Echo {
    fn follow(&mut self, played: f32, heard: f32, left: f32) {
        // Two seconds of it.
        self.played += (played - self.played) * 0.005;
        self.heard += (heard - self.heard) * 0.005;
        self.left += (left - self.left) * 0.005;
    }

    fn statistics(&self) -> Statistics {
        let db = |a: f32, b: f32| {
            (a > 1e-9).then(|| 10.0 * crate::math::log10((a + 1e-12) / (b + 1e-12)))
        };
        Statistics {
            echo_return_loss_enhancement_db: db(self.heard, self.left),
            echo_return_loss_db: db(self.heard, self.heard).and(db(self.played, self.heard)),
            ..Statistics::default()
        }
    }
}

impl Capture {
    pub(super) fn new(
        rate_hz: u32,
        settings: &Settings,
        mut engines: Vec<Box<dyn Processor>>,
        reference: Reference,
    ) -> Result<Self, VoiceError> {
        if !RATES_HZ.contains(&rate_hz) {
            return Err(VoiceError::UnsupportedRate);
        }
        let frame = (rate_hz / 100) as usize;
        for engine in &mut engines {
            engine.apply(settings);
        }
        let jumps = JumpFinder::new(rate_hz).map_err(|_| VoiceError::UnsupportedRate)?;
        Ok(Self {
            rate_hz,
            settings: *settings,
            reference,
            engines,
            jumps: settings.follow_jumps.then(|| Box::new(jumps)),
            leveller: Leveller::new(),
            limiter: Limiter::default(),
            unit: Unit::widest(),
            gain: 1.0,
            hushed_frames: 0,
            hush_left: MOST_HUSHED_FRAMES * FRAMES_REGAINED_EACH,
            held: vec![0; frame / BLOCKS].into_boxed_slice(),
            played: vec![0; frame].into_boxed_slice(),
            played_f32: vec![0.0; frame].into_boxed_slice(),
            heard: vec![0.0; frame].into_boxed_slice(),
            mix: vec![0; frame].into_boxed_slice(),
            stats: CaptureStats::default(),
            echo: Echo::default(),
        })
    }

    /// Samples a second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Samples of a frame: 10 ms.
    pub fn frame_samples(&self) -> usize {
        self.heard.len()
    }

    /// Takes a frame of the microphone, and makes of it what is to be sent: 2 ms later, by the limiter, and
    /// by what the engines need.
    ///
    /// Real-time: as its engines.
    ///
    /// # Errors
    /// [`VoiceError::InvalidLength`]; nothing has happened then.
    pub fn process(&mut self, pcm: &mut [i16]) -> Result<(), VoiceError> {
        if pcm.len() != self.heard.len() {
            return Err(VoiceError::InvalidLength);
        }
        self.stats.frames += 1;
        self.reference.next(&mut self.played);
        let finding = match &mut self.jumps {
            Some(jumps) => jumps.observe(&self.played, pcm),
            None => Finding::Nothing,
        };
        if let Finding::Moved(later_by) = finding {
            self.stats.jumps_found += 1;
            self.realign(later_by);
        }
        let (mut before, frame) = (0.0, pcm.len() as f32);
        for (to, from) in self.heard.iter_mut().zip(&*pcm) {
            *to = f32::from(*from) / 32_768.0;
            before += *to * *to;
        }
        for (to, from) in self.played_f32.iter_mut().zip(&self.played) {
            *to = f32::from(*from) / 32_768.0;
        }
        for engine in &mut self.engines {
            engine.render(&self.played_f32);
            engine.capture(&mut self.heard);
        }
        let wanted = finding != Finding::Nothing || self.hushed_frames > 0;
        let hushed = wanted && self.hush_left >= FRAMES_REGAINED_EACH;
        self.hush_left = match hushed {
            true => self.hush_left - FRAMES_REGAINED_EACH,
            false => (self.hush_left + 1).min(MOST_HUSHED_FRAMES * FRAMES_REGAINED_EACH),
        };
        self.hushed_frames = self.hushed_frames.saturating_sub(1);
        self.stats.hushed_frames += u64::from(hushed);
        let mut after = 0.0;
        for (to, from) in pcm.iter_mut().zip(&self.heard) {
            *to = (*from * 32_768.0) as i16;
            after += *from * *from;
        }
        if self.jumps.as_ref().is_some_and(|jumps| jumps.echo_alone()) {
            let played = self.played_f32.iter().map(|v| v * v).sum::<f32>();
            self.echo.follow(played / frame, before / frame, after / frame);
        }
        let near = self.jumps.as_ref().is_none_or(|jumps| jumps.no_echo());
        let level = if self.settings.gain_control && near && !hushed {
            self.leveller.process(before / frame, pcm, after / frame)
        } else {
            let gain = self.leveller.amplitude();
            (gain, gain)
        };
        let begin = self.gain;
        self.gain = if hushed { HUSHED } else { (self.gain + RISE).min(1.0) };
        // Down at once, within 1 ms; up over the frame.
        let ramp = if hushed { pcm.len() / 10 } else { pcm.len() };
        let step = (self.gain - begin) / ramp as f32;
        let level_step = (level.1 - level.0) / frame;
        for (n, (to, from)) in self.mix.iter_mut().zip(&self.heard).enumerate() {
            let gain = begin + step * (n.min(ramp) as f32);
            let level = level.0 + level_step * n as f32;
            // `as` saturates; the mixer's sums have 30 bits as well.
            *to = ((from * gain * level * 32_768.0) as i32).clamp(-(1 << 30), 1 << 30);
        }
        self.limiter.process(self.unit, &mut self.held, &self.mix, pcm);
        Ok(())
    }

    /// Says that the echo comes so many samples later than before, from the next frame on: a loudspeaker has
    /// run dry for so long, or a microphone's driver has brought silence for so long. Earlier, if negative:
    /// so much of the microphone is lost.
    ///
    /// Real-time: yes.
    pub fn echo_moved(&mut self, later_by: i64) {
        // Nothing jumps by more than ten seconds; the sums below stay small.
        let most = 10 * i64::from(self.rate_hz);
        let later_by = later_by.clamp(-most, most);
        self.stats.jumps_told += 1;
        let moved = self.reference.shift(later_by);
        self.replay(moved, later_by);
    }

    fn realign(&mut self, later_by: i64) {
        let frame = self.played.len() as i64;
        // The frame at hand is read again, so that it fits already.
        let moved = self.reference.shift(later_by + frame) - frame;
        self.reference.next(&mut self.played);
        self.replay(moved, later_by);
        self.hushed_frames = HUSHED_FRAMES;
    }

    /// Shows the model of the room what is played, as it is aligned now.
    fn replay(&mut self, moved: i64, later_by: i64) {
        if moved != later_by {
            // The echo comes before what the reference can be moved to: there is only learning anew.
            if let Some(jumps) = &mut self.jumps {
                jumps.restart();
            }
            return;
        }
        let (reference, played) = (&self.reference, &mut self.played);
        if let Some(jumps) = &mut self.jumps {
            jumps.replay(later_by, |count, take| reference.replay(count, played, take));
        }
    }

    /// Changes what is done.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// [`VoiceError::UnsupportedRate`], which can't happen to a living chain.
    pub fn apply(&mut self, settings: &Settings) -> Result<(), VoiceError> {
        if settings.follow_jumps != self.jumps.is_some() {
            let jumps = JumpFinder::new(self.rate_hz).map_err(|_| VoiceError::UnsupportedRate)?;
            self.jumps = settings.follow_jumps.then(|| Box::new(jumps));
        }
        self.settings = *settings;
        for engine in &mut self.engines {
            engine.apply(settings);
        }
        Ok(())
    }

    /// Passes on how long it takes from render to capture.
    pub fn set_stream_delay_ms(&mut self, delay_ms: u32) {
        for engine in &mut self.engines {
            engine.set_stream_delay_ms(delay_ms);
        }
    }

    /// Forgets what was learnt: another device, another room.
    ///
    /// Real-time: as its engines.
    pub fn restart(&mut self) {
        for engine in &mut self.engines {
            engine.restart();
        }
        if let Some(jumps) = &mut self.jumps {
            jumps.restart();
        }
    }

    /// What is known: losses as the chain itself measures them while the echo is heard alone (where jumps are
    /// followed), else what the first engine that knows says.
    pub fn statistics(&self) -> Statistics {
        let own = Statistics { gain_db: Some(self.leveller.gain_db()), ..self.echo.statistics() };
        let engines = self.engines.iter().map(|engine| engine.statistics());
        engines.fold(own, Statistics::or)
    }

    /// Counters.
    pub fn stats(&self) -> CaptureStats {
        CaptureStats {
            missing_reference_frames: self.reference.missing_frames,
            sought: self.reference.sought,
            ..self.stats
        }
    }

    /// Samples between the reference that is used next and the newest that has come.
    pub fn reference_behind_samples(&self) -> i64 {
        self.reference.behind()
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("rate_hz", &self.rate_hz)
            .field("settings", &self.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
