// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits heard: each press once, however many packets tell of it or fail to (RFC 4733 section 2.5.2).
//!
//! A press is told apart by what all senders keep to, and by nothing that some get wrong:
//!
//! - Sequence numbers say what is old. A packet behind the newest is a late copy.
//! - The event's number says what was pressed.
//! - A duration that grows, or stays, is the same press, also where the timestamp moves with every packet
//!   or with the last ones. One that falls is another press, unless it is a segment's (section 2.5.1.3) or
//!   has wrapped (RFC 2833).
//! - After the end has been said, its repetitions keep the duration; whatever is shorter, or is no end, is
//!   another press, also under the same timestamp.

use crate::leg::LegEvent;
use crate::rtp::telephone_event::TelephoneEvent;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicU32, Ordering};

/// An event of which nothing more is heard is over after this long: its endings were lost.
const TIMEOUT_NS: u64 = 200_000_000;
/// Packets this far behind the newest are late; further ones are of a stream that began anew.
const MAX_MISORDER: u16 = 100;
/// And they come no later than this after it: what comes then has begun anew at numbers close by.
const LATEST_NS: u64 = 350_000_000;
/// Durations near their limit are followed by another segment.
const FULL_SEGMENT_TICKS: u16 = 60_000;
/// Repetitions of an end come within so many packets.
const REPETITIONS: u16 = 4;
/// How far a timestamp that moves with the duration may be ahead of it.
const SLACK_MS: u64 = 60;
/// Clocks that events count in, where it is not known which.
const CLOCKS_HZ: [u32; 3] = [8_000, 16_000, 48_000];
/// Shorter presses are not made by people or devices (ITU-T Q.24): the clock must be another.
const SHORTEST_MS: u32 = 30;

/// One packet of an event.
#[derive(Debug, Clone, Copy)]
pub(in crate::leg) struct DigitReport {
    pub(in crate::leg) ssrc: u32,
    pub(in crate::leg) sequence: u16,
    pub(in crate::leg) timestamp: u32,
    pub(in crate::leg) marker: bool,
    pub(in crate::leg) event: TelephoneEvent,
    /// Clock of the durations, 0 if it is not known.
    pub(in crate::leg) clock_hz: u32,
    /// Clock of the audio.
    pub(in crate::leg) codec_clock_hz: u32,
    pub(in crate::leg) arrival_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    /// The press's own number.
    press: u32,
    event: u8,
    timestamp: u32,
    sequence: u16,
    /// Ticks of earlier segments, and of this one by the newest report.
    before: u32,
    ticks: u16,
    clock_hz: u32,
    codec_clock_hz: u32,
    first_ns: u64,
    first_ticks: u16,
    last_ns: u64,
    /// Its end has been told; by the peer, rather than for want of further reports.
    over: bool,
    by_peer: bool,
}

/// The last event of one source.
#[derive(Debug, Default)]
struct DigitStream {
    last: Option<Heard>,
}

/// Sources of events that are told apart; the voice's own, and others beside it.
const STREAMS: usize = 4;

/// Which presses are over, for the two halves that may find it out: whoever claims the end tells it.
/// Presses of one leg end one after another, but for sources that press at once, of which then only the
/// last is guarded.
#[derive(Debug, Clone)]
pub(in crate::leg) struct Ends(Arc<AtomicU32>);

impl Ends {
    pub(in crate::leg) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(0)))
    }

    /// Whether nobody else has told the end of this press.
    fn claim(&self, press: u32) -> bool {
        self.0.swap(press, Ordering::AcqRel) != press
    }
}

/// What the audio half knows of a press, to end it if nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::leg) struct Press {
    number: u32,
    event: u8,
    duration_ms: u32,
    last_ns: u64,
    over: bool,
}

/// Ends presses by the audio half's clock.
#[derive(Debug)]
pub(in crate::leg) struct DigitTimer {
    press: Option<Press>,
    ends: Ends,
}

impl DigitTimer {
    pub(in crate::leg) fn new(ends: Ends) -> Self {
        Self { press: None, ends }
    }

    /// The network half has heard of a press.
    pub(in crate::leg) fn note(&mut self, press: Press) {
        self.press = (!press.over).then_some(press);
    }

    /// Tells the end of a press of which nothing has been heard for long.
    #[inline]
    pub(in crate::leg) fn advance(&mut self, now_ns: u64, mut emit: impl FnMut(LegEvent)) {
        let late = |press: &mut Press| now_ns.saturating_sub(press.last_ns) > TIMEOUT_NS;
        if let Some(Press { number, event, duration_ms, .. }) = self.press.take_if(late)
            && self.ends.claim(number)
        {
            emit(LegEvent::DigitEnded { event, duration_ms });
        }
    }
}

