// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is sent whose video, with time as an argument: three members in plain RTP on loopback.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use ale_media::leg::{Leg, LegConfig};
use ale_media::rtp::rtcp::CompoundWriter;
use ale_media::rtp::{RtpHeader, RtpPacket};
use ale_media::session::{Keying, PayloadTypes, Role, SessionConfig, create};

use super::*;
use crate::ports::{Ports, Sockets};
use crate::video::input::Formats;
use crate::video::key_frame::Codec;
use crate::video::layers::Simulcast;
use crate::video::output::Start;
use crate::worker::Passing;

const MS: u64 = 1_000_000;
const MIX: u64 = 5;

/// Members by places, with what their browsers have.
struct Room {
    stages: Stages,
    paths: Vec<Option<Box<Path>>>,
    places: HashMap<u64, usize>,
    browsers: Vec<UdpSocket>,
    sequences: Vec<u16>,
    now_ns: u64,
}

fn path(id: u64, peer: SocketAddr, keying: Keying, simulcast: Option<&Simulcast>) -> Box<Path> {
    // What each has agreed on has numbers of its own.
    let payload_type = 100 + id as u8;
    let formats = Formats {
        codec: Codec::Vp8,
        payload_type,
        repair: Some(110 + id as u8),
        transport_number: None,
        send_time: None,
    };
    let start =
        Start { ssrc: 900 + id as u32, repair_ssrc: 950, sequences: [10, 20], timestamp: 0 };
    let mut config = SessionConfig::new(start.ssrc);
    (config.keying, config.remote.rtp, config.rtcp_interval_ms) = (keying, Some(peer), 0);
    config.payload_types = PayloadTypes::new();
    config.payload_types.set(payload_type, Role::PassThrough, 90_000);
    let (receiver, sender, _) = create(&config).unwrap();
    let camera = Camera {
        mix: MIX,
        types: 1 << payload_type,
        receiver,
        sender,
        input: Some(Layers::new(id, formats, simulcast, (start.ssrc, "x"), 500_000)),
        output: Some(Output::new(formats, start, "x", None)),
        limit_bps: 500_000,
        burst: Burst::default(),
        is_watched: false,
        heard_ns: 0,
        is_live: true,
        counters: Arc::default(),
    };
    let mut leg = LegConfig::plain(1, 0, ale_media::codec::CodecSpec::Pcmu);
    leg.remote.rtp = Some(peer);
    let (receiver, _, _) = Leg::new(&leg).unwrap();
    let sockets = Sockets::Own(
        Ports::new(IpAddr::from([127, 0, 0, 1]), 23_500, 23_599, 0, 0).bind().unwrap(),
    );
    let (peer, passing, counters) = (None, Passing::default(), Arc::default());
    let facing =
        Facing { sockets, rtcp_mux: true, peer, passing, playing: None, ear: None, counters };
    let mut media = Heard::new(receiver, None);
    media.camera = Some(Box::new(camera));
    Box::new(Path { id, ends: Ends::Mix(End { facing, media }) })
}

impl Room {
    fn of(members: u64) -> Self {
        Self::keyed(members, |_| Keying::Plain)
    }

    fn keyed(members: u64, keying: impl Fn(usize) -> Keying) -> Self {
        let browsers: Vec<_> = (0..members)
            .map(|_| {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                socket
            })
            .collect();
        let mut room = Self {
            stages: Stages::new(),
            paths: (0..members).map(|_| None).collect(),
            places: (0..members).map(|n| (n + 1, n as usize)).collect(),
            sequences: vec![0; members as usize],
            now_ns: 1_000 * MS,
            browsers,
        };
        for n in 0..members as usize {
            let peer = room.browsers[n].local_addr().unwrap();
            room.paths[n] = Some(path(n as u64 + 1, peer, keying(n), None));
            room.stages.enter(&mut room.paths, n, room.now_ns);
        }
        room
    }

