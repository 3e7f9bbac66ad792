// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node without its NG socket, asked in bencode, with media on loopback.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test uses a part.

pub mod browser;
pub mod certificate;
pub mod encrypted;
pub mod network;
pub mod ports;
pub mod program;
pub mod redis;
pub mod server;
pub mod talker;
pub mod taps;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ale_media_node::config::{Conference, Config, Interface, Media};
use ale_media_node::control::Control;
use ale_media_node::ng::bencode::{self, Value};
use ale_media_node::ng::server::Server;
use ale_media_node::worker::Clock;

/// The node, and how it is asked.
pub struct Node {
    pub control: Control,
    server: Server,
    cookies: u64,
}

/// A key and its value, of a request.
#[derive(Clone, Copy)]
pub enum Said<'a> {
    Text(&'a str, &'a str),
    List(&'a str, &'a [&'a str]),
    Bytes(&'a str, &'a [u8]),
}

use Said::{Bytes, List, Text};

impl Node {
    /// A node whose media goes over an address, on its own part of the ports.
    pub fn on(address: &str, ports: (u16, u16)) -> Self {
        Self::with(&[address], Media { port_min: ports.0, port_max: ports.1, ..Media::default() })
    }

    pub fn with(addresses: &[&str], media: Media) -> Self {
        Self::limited(addresses, media, Conference::default())
    }

    pub fn limited(addresses: &[&str], media: Media, conference: Conference) -> Self {
        let interfaces = addresses.iter().map(|text| Interface::from_argument(text).unwrap());
        let config = Config {
            interfaces: interfaces.collect(),
            media: Media { workers: 1, ..media },
            conference,
            ..Config::default()
        };
        Self::of(config)
    }

    pub fn of(config: Config) -> Self {
        config.check().unwrap();
        let control = Control::start(&config, Clock::start()).unwrap();
        Self { control, server: Server::new(config.ng.allow), cookies: 0 }
    }

    /// Asks, and gives the answer's dictionary.
    pub fn ask(&mut self, command: &str, said: &[Said<'_>]) -> Answer {
        self.cookies += 1;
        let datagram = request(self.cookies, command, said);
        let from = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut out = Vec::new();
        assert!(self.server.answer(&datagram, from, 0, &mut self.control, &mut out));
        Answer::of(out, self.cookies)
    }

    /// An offer and its answer; what each side is passed.
    pub fn call(
        &mut self,
        call_id: &str,
        offer: (&str, &[Said<'_>]),
        answer: impl FnOnce(&str) -> String,
    ) -> [String; 2] {
        let ids = || vec![Text("call-id", call_id), Text("from-tag", "a")];
        let mut asked = ids();
        asked.push(Text("sdp", offer.0));
        asked.extend(offer.1.iter().copied());
        let offered = self.ask("offer", &asked).sdp();
        let answer = answer(&offered);
        let mut asked = ids();
        asked.extend([Text("to-tag", "b"), Text("sdp", &answer)]);
        let answered = self.ask("answer", &asked).sdp();
        [offered, answered]
    }
}

/// A request, as a datagram.
pub fn request(cookie: u64, command: &str, said: &[Said<'_>]) -> Vec<u8> {
    let mut datagram = format!("{cookie} ").into_bytes();
    bencode::dictionary(&mut datagram, |request| {
        request.string("command", command);
        for one in said {
            match one {
                Text(key, text) => {
                    request.string(key, text);
                }
                Bytes(key, bytes) => {
                    request.string(key, bytes);
                }
                List(key, texts) => {
                    request.list(key, |list| {
                        texts.iter().for_each(|text| {
                            list.string(text);
                        });
                    });
                }
            }
        }
    });
    datagram
}

/// An answer in bencode.
#[derive(Debug)]
pub struct Answer(Vec<u8>);

impl Answer {
    /// What answers the request with a cookie.
    pub fn of(mut datagram: Vec<u8>, cookie: u64) -> Self {
        let at = datagram.iter().position(|&byte| byte == b' ').unwrap();
        assert_eq!(datagram[..at], *cookie.to_string().as_bytes());
        Self(datagram.split_off(at + 1))
    }

    pub fn value(&self) -> Value<'_> {
        bencode::read(&self.0).unwrap()
    }

    pub fn text(&self, key: &str) -> Option<String> {
        self.value().entry(key).and_then(Value::text).map(String::from)
    }

    pub fn sdp(&self) -> String {
        assert_eq!(self.text("result").as_deref(), Some("ok"), "{:?}", self.text("error-reason"));
        self.text("sdp").unwrap()
    }
}

/// A phone: a socket for RTP and one for RTCP.
pub struct Phone {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl Phone {
    pub fn new() -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            // Long enough for any machine: what is waited for comes, or the test fails.
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            socket
        };
        Self { rtp: socket(), rtcp: socket() }
    }

    /// Its description.
    pub fn sdp(&self, transport: &str, more: &str) -> String {
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 77 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {} {transport} 0 8 101\r\na=rtcp:{}\r\na=rtpmap:101 telephone-event/8000\r\n{more}",
            port(&self.rtp),
            port(&self.rtcp)
        )
    }

    pub fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 2048];
        let (bytes, from) = socket.recv_from(&mut buffer).expect("something comes");
        buffer.truncate(bytes);
        (buffer, from)
    }
}

/// Where a description says that its first line's media, and its reports, are to be sent.
pub fn addresses(sdp: &str) -> (SocketAddr, SocketAddr) {
    let after = |start: &str| {
        sdp.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{sdp}"))
    };
    let ip = after("c=IN IP4 ").parse().unwrap();
    let port = after("m=audio ").split(' ').next().unwrap().parse().unwrap();
    let rtcp = after("a=rtcp:").parse().unwrap();
    (SocketAddr::new(ip, port), SocketAddr::new(ip, rtcp))
}

/// Amplitude of a frequency in samples at 8 kHz, by a sum over a Hann window.
pub fn amplitude(samples: &[i16], hz: f64) -> f64 {
    let (mut real, mut imaginary, mut weight) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let turn = core::f64::consts::TAU * n as f64;
        let window = 1.0 - (turn / samples.len() as f64).cos();
        let (sin, cos) = (turn * hz / 8_000.0).sin_cos();
        let sample = window * f64::from(sample);
        (real, imaginary, weight) =
            (real + sample * cos, imaginary + sample * sin, weight + window);
    }
    2.0 * real.hypot(imaginary) / weight
}

/// A packet of mu-law by RFC 3550 section 5.1, by hand.
pub fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160_u8).map(|n| n ^ sequence as u8));
    packet
}

/// A receiver report without blocks and a CNAME, by RFC 3550 sections 6.4.2 and 6.5, by hand.
pub fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x81, 202, 0, 2]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([1, 1, b'x', 0]);
    packet
}

/// Bytes of a packet before its payload, by RFC 3550 sections 5.1 and 5.3.1, by hand.
pub fn header_bytes(packet: &[u8]) -> usize {
    let fixed = 12 + 4 * usize::from(packet[0] & 0xf);
    if packet[0] & 0x10 == 0 {
        return fixed;
    }
    fixed + 4 + 4 * usize::from(u16::from_be_bytes([packet[fixed + 2], packet[fixed + 3]]))
}
