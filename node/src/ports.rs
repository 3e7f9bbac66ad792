// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports for media on one address: pairs of an even one for RTP and the next for RTCP.
//!
//! Who holds a [`Lease`] has its pair, on whatever thread; dropping it gives the pair back. So none is
//! leaked whatever becomes of a call, and no thread waits for another.

mod shared;

pub(crate) use shared::Inbox;
pub use shared::SharedPort;

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use rustix::net::sockopt;

/// Pairs that are tried when other programs hold the ports.
const ATTEMPTS: usize = 64;

/// The ports of one address.
#[derive(Debug)]
pub struct Ports {
    address: IpAddr,
    first: u16,
    pairs: u32,
    dscp: u8,
    /// A bit for each pair that is taken.
    taken: Box<[AtomicU64]>,
    /// Where the next search begins: a pair that was given back rests while others are free, so that an old
    /// call's last packets reach nobody.
    next: AtomicU32,
}

/// A pair of ports, taken for as long as this is there.
#[derive(Debug)]
pub struct Lease {
    ports: Arc<Ports>,
    pair: u32,
}

/// Two sockets on a pair of ports. The sockets are closed before the pair is given back.
#[derive(Debug)]
pub struct Pair {
    /// For RTP; also for RTCP where both share a port.
    pub rtp: UdpSocket,
    /// For RTCP.
    pub rtcp: UdpSocket,
    lease: Lease,
}

/// What a line's end sends by.
#[derive(Debug)]
pub enum Sockets {
    /// Two of its own, on which it also receives.
    Own(Pair),
    /// Its worker's, which tells it what has come for it. RTCP is on the port of RTP.
    Shared(Arc<SharedPort>),
}

/// Why there are no ports.
#[derive(Debug)]
#[non_exhaustive]
pub enum PortsError {
    /// All are taken, by calls or by other programs.
    Exhausted,
    /// The system has refused a socket.
    System(io::Error),
}

impl fmt::Display for PortsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // In words that proxies know.
            Self::Exhausted => f.write_str("Ran out of ports"),
            Self::System(error) => write!(f, "no socket for media: {error}"),
        }
    }
}

impl core::error::Error for PortsError {}

/// Has what is sent by a socket on an address carry a code point of differentiated services, 0 to 63 (RFC 2474).
fn mark(socket: &UdpSocket, address: IpAddr, dscp: u8) -> io::Result<()> {
    // The two bits below are for congestion (RFC 3168).
    match address {
        IpAddr::V4(_) => sockopt::set_ip_tos(socket, dscp << 2)?,
        IpAddr::V6(_) => sockopt::set_ipv6_tclass(socket, u32::from(dscp) << 2)?,
    }
    Ok(())
}

impl Ports {
    /// The pairs from `first`, which is even, to `last`, which is odd, on an address; what is sent by them is marked with
    /// `dscp`, 0 to 63 (RFC 2474). The first search begins at `start`, a random number.
    pub fn new(address: IpAddr, first: u16, last: u16, dscp: u8, start: u32) -> Arc<Self> {
        let pairs = (u32::from(last) + 1).saturating_sub(u32::from(first)) / 2;
        let words = pairs.div_ceil(64) as usize;
        Arc::new(Self {
            address,
            first,
            pairs,
            dscp,
            taken: (0..words).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicU32::new(start % pairs.max(1)),
        })
    }

    /// Pairs that are taken.
    pub fn taken(&self) -> u32 {
        self.taken.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum()
    }

    /// All pairs.
    pub fn pairs(&self) -> u32 {
        self.pairs
    }

    /// Takes the next pair that is free.
    pub fn take(self: &Arc<Self>) -> Option<Lease> {
        for _ in 0..self.pairs {
            let pair = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            let (word, bit) = self.bit(pair)?;
            // Acquire, with the release when it was given back: its sockets have been closed.
            if word.fetch_or(bit, Ordering::Acquire) & bit == 0 {
                return Some(Lease { ports: Arc::clone(self), pair });
            }
        }
        None
    }

