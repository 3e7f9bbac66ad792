// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a key frame begins, and what pictures are counted by: all of the payload that forwarding looks at.

/// A codec of video; browsers have both (RFC 7742 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 7741.
    Vp8,
    /// RFC 6184, in packetization mode 1.
    H264,
}

impl Codec {
    /// All there are, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Vp8, Self::H264];

    /// As in `a=rtpmap`, without the clock.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// Whether a payload is the first of a key frame.
    ///
    /// Real-time: yes.
    pub fn begins_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8(payload).unwrap_or(false),
            Self::H264 => h264(payload),
        }
    }
}

/// What the payload descriptor of VP8 counts (RFC 7741 section 4.2); nothing else has such numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The picture's number, of 7 or 15 bits.
    pub picture: Option<u16>,
    /// That of pictures of the lowest layer in time (`TL0PICIDX`).
    pub base: Option<u8>,
}

impl Counts {
    /// What has to be added so that these follow `before`, each where both have it.
    pub(super) fn after(self, before: Self) -> Shift {
        let next = |before: u16, here: u16| before.wrapping_add(1).wrapping_sub(here);
        let picture = before.picture.zip(self.picture).map_or(0, |(b, h)| next(b, h));
        let base = before.base.zip(self.base);
        let base = base.map_or(0, |(b, h)| next(b.into(), h.into()) as u8);
        Shift { picture, base }
    }
}

/// What is added to each count, modulo its range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shift {
    picture: u16,
    base: u8,
}

/// Where counts stand in a payload, and in how many bytes.
struct Places {
    picture: Option<(usize, bool)>,
    base: Option<usize>,
}

fn places(payload: &[u8]) -> Places {
    let (first, extensions) = match payload {
        [first, extensions, ..] => (*first, *extensions),
        _ => (0, 0),
    };
    let has = |bit: u8| first & 0x80 != 0 && extensions & bit != 0;
    let is_long = payload.get(2).is_some_and(|byte| byte & 0x80 != 0);
    let picture = has(0x80).then_some((2, is_long));
    let after = picture.map_or(2, |(at, is_long)| at + 1 + usize::from(is_long));
    Places { picture, base: has(0x40).then_some(after) }
}

impl Codec {
    /// What a payload counts.
    ///
    /// Real-time: yes.
    pub fn counts(self, payload: &[u8]) -> Counts {
        let Self::Vp8 = self else { return Counts::default() };
        let Places { picture, base } = places(payload);
        let picture = picture.and_then(|(at, is_long)| {
            let [high, low] = [payload.get(at)?, payload.get(at + usize::from(is_long))?];
            Some(if is_long { u16::from_be_bytes([high & 0x7f, *low]) } else { u16::from(*high) })
        });
        Counts { picture, base: base.and_then(|at| payload.get(at).copied()) }
    }

    /// Counts on by so much; what the payload counts then.
    ///
    /// Real-time: yes.
    pub(super) fn shift(self, payload: &mut [u8], shift: Shift) -> Counts {
        let before = self.counts(payload);
        let Places { picture, base } = if before == Counts::default() {
            return before;
        } else {
            places(payload)
        };
        if let (Some((at, is_long)), Some(number)) = (picture, before.picture) {
            let number = number.wrapping_add(shift.picture);
            let [high, low] = number.to_be_bytes();
            let bytes = if is_long { [0x80 | high, low] } else { [low & 0x7f, 0] };
            for (to, byte) in payload.iter_mut().skip(at).take(1 + usize::from(is_long)).zip(bytes)
            {
                *to = byte;
            }
        }
        if let (Some(to), Some(number)) = (base.and_then(|at| payload.get_mut(at)), before.base) {
            *to = number.wrapping_add(shift.base);
        }
        self.counts(payload)
    }
}

/// RFC 7741 sections 4.2 and 4.3.
fn vp8(payload: &[u8]) -> Option<bool> {
    let (&first, mut rest) = payload.split_first()?;
    let mut skip = |bytes: usize| {
        rest = rest.get(bytes..)?;
        rest.first().copied()
    };
    let mut next = skip(0)?;
    if first & 0x80 != 0 {
        let extensions = next;
        next = skip(1)?;
        if extensions & 0x80 != 0 {
            next = skip(if next & 0x80 != 0 { 2 } else { 1 })?;
        }
        if extensions & 0x40 != 0 {
            next = skip(1)?;
        }
        if extensions & 0x30 != 0 {
            next = skip(1)?;
        }
    }
    let first_of_frame = first & 0x17 == 0x10;
    Some(first_of_frame && next & 1 == 0)
}

