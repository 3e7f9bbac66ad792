// SPDX-License-Identifier: MIT OR Apache-2.0
//! Phones in a conference that say tones.

use std::net::SocketAddr;

use ale_media::codec::g711::Law;
use ale_media::srtp::{Receiver, Sender};

use super::Said::{self, Text};
use super::{Answer, Node, Phone, addresses, header_bytes};

pub const TONES_HZ: [f64; 3] = [400.0, 1_000.0, 2_200.0];

pub fn join(
    node: &mut Node,
    call_id: &str,
    conference: &str,
    sdp: &str,
    more: &[Said<'_>],
) -> Answer {
    let mut said = vec![
        Text("call-id", call_id),
        Text("from-tag", call_id),
        Text("conference", conference),
        Text("sdp", sdp),
    ];
    said.extend(more.iter().copied());
    node.ask("conference join", &said)
}

/// A phone that says a tone in G.711, and what it hears.
pub struct Talker {
    pub phone: Phone,
    pub node: SocketAddr,
    pub law: Law,
    pub hz: f64,
    pub srtp: Option<(Sender, Receiver)>,
    pub packets: u16,
    /// What its packets say of how loud they are (RFC 6464), by this identifier.
    pub says_level: Option<(u8, u8)>,
    /// The elements of the last packet that it got (RFC 8285), and how many sources that names.
    pub elements: Vec<(u8, Vec<u8>)>,
    pub sources: usize,
    pub heard: Vec<i16>,
}

impl Talker {
    pub fn new(phone: Phone, answer: &str, law: Law, hz: f64) -> Self {
        let node = addresses(answer).0;
        Self {
            phone,
            node,
            law,
            hz,
            srtp: None,
            packets: 0,
            says_level: None,
            elements: Vec::new(),
            sources: 0,
            heard: Vec::new(),
        }
    }

    fn payload_type(&self) -> u8 {
        if self.law == Law::Mu { 0 } else { 8 }
    }

    pub fn say(&mut self) {
        let n = usize::from(self.packets);
        self.packets += 1;
        let mut packet = vec![0x80, self.payload_type(), (n >> 8) as u8, n as u8];
        packet.extend((n as u32 * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        if let Some((id, level)) = self.says_level {
            // RFC 8285 section 4.2, by hand.
            packet[0] |= 0x10;
            packet.extend([0xbe, 0xde, 0, 1, id << 4, level, 0, 0]);
        }
        packet.extend((n * 160..n * 160 + 160).map(|at| {
            let turn = core::f64::consts::TAU * at as f64 * self.hz / 8_000.0;
            self.law.from_linear((4_000.0 * turn.sin()) as i16)
        }));
        if let Some((sender, _)) = &mut self.srtp {
            let bytes = packet.len();
            packet.resize(bytes + 64, 0);
            let sealed = sender.protect(&mut packet, bytes).unwrap();
            packet.truncate(sealed);
        }
        // Who has left is told so by the system.
        let _ = self.phone.rtp.send_to(&packet, self.node);
    }

    pub fn hear(&mut self) {
        let (mut packet, from) = Phone::receive(&self.phone.rtp);
        assert_eq!(from, self.node);
        if ale_media::rtp::is_rtcp(&packet) {
            return self.hear();
        }
        if let Some((_, receiver)) = &mut self.srtp {
            let opened = receiver.unprotect(&mut packet).expect("keys agree");
            packet.truncate(opened);
        }
        self.sources = usize::from(packet[0] & 0xf);
        let (mut at, end) = (12 + 4 * self.sources + 4, header_bytes(&packet));
        self.elements.clear();
        while at < end {
            let bytes = if packet[at] == 0 { 0 } else { usize::from(packet[at] & 0xf) + 1 };
            if bytes > 0 {
                self.elements.push((packet[at] >> 4, packet[at + 1..=at + bytes].to_vec()));
            }
            at += 1 + bytes;
        }
        assert_eq!((packet.len() - end, packet[1] & 0x7f), (160, self.payload_type()));
        self.heard.extend(packet[end..].iter().map(|&byte| self.law.to_linear(byte)));
    }
}
