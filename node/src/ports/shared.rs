// SPDX-License-Identifier: MIT OR Apache-2.0
//! One UDP port for many lines, whose peers are told apart by what they send.

use core::net::SocketAddr;
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::sync::Arc;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::fd::{AsFd, BorrowedFd};

/// Room that is asked for in the kernel: a tenth of a second of a thousand voices. It gives up to `net.core.rmem_max`.
const KERNEL_BYTES: usize = 4 << 20;
/// Longest message of the kernel's: a datagram, or several of one peer that have been put together (GRO).
const MAX_MESSAGE_BYTES: usize = 65_535;

/// A socket that many lines send by and one worker receives from.
#[derive(Debug)]
pub struct SharedPort {
    socket: UdpSocket,
    /// What the kernel has of segmentation (GSO, GRO).
    state: UdpSocketState,
    port: u16,
}

impl SharedPort {
    /// Binds one; what is sent by it is marked with `dscp`, 0 to 63, but for several datagrams at once, which carry nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: SocketAddr, dscp: u8) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        super::mark(&socket, address.ip(), dscp)?;
        let state = UdpSocketState::new((&socket).into())?;
        // As much as it gives: what it does not is lost only under more load.
        let _ = state.set_recv_buffer_size((&socket).into(), KERNEL_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), KERNEL_BYTES);
        let port = socket.local_addr()?.port();
        Ok(Self { socket, state, port })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a datagram; whether the system has taken it.
    ///
    /// Real-time: one call of the system that does not wait.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> bool {
        self.socket.send_to(datagram, to).is_ok()
    }

    /// Sends datagrams of one size, of which the last may be shorter; how many the system has refused.
    ///
    /// Real-time: a call of the system that does not wait, one a datagram where it does not segment.
    pub(crate) fn send_all(&self, datagrams: &[u8], size: usize, to: SocketAddr) -> u64 {
        let segments = datagrams.len().div_ceil(size);
        if (2..=self.state.max_gso_segments()).contains(&segments)
            && self.transmit(datagrams, size, to)
        {
            return 0;
        }
        datagrams.chunks(size).filter(|datagram| !self.send(datagram, to)).count() as u64
    }

    fn transmit(&self, contents: &[u8], size: usize, to: SocketAddr) -> bool {
        let segment_size = Some(size);
        let transmit =
            Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
        self.state.try_send((&self.socket).into(), &transmit).is_ok()
    }
}

impl AsFd for SharedPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What has come on a shared port and was not yet looked at.
pub(crate) struct Inbox {
    port: Arc<SharedPort>,
    room: Box<[u8]>,
    metas: [RecvMeta; BATCH_SIZE],
    /// Messages that have come, the next of them, and where in it the next datagram begins.
    messages: usize,
    next: usize,
    offset: usize,
}

impl Inbox {
    pub(crate) fn of(port: Arc<SharedPort>) -> Self {
        let room = vec![0; BATCH_SIZE * MAX_MESSAGE_BYTES].into();
        let metas = [RecvMeta::default(); BATCH_SIZE];
        Self { port, room, metas, messages: 0, next: 0, offset: 0 }
    }

    pub(crate) fn port(&self) -> &Arc<SharedPort> {
        &self.port
    }

    /// Whether all that has been taken from the system was looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.next >= self.messages
    }

    /// Takes what has come by one call of the system (`recvmmsg`); what was there before must have been looked at.
    ///
    /// Real-time: one call that does not wait.
    pub(crate) fn fill(&mut self) {
        (self.messages, self.next, self.offset) = (0, 0, 0);
        let mut parts = self.room.chunks_exact_mut(MAX_MESSAGE_BYTES);
        let mut parts: [IoSliceMut<'_>; BATCH_SIZE] =
            core::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        let SharedPort { socket, state, .. } = &*self.port;
        // Empty after all, or an ICMP error about what was sent before.
        self.messages = state.recv(socket.into(), &mut parts, &mut self.metas).unwrap_or(0);
    }

    /// Copies the next datagram to `to`, as far as there is room; how much that was, and whence it came.
    ///
    /// Real-time: yes.
    pub(crate) fn next(&mut self, to: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (messages, offset) = (self.metas.get(..self.messages)?, self.offset);
        let meta = messages.get(self.next)?;
        let message = self.room.chunks_exact(MAX_MESSAGE_BYTES).nth(self.next)?;
        // An empty datagram has no stride, and is one nevertheless.
        let end = meta.len.min(offset.saturating_add(meta.stride.max(1)));
        let datagram = message.get(offset..end)?;
        let bytes = datagram.len().min(to.len());
        to.get_mut(..bytes)?.copy_from_slice(datagram.get(..bytes)?);
        self.offset = end;
        if end >= meta.len {
            (self.next, self.offset) = (self.next + 1, 0);
        }
        Some((bytes, SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// The next datagram, whenever it comes.
    fn next(inbox: &mut Inbox, room: &mut [u8]) -> (Vec<u8>, SocketAddr) {
        loop {
            if let Some((bytes, from)) = inbox.next(room) {
                return (room[..bytes].to_vec(), from);
            }
            assert!(inbox.is_empty());
            let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
            let ready = &mut [PollFd::new(&**inbox.port(), PollFlags::IN)];
            assert_eq!(poll(ready, Some(&patience)), Ok(1), "something comes");
            inbox.fill();
        }
    }

    #[test]
    fn what_the_kernel_has_put_together_comes_apart_again() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = Arc::new(SharedPort::bind(loopback, 0).unwrap());
        let to = SocketAddr::new(loopback.ip(), port.port());
        let mut inbox = Inbox::of(port);
        let peers = [(); 2].map(|()| SharedPort::bind(loopback, 0).unwrap());
        let [one, other] = peers.each_ref().map(|peer| SocketAddr::new(loopback.ip(), peer.port()));
        let many: Vec<u8> = (0..537_u16).map(|n| n as u8).collect();
        let mut expected: Vec<_> =
            many.chunks(100).map(|datagram| (datagram.to_vec(), one)).collect();
        // In one call of the system, as far as it can; on the same machine they are received in one, too.
        let contents = &many[..];
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: Some(100),
            src_ip: None,
        };
        let socket = &peers[0].socket;
        if peers[0].state.max_gso_segments() >= expected.len() {
            peers[0].state.try_send(socket.into(), &transmit).unwrap();
        } else {
            expected.iter().for_each(|(datagram, _)| assert!(peers[0].send(datagram, to)));
        }
        for (datagram, peer) in [(&b"alone"[..], 1), (&[], 1), (&[7; 3_000], 0)] {
            assert!(peers[peer].send(datagram, to));
            expected.push((datagram.to_vec(), [one, other][peer]));
        }
        let mut room = [0; 4_000];
        for expected in expected {
            assert_eq!(next(&mut inbox, &mut room), expected);
        }
        // More than there is room for is cut, and what follows is whole.
        assert!(peers[0].send(&[8; 200], to) && peers[0].send(&[9; 100], to));
        assert_eq!(next(&mut inbox, &mut room[..150]).0, [8; 150]);
        assert_eq!(next(&mut inbox, &mut room[..150]).0, [9; 100]);
        assert_eq!(inbox.next(&mut room), None);
    }
}
