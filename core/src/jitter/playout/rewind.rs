// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays late packets after all, whose time is partly or wholly over. Audio thread only.
//!
//! Touches what is pending and the media position, and gives back packets; decides by the goal alone.

use super::Playout;
use super::packets::Scratch;
use crate::jitter::decoders::Kind;
use crate::jitter::delay::goal::Goal;
use crate::jitter::window::Entry;
use crate::within::Within;

/// Going back may leave the delay this far above the target.
const REWIND_SLACK_MS: f32 = 10.0;
/// When going back leaves the delay short of the target, concealment goes on this long at most.
const STALL_MS: f32 = 60.0;
/// Late packets that are looked into in one frame.
const PEEKS: u32 = 8;

impl Playout {
    /// After an underrun, packets may come whose time is partly or wholly over: go back to them when
    /// that leaves a delay near the target, else leave them out.
    pub(super) fn rewind(&mut self, now_ns: u64, goal: &Goal) {
        let Some(began) = self.underrun else { return };
        self.drop_unheard(began);
        let late_ms = self.clock.lateness_ms(now_ns, self.next);
        let room_ms = (goal.target_ms + REWIND_SLACK_MS).min(goal.max_ms) - late_ms;
        let mut peeks = PEEKS;
        for index in 0..self.window.entries().len() {
            let Some(entry) = self.window.entries().get(index) else { return };
            if entry.start >= self.next {
                return;
            }
            if entry.is_noise() || entry.end() <= began {
                continue;
            }
            let from = entry.start.max(began);
            let back_ms = self.clock.ms(self.next - from);
            if late_ms >= goal.target_ms - 5.0 && peeks > 0 {
                peeks -= 1;
                if self.sounds_quiet(index) {
                    continue;
                }
            }
            if back_ms <= room_ms {
                self.next = from;
                self.underrun = None;
                let short_ms = goal.target_ms - (late_ms + back_ms);
                if short_ms > 8.0 {
                    let wanted = self.clock.samples(short_ms.min(STALL_MS));
                    let whole = wanted - wanted % self.clock.frame_samples();
                    self.extrapolate(if self.current_conceals() { whole } else { wanted });
                }
                return;
            }
            if room_ms >= 20.0 {
                let back = self.next - self.clock.samples(room_ms) as i64;
                let resume = self
                    .window
                    .entries()
                    .iter()
                    .skip(index)
                    .find(|e| !e.is_noise() && e.start <= back && e.end() > back);
                if let Some(entry) = resume {
                    self.next = entry.start.max(from);
                    self.underrun = None;
                    return;
                }
            }
        }
    }

    /// Gives back packets that can't be gone back to any more, or all slots would end up with them.
    pub(super) fn discard_lost(&mut self, now_ns: u64, goal: &Goal) {
        while let Some(first) = self.window.first()
            && first.end() <= self.next
            && !first.is_noise()
            && (!goal.rewind || self.clock.lateness_ms(now_ns, first.end()) > goal.max_ms)
        {
            self.discard_first();
        }
    }

    /// Takes back what was made up from `began` on and not heard yet, when a packet came for it.
    fn drop_unheard(&mut self, began: i64) {
        let unheard = self.pcm.pending().len().min((self.next - began).max(0) as usize);
        let from = self.next - unheard as i64;
        let came = |e: &Entry| !e.is_noise() && e.start < self.next && e.end() > from;
        if unheard > 0 && self.window.entries().iter().any(came) {
            self.pcm.truncate(self.pcm.pending().len() - unheard);
            self.next = from;
            self.made_up.samples -= unheard.min(self.made_up.samples);
        }
    }

    /// Whether a waiting packet holds a pause, as far as that can be known out of turn.
    fn sounds_quiet(&mut self, index: usize) -> bool {
        let Some(entry) = self.window.entries().get(index) else { return false };
        let Kind::Sound(decoder) = self.decoders.kind(entry.payload_type) else { return false };
        let samples = entry.samples as usize;
        if !self.pcm.reserve(samples) {
            return false;
        }
        let Some(decoder) = self.decoders.decoder_mut(decoder) else { return false };
        if !decoder.is_stateless() {
            return false;
        }
        let mut scratch = Scratch::none();
        let payload =
            self.slots.payload(&entry.slot, scratch.for_payload(&self.slots, &entry.slot));
        decoder.decode(payload, self.pcm.tail_mut().head_mut(samples)) == Ok(samples)
            && self.loudness.is_quiet(self.pcm.tail().head(samples), self.clock.frame_samples())
    }
}
