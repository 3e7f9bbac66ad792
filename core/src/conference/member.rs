// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member's name.

use crate::names::names;

names! {
    /// A member's name in one conference. A name is not used again for whoever joins next.
    pub struct MemberId;
}
