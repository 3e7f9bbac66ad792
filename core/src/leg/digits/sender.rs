// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits to send, one after another, a packet at a time (RFC 4733 section 2.5.1).

use crate::rtp::telephone_event::{MAX_SEGMENT_TICKS, TelephoneEvent};
use crate::sync::ring::Consumer;

/// Digits that may wait.
pub(in crate::leg) const QUEUE: usize = 32;
/// How often the end of an event is said (section 2.5.1.4).
const ENDINGS: u8 = 3;
/// Packet times of ordinary sound between two digits, so that the same digit twice is two.
const PAUSE_PACKETS: u8 = 2;

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::leg) struct Digit {
    pub(in crate::leg) event: u8,
    pub(in crate::leg) duration_ms: u32,
    pub(in crate::leg) volume_dbm0: u8,
}

/// A packet that goes out in place of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::leg) struct DigitPacket {
    /// RTP timestamp: when the event, or its segment, began.
    pub(in crate::leg) timestamp: u32,
    /// First packet of an event.
    pub(in crate::leg) marker: bool,
    pub(in crate::leg) event: TelephoneEvent,
}

#[derive(Debug, Clone, Copy)]
struct Sending {
    digit: Digit,
    /// Ticks of the whole event, in the events' clock.
    total: u32,
    /// When the segment began on the RTP clock.
    timestamp: u32,
    /// Ticks of earlier segments.
    before: u32,
    /// Ticks since the event began, at the end of the packet that is due.
    elapsed: u32,
    endings: u8,
    marker: bool,
}

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::leg) struct EventFormat {
    pub(in crate::leg) payload_type: u8,
    /// Clock of the events' durations.
    pub(in crate::leg) clock_hz: u32,
    /// Clock of the timestamps, which is the codec's.
    pub(in crate::leg) codec_clock_hz: u32,
    pub(in crate::leg) packet_ms: u32,
}

/// The digits that wait, in a ring from the control half, and the one under way.
#[derive(Debug)]
pub(in crate::leg) struct DigitSender {
    waiting: Consumer<Digit>,
    /// Digits taken from the ring so far, wrapping.
    taken: u32,
    current: Option<Sending>,
    pause: u8,
}

impl DigitSender {
    pub(in crate::leg) fn new(waiting: Consumer<Digit>) -> Self {
        Self { waiting, taken: 0, current: None, pause: 0 }
    }

    /// Forgets what waits of the first `given` digits that were ever given; the digit under way ends with
    /// the next packet.
    pub(in crate::leg) fn clear(&mut self, given: u32) {
        while (given.wrapping_sub(self.taken) as i32) > 0 && self.waiting.pop().is_some() {
            self.taken = self.taken.wrapping_add(1);
        }
        if let Some(sending) = &mut self.current {
            sending.total = sending.total.min(sending.elapsed);
        }
    }

    /// What goes out in place of the packet of audio that begins at `timestamp`; `None` for the sound
    /// itself.
    pub(in crate::leg) fn next(
        &mut self,
        timestamp: u32,
        format: &EventFormat,
    ) -> Option<DigitPacket> {
        if self.current.is_none() {
            if self.pause > 0 {
                self.pause -= 1;
                return None;
            }
            let digit = self.waiting.pop()?;
            self.taken = self.taken.wrapping_add(1);
            if format.clock_hz == 0 {
                // An update has taken events away.
                return None;
            }
            self.current = Some(Sending {
                digit,
                total: format.clock_hz / 1_000 * digit.duration_ms,
                timestamp,
                before: 0,
                elapsed: 0,
                endings: 0,
                marker: true,
            });
        }
        if format.clock_hz == 0 {
            self.current = None;
            return None;
        }
        let sending = self.current.as_mut()?;
        let limit = u32::from(MAX_SEGMENT_TICKS);
        if sending.endings == 0 {
            let packet_ticks = format.clock_hz / 1_000 * format.packet_ms;
            sending.elapsed = sending.elapsed.saturating_add(packet_ticks).min(sending.total);
        }
        let in_segment = sending.elapsed - sending.before;
        let over = in_segment <= limit && sending.elapsed == sending.total;
        let packet = DigitPacket {
            timestamp: sending.timestamp,
            marker: sending.marker,
            event: TelephoneEvent {
                event: sending.digit.event,
                end: over,
                volume_dbm0: sending.digit.volume_dbm0,
                duration_ticks: in_segment.min(limit) as u16,
            },
        };
        sending.marker = false;
        if in_segment > limit {
            // The segment is full; the next packet reports of one that follows on it.
            sending.before += limit;
            let clock_hz = u64::from(format.clock_hz.max(1));
            let step = u64::from(limit) * u64::from(format.codec_clock_hz) / clock_hz;
            sending.timestamp = sending.timestamp.wrapping_add(step as u32);
        }
        if over {
            sending.endings += 1;
            if sending.endings == ENDINGS {
                self.current = None;
                self.pause = PAUSE_PACKETS;
            }
        }
        Some(packet)
    }
}
