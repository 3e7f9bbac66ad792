// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member's name: conferences give them, and taps carry them with every frame.

use crate::names::names;

names! {
    /// A member's name in one conference. A name is not used again for whoever joins next.
    pub struct MemberId;
}
