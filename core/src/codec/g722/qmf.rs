// SPDX-License-Identifier: MIT OR Apache-2.0
//! The quadrature mirror filters between 16 kHz and two bands of 8 kHz (G.722 sections 3.1 and
//! 4.4). They have no feedback, so a block of one stream is filtered along time.

use super::tables::QMF;
use crate::within::Within;

/// Pairs of samples that are filtered at a time: 10 ms.
pub(super) const BLOCK: usize = 80;
/// Pairs of samples that a filter remembers.
pub(super) const MEMORY: usize = 11;

/// One of the two half filters' input: what is remembered, then a block.
type Line = [i16; MEMORY + BLOCK];

/// The memory of either filter: the even and the odd taps' older inputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory([[i16; MEMORY]; 2]);

impl Memory {
    pub(super) const NEW: Self = Self([[0; MEMORY]; 2]);

    /// Lays `fill`'s block behind the memory, filters to as many `places` as there are pairs, and
    /// remembers the block's end.
    #[inline(always)]
    fn run<P>(
        &mut self,
        pairs: usize,
        fill: impl FnOnce(&mut [i16], &mut [i16]),
        places: impl Iterator<Item = P>,
        mut each: impl FnMut(P, i32, i32),
    ) {
        let pairs = pairs.min(BLOCK);
        let (mut even, mut odd): (Line, Line) = ([0; MEMORY + BLOCK], [0; MEMORY + BLOCK]);
        let (even, odd) = (even.head_mut(MEMORY + pairs), odd.head_mut(MEMORY + pairs));
        let [even_memory, odd_memory] = &mut self.0;
        even.head_mut(MEMORY).copy_of(even_memory);
        odd.head_mut(MEMORY).copy_of(odd_memory);
        fill(even.past_mut(MEMORY), odd.past_mut(MEMORY));
        let lines = even.windows(QMF.len()).zip(odd.windows(QMF.len()));
        for (place, (even, odd)) in places.zip(lines) {
            let (mut even_sum, mut odd_sum) = (0, 0);
            for tap in 0..QMF.len() {
                even_sum += i32::from(even[tap]) * i32::from(QMF[tap]);
                odd_sum += i32::from(odd[tap]) * i32::from(QMF[QMF.len() - 1 - tap]);
            }
            each(place, even_sum, odd_sum);
        }
        even_memory.copy_of(even.last_of(MEMORY));
        odd_memory.copy_of(odd.last_of(MEMORY));
    }

    /// Splits at most [`BLOCK`] pairs of samples into the bands, a place each; both come out at half
    /// amplitude.
    #[inline(always)]
    pub(super) fn split<P>(
        &mut self,
        pcm: &[i16],
        places: impl Iterator<Item = P>,
        mut each: impl FnMut(P, i16, i16),
    ) {
        let (pairs, _) = pcm.as_chunks::<2>();
        let fill = |even: &mut [i16], odd: &mut [i16]| {
            for ((even, odd), pair) in even.iter_mut().zip(odd).zip(pairs) {
                [*even, *odd] = *pair;
            }
        };
        self.run(pairs.len(), fill, places, |place, even, odd| {
            each(place, ((even + odd) >> 14) as i16, ((odd - even) >> 14) as i16);
        });
    }

    /// Joins at most [`BLOCK`] samples of the bands to pairs of PCM samples.
    #[inline(always)]
    pub(super) fn join(&mut self, bands: impl Iterator<Item = (i16, i16)>, pcm: &mut [i16]) {
        let (pairs, _) = pcm.as_chunks_mut::<2>();
        let fill = |sum: &mut [i16], difference: &mut [i16]| {
            for ((sum, difference), (low, high)) in sum.iter_mut().zip(difference).zip(bands) {
                *sum = low.saturating_add(high);
                *difference = low.saturating_sub(high);
            }
        };
        self.run(pairs.len(), fill, pairs.iter_mut(), |pair, sum, difference| {
            *pair = [saturated(difference >> 11), saturated(sum >> 11)];
        });
    }
}

#[inline(always)]
fn saturated(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}
