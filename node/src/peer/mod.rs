// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands between a socket and a session where the peer speaks ICE or DTLS: checks are answered, and keys
//! are agreed on. Sans-I/O.
//!
//! Checks are answered at once, for a microsecond each. A handshake's datagram waits: [`Peer::step`] takes one,
//! and who has the sockets calls it when no packet waits.

pub mod check;
pub mod dtls;
pub mod ice;
pub mod stun;

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::Instant;

use ale_media::session::demux::{Protocol, classify};

use check::Checks;
use dtls::{Agreed, Handshake, Told};
use ice::{Checked, Credentials, Ice};
use stun::MAX_ANSWER_BYTES;

/// Datagrams of a handshake that wait for their turn; a flight with an RSA certificate is of some four.
const MAX_WAITING: usize = 8;
/// Longest datagram of a handshake that is taken: libraries keep to the Ethernet's 1500 bytes.
const MAX_HANDSHAKE_BYTES: usize = 2_048;
/// Whence a handshake's datagrams come where ICE says which addresses are the peer's: it may move meanwhile.
const PEER: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 1);

/// ICE and DTLS at one end of a media line.
#[derive(Debug)]
pub struct Peer {
    ice: Option<Ice>,
    handshake: Option<Box<dyn Handshake>>,
    begun: bool,
    /// Checks of the node's own, of a peer that checks nothing.
    checks: Option<Box<Checks>>,
    /// Where its description says that it is.
    said: Option<SocketAddr>,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// What is known of a peer from now on.
#[derive(Debug)]
pub struct Change {
    /// The credentials that it has been told; without them there is no ICE.
    pub ice: Option<Credentials>,
    /// A handshake that begins; the one there is goes on without.
    pub handshake: Option<Box<dyn Handshake>>,
    /// Where its description says that it is.
    pub said: Option<SocketAddr>,
}

/// What became of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is media's: not of ICE or DTLS, and from where the peer is.
    Media,
    /// It is answered.
    Answer(Checked),
    /// It waits for [`Peer::step`].
    Waits,
    /// It answers a check of the node's own.
    Checked,
    /// It is nobody's, or from elsewhere.
    Refused,
}

impl Change {
    /// Whether there is neither ICE nor DTLS.
    pub fn is_nothing(&self) -> bool {
        self.ice.is_none() && self.handshake.is_none()
    }
}

impl Peer {
    /// A peer of which this is known.
    pub fn new(known: Change) -> Self {
        let mut peer = Self {
            ice: None,
            handshake: None,
            begun: false,
            checks: None,
            said: None,
            waiting: VecDeque::with_capacity(MAX_WAITING),
        };
        peer.change(known);
        peer
    }

    /// Checks the peer, which checks nothing itself.
    pub fn check(&mut self, checks: Checks) {
        self.checks = Some(Box::new(checks));
    }

    /// Takes over what has changed.
    pub fn change(&mut self, change: Change) {
        self.said = change.said.or(self.said);
        match (&mut self.ice, change.ice) {
            (Some(ice), Some(told)) if ice.is_of(&told) => {}
            (Some(ice), Some(told)) => ice.restart(&told),
            (None, Some(told)) => self.ice = Ice::new(&told),
            (_, None) => self.ice = None,
        }
        if let Some(handshake) = change.handshake {
            self.handshake = Some(handshake);
            self.begun = false;
            self.waiting.clear();
        }
    }

    /// The peer is there, as another process has learnt that this one follows; of no account without ICE.
    pub fn settle(&mut self, at: SocketAddr, rtcp: bool) {
        if let Some(ice) = &mut self.ice {
            ice.settle(at, rtcp);
        }
    }

    /// A datagram has come on the port of RTP or RTCP; an answer is written to `out`.
    ///
    /// Real-time: yes for media and checks; keeps a copy of what is a handshake's.
    pub fn take(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        rtcp: bool,
        out: &mut [u8; MAX_ANSWER_BYTES],
    ) -> Taken {
        let known = self.ice.as_ref().is_none_or(|ice| ice.knows(from, rtcp));
        match classify(datagram) {
            Some(Protocol::Rtp | Protocol::Rtcp) if known => Taken::Media,
            Some(Protocol::Stun)
                if self.checks.as_mut().is_some_and(|checks| checks.take(datagram)) =>
            {
                Taken::Checked
            }
            Some(Protocol::Stun) => {
                let ice = self.ice.as_mut();
                let checked = ice.and_then(|ice| ice.check(datagram, from, rtcp, out));
                checked.map_or(Taken::Refused, Taken::Answer)
            }
            // RTCP shares RTP's keys: its port has no handshake of its own.
            Some(Protocol::Dtls) if known && !rtcp && self.handshake.is_some() => {
                if datagram.len() > MAX_HANDSHAKE_BYTES || self.waiting.len() == MAX_WAITING {
                    return Taken::Refused;
                }
                let from = if self.ice.is_some() { PEER } else { from };
                self.waiting.push_back((from, datagram.to_vec()));
                Taken::Waits
            }
            _ => Taken::Refused,
        }
    }