    /// Takes a pair and binds sockets to it.
    ///
    /// # Errors
    /// [`PortsError`].
    pub fn bind(self: &Arc<Self>) -> Result<Pair, PortsError> {
        // Those that others hold stay taken until the search has ended, so that it moves on.
        let mut held_by_others = Vec::new();
        while held_by_others.len() < ATTEMPTS {
            let lease = self.take().ok_or(PortsError::Exhausted)?;
            match lease.bind(self.address) {
                Ok((rtp, rtcp)) => return Ok(Pair { rtp, rtcp, lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    held_by_others.push(lease);
                }
                Err(error) => return Err(PortsError::System(error)),
            }
        }
        Err(PortsError::Exhausted)
    }

    /// Takes the pair of this port and binds sockets to it.
    ///
    /// # Errors
    /// [`PortsError::Exhausted`] for one that is taken or none of these; [`PortsError::System`].
    pub fn bind_at(self: &Arc<Self>, port: u16) -> Result<Pair, PortsError> {
        let above = port.checked_sub(self.first).filter(|above| above % 2 == 0);
        let pair = above.map(|above| u32::from(above / 2)).filter(|pair| *pair < self.pairs);
        let pair = pair.ok_or(PortsError::Exhausted)?;
        let (word, bit) = self.bit(pair).ok_or(PortsError::Exhausted)?;
        if word.fetch_or(bit, Ordering::Acquire) & bit != 0 {
            return Err(PortsError::Exhausted);
        }
        let lease = Lease { ports: Arc::clone(self), pair };
        let (rtp, rtcp) = lease.bind(self.address).map_err(PortsError::System)?;
        Ok(Pair { rtp, rtcp, lease })
    }

    fn bit(&self, pair: u32) -> Option<(&AtomicU64, u64)> {
        Some((self.taken.get(pair as usize / 64)?, 1 << (pair % 64)))
    }
}

impl Lease {
    /// The port for RTP; RTCP's is the next.
    pub fn port(&self) -> u16 {
        // A pair is within the range, which is of 16 bits.
        self.ports.first + (2 * self.pair) as u16
    }

    fn bind(&self, address: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
        let bound = |port: u16| {
            let socket = UdpSocket::bind((address, port))?;
            socket.set_nonblocking(true)?;
            mark(&socket, address, self.ports.dscp)?;
            Ok::<_, io::Error>(socket)
        };
        Ok((bound(self.port())?, bound(self.port() + 1)?))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((word, bit)) = self.ports.bit(self.pair) {
            word.fetch_and(!bit, Ordering::Release);
        }
    }
}

impl Sockets {
    /// The port for RTP.
    pub fn port(&self) -> u16 {
        match self {
            Self::Own(pair) => pair.port(),
            Self::Shared(port) => port.port(),
        }
    }

    /// Has what is sent carry this code point of differentiated services, 0 to 63, or else the configuration's. A port of
    /// many lines carries the latter always.
    pub(crate) fn mark(&self, dscp: Option<u8>) {
        let Self::Own(Pair { rtp, rtcp, lease: Lease { ports, .. } }) = self else { return };
        for socket in [rtp, rtcp] {
            // The system took one when the socket was bound.
            let _ = mark(socket, ports.address, dscp.unwrap_or(ports.dscp));
        }
    }

    /// Sends the first `bytes` of a buffer by the port of RTP or RTCP; whether there was something to be sent, an
    /// address to send it to, and the system took it.
    pub(crate) fn send(
        &self,
        rtcp: bool,
        buffer: &[u8],
        bytes: Option<usize>,
        to: Option<SocketAddr>,
    ) -> bool {
        let datagram = bytes.and_then(|bytes| buffer.get(..bytes));
        let (Some(datagram), Some(to)) = (datagram, to) else { return false };
        match self {
            Self::Own(pair) => pair.socket(rtcp).send_to(datagram, to).is_ok(),
            Self::Shared(port) => port.send(datagram, to),
        }
    }
}

impl Pair {
    /// The socket of RTP or of RTCP.
    pub(crate) fn socket(&self, rtcp: bool) -> &UdpSocket {
        if rtcp { &self.rtcp } else { &self.rtp }
    }