/// RFC 6184 sections 5.6 to 5.8: a sequence parameter set, or else a slice of an IDR picture.
fn h264(payload: &[u8]) -> bool {
    let begins = |unit: u8| matches!(unit & 0x1f, 5 | 7);
    match payload {
        // STAP-A.
        [first, units @ ..] if first & 0x1f == 24 => {
            let mut rest = units;
            while let [high, low, behind @ ..] = rest {
                let bytes = usize::from(u16::from_be_bytes([*high, *low]));
                let Some((unit, behind)) = behind.split_at_checked(bytes) else { return false };
                if unit.first().is_some_and(|unit| begins(*unit)) {
                    return true;
                }
                rest = behind;
            }
            false
        }
        // FU-A: its first fragment has the start bit.
        [first, unit, ..] if first & 0x1f == 28 => unit & 0x80 != 0 && begins(*unit),
        [first, ..] => begins(*first),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_of_vp8_begins_with_its_first_partition() {
        for (payload, begins) in [
            (&[0x10, 0x00][..], true),
            (&[0x10, 0x01], false),
            // Not the start of a partition, or of a later one.
            (&[0x00, 0x00], false),
            (&[0x11, 0x00], false),
            // A picture's number of one byte and of two, all extensions.
            (&[0x90, 0x80, 0x7f, 0x00], true),
            (&[0x90, 0x80, 0xff, 0x01, 0x00], true),
            (&[0x90, 0x80, 0xff, 0x01, 0x01], false),
            (&[0x90, 0xf0, 0xff, 0x01, 0x07, 0x20, 0x00], true),
            (&[0x90, 0xe0, 0xff, 0x01, 0x07, 0x21, 0x01], false),
            // Cut off.
            (&[0x90, 0xf0, 0xff, 0x01, 0x07, 0x20], false),
            (&[0x90], false),
            (&[], false),
        ] {
            assert_eq!(Codec::Vp8.begins_key_frame(payload), begins, "{payload:x?}");
        }
    }

    #[test]
    fn pictures_of_vp8_are_counted_where_the_descriptor_has_them() {
        let of = |payload: &[u8]| {
            let Counts { picture, base } = Codec::Vp8.counts(payload);
            (picture, base)
        };
        for (payload, counts) in [
            (&[0x90, 0x80, 0x7f, 0x00][..], (Some(127), None)),
            (&[0x90, 0x80, 0xff, 0x01, 0x00], (Some(0x7f01), None)),
            (&[0x90, 0xe0, 0x81, 0x02, 0x07, 0x21, 0x00], (Some(0x102), Some(7))),
            (&[0x90, 0x40, 0x07, 0x00], (None, Some(7))),
            (&[0x90, 0x20, 0x07, 0x00], (None, None)),
            (&[0x10, 0xc0, 0x07, 0x00], (None, None)),
            // Cut off.
            (&[0x90, 0xc0, 0x81], (None, None)),
            (&[0x90, 0xc0], (None, None)),
            (&[], (None, None)),
        ] {
            assert_eq!(of(payload), counts, "{payload:x?}");
            assert_eq!(Codec::H264.counts(payload), Counts::default());
        }
    }

    #[test]
    fn what_counts_elsewhere_is_counted_on() {
        let shifted = |before: &[u8], first: &[u8], payload: &[u8]| {
            let [before, first] = [before, first].map(|payload| Codec::Vp8.counts(payload));
            let mut payload = payload.to_vec();
            Codec::Vp8.shift(&mut payload, first.after(before));
            payload
        };
        let before = [0x90, 0xe0, 0xff, 0xff, 0xff, 0x20, 1];
        let first = [0x90, 0xe0, 0x80, 0x05, 0x10, 0x20, 0];
        // Both begin anew behind their highest number.
        assert_eq!(shifted(&before, &first, &first), [0x90, 0xe0, 0x80, 0x00, 0x00, 0x20, 0]);
        let second = [0x90, 0xe0, 0x81, 0x06, 0x11, 0x20, 1];
        assert_eq!(shifted(&before, &first, &second), [0x90, 0xe0, 0x81, 0x01, 0x01, 0x20, 1]);
        // In its own number of bits.
        let short = [0x90, 0x80, 0x05, 0];
        assert_eq!(shifted(&[0x90, 0x80, 0x81, 0x85, 1], &short, &short), [0x90, 0x80, 0x06, 0]);
        let bare = [0x10, 0];
        assert_eq!(shifted(&before, &bare, &bare), bare);
        assert_eq!(shifted(&bare, &first, &first), first);
    }

    #[test]
    fn a_key_frame_of_h264_begins_with_parameters_or_an_idr_picture() {
        for (payload, begins) in [
            (&[0x67, 0x42][..], true),
            (&[0x65, 0x88], true),
            (&[0x61, 0x9a], false),
            (&[0x68, 0xce], false),
            (&[0x18, 0, 2, 0x67, 0x42, 0, 1, 0x68], true),
            (&[0x18, 0, 1, 0x09, 0, 2, 0x67, 0x42], true),
            (&[0x18, 0, 1, 0x61], false),
            (&[0x18, 0, 9, 0x67], false),
            (&[0x7c, 0x85, 0x88], true),
            (&[0x7c, 0x05, 0x88], false),
            (&[0x7c, 0x81, 0x9a], false),
            (&[0x7c], false),
            (&[], false),
        ] {
            assert_eq!(Codec::H264.begins_key_frame(payload), begins, "{payload:x?}");
        }
    }
}
