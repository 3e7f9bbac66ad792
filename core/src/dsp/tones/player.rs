// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host plays to somebody: call progress tones until they are stopped, and digits in the audio
//! (DTMF, ITU-T Q.23) one after another.

use core::fmt;

use super::generator::{Generator, RAMP_MS};
use super::plans::{Plan, Signal, cadence};
use crate::rtp::telephone_event::event_of_digit;

/// Digits that may wait.
const QUEUE: usize = 32;
/// Samples that are made at a time.
const BLOCK: usize = 160;

/// Why a player refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayerError {
    /// A rate that is not a multiple of 100 from 8000 to 48000.
    SampleRate,
    /// A character that is no digit (0 to 9, `*`, `#`, A to D), or none at all.
    Digit,
    /// A duration or a pause that is not 20 to 10000 ms.
    Duration,
    /// A level that is not 10 to 63: two frequencies that are louder would clip.
    Level,
    /// More digits than there is room for.
    Full,
}

impl fmt::Display for PlayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SampleRate => "the rate is not a multiple of 100 from 8000 to 48000",
            Self::Digit => "a character is no digit",
            Self::Duration => "a digit or a pause does not last 20 to 10000 ms",
            Self::Level => "the level is not 10 to 63",
            Self::Full => "more digits than there is room for",
        })
    }
}

impl core::error::Error for PlayerError {}

/// How digits sound. ITU-T Q.24 has receivers that want 40 ms of both tone and pause; 100 ms are common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// Length of a digit in ms.
    pub duration_ms: u16,
    /// Silence behind it in ms.
    pub pause_ms: u16,
    /// Level of each of the two frequencies in -dBov.
    pub level_dbov: u8,
}

impl Default for Digits {
    fn default() -> Self {
        Self { duration_ms: 100, pause_ms: 100, level_dbov: 13 }
    }
}

/// A digit that waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    event: u8,
    sound: Digits,
}

/// What is heard just now.
#[derive(Debug)]
enum Playing {
    Nothing,
    /// Sound; `left` samples of it, or `None` until it is stopped, and then so many of silence.
    Tone {
        generator: Generator,
        at: usize,
        left: Option<usize>,
        pause: usize,
    },
    /// Silence behind a digit.
    Pause {
        left: usize,
    },
}

/// Plays one thing at a time.
#[derive(Debug)]
pub struct Player {
    rate_hz: u32,
    plan: Plan,
    playing: Playing,
    /// From `first` on, around the end.
    waiting: [Waiting; QUEUE],
    first: usize,
    count: usize,
}

impl Player {
    /// A player of a plan's tones at `rate_hz`, a multiple of 100 from 8000 to 48000. It plays nothing yet.
    ///
    /// # Errors
    /// [`PlayerError::SampleRate`].
    pub fn new(rate_hz: u32, plan: Plan) -> Result<Self, PlayerError> {
        if !(8_000..=48_000).contains(&rate_hz) || !rate_hz.is_multiple_of(100) {
            return Err(PlayerError::SampleRate);
        }
        let none = Waiting { event: 0, sound: Digits::default() };
        Ok(Self {
            rate_hz,
            plan,
            playing: Playing::Nothing,
            waiting: [none; QUEUE],
            first: 0,
            count: 0,
        })
    }

    /// Whether a level can be played, 10 to 63.
    ///
    /// # Errors
    /// [`PlayerError::Level`].
    pub fn check_level(level_dbov: u8) -> Result<(), PlayerError> {
        if (10..=63).contains(&level_dbov) { Ok(()) } else { Err(PlayerError::Level) }
    }

    /// Samples of 10 ms.
    pub fn frame_samples(&self) -> usize {
        (self.rate_hz / 100) as usize
    }

    /// Plays a tone until it is stopped, from its beginning, in place of what is played and of the digits
    /// that wait; each of its frequencies at `level_dbov`, 10 to 63.
    ///
    /// # Errors
    /// [`PlayerError::Level`].
    pub fn play(&mut self, signal: Signal, level_dbov: u8) -> Result<(), PlayerError> {
        Self::check_level(level_dbov)?;
        self.count = 0;
        let generator = Generator::new(self.rate_hz, cadence(self.plan, signal), level_dbov);
        self.playing = Playing::Tone { generator, at: 0, left: None, pause: 0 };
        Ok(())
    }

