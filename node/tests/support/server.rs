// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording server that subscribes to voices.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use ale_media::codec::g711::Law;
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Receiver, Suite};

use super::amplitude;

pub const SERVER: &str = "[[sink]]\nname = \"srs\"\nid = 7\npurpose = \"record\"\nkind = \"rtp\"\n";

/// What a server has of a line: a socket, and the sound that has come.
pub struct Line {
    pub socket: UdpSocket,
    pub srtp: Option<Receiver>,
    pub payload_type: u8,
    pub heard: Vec<i16>,
    /// Whether the node has said goodbye.
    pub gone: bool,
    /// The sources that have been heard, and the port that they came from last.
    pub sources: BTreeSet<u32>,
    pub port: u16,
}

impl Line {
    pub fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let sources = BTreeSet::new();
        Self {
            socket,
            srtp: None,
            payload_type: 0,
            heard: Vec::new(),
            gone: false,
            sources,
            port: 0,
        }
    }

    pub fn hear(&mut self) {
        let mut packet = [0; 2_048];
        while let Ok((bytes, from)) = self.socket.recv_from(&mut packet) {
            let packet = &mut packet[..bytes];
            if (200..=204).contains(&packet[1]) {
                // Its last report says goodbye (RFC 3550 section 6.6), in clear where there are no keys.
                self.gone |= packet.windows(2).any(|two| two == [0x81, 203]);
                continue;
            }
            let bytes = self.srtp.as_mut().map_or(bytes, |srtp| srtp.unprotect(packet).unwrap());
            assert_eq!(packet[1] & 0x7f, self.payload_type);
            self.port = from.port();
            self.sources.insert(u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]));
            let sound = packet[12..bytes].iter().map(|byte| Law::Mu.to_linear(*byte));
            self.heard.extend(sound);
        }
    }

    /// Agrees to a line of SDES; of which suite, and the line that answers it.
    pub fn agree(&mut self, offered: &str) -> (Suite, String) {
        let theirs = CryptoAttribute::parse(offered).unwrap();
        let key = [0x5a; 44];
        let key = &key[..theirs.suite.key_bytes() + theirs.suite.salt_bytes()];
        let key = MasterKey::from_concatenated(theirs.suite, key).unwrap();
        let ours = CryptoAttribute::new(theirs.tag, theirs.suite, key);
        self.srtp = Some(Receiver::new(&theirs.to_config().unwrap()).unwrap());
        (theirs.suite, format!("{}\r\n", &*ours.line()))
    }
}

/// What the server answers: its ports, or 0 for a line that it refuses.
pub fn answering(offer: &str, lines: &[Option<&Line>], more: &str) -> String {
    let transport = if offer.contains("RTP/SAVP") { "RTP/SAVP" } else { "RTP/AVP" };
    let mut sdp =
        String::from("v=0\r\no=- 9 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n");
    for line in lines {
        let port = line.map_or(0, |line| line.socket.local_addr().unwrap().port());
        let number = line.map_or(0, |line| line.payload_type);
        sdp += &format!(
            "m=audio {port} {transport} {number}\r\na=rtpmap:{number} PCMU/8000\r\na=recvonly\r\na=rtcp-mux\r\n{more}"
        );
    }
    sdp
}

pub fn is_heard(line: &Line, hz: f64) -> bool {
    let loud = amplitude(&line.heard, hz) > 1_000.0;
    assert!(loud || line.heard.is_empty() || amplitude(&line.heard, hz) < 20.0);
    loud
}