    /// The port for RTP; RTCP's is the next.
    pub fn port(&self) -> u16 {
        self.lease.port()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustix::fd::AsFd;
    use std::collections::HashSet;
    use std::thread;

    fn ports(first: u16, last: u16, start: u32) -> Arc<Ports> {
        Ports::new(IpAddr::from([127, 0, 0, 1]), first, last, 0, start)
    }

    proptest! {
        /// Beside a set of what is held: no pair twice, none outside, none refused while one is free, and
        /// all there again at the end.
        #[test]
        fn a_pair_is_held_by_one_and_comes_back(
            first in (512_u16..32_000).prop_map(|n| 2 * n),
            pairs in 1_u16..200,
            start in any::<u32>(),
            steps in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 0..600),
        ) {
            let last = first + (2 * pairs - 1);
            let ports = ports(first, last, start);
            let mut held: Vec<Lease> = Vec::new();
            for (take, which) in steps {
                if take {
                    match ports.take() {
                        Some(lease) => {
                            prop_assert!(lease.port() % 2 == 0);
                            prop_assert!((first..last).contains(&lease.port()));
                            prop_assert!(held.iter().all(|other| other.port() != lease.port()));
                            held.push(lease);
                        }
                        None => prop_assert_eq!(held.len(), usize::from(pairs)),
                    }
                } else if !held.is_empty() {
                    held.swap_remove(which.index(held.len()));
                }
                prop_assert_eq!(ports.taken() as usize, held.len());
            }
            held.clear();
            prop_assert_eq!(ports.taken(), 0);
        }
    }

    #[test]
    fn a_hundred_thousand_calls_leak_no_port() {
        let ports = ports(30_000, 39_999, 77);
        let mut calls = std::collections::VecDeque::new();
        for n in 0..100_000 {
            let two = (ports.take(), ports.take());
            assert!(two.0.is_some() && two.1.is_some(), "call {n}");
            calls.push_back(two);
            if calls.len() > 2_000 {
                calls.pop_front();
            }
        }
        drop(calls);
        assert_eq!(ports.taken(), 0);
        let all: Vec<_> = core::iter::from_fn(|| ports.take()).collect();
        let distinct: HashSet<u16> = all.iter().map(Lease::port).collect();
        assert_eq!((all.len(), distinct.len()), (5_000, 5_000));
    }

    #[test]
    fn what_was_given_back_rests_while_others_are_free() {
        let ports = ports(30_000, 30_199, 0);
        let before = ports.take().unwrap().port();
        for _ in 0..99 {
            assert_ne!(ports.take().unwrap().port(), before);
        }
        assert_eq!(ports.take().unwrap().port(), before);
    }

    #[test]
    fn threads_never_hold_the_same_pair() {
        let ports = ports(30_000, 30_015, 3);
        let holders: Arc<[AtomicU32]> = (0..8).map(|_| AtomicU32::new(0)).collect();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (ports, holders) = (Arc::clone(&ports), Arc::clone(&holders));
                thread::spawn(move || {
                    for _ in 0..20_000 {
                        let Some(lease) = ports.take() else { continue };
                        let holder = &holders[lease.pair as usize];
                        assert_eq!(holder.fetch_add(1, Ordering::SeqCst), 0);
                        holder.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(ports.taken(), 0);
    }

    #[test]
    fn ports_that_others_hold_are_passed_over() {
        // The system's choice, so that this disturbs nobody: the pair around it is held by another then.
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let even = other.local_addr().unwrap().port() & !1;
        let alone = ports(even, even + 1, 0);
        assert!(matches!(alone.bind(), Err(PortsError::Exhausted)));
        assert_eq!(alone.taken(), 0);
        drop(other);
        let pair = alone.bind().unwrap();
        assert_eq!(pair.rtp.local_addr().unwrap().port(), even);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port() + 1);
        assert!(matches!(alone.bind(), Err(PortsError::Exhausted)));
        drop(pair);
        assert!(alone.bind().is_ok());
    }

    #[test]
    fn what_is_sent_is_marked_and_its_congestion_bits_are_not() {
        for (address, port) in [("127.0.0.1", 23_700), ("::1", 23_710)] {
            let address: IpAddr = address.parse().unwrap();
            let pair = Ports::new(address, port, port + 9, 46, 0).bind().unwrap();
            let shared = SharedPort::bind((address, 0).into(), 46).unwrap();
            for socket in [pair.rtp.as_fd(), pair.rtcp.as_fd(), shared.as_fd()] {
                let marked = match address {
                    IpAddr::V4(_) => sockopt::ip_tos(socket).unwrap().into(),
                    IpAddr::V6(_) => sockopt::ipv6_tclass(socket).unwrap(),
                };
                // Expedited forwarding is 101110 (RFC 3246).
                assert_eq!(marked, 0b1011_1000, "{address}");
            }
        }
    }
}
