// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peer's address: what the signalling says, what its datagrams show (symmetric RTP, RFC 4961;
//! latching, RFC 7362), and when the one gives way to the other.
//!
//! | | plain RTP | SRTP |
//! |---|---|---|
//! | latches to | the first source that proves valid | the first authenticated packet |
//! | another address, while learning | the address that signalling named; the source that is heard, going on from there; another source once the one heard has stopped | as below |
//! | another address, afterwards | refused | followed when an authenticated packet that is newer than all before comes from there |
//! | an address that was released | refused until signalling names it again | refused while anybody else is heard |
//! | RTCP | from the RTP address, the port after it, or the address that signalling named; while learning from any port of its host | authenticated, from anywhere |
//!
//! Learning lasts for [`RemoteConfig::learning_ms`] from the first valid packet, and as long again
//! after each release ([`SessionControl::relatch`](super::SessionControl::relatch)): a stranger's packets
//! that come before the peer's don't win the call, and an attacker who arrives later finds it closed.

use core::net::SocketAddr;

/// A latched address that is silent for this long gives way while learning.
pub(crate) const QUIET_NS: u64 = 100_000_000;
/// How long addresses are learnt by default.
const LEARNING_MS: u32 = 2_000;
/// Addresses that are remembered as released.
const RELEASED: usize = 4;

/// Where the peer is said to be, and how long its datagrams may show otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteConfig {
    /// Where signalling says that the peer receives RTP; preferred over what is learnt.
    pub rtp: Option<SocketAddr>,
    /// Where it says that the peer receives RTCP (`a=rtcp`, RFC 3605), if not where it receives RTP.
    pub rtcp: Option<SocketAddr>,
    /// How long another address may be learnt, in ms, from the first valid packet and from the first
    /// after each release. Default 2000.
    pub learning_ms: u32,
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self { rtp: None, rtcp: None, learning_ms: LEARNING_MS }
    }
}

/// How long addresses are learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Learning {
    /// From the next valid packet on.
    Waiting,
    Until(u64),
    Over,
}

/// What is known of the peer's addresses.
#[derive(Debug)]
pub(crate) struct Remote {
    signalled: Option<SocketAddr>,
    signalled_rtcp: Option<SocketAddr>,
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    released: [Option<SocketAddr>; RELEASED],
    learning: Learning,
    learning_ns: u64,
    /// Since when datagrams have come of which none was followed.
    homeless_since_ns: Option<u64>,
}

/// Whether a datagram from some address may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// From where the peer is, as far as known.
    Home,
    /// From elsewhere; its source may take the place if the rules for sources let it.
    Elsewhere,
    /// From where signalling says that the peer is, while another is heard.
    Preferred,
    Refused,
}

impl Remote {
    pub(crate) fn new(config: &RemoteConfig) -> Self {
        Self {
            signalled: config.rtp,
            signalled_rtcp: config.rtcp,
            rtp: None,
            rtcp: None,
            released: [None; RELEASED],
            learning: Learning::Waiting,
            learning_ns: u64::from(config.learning_ms) * 1_000_000,
            homeless_since_ns: None,
        }
    }

    /// Where RTP is to be sent: where the peer sends from, or where signalling says.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.rtp.or(self.signalled)
    }

    /// Where RTCP is to be sent.
    pub(crate) fn rtcp_address(&self) -> Option<SocketAddr> {
        self.rtcp.or(self.signalled_rtcp).or(self.address())
    }

    /// Signalling has named where the peer is now, or only that it is elsewhere: the present address is
    /// released, unless it is the one named, and learning begins anew.
    pub(crate) fn relatch(&mut self, rtp: Option<SocketAddr>, rtcp: Option<SocketAddr>) {
        let before = self.rtp.take();
        if let Some(old) = before.filter(|old| Some(*old) != rtp) {
            self.released.rotate_right(1);
            if let Some(first) = self.released.first_mut() {
                *first = Some(old);
            }
        }
        for released in &mut self.released {
            if released.is_some() && *released == rtp {
                *released = None;
            }
        }
        self.rtcp = None;
        self.signalled = rtp;
        self.signalled_rtcp = rtcp;
        self.learning = Learning::Waiting;
        self.homeless_since_ns = None;
    }

    /// Signalling has named addresses without anybody having moved.
    pub(crate) fn configure(&mut self, config: &RemoteConfig) {
        self.learning_ns = u64::from(config.learning_ms) * 1_000_000;
        if (config.rtp, config.rtcp) != (self.signalled, self.signalled_rtcp) {
            if config.rtp == self.signalled || config.rtp == self.rtp {
                (self.signalled, self.signalled_rtcp) = (config.rtp, config.rtcp);
            } else {
                self.relatch(config.rtp, config.rtcp);
            }
        }
    }

    /// Whether RTP from there may be looked at.
    pub(crate) fn admits(
        &mut self,
        from: SocketAddr,
        authenticated: bool,
        now_ns: u64,
    ) -> Admission {
        if let Learning::Until(end_ns) = self.learning
            && now_ns > end_ns
        {
            self.learning = Learning::Over;
        }
        if self.released.contains(&Some(from)) {
            // Nobody else has come: better the old peer than none, if it proves who it is.
            let since_ns = *self.homeless_since_ns.get_or_insert(now_ns);
            let alone = self.rtp.is_none() && now_ns.saturating_sub(since_ns) > self.learning_ns;
            return if authenticated && alone { Admission::Home } else { Admission::Refused };
        }
        match self.rtp {
            Some(home) if home == from => Admission::Home,
            _ if authenticated => Admission::Home,
            None => Admission::Home,
            Some(_) if self.learning == Learning::Over => Admission::Refused,
            Some(_) if self.signalled == Some(from) => Admission::Preferred,
            Some(_) => Admission::Elsewhere,
        }
    }

    /// Whether RTCP from there may be looked at.
    pub(crate) fn admits_rtcp(&self, from: SocketAddr, authenticated: bool) -> bool {
        if self.released.contains(&Some(from)) {
            return false;
        }
        let Some(rtp) = self.rtp else { return true };
        let known = [self.rtcp, self.signalled, self.signalled_rtcp, next_port(rtp), Some(rtp)];
        authenticated
            || known.contains(&Some(from))
            // An address translator gives RTCP another port of the same host.
            || (rtp.ip() == from.ip() && self.learning != Learning::Over)
    }

    /// The source that is listened to has been heard from there; `newest` if its sequence number is
    /// beyond all before. True if that is another address than before.
    pub(crate) fn heard(&mut self, from: SocketAddr, newest: bool, now_ns: u64) -> bool {
        if self.learning == Learning::Waiting {
            self.learning = Learning::Until(now_ns.saturating_add(self.learning_ns));
        }
        let changes = self.rtp != Some(from) && (self.rtp.is_none() || newest);
        if changes {
            self.rtp = Some(from);
            self.homeless_since_ns = None;
            for released in &mut self.released {
                if *released == Some(from) {
                    *released = None;
                }
            }
        }
        changes
    }

    /// Valid RTCP has come from there.
    pub(crate) fn heard_rtcp(&mut self, from: SocketAddr) {
        self.rtcp = (self.rtp != Some(from)).then_some(from);
    }
}

