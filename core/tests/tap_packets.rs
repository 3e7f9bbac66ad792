// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that taps take, beside a list of what should have come: each member's payloads say whose they are.

use std::collections::VecDeque;

use ale_media::codec::CodecSpec;
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, MemberId, Outgoing,
};
use ale_media::jitter::MAX_PAYLOAD_BYTES;
use ale_media::leg::{Leg, LegConfig, LegReceiver, ReceiveError};
use ale_media::tap::{
    Basis, Grant, Purpose, Purposes, SinkId, TapConfig, TapId, TapReader, TapSource,
};
use proptest::prelude::*;

const TICK_NS: u64 = 10_000_000;
const MEMBERS: usize = 3;
const SINK: SinkId = SinkId(4);

#[derive(Debug, Clone)]
enum Step {
    Tap { of: usize, frames: u32, sound: bool },
    Pause(usize, bool),
    EndTap(usize),
    DropReader(usize),
    Grant(usize),
    Withdraw(usize),
    Mute(usize, bool),
    Send { of: usize, packets: usize, bytes: usize },
    Read(usize, usize),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0_usize..6;
    prop_oneof![
        3 => (n.clone(), 1_u32..9, any::<bool>())
            .prop_map(|(of, frames, sound)| Step::Tap { of, frames, sound }),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, paused)| Step::Pause(n, paused)),
        1 => n.clone().prop_map(Step::EndTap),
        1 => n.clone().prop_map(Step::DropReader),
        3 => n.clone().prop_map(Step::Grant),
        1 => n.clone().prop_map(Step::Withdraw),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, muted)| Step::Mute(n, muted)),
        6 => (n.clone(), 1_usize..4, 1_usize..300)
            .prop_map(|(of, packets, bytes)| Step::Send { of, packets, bytes }),
        3 => (n, 1_usize..6).prop_map(|(n, packets)| Step::Read(n, packets)),
        8 => Just(Step::Tick),
    ]
}

/// A packet: its sequence number and length.
type Sent = (u16, usize);

struct Member {
    id: MemberId,
    receiver: LegReceiver,
    sequence: u16,
    arrived: Vec<Sent>,
    granted: bool,
    muted: bool,
}

struct Tap {
    of: usize,
    id: TapId,
    reader: Option<TapReader>,
    sound: bool,
    slots: usize,
    paused: bool,
    ends: bool,
    waiting: VecDeque<Sent>,
    lost: u64,
}

struct World {
    conference: Conference,
    control: ConferenceControl,
    outgoing: Outgoing,
    members: Vec<Member>,
    taps: Vec<Tap>,
    now_ns: u64,
    packets_read: usize,
}

