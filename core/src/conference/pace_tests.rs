// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ticks that are joined against the same ticks one by one.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::config::TICK_NS;
use super::*;
use crate::codec::CodecSpec;
use crate::leg::{Leg, LegConfig, LegMedia, LegReceiver};
use crate::tap::{Basis, Grant, Purpose, SinkId, TapConfig, TapSource};

const PLACES: usize = 6;
const L16: CodecSpec = CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 };

/// A conference with phones that talk, and what it has sent in each tick.
struct World {
    conference: Conference,
    control: ConferenceControl,
    seats: [Option<Seat>; PLACES],
    outgoing: Outgoing,
    tick: u64,
    /// Packets come between the two ticks of a pair.
    between: bool,
}

struct Seat {
    phone: LegMedia,
    bridge: LegReceiver,
    id: MemberId,
    /// What the network has, and the ticks in which it arrives.
    on_its_way: Vec<(u64, Vec<u8>)>,
}

type Sent = Vec<(u64, Vec<u8>)>;

impl World {
    fn new(joined_ticks: JoinedTicks, limiter: bool) -> Self {
        let config = ConferenceConfig {
            max_members: PLACES,
            max_pair_gains: 4,
            limiter,
            joined_ticks,
            ..Default::default()
        };
        let (conference, control) = Conference::new(&config).unwrap();
        let outgoing = Outgoing::new(64);
        Self { conference, control, seats: Default::default(), outgoing, tick: 0, between: false }
    }

    fn sit(&mut self, seat: usize, codec: &CodecSpec, packet_ms: u16) {
        self.sit_with(seat, codec, packet_ms, |_| ());
    }

    fn sit_with(
        &mut self,
        seat: usize,
        codec: &CodecSpec,
        packet_ms: u16,
        set: impl Fn(&mut LegConfig),
    ) {
        let config = |ssrc: usize| {
            let mut config = LegConfig::plain(ssrc as u32, 96, codec.clone());
            config.rtcp_interval_ms = 0;
            config.send.packet_ms = packet_ms;
            set(&mut config);
            config
        };
        let (bridge, media, _) = Leg::new(&config(100 + seat)).unwrap();
        let (_, mut phone, _) = Leg::new(&config(seat)).unwrap();
        // So that packets of 20 ms come before the first tick of a pair: what comes between the two is seen earlier
        // by a pair that is joined.
        if !self.between {
            phone.push(&[0; 160][..(phone.sample_rate_hz() / 100) as usize]).unwrap();
        }
        let options = JoinOptions { tag: seat as u64, ..Default::default() };
        let id = self.control.join(Box::new(media), options).map_err(|(e, _)| e).unwrap();
        self.seats[seat] = Some(Seat { phone, bridge, id, on_its_way: Vec::new() });
    }

    fn id(&self, seat: usize) -> Option<MemberId> {
        Some(self.seats[seat].as_ref()?.id)
    }

    /// Everybody talks for 10 ms, and the conference ticks, with all that was sent so far.
    fn go_on(&mut self) -> Sent {
        self.go_on_over(|_, _| Some(0))
    }

    fn go_on_for(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.go_on();
        }
    }

    /// As [`World::go_on`], over a network that takes so many ticks for a seat's packet of a tick, or loses it.
    fn go_on_over(&mut self, ticks: impl Fn(usize, u64) -> Option<u64>) -> Sent {
        let (tick, now_ns) = (self.tick, self.tick * TICK_NS);
        self.tick += 1;
        for (n, seat) in self.seats.iter_mut().enumerate() {
            let Some(seat) = seat else { continue };
            let mut pcm = [0_i16; 160];
            for (at, sample) in pcm.iter_mut().enumerate() {
                let noise = (tick * 160 + at as u64) * (7_919 + n as u64) % 20_011;
                // Words and pauses, loud enough together for a limiter.
                let talks = !(tick / 40 + n as u64).is_multiple_of(3);
                *sample = if talks { noise as i16 - 10_005 } else { 0 };
            }
            let samples = (seat.phone.sample_rate_hz() / 100) as usize;
            seat.phone.push(&pcm[..samples]).unwrap();
            while let Some(datagram) = seat.phone.poll_transmit(now_ns) {
                if let Some(ticks) = ticks(n, tick) {
                    seat.on_its_way.push((tick + ticks, datagram.to_vec()));
                }
            }
            seat.on_its_way.retain_mut(|(at, datagram)| {
                let arrives = *at <= tick;
                if arrives {
                    let _ = seat.bridge.receive(datagram, now_ns);
                }
                !arrives
            });
        }
        self.conference.tick(now_ns, &mut self.outgoing);
        while self.control.reclaim().is_some() {}
        self.outgoing.iter().map(|sent| (sent.tag, sent.bytes.to_vec())).collect()
    }
}

/// Without joined ticks, and with.
fn both(limiter: bool) -> [World; 2] {
    [JoinedTicks::No, JoinedTicks::FromFirst].map(|joined| World::new(joined, limiter))
}

