// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done next: numbers in, an [`Action`] out, which `mod.rs` has carried out. Touches nothing but
//! how long the delay has been too long; knows no packet, no decoder and no sample.

use crate::jitter::delay::goal::Goal;

/// How far the delay may be short of the target before a frozen buffer waits: a frame.
const HOLD_MS: f32 = 10.0;
/// A pause is confirmed by this many quiet frames before.
const PAUSE_FRAMES: u32 = 5;
/// In a pause, the delay is brought down when it is this much above the target, up when below.
const SHORTEN_MS: f32 = 25.0;
const LENGTHEN_MS: f32 = 8.0;
const LENGTHEN_MOST_MS: f32 = 50.0;
/// A delay this far above the target, for so many frames, is cut even in speech.
const CUT_MS: f32 = 90.0;
const CUT_FRAMES: u32 = 15;
/// In place of both where the network has just become calm, and for once is better than for long.
const SETTLED_MS: f32 = 18.0;
/// A gap before sound that is there is shortened when the delay is this far above the target.
const GAP_SLACK_MS: f32 = 60.0;
/// Media time this far ahead of the target is wrong, not short of delay.
const MAX_AHEAD_MS: f32 = 400.0;
/// How far the delay may be short of the target when a talk spurt begins.
const SPURT_SLACK_MS: f32 = 9.0;

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    /// Silence, since nothing has begun.
    Wait,
    /// Silence in front of what waits, so that the delay of a frozen buffer grows.
    Hold,
    /// The frame is made.
    Go,
    /// A pause is made longer.
    Stretch { ms: f32 },
    /// A pause is made shorter.
    Compress { ms: f32 },
    /// Speech is cut out, where it fits.
    Cut { ms: f32 },
    /// Media time is passed over, whatever is there.
    Skip { ms: f32 },
    /// The next packet is decoded, and joined to what stood in before it.
    Play,
    /// A description of noise is taken.
    Describe,
    /// Noise as it was described.
    ComfortNoise,
    /// A talk spurt begins after comfort noise.
    Begin,
    /// A gap is filled from both sides, or by the redundancy behind it.
    Fill,
    /// Part of a gap is made up, whose other side is known.
    Bridge,
    /// The past goes on, nothing newer being there, from so far back.
    Conceal { back_ms: f32 },
    /// Silence in place of what is missing.
    Silence,
}

/// What stands at the end of what is pending when more is needed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ahead {
    /// How late the next sample is that is heard.
    pub(super) late_ms: f32,
    /// Whether a packet of audio is there.
    pub(super) sound: bool,
    /// Whether a description of noise is due.
    pub(super) noise: bool,
    /// In comfort noise: how late the next spurt would be if it began now.
    pub(super) spurt_late_ms: Option<f32>,
    /// What waits behind a gap.
    pub(super) gap: Option<Gap>,
}

/// Media time between what is pending and what waits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gap {
    /// Samples, at least one.
    pub(super) samples: usize,
    /// Whether sound of the same stretch is behind it.
    pub(super) bounded: bool,
    /// Whether it is short enough, too, to be filled at once.
    pub(super) fills: bool,
}

/// What has been tried in vain since samples were made last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tried {
    pub(super) play: bool,
    pub(super) describe: bool,
    pub(super) skip: bool,
    pub(super) fill: bool,
}

/// Whether the first packet, so late by now if it is there, is to be heard.
pub(super) fn start(first_late_ms: Option<f32>, goal: &Goal) -> Action {
    if first_late_ms.is_some_and(|late_ms| late_ms >= goal.start_ms) {
        Action::Go
    } else {
        Action::Wait
    }
}

/// Whether a frozen buffer waits, as at the start.
pub(super) fn hold(goal: &Goal, late_ms: impl FnOnce() -> f32) -> Action {
    if goal.hold && late_ms() <= goal.target_ms - HOLD_MS { Action::Hold } else { Action::Go }
}

