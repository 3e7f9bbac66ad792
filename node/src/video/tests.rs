// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cameras and a member that is shown them, over a network that loses, doubles and reorders.

use std::collections::{BTreeMap, VecDeque};

use ale_media::rtp::extension::Elements;
use ale_media::rtp::rtcp::{Packet, Packets};
use ale_media::rtp::{RtpHeader, RtpPacket};
use proptest::prelude::*;

use super::Run;
use super::arrivals::Arrivals;
use super::choice::Offered;
use super::feedback::{self, Feedback};
use super::input::{Formats, Input};
use super::key_frame::Codec;
use super::output::{Output, Start};

const MS: u64 = 1_000_000;
const FORMATS: Formats = Formats {
    codec: Codec::Vp8,
    payload_type: 96,
    repair: Some(97),
    transport_number: None,
    send_time: Some(3),
};

/// A camera: two packets a picture, the first of which says whether it needs another.
struct Camera {
    path: u64,
    ssrc: u32,
    next: u16,
    pictures: u32,
    wants_key: bool,
    sent: BTreeMap<u16, Vec<u8>>,
    repair: u16,
}

impl Camera {
    fn new(path: u64, next: u16) -> Self {
        let ssrc = 1_000 + path as u32;
        Self { path, ssrc, next, pictures: 0, wants_key: true, sent: BTreeMap::new(), repair: 0 }
    }

    fn timestamp(&self) -> u32 {
        (self.path as u32) << 29 | (self.pictures * 3_000)
    }

    /// The packets of the next picture.
    fn picture(&mut self) -> Vec<Vec<u8>> {
        let key = std::mem::take(&mut self.wants_key);
        let packets = [true, false].map(|first| {
            let begin = [if first { 0x10 } else { 0 }, u8::from(!(key && first))];
            let mut payload = begin.to_vec();
            payload.extend(self.path.to_be_bytes());
            payload.extend(self.next.to_be_bytes());
            let header = RtpHeader {
                marker: !first,
                payload_type: 96,
                sequence: self.next,
                timestamp: self.timestamp(),
                ssrc: self.ssrc,
                ..RtpHeader::default()
            };
            let packet = packet(&header, &payload);
            self.sent.insert(self.next, packet.clone());
            self.next = self.next.wrapping_add(1);
            packet
        });
        self.pictures += 1;
        packets.into()
    }

    /// A packet once more, as RFC 4588 has it.
    fn again(&mut self, number: u16) -> Vec<u8> {
        let sent = &self.sent[&number];
        let first = RtpPacket::parse(sent).unwrap();
        self.repair = self.repair.wrapping_add(1);
        let header = RtpHeader {
            marker: first.marker(),
            payload_type: 97,
            sequence: self.repair,
            timestamp: first.timestamp(),
            ssrc: self.ssrc + 500,
            ..RtpHeader::default()
        };
        packet(&header, &[&number.to_be_bytes()[..], first.payload().unwrap()].concat())
    }
}

fn packet(header: &RtpHeader<'_>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; header.encoded_len()];
    header.write(&mut bytes).unwrap();
    bytes.extend(payload);
    bytes
}

fn input(path: u64) -> Input {
    layer(path, 0)
}

fn layer(path: u64, layer: u8) -> Input {
    Input::new(Run { path, layer, number: 0 }, FORMATS, 7, "cname", 1_000_000)
}

fn output(first: u16) -> Output {
    let start = Start { ssrc: 70, repair_ssrc: 71, sequences: [first, 9], timestamp: 0xffff_f000 };
    Output::new(FORMATS, start, "cname", None)
}

