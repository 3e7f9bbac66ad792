// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line as its worker has it: ends with sockets, what becomes of their packets, and figures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ale_media::rtp::is_rtcp;

use super::{Ear, Heard, Playing, Relay, Voice, count};
use crate::peer::stun::MAX_ANSWER_BYTES;
use crate::peer::{Change, Peer, Taken};
use crate::ports::Sockets;

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
    /// RTP packets that were forwarded by a payload type that the other party has not negotiated.
    pub unnegotiated: AtomicU64,
    /// What could not be sent on: the peer's address is not known yet, or the system refused.
    pub unsent: AtomicU64,
    /// When the last RTP came.
    pub last_arrival_ns: AtomicU64,
}

/// What of a peer's media is passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Passing {
    /// Nothing.
    pub blocked: bool,
    /// Silence in its place.
    pub silenced: bool,
    /// No digits.
    pub no_digits: bool,
}

/// What stands between a peer and what becomes of its packets.
#[derive(Debug)]
pub struct Facing {
    /// What it sends by.
    pub sockets: Sockets,
    /// Whether RTCP is sent on RTP's port.
    pub rtcp_mux: bool,
    /// ICE and DTLS, if the peer speaks either.
    pub peer: Option<Box<Peer>>,
    /// What is passed on of what comes here.
    pub passing: Passing,
    /// What is played to the peer.
    pub playing: Option<Box<Playing>>,
    /// Where what comes here goes besides.
    pub ear: Option<Ear>,
    /// Figures.
    pub counters: Arc<EndCounters>,
}

/// One end of a media line.
#[derive(Debug)]
pub struct End<M> {
    /// What faces its peer.
    pub facing: Facing,
    /// What becomes of its packets.
    pub media: M,
}

/// A media line, between two parties or between one and a conference.
#[derive(Debug)]
pub struct Path {
    /// The number by which the control thread knows it.
    pub id: u64,
    /// Its ends.
    pub ends: Ends,
}

/// The ends of a media line.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // In a box each.
pub enum Ends {
    /// Packets go on as they are.
    Relay([End<Relay>; 2]),
    /// They are decoded and encoded anew.
    Translate([End<Voice>; 2]),
    /// They are heard in a conference; the only end is the first.
    Mix(End<Heard>),
}

/// What is to become of a datagram.
pub(super) enum Admitted {
    /// It is media's, from there; without an address if ICE says that it is from the peer.
    Media(Option<SocketAddr>),
    /// It waits for the handshake's turn.
    Handshake,
    /// It was answered: the peer is also there, and is sent media there from now on if it has moved.
    Answered { at: SocketAddr, moved: bool },
    /// It was taken, or refused.
    Done,
}

impl Facing {
    pub(super) fn admit(
        &mut self,
        datagram: Option<&[u8]>,
        from: SocketAddr,
        rtcp: bool,
    ) -> Admitted {
        let Some(peer) = &mut self.peer else { return Admitted::Media(Some(from)) };
        let mut answer = [0; MAX_ANSWER_BYTES];
        let taken = datagram.map(|datagram| peer.take(datagram, from, rtcp, &mut answer));
        match taken {
            Some(Taken::Media) => Admitted::Media((!peer.has_ice()).then_some(from)),
            Some(Taken::Waits) => Admitted::Handshake,
            Some(Taken::Checked) => Admitted::Done,
            Some(Taken::Answer(checked)) => {
                if !self.sockets.send(rtcp, &answer, Some(checked.answer_bytes), Some(from)) {
                    count(&self.counters.unsent, 1);
                }
                if rtcp {
                    return Admitted::Done;
                }
                Admitted::Answered { at: from, moved: checked.moved }
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

    /// Sends what a leg has made, RTP or RTCP, to where the session says that each goes.
    pub(super) fn transmit(
        &self,
        datagram: &[u8],
        rtp: Option<SocketAddr>,
        rtcp: Option<SocketAddr>,
    ) {
        let report = is_rtcp(datagram);
        let to = self.to(report, if report { rtcp } else { rtp });
        let by_rtcp = report && !self.rtcp_mux;
        if !self.sockets.send(by_rtcp, datagram, Some(datagram.len()), to) {
            count(&self.counters.unsent, 1);
        }
    }

    pub(super) fn change_peer(&mut self, change: Change) {
        match &mut self.peer {
            Some(peer) => peer.change(change),
            None if change.is_nothing() => {}
            None => self.peer = Some(Box::new(Peer::new(change))),
        }
    }
}

impl Path {
    /// Has what is sent at its ends carry this code point of differentiated services, 0 to 63, or else the
    /// configuration's.
    pub(crate) fn mark(&self, dscp: Option<u8>) {
        let facings = (0..2).filter_map(|end| self.ends.facing(end));
        facings.for_each(|facing| facing.sockets.mark(dscp));
    }
}

impl Ends {
    /// What faces the peer at an end, if there is one.
    pub(super) fn facing(&self, end: usize) -> Option<&Facing> {
        match self {
            Self::Relay(ends) => ends.get(end).map(|end| &end.facing),
            Self::Translate(ends) => ends.get(end).map(|end| &end.facing),
            Self::Mix(only) => (end == 0).then_some(&only.facing),
        }
    }

    /// The same, to be changed.
    pub(super) fn facing_mut(&mut self, end: usize) -> Option<&mut Facing> {
        match self {
            Self::Relay(ends) => ends.get_mut(end).map(|end| &mut end.facing),
            Self::Translate(ends) => ends.get_mut(end).map(|end| &mut end.facing),
            Self::Mix(only) => (end == 0).then_some(&mut only.facing),
        }
    }

    /// ICE and DTLS at an end, with what it sends by.
    pub(super) fn peer(&mut self, end: usize) -> Option<(&mut Peer, &Sockets)> {
        let facing = self.facing_mut(end)?;
        Some((facing.peer.as_deref_mut()?, &facing.sockets))
    }

    pub(super) fn have_peers(&mut self) -> bool {
        (0..2).any(|end| self.peer(end).is_some())
    }
}

/// The end of this number, and the other.
pub(super) fn order<M>(ends: &mut [End<M>; 2], end: usize) -> (&mut End<M>, &mut End<M>) {
    let [first, second] = ends;
    if end == 0 { (first, second) } else { (second, first) }
}
