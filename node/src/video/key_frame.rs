// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a key frame begins: all of the payload that forwarding looks at.

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