/// What a member is shown of packets that have come: sent packets by their numbers.
fn forward(input: &mut Input, bytes: &[u8], output: &mut Output, now_ns: u64) -> Vec<Vec<u8>> {
    let packet = RtpPacket::parse(bytes).unwrap();
    let Some((head, highest)) = input.take(&packet, packet.payload().unwrap(), now_ns) else {
        return Vec::new();
    };
    let Some(due) = output.due(input.run(), &head, highest, now_ns) else { return Vec::new() };
    let mut sent = Vec::new();
    for sequence in due {
        let Some((head, payload)) = input.kept(sequence) else { continue };
        let mut out = [0; 1_500];
        let (bytes, of_payload) =
            output.write(input.run(), &head, payload, now_ns, &mut out).unwrap();
        assert_eq!(of_payload, payload.len());
        sent.push(out[..bytes].to_vec());
    }
    sent
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Comes,
    Lost,
    Twice,
    Late,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Comes),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_lost_and_whoever_is_shown_the_stream_has_no_seam(
        firsts: [u16; 4],
        layers: bool,
        steps in prop::collection::vec(([[fate(), fate()], [fate(), fate()], [fate(), fate()]], 0_u64..40), 40..300),
    ) {
        let mut cameras: Vec<_> =
            (0..3_usize).map(|n| {
                // Three cameras, or three layers of the first.
                let input = if layers { layer(1, n as u8) } else { input(n as u64 + 1) };
                (Camera::new(n as u64 + 1, firsts[n]), input)
            }).collect();
        let mut output = output(firsts[3]);
        let (mut now_ns, mut late) = (1_000 * MS, VecDeque::new());
        let mut sent: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut newest = 0_u64;
        output.want(Some(1));
        for (fates, turn) in steps {
            now_ns += 33 * MS;
            if (1..=3).contains(&turn) && layers {
                let only = [Offered { layer: turn as u8 - 1, bps: 1 }];
                output.choose_of(&only, now_ns);
            } else if (1..=3).contains(&turn) {
                output.want(Some(turn));
            }
            let of = |path: u64, layer: u8| path as usize - 1 + usize::from(layer);
            let run_of = |path, layer| cameras.get(of(path, layer)).map(|(_, input)| input.run());
            if let Some(run) = output.waits_for(run_of) {
                cameras[of(run.path, run.layer)].1.want_key_frame();
            }
            let mut came: Vec<(usize, Vec<u8>)> = Vec::new();
            for (n, (camera, input)) in cameras.iter_mut().enumerate() {
                let mut out = [0; 1_500];
                if let Some(used) = input.poll_feedback(now_ns, &mut Arrivals::new(), &mut out) {
                    feedback::read(&out[..used], camera.ssrc, |feedback| match feedback {
                        Feedback::KeyFrame => camera.wants_key = true,
                        Feedback::Missing(numbers) => {
                            came.extend(numbers.map(|number| (n, camera.again(number))));
                        }
                        Feedback::Bandwidth(bps) => assert_eq!(bps, 1_000_000),
                        Feedback::Lost(_) => {}
                    });
                }
                for (packet, fate) in camera.picture().into_iter().zip(fates[n]) {
                    match fate {
                        Fate::Comes => came.push((n, packet)),
                        Fate::Lost => {}
                        Fate::Twice => came.extend([(n, packet.clone()), (n, packet)]),
                        Fate::Late => late.push_back((n, packet)),
                    }
                }
            }
            came.extend(late.drain(..late.len().saturating_sub(3)));
            for (n, packet) in came {
                for shown in forward(&mut cameras[n].1, &packet, &mut output, now_ns) {
                    let number = RtpPacket::parse(&shown).unwrap().sequence();
                    let number = if sent.is_empty() {
                        1 << 16 | u64::from(number)
                    } else {
                        super::input::extended(newest, number)
                    };
                    newest = newest.max(number);
                    prop_assert!(sent.insert(number, shown).is_none(), "a number twice");
                }
            }
        }
        let packets: Vec<_> = sent.iter().map(|(at, bytes)| (*at, RtpPacket::parse(bytes).unwrap())).collect();
        let of = |packet: &RtpPacket<'_>| {
            let payload = packet.payload().unwrap();
            (payload[9], u16::from_be_bytes([payload[10], payload[11]]), payload[0] == 0x10 && payload[1] == 0)
        };
        prop_assert!(packets.first().is_some_and(|(_, first)| of(first).2), "it begins with a key frame");
        let (mut missing, mut turns) = (0, 0);
        for pair in packets.windows(2) {
            let [(before_at, before), (at, packet)] = pair else { panic!() };
            let ((path_before, number_before, _), (path, number, key)) = (of(before), of(packet));
            let ticks = packet.timestamp().wrapping_sub(before.timestamp());
            prop_assert_eq!((packet.ssrc(), packet.payload_type()), (70, 96));
            prop_assert!(Elements::of(packet).find(3).is_some_and(|time| time.len() == 3));
            missing += at - before_at - 1;
            turns += u64::from(path != path_before);
            if path == path_before {
                prop_assert_eq!(u64::from(number.wrapping_sub(number_before)), at - before_at);
                prop_assert!(ticks <= 3_000 * 20);
            } else {
                prop_assert!(key && at - before_at == 1, "another camera begins with a key frame");
                prop_assert!((1..=90 * 33 * 20).contains(&ticks));
            }
        }
        let stats = output.stats();
        prop_assert_eq!((stats.switches, stats.resizes), if layers { (1, turns) } else { (1 + turns, 0) });
        // What was lost was asked for until it came; of the last pictures some may be under way.
        prop_assert!(missing <= 12, "{missing} missing");
        for (at, packet) in packets.iter().rev().take(100) {
            let Some((run, sequence)) = output.original(*at as u16) else { continue };
            let (path, number, _) = of(packet);
            prop_assert_eq!((run.path + u64::from(run.layer), sequence as u16), (u64::from(path), number));
            let kept = cameras[path as usize - 1].1.kept(sequence);
            let mut out = [0; 1_500];
            let Some((bytes, _)) = output.write_again(run, kept, now_ns, &mut out) else { continue };
            let again = RtpPacket::parse(&out[..bytes]).unwrap();
            prop_assert_eq!((again.payload_type(), again.ssrc(), again.timestamp()), (97, 71, packet.timestamp()));
            let payload = again.payload().unwrap();
            prop_assert_eq!(&payload[..2], &(*at as u16).to_be_bytes());
            prop_assert_eq!(&payload[2..], packet.payload().unwrap());
        }
        prop_assert!(output.original(packets.last().map_or(0, |(at, _)| *at as u16).wrapping_add(1)).is_none());
    }

    #[test]
    fn no_packet_breaks_a_camera(packets in prop::collection::vec((any::<[u16; 2]>(), any::<[u8; 6]>()), 1..400)) {
        let (mut input, mut now_ns) = (input(1), 0);
        for ([sequence, wait], bytes) in packets {
            now_ns += u64::from(wait) * 10_000;
            let header = RtpHeader {
                payload_type: 95 + bytes[0] % 3,
                sequence: sequence % 2_000,
                ssrc: u32::from(bytes[1] % 2),
                ..RtpHeader::default()
            };
            let bytes = packet(&header, &bytes[..usize::from(bytes[2]) % 7]);
            let packet = RtpPacket::parse(&bytes).unwrap();
            let _ = input.take(&packet, packet.payload().unwrap(), now_ns);
            if let Some(used) = input.poll_feedback(now_ns, &mut Arrivals::new(), &mut [0; 1_500]) {
                prop_assert!(used <= 1_500);
            }
        }
    }
}

