// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said of a call while it runs and when it ends.
//!
//! Each half of a leg counts for itself and publishes its counters through a
//! [`snapshot`](crate::sync::snapshot), so that any thread can read them without stopping anybody.
//! [`emodel`] turns loss and delay into a rating.

pub mod emodel;

/// Declares a struct of counters that are all `u64` and [`Words`](crate::sync::snapshot::Words):
/// published as they stand, a word a field. More may be counted one day: none is exhaustive.
macro_rules! counters {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $($(#[$field_attribute:meta])* pub $field:ident,)*
        }
    ) => {
        $(#[$attribute])*
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            $($(#[$field_attribute])* pub $field: u64,)*
        }

        impl $name {
            /// Words of its snapshot.
            pub(crate) const WORDS: usize = [$(stringify!($field)),*].len();

            /// Each counter's name and value.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }
        }

        impl $crate::sync::snapshot::Words<{ $name::WORDS }> for $name {
            fn to_words(&self) -> [u64; $name::WORDS] {
                [$(self.$field),*]
            }
            fn from_words(words: &[u64; $name::WORDS]) -> Self {
                let [$($field),*] = *words;
                Self { $($field),* }
            }
        }
    };
}
pub(crate) use counters;