/// Where RTCP comes from where it is not multiplexed (RFC 3550 section 11).
fn next_port(rtp: SocketAddr) -> Option<SocketAddr> {
    rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};

    const SECOND: u64 = 1_000_000_000;

    fn at(host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port)
    }

    fn learnt(from: SocketAddr) -> Remote {
        let mut remote = Remote::new(&RemoteConfig::default());
        assert_eq!(remote.admits(from, false, 0), Admission::Home);
        assert!(remote.heard(from, true, 0));
        remote
    }

    #[test]
    fn after_learning_nobody_unauthenticated_is_followed() {
        let mut remote = learnt(at(1, 4000));
        assert_eq!(remote.admits(at(2, 1), false, SECOND), Admission::Elsewhere);
        assert_eq!(remote.admits(at(2, 1), false, 3 * SECOND), Admission::Refused);
        assert_eq!(remote.admits(at(1, 4001), false, 3 * SECOND), Admission::Refused);
        assert_eq!(remote.admits(at(2, 1), true, 3 * SECOND), Admission::Home);
        assert!(!remote.heard(at(2, 1), false, 3 * SECOND), "an old packet moves nothing");
        assert!(remote.heard(at(2, 1), true, 3 * SECOND));
        assert_eq!(remote.address(), Some(at(2, 1)));
    }

    #[test]
    fn what_signalling_names_is_preferred_and_sent_to_before_anything_came() {
        let config = RemoteConfig { rtp: Some(at(9, 7000)), ..RemoteConfig::default() };
        let mut remote = Remote::new(&config);
        assert_eq!(remote.address(), Some(at(9, 7000)));
        assert!(remote.heard(at(66, 666), true, 0), "a stranger was first");
        assert_eq!(remote.admits(at(9, 7000), false, SECOND), Admission::Preferred);
        assert!(remote.heard(at(9, 7000), true, SECOND));
        assert_eq!(remote.address(), Some(at(9, 7000)));
    }

    #[test]
    fn a_released_address_is_not_learnt_again_unless_it_is_named() {
        let old = at(1, 4000);
        let mut remote = learnt(old);
        remote.relatch(None, None);
        for authenticated in [false, true] {
            assert_eq!(remote.admits(old, authenticated, SECOND), Admission::Refused);
        }
        assert!(!remote.admits_rtcp(old, true));
        assert_eq!(remote.admits(old, true, 4 * SECOND), Admission::Home, "nobody else came");
        assert!(remote.heard(at(2, 1), true, 4 * SECOND));
        assert_eq!(remote.admits(old, true, 9 * SECOND), Admission::Refused);
        remote.relatch(Some(old), None);
        assert_eq!(remote.admits(old, false, 9 * SECOND), Admission::Home);
        // Named while it is the present one: nothing is released.
        let mut remote = learnt(old);
        remote.relatch(Some(old), None);
        assert_eq!(remote.admits(old, false, SECOND), Admission::Home);
    }

    #[test]
    fn rtcp_has_an_address_of_its_own() {
        let mut remote = learnt(at(1, 4000));
        assert!(remote.admits_rtcp(at(1, 4001), false));
        assert!(!remote.admits_rtcp(at(2, 4001), false));
        assert!(remote.admits_rtcp(at(1, 9), false));
        assert_eq!(remote.admits(at(1, 4000), false, 5 * SECOND), Admission::Home);
        assert!(!remote.admits_rtcp(at(1, 9), false), "learning is over");
        assert!(remote.admits_rtcp(at(2, 4001), true));
        assert_eq!(remote.rtcp_address(), Some(at(1, 4000)), "muxed until otherwise heard");
        remote.heard_rtcp(at(1, 4001));
        assert_eq!(remote.rtcp_address(), Some(at(1, 4001)));
        let named = RemoteConfig { rtcp: Some(at(3, 5)), ..RemoteConfig::default() };
        remote.configure(&named);
        assert!(remote.admits_rtcp(at(3, 5), false));
    }
}