#[test]
fn a_key_frame_from_before_what_was_shown_shows_nothing_again() {
    let mut cameras = [Camera::new(1, 0), Camera::new(2, 0)];
    let mut inputs = [input(1), input(2)];
    let mut output = output(100);
    let late = cameras[0].picture();
    let mut show = |n: usize, packets: &[Vec<u8>], output: &mut Output, ms| -> Vec<Vec<u8>> {
        let shown = packets.iter().flat_map(|one| forward(&mut inputs[n], one, output, ms * MS));
        shown.collect()
    };
    output.want(Some(1));
    cameras[0].wants_key = true;
    let first = show(0, &cameras[0].picture(), &mut output, 1_000);
    output.want(Some(2));
    assert_eq!([first.len(), show(1, &cameras[1].picture(), &mut output, 1_033).len()], [2, 2]);
    output.want(Some(1));
    assert!(show(0, &late, &mut output, 1_066).is_empty());
    assert_eq!(output.shown().map(|run| run.path), Some(2), "until a new one comes");
    cameras[0].wants_key = true;
    assert_eq!(show(0, &cameras[0].picture(), &mut output, 1_100).len(), 2);
    // What was shown first is still sent again with the time that it had.
    let (run, sequence) = output.original(100).unwrap();
    let mut out = [0; 1_500];
    let (bytes, _) =
        output.write_again(run, inputs[0].kept(sequence), 1_133 * MS, &mut out).unwrap();
    let before = RtpPacket::parse(&first[0]).unwrap();
    assert_eq!(RtpPacket::parse(&out[..bytes]).unwrap().timestamp(), before.timestamp());
}

