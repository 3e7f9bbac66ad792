// SPDX-License-Identifier: MIT OR Apache-2.0
//! What else may be right when a packet does not authenticate as planned: the previous keys, or
//! another rollover counter than the likely one.
//!
//! Counters are lost when more than half of the sequence number's range is (RFC 3711 section 3.3.1),
//! when the first packets are lost across a rollover, when a receiver comes late, and when a peer that
//! has got new keys counts from 0 again. Nothing but authentication tells. Each try costs one, so
//! tries are paid from a budget that packets which fail fill: a flood of forgeries costs a quarter more
//! than without, and no more.

use super::{KeyPlace, Plan, Receiver};
use crate::srtp::SrtpError;
use crate::srtp::event::Event;
use crate::srtp::index::INDEX_LIMIT;
use crate::srtp::stream::memory::check_folded;

/// What one try costs, in packets that fail.
const COST: u16 = 4;
/// What the budget holds at most, and at the beginning.
const FULL: u16 = 16 * COST;
/// Upwards, downwards, from the beginning, and the likely counter itself.
const MAX_CANDIDATES: usize = 2 * crate::srtp::MAX_ROC_RETRY as usize + 2;

/// Which rollover counters are tried, and how often.
pub(super) struct Retries {
    /// How many in each direction.
    range: u8,
    budget: u16,
    /// Tries so far: which candidate is next where there is not enough for all.
    tried: u32,
}

impl Retries {
    pub(super) fn new(range: u8) -> Self {
        Self { range: range.min(crate::srtp::MAX_ROC_RETRY), budget: FULL, tried: 0 }
    }

    /// Takes a packet that has failed.
    fn earn(&mut self) {
        self.budget = (self.budget + 1).min(FULL);
    }

    /// Whether a try can be paid. Not always at once, so that no rhythm of forgeries takes every try
    /// from the packets between.
    fn spend(&mut self) -> bool {
        let irregular = (self.tried.wrapping_mul(0x9e37_79b9) >> 30) as u16;
        if self.budget < COST + irregular {
            return false;
        }
        self.budget -= COST;
        self.tried = self.tried.wrapping_add(1);
        true
    }
}

impl Receiver {
    /// What else may be right when the most likely index and key are not.
    #[cold]
    pub(in crate::srtp) fn retry(
        &mut self,
        datagram: &mut [u8],
        first: Plan,
    ) -> Result<usize, SrtpError> {
        if !first.key.previous
            && let Some(result) = self.unprotect_under_previous(datagram)
        {
            return result;
        }
        self.retries.earn();
        if self.retries.range > 0
            && let Some(result) = self.try_other_counters(datagram, &first)
        {
            return result;
        }
        let error = first.refused.unwrap_or(SrtpError::AuthenticationFailed);
        self.half.stats.count(error);
        if first.refused.is_none() {
            self.note_failure(datagram, &first);
        }
        Err(error)
    }

    /// The packet under the keys before the last re-keying, if they still count and it authenticates.
    #[cold]
    pub(super) fn unprotect_under_previous(
        &mut self,
        datagram: &mut [u8],
    ) -> Option<Result<usize, SrtpError>> {
        if !self.overlaps() {
            return None;
        }
        let plan = self.try_plan(datagram, true).ok()?;
        self.attempt(datagram, &plan).then(|| self.commit(datagram, &plan))
    }

    fn try_other_counters(
        &mut self,
        datagram: &mut [u8],
        first: &Plan,
    ) -> Option<Result<usize, SrtpError>> {
        let (candidates, count) = self.candidates(first);
        for _ in 0..count {
            let candidate = candidates.get(self.retries.tried as usize % count)?;
            if !self.retries.spend() {
                return None;
            }
            if self.attempt(datagram, candidate) {
                self.half.stats.rollover_corrected += 1;
                let event = Event::RolloverCorrected {
                    ssrc: first.ssrc,
                    expected: (first.index >> 16) as u32,
                    actual: (candidate.index >> 16) as u32,
                };
                self.half.events.push(event, &mut self.half.stats);
                return Some(self.commit(datagram, candidate));
            }
        }
        None
    }

    /// The packet under other counters that it may be accepted under: never one below what has been
    /// received under these keys.
    fn candidates(&mut self, first: &Plan) -> ([Plan; MAX_CANDIDATES], usize) {
        let mut found = ([*first; MAX_CANDIDATES], 0);
        let epoch = self.half.epoch;
        let (stream, folded) = match first.stream.and_then(|at| self.half.streams.at(at)) {
            Some((stream, _)) => (Some(*stream), 0),
            None => match self.half.streams.recall(first.ssrc, epoch) {
                Some((stream, folded)) => (Some(stream), folded),
                None => (None, 0),
            },
        };
        // Nothing has been received of the stream under these keys, which are new.
        let unheard = self.half.ring.fresh && stream.is_none_or(|s| s.rtp_epoch != epoch);
        let begun = stream.is_some_and(|stream| stream.rtp.highest().is_some());
        let sequence = first.index & 0xffff;
        let roc = first.index >> 16;
        let mut add = |roc: Option<u64>| {
            let Some(index) = roc.map(|roc| roc << 16 | sequence).filter(|&i| i < INDEX_LIMIT)
            else {
                return;
            };
            let check = match (first.stream, &stream) {
                (Some(at), _) => match self.half.streams.at(at) {
                    Some((stream, window)) => stream.rtp.check(window, index),
                    None => return,
                },
                (None, Some(stream)) => check_folded(folded, stream.rtp, index),
                (None, None) => Ok(()),
            };
            let tried_already = index == first.index && first.refused.is_none();
            let listed = found.0.iter().take(found.1).any(|plan| plan.index == index);
            if tried_already || listed || (check.is_err() && !unheard) {
                return;
            }
            if let Some(place) = found.0.get_mut(found.1) {
                let restarts = check.is_err();
                *place = Plan { index, refused: None, restarts, ..*first };
                found.1 += 1;
            }
        };
        if unheard {
            add(Some(0));
            add(Some(roc));
        }
        for step in 1..=u64::from(self.retries.range) {
            add(roc.checked_add(step));
            if unheard || !begun {
                add(roc.checked_sub(step));
            }
        }
        found
    }

    /// The key of a packet that names none.
    pub(super) fn unnamed_key(&self, previous: bool) -> Option<KeyPlace> {
        let ring = if previous { self.previous.as_ref()? } else { &self.half.ring };
        Some(KeyPlace { previous, position: ring.active })
    }
}
