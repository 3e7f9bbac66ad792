// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parts of slices behind which no panic stands.
//!
//! The packet path computes where things are, and those sums are right or the code has a bug. In
//! builds with debug assertions (tests, fuzzing) a wrong sum stops the program, so that it is found. In
//! a release build it takes as much as there is: a wrong sample for a moment, where a panic would end
//! every call of the process. `make real-time` holds the linked library to that. Under SRTP, where going on with
//! less may send plaintext or let a replay in, `get` refuses the packet instead (`SrtpError::Internal`;
//! `core/tests/layers.rs` looks).
//!
//! Where a part may be missing rightly (a packet that is too short), `get` and `split_first_chunk`
//! are the words; these are for parts that are there.

use alloc::vec::Vec;
use core::ops::Range;

/// Parts of a slice that the caller knows to be there.
pub(crate) trait Within<T> {
    /// The first `count` elements.
    fn head(&self, count: usize) -> &[T];
    /// The first `count` elements.
    fn head_mut(&mut self, count: usize) -> &mut [T];
    /// What follows the first `count` elements.
    fn past(&self, count: usize) -> &[T];
    /// What follows the first `count` elements.
    fn past_mut(&mut self, count: usize) -> &mut [T];
    /// The last `count` elements.
    fn last_of(&self, count: usize) -> &[T];
    /// The elements of a range.
    fn span(&self, range: Range<usize>) -> &[T];
    /// The elements of a range.
    fn span_mut(&mut self, range: Range<usize>) -> &mut [T];
    /// The first `count` elements, and what follows them.
    fn cut(&self, count: usize) -> (&[T], &[T]);
    /// The first `count` elements, and what follows them.
    fn cut_mut(&mut self, count: usize) -> (&mut [T], &mut [T]);
    /// An element's copy.
    fn at(&self, index: usize) -> T
    where
        T: Copy + Default;
    /// Writes an element.
    fn put(&mut self, index: usize, value: T);
    /// Writes a few elements, the first of them at `index`.
    fn put_all<const N: usize>(&mut self, index: usize, values: [T; N]);
    /// Copies `from`, which is as long.
    fn copy_of(&mut self, from: &[T])
    where
        T: Copy;
    /// Moves the last element to the front.
    fn last_to_front(&mut self);
    /// Moves the first element to the back.
    fn first_to_back(&mut self);
    /// Copies the elements of `from` to `to` and after.
    fn shift(&mut self, from: Range<usize>, to: usize)
    where
        T: Copy;
}

impl<T> Within<T> for [T] {
    #[inline(always)]
    fn head(&self, count: usize) -> &[T] {
        debug_assert!(count <= self.len(), "the first {count} of {}", self.len());
        self.get(..count).unwrap_or(self)
    }

    #[inline(always)]
    fn head_mut(&mut self, count: usize) -> &mut [T] {
        self.cut_mut(count).0
    }

    #[inline(always)]
    fn past(&self, count: usize) -> &[T] {
        debug_assert!(count <= self.len(), "past {count} of {}", self.len());
        self.get(count..).unwrap_or_default()
    }

    #[inline(always)]
    fn past_mut(&mut self, count: usize) -> &mut [T] {
        debug_assert!(count <= self.len(), "past {count} of {}", self.len());
        self.get_mut(count..).unwrap_or_default()
    }

    #[inline(always)]
    fn last_of(&self, count: usize) -> &[T] {
        debug_assert!(count <= self.len(), "the last {count} of {}", self.len());
        self.get(self.len().wrapping_sub(count)..).unwrap_or(self)
    }

    #[inline(always)]
    fn span(&self, range: Range<usize>) -> &[T] {
        debug_assert!(
            range.start <= range.end && range.end <= self.len(),
            "{range:?} of {}",
            self.len()
        );
        self.get(range).unwrap_or_default()
    }

    #[inline(always)]
    fn span_mut(&mut self, range: Range<usize>) -> &mut [T] {
        debug_assert!(
            range.start <= range.end && range.end <= self.len(),
            "{range:?} of {}",
            self.len()
        );
        self.get_mut(range).unwrap_or_default()
    }

    #[inline(always)]
    fn cut(&self, count: usize) -> (&[T], &[T]) {
        debug_assert!(count <= self.len(), "{count} of {}", self.len());
        self.split_at_checked(count).unwrap_or((self, &[]))
    }

    #[inline(always)]
    fn cut_mut(&mut self, count: usize) -> (&mut [T], &mut [T]) {
        debug_assert!(count <= self.len(), "{count} of {}", self.len());
        let count = count.min(self.len());
        self.split_at_mut(count)
    }