#[test]
fn a_request_for_a_key_frame_is_sent_once_until_it_is_answered_or_time_has_passed() {
    let (mut camera, mut input) = (Camera::new(1, 5), input(1));
    let mut take = |input: &mut Input, now_ns| {
        for bytes in camera.picture() {
            let packet = RtpPacket::parse(&bytes).unwrap();
            input.take(&packet, packet.payload().unwrap(), now_ns).unwrap();
        }
        camera.wants_key = false;
        let mut asked = 0;
        let mut out = [0; 1_500];
        if let Some(used) = input.poll_feedback(now_ns, &mut Arrivals::new(), &mut out) {
            feedback::read(&out[..used], 1_001, |feedback| {
                asked += u32::from(matches!(feedback, Feedback::KeyFrame));
            });
        }
        asked
    };
    assert_eq!(take(&mut input, 1_000 * MS), 0);
    input.want_key_frame();
    assert_eq!(take(&mut input, 1_001 * MS), 1);
    input.want_key_frame();
    assert_eq!(take(&mut input, 1_200 * MS), 0, "it is under way");
    assert_eq!(take(&mut input, 1_260 * MS), 1, "it was lost");
    input.want_key_frame();
    assert_eq!(input.stats().key_frames_asked, 2);
}

#[test]
fn a_loss_is_asked_for_a_few_times_and_a_long_one_is_answered_by_a_key_frame() {
    let (mut camera, mut input) = (Camera::new(1, 0xfff0), input(1));
    let mut out = [0; 1_500];
    let mut pictures: Vec<_> = (0..60).flat_map(|_| camera.picture()).collect();
    let mut take = |input: &mut Input, range: std::ops::Range<usize>, now_ns| {
        for bytes in &mut pictures[range] {
            let packet = RtpPacket::parse(bytes).unwrap();
            input.take(&packet, packet.payload().unwrap(), now_ns);
        }
    };
    let mut asked = |input: &mut Input, now_ns| {
        let (mut numbers, mut key) = (Vec::new(), false);
        if let Some(used) = input.poll_feedback(now_ns, &mut Arrivals::new(), &mut out) {
            let packets = Packets::new(&out[..used]).collect::<Result<Vec<_>, _>>().unwrap();
            assert!(matches!(packets[0], Packet::ReceiverReport(7, _)), "a compound packet");
            feedback::read(&out[..used], 1_001, |feedback| match feedback {
                Feedback::Missing(missing) => numbers.extend(missing),
                Feedback::KeyFrame => key = true,
                Feedback::Bandwidth(_) | Feedback::Lost(_) => {}
            });
        }
        (numbers, key)
    };
    take(&mut input, 0..4, MS);
    asked(&mut input, MS);
    take(&mut input, 6..8, 2 * MS);
    assert_eq!(asked(&mut input, 2 * MS), (vec![0xfff4, 0xfff5], false));
    assert_eq!(asked(&mut input, 20 * MS), (vec![], false), "the answer is under way");
    let rounds = (1..60).filter(|n| !asked(&mut input, n * 41 * MS).0.is_empty()).count();
    assert_eq!((rounds, input.stats().lost), (6, 2));
    take(&mut input, 110..112, 3_000 * MS);
    assert_eq!(asked(&mut input, 3_000 * MS), (vec![], true));
}

#[test]
fn a_camera_that_begins_anew_is_another_run() {
    let (mut first, mut input) = (Camera::new(1, 100), input(1));
    let mut output = output(5);
    output.want(Some(1));
    let mut shown = Vec::new();
    for bytes in first.picture() {
        shown.extend(forward(&mut input, &bytes, &mut output, MS));
    }
    let mut second = Camera::new(1, 60_000);
    second.ssrc = 77;
    second.wants_key = false;
    // Another source beside one that sends is nobody's.
    assert!(
        second.picture().iter().all(|b| forward(&mut input, b, &mut output, 2 * MS).is_empty())
    );
    let now_ns = 500 * MS;
    assert!(
        second.picture().iter().all(|b| forward(&mut input, b, &mut output, now_ns).is_empty())
    );
    assert_eq!(input.run().number, 2);
    assert_eq!(output.waits_for(|_, _| Some(input.run())), Some(input.run()));
    second.wants_key = true;
    for bytes in second.picture() {
        shown.extend(forward(&mut input, &bytes, &mut output, now_ns));
    }
    assert_eq!(output.waits_for(|_, _| Some(input.run())), None);
    let numbers: Vec<_> = shown.iter().map(|b| RtpPacket::parse(b).unwrap().sequence()).collect();
    assert_eq!(numbers, [5, 6, 7, 8]);
}
