// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a packet means that follows its predecessor but comes far too late: something stood still. The
//! network may have held packets up (what follows is on time again), it may be slower from now on, or the
//! sender's timestamps stand still in its pauses (what follows is as late). In the last two cases the
//! stream is to be taken up where it is; in the first the delay is to stay. Numbers only; audio thread.
//!
//! A talk spurt's beginning, or a standstill longer than networks' without anything behind it, is taken
//! up at once. Else what follows decides, and how the last times ended is remembered: senders do it again.

/// A standstill of the network of which nothing comes at once is hardly longer.
const LONG_MS: f32 = 300.0;
/// After so long, and so many packets, what is as late is late for good: networks hold packets up one by
/// one for about as long as the first, Wi-Fi for 100 ms; more doubtful where that has happened.
const TRIAL_MS: f32 = 100.0;
const TRIAL_SHARE: f32 = 1.2;
const DOUBTFUL_SHARE: f32 = 2.5;
const TRIAL_PACKETS: u32 = 3;
/// How far what was seen before counts.
const SURE: i8 = 4;

/// What to do with the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Take the stream up with it.
    Resume,
    /// Unless something comes right behind it.
    Wait,
    /// It is late. What follows will tell.
    Late,
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    since_ns: u64,
    packets: u32,
    /// How much later than usual the first came.
    excess_ms: f32,
    /// What comes earlier than this shows that the network had held up packets.
    floor_ms: f32,
    taken: Taken,
}

/// How a standstill has been taken so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The stream has been taken up where it was.
    Resumed,
    /// What came was too late.
    Late,
    /// What came was still in time.
    InTime,
}

/// How standstills ended.
#[derive(Debug, Default)]
pub(crate) struct Standstill {
    /// Times that what followed was as late, less those that it was not.
    score: i8,
    trial: Option<Trial>,
}

impl Standstill {
    /// Judges a packet that is `excess_ms` later than usual; `spurt`: a talk spurt begins with it.
    pub(crate) fn judge(&self, excess_ms: f32, spurt: bool) -> Verdict {
        if spurt {
            Verdict::Resume
        } else if self.score > 0 || excess_ms >= LONG_MS {
            Verdict::Wait
        } else {
            Verdict::Late
        }
    }

    /// Watches what follows a packet that was `excess_ms` later than usual.
    pub(crate) fn watch(&mut self, arrival_ns: u64, level_ms: f32, excess_ms: f32, taken: Taken) {
        // What is in time harms only if it goes on.
        let known = self.score > 0 || taken != Taken::InTime;
        if !known || self.trial.is_some_and(|trial| trial.taken == taken) {
            return;
        }
        let half_ms = 0.5 * excess_ms;
        let resumed = taken == Taken::Resumed;
        let floor_ms = if resumed { level_ms - half_ms } else { level_ms + half_ms };
        self.trial = Some(Trial { since_ns: arrival_ns, packets: 0, excess_ms, floor_ms, taken });
    }

    /// Takes in how late the next packet is. When the standstill was for good, gives how it has been taken
    /// and how long it was.
    #[inline]
    pub(crate) fn follow(&mut self, arrival_ns: u64, late_ms: f32) -> Option<(Taken, f32)> {
        let trial = self.trial.as_mut()?;
        trial.packets += 1;
        if late_ms < trial.floor_ms {
            self.trial = None;
            self.score = (self.score - 1).max(-SURE);
            return None;
        }
        let elapsed_ms = arrival_ns.wrapping_sub(trial.since_ns).cast_signed() as f32 * 1e-6;
        let share = if self.score < 0 { DOUBTFUL_SHARE } else { TRIAL_SHARE };
        if elapsed_ms < TRIAL_MS.max(share * trial.excess_ms) || trial.packets < TRIAL_PACKETS {
            return None;
        }
        let (taken, excess_ms) = (trial.taken, trial.excess_ms);
        self.trial = None;
        if taken != Taken::InTime {
            self.score = (self.score + 1).min(SURE);
        }
        Some((taken, excess_ms))
    }

    /// Another stream begins.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A standstill of 90 ms, and how late the packets behind it are.
    fn after(standstill: &mut Standstill, late_ms: &[f32]) -> Option<usize> {
        standstill.watch(0, 10.0, 90.0, Taken::Late);
        let follow = |(n, late_ms)| standstill.follow((n as u64 + 1) * 20 * MS, late_ms);
        late_ms
            .iter()
            .copied()
            .enumerate()
            .map(follow)
            .position(|end| end == Some((Taken::Late, 90.0)))
    }

    #[test]
    fn what_stays_late_is_taken_up_and_what_was_held_up_is_not() {
        let mut standstill = Standstill::default();
        assert_eq!(standstill.judge(100.0, false), Verdict::Late);
        assert_eq!(standstill.judge(100.0, true), Verdict::Resume);
        assert_eq!(standstill.judge(400.0, false), Verdict::Wait);
        let wifi = [110.0, 100.0, 105.0, 110.0, 30.0, 10.0, 10.0, 10.0];
        assert_eq!(after(&mut standstill, &wifi), None);
        assert_eq!(standstill.judge(100.0, false), Verdict::Late);
        // 225 ms, then 108.
        assert_eq!(after(&mut standstill, &[110.0; 20]), Some(11));
        assert_eq!(after(&mut standstill, &[110.0; 20]), Some(5));
        assert_eq!(standstill.judge(100.0, false), Verdict::Wait, "it does it again");
    }

    #[test]
    fn taking_up_a_stream_wrongly_is_remembered() {
        let mut standstill = Standstill { score: 1, trial: None };
        standstill.watch(0, 10.0, 100.0, Taken::Resumed);
        assert_eq!(standstill.follow(20 * MS, 10.0), None);
        assert_eq!(standstill.follow(40 * MS, -90.0), None);
        assert_eq!(standstill.judge(100.0, false), Verdict::Late);
    }
}