    /// A member's camera sends a picture of one packet.
    fn film(&mut self, n: usize, key: bool) {
        self.now_ns += 20 * MS;
        let header = RtpHeader {
            marker: true,
            payload_type: 101 + n as u8,
            sequence: self.sequences[n],
            timestamp: 0,
            ssrc: n as u32,
            ..RtpHeader::default()
        };
        self.sequences[n] += 1;
        let mut bytes = vec![0; header.encoded_len()];
        header.write(&mut bytes).unwrap();
        bytes.extend([0x10, u8::from(!key), n as u8]);
        let from = self.browsers[n].local_addr().unwrap();
        self.stages.take(&mut self.paths, n, Some(&mut bytes), Some(from), self.now_ns);
    }

    fn tick(&mut self) {
        self.now_ns += 10 * MS;
        self.stages.tick(&mut self.paths, &self.places, self.now_ns);
    }

    fn say(&mut self, n: usize, compound: &[u8]) {
        let from = self.browsers[n].local_addr().unwrap();
        let (paths, places) = (&mut self.paths, &self.places);
        self.stages.hear(paths, places, n, compound, Some(from), self.now_ns);
    }

    /// What a browser gets: RTP, or RTCP.
    fn got(&self, n: usize, report: bool) -> Vec<u8> {
        loop {
            let mut bytes = vec![0; 2_048];
            let length = self.browsers[n].recv(&mut bytes).expect("something comes");
            bytes.truncate(length);
            if is_rtcp(&bytes) == report {
                return bytes;
            }
        }
    }

    /// Whose picture a browser gets: payload type, sequence number, and who it is.
    fn sees(&self, n: usize) -> (u8, u16, u8) {
        let bytes = self.got(n, false);
        let packet = RtpPacket::parse(&bytes).unwrap();
        (packet.payload_type(), packet.sequence(), packet.payload().unwrap()[2])
    }

    /// Whether a browser has been sent nothing more.
    fn sees_nothing(&self, n: usize) -> bool {
        self.browsers[n].set_nonblocking(true).unwrap();
        let mut none = true;
        let mut bytes = [0; 2_048];
        while let Ok(length) = self.browsers[n].recv(&mut bytes) {
            none &= is_rtcp(&bytes[..length]);
        }
        self.browsers[n].set_nonblocking(false).unwrap();
        none
    }

    /// Whether the camera of a member is asked for a key frame with the next tick.
    fn is_asked(&mut self, n: usize) -> bool {
        // Not by an earlier one.
        self.sees_nothing(n);
        self.now_ns += 300 * MS;
        self.tick();
        self.browsers[n].set_nonblocking(true).unwrap();
        let (mut asked, mut bytes) = (false, [0; 2_048]);
        while let Ok(length) = self.browsers[n].recv(&mut bytes) {
            feedback::read(&bytes[..length], n as u32, |feedback| {
                asked |= matches!(feedback, Feedback::KeyFrame);
            });
        }
        self.browsers[n].set_nonblocking(false).unwrap();
        asked
    }

    fn camera(&self, n: usize) -> &Camera {
        camera(self.paths[n].as_deref().unwrap()).unwrap()
    }
}

#[test]
fn what_a_wake_up_has_for_a_browser_on_a_common_port_goes_with_its_end_and_in_order() {
    let mut room = Room::of(2);
    let port = Arc::new(SharedPort::bind(([127, 0, 0, 1], 0).into(), 0).unwrap());
    let (facing, camera) = at(&mut room.paths, 1).unwrap();
    facing.sockets = Sockets::Shared(Arc::clone(&port));
    camera.burst.reserve();
    // More than go at a time, of one size: then one is sent before.
    for n in 0..40 {
        room.film(0, n == 0);
    }
    room.stages.send_bursts(&mut room.paths);
    let mut bytes = [0; 2_048];
    for n in 0..40 {
        let (length, from) = room.browsers[1].recv_from(&mut bytes).expect("something comes");
        assert_eq!(from.port(), port.port());
        assert_eq!(RtpPacket::parse(&bytes[..length]).unwrap().sequence(), 10 + n);
    }
    room.film(0, false);
    assert!(room.sees_nothing(1), "its wake-up has not ended");
    room.stages.send_bursts(&mut room.paths);
    assert_eq!(room.sees(1), (102, 50, 0));
    room.stages.send_bursts(&mut room.paths);
    assert!(room.sees_nothing(1), "once");
    assert_eq!(room.camera(1).counters.read()[Counted::Unsent as usize], 0);
}

