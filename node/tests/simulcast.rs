// SPDX-License-Identifier: MIT OR Apache-2.0
//! A browser that sends its picture in three sizes, and two that see it, one over a network that carries less: each is
//! shown one size at a time, as one stream, and another as soon as that pauses.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::time::{Duration, Instant};

use ale_media::srtp::dtls::Role;
use ale_media_node::peer::dtls::Identity;
use support::Said::Text;
use support::browser::{Keyed, checked, fingerprint, offer, packets_of};
use support::program::Program;

const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\nBANDWIDTHa=mid:1\r\na=sendrecv\r\n\
    a=rtcp-mux\r\na=ice-ufrag:UFRAG\r\na=ice-pwd:DfcZq3ZYSbxffUv4FvSWGemM\r\na=fingerprint:FINGERPRINT\r\n\
    a=setup:actpass\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
    a=rtcp-fb:96 goog-remb\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
const LAYERS: &str = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n\
    a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n";
/// Names, and payload bytes of their pictures, of which there are 50 a second: 400, 200 and 80 kbit/s.
const SIZES: [(&[u8; 1], usize); 3] = [(b"h", 1_000), (b"m", 500), (b"l", 200)];

struct Browser {
    keyed: Keyed,
    /// Of each layer: the next number, the number of its picture, and whether a key frame is due.
    layers: [(u16, u16, bool); 3],
    pictures: u32,
    /// What it saw: layer, sequence number, the picture's number, and whether it began with a key frame.
    seen: Vec<(u8, u16, u16, bool)>,
}

impl Browser {
    fn enter(node: &mut Program, id: &str, bandwidth: &str, more: &str) -> Self {
        let identity = Identity::new().unwrap();
        let video = format!("{VIDEO}{more}").replace("BANDWIDTH", bandwidth);
        let offered = offer(&identity, "web", &video).replace("BUNDLE 0", "BUNDLE 0 1");
        let said = [("call-id", id), ("from-tag", id), ("conference", "room"), ("sdp", &offered)];
        let answer = node.ask("conference join", &said.map(|(key, text)| Text(key, text))).sdp();
        assert_eq!(answer.contains("a=simulcast:recv h;m;l\r\n"), !more.is_empty(), "{answer}");
        let (socket, to) = checked(&answer);
        let mut hands = identity.handshake(Role::Server, fingerprint(&answer));
        let keyed = Keyed::agree(|| true, socket, to, &mut *hands);
        keyed.socket.set_nonblocking(true).unwrap();
        // Numbers of pictures begin anywhere.
        let layers = [0_u16, 1, 2].map(|n| (1_000 * n, 7_000 * n + 32_760, true));
        Self { keyed, layers, pictures: 0, seen: Vec::new() }
    }

    /// A picture (RFC 7741) in those sizes.
    fn film(&mut self, layers: std::ops::Range<usize>) {
        self.pictures += 1;
        for layer in layers {
            let (name, bytes) = SIZES[layer];
            let (sequence, picture, is_key) = self.layers[layer];
            self.layers[layer] = (sequence + 1, picture.wrapping_add(1), false);
            let mut packet = vec![0x90, 0x80 | 96];
            packet.extend(sequence.to_be_bytes());
            packet.extend((self.pictures * 1_800).to_be_bytes());
            packet.extend([0, 0, 9, layer as u8]);
            // RFC 8285 section 4.2, by hand.
            packet.extend([0xbe, 0xde, 0, 1, 10 << 4, name[0], 0, 0]);
            packet.extend([0x90, 0x80, 0x80 | (picture >> 8) as u8, picture as u8]);
            packet.extend([u8::from(!is_key), layer as u8]);
            packet.resize(20 + bytes, 0);
            self.keyed.send(&packet, false);
        }
    }

    fn look(&mut self) {
        while let Some((packet, is_rtcp)) = self.keyed.heard() {
            if is_rtcp {
                // Picture loss (RFC 4585 section 6.3.1), which names the layer's source.
                for packet in packets_of(&packet).filter(|of| of[1] == 206 && of[0] & 0x1f == 1) {
                    self.layers[usize::from(packet[11])].2 = true;
                }
            } else if packet[1] & 0x7f == 96 {
                let payload = &packet[support::header_bytes(&packet)..];
                let sequence = u16::from_be_bytes([packet[2], packet[3]]);
                let picture = u16::from_be_bytes([payload[2] & 0x7f, payload[3]]);
                self.seen.push((payload[5], sequence, picture, payload[4] & 1 == 0));
            }
        }
    }

    fn sees(&self) -> Option<u8> {
        self.seen.last().map(|(layer, ..)| *layer)
    }
}

/// All film and look, the first in those sizes, until it is enough; how long that took.
fn film(
    browsers: &mut [Browser; 3],
    layers: std::ops::Range<usize>,
    enough: impl Fn(&[Browser; 3]) -> bool,
) -> Option<Duration> {
    let begun = Instant::now();
    let mut next = begun;
    while begun.elapsed() < Duration::from_secs(20) {
        browsers[0].film(layers.clone());
        browsers.iter_mut().for_each(Browser::look);
        if enough(browsers) {
            return Some(begun.elapsed());
        }
        next += Duration::from_millis(20);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    None
}

#[test]
fn each_is_shown_the_size_that_it_can_take_without_a_seam() {
    let ports = support::ports::free(100);
    let config = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 1\nport_min = {}\nport_max = {}\n",
        ports.0, ports.1
    );
    let mut node = Program::start("simulcast", &config, Vec::new());
    let mut browsers = [
        Browser::enter(&mut node, "films", "", LAYERS),
        Browser::enter(&mut node, "sees", "", ""),
        Browser::enter(&mut node, "sees-less", "b=AS:250\r\n", ""),
    ];
    let see = |large, small| {
        move |browsers: &[Browser; 3]| {
            browsers[1].sees() == Some(large) && browsers[2].sees() == Some(small)
        }
    };
    let found = film(&mut browsers, 0..3, see(0, 1));
    println!("each sees what it can take after {found:?}");
    assert!(found.is_some(), "{:?} {:?}", browsers[1].sees(), browsers[2].sees());
    for (layers, large, small) in [(1..3, 1, 1), (2..3, 2, 2), (0..1, 0, 0), (0..3, 0, 1)] {
        let turned = film(&mut browsers, layers.clone(), see(large, small));
        println!("of {layers:?} they see {large} and {small} after {turned:?}");
        assert!(turned.is_some(), "{:?} {:?}", browsers[1].sees(), browsers[2].sees());
    }
    for browser in &browsers[1..] {
        assert!(browser.seen.len() > 50 && browser.seen[0].3, "it begins with a key frame");
        let mut turns = 0;
        for pair in browser.seen.windows(2) {
            let [(before, sequence_before, picture_before, _), (layer, sequence, picture, key)] =
                *pair
            else {
                panic!();
            };
            assert_eq!(sequence, sequence_before.wrapping_add(1));
            assert_eq!(picture, (picture_before + 1) & 0x7fff);
            assert!(layer == before || key, "another begins with a key frame");
            turns += usize::from(layer != before);
        }
        assert!((3..12).contains(&turns), "{turns}");
    }
}
