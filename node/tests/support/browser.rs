// SPDX-License-Identifier: MIT OR Apache-2.0
//! A browser: what it offers, its checks, and its keys by DTLS.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ale_media::srtp::dtls::split;
use ale_media::srtp::{Receiver, Sender, SessionConfig};
use ale_media_node::peer::dtls::{Fingerprint, Handshake, Identity, Told};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::{Phone, addresses, rtcp, rtp};

/// What Chromium 140 offers, but for what is its own: `UFRAG`, `FINGERPRINT`.
pub const OFFER: &str = "v=0\r\no=- 3089356215366047513 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS 46b9\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
a=ice-ufrag:UFRAG\r\na=ice-pwd:DfcZq3ZYSbxffUv4FvSWGemM\r\na=ice-options:trickle\r\n\
a=fingerprint:FINGERPRINT\r\na=setup:actpass\r\na=mid:0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:46b9 06df\r\na=rtcp-mux\r\n\
a=rtcp-rsize\r\na=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
a=ssrc:1388779226 cname:BopC8oY7To7MR2q1\r\na=ssrc:1388779226 msid:46b9 06df\r\n";
/// Another line that shares the first's transport, and a channel for data.
pub const MORE: &str = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=mid:1\r\n\
a=bundle-only\r\na=ice-ufrag:UFRAG\r\na=fingerprint:FINGERPRINT\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n";

pub fn offer(identity: &Identity, fragment: &str, more: &str) -> String {
    let text = format!("{OFFER}{more}").replace("UFRAG", fragment);
    text.replace("FINGERPRINT", &identity.fingerprint().value())
}

pub fn value<'s>(sdp: &'s str, name: &str) -> Option<&'s str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
}

/// A check by RFC 8445, by hand.
pub fn check(fragment: &str, password: &str) -> Vec<u8> {
    let mut message = b"\0\x01\0\0\x21\x12\xa4\x42twelve bytes".to_vec();
    let username = format!("{fragment}:peer");
    message.extend([0, 6, 0, username.len() as u8]);
    message.extend(username.as_bytes());
    message.resize(message.len().next_multiple_of(4), 0);
    message.extend(*b"\0\x24\0\x04\x6e\x7f\0\x01\0\x25\0\0\x80\x2a\0\x08controls");
    message[3] = (message.len() + 24 - 20) as u8;
    let mut mac = Hmac::<Sha1>::new_from_slice(password.as_bytes()).unwrap();
    mac.update(&message);
    message.extend([0, 8, 0, 20]);
    message.extend(mac.finalize().into_bytes());
    message[3] += 8;
    let crc = message.iter().fold(u32::MAX, |crc, byte| {
        (0..8)
            .fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg()))
    });
    message.extend([0x80, 0x28, 0, 4]);
    message.extend((!crc ^ 0x5354_554e).to_be_bytes());
    message
}

/// The packets of a compound one (RFC 3550 section 6.1).
pub fn packets_of(compound: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        let words = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let (packet, behind) = rest.split_at_checked(4 * (words + 1))?;
        rest = behind;
        Some(packet)
    })
}

/// Who has shaken hands with the node.
pub struct Keyed {
    pub socket: UdpSocket,
    pub node: SocketAddr,
    pub sender: Sender,
    pub receiver: Receiver,
}

