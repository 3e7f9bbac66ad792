// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a camera's packets came, as transport-wide feedback tells it (draft-holmer-rmcat-transport-wide-cc-extensions):
//! from it the sender works out what the network carries.

use super::feedback;

/// The header extension that numbers packets.
pub const URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Packets that are told of at a time: 4 Mbit/s for an interval and some to spare.
const MOST: usize = 128;
/// Numbers that a feedback spans at most; of what was lost beyond them nothing is told.
const MOST_NUMBERS: u64 = 400;
/// Time between two of them.
const INTERVAL_NS: u64 = 50_000_000;
/// Units of a packet's time and of the reference time.
const DELTA_NS: u64 = 250_000;
const REFERENCE_NS: u64 = 64_000_000;
/// Bytes of the items: numbers, reference time, 2 bytes a chunk of seven packets, and 2 a packet.
const ITEM_BYTES: usize = 8 + 2 * (MOST_NUMBERS as usize / 7 + 1) + 2 * MOST;
const SMALL: u16 = 1;
const LARGE: u16 = 2;

/// Numbers and times of packets since the last feedback.
#[derive(Debug)]
pub struct Arrivals {
    came: Vec<(u64, u64)>,
    /// The highest number yet, counted on beyond 16 bits.
    highest: Option<u64>,
    /// The first number that nothing has been told of.
    next: u64,
    count: u8,
    told_ns: u64,
}

impl Arrivals {
    /// None yet.
    pub fn new() -> Self {
        Self { came: Vec::with_capacity(MOST), highest: None, next: 0, count: 0, told_ns: 0 }
    }

    /// A packet of this number has come. Those for which there is no room until the next feedback are not told of.
    ///
    /// Real-time: yes.
    pub fn note(&mut self, number: u16, now_ns: u64) {
        let number = match self.highest {
            // Room for those that come before the first.
            None => 1 << 16 | u64::from(number),
            Some(highest) => super::input::extended(highest, number),
        };
        if self.highest.is_none() {
            self.next = number;
        }
        self.highest = Some(self.highest.map_or(number, |highest| highest.max(number)));
        if self.came.len() < MOST {
            self.came.push((number, now_ns));
        }
    }

    /// Whether it is time to tell of them.
    pub fn is_due(&self, now_ns: u64) -> bool {
        let full = self.came.len() >= MOST / 2;
        !self.came.is_empty() && (full || now_ns.saturating_sub(self.told_ns) >= INTERVAL_NS)
    }

    /// Adds feedback of `ours` about `ssrc` to a compound of `used` bytes; the bytes that are used then.
    ///
    /// Real-time: yes.
    pub fn tell(
        &mut self,
        out: &mut [u8],
        used: usize,
        ours: u32,
        ssrc: u32,
        now_ns: u64,
    ) -> Option<usize> {
        self.told_ns = now_ns;
        self.came.sort_unstable();
        self.came.dedup_by_key(|(number, _)| *number);
        let (&(lowest, _), &(highest, _)) = (self.came.first()?, self.came.last()?);
        // What was lost since the last time is told of, too; of what came late only that it came.
        let first = self.next.min(lowest).max((highest + 1).saturating_sub(MOST_NUMBERS));
        self.came.retain(|(number, _)| *number >= first);
        let (_, first_ns) = *self.came.first()?;
        let reference = first_ns / REFERENCE_NS;
        let mut items = Items { bytes: [0; ITEM_BYTES], used: 8 };
        let mut at = reference * REFERENCE_NS / DELTA_NS;
        let (mut deltas, mut told) = ([(0_i16, false); MOST], 0);
        let (mut chunk, mut symbols, mut numbers) = (0, 0, first);
        for &(number, came_ns) in &self.came {
            let tick = came_ns / DELTA_NS;
            // One that does not fit ends this feedback: the next begins with it.
            let Ok(delta) = i16::try_from(tick as i64 - at as i64) else { break };
            let small = (0..256).contains(&delta);
            let kept = deltas.get_mut(told)?;
            (*kept, told, at) = ((delta, small), told + 1, tick);
            while numbers <= number {
                let symbol = if numbers < number {
                    0
                } else if small {
                    SMALL
                } else {
                    LARGE
                };
                (chunk, symbols, numbers) = (chunk << 2 | symbol, symbols + 1, numbers + 1);
                if symbols == 7 {
                    items.push(&(0xc000 | chunk).to_be_bytes())?;
                    (chunk, symbols) = (0, 0);
                }
            }
        }
        if symbols > 0 {
            items.push(&(0xc000 | chunk << (2 * (7 - symbols))).to_be_bytes())?;
        }
        for (delta, small) in deltas.iter().take(told) {
            let [high, low] = delta.to_be_bytes();
            if *small { items.push(&[low])? } else { items.push(&[high, low])? }
        }
        let [b0, b1] = (first as u16).to_be_bytes();
        let [c0, c1] = ((numbers - first) as u16).to_be_bytes();
        let [.., r0, r1, r2] = (reference as u32).to_be_bytes();
        items.bytes[..8].copy_from_slice(&[b0, b1, c0, c1, r0, r1, r2, self.count]);
        self.count = self.count.wrapping_add(1);
        self.next = self.next.max(numbers);
        self.came.drain(..told.min(self.came.len()));
        feedback::tell_arrivals(out, used, ours, ssrc, items.bytes.get(..items.used)?)
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::new()
    }
}