    /// Takes one datagram of the handshake that waits; whether another does.
    pub fn step(&mut self, now: Instant) -> bool {
        if let (Some(handshake), Some((from, datagram))) =
            (&mut self.handshake, self.waiting.pop_front())
        {
            handshake.receive(&datagram, from, now);
        }
        !self.waiting.is_empty()
    }

    /// Begins the handshake when the peer's address is known, and repeats what may have been lost; whether
    /// there is anything left to be repeated.
    pub fn tick(&mut self, now: Instant) -> bool {
        let peer = match &self.ice {
            Some(ice) => ice.address(false).map(|_| PEER),
            None => self.said,
        };
        let checks = self.checks.as_mut().map(|checks| checks.tick(now)).is_some();
        let Some(handshake) = &mut self.handshake else { return checks };
        if !self.begun
            && let Some(peer) = peer
        {
            self.begun = true;
            handshake.begin(peer, now);
        }
        handshake.tick(now);
        checks || !handshake.is_over()
    }

    /// What the handshake has to tell; what is to be sent goes to the address there.
    pub fn told(&mut self) -> Option<Told> {
        if let Some((check, to)) = self.checks.as_mut().and_then(|checks| checks.poll()) {
            return Some(Told::Send(check, to));
        }
        let told = self.handshake.as_mut()?.told()?;
        let Some(ice) = &self.ice else { return Some(told) };
        Some(match told {
            Told::Send(datagram, _) => Told::Send(datagram, ice.address(false)?),
            Told::Agreed(agreed) => {
                Told::Agreed(Agreed { from: ice.address(false).unwrap_or(PEER), ..agreed })
            }
            other => other,
        })
    }

    /// Where media is to be sent, if ICE says so.
    ///
    /// Real-time: yes.
    pub fn address(&self, rtcp: bool) -> Option<SocketAddr> {
        self.ice.as_ref()?.address(rtcp)
    }

    /// What it has of ICE.
    pub(crate) fn ice(&self) -> Option<&Ice> {
        self.ice.as_ref()
    }

    /// Whether ICE says where the peer is; nothing else does then.
    ///
    /// Real-time: yes.
    pub fn has_ice(&self) -> bool {
        self.ice.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::dtls::Identity;
    use ale_media::srtp::dtls::Role;

    const RTP: [u8; 12] = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    const HELLO: [u8; 40] = {
        let mut hello = [0; 40];
        [hello[0], hello[1], hello[2]] = [22, 0xfe, 0xfd];
        hello
    };

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn with_ice_only_who_has_checked_is_listened_to() {
        let told = Credentials::new().unwrap();
        let identity = Identity::new().unwrap();
        let handshake = identity.handshake(Role::Server, Vec::new());
        let known = Change { ice: Some(told.clone()), handshake: Some(handshake), said: None };
        let (mut peer, out) = (Peer::new(known), &mut [0; MAX_ANSWER_BYTES]);
        assert_eq!(peer.take(&RTP, address(1), false, out), Taken::Refused);
        assert_eq!(peer.take(&HELLO, address(1), false, out), Taken::Refused);
        let check = stun::written(&[(6, told.fragment.as_bytes())], &told.password);
        assert!(matches!(peer.take(&check, address(1), false, out), Taken::Answer(_)));
        assert_eq!(peer.take(&RTP, address(1), false, out), Taken::Media);
        assert_eq!(peer.take(&RTP, address(2), false, out), Taken::Refused);
        assert_eq!(peer.take(&RTP, address(1), true, out), Taken::Refused);
        // A flood of a handshake's datagrams is bounded.
        let waits = (0..100).filter(|_| peer.take(&HELLO, address(1), false, out) == Taken::Waits);
        assert_eq!(waits.count(), MAX_WAITING);
        let now = Instant::now();
        assert_eq!((0..100).take_while(|_| peer.step(now)).count(), MAX_WAITING - 1);
    }

    #[test]
    fn a_handshake_of_ours_begins_when_the_peer_is_known() {
        let (identity, now) = (Identity::new().unwrap(), Instant::now());
        let handshake = || Some(identity.handshake(Role::Client, Vec::new()));
        let mut peer =
            Peer::new(Change { ice: None, handshake: handshake(), said: Some(address(5)) });
        assert!(peer.tick(now));
        assert!(matches!(peer.told(), Some(Told::Send(_, to)) if to == address(5)));
        let told = Credentials::new().unwrap();
        let ice = Some(told.clone());
        let mut peer = Peer::new(Change { ice, handshake: handshake(), said: Some(address(5)) });
        assert!(peer.tick(now) && peer.told().is_none());
        let check = stun::written(&[(6, told.fragment.as_bytes())], &told.password);
        let taken = peer.take(&check, address(7), false, &mut [0; MAX_ANSWER_BYTES]);
        assert!(matches!(taken, Taken::Answer(Checked { moved: true, .. })));
        peer.tick(now);
        assert!(matches!(peer.told(), Some(Told::Send(_, to)) if to == address(7)));
    }
}