impl Keyed {
    /// Shakes hands, and lets the node's control thread hear of it: whether it has.
    pub fn agree(
        mut hear: impl FnMut() -> bool,
        socket: UdpSocket,
        to: SocketAddr,
        hands: &mut dyn Handshake,
    ) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        hands.begin(to, Instant::now());
        let mut agreed = None;
        let mut buffer = [0; 4096];
        // Seconds for any machine: what is lost is repeated.
        for _ in 0..1_000 {
            if hear() && agreed.is_some() {
                break;
            }
            hands.tick(Instant::now());
            while let Some(told) = hands.told() {
                match told {
                    Told::Send(datagram, _) => drop(socket.send_to(&datagram, to).unwrap()),
                    Told::Agreed(keys) => agreed = Some(keys),
                    other => panic!("{other:?}"),
                }
            }
            if let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
                hands.receive(&buffer[..bytes], from, Instant::now());
            }
        }
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let agreed = agreed.expect("keys");
        let keys = split(agreed.suite, &agreed.exported, agreed.role).unwrap();
        let sender = Sender::new(&SessionConfig::new(agreed.suite, keys.send)).unwrap();
        let receiver = Receiver::new(&SessionConfig::new(agreed.suite, keys.receive)).unwrap();
        Self { socket, node: to, sender, receiver }
    }

    pub fn send(&mut self, packet: &[u8], report: bool) {
        let mut out = packet.to_vec();
        out.resize(packet.len() + 64, 0);
        let sealed = if report {
            self.sender.protect_rtcp(&mut out, packet.len())
        } else {
            self.sender.protect(&mut out, packet.len())
        };
        self.socket.send_to(&out[..sealed.unwrap()], self.node).unwrap();
    }

    /// The next packet of media that has come, opened, and whether it is one of RTCP; `None` if nothing has.
    pub fn heard(&mut self) -> Option<(Vec<u8>, bool)> {
        let mut buffer = [0; 2_048];
        loop {
            let bytes = self.socket.recv(&mut buffer).ok()?;
            let packet = &mut buffer[..bytes];
            if packet[0] & 0xc0 != 0x80 {
                continue;
            }
            let is_rtcp = (192..224).contains(&packet[1]);
            let opened = if is_rtcp {
                self.receiver.unprotect_rtcp(packet)
            } else {
                self.receiver.unprotect(packet)
            };
            return Some((packet[..opened.unwrap()].to_vec(), is_rtcp));
        }
    }

    pub fn receive(&mut self, report: bool) -> Vec<u8> {
        let mut packet = Phone::receive(&self.socket).0;
        let opened = if report {
            self.receiver.unprotect_rtcp(&mut packet)
        } else {
            self.receiver.unprotect(&mut packet)
        };
        packet.truncate(opened.expect("keys agree"));
        packet
    }

    /// Says and hears, with reports, what a plain phone hears and says.
    pub fn talk(&mut self, phone: &Phone, facing_phone: (SocketAddr, SocketAddr)) {
        for sequence in 100..110 {
            phone.rtp.send_to(&rtp(2, sequence), facing_phone.0).unwrap();
            assert_eq!(self.receive(false), rtp(2, sequence));
            self.send(&rtp(1, sequence), false);
            assert_eq!(Phone::receive(&phone.rtp).0, rtp(1, sequence));
        }
        phone.rtcp.send_to(&rtcp(2), facing_phone.1).unwrap();
        assert_eq!(self.receive(true), rtcp(2));
        self.send(&rtcp(1), true);
        assert_eq!(Phone::receive(&phone.rtcp).0, rtcp(1));
    }
}

/// A socket of a browser that has been answered this, after its check.
pub fn checked(answer: &str) -> (UdpSocket, SocketAddr) {
    let socket = Phone::new().rtp;
    let node = addresses(answer).0;
    let [fragment, password] = ["ice-ufrag", "ice-pwd"].map(|name| value(answer, name).unwrap());
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut reply = [0; 200];
    // What comes before the worker has the line is thrown away.
    for _ in 0..200 {
        socket.send_to(&check(fragment, password), node).unwrap();
        if let Ok((_, from)) = socket.recv_from(&mut reply) {
            assert_eq!(
                (&reply[..2], &reply[8..20], from),
                (&[1, 1][..], &b"twelve bytes"[..], node)
            );
            return (socket, node);
        }
    }
    panic!("no answer to a check");
}

pub fn fingerprint(sdp: &str) -> Vec<Fingerprint> {
    vec![Fingerprint::parse(value(sdp, "fingerprint").unwrap()).unwrap()]
}