    #[inline(always)]
    fn at(&self, index: usize) -> T
    where
        T: Copy + Default,
    {
        debug_assert!(index < self.len(), "{index} of {}", self.len());
        self.get(index).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn put(&mut self, index: usize, value: T) {
        debug_assert!(index < self.len(), "{index} of {}", self.len());
        if let Some(place) = self.get_mut(index) {
            *place = value;
        }
    }

    #[inline(always)]
    fn put_all<const N: usize>(&mut self, index: usize, values: [T; N]) {
        match self.get_mut(index..).and_then(<[T]>::first_chunk_mut) {
            Some(place) => *place = values,
            None => debug_assert!(false, "{N} at {index} of {}", self.len()),
        }
    }

    #[inline(always)]
    fn copy_of(&mut self, from: &[T])
    where
        T: Copy,
    {
        debug_assert_eq!(self.len(), from.len());
        let count = self.len().min(from.len());
        self.head_mut(count).copy_from_slice(from.head(count));
    }

    #[inline]
    fn last_to_front(&mut self) {
        if let Some((last, others)) = self.split_last_mut() {
            for other in others {
                core::mem::swap(other, last);
            }
        }
    }

    #[inline]
    fn first_to_back(&mut self) {
        if let Some((last, others)) = self.split_last_mut() {
            for other in others.iter_mut().rev() {
                core::mem::swap(other, last);
            }
        }
    }

    #[inline]
    fn shift(&mut self, from: Range<usize>, to: usize)
    where
        T: Copy,
    {
        let count = from.end.saturating_sub(from.start);
        let fits = from.start <= from.end && from.end <= self.len() && to <= self.len() - count;
        debug_assert!(fits, "{from:?} to {to} of {}", self.len());
        // `copy_within` may keep its checks. In parts that are as long as the way is far, so that none
        // is written to before it has been read: mostly that is one.
        let way = from.start.abs_diff(to);
        if !fits || way == 0 {
            return;
        }
        if to < from.start {
            let mut rest = self.span_mut(to..from.end);
            while rest.len() > way {
                let (place, behind) = rest.cut_mut(way);
                let count = way.min(behind.len());
                place.head_mut(count).copy_of(behind.head(count));
                rest = behind;
            }
        } else {
            let mut rest = self.span_mut(from.start..to + count);
            while rest.len() > way {
                let (before, place) = rest.cut_mut(rest.len() - way);
                let count = way.min(before.len());
                place.past_mut(way - count).copy_of(before.last_of(count));
                rest = before;
            }
        }
    }
}

/// Appends to a list that was made with room for it; without room, `value` is dropped.
#[inline]
pub(crate) fn push_in<T>(list: &mut Vec<T>, value: T) {
    debug_assert!(list.len() < list.capacity(), "no room for one more than {}", list.len());
    if list.len() < list.capacity() {
        list.push(value);
    }
}

/// As [`push_in`], before the element at `index`.
#[inline]
pub(crate) fn insert_in<T>(list: &mut Vec<T>, index: usize, value: T) {
    push_in(list, value);
    list.past_mut(index).last_to_front();
}

/// Takes out an element, whose place the last one takes.
#[inline]
pub(crate) fn swap_out<T>(list: &mut Vec<T>, index: usize) -> Option<T> {
    debug_assert!(index < list.len(), "{index} of {}", list.len());
    let last = list.pop()?;
    match list.get_mut(index) {
        Some(place) => Some(core::mem::replace(place, last)),
        None => Some(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn parts_are_those_of_the_language() {
        let mut data = [1, 2, 3, 4, 5];
        assert_eq!(data.head(2), [1, 2]);
        assert_eq!(data.past(2), [3, 4, 5]);
        assert_eq!(data.last_of(2), [4, 5]);
        assert_eq!(data.span(1..3), [2, 3]);
        assert_eq!(data.cut(5), (&[1, 2, 3, 4, 5][..], &[][..]));
        assert_eq!(data.at(4), 5);
        data.shift(0..3, 2);
        assert_eq!(data, [1, 2, 1, 2, 3]);
        data.past_mut(3).copy_of(&[8, 9]);
        data.span_mut(0..1).fill(7);
        data.head_mut(2).put(1, 6);
        assert_eq!(data, [7, 6, 1, 8, 9]);
        data.cut_mut(1).1.fill(0);
        assert_eq!(data, [7, 0, 0, 0, 0]);
        data.put_all(3, [4, 5]);
        assert_eq!(data, [7, 0, 0, 4, 5]);
    }

    #[test]
    fn one_end_goes_to_the_other() {
        let mut data = [1, 2, 3, 4];
        data.last_to_front();
        assert_eq!(data, [4, 1, 2, 3]);
        data.first_to_back();
        assert_eq!(data, [1, 2, 3, 4]);
    }

    #[test]
    fn the_last_element_takes_the_place_of_one_that_is_taken_out() {
        let mut list = vec![1, 2, 3, 4];
        assert_eq!((swap_out(&mut list, 1), &list[..]), (Some(2), &[1, 4, 3][..]));
        assert_eq!((swap_out(&mut list, 2), &list[..]), (Some(3), &[1, 4][..]));
    }

    #[test]
    fn parts_are_shifted_as_by_copy_within() {
        for start in 0..8 {
            for end in start..8 {
                for to in 0..8 - (end - start) {
                    let mut data = [0, 1, 2, 3, 4, 5, 6];
                    let mut expected = data;
                    if end <= data.len() && to + (end - start) <= data.len() {
                        data.shift(start..end, to);
                        expected.copy_within(start..end, to);
                    }
                    assert_eq!(data, expected, "{start}..{end} to {to}");
                }
            }
        }
    }

    #[test]
    fn a_list_with_room_takes_one_in_anywhere() {
        let mut list = Vec::with_capacity(3);
        push_in(&mut list, 2);
        insert_in(&mut list, 0, 1);
        insert_in(&mut list, 1, 7);
        assert_eq!(list, [1, 7, 2]);
    }

    /// What a release build does with a sum that is wrong.
    #[test]
    #[cfg(not(debug_assertions))]
    fn what_is_missing_is_left_out() {
        let mut data = [1, 2, 3];
        assert_eq!(data.head(4), [1, 2, 3]);
        assert!(data.past(4).is_empty());
        assert_eq!(data.last_of(4), [1, 2, 3]);
        assert!(data.span(2..4).is_empty());
        assert_eq!(data.cut(4), (&[1, 2, 3][..], &[][..]));
        assert_eq!(data.at(3), 0);
        data.put(3, 9);
        data.put_all(2, [9, 9]);
        data.copy_of(&[7]);
        data.shift(0..3, 1);
        assert_eq!(data, [7, 2, 3]);
    }

    /// What a test or a fuzzer finds.
    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "the first 4 of 3")]
    fn a_wrong_sum_is_found() {
        [1, 2, 3].head(4);
    }
}
