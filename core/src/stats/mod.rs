// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said of a call while it runs and when it ends.
//!
//! Each half of a leg counts for itself and publishes its counters through a
//! [`snapshot`](crate::sync::snapshot), so that any thread can read them without stopping anybody.
//! [`emodel`] turns loss and delay into a rating.

pub mod emodel;

/// Declares a struct of counters that are all `u64` and [`Words`](crate::sync::snapshot::Words):
/// published as they stand, a word a field.
macro_rules! counters {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident: $count:literal {
            $($(#[$field_attribute:meta])* pub $field:ident,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            $($(#[$field_attribute])* pub $field: u64,)*
        }

        impl $crate::sync::snapshot::Words<$count> for $name {
            fn to_words(&self) -> [u64; $count] {
                [$(self.$field),*]
            }
            fn from_words(words: &[u64; $count]) -> Self {
                let [$($field),*] = *words;
                Self { $($field),* }
            }
        }
    };
}
pub(crate) use counters;