/// The events of all sources; the network half's.
#[derive(Debug)]
pub(in crate::leg) struct DigitReceiver {
    streams: [(u32, DigitStream); STREAMS],
    /// One is under way.
    is_busy: bool,
    /// Presses so far.
    presses: u32,
    ends: Ends,
}

impl DigitReceiver {
    pub(in crate::leg) fn new(ends: Ends) -> Self {
        Self { streams: Default::default(), is_busy: false, presses: 0, ends }
    }

    /// Takes one packet in, and returns what is known of its press now.
    pub(in crate::leg) fn packet(
        &mut self,
        report: &DigitReport,
        mut emit: impl FnMut(LegEvent),
    ) -> Option<Press> {
        let known = self
            .streams
            .iter()
            .position(|(ssrc, stream)| stream.last.is_some() && *ssrc == report.ssrc);
        let oldest = || {
            let newest = |(_, s): &(u32, DigitStream)| s.last.map_or(0, |heard| heard.last_ns + 1);
            let ages = self.streams.iter().map(newest).enumerate();
            ages.min_by_key(|(_, age)| *age).map_or(0, |(at, _)| at)
        };
        let at = known.unwrap_or_else(oldest);
        let (ssrc, stream) = self.streams.get_mut(at)?;
        if *ssrc != report.ssrc {
            stream.end(&mut emit, &self.ends, false);
            (*ssrc, stream.last) = (report.ssrc, None);
        }
        stream.packet(report, &mut self.presses, &self.ends, &mut emit);
        let press = stream.last.map(|heard| Press {
            number: heard.press,
            event: heard.event,
            duration_ms: heard.duration_ms(),
            last_ns: heard.last_ns,
            over: heard.over,
        });
        self.is_busy = self.streams.iter().any(|(_, stream)| stream.is_busy());
        press
    }

    /// Ends events of which nothing has been heard for long; to be called with every arrival.
    #[inline]
    pub(in crate::leg) fn advance(&mut self, now_ns: u64, mut emit: impl FnMut(LegEvent)) {
        if !self.is_busy {
            return;
        }
        for (_, stream) in &mut self.streams {
            let late = |heard: Heard| now_ns.saturating_sub(heard.last_ns) > TIMEOUT_NS;
            if stream.is_busy() && stream.last.is_some_and(late) {
                stream.end(&mut emit, &self.ends, false);
            }
        }
        self.is_busy = self.streams.iter().any(|(_, stream)| stream.is_busy());
    }
}

impl DigitStream {
    fn is_busy(&self) -> bool {
        self.last.is_some_and(|heard| !heard.over)
    }

    fn packet(
        &mut self,
        report: &DigitReport,
        presses: &mut u32,
        ends: &Ends,
        emit: &mut impl FnMut(LegEvent),
    ) {
        if let Some(last) = &self.last {
            let behind = last.sequence.wrapping_sub(report.sequence);
            let since_ns = report.arrival_ns.saturating_sub(last.last_ns);
            if (1..=MAX_MISORDER).contains(&behind) && since_ns < LATEST_NS {
                return;
            }
        }
        match &mut self.last {
            Some(last) if last.event == report.event.event && last.goes_on(report) => {
                last.take(report);
            }
            Some(last) if last.is_repetition(report) => {
                last.sequence = report.sequence;
                last.timestamp = report.timestamp;
                return;
            }
            _ => {
                self.end(emit, ends, true);
                emit(LegEvent::DigitStarted { event: report.event.event });
                // 0 is no press.
                *presses = presses.wrapping_add(1).max(1);
                self.last = Some(Heard::new(report, *presses));
            }
        }
        if report.event.end {
            self.end(emit, ends, true);
        }
    }

    fn end(&mut self, emit: &mut impl FnMut(LegEvent), ends: &Ends, by_peer: bool) {
        let Some(heard) = self.last.as_mut().filter(|heard| !heard.over) else { return };
        (heard.over, heard.by_peer) = (true, by_peer);
        if ends.claim(heard.press) {
            emit(LegEvent::DigitEnded { event: heard.event, duration_ms: heard.duration_ms() });
        }
    }
}

impl Heard {
    fn new(report: &DigitReport, press: u32) -> Self {
        Self {
            press,
            event: report.event.event,
            timestamp: report.timestamp,
            sequence: report.sequence,
            before: 0,
            ticks: report.event.duration_ticks,
            clock_hz: report.clock_hz,
            codec_clock_hz: report.codec_clock_hz,
            first_ns: report.arrival_ns,
            first_ticks: report.event.duration_ticks,
            last_ns: report.arrival_ns,
            over: false,
            by_peer: false,
        }
    }

