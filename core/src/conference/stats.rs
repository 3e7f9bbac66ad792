// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a conference counts.

use crate::stats::counters;

counters! {
    /// What a conference has done since its creation.
    pub struct ConferenceStats {
        /// Members just now; a gauge.
        pub members,
        /// Ticks.
        pub ticks,
        /// Members that joined.
        pub joins,
        /// Members that left.
        pub leaves,
        /// Datagrams handed out.
        pub datagrams,
        /// Datagrams that had to wait for the next tick, because [`Outgoing`](super::Outgoing) was full.
        pub deferred,
        /// Payloads that were copies of another member's.
        pub shared_payloads,
        /// Members that are heard just now, where not all are; a gauge.
        pub speakers,
        /// Commands refused when they were given ([`ConferenceError`](super::ConferenceError)).
        pub refused,
        /// Ticks that did not come: gaps of more than 15 ms between two, in whole ticks.
        pub missed_ticks,
        /// Ticks that were done together with the one before
        /// ([`ConferenceConfig::joined_ticks`](super::ConferenceConfig::joined_ticks)).
        pub joined_ticks,
    }
}