/// Moves the delay towards the target where nobody hears it, after so many quiet frames and if a
/// pause is ahead.
pub(super) fn in_pause(
    late_ms: f32,
    goal: &Goal,
    is_pause_ahead: impl FnOnce() -> bool,
) -> Option<Action> {
    let excess_ms = late_ms - goal.target_ms;
    let shorten_ms = if goal.settles { SETTLED_MS } else { SHORTEN_MS };
    if (-LENGTHEN_MS..=shorten_ms).contains(&excess_ms) || !is_pause_ahead() {
        return None;
    }
    Some(if excess_ms < 0.0 {
        Action::Stretch { ms: (-excess_ms).min(LENGTHEN_MOST_MS) }
    } else {
        Action::Compress { ms: excess_ms }
    })
}

/// Whether the delay may be moved in a pause at all.
pub(super) fn is_pause(quiet_frames: u32, goal: &Goal) -> bool {
    goal.adapt && quiet_frames >= PAUSE_FRAMES
}

/// Whether none of [`in_pause`], [`Excess::cut`] and [`over`] would do anything.
#[inline]
pub(super) fn is_steady(late_ms: f32, quiet_frames: u32, goal: &Goal) -> bool {
    let excess_ms = late_ms - goal.target_ms;
    let shorten_ms = if goal.settles { SETTLED_MS } else { SHORTEN_MS };
    let far = if is_pause(quiet_frames, goal) {
        !(-LENGTHEN_MS..=shorten_ms).contains(&excess_ms)
    } else {
        excess_ms > cut_ms(goal)
    };
    goal.adapt && !far && late_ms <= goal.max_ms
}

/// A delay so far above the target is cut in speech, too.
fn cut_ms(goal: &Goal) -> f32 {
    if goal.settles { SETTLED_MS } else { CUT_MS }
}

/// How long the delay has been too long.
#[derive(Debug, Default)]
pub(super) struct Excess {
    frames: u32,
}

impl Excess {
    /// Cuts the delay down in one step, in speech too, when it has been far above the target for some
    /// time, or at once when it is above the maximum.
    pub(super) fn cut(&mut self, late_ms: f32, goal: &Goal) -> Option<Action> {
        if !goal.adapt && late_ms <= goal.max_ms {
            return None;
        }
        let excess_ms = late_ms - goal.target_ms;
        if excess_ms <= cut_ms(goal) && late_ms <= goal.max_ms {
            self.frames = 0;
            return None;
        }
        self.frames = self.frames.saturating_add(1);
        let now = self.frames > CUT_FRAMES || late_ms > goal.max_ms;
        now.then_some(Action::Cut { ms: excess_ms })
    }

    /// The cut was made.
    pub(super) fn is_gone(&mut self) {
        self.frames = 0;
    }
}

/// Brings a delay above its maximum down to `to_ms`, whatever is there.
pub(super) fn over(late_ms: f32, to_ms: f32, goal: &Goal) -> Option<Action> {
    (late_ms > goal.max_ms).then_some(Action::Skip { ms: late_ms - to_ms })
}

/// Whether a packet that is not there and would be so late is only late, not lost.
pub(super) fn may_yet_come(late_ms: f32, goal: &Goal) -> bool {
    late_ms <= goal.patience_ms
}

/// What is heard next, in comfort noise.
pub(super) fn in_comfort_noise(ahead: &Ahead, tried: Tried, goal: &Goal) -> Action {
    // The offset of a new spurt is chosen freely.
    if ahead.spurt_late_ms.is_some_and(|late_ms| late_ms >= goal.target_ms - SPURT_SLACK_MS) {
        Action::Begin
    } else if ahead.noise && !tried.describe {
        Action::Describe
    } else {
        Action::ComfortNoise
    }
}

/// What is heard next, in sound.
pub(super) fn in_sound(ahead: &Ahead, tried: Tried, goal: &Goal) -> Action {
    if ahead.sound && !tried.play {
        return Action::Play;
    }
    // Where a gap was shortened up to it, what was made up ends first.
    if ahead.noise && !tried.skip {
        return Action::Describe;
    }
    if let Some(ms) = skipped_ms(ahead, goal).filter(|_| !tried.skip) {
        return Action::Skip { ms };
    }
    if !goal.conceal {
        return Action::Silence;
    }
    match ahead.gap {
        Some(gap) if gap.fills && !tried.fill => Action::Fill,
        Some(_) => Action::Bridge,
        None => {
            // Media time that ran far ahead of the packets goes back to where they are expected.
            let back_ms = goal.target_ms - ahead.late_ms;
            Action::Conceal { back_ms: if back_ms > MAX_AHEAD_MS { back_ms } else { 0.0 } }
        }
    }
}