    /// Whether a report of the same event is of the same press.
    fn goes_on(&self, report: &DigitReport) -> bool {
        if self.over {
            // Nothing was heard of it for long, and it was not over after all.
            return !self.by_peer && report.timestamp == self.timestamp && self.grows(report);
        }
        if report.timestamp == self.timestamp {
            return self.grows(report) || self.wraps(report);
        }
        if report.marker {
            return false;
        }
        self.is_next_segment(report)
            || (self.grows(report) && (self.moves_along(report) || self.is_followed_by(report)))
    }

    /// Whether the timestamp has moved as far as the duration has grown.
    fn moves_along(&self, report: &DigitReport) -> bool {
        let ms = |ticks: u32, clock_hz: u32| u64::from(ticks) * 1_000 / u64::from(clock_hz.max(1));
        let clock_hz = if self.clock_hz == 0 { self.codec_clock_hz } else { self.clock_hz };
        let moved = report.timestamp.wrapping_sub(self.timestamp);
        let grown = report.event.duration_ticks.saturating_sub(self.ticks);
        ms(moved, self.codec_clock_hz) <= ms(grown.into(), clock_hz) + SLACK_MS
    }

    fn is_followed_by(&self, report: &DigitReport) -> bool {
        report.sequence == self.sequence.wrapping_add(1)
    }

    fn grows(&self, report: &DigitReport) -> bool {
        report.event.duration_ticks >= self.ticks
    }

    fn wraps(&self, report: &DigitReport) -> bool {
        self.ticks.wrapping_sub(report.event.duration_ticks) > u16::MAX / 2
            && report.event.duration_ticks < self.ticks
    }

    fn is_next_segment(&self, report: &DigitReport) -> bool {
        self.ticks >= FULL_SEGMENT_TICKS && report.event.duration_ticks < self.ticks
    }

    /// Whether an end, said after the end, is that one again.
    fn is_repetition(&self, report: &DigitReport) -> bool {
        let event = &report.event;
        if !self.over || event.event != self.event {
            return false;
        }
        let near = report.sequence.wrapping_sub(self.sequence) <= REPETITIONS;
        if report.timestamp == self.timestamp {
            // Also after a timeout: what it was is told.
            return event.end || !self.by_peer;
        }
        event.end && near && !report.marker && event.duration_ticks >= self.ticks
    }

    fn take(&mut self, report: &DigitReport) {
        let ticks = report.event.duration_ticks;
        if report.timestamp != self.timestamp && self.is_next_segment(report) {
            self.before = self.before.saturating_add(u32::from(self.ticks));
            self.ticks = ticks;
        } else if report.timestamp == self.timestamp && self.wraps(report) {
            self.before = self.before.saturating_add(1 << 16);
            self.ticks = ticks;
        } else {
            self.ticks = self.ticks.max(ticks);
        }
        self.timestamp = report.timestamp;
        self.sequence = report.sequence;
        self.last_ns = self.last_ns.max(report.arrival_ns);
    }

    /// How long the press lasted, by the peer's account.
    fn duration_ms(&self) -> u32 {
        let ticks = u64::from(self.before) + u64::from(self.ticks);
        let observed_ms = self.last_ns.saturating_sub(self.first_ns) / 1_000_000;
        if ticks == 0 {
            return observed_ms as u32;
        }
        let in_ms = |clock_hz: u32| (ticks * 1_000 / u64::from(clock_hz.max(1))) as u32;
        if self.clock_hz != 0 {
            return in_ms(self.clock_hz);
        }
        // The clock by which the duration grew as fast as time went by; without such evidence the
        // codec's, unless the press were too short then.
        let grown = ticks.saturating_sub(u64::from(self.first_ticks));
        if observed_ms >= 20 && grown > 0 {
            let error = |clock_hz: &u32| {
                let expected = observed_ms * u64::from(*clock_hz) / 1_000;
                // As a ratio, in 1/1024.
                (grown.max(expected) << 10) / grown.min(expected).max(1)
            };
            let own = core::iter::once(self.codec_clock_hz);
            let best = own.chain(CLOCKS_HZ).min_by_key(error);
            return in_ms(best.unwrap_or(self.codec_clock_hz));
        }
        let by_codec = in_ms(self.codec_clock_hz);
        if by_codec < SHORTEST_MS { in_ms(CLOCKS_HZ[0]) } else { by_codec }
    }
}