#[derive(Debug, Clone)]
enum Order {
    Sit(usize, u8),
    Leave(usize),
    Mute(usize, bool),
    Gain(usize, u8),
    Listen(usize, bool),
    Private(usize, bool),
    Pair(usize, usize, Option<u8>),
}

impl Order {
    /// What changes where packets begin: the same for both at the beginning of a pair.
    fn begins_pair(&self) -> bool {
        matches!(self, Self::Sit(..) | Self::Listen(..))
    }

    fn give(&self, world: &mut World) {
        let of = |seat: &usize| world.id(*seat);
        let factor = |eighths: &u8| f32::from(*eighths) / 8.0;
        let done = match self {
            Self::Sit(seat, codec) => {
                if of(seat).is_none() {
                    let codec =
                        [CodecSpec::Pcma, CodecSpec::Pcmu, L16][usize::from(*codec % 3)].clone();
                    world.sit(*seat, &codec, 20);
                }
                Ok(())
            }
            Self::Leave(seat) => match world.seats[*seat].take() {
                Some(seat) => world.control.leave(seat.id),
                None => Ok(()),
            },
            Self::Mute(seat, on) => of(seat).map_or(Ok(()), |id| world.control.set_muted(id, *on)),
            Self::Gain(seat, eighths) => {
                of(seat).map_or(Ok(()), |id| world.control.set_gain(id, factor(eighths)))
            }
            Self::Listen(seat, on) => {
                of(seat).map_or(Ok(()), |id| world.control.set_listening(id, *on))
            }
            Self::Private(seat, on) => {
                of(seat).map_or(Ok(()), |id| world.control.set_private(id, *on))
            }
            Self::Pair(listener, talker, eighths) => match (of(listener), of(talker)) {
                (Some(to), Some(from)) if to != from => {
                    let _ = world.control.set_pair_gain(to, from, eighths.as_ref().map(factor));
                    Ok(())
                }
                _ => Ok(()),
            },
        };
        done.unwrap();
    }
}

fn order() -> impl Strategy<Value = Order> {
    let seat = 0..PLACES;
    prop_oneof![
        4 => (seat.clone(), any::<u8>()).prop_map(|(seat, codec)| Order::Sit(seat, codec)),
        // Two stay.
        1 => (2..PLACES).prop_map(Order::Leave),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Order::Mute(seat, on)),
        2 => (seat.clone(), 0..=64_u8).prop_map(|(seat, eighths)| Order::Gain(seat, eighths)),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Order::Listen(seat, on)),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Order::Private(seat, on)),
        2 => (seat.clone(), seat, proptest::option::of(0..=64_u8))
            .prop_map(|(listener, talker, factor)| Order::Pair(listener, talker, factor)),
    ]
}

proptest! {
    #[test]
    fn what_joined_ticks_send_is_what_ticks_one_by_one_send(
        limiter: bool,
        between: bool,
        orders in proptest::collection::vec((0..160_u64, order()), 4..24),
        // Pairs of ticks that packets take longer than others, or that they are lost.
        late in proptest::collection::vec(
            (0..PLACES, 0..160_u64, proptest::option::weighted(0.8, 0..4_u64)), 0..60,
        ),
    ) {
        let mut worlds = both(limiter);
        let late: BTreeMap<_, _> = late.iter().map(|(seat, at, pairs)| ((*seat, at & !1), *pairs)).collect();
        let way = |seat, tick| match late.get(&(seat, tick)) {
            // What is seen earlier by a pair that is joined would differ.
            _ if between => Some(0),
            Some(pairs) => Some(2 * (*pairs)?),
            None => Some(0),
        };
        for world in &mut worlds {
            world.between = between;
            world.sit(0, &CodecSpec::Pcma, 20);
            world.sit(1, &CodecSpec::Pcmu, 20);
        }
        for pair in 0..80_u64 {
            let [mut one, mut other] = [Sent::new(), Sent::new()];
            for half in 0..2 {
                let tick = 2 * pair + half;
                for (at, order) in &orders {
                    let at = if order.begins_pair() { at & !1 } else { *at };
                    if at == tick {
                        worlds.iter_mut().for_each(|world| order.give(world));
                    }
                }
                one.extend(worlds[0].go_on_over(way));
                other.extend(worlds[1].go_on_over(way));
            }
            // Who led a group goes first; with limiters that is found out once a turn.
            one.sort();
            other.sort();
            prop_assert_eq!(one, other, "pair {}", pair);
        }
        let ordered: BTreeSet<u64> = orders.iter().map(|(at, _)| at / 2).collect();
        // All pairs but the first and those that have orders.
        prop_assert!(joined(&worlds[1]) >= 79 - ordered.len() as u64);
        prop_assert_eq!(joined(&worlds[0]), 0);
    }
}

fn joined(world: &World) -> u64 {
    world.conference.stats().joined_ticks
}

