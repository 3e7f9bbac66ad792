// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits to send, one after another, a packet at a time (RFC 4733 section 2.5.1).

use crate::rtp::telephone_event::{MAX_SEGMENT_TICKS, TelephoneEvent};
use crate::within::Within;

/// Digits that may wait.
const QUEUE: usize = 32;
/// How often the end of an event is said (section 2.5.1.4).
const ENDINGS: u8 = 3;
/// Packet times of ordinary sound between two digits, so that the same digit twice is two.
const PAUSE_PACKETS: u8 = 2;

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::leg) struct Digit {
    pub(in crate::leg) event: u8,
    pub(in crate::leg) duration_ticks: u32,
    pub(in crate::leg) volume_dbm0: u8,
}

/// A packet that goes out in place of sound.
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
    /// When the segment began on the RTP clock.
    timestamp: u32,
    /// Ticks of earlier segments.
    before: u32,
    /// Ticks since the event began, at the end of the packet that is due.
    elapsed: u32,
    endings: u8,
    marker: bool,
}

/// The queue and the digit under way.
#[derive(Debug)]
pub(in crate::leg) struct DigitSender {
    queue: [Digit; QUEUE],
    waiting: usize,
    current: Option<Sending>,
    pause: u8,
}

impl DigitSender {
    pub(in crate::leg) fn new() -> Self {
        let none = Digit { event: 0, duration_ticks: 0, volume_dbm0: 0 };
        Self { queue: [none; QUEUE], waiting: 0, current: None, pause: 0 }
    }

    /// Puts a digit behind the others; `false` if too many wait.
    pub(in crate::leg) fn push(&mut self, digit: Digit) -> bool {
        let Some(slot) = self.queue.get_mut(self.waiting) else { return false };
        *slot = digit;
        self.waiting += 1;
        true
    }

    /// Forgets what waits; the digit under way ends with the next packet.
    pub(in crate::leg) fn clear(&mut self) {
        self.waiting = 0;
        if let Some(sending) = &mut self.current {
            sending.digit.duration_ticks = sending.digit.duration_ticks.min(sending.elapsed);
        }
    }

    /// What goes out in place of the packet of sound that begins at `timestamp` and lasts
    /// `packet_ticks`; `None` for the sound itself.
    pub(in crate::leg) fn next(
        &mut self,
        timestamp: u32,
        packet_ticks: u32,
    ) -> Option<DigitPacket> {
        if self.current.is_none() {
            if self.pause > 0 {
                self.pause -= 1;
                return None;
            }
            let digit = *self.queue.head(self.waiting).first()?;
            self.queue.shift(1..self.waiting, 0);
            self.waiting -= 1;
            self.current =
                Some(Sending { digit, timestamp, before: 0, elapsed: 0, endings: 0, marker: true });
        }
        let sending = self.current.as_mut()?;
        let limit = u32::from(MAX_SEGMENT_TICKS);
        let total = sending.digit.duration_ticks;
        if sending.endings == 0 {
            sending.elapsed = sending.elapsed.saturating_add(packet_ticks).min(total);
        }
        let in_segment = sending.elapsed - sending.before;
        let over = in_segment <= limit && sending.elapsed == total;
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
            sending.timestamp = sending.timestamp.wrapping_add(limit);
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