    /// Plays digits, all or none, behind those that wait; a tone ends for them. Up to 32 may wait.
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn digits(&mut self, digits: &str, sound: Digits) -> Result<(), PlayerError> {
        Self::check_level(sound.level_dbov)?;
        let lasts = |ms: u16| (20..=10_000).contains(&ms);
        if !lasts(sound.duration_ms) || !lasts(sound.pause_ms) {
            return Err(PlayerError::Duration);
        }
        // A hook flash is an event without a sound.
        let event = |digit| event_of_digit(digit).filter(|event| *event < 16);
        if digits.is_empty() || digits.chars().any(|digit| event(digit).is_none()) {
            return Err(PlayerError::Digit);
        }
        if digits.len() > QUEUE - self.count.min(QUEUE) {
            return Err(PlayerError::Full);
        }
        for event in digits.chars().filter_map(event) {
            if let Some(place) = self.waiting.get_mut((self.first + self.count) % QUEUE) {
                *place = Waiting { event, sound };
                self.count += 1;
            }
        }
        if let Playing::Tone { left: None, .. } = self.playing {
            // The digit is not to begin within the tone's last ring.
            self.end_tone(usize::from(sound.pause_ms));
        }
        Ok(())
    }

    /// Ends what is played within 4 ms, so that it does not click, and forgets the digits that wait.
    pub fn stop(&mut self) {
        self.count = 0;
        match self.playing {
            Playing::Tone { .. } => self.end_tone(0),
            _ => self.playing = Playing::Nothing,
        }
    }

    /// Whether anything is being played; so are pauses of a cadence and between digits.
    pub fn is_playing(&self) -> bool {
        self.count > 0 || !matches!(self.playing, Playing::Nothing)
    }