#[test]
fn who_speaks_is_shown_from_a_key_frame_on_by_each_ones_own_numbers() {
    let mut room = Room::of(3);
    for n in 0..3 {
        room.film(n, true);
    }
    // The first two see each other, the third who came first.
    assert_eq!(
        [room.sees(0), room.sees(1), room.sees(2)],
        [(101, 10, 1), (102, 10, 0), (103, 10, 0)]
    );
    room.stages.speak(&mut room.paths, MIX, 3);
    room.film(2, false);
    room.film(0, false);
    assert_eq!(room.sees(1), (102, 11, 0), "the one before, until there is a key frame");
    assert_eq!(room.sees(2), (103, 11, 0));
    assert!(room.is_asked(2) && !room.is_asked(1));
    room.film(2, true);
    assert_eq!([room.sees(0), room.sees(1)], [(101, 11, 2), (102, 12, 2)]);
    assert!(!room.is_asked(2), "it has been answered");
    room.film(0, false);
    assert_eq!(room.sees(2), (103, 12, 0), "who speaks sees who was shown before");
    assert!(room.sees_nothing(1));
    // Who speaks leaves.
    let gone = room.paths[2].take().unwrap();
    room.stages.leave(&mut room.paths, 2, &gone);
    room.film(0, true);
    room.film(1, true);
    assert_eq!([room.sees(0), room.sees(1)], [(101, 12, 1), (102, 13, 0)]);
    let Ends::Mix(end) = &mut room.paths[0].as_deref_mut().unwrap().ends else { panic!() };
    end.facing.passing.blocked = true;
    room.film(0, false);
    assert!(room.sees_nothing(1), "what is blocked");
}

#[test]
fn what_a_member_asks_for_is_asked_of_who_is_shown_or_sent_again_and_its_bandwidth_is_told() {
    let mut room = Room::of(2);
    room.film(1, true);
    room.film(1, false);
    assert_eq!([room.sees(0), room.sees(0)], [(101, 10, 1), (101, 11, 1)]);
    let mut out = [0; 200];
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(77, &[]).unwrap();
    writer.nack(77, 901, &[10, 12]).unwrap();
    let used = writer.len();
    room.say(0, &out[..used]);
    let bytes = room.got(0, false);
    let again = RtpPacket::parse(&bytes).unwrap();
    assert_eq!((again.payload_type(), again.sequence(), again.ssrc()), (111, 20, 950));
    assert_eq!(again.payload().unwrap(), [0, 10, 0x10, 0, 1]);
    assert!(room.sees_nothing(0), "no other was sent");
    room.film(0, true);
    assert!(!room.is_asked(1));
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(77, &[]).unwrap();
    let used = writer.len();
    let used = feedback::ask_for_key_frame(&mut out, used, 77, 901).unwrap();
    let used = feedback::tell_bandwidth(&mut out, used, 77, 901, 128_000).unwrap();
    room.say(0, &out[..used]);
    assert!(room.is_asked(1) && !room.is_asked(0));
    room.now_ns += 2_000 * MS;
    room.tick();
    for (n, told) in [(1, 128_000), (0, 500_000)] {
        // Between them are other reports.
        let mut limits = Vec::new();
        while limits.last() != Some(&told) {
            feedback::read(&room.got(n, true), n as u32, |feedback| {
                if let Feedback::Bandwidth(bps) = feedback {
                    limits.push(bps);
                }
            });
        }
    }
    let counted = |n: usize| {
        let counts = room.camera(n).counters.read();
        move |what: Counted| counts[what as usize]
    };
    let (one, other) = (counted(0), counted(1));
    assert_eq!((one(Counted::Sent), one(Counted::Repaired), one(Counted::NotRepaired)), (2, 1, 0));
    // With each look at the clock again: none has come.
    assert_eq!((other(Counted::Received), other(Counted::KeyFramesAsked)), (2, 3));
    assert!(one(Counted::Switches) == 1 && one(Counted::Unsent) == 0);
}