impl World {
    fn new() -> Self {
        let (conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
        let members = (0..MEMBERS).map(|n| {
            let config = LegConfig::plain(100 + n as u32, 0, CodecSpec::Pcmu);
            let (receiver, media, _) = Leg::new(&config).unwrap();
            let id = control.join(Box::new(media), JoinOptions::default());
            let id = id.map_err(|(error, _)| error).unwrap();
            Member { id, receiver, sequence: 7, arrived: Vec::new(), granted: false, muted: false }
        });
        let (members, taps) = (members.collect(), Vec::new());
        let outgoing = Outgoing::new(MEMBERS);
        Self { conference, control, outgoing, members, taps, now_ns: 1 << 40, packets_read: 0 }
    }

    fn step(&mut self, step: &Step) {
        let taps = self.taps.len().max(1);
        match *step {
            Step::Tap { of, frames, sound } => {
                let of = of % MEMBERS;
                let id = self.members[of].id;
                let source = if sound { TapSource::Member(id) } else { TapSource::Packets(id) };
                let mut config = TapConfig::new(source, Purpose::Analyse, SINK);
                (config.sample_rate_hz, config.buffer_ms) = (8_000, frames * 10);
                let Ok(reader) = self.control.tap(&config) else { return };
                self.taps.push(Tap {
                    of,
                    id: reader.id(),
                    reader: Some(reader),
                    sound,
                    slots: frames.next_power_of_two() as usize,
                    paused: false,
                    ends: false,
                    waiting: VecDeque::new(),
                    lost: 0,
                });
            }
            Step::Pause(n, paused) => {
                if let Some(tap) = self.taps.get_mut(n % taps)
                    && self.control.pause_tap(tap.id, paused).is_ok()
                {
                    tap.paused = paused;
                }
            }
            Step::EndTap(n) => {
                if let Some(tap) = self.taps.get_mut(n % taps) {
                    let _ = self.control.end_tap(tap.id);
                    tap.ends = true;
                }
            }
            Step::DropReader(n) => {
                if let Some(tap) = self.taps.get_mut(n % taps) {
                    (tap.reader, tap.ends) = (None, true);
                }
            }
            Step::Grant(n) => {
                let member = &mut self.members[n % MEMBERS];
                let grant = Grant {
                    purposes: Purpose::Analyse.into(),
                    basis: Basis::Consent,
                    sink: SINK,
                    notice_version: 1,
                    until_ns: None,
                };
                member.granted |= self.control.grant(member.id, &grant).is_ok();
            }
            Step::Withdraw(n) => {
                let of = n % MEMBERS;
                self.control.withdraw(self.members[of].id, Purposes::ALL).unwrap();
                self.members[of].granted = false;
                let its = self.taps.iter_mut().filter(|tap| tap.of == of);
                // What nobody may read any more was not lost by a slow reader.
                its.for_each(|tap| (tap.waiting, tap.lost) = (VecDeque::new(), 0));
            }
            Step::Mute(n, muted) => {
                let member = &mut self.members[n % MEMBERS];
                if self.control.set_muted(member.id, muted).is_ok() {
                    member.muted = muted;
                }
            }
            Step::Send { of, packets, bytes } => self.send(of % MEMBERS, packets, bytes),
            Step::Read(n, packets) => self.read(n % taps, packets),
            Step::Tick => self.tick(),
        }
    }

    /// Packets as RFC 3550 section 5.1 has them.
    fn send(&mut self, of: usize, packets: usize, bytes: usize) {
        let member = &mut self.members[of];
        for _ in 0..packets {
            let mut datagram = vec![0x80, 0];
            datagram.extend(member.sequence.to_be_bytes());
            datagram.extend((u32::from(member.sequence) * 160).to_be_bytes());
            datagram.extend((of as u32 + 1).to_be_bytes());
            datagram.extend(vec![0xa0 + of as u8; bytes]);
            match member.receiver.receive(&mut datagram, self.now_ns) {
                Ok(_) => member.arrived.push((member.sequence, bytes)),
                // More than the buffer has room for, or no tick between: what is refused is nobody's to take.
                Err(ReceiveError::NoSlot) => {}
                Err(error) => panic!("{error}"),
            }
            member.sequence += 1;
        }
    }

    fn read(&mut self, n: usize, packets: usize) {
        let Some(Tap { reader: Some(reader), of, sound, waiting, lost, .. }) = self.taps.get_mut(n)
        else {
            return;
        };
        let mut payload = [0x7f; MAX_PAYLOAD_BYTES];
        assert!(reader.read_packet(&mut payload[1..]).is_none(), "no room");
        for _ in 0..packets {
            let packet = reader.read_packet(&mut payload);
            let read = packet.map(|packet| {
                assert!(payload[..packet.bytes].iter().all(|byte| *byte == 0xa0 + *of as u8));
                assert_eq!((packet.ssrc, packet.payload_type), (*of as u32 + 1, 0));
                assert_eq!(packet.timestamp, u32::from(packet.sequence) * 160);
                assert_eq!((packet.member, packet.marker), (self.members[*of].id, false));
                assert!(packet.arrival_ns <= packet.time_ns + TICK_NS);
                assert_eq!(packet.lost_packets, std::mem::take(lost));
                (packet.sequence, packet.bytes)
            });
            self.packets_read += usize::from(read.is_some());
            assert_eq!(read, waiting.pop_front());
        }
        if !*sound {
            assert!(reader.read(&mut [0; 80]).is_none(), "there is no sound in it");
        }
    }

    fn tick(&mut self) {
        self.now_ns += TICK_NS;
        self.conference.tick(self.now_ns, &mut self.outgoing);
        while self.control.next_tap_event().is_some() {}
        for tap in &mut self.taps {
            let member = &self.members[tap.of];
            let takes = member.granted && !member.muted && !tap.paused && !tap.ends && !tap.sound;
            for sent in member.arrived.iter().filter(|_| takes) {
                tap.waiting.push_back(*sent);
                if tap.waiting.len() > tap.slots {
                    tap.waiting.pop_front();
                    tap.lost += 1;
                }
            }
            if !member.granted
                && let Some(reader) = &tap.reader
                && !tap.ends
            {
                assert_eq!(reader.residue(), 0);
            }
        }
        self.taps.retain(|tap| !tap.ends || tap.reader.is_some());
        self.members.iter_mut().for_each(|member| member.arrived.clear());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 300 }))]

    #[test]
    fn packets_are_those_of_who_has_agreed_and_all_of_them(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
    }
}

/// The property above would hold of taps that never take anything.
#[test]
fn a_tap_of_packets_takes_some() {
    let mut world = World::new();
    world.step(&Step::Tap { of: 1, frames: 8, sound: false });
    world.step(&Step::Grant(1));
    for _ in 0..5 {
        (0..MEMBERS).for_each(|of| world.send(of, 1, 160));
        world.tick();
    }
    world.read(0, 8);
    assert_eq!(world.packets_read, 5);
}
