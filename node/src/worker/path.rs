// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line as its worker has it: two ends with sockets, what becomes of their packets, and figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{MAX_DATAGRAM_BYTES, Name, Relay, Voice, count, send};
use crate::peer::stun::MAX_ANSWER_BYTES;
use crate::peer::{Change, Peer, Taken};
use crate::ports::Pair;

/// What has come at one end of a media line; written by its worker alone.
#[derive(Debug, Default)]
pub struct EndCounters {
    /// RTP packets that were forwarded.
    pub rtp_packets: AtomicU64,
    /// Their bytes as they came.
    pub rtp_bytes: AtomicU64,
    /// RTCP datagrams that were forwarded.
    pub rtcp_packets: AtomicU64,
    /// Their bytes as they came.
    pub rtcp_bytes: AtomicU64,
    /// Datagrams that the session refused, or that are not media.
    pub refused: AtomicU64,
    /// What could not be sent on: the peer's address is not known yet, or the system refused.
    pub unsent: AtomicU64,
    /// When the last RTP came.
    pub last_arrival_ns: AtomicU64,
}

/// What of a peer's media is passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passing {
    /// Nothing.
    pub blocked: bool,
    /// Silence in its place.
    pub silenced: bool,
    /// No digits.
    pub no_digits: bool,
}

/// One end of a media line.
#[derive(Debug)]
pub struct End<M> {
    /// Its sockets.
    pub pair: Pair,
    /// What becomes of its packets.
    pub media: M,
    /// Whether RTCP is sent on RTP's port.
    pub rtcp_mux: bool,
    /// ICE and DTLS, if the peer speaks either.
    pub peer: Option<Box<Peer>>,
    /// What is passed on of what comes here.
    pub passing: Passing,
    /// Figures.
    pub counters: Arc<EndCounters>,
}

/// A media line: what comes at one end goes out at the other.
#[derive(Debug)]
pub struct Path {
    /// The number by which the control thread knows it.
    pub id: u64,
    /// Its ends.
    pub ends: Ends,
}

/// Both ends of a media line.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // In a box each.
pub enum Ends {
    /// Packets go on as they are.
    Relay([End<Relay>; 2]),
    /// They are decoded and encoded anew.
    Translate([End<Voice>; 2]),
}

/// What is to become of a datagram.
pub(super) enum Admitted {
    /// It is media's, from there; without an address if ICE says that it is from the peer.
    Media(Option<SocketAddr>),
    /// It waits for the handshake's turn.
    Handshake,
    /// It was answered, and the peer is there now.
    Moved(SocketAddr),
    /// It was answered, or refused.
    Done,
}

impl<M> End<M> {
    fn admit(&mut self, datagram: Option<&[u8]>, from: SocketAddr, rtcp: bool) -> Admitted {
        let Some(peer) = &mut self.peer else { return Admitted::Media(Some(from)) };
        let mut answer = [0; MAX_ANSWER_BYTES];
        let taken = datagram.map(|datagram| peer.take(datagram, from, rtcp, &mut answer));
        match taken {
            Some(Taken::Media) => Admitted::Media((!peer.has_ice()).then_some(from)),
            Some(Taken::Waits) => Admitted::Handshake,
            Some(Taken::Answer(checked)) => {
                let socket = if rtcp { &self.pair.rtcp } else { &self.pair.rtp };
                if !send(socket, &answer, Some(checked.answer_bytes), Some(from)) {
                    count(&self.counters.unsent, 1);
                }
                if checked.moved && !rtcp { Admitted::Moved(from) } else { Admitted::Done }
            }
            Some(Taken::Refused) | None => {
                count(&self.counters.refused, 1);
                Admitted::Done
            }
        }
    }

    /// Where media is to be sent: what ICE says, or else the session.
    pub(super) fn to(&self, rtcp: bool, session: Option<SocketAddr>) -> Option<SocketAddr> {
        match &self.peer {
            Some(peer) if peer.has_ice() => peer.address(rtcp && !self.rtcp_mux),
            _ => session,
        }
    }
}

impl Ends {
    pub(super) fn admit(
        &mut self,
        name: Name,
        buffer: &[u8],
        bytes: usize,
        from: SocketAddr,
    ) -> Admitted {
        let datagram = buffer.get(..bytes).filter(|_| bytes <= MAX_DATAGRAM_BYTES);
        match self {
            Self::Relay(ends) => order(ends, name.end).0.admit(datagram, from, name.rtcp),
            Self::Translate(ends) => order(ends, name.end).0.admit(datagram, from, name.rtcp),
        }
    }

    /// ICE and DTLS at an end, with its socket.
    pub(super) fn peer(&mut self, end: usize) -> Option<(&mut Peer, &Pair)> {
        let (peer, pair) = match self {
            Self::Relay(ends) => {
                let end = order(ends, end).0;
                (&mut end.peer, &end.pair)
            }
            Self::Translate(ends) => {
                let end = order(ends, end).0;
                (&mut end.peer, &end.pair)
            }
        };
        Some((peer.as_deref_mut()?, pair))
    }

    pub(super) fn have_peers(&mut self) -> bool {
        (0..2).any(|end| self.peer(end).is_some())
    }

    pub(super) fn change_peer(&mut self, end: usize, change: Change) {
        let peer = match self {
            Self::Relay(ends) => &mut order(ends, end).0.peer,
            Self::Translate(ends) => &mut order(ends, end).0.peer,
        };
        match peer {
            Some(peer) => peer.change(change),
            None if change.is_nothing() => {}
            None => *peer = Some(Box::new(Peer::new(change))),
        }
    }

    pub(super) fn sockets(&self) -> [(&Pair, &EndCounters); 2] {
        match self {
            Self::Relay(ends) => ends.each_ref().map(|end| (&end.pair, &*end.counters)),
            Self::Translate(ends) => ends.each_ref().map(|end| (&end.pair, &*end.counters)),
        }
    }

    pub(super) fn socket(&self, end: usize) -> (&Pair, &EndCounters) {
        let [first, second] = self.sockets();
        if end == 0 { first } else { second }
    }

    pub(super) fn set_passing(&mut self, end: usize, passing: Passing) {
        match self {
            Self::Relay(ends) => order(ends, end).0.passing = passing,
            Self::Translate(ends) => order(ends, end).0.passing = passing,
        }
    }

    pub(super) fn set_rtcp_mux(&mut self, muxed: [bool; 2]) {
        let places = match self {
            Self::Relay(ends) => ends.each_mut().map(|end| &mut end.rtcp_mux),
            Self::Translate(ends) => ends.each_mut().map(|end| &mut end.rtcp_mux),
        };
        for (place, muxed) in places.into_iter().zip(muxed) {
            *place = muxed;
        }
    }
}

/// The end of this number, and the other.
pub(super) fn order<M>(ends: &mut [End<M>; 2], end: usize) -> (&mut End<M>, &mut End<M>) {
    let [first, second] = ends;
    if end == 0 { (first, second) } else { (second, first) }
}
