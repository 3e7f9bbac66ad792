// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the delay control wants in each frame: the lateness to aim at and what may be done to get
//! there, from the estimate of the network and the host's settings. Audio thread only; touches the
//! estimator and the target, and nothing that is played.

use super::estimator::Estimator;
use super::target::Target;
use crate::jitter::config::DelayMode;
use crate::jitter::control::Settings;

/// Frames of 10 ms between two choices of the target; fewer when a packet came later than the
/// target allows for, since the target rises at once.
const CHOOSE_FRAMES: u32 = 12;
const CHOOSE_SOON_FRAMES: u32 = 3;
/// A frozen buffer is as deep as all but this share of packets asked for, and this much more.
const FROZEN_LATE: f32 = 0.001;
const FROZEN_MARGIN_MS: f32 = 20.0;
/// A packet that is not there when all but this share of packets would be, and so much later, counts as
/// lost: a decoder conceals it by itself. Before that, the past is repeated, so that a packet that is
/// only late finds the decoder as it left it.
const TOO_LATE: f32 = 0.001;
const PATIENCE_MS: f32 = 10.0;
/// Over the level, the lateness at which the first packet is played.
const START_MS: f32 = 10.0;
/// Where the delay is steered to the very target: a packet that comes right after a pull is of use
/// 10 ms later, and a frame may take some samples more.
const STEERED_MARGIN_MS: f32 = 12.0;

/// What the delay control wants.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Goal {
    /// Lateness to aim at, to start at, and never to exceed.
    pub(crate) target_ms: f32,
    pub(crate) start_ms: f32,
    pub(crate) max_ms: f32,
    /// A packet that is later than this is lost rather than late.
    pub(crate) patience_ms: f32,
    /// Whether time may be stretched and cut.
    pub(crate) adapt: bool,
    /// Whether the network has just become calm.
    pub(crate) settles: bool,
    /// Whether late packets may be gone back to.
    pub(crate) rewind: bool,
    /// Whether gaps are concealed; else they are silence.
    pub(crate) conceal: bool,
    /// Whether the target is reached by waiting, once, as at the start.
    pub(crate) hold: bool,
}

impl Goal {
    /// The lateness at which a packet can't be heard any more.
    pub(crate) fn reach_ms(&self) -> f32 {
        if self.rewind { self.max_ms } else { self.target_ms }
    }
}

/// What a goal follows from, but for what the target's choice changes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grounds {
    settings: Settings,
    level_ms: f32,
    base_ms: f32,
    ahead_ms: f32,
}

/// Where the delay is to be, and what that is reckoned from.
#[derive(Debug)]
pub(crate) struct Aim {
    pub(crate) estimator: Estimator,
    pub(crate) target: Target,
    /// Delay outside the buffer.
    outside_ms: f32,
    /// Whether the speed is chosen rather than splices made.
    steered: bool,
    /// Frames since the target was chosen, and whether it is to be chosen anew before long.
    unchosen_frames: u32,
    pub(crate) choose_soon: bool,
    /// Excess delay of the latest packets.
    latest_ms: f32,
    /// What is wanted, and what it was reckoned from since the target was chosen.
    goal: Goal,
    reckoned_from: Option<Grounds>,
    /// The lateness that was chosen when the buffer froze; over the base where the speed is chosen.
    frozen_ms: Option<f32>,
    /// How long before it is due the last frame of a pull is made.
    pub(crate) ahead_ms: f32,
}

impl Aim {
    pub(crate) fn new(outside_delay_ms: u16, steered: bool) -> Self {
        Self {
            estimator: Estimator::new(),
            target: Target::default(),
            outside_ms: f32::from(outside_delay_ms),
            steered,
            unchosen_frames: CHOOSE_FRAMES,
            choose_soon: false,
            latest_ms: 0.0,
            goal: Goal::default(),
            reckoned_from: None,
            frozen_ms: None,
            ahead_ms: 0.0,
        }
    }

    /// The lateness that was aimed at last.
    #[inline]
    pub(crate) fn goal_ms(&self) -> f32 {
        self.goal.target_ms
    }

    /// What the delay control wants now.
    #[inline]
    pub(crate) fn goal(&mut self, settings: Settings) -> Goal {
        self.unchosen_frames += 1;
        let enough = if self.choose_soon { CHOOSE_SOON_FRAMES } else { CHOOSE_FRAMES };
        let bursts = self.estimator.burst_ms() > self.target.margin_ms();
        if bursts || self.unchosen_frames >= enough {
            self.choose();
        }
        let (level_ms, base_ms) = (self.estimator.level_ms(), self.estimator.base_ms());
        let from = Grounds { settings, level_ms, base_ms, ahead_ms: self.ahead_ms };
        // A frozen buffer's goal depends on the past, too.
        if self.reckoned_from != Some(from) || settings.mode == DelayMode::Frozen {
            self.goal = self.reckon(from);
            self.reckoned_from = Some(from);
        }
        self.goal
    }

