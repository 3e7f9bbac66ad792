// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mixer's input: one row of 16-bit samples a participant, each starting on a cache line and
//! padded with zeros to whole cache lines.

use alloc::boxed::Box;
use alloc::vec;

use crate::within::Within;

/// Bytes of a cache line, and of the widest vector.
const ALIGNMENT: usize = 64;
const ALIGNMENT_SAMPLES: usize = ALIGNMENT / size_of::<i16>();

/// Columns that are worked on at a time: rows, sums and buses are padded to whole ones.
pub(super) const CHUNK: usize = 16;
/// That much of a row.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
pub(super) type Chunk = [i16; CHUNK];

#[derive(Debug)]
pub(super) struct Arena {
    memory: Box<[i16]>,
    /// Samples before the first cache line of `memory`.
    offset: usize,
    stride: usize,
    /// Of a row, which may have room for more.
    samples: usize,
}

impl Arena {
    pub(super) fn new(rows: usize, samples: usize) -> Self {
        let stride = samples.next_multiple_of(ALIGNMENT_SAMPLES);
        let memory = vec![0_i16; rows * stride + ALIGNMENT_SAMPLES].into_boxed_slice();
        // The box never moves, so what is aligned now stays so. `align_offset` may decline to
        // answer (under Miri); speed is all that is lost then.
        let offset = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT_SAMPLES);
        Self { memory, offset, stride, samples }
    }

    /// Makes rows as long as this, or as they have room for.
    pub(super) fn set_samples(&mut self, samples: usize) {
        self.samples = samples.min(self.stride);
    }

    #[inline]
    pub(super) fn row(&self, index: usize) -> &[i16] {
        let start = self.start(index);
        self.memory.span(start..start + self.samples)
    }

    /// The row and its padding.
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    #[inline]
    pub(super) fn chunks(&self, index: usize) -> &[Chunk] {
        let start = self.start(index);
        self.memory.span(start..start + self.stride).as_chunks().0
    }

    #[inline]
    pub(super) fn row_mut(&mut self, index: usize) -> &mut [i16] {
        let start = self.start(index);
        self.memory.span_mut(start..start + self.samples)
    }

    #[inline]
    fn start(&self, index: usize) -> usize {
        self.offset + index * self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_start_on_cache_lines_and_do_not_overlap() {
        let mut arena = Arena::new(3, 80);
        for row in 0..3 {
            arena.row_mut(row).fill(row as i16 + 1);
        }
        for row in 0..3 {
            assert_eq!(arena.row(row), [row as i16 + 1; 80]);
            if !cfg!(miri) {
                assert_eq!(arena.row(row).as_ptr() as usize % ALIGNMENT, 0);
            }
        }
    }
}
