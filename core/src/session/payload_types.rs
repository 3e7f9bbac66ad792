// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each payload type (RFC 3551) is to a session.

use super::sources::Role;
use crate::within::Within;

/// What packets of a payload type are, and the clock of their timestamps; 128 of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadTypes {
    /// 0 for those that are not known.
    clocks_hz: [u32; 128],
    /// Bit by bit.
    events: u128,
    passed_through: u128,
}

impl Default for PayloadTypes {
    fn default() -> Self {
        Self::new()
    }
}

impl PayloadTypes {
    /// None is known.
    pub fn new() -> Self {
        Self { clocks_hz: [0; 128], events: 0, passed_through: 0 }
    }

    /// Names a payload type below 128; a clock of 0 makes it unknown.
    pub fn set(&mut self, payload_type: u8, role: Role, clock_hz: u32) {
        let bit = 1_u128 << (payload_type & 0x7f);
        self.events &= !bit;
        self.passed_through &= !bit;
        match role {
            Role::Event => self.events |= bit,
            Role::PassThrough => self.passed_through |= bit,
            Role::Voice | Role::Unknown => {}
        }
        let clock_hz = if role == Role::Unknown { 0 } else { clock_hz };
        self.clocks_hz.put(usize::from(payload_type & 0x7f), clock_hz);
    }

    /// What packets of a payload type are, and their clock.
    ///
    /// Real-time: yes.
    #[inline]
    pub fn of(&self, payload_type: u8) -> (Role, u32) {
        let clock_hz = self.clocks_hz.at(usize::from(payload_type & 0x7f));
        let bit = 1_u128 << (payload_type & 0x7f);
        let role = if clock_hz == 0 {
            Role::Unknown
        } else if self.events & bit != 0 {
            Role::Event
        } else if self.passed_through & bit != 0 {
            Role::PassThrough
        } else {
            Role::Voice
        };
        (role, clock_hz)
    }
}
