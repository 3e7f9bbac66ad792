// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way between phones and bridge: memory, or a UDP socket at each end.

use std::collections::VecDeque;
use std::net::UdpSocket;

use ale_media::leg::{Arrival, LegReceiver, MAX_DATAGRAM_BYTES, receive_batch};

use crate::{Context, Failure};

/// Bytes of the mark in front of a datagram: one socket serves all legs.
const MARK_BYTES: usize = 4;
/// Datagrams that are taken at a time, and most that are sent before the other end takes them: what a
/// socket's buffer of the usual 208 KiB holds for certain.
pub(super) const BATCH: usize = 64;

/// A datagram of a leg.
pub(super) struct Parcel {
    pub(super) leg: usize,
    length: usize,
    bytes: [u8; MARK_BYTES + MAX_DATAGRAM_BYTES],
}

impl Parcel {
    pub(super) fn new(leg: usize, datagram: &[u8]) -> Self {
        let mut bytes = [0; MARK_BYTES + MAX_DATAGRAM_BYTES];
        let length = MARK_BYTES + datagram.len().min(MAX_DATAGRAM_BYTES);
        bytes[..MARK_BYTES].copy_from_slice(&(leg as u32).to_be_bytes());
        bytes[MARK_BYTES..length].copy_from_slice(&datagram[..length - MARK_BYTES]);
        Self { leg, length, bytes }
    }

    pub(super) fn datagram(&mut self) -> &mut [u8] {
        &mut self.bytes[MARK_BYTES..self.length]
    }

    fn marked(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Both ends.
pub(super) enum Wire {
    /// What is on its way to the bridge and to the phones.
    Memory { to_bridge: Vec<Parcel>, to_phones: VecDeque<Parcel> },
    /// Sockets that are connected to each other.
    Udp { bridge: UdpSocket, phones: UdpSocket },
}

fn socket() -> Result<UdpSocket, Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("UDP socket")?;
    socket.set_nonblocking(true).context("UDP socket")?;
    Ok(socket)
}

impl Wire {
    /// With room for so many datagrams each way.
    pub(super) fn memory(to_bridge: usize, to_phones: usize) -> Self {
        let to_bridge = Vec::with_capacity(to_bridge);
        let to_phones = VecDeque::with_capacity(to_phones);
        Self::Memory { to_bridge, to_phones }
    }

    pub(super) fn udp() -> Result<Self, Failure> {
        let [bridge, phones] = [socket()?, socket()?];
        bridge.connect(phones.local_addr()?)?;
        phones.connect(bridge.local_addr()?)?;
        Ok(Self::Udp { bridge, phones })
    }

    /// A phone sends. What the network refuses is lost, as any datagram may be.
    pub(super) fn send_to_bridge(&mut self, parcel: Parcel) {
        match self {
            Self::Memory { to_bridge, .. } => to_bridge.push(parcel),
            Self::Udp { phones, .. } => drop(phones.send(parcel.marked())),
        }
    }

    /// The bridge sends; in memory only what a phone listens to is carried.
    pub(super) fn send_to_phones(&mut self, parcel: Parcel, listened: bool) {
        match self {
            Self::Memory { to_phones, .. } => {
                if listened && to_phones.len() < to_phones.capacity() {
                    to_phones.push_back(parcel);
                }
            }
            Self::Udp { bridge, .. } => drop(bridge.send(parcel.marked())),
        }
    }

    /// The legs take what has come to the bridge.
    pub(super) fn take_at_bridge(&mut self, legs: &mut Vec<LegReceiver>, now_ns: u64) {
        match self {
            Self::Memory { to_bridge, .. } => {
                for some in to_bridge.chunks_mut(BATCH) {
                    take(legs, some, now_ns);
                }
                to_bridge.clear();
            }
            Self::Udp { bridge, .. } => {
                let mut parcels = [const { EMPTY }; BATCH];
                loop {
                    let came = parcels.iter_mut().map_while(|to| receive(bridge, to)).count();
                    take(legs, &mut parcels[..came], now_ns);
                    if came < BATCH {
                        break;
                    }
                }
            }
        }
    }

    /// The next datagram that has come to the phones.
    pub(super) fn take_at_phones(&mut self) -> Option<Parcel> {
        match self {
            Self::Memory { to_phones, .. } => to_phones.pop_front(),
            Self::Udp { phones, .. } => {
                let mut parcel = EMPTY;
                receive(phones, &mut parcel).map(|()| parcel)
            }
        }
    }
}

const EMPTY: Parcel = Parcel { leg: 0, length: 0, bytes: [0; MARK_BYTES + MAX_DATAGRAM_BYTES] };

fn receive(socket: &UdpSocket, to: &mut Parcel) -> Option<()> {
    // Anything shorter is nothing of ours, and a datagram for nobody.
    to.length = socket.recv(&mut to.bytes).ok()?.max(MARK_BYTES);
    let mark = to.bytes.first_chunk().map_or(u32::MAX, |mark| u32::from_be_bytes(*mark));
    to.leg = mark as usize;
    Some(())
}

fn take(legs: &mut Vec<LegReceiver>, parcels: &mut [Parcel], now_ns: u64) {
    let count = parcels.len();
    let mut parcels = parcels.iter_mut();
    let mut arrivals: [Arrival<'_>; BATCH] = std::array::from_fn(|_| match parcels.next() {
        Some(parcel) => Arrival::new(parcel.leg, parcel.datagram(), now_ns),
        None => Arrival::new(usize::MAX, &mut [], now_ns),
    });
    receive_batch(legs, &mut arrivals[..count]);
}
