// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which missing packets to ask for, and when: those that would still be played if the peer sent
//! them again at once, a few times each (generic NACK, RFC 4585 section 6.2.1).

use crate::rtp::rtcp::Missing;

/// Packets that are asked for at a time.
pub(crate) const MOST: usize = 16;
/// Packets whose requests are remembered.
const REMEMBERED: usize = 32;
/// Requests for one packet.
const TRIES: u8 = 3;
/// An answer takes a round trip; where that is unknown, this long.
const DEFAULT_ROUND_TRIP_NS: u64 = 50_000_000;

/// What has been asked for.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    asked: [Asked; REMEMBERED],
    next: usize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Asked {
    sequence: u16,
    tries: u8,
    last_ns: u64,
}

impl Requests {
    /// Chooses of the missing packets those to ask for now; how many.
    ///
    /// Real-time: yes.
    pub(crate) fn choose(
        &mut self,
        missing: &[Missing],
        round_trip_ns: u64,
        now_ns: u64,
        out: &mut [u16; MOST],
    ) -> usize {
        let round_trip_ns = if round_trip_ns == 0 { DEFAULT_ROUND_TRIP_NS } else { round_trip_ns };
        let mut count = 0;
        for missing in missing {
            if missing.deadline_ns < now_ns.saturating_add(round_trip_ns) {
                continue;
            }
            let known = self
                .asked
                .iter_mut()
                .find(|asked| asked.tries > 0 && asked.sequence == missing.sequence);
            let asked = match known {
                Some(asked)
                    if asked.tries >= TRIES
                        || now_ns.saturating_sub(asked.last_ns) < round_trip_ns =>
                {
                    continue;
                }
                Some(asked) => asked,
                None => {
                    let place = &mut self.asked[self.next % REMEMBERED];
                    self.next = self.next.wrapping_add(1);
                    *place = Asked { sequence: missing.sequence, ..Asked::default() };
                    place
                }
            };
            let Some(slot) = out.get_mut(count) else { break };
            asked.tries += 1;
            asked.last_ns = now_ns;
            *slot = missing.sequence;
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_asked_for_a_round_trip_apart_and_not_when_it_is_too_late() {
        const MS: u64 = 1_000_000;
        let mut requests = Requests::default();
        let missing = [
            Missing { sequence: 65_535, deadline_ns: 30 * MS },
            Missing { sequence: 0, deadline_ns: 500 * MS },
        ];
        let mut asked = Vec::new();
        for now_ms in (0..500).step_by(10) {
            let mut out = [0; MOST];
            let count = requests.choose(&missing, 40 * MS, now_ms * MS, &mut out);
            asked.extend(out[..count].iter().map(|&sequence| (now_ms, sequence)));
        }
        assert_eq!(asked, [(0, 0), (40, 0), (80, 0)]);
    }
}