struct Items {
    bytes: [u8; ITEM_BYTES],
    used: usize,
}

impl Items {
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.used..self.used + bytes.len())?.copy_from_slice(bytes);
        self.used += bytes.len();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Reads feedback by the draft's section 3.1: numbers that were told of, and when those came that did.
    fn read(bytes: &[u8]) -> Vec<(u16, Option<i64>)> {
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!((bytes[0], bytes[1]), (0x8f, 205));
        assert_eq!(bytes.len(), 4 * (usize::from(word(2)) + 1));
        let (base, count) = (word(12), usize::from(word(14)));
        let reference = i64::from(u32::from_be_bytes([0, bytes[16], bytes[17], bytes[18]]));
        let (mut symbols, mut at) = (Vec::new(), 20);
        while symbols.len() < count {
            let chunk = word(at);
            at += 2;
            match chunk >> 14 {
                3 => symbols.extend((0..7).rev().map(|n| chunk >> (2 * n) & 3)),
                2 => symbols.extend((0..14).rev().map(|n| chunk >> n & 1)),
                _ => symbols.extend((0..chunk & 0x1fff).map(|_| chunk >> 13 & 3)),
            }
        }
        let mut ns = reference * 64_000_000;
        let of = |(n, symbol): (usize, &u16)| {
            let number = base.wrapping_add(n as u16);
            let delta = match symbol {
                0 => return (number, None),
                1 => i64::from(bytes[at]),
                _ => i64::from(word(at) as i16),
            };
            at += usize::from(*symbol);
            ns += delta * 250_000;
            (number, Some(ns))
        };
        let told = symbols.iter().take(count).enumerate().map(of).collect();
        assert!(bytes.len() - at < 4);
        told
    }

    proptest! {
        #[test]
        fn who_reads_the_feedback_knows_when_each_packet_came(
            first: u16,
            steps in prop::collection::vec((0_u64..40_000_000, 0_u8..20, any::<bool>()), 1..600),
        ) {
            let (mut arrivals, mut now_ns, mut number) = (Arrivals::new(), 1_000_000_000, first);
            let (mut came, mut told) = (BTreeMap::new(), BTreeMap::new());
            let mut late = None;
            for (wait_ns, lost, reorder) in steps {
                now_ns += wait_ns;
                number = number.wrapping_add(1 + u16::from(lost > 17));
                // Every now and then one changes places with the next.
                let here = if reorder { late.replace(number) } else { Some(number) };
                for number in here.into_iter().chain(late.take_if(|_| !reorder)) {
                    arrivals.note(number, now_ns);
                    came.insert(number, now_ns as i64);
                }
                if arrivals.is_due(now_ns) {
                    let mut out = [0; 1_200];
                    let used = arrivals.tell(&mut out, 0, 1, 9, now_ns).unwrap();
                    for (number, ns) in read(&out[..used]) {
                        if let Some(ns) = ns {
                            told.insert(number, ns);
                        }
                    }
                }
            }
            let mut out = [0; 1_200];
            while arrivals.tell(&mut out, 0, 1, 9, now_ns).is_some() {
                let bytes = 4 * (usize::from(u16::from_be_bytes([out[2], out[3]])) + 1);
                told.extend(read(&out[..bytes]).into_iter().filter_map(|(n, ns)| Some((n, ns?))));
            }
            prop_assert_eq!(told.len(), came.len());
            for (number, ns) in came {
                prop_assert!((told[&number] - ns).abs() <= 250_000, "{} {} {}", number, told[&number], ns);
            }
        }
    }

    #[test]
    fn a_flood_is_bounded_and_what_was_lost_is_told_of_once() {
        let mut arrivals = Arrivals::new();
        (0..10_000_u16).for_each(|number| arrivals.note(number, 5));
        let mut out = [0; 1_200];
        let used = arrivals.tell(&mut out, 0, 1, 9, 5).unwrap();
        assert_eq!(read(&out[..used]).len(), MOST);
        arrivals.note(10_003, 7);
        arrivals.tell(&mut out, 0, 1, 9, 7).unwrap();
        let told = read(&out[..4 * (usize::from(u16::from_be_bytes([out[2], out[3]])) + 1)]);
        assert_eq!(told.len(), MOST_NUMBERS as usize);
        assert_eq!(told.iter().filter(|(_, came)| came.is_some()).count(), 1);
        assert_eq!(told.last().map(|(number, _)| *number), Some(10_003));
    }
}
