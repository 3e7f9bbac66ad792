// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits heard: each once, however many packets tell of it or fail to (RFC 4733 section 2.5.2).

use crate::leg::LegEvent;
use crate::rtp::telephone_event::{MAX_SEGMENT_TICKS, TelephoneEvent};

/// An event of which nothing more is heard is over after this long: its endings were lost.
const TIMEOUT_NS: u64 = 200_000_000;

#[derive(Debug, Clone, Copy)]
struct Heard {
    event: u8,
    /// When the segment began on the RTP clock.
    timestamp: u32,
    /// Ticks of earlier segments.
    before: u32,
    /// Ticks of this one, by the newest report.
    ticks: u16,
    arrival_ns: u64,
}

/// The event under way, and what is known to be over.
#[derive(Debug)]
pub(in crate::leg) struct DigitReceiver {
    clock_hz: u32,
    current: Option<Heard>,
    /// Timestamp of the newest segment that has been heard of.
    newest: Option<u32>,
}

impl DigitReceiver {
    pub(in crate::leg) fn new(clock_hz: u32) -> Self {
        Self { clock_hz, current: None, newest: None }
    }

    /// Takes one report in.
    pub(in crate::leg) fn packet(
        &mut self,
        report: TelephoneEvent,
        timestamp: u32,
        arrival_ns: u64,
        mut emit: impl FnMut(LegEvent),
    ) {
        let known = self.current.filter(|heard| heard.timestamp == timestamp);
        match known {
            Some(heard) if heard.event != report.event => return, // contradicts what it said before
            Some(heard) => {
                let ticks = heard.ticks.max(report.duration_ticks);
                self.current = Some(Heard { ticks, arrival_ns, ..heard });
            }
            None => {
                // An earlier segment again: a repeated ending, or a report that was overtaken.
                let step = self.newest.map_or(1, |newest| timestamp.wrapping_sub(newest) as i32);
                if step <= 0 {
                    return;
                }
                let ticks = report.duration_ticks;
                let follows = self.current.filter(|heard| {
                    heard.event == report.event && step == i32::from(MAX_SEGMENT_TICKS)
                });
                let before = match follows {
                    Some(heard) => heard.before.saturating_add(u32::from(MAX_SEGMENT_TICKS)),
                    None => {
                        self.end(&mut emit);
                        emit(LegEvent::DigitStarted { event: report.event });
                        0
                    }
                };
                let event = report.event;
                self.current = Some(Heard { event, timestamp, before, ticks, arrival_ns });
                self.newest = Some(timestamp);
            }
        }
        if report.end {
            self.end(&mut emit);
        }
    }

    /// Ends an event of which nothing has been heard for long; to be called with every arrival.
    pub(in crate::leg) fn advance(&mut self, arrival_ns: u64, mut emit: impl FnMut(LegEvent)) {
        if self.current.is_some_and(|h| arrival_ns.saturating_sub(h.arrival_ns) > TIMEOUT_NS) {
            self.end(&mut emit);
        }
    }

    /// Another source: what the last one said is over.
    pub(in crate::leg) fn restart(&mut self, mut emit: impl FnMut(LegEvent)) {
        self.end(&mut emit);
        self.newest = None;
    }

    fn end(&mut self, emit: &mut impl FnMut(LegEvent)) {
        let Some(heard) = self.current.take() else { return };
        let ticks = u64::from(heard.before) + u64::from(heard.ticks);
        let duration_ms = (ticks * 1_000 / u64::from(self.clock_hz.max(1))) as u32;
        emit(LegEvent::DigitEnded { event: heard.event, duration_ms });
    }
}
