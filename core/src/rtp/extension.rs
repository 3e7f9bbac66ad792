// SPDX-License-Identifier: MIT OR Apache-2.0
//! General header extensions (RFC 8285): several small elements in one extension block.

use super::header::RtpPacket;
use crate::within::Within;

/// Profile word of the one-byte form (section 4.2).
pub const ONE_BYTE_PROFILE: u16 = 0xbede;
/// Profile word of the two-byte form, application bits zero (section 4.3).
pub const TWO_BYTE_PROFILE: u16 = 0x1000;
/// Largest element of the one-byte form, in bytes.
pub const ONE_BYTE_MAX_LENGTH: usize = 16;

/// One element: its local identifier and its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// 1 to 14 in the one-byte form, 1 to 255 in the two-byte form, as negotiated.
    pub id: u8,
    /// 1 to 16 bytes in the one-byte form, 0 to 255 in the two-byte form.
    pub data: &'a [u8],
}

/// Walks the elements of an extension block; ends at the first that does not fit.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    two_byte: bool,
}

impl<'a> Elements<'a> {
    /// The elements of `packet`; none if it has no extension block or one of another kind.
    ///
    /// Real-time: yes.
    pub fn of(packet: &RtpPacket<'a>) -> Self {
        match packet.extension() {
            Some((profile, body)) => Self::new(profile, body),
            None => Self { rest: &[], two_byte: false },
        }
    }

    /// The elements of a block with this profile word and body.
    pub fn new(profile: u16, body: &'a [u8]) -> Self {
        match profile {
            ONE_BYTE_PROFILE => Self { rest: body, two_byte: false },
            _ if profile & 0xfff0 == TWO_BYTE_PROFILE => Self { rest: body, two_byte: true },
            _ => Self { rest: &[], two_byte: false },
        }
    }

    /// The data of the first element with this identifier.
    pub fn find(mut self, id: u8) -> Option<&'a [u8]> {
        self.find_map(|element| (element.id == id).then_some(element.data))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            if first == 0 {
                // A byte of padding between elements, in both forms.
                self.rest = rest;
                continue;
            }
            let (id, length, rest) = if self.two_byte {
                let (&length, rest) = rest.split_first()?;
                (first, usize::from(length), rest)
            } else {
                (first >> 4, usize::from(first & 15) + 1, rest)
            };
            // 15 ends a one-byte block (section 4.2). 0 with a length is reserved: skip it.
            let stop = !self.two_byte && id == 15;
            let Some((data, rest)) = rest.split_at_checked(length).filter(|_| !stop) else {
                self.rest = &[];
                return None;
            };
            self.rest = rest;
            if id != 0 {
                return Some(Element { id, data });
            }
        }
    }
}

/// Builds an extension block in a caller's buffer, in the one-byte form.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    used: usize,
}

impl<'a> Writer<'a> {
    /// Starts a block in `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, used: 0 }
    }

    /// Adds an element; says whether there was room and `id` (1 to 14) and length (1 to 16) fit.
    ///
    /// Real-time: yes.
    pub fn push(&mut self, id: u8, data: &[u8]) -> bool {
        let fits = (1..=14).contains(&id) && (1..=ONE_BYTE_MAX_LENGTH).contains(&data.len());
        let end = self.used + 1 + data.len();
        // Room is counted with the padding to a whole word that `finish` adds.
        if !fits || end.next_multiple_of(4) > self.out.len() {
            return false;
        }
        self.out.put(self.used, id << 4 | (data.len() - 1) as u8);
        self.out.span_mut(self.used + 1..end).copy_of(data);
        self.used = end;
        true
    }

    /// The profile word and the padded body, for [`RtpHeader::extension`](super::RtpHeader);
    /// `None` for a block without elements.
    pub fn finish(self) -> Option<(u16, &'a [u8])> {
        if self.used == 0 {
            return None;
        }
        let end = self.used.next_multiple_of(4);
        self.out.span_mut(self.used..end).fill(0);
        Some((ONE_BYTE_PROFILE, self.out.head(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn all(profile: u16, body: &[u8]) -> Vec<(u8, Vec<u8>)> {
        Elements::new(profile, body).map(|e| (e.id, e.data.to_vec())).collect()
    }

    #[test]
    fn one_byte_elements_are_read_around_padding_up_to_the_stop() {
        // The layout of RFC 8285 section 4.2's figure: lengths 1, 2 (behind padding) and 4.
        let body = [0x10, 7, 0x21, 8, 9, 0, 0, 0x33, 1, 2, 3, 4, 0xf0, 0x40, 5, 0];
        let expected = [(1, vec![7]), (2, vec![8, 9]), (3, vec![1, 2, 3, 4])];
        assert_eq!(all(ONE_BYTE_PROFILE, &body), expected);
        assert_eq!(Elements::new(ONE_BYTE_PROFILE, &body).find(2), Some(&[8, 9][..]));
        assert_eq!(Elements::new(ONE_BYTE_PROFILE, &body).find(4), None);
    }

    #[test]
    fn two_byte_elements_may_be_empty_and_use_any_identifier() {
        let body = [200, 0, 0, 15, 2, 8, 9, 0];
        assert_eq!(all(TWO_BYTE_PROFILE | 5, &body), [(200, vec![]), (15, vec![8, 9])]);
        assert_eq!(all(0x1234, &body), []);
    }

    proptest! {
        #[test]
        fn any_bytes_end(profile: u16, two: bool, body in prop::collection::vec(any::<u8>(), 0..80)) {
            let profile = if two { profile } else { ONE_BYTE_PROFILE };
            prop_assert!(Elements::new(profile, &body).map(|e| e.data.len()).sum::<usize>() <= body.len());
        }

        #[test]
        fn what_is_written_is_read_back(elements in prop::collection::vec((1_u8..15, prop::collection::vec(any::<u8>(), 1..17)), 1..5)) {
            let mut room = [0xff; 80];
            let mut writer = Writer::new(&mut room);
            for (id, data) in &elements {
                prop_assert!(writer.push(*id, data));
            }
            let (profile, body) = writer.finish().unwrap();
            prop_assert_eq!(body.len() % 4, 0);
            prop_assert_eq!(all(profile, body), elements);
        }
    }

    #[test]
    fn an_element_that_does_not_fit_is_refused() {
        let mut room = [0; 6];
        let mut writer = Writer::new(&mut room);
        assert!(!writer.push(0, &[1]) && !writer.push(15, &[1]) && !writer.push(1, &[]));
        assert!(!writer.push(1, &[0; 4]), "five bytes pad to eight");
        assert!(writer.push(1, &[0; 3]));
        assert!(!writer.push(2, &[0; 1]));
    }
}
