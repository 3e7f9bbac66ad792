// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of places that are given again and again: which place, and how often it had been given before, so
//! that a late command for who has left can't reach who came after.

/// Declares such a name.
macro_rules! names {
    ($(#[$attribute:meta])* pub struct $name:ident;) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            pub(crate) index: u32,
            pub(crate) generation: u32,
        }

        impl $name {
            /// The name as a number, for hosts that carry it around.
            pub fn to_u64(self) -> u64 {
                u64::from(self.generation) << 32 | u64::from(self.index)
            }

            #[doc = concat!("The name behind [`", stringify!($name), "::to_u64`].")]
            pub fn from_u64(number: u64) -> Self {
                Self { index: number as u32, generation: (number >> 32) as u32 }
            }
        }
    };
}

pub(crate) use names;
