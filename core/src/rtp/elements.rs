// SPDX-License-Identifier: MIT OR Apache-2.0
//! What header extension elements (RFC 8285) mean to audio: levels, send times, stream names.

/// How loud a packet is, known without decoding it (RFC 6464).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// In -dBov: 0 the loudest, 127 silence.
    pub level_dbov: u8,
    /// The sender believes that the packet holds speech; senders that do not know say so too.
    pub voice: bool,
}

impl AudioLevel {
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level`
    pub const URI: &'static str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

    /// Reads an element's data; `None` if it is empty.
    ///
    /// Real-time: yes.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let &byte = data.first()?;
        Some(Self { level_dbov: byte & 0x7f, voice: byte & 0x80 != 0 })
    }

    /// An element's data.
    pub fn to_byte(self) -> u8 {
        u8::from(self.voice) << 7 | self.level_dbov.min(127)
    }
}

/// Levels of contributing sources, in the order of the packet's CSRC list (RFC 6465), in -dBov.
pub fn mixer_to_client_levels(data: &[u8]) -> impl Iterator<Item = u8> + '_ {
    data.iter().map(|byte| byte & 0x7f)
}

/// When a packet was sent: 24 bits of seconds modulo 64, in 1/2^18 s, from an NTP time in 32.32
/// fixed point (`http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`).
pub fn absolute_send_time(ntp: u64) -> [u8; 3] {
    let [.., b0, b1, b2] = ((ntp >> 14) as u32).to_be_bytes();
    [b0, b1, b2]
}

/// Nanoseconds between two absolute send times, less than 32 s apart; `None` for data of another
/// length.
pub fn absolute_send_time_difference_ns(earlier: &[u8], later: &[u8]) -> Option<i64> {
    let ticks = |data: &[u8]| {
        let &[b0, b1, b2] = data else { return None };
        Some(u32::from_be_bytes([0, b0, b1, b2]))
    };
    // Sign-extends 24 bits.
    let difference = (ticks(later)?.wrapping_sub(ticks(earlier)?) << 8) as i32 >> 8;
    Some((i64::from(difference) * 1_000_000_000) >> 18)
}

/// The identification tag of the media description that a packet belongs to (RFC 9143 section 15);
/// `None` if it is not text.
pub fn mid(data: &[u8]) -> Option<&str> {
    core::str::from_utf8(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_layout_of_the_rfcs() {
        assert_eq!(
            AudioLevel::parse(&[0x80 | 23]),
            Some(AudioLevel { level_dbov: 23, voice: true })
        );
        assert_eq!(AudioLevel { level_dbov: 200, voice: false }.to_byte(), 127);
        assert_eq!(AudioLevel::parse(&[]), None);
        assert!(mixer_to_client_levels(&[0x80 | 5, 127]).eq([5, 127]));
    }

    #[test]
    fn send_times_differ_by_what_passed_between_them() {
        let ntp = |ns: u64| ((u128::from(ns) << 32) / 1_000_000_000) as u64;
        for (start, passed) in [(0, 20_000_000), (63_990_000_000, 30_000_000), (5, 0)] {
            let (a, b) = (absolute_send_time(ntp(start)), absolute_send_time(ntp(start + passed)));
            let measured = absolute_send_time_difference_ns(&a, &b).unwrap();
            assert!((measured - passed as i64).abs() < 8_000, "{measured} for {passed}");
            let back = absolute_send_time_difference_ns(&b, &a).unwrap();
            assert!((back + passed as i64).abs() < 8_000);
        }
        assert_eq!(absolute_send_time_difference_ns(&[0; 2], &[0; 3]), None);
    }
}
