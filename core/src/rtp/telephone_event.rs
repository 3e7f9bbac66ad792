// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payload of `telephone-event` (RFC 4733 section 2.3): a DTMF digit or another signal by name, in
//! place of its audio.

/// Bytes of one event.
pub const PAYLOAD_BYTES: usize = 4;
/// Longest duration that one packet can tell; longer events go in segments (section 2.5.1.3).
pub const MAX_SEGMENT_TICKS: u16 = u16::MAX;

/// One report of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0 to 9 the digits, 10 `*`, 11 `#`, 12 to 15 `A` to `D`, 16 hook flash (section 3.2).
    pub event: u8,
    /// The event is over.
    pub end: bool,
    /// Level of the tone in -dBm0, 0 to 63.
    pub volume_dbm0: u8,
    /// How long it has lasted since the packet's timestamp, in ticks of the RTP clock.
    pub duration_ticks: u16,
}

impl TelephoneEvent {
    /// Reads the first event of a payload; `None` if it is shorter than one.
    ///
    /// Real-time: yes.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[event, flags, d0, d1] = payload.first_chunk::<PAYLOAD_BYTES>()?;
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume_dbm0: flags & 0x3f,
            duration_ticks: u16::from_be_bytes([d0, d1]),
        })
    }

    /// The payload.
    ///
    /// Real-time: yes.
    pub fn to_bytes(self) -> [u8; PAYLOAD_BYTES] {
        let [d0, d1] = self.duration_ticks.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | self.volume_dbm0.min(63), d0, d1]
    }
}

/// The event of a DTMF character: `0` to `9`, `*`, `#`, `A` to `D` in either case; `!` is a hook flash
/// (RFC 4733 section 3.2, table 3).
pub fn event_of_digit(digit: char) -> Option<u8> {
    Some(match digit {
        '0'..='9' => digit as u8 - b'0',
        '*' => 10,
        '#' => 11,
        'A'..='D' => digit as u8 - b'A' + 12,
        'a'..='d' => digit as u8 - b'a' + 12,
        '!' => 16,
        _ => return None,
    })
}

/// The DTMF character of an event, if it is one; `!` for a hook flash.
pub fn digit_of_event(event: u8) -> Option<char> {
    b"0123456789*#ABCD!".get(usize::from(event)).map(|digit| char::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_the_rfc() {
        // RFC 4733 section 2.5.2.2, table 5: digit 1 of an example, volume 10, ended after 1760 ticks.
        let event = TelephoneEvent { event: 1, end: true, volume_dbm0: 10, duration_ticks: 1_760 };
        assert_eq!(event.to_bytes(), [1, 0x8a, 0x06, 0xe0]);
        assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
        // The reserved bit is ignored, and so is whatever follows.
        assert_eq!(TelephoneEvent::parse(&[1, 0xca, 0x06, 0xe0, 9]), Some(event));
        assert_eq!(TelephoneEvent::parse(&[1, 0x8a, 0x06]), None);
    }

    #[test]
    fn every_digit_has_its_event() {
        for (event, digit) in "0123456789*#ABCD".chars().enumerate() {
            assert_eq!(event_of_digit(digit), Some(event as u8));
            assert_eq!(digit_of_event(event as u8), Some(digit));
        }
        assert_eq!((event_of_digit('d'), event_of_digit('E')), (Some(15), None));
        assert_eq!((digit_of_event(16), event_of_digit('!')), (Some('!'), Some(16)));
        assert_eq!(digit_of_event(17), None);
    }
}
