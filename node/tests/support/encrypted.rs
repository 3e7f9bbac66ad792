// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call from a plain phone to one in SRTP, by whose packets it is seen how far a node's keys reach.

use std::net::SocketAddr;
use std::time::Duration;

use ale_media::srtp::MasterKey;
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media_node::config::{Config, Failover, Interface, Media};

use super::Said::Text;
use super::{Node, Phone, addresses, rtp};

/// A node that keeps its calls, with a worker and a range of ports of its own.
pub fn keeping(failover: Failover, (port_min, port_max): (u16, u16)) -> Node {
    let media = Media { workers: 1, port_min, port_max, ..Media::default() };
    let interfaces = vec![Interface::from_argument("127.0.0.1").unwrap()];
    Node::of(Config { interfaces, media, failover, ..Config::default() })
}

/// A call that runs.
pub struct EncryptedCall {
    alice: Phone,
    bob: Phone,
    to: SocketAddr,
    number: u16,
}

impl EncryptedCall {
    pub fn through(node: &mut Node) -> Self {
        let (alice, bob) = (Phone::new(), Phone::new());
        let flags = [Text("transport-protocol", "RTP/SAVP")];
        let [_, to_alice] = node.call("c", (&alice.sdp("RTP/AVP", ""), &flags), |to_bob| {
            let theirs = to_bob.lines().find(|line| line.starts_with("a=crypto:")).unwrap();
            let theirs = CryptoAttribute::parse(theirs).unwrap();
            let keys: Vec<u8> = (0..44).collect();
            let keys = MasterKey::from_concatenated(theirs.suite, &keys).unwrap();
            let ours = CryptoAttribute::new(theirs.tag, theirs.suite, keys);
            bob.sdp("RTP/SAVP", &format!("{}\r\n", &*ours.line()))
        });
        bob.rtp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let to = addresses(&to_alice).0;
        let mut call = Self { alice, bob, to, number: 100 };
        assert!(call.runs());
        call
    }

    /// Whether a packet comes through before long.
    pub fn runs(&mut self) -> bool {
        (0..50).any(|_| self.pass(1) == 1)
    }

    /// How many of so many packets come through, up to the first that does not.
    pub fn pass(&mut self, packets: usize) -> usize {
        let passed = (0..packets).take_while(|_| {
            self.number += 1;
            self.alice.rtp.send_to(&rtp(1, self.number), self.to).unwrap();
            self.bob.rtp.recv(&mut [0; 2_048]).is_ok()
        });
        passed.count()
    }
}

/// The node's control thread, by whose clock half a second goes by in each of its turns.
pub struct Turns(u64);

impl Turns {
    pub fn new() -> Self {
        Self(1_000_000_000)
    }

    /// Takes so many turns at most until something is so.
    pub fn until(&mut self, node: &mut Node, turns: usize, is_so: &dyn Fn(&Node) -> bool) {
        for _ in 0..turns {
            self.0 += 500_000_000;
            node.control.listen(self.0);
            std::thread::sleep(Duration::from_millis(10));
            node.control.hear();
            if is_so(node) {
                return;
            }
        }
        panic!("it does not come to that: {:?}", node.control.kept());
    }
}
