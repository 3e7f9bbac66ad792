// SPDX-License-Identifier: MIT OR Apache-2.0
//! What there may be no room of.

/// What a call found no room of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// As many calls as may be at a time.
    Calls,
    /// None begin: the node drains, or a worker has ended.
    Accepting,
    /// Workers are busy for more of the time than they may be.
    Headroom,
    /// No ports are left.
    Ports,
    /// As many conferences, or members of one, as may be.
    Conference,
}

impl Want {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Calls, Self::Accepting, Self::Headroom, Self::Ports, Self::Conference];

    /// Its name among the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Accepting => "draining",
            Self::Headroom => "headroom",
            Self::Ports => "ports",
            Self::Conference => "conference",
        }
    }

    /// In words that proxies know, where they know any: they ask another node then.
    pub fn words(self) -> &'static str {
        match self {
            Self::Calls => "Parallel session limit reached",
            Self::Accepting => "Load limit exceeded",
            Self::Headroom => "CPU usage limit exceeded",
            Self::Ports => "Ran out of ports",
            Self::Conference => "Too many conferences",
        }
    }
}