    fn choose(&mut self) {
        let elapsed_ms = 10.0 * self.unchosen_frames as f32;
        self.target.choose(&mut self.estimator, self.outside_ms, elapsed_ms);
        self.latest_ms = self.estimator.excess_of_ms(TOO_LATE);
        self.unchosen_frames = 0;
        self.choose_soon = false;
        self.reckoned_from = None;
    }

    fn reckon(&mut self, from: Grounds) -> Goal {
        let Grounds { settings, level_ms, base_ms, ahead_ms } = from;
        let (min_ms, max_ms) = (f32::from(settings.min_ms), f32::from(settings.max_ms));
        let mut fixed_ms = base_ms + f32::from(settings.target_ms);
        if settings.mode != DelayMode::Frozen {
            self.frozen_ms = None;
        } else if self.estimator.has_observed() {
            let safe_ms = level_ms + self.estimator.excess_of_ms(FROZEN_LATE) + FROZEN_MARGIN_MS;
            // With a speed to choose, the depth is kept; else the delay, since nothing may move.
            let from_ms = if self.steered { base_ms } else { 0.0 };
            let frozen_ms = *self.frozen_ms.get_or_insert(safe_ms.max(fixed_ms) - from_ms);
            fixed_ms = (from_ms + frozen_ms).min(base_ms + max_ms);
        }
        let (target_ms, start_ms) = match settings.mode {
            DelayMode::Adaptive => {
                let bounds = (base_ms + min_ms, base_ms + max_ms);
                let within = |ms: f32| ms.max(bounds.0).min(bounds.1);
                let level_ms = level_ms + ahead_ms;
                if self.steered {
                    let steered_ms = self.target.margin_ms() + STEERED_MARGIN_MS;
                    (within(level_ms + steered_ms), within(level_ms + steered_ms))
                } else {
                    let margin_ms = self.target.margin_ms().max(START_MS);
                    (within(level_ms + margin_ms), within(level_ms + START_MS))
                }
            }
            _ => (fixed_ms, fixed_ms),
        };
        let max_ms = base_ms + max_ms;
        let rewind = settings.mode == DelayMode::Adaptive;
        let settles = rewind && self.target.is_settling();
        Goal {
            target_ms,
            start_ms,
            max_ms,
            patience_ms: level_ms + self.latest_ms + PATIENCE_MS,
            // Speed alone would take most of a minute for what a network that has calmed down leaves behind.
            adapt: settings.mode != DelayMode::Frozen && (!self.steered || settles),
            settles,
            rewind,
            conceal: settings.mode != DelayMode::Frozen,
            hold: settings.mode == DelayMode::Frozen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mode: DelayMode) -> Settings {
        Settings { mode, min_ms: 40, max_ms: 200, target_ms: 80 }
    }

    /// An aim that has seen packets 20 ms apart, all as late as each other.
    fn calm() -> Aim {
        let mut aim = Aim::new(60, false);
        aim.estimator.set_packet_ms(20.0);
        aim.target.set_packet_ms(20.0);
        for n in 0..500_u64 {
            aim.estimator.observe(n * 20_000_000, 7.0);
        }
        aim
    }

    #[test]
    fn each_mode_bounds_the_delay_as_it_says() {
        let base_ms = calm().estimator.base_ms();
        for n in 1..50 {
            let goal = calm().goal(settings(DelayMode::Adaptive));
            assert!(goal.target_ms >= base_ms + 40.0 && goal.target_ms <= base_ms + 200.0, "{n}");
            assert_eq!(goal.max_ms, base_ms + 200.0);
            assert!(goal.adapt && goal.rewind && goal.conceal && !goal.hold);
            assert_eq!(goal.reach_ms(), goal.max_ms);
        }
        let goal = calm().goal(settings(DelayMode::Fixed));
        assert_eq!((goal.target_ms, goal.start_ms), (base_ms + 80.0, base_ms + 80.0));
        assert_eq!(goal.reach_ms(), goal.target_ms);
    }

    #[test]
    fn a_frozen_buffer_keeps_what_it_chose_until_it_thaws() {
        let mut aim = calm();
        let frozen = aim.goal(settings(DelayMode::Frozen));
        assert!(!frozen.adapt && !frozen.conceal && frozen.hold);
        // The network has become worse meanwhile.
        for n in 500..600_u64 {
            aim.estimator.observe(n * 20_000_000, 7.0 + (n % 10) as f32 * 15.0);
        }
        assert_eq!(aim.goal(settings(DelayMode::Frozen)).target_ms, frozen.target_ms);
        aim.goal(settings(DelayMode::Adaptive));
        assert!(aim.goal(settings(DelayMode::Frozen)).target_ms > frozen.target_ms);
    }
}
