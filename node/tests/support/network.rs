// SPDX-License-Identifier: MIT OR Apache-2.0
//! A network between two nodes, which loses what it is told to lose.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

/// The address that a node tells, in place of 127.0.0.1, which is its own.
pub const TOLD: &str = "127.0.0.2";

/// Passes datagrams on between the address that a node tells and its own, but for those that are lost.
pub fn network(
    ports: RangeInclusive<u16>,
    is_lost: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
) {
    let is_lost = Arc::new(is_lost);
    for port in ports {
        let told = UdpSocket::bind((TOLD, port)).unwrap();
        let behind = UdpSocket::bind((TOLD, 0)).unwrap();
        behind.connect(("127.0.0.1", port)).unwrap();
        let peer = Arc::new(Mutex::new(None::<SocketAddr>));
        let pairs = [(told, behind)].map(|(told, behind)| {
            [(told.try_clone().unwrap(), behind.try_clone().unwrap(), true), (told, behind, false)]
        });
        for (told, behind, inward) in pairs.into_iter().flatten() {
            let (is_lost, peer) = (Arc::clone(&is_lost), Arc::clone(&peer));
            std::thread::spawn(move || {
                let mut datagram = [0; 2_048];
                loop {
                    let from = if inward { &told } else { &behind };
                    let Ok((bytes, whence)) = from.recv_from(&mut datagram) else { continue };
                    if is_lost(&datagram[..bytes]) {
                        continue;
                    }
                    if inward {
                        *peer.lock().unwrap() = Some(whence);
                        let _ = behind.send(&datagram[..bytes]);
                    } else if let Some(to) = *peer.lock().unwrap() {
                        let _ = told.send_to(&datagram[..bytes], to);
                    }
                }
            });
        }
    }
}