    /// Fills `pcm` with what comes next, silence where nothing is played.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        self.next(pcm, |out, sample| *out = sample);
    }

    /// Adds what comes next to `pcm`, within the range of 16 bits.
    pub fn add(&mut self, pcm: &mut [i16]) {
        self.next(pcm, |out, sample| *out = out.saturating_add(sample));
    }

    fn next(&mut self, pcm: &mut [i16], put: impl Fn(&mut i16, i16)) {
        let mut block = [0; BLOCK];
        for out in pcm.chunks_mut(BLOCK) {
            let block = block.get_mut(..out.len()).unwrap_or_default();
            let mut rest = &mut *block;
            while !rest.is_empty() {
                let made = self.piece(rest).max(1);
                rest = rest.get_mut(made..).unwrap_or_default();
            }
            out.iter_mut().zip(&*block).for_each(|(out, sample)| put(out, *sample));
        }
    }

    /// Fills the front of `pcm` with one thing; how many samples it has.
    fn piece(&mut self, pcm: &mut [i16]) -> usize {
        let ramp = self.samples(RAMP_MS);
        match &mut self.playing {
            Playing::Nothing => {
                if self.begin_digit() {
                    return self.sounding(pcm, ramp);
                }
                pcm.fill(0);
                pcm.len()
            }
            Playing::Tone { .. } => self.sounding(pcm, ramp),
            Playing::Pause { left } => {
                let count = pcm.len().min(*left);
                pcm.iter_mut().take(count).for_each(|sample| *sample = 0);
                *left -= count;
                if *left == 0 {
                    self.playing = Playing::Nothing;
                }
                count
            }
        }
    }

    /// The front of `pcm` from the tone that is played, with its rise and fall.
    fn sounding(&mut self, pcm: &mut [i16], ramp: usize) -> usize {
        let Playing::Tone { generator, at, left, pause } = &mut self.playing else { return 0 };
        let count = left.map_or(pcm.len(), |left| left.min(pcm.len()));
        let pcm = pcm.get_mut(..count).unwrap_or_default();
        generator.fill(pcm);
        for (n, sample) in pcm.iter_mut().enumerate() {
            let end = left.map_or(ramp, |left| left.saturating_sub(n + 1));
            let edge = (*at + n).min(end).min(ramp);
            if edge < ramp {
                *sample = (i32::from(*sample) * edge as i32 / ramp.max(1) as i32) as i16;
            }
        }
        *at = at.saturating_add(count);
        if let Some(left) = left {
            *left -= count;
            if *left == 0 {
                let left = *pause;
                self.playing = if left == 0 { Playing::Nothing } else { Playing::Pause { left } };
            }
        }
        count
    }

    /// Begins the digit that has waited longest; whether there is one.
    fn begin_digit(&mut self) -> bool {
        let Some(&Waiting { event, sound }) =
            self.waiting.get(self.first).filter(|_| self.count > 0)
        else {
            return false;
        };
        self.first = (self.first + 1) % QUEUE;
        self.count -= 1;
        let Some(generator) = Generator::dtmf(self.rate_hz, event, sound.level_dbov) else {
            return false;
        };
        let left = Some(self.samples(usize::from(sound.duration_ms)));
        let pause = self.samples(usize::from(sound.pause_ms));
        self.playing = Playing::Tone { generator, at: 0, left, pause };
        true
    }

    /// Lets the tone fall, with so much silence behind it.
    fn end_tone(&mut self, pause_ms: usize) {
        let (ramp, silence) = (self.samples(RAMP_MS), self.samples(pause_ms));
        if let Playing::Tone { left, pause, .. } = &mut self.playing {
            *left = Some(left.map_or(ramp, |left| left.min(ramp)));
            *pause = silence;
        }
    }

    fn samples(&self, ms: usize) -> usize {
        ms * self.rate_hz as usize / 1_000
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::dsp::level::level_dbov;
    use crate::dsp::tones::{DtmfDetector, ProgressDetector};
    use proptest::prelude::*;

    fn player(rate_hz: u32) -> Player {
        Player::new(rate_hz, Plan::NorthAmerica).unwrap()
    }

    fn play(player: &mut Player, ms: usize) -> Vec<i16> {
        let mut pcm = vec![0; player.samples(ms)];
        let frame = player.frame_samples();
        pcm.chunks_mut(frame).for_each(|frame| player.fill(frame));
        pcm
    }

    #[test]
    fn digits_are_heard_by_a_detector_once_each_in_order() {
        for rate in [8_000, 16_000, 32_000, 48_000] {
            let mut player = player(rate);
            let sound = Digits { duration_ms: 60, pause_ms: 60, level_dbov: 20 };
            player.digits("0123456789*#ABCD", sound).unwrap();
            player.digits("77", sound).unwrap();
            let pcm = play(&mut player, 18 * 120 + 100);
            assert!(!player.is_playing());
            let mut detector = DtmfDetector::new(rate).unwrap();
            let frame = player.frame_samples();
            let found: Vec<u8> = pcm.chunks(frame).filter_map(|f| detector.process(f)).collect();
            let mut expected: Vec<u8> = (0..16).collect();
            expected.extend([7, 7]);
            assert_eq!(found, expected, "at {rate} Hz");
            // To the sample: tone, pause, tone.
            let loud = |ms: usize| pcm[player.samples(ms)..][..frame].iter().any(|s| *s != 0);
            for digit in 0..18 {
                assert!(loud(digit * 120 + 50) && !loud(digit * 120 + 60), "digit {digit}");
                assert!(!loud(digit * 120 + 110), "digit {digit}");
            }
        }
    }

    #[test]
    fn american_tones_are_heard_by_name() {
        use Signal::{Busy, Congestion, Dial, Ringing};
        for signal in [Dial, Ringing, Busy, Congestion] {
            let mut player = player(8_000);
            player.play(signal, 19).unwrap();
            let pcm = play(&mut player, 14_000);
            let mut progress = ProgressDetector::new(8_000).unwrap();
            let found: Vec<_> = pcm.chunks(80).filter_map(|f| progress.process(f)).collect();
            assert_eq!(found, [signal]);
            assert!(player.is_playing());
        }
    }

    #[test]
    fn nothing_clicks() {
        // Of two frequencies of at most 1633 Hz at 13 dB below full scale, each 10363 high.
        let steepest = (2.0 * 10_363.0 * core::f64::consts::TAU * 1_633.0 / 48_000.0) as i32;
        let mut player = player(48_000);
        let mut pcm = vec![0];
        player.play(Signal::Dial, 13).unwrap();
        pcm.extend(play(&mut player, 510));
        player.digits("D", Digits::default()).unwrap();
        pcm.extend(play(&mut player, 150));
        player.stop();
        pcm.extend(play(&mut player, 20));
        let jump = pcm.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max();
        assert!(jump.unwrap() < steepest, "{jump:?}");
        assert!(!player.is_playing());
        assert!(pcm[pcm.len() - 48 * 15..].iter().all(|sample| *sample == 0));
        // Each of the frequencies at the level that is asked for: together 3 dB more.
        assert!(level_dbov(&pcm[4_800..24_000]).abs_diff(10) <= 1);
    }

    #[test]
    fn adding_is_the_sum_within_16_bits() {
        let (mut one, mut other) = (player(16_000), player(16_000));
        one.play(Signal::Busy, 10).unwrap();
        other.play(Signal::Busy, 10).unwrap();
        let mut made = [0; 800];
        one.fill(&mut made);
        for base in [0, 1_000, i16::MAX, i16::MIN] {
            let mut sum = [base; 800];
            let mut again = player(16_000);
            again.play(Signal::Busy, 10).unwrap();
            again.add(&mut sum);
            for (sum, made) in sum.iter().zip(made) {
                let exact = (i32::from(base) + i32::from(made)).clamp(-32_768, 32_767);
                assert_eq!(i32::from(*sum), exact);
            }
        }
        let mut untouched = [77; 160];
        player(16_000).add(&mut untouched);
        assert_eq!(untouched, [77; 160]);
    }

    #[test]
    fn mistakes_change_nothing() {
        for rate in [0, 7_900, 8_050, 48_100, 96_000] {
            assert_eq!(Player::new(rate, Plan::Europe).err(), Some(PlayerError::SampleRate));
        }
        let mut player = player(8_000);
        let with = |duration_ms, pause_ms, level_dbov| Digits { duration_ms, pause_ms, level_dbov };
        for (digits, sound, error) in [
            ("", Digits::default(), PlayerError::Digit),
            ("12!", Digits::default(), PlayerError::Digit),
            ("12x", Digits::default(), PlayerError::Digit),
            ("1", with(19, 100, 13), PlayerError::Duration),
            ("1", with(100, 10_001, 13), PlayerError::Duration),
            ("1", with(100, 100, 9), PlayerError::Level),
            ("1", with(100, 100, 64), PlayerError::Level),
            ("000000000000000000000000000000000", Digits::default(), PlayerError::Full),
        ] {
            assert_eq!(player.digits(digits, sound), Err(error), "{digits}");
            assert!(!player.is_playing());
        }
        assert_eq!(player.play(Signal::Dial, 9), Err(PlayerError::Level));
        player.digits("01234567890123456789012345678901", Digits::default()).unwrap();
        assert_eq!(player.digits("1", Digits::default()), Err(PlayerError::Full));
        play(&mut player, 10);
        assert_eq!(player.digits("1", Digits::default()), Ok(()), "one has begun");
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_as_one(sizes in prop::collection::vec(1_usize..700, 1..20)) {
            let (mut pieces, mut whole) = (player(8_000), player(8_000));
            for player in [&mut pieces, &mut whole] {
                player.digits("59#", Digits { duration_ms: 33, pause_ms: 47, level_dbov: 12 }).unwrap();
            }
            let mut all = vec![0; sizes.iter().sum()];
            whole.fill(&mut all);
            let mut rest = &all[..];
            for size in sizes {
                let mut pcm = vec![0; size];
                pieces.fill(&mut pcm);
                let (front, behind) = rest.split_at(size);
                prop_assert_eq!(&pcm[..], front);
                rest = behind;
            }
        }
    }
}