#[test]
fn calm_pairs_are_joined_and_what_would_tell_is_not() {
    let mut world = World::new(JoinedTicks::FromFirst, false);
    for seat in 0..3 {
        world.sit(seat, &CodecSpec::Pcma, 20);
    }
    world.go_on_for(40);
    // All but the first, in which they came.
    assert_eq!((joined(&world), world.conference.stats().ticks), (19, 40));
    // Each of these is there for a while, and the pairs of that time are not joined.
    let tap = |world: &World| {
        let id = world.id(0).unwrap();
        let (purpose, sink) = (Purpose::Transcribe, SinkId(1));
        let grant = Grant {
            purposes: purpose.into(),
            basis: Basis::Consent,
            sink,
            notice_version: 1,
            until_ns: None,
        };
        world.control.grant(id, &grant).unwrap();
        world.control.tap(&TapConfig::new(TapSource::Member(id), purpose, sink)).unwrap()
    };
    let reader = tap(&world);
    world.go_on_for(20);
    assert_eq!(joined(&world), 19, "tapped");
    drop(reader);
    world.go_on_for(20);
    let before = joined(&world);
    assert!(before >= 19 + 8, "{before} after the tap");
    let (ours, _host) = LinkEnd::pair(8_000).unwrap();
    let line = world.control.join_link(Box::new(ours), JoinOptions::default());
    let line = line.map_err(|(e, _)| e).unwrap();
    world.go_on_for(20);
    assert_eq!(joined(&world), before, "a line");
    world.control.leave(line).unwrap();
    world.go_on_for(20);
    assert!(joined(&world) >= before + 8, "after the line");
}

#[test]
fn packets_of_other_lengths_come_as_without_joined_ticks() {
    for (packet_ms, joins) in [(10, false), (30, false), (20, true), (40, true), (60, true)] {
        let mut worlds = both(false);
        for _ in 0..60 {
            for world in &mut worlds {
                if world.tick == 0 {
                    world.sit(0, &CodecSpec::Pcma, 20);
                    world.sit(1, &CodecSpec::Pcmu, packet_ms);
                }
            }
            let [one, other] = &mut worlds;
            assert_eq!(one.go_on(), other.go_on(), "{packet_ms} ms");
        }
        assert_eq!(joined(&worlds[1]) > 0, joins, "{packet_ms} ms");
    }
}

#[test]
fn who_comes_in_the_second_tick_begins_with_the_next_pair() {
    let mut world = World::new(JoinedTicks::FromFirst, false);
    world.sit(0, &CodecSpec::Pcma, 20);
    world.go_on_for(11);
    world.sit(1, &CodecSpec::Pcma, 20);
    let before = joined(&world);
    let sent: Vec<_> = (0..9).map(|_| world.go_on().len()).collect();
    // The second tick, in which it came; then pairs with both's packets at their ends.
    assert_eq!(sent, [1, 0, 2, 0, 2, 0, 2, 0, 2]);
    assert_eq!(joined(&world), before + 4);
}

#[test]
fn pairs_begin_with_the_tick_that_is_asked_for() {
    for (from, sent) in [(JoinedTicks::FromFirst, [0, 1]), (JoinedTicks::FromSecond, [1, 0])] {
        let mut world = World::new(from, false);
        world.sit(0, &CodecSpec::Pcma, 20);
        world.go_on_for(20);
        for _ in 0..4 {
            assert_eq!([world.go_on().len(), world.go_on().len()], sent, "{from:?}");
        }
        assert!(joined(&world) > 9, "{from:?}");
    }
}

#[test]
fn a_log_of_the_jitter_buffer_is_of_ticks_one_by_one() {
    let mut world = World::new(JoinedTicks::FromFirst, false);
    world.sit_with(0, &CodecSpec::Pcma, 20, |config| config.jitter.black_box_bytes = 1 << 16);
    world.go_on_for(20);
    assert_eq!(joined(&world), 0);
}

#[test]
fn a_tick_that_comes_late_finds_both_done() {
    let mut worlds = both(false);
    for world in &mut worlds {
        world.sit(0, &CodecSpec::Pcma, 20);
        world.sit(1, &L16, 20);
    }
    let mut sent = [Sent::new(), Sent::new()];
    for n in 0..30 {
        for (world, sent) in worlds.iter_mut().zip(&mut sent) {
            // One of a pair's first ticks and one of the second do not come.
            world.tick += u64::from(n == 10) + u64::from(n == 17);
            sent.extend(world.go_on());
        }
    }
    assert_eq!(sent[0], sent[1]);
    let [one, other] = worlds.map(|world| world.conference.stats());
    assert_eq!((one.missed_ticks, other.missed_ticks), (2, 2));
    assert!(other.joined_ticks > 8);
}

#[test]
fn a_share_puts_nothing_off() {
    let mut world = World::new(JoinedTicks::FromFirst, false);
    world.sit(0, &CodecSpec::Pcma, 20);
    world.go_on_for(5);
    // The fifth was put off. Whoever changes to shares then loses it, and is told.
    let mut sums = shard::PartialSums::new();
    let missed = world.conference.stats().missed_ticks;
    let now_ns = world.tick * TICK_NS;
    world.conference.gather(now_ns, &mut sums);
    world.conference.deliver(now_ns, [], &mut world.outgoing);
    assert_eq!(world.conference.stats().missed_ticks, missed + 1);
}