/// Where nothing is there to be played, a delay that is far too long costs nothing to shorten.
fn skipped_ms(ahead: &Ahead, goal: &Goal) -> Option<f32> {
    let (allowed_ms, wanted_ms) = match ahead.gap {
        Some(_) => ((goal.target_ms + GAP_SLACK_MS).min(goal.max_ms), goal.target_ms),
        None => (goal.max_ms, goal.max_ms),
    };
    (ahead.late_ms > allowed_ms).then_some(ahead.late_ms - wanted_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOAL: Goal = Goal {
        target_ms: 60.0,
        start_ms: 50.0,
        max_ms: 500.0,
        patience_ms: 80.0,
        adapt: true,
        settles: false,
        rewind: true,
        conceal: true,
        hold: false,
    };

    const FROZEN: Goal = Goal { adapt: false, rewind: false, conceal: false, hold: true, ..GOAL };

    fn gap(samples: usize, fills: bool) -> Option<Gap> {
        Some(Gap { samples, bounded: fills, fills })
    }

    #[test]
    fn the_first_packet_is_waited_for_and_a_frozen_buffer_fills_up() {
        assert_eq!(start(None, &GOAL), Action::Wait);
        assert_eq!(start(Some(49.9), &GOAL), Action::Wait);
        assert_eq!(start(Some(50.0), &GOAL), Action::Go);
        assert_eq!(hold(&FROZEN, || 50.0), Action::Hold);
        assert_eq!(hold(&FROZEN, || 50.1), Action::Go);
        assert_eq!(hold(&GOAL, || 0.0), Action::Go);
    }

    #[test]
    fn a_pause_is_moved_towards_the_target_and_not_for_a_little() {
        let settled = Goal { settles: true, ..GOAL };
        for (late_ms, goal, done) in [
            (60.0, GOAL, None),
            (52.0, GOAL, None),
            (51.9, GOAL, Some(Action::Stretch { ms: 60.0 - 51.9 })),
            (-40.0, GOAL, Some(Action::Stretch { ms: 50.0 })),
            (85.0, GOAL, None),
            (90.0, GOAL, Some(Action::Compress { ms: 30.0 })),
            (80.0, settled, Some(Action::Compress { ms: 20.0 })),
        ] {
            assert_eq!(in_pause(late_ms, &goal, || true), done, "{late_ms}");
            assert_eq!(in_pause(late_ms, &goal, || false), None, "{late_ms}");
        }
        assert!(is_pause(5, &GOAL) && !is_pause(4, &GOAL) && !is_pause(500, &FROZEN));
    }

    #[test]
    fn speech_is_cut_when_the_delay_was_too_long_for_long_or_is_over_the_maximum() {
        let mut excess = Excess::default();
        for frame in 0..40 {
            let cut = excess.cut(160.0, &GOAL);
            assert_eq!(cut, (frame >= 15).then_some(Action::Cut { ms: 100.0 }), "{frame}");
        }
        excess.is_gone();
        assert_eq!(excess.cut(160.0, &GOAL), None);
        // Once it is short enough, the time begins anew.
        assert_eq!(excess.cut(150.0, &GOAL), None);
        assert!((0..15).all(|_| excess.cut(160.0, &GOAL).is_none()));
        assert_eq!(excess.cut(501.0, &GOAL), Some(Action::Cut { ms: 441.0 }));
        // What is frozen is cut only there.
        let mut excess = Excess::default();
        assert!((0..100).all(|_| excess.cut(499.0, &FROZEN).is_none()));
        assert!(excess.cut(501.0, &FROZEN).is_some());
        assert_eq!(over(500.0, 60.0, &GOAL), None);
        assert_eq!(over(501.0, 60.0, &GOAL), Some(Action::Skip { ms: 441.0 }));
    }

    #[test]
    fn sound_goes_before_all_that_stands_in_for_it() {
        let none = Tried::default();
        let vain = Tried { play: true, ..none };
        let shortened = Tried { skip: true, ..vain };
        let there = Ahead { late_ms: 60.0, sound: true, gap: gap(1, true), ..Ahead::default() };
        let noise = Ahead { noise: true, ..there };
        let hole = Ahead { sound: false, gap: gap(160, true), ..there };
        let late_hole = Ahead { late_ms: 121.0, ..hole };
        let long = Ahead { gap: gap(16_000, false), ..hole };
        let empty = Ahead { gap: None, ..hole };
        let far_ahead = Ahead { late_ms: -341.0, ..empty };
        let filled = Tried { fill: true, ..none };
        for (ahead, tried, goal, done) in [
            (there, none, GOAL, Action::Play),
            (noise, none, GOAL, Action::Play),
            (noise, vain, GOAL, Action::Describe),
            (noise, shortened, GOAL, Action::Fill),
            (hole, none, GOAL, Action::Fill),
            (hole, filled, GOAL, Action::Bridge),
            (long, none, GOAL, Action::Bridge),
            (late_hole, none, GOAL, Action::Skip { ms: 61.0 }),
            (late_hole, shortened, GOAL, Action::Fill),
            (empty, none, GOAL, Action::Conceal { back_ms: 0.0 }),
            (Ahead { late_ms: 501.0, ..empty }, none, GOAL, Action::Skip { ms: 1.0 }),
            (far_ahead, none, GOAL, Action::Conceal { back_ms: 401.0 }),
            (hole, none, FROZEN, Action::Silence),
            (empty, none, FROZEN, Action::Silence),
        ] {
            assert_eq!(in_sound(&ahead, tried, &goal), done, "{ahead:?} {tried:?}");
        }
        assert!(may_yet_come(80.0, &GOAL) && !may_yet_come(80.1, &GOAL));
    }

    #[test]
    fn a_talk_spurt_begins_when_its_delay_is_the_target() {
        let none = Tried::default();
        let ahead = |spurt_late_ms, noise| Ahead { spurt_late_ms, noise, ..Ahead::default() };
        let described = Tried { describe: true, ..none };
        for (ahead, tried, done) in [
            (ahead(None, false), none, Action::ComfortNoise),
            (ahead(None, true), none, Action::Describe),
            (ahead(None, true), described, Action::ComfortNoise),
            (ahead(Some(50.9), false), none, Action::ComfortNoise),
            (ahead(Some(51.0), true), none, Action::Begin),
        ] {
            assert_eq!(in_comfort_noise(&ahead, tried, &GOAL), done, "{ahead:?}");
        }
    }

    proptest! {
        /// What is steady is what each of the others leaves as it is.
        #[test]
        fn nothing_is_done_about_what_is_steady(
            late_ms in -100.0_f32..700.0,
            quiet_frames in 0_u32..8,
            settles: bool,
            frozen: bool,
            frames in 0_u32..30,
        ) {
            let goal = Goal { settles, ..if frozen { FROZEN } else { GOAL } };
            let mut excess = Excess { frames };
            let cut = excess.cut(late_ms, &goal);
            let paused = is_pause(quiet_frames, &goal)
                && in_pause(late_ms, &goal, || true).is_some();
            let still = cut.is_none()
                && excess.frames == 0
                && !paused
                && over(late_ms, goal.max_ms, &goal).is_none();
            prop_assert!(!is_steady(late_ms, quiet_frames, &goal) || still);
            // Of a buffer that is not frozen, nothing else is either.
            prop_assert!(frozen || is_steady(late_ms, quiet_frames, &goal) == still);
        }

        /// Whatever fails is not tried again before something else was: a frame is always made.
        #[test]
        fn what_fails_gives_way(
            late_ms in -1_000.0_f32..1_000.0,
            sound: bool,
            noise: bool,
            of_gap in prop::option::of((1_usize..10_000, any::<bool>())),
            frozen: bool,
        ) {
            let goal = if frozen { FROZEN } else { GOAL };
            let gap = of_gap.and_then(|(samples, fills)| gap(samples, fills));
            let ahead = Ahead { late_ms, sound, noise, spurt_late_ms: None, gap };
            let mut tried = Tried::default();
            let mut turns = 0;
            loop {
                turns += 1;
                match in_sound(&ahead, tried, &goal) {
                    Action::Play => tried.play = true,
                    Action::Skip { .. } => tried = Tried { play: false, skip: true, ..tried },
                    Action::Fill => tried.fill = true,
                    _ => break,
                }
                prop_assert!(turns < 6);
            }
        }
    }
}
