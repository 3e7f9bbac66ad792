// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member's name.

/// A member's name in one conference. A name is not used again for whoever joins next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl MemberId {
    /// The name as a number, for hosts that carry it around.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The name behind [`MemberId::to_u64`].
    pub fn from_u64(number: u64) -> Self {
        Self { index: number as u32, generation: (number >> 32) as u32 }
    }
}
