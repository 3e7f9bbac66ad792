// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagrams of one size to one peer, as a picture is of many: one call of the system sends them all (GSO).

use std::net::SocketAddr;

use crate::ports::SharedPort;

/// Datagrams of a burst: the 20 kB of a small key frame.
const MAX_DATAGRAMS: usize = 16;
/// Longest datagram of one: the Ethernet's 1500 bytes.
const MAX_BYTES: usize = 1_500;

/// Datagrams that wait for the end of a wake-up.
#[derive(Debug, Default)]
pub struct Burst {
    to: Option<SocketAddr>,
    /// The size of all but the last, which may be less.
    size: usize,
    datagrams: usize,
    bytes: Vec<u8>,
}

impl Burst {
    /// Takes the room for one.
    pub(super) fn reserve(&mut self) {
        self.bytes.reserve_exact(MAX_DATAGRAMS * MAX_BYTES);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.datagrams == 0
    }

    /// Adds a datagram, if it can go with those there are; `false` if not.
    ///
    /// Real-time: yes.
    pub(super) fn push(&mut self, datagram: &[u8], to: SocketAddr) -> bool {
        if self.is_empty() {
            (self.to, self.size) = (Some(to), datagram.len());
        }
        let whole = self.bytes.len() == self.size * self.datagrams;
        let fits = self.to == Some(to)
            && whole
            && (1..=self.size).contains(&datagram.len())
            && self.datagrams < MAX_DATAGRAMS
            && datagram.len() <= self.bytes.capacity() - self.bytes.len();
        if fits {
            self.bytes.extend_from_slice(datagram);
            self.datagrams += 1;
        }
        fits
    }

    /// Sends what waits by a port; how many datagrams the system has refused.
    ///
    /// Real-time: a call of the system that does not wait; one a datagram where it knows no better.
    pub(super) fn send(&mut self, port: &SharedPort) -> u64 {
        let refused = match self.to {
            Some(to) => port.send_all(&self.bytes, self.size.max(1), to),
            None => 0,
        };
        (self.to, self.datagrams) = (None, 0);
        self.bytes.clear();
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::time::Duration;

    #[test]
    fn only_what_has_the_size_and_the_way_of_those_before_goes_with_them() {
        let [one, other] = [5_000, 5_001].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let filled = || {
            let mut burst = Burst::default();
            burst.reserve();
            assert!(burst.push(&[1; 100], one) && burst.push(&[2; 100], one));
            burst
        };
        assert!(filled().push(&[3; 1], one) && filled().push(&[3; 100], one));
        for (datagram, to) in [(&[3; 101][..], one), (&[3; 100], other), (&[], one)] {
            assert!(!filled().push(datagram, to), "{} to {to}", datagram.len());
        }
        let mut burst = filled();
        assert!(
            burst.push(&[3; 99], one) && !burst.push(&[4; 99], one),
            "a shorter one is the last"
        );
        let mut burst = filled();
        assert_eq!((0..100).filter(|_| burst.push(&[5; 100], one)).count(), MAX_DATAGRAMS - 2);
        let mut burst = Burst::default();
        assert!(!burst.push(&[1; 100], one), "without room");
        burst.reserve();
        assert!(!burst.push(&[1; MAX_DATAGRAMS * MAX_BYTES + 1], one));
    }

    #[test]
    fn a_burst_arrives_as_it_was_pushed_and_is_empty_then() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let to = socket.local_addr().unwrap();
        let port = SharedPort::bind(([127, 0, 0, 1], 0).into(), 0).unwrap();
        let mut burst = Burst::default();
        burst.reserve();
        let sizes = [[200, 200, 200, 7], [9, 9, 9, 9], [1_500, 1_500, 1_500, 1_499]];
        for (n, size) in sizes.into_iter().flatten().enumerate() {
            assert!(burst.push(&vec![n as u8; size], to));
            if n % 4 == 3 {
                assert_eq!(burst.send(&port), 0);
                assert!(burst.is_empty());
            }
        }
        assert_eq!(burst.send(&port), 0);
        let mut room = [0; 2_000];
        for (n, size) in sizes.into_iter().flatten().enumerate() {
            assert_eq!(socket.recv(&mut room).unwrap(), size);
            assert_eq!(room[..size], vec![n as u8; size]);
        }
    }

    #[test]
    #[ignore = "measures, on a machine of its own: --release --ignored --nocapture"]
    fn what_a_burst_costs() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let to = socket.local_addr().unwrap();
        let port = SharedPort::bind(([127, 0, 0, 1], 0).into(), 0).unwrap();
        let (mut burst, mut room) = (Burst::default(), [0; 2_000]);
        burst.reserve();
        let datagram = [7; 1_200];
        let mut each_us = [[0.0; 201]; 2];
        for n in 0..201 {
            for (together, each_us) in [false, true].into_iter().zip(&mut each_us) {
                let begun = std::time::Instant::now();
                for _ in 0..8 {
                    let sent =
                        if together { burst.push(&datagram, to) } else { port.send(&datagram, to) };
                    assert!(sent);
                }
                assert_eq!(burst.send(&port), 0);
                each_us[n] = begun.elapsed().as_secs_f64() * 1e6 / 8.0;
                let came = std::iter::from_fn(|| socket.recv(&mut room).ok()).count();
                assert_eq!(came, 8);
            }
        }
        let [alone, together] = each_us.map(|mut all| {
            all.sort_by(f64::total_cmp);
            all[100]
        });
        println!("a datagram of eight: {alone:.2} us alone, {together:.2} together");
    }
}
