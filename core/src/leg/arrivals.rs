// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches of datagrams of many legs in one call: what a network thread has after one
//! `recvmmsg`. Encrypted RTP is unprotected together, which suites with an HMAC gain from; all else,
//! and what follows, is done one datagram after the other, in their order.

use core::net::SocketAddr;

use super::receiver::LegReceiver;
use crate::session::demux::{Protocol, classify};
use crate::session::{ReceiveError, Received};
use crate::srtp::{Job, Receiver, Sessions, SrtpError, unprotect_batch};
use crate::within::Within;

/// Datagrams whose encryption is undone at a time: what is hashed side by side.
const CHUNK: usize = 16;

/// A datagram that has arrived.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// Number of the leg: its position in a slice, or what else [`Sessions`] makes of it.
    pub leg: usize,
    /// The datagram; afterwards the plain packet or, after an error, anything.
    pub datagram: &'a mut [u8],
    /// When it came, on the host's clock.
    pub arrival_ns: u64,
    /// Where it came from, for legs that learn their peer's address
    /// ([`LegReceiver::receive_from`]).
    pub from: Option<SocketAddr>,
    /// Set by the call: what became of it.
    pub result: Result<Received, ReceiveError>,
}

impl<'a> Arrival<'a> {
    /// A datagram that has not been taken yet.
    pub fn new(leg: usize, datagram: &'a mut [u8], arrival_ns: u64) -> Self {
        Self { leg, datagram, arrival_ns, from: None, result: Err(ReceiveError::NoLeg) }
    }
}

/// The keys of legs.
struct Unprotectors<'t, T: ?Sized>(&'t mut T);

impl<T: Sessions<LegReceiver> + ?Sized> Sessions<Receiver> for Unprotectors<'_, T> {
    fn session(&self, number: usize) -> Option<&Receiver> {
        self.0.session(number)?.unprotector()
    }

    fn session_mut(&mut self, number: usize) -> Option<&mut Receiver> {
        self.0.session_mut(number)?.unprotector_mut()
    }
}

/// Takes each datagram as [`LegReceiver::receive`] would, or [`LegReceiver::receive_from`] where it
/// says where it comes from, and sets its result. A leg may occur several times; one that is not
/// there gives [`ReceiveError::NoLeg`].
///
/// Real-time: yes; 16 datagrams wait on the stack at a time.
pub fn receive_batch<T: Sessions<LegReceiver> + ?Sized>(
    legs: &mut T,
    arrivals: &mut [Arrival<'_>],
) {
    for arrivals in arrivals.chunks_mut(CHUNK) {
        let mut opened: [Option<Result<usize, SrtpError>>; CHUNK] = [None; CHUNK];
        open(legs, arrivals, &mut opened);
        for (arrival, opened) in arrivals.iter_mut().zip(opened) {
            let Some(leg) = legs.session_mut(arrival.leg) else {
                arrival.result = Err(ReceiveError::NoLeg);
                continue;
            };
            let (datagram, arrival_ns) = (&mut *arrival.datagram, arrival.arrival_ns);
            arrival.result = leg.receive_opened(datagram, arrival.from, arrival_ns, opened);
        }
    }
}

/// Unprotects the RTP of legs with keys.
fn open<T: Sessions<LegReceiver> + ?Sized>(
    legs: &mut T,
    arrivals: &mut [Arrival<'_>],
    opened: &mut [Option<Result<usize, SrtpError>>; CHUNK],
) {
    let mut jobs: [Job<'_>; CHUNK] = core::array::from_fn(|_| Job::new(0, &mut [], 0));
    let mut places = [0; CHUNK];
    let mut free = jobs.iter_mut().zip(&mut places);
    let mut count = 0;
    for (n, arrival) in arrivals.iter_mut().enumerate() {
        let Some(leg) = legs.session_mut(arrival.leg) else { continue };
        leg.apply_commands();
        if leg.unprotector().is_some() && classify(arrival.datagram) == Some(Protocol::Rtp) {
            let length = arrival.datagram.len();
            let Some((job, place)) = free.next() else { break };
            *job = Job::new(arrival.leg, &mut *arrival.datagram, length);
            *place = n;
            count += 1;
        }
    }
    let jobs = jobs.head_mut(count);
    unprotect_batch(&mut Unprotectors(legs), jobs);
    for (job, place) in jobs.iter().zip(places) {
        opened.put(place, Some(job.result));
    }
}