/// What docs/scale.md tells: `cargo test --release -p ale-media-node --lib camera -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn what_a_forwarded_packet_costs() {
    use ale_media::session::SrtpConfig;
    use ale_media::srtp::{self, MasterKey, Suite};
    const PACKETS: u16 = 20_000;
    for viewers in [1, 9, 27] {
        let mut room = Room::keyed(viewers + 1, |n| {
            let suite = Suite::AeadAes128Gcm;
            let key = || MasterKey::from_concatenated(suite, &[n as u8; 28]).unwrap();
            let config = || srtp::SessionConfig::new(suite, key());
            let srtp = SrtpConfig { send: config(), receive: config() };
            if n == 0 { Keying::Plain } else { Keying::Srtp(Box::new(srtp)) }
        });
        room.stages.speak(&mut room.paths, MIX, 1);
        room.film(0, true);
        let from = room.browsers[0].local_addr().unwrap();
        let header = RtpHeader { payload_type: 101, ssrc: 0, ..RtpHeader::default() };
        let begun = std::time::Instant::now();
        for sequence in 1..=PACKETS {
            let mut bytes = [1; 1_112];
            RtpHeader { sequence, ..header }.write(&mut bytes).unwrap();
            let now_ns = room.now_ns + u64::from(sequence) * MS;
            room.stages.take(&mut room.paths, 0, Some(&mut bytes), Some(from), now_ns);
        }
        let passed = begun.elapsed().as_nanos() / u128::from(PACKETS);
        let sent = room.camera(1).output.as_ref().unwrap().stats().packets;
        assert_eq!(sent, u64::from(PACKETS) + 1);
        println!("{viewers} viewers: {} ns a packet that is sent", passed / u128::from(viewers));
    }
}

#[test]
fn a_datagram_is_the_voices_or_the_videos_by_its_payload_type() {
    let room = Room::of(1);
    let Ends::Mix(end) = &room.paths[0].as_ref().unwrap().ends else { panic!() };
    for (second, of) in [
        (101, Whose::Video),
        (0x80 | 101, Whose::Video),
        (0, Whose::Voice),
        (102, Whose::Voice),
        (201, Whose::Both),
        (206, Whose::Both),
    ] {
        let datagram = [0x80, second, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
        assert_eq!(whose(end, Some(&datagram)), of, "{second}");
    }
    assert_eq!((whose(end, None), whose(end, Some(&[0x80]))), (Whose::Voice, Whose::Voice));
}

#[test]
fn a_camera_that_is_off_is_shown_to_nobody_until_it_films() {
    let mut room = Room::of(3);
    let wanted = |room: &Room, n: usize| {
        let camera = camera(room.paths[n].as_deref().unwrap()).unwrap();
        camera.output.as_ref().and_then(Output::wanted)
    };
    room.stages.speak(&mut room.paths, MIX, 3);
    assert_eq!([0, 1, 2].map(|n| wanted(&room, n)), [Some(3), Some(3), Some(1)]);
    // The last one's is off, or it is a link to where nobody has one.
    let off_ns = room.now_ns + OFF_NS;
    while room.now_ns < off_ns + LIMITS_NS {
        room.film(0, true);
        room.film(1, true);
        room.tick();
    }
    assert_eq!([0, 1, 2].map(|n| wanted(&room, n)), [Some(2), Some(1), Some(1)]);
    room.film(2, false);
    assert_eq!([0, 1, 2].map(|n| wanted(&room, n)), [Some(3), Some(3), Some(1)]);
}
