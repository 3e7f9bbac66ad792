// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that a bridge does for a leg but the socket: unprotect, insert, pull, decode, mix,
//! encode, protect, for 20 ms of a conference in which everybody talks.

use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::codec::opus::OpusConfig;
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, JoinedTicks, MemberId, Outgoing,
};
use ale_media::leg::{
    Arrival, Leg, LegConfig, LegMedia, LegReceiver, LevelTrust, SrtpConfig, receive_batch,
};
use ale_media::srtp::{SessionConfig, Suite};
use ale_media::tap::{Basis, Grant, Purpose, SinkId, TapConfig, TapReader, TapSource};

use crate::harness::{self, Side};

const TICK_NS: u64 = 10_000_000;
/// Packet times a run.
const ROUNDS: u64 = 5;

/// A conference whose members' packets are made outside of what is measured.
pub struct Room {
    conference: Conference,
    control: ConferenceControl,
    members: Vec<MemberId>,
    phones: Vec<LegMedia>,
    receivers: Vec<LegReceiver>,
    outgoing: Outgoing,
    pcm: Vec<i16>,
    /// How many phones talk; the others send what they encode of this.
    talkers: usize,
    quiet: Vec<i16>,
    datagrams: Vec<(usize, Vec<u8>)>,
    tick: u64,
}

fn keys(suite: Suite, session: usize) -> SessionConfig {
    let mut config = testkit::keys(suite, session as u8);
    config.max_streams = 1;
    config
}

impl Room {
    /// A room of `legs` in one codec and suite, in which all talk and all are heard.
    pub fn new(codec: CodecSpec, suite: Option<Suite>, legs: usize) -> Self {
        Self::with_speakers(codec, suite, legs, 0)
    }

    /// The same, in which only the first `speakers` talk, and no more are heard; 0 stands for all.
    pub fn with_speakers(
        codec: CodecSpec,
        suite: Option<Suite>,
        legs: usize,
        speakers: usize,
    ) -> Self {
        let conference = ConferenceConfig { max_speakers: speakers, ..ConferenceConfig::default() };
        Self::configured(codec, suite, legs, conference, |config| {
            config.silence_suppression = speakers > 0;
            config.header_extensions.audio_level = (speakers > 0).then_some(1);
        })
    }

    /// As [`Room::new`], with the work of two ticks done in the second.
    pub fn with_joined_ticks(codec: CodecSpec, suite: Option<Suite>, legs: usize) -> Self {
        let conference = ConferenceConfig {
            joined_ticks: JoinedTicks::FromFirst,
            ..ConferenceConfig::default()
        };
        Self::configured(codec, suite, legs, conference, |_| {})
    }

    /// The same, in which the others send a room's noise all the time, with levels in the headers that
    /// the bridge believes or not.
    pub fn with_levels(codec: CodecSpec, legs: usize, speakers: usize, trust: LevelTrust) -> Self {
        let suite = Some(Suite::AeadAes128Gcm);
        let conference = ConferenceConfig { max_speakers: speakers, ..ConferenceConfig::default() };
        let mut room = Self::configured(codec, suite, legs, conference, |config| {
            config.header_extensions.audio_level = Some(1);
            config.level_trust = trust;
        });
        // -75 dBov.
        for (n, sample) in room.quiet.iter_mut().enumerate() {
            *sample = (n * 7_919 % 21) as i16 - 10;
        }
        room
    }

    fn configured(
        codec: CodecSpec,
        suite: Option<Suite>,
        legs: usize,
        conference: ConferenceConfig,
        set: impl Fn(&mut LegConfig),
    ) -> Self {
        let speakers = conference.max_speakers;
        let config = ConferenceConfig { max_members: legs, max_taps: legs, ..conference };
        let (conference, control) = Conference::new(&config).expect("conference");
        let pcm = crate::codec::voice(codec.format().sample_rate_hz);
        let mut room = Self {
            conference,
            control,
            members: Vec::new(),
            phones: Vec::new(),
            receivers: Vec::new(),
            outgoing: Outgoing::new(legs * 2),
            quiet: vec![0; pcm.len()],
            pcm,
            talkers: if speakers == 0 { legs } else { speakers },
            datagrams: Vec::new(),
            tick: 0,
        };
        for n in 0..legs {
            let mut near = LegConfig::plain(n as u32, 96, codec.clone());
            near.rtcp_interval_ms = 0;
            set(&mut near);
            // Packets as our own source would be refused.
            let mut far = near.clone();
            far.local_ssrc = !near.local_ssrc;
            if let Some(suite) = suite {
                let (send, receive) = (keys(suite, 2 * n), keys(suite, 2 * n + 1));
                near.srtp = Some(SrtpConfig { send: send.clone(), receive: receive.clone() });
                far.srtp = Some(SrtpConfig { send: receive, receive: send });
            }
            room.phones.push(Leg::new(&near).expect("leg").1);
            let (receiver, media, _) = Leg::new(&far).expect("leg");
            room.receivers.push(receiver);
            let joined = room.control.join(Box::new(media), JoinOptions::default());
            room.members.push(joined.map_err(|(error, _)| error).expect("a place"));
        }
        room
    }

    /// Taps everybody's voice at this rate.
    pub fn tap(&mut self, sample_rate_hz: u32) -> Vec<TapReader> {
        let taps = self.members.iter().map(|member| {
            let (purpose, sink) = (Purpose::Transcribe, SinkId(1));
            let grant = Grant {
                purposes: purpose.into(),
                basis: Basis::Consent,
                sink,
                notice_version: 1,
                until_ns: None,
            };
            self.control.grant(*member, &grant).expect("a member");
            let mut config = TapConfig::new(TapSource::Member(*member), purpose, sink);
            config.sample_rate_hz = sample_rate_hz;
            self.control.tap(&config).expect("a tap")
        });
        taps.collect()
    }

    /// 20 ms for everybody; returns how long the bridge took.
    pub fn packet_time(&mut self) -> Duration {
        let now_ns = self.talk();
        let begin = Instant::now();
        self.receive(now_ns);
        for half in 0..2 {
            self.tick(now_ns + half * TICK_NS);
        }
        begin.elapsed()
    }

    /// Lets 20 ms go by in which all phones send; returns when they begin.
    pub fn talk(&mut self) -> u64 {
        let now_ns = self.tick * TICK_NS;
        self.tick += 2;
        self.datagrams.clear();
        for (n, phone) in self.phones.iter_mut().enumerate() {
            let pcm = if n < self.talkers { &self.pcm } else { &self.quiet };
            phone.push(pcm).expect("20 ms");
            while let Some(datagram) = phone.poll_transmit(now_ns) {
                self.datagrams.push((n, datagram.to_vec()));
            }
        }
        now_ns
    }

    /// Gives the bridge what the phones have sent.
    pub fn receive(&mut self, now_ns: u64) {
        for some in self.datagrams.chunks_mut(64) {
            let mut some = some.iter_mut();
            let mut arrivals: [Arrival<'_>; 64] = std::array::from_fn(|_| match some.next() {
                Some((n, datagram)) => Arrival::new(*n, datagram, now_ns),
                None => Arrival::new(usize::MAX, &mut [], now_ns),
            });
            let count = arrivals.iter().filter(|arrival| arrival.leg != usize::MAX).count();
            receive_batch(&mut self.receivers, &mut arrivals[..count]);
            assert!(arrivals[..count].iter().all(|arrival| arrival.result.is_ok()));
        }
    }

    /// Plays and mixes 10 ms.
    pub fn tick(&mut self, now_ns: u64) {
        self.conference.tick(now_ns, &mut self.outgoing);
        std::hint::black_box(self.outgoing.len());
    }
}

/// What is measured: a name, a codec and a suite.
pub fn subjects() -> Vec<(&'static str, CodecSpec, Option<Suite>)> {
    let opus = OpusConfig { sample_rate_hz: 16_000, ..OpusConfig::default() };
    vec![
        ("G.711, plain", CodecSpec::Pcma, None),
        ("G.711, AES-GCM", CodecSpec::Pcma, Some(Suite::AeadAes128Gcm)),
        ("G.711, AES-CM-SHA1-80", CodecSpec::Pcma, Some(Suite::AesCm128HmacSha1_80)),
        ("Opus 16 kHz, AES-GCM", CodecSpec::Opus(opus), Some(Suite::AeadAes128Gcm)),
    ]
}

/// Nanoseconds a leg for 20 ms.
pub fn compare(filter: &str) {
    harness::print_head();
    for (name, codec, suite) in subjects() {
        let sizes: &[usize] = if name.starts_with("Opus") { &[10] } else { &[3, 100, 1000] };
        for legs in sizes {
            let row = format!("leg {name}, {legs} legs");
            if !row.contains(filter) {
                continue;
            }
            let mut room = Room::new(codec.clone(), suite, *legs);
            let mut joined = Room::with_joined_ticks(codec.clone(), suite, *legs);
            for _ in 0..50 {
                room.packet_time();
                joined.packet_time();
            }
            let repeats = ROUNDS * (100 / *legs as u64).max(1);
            let mut sides = [
                Side::new("ours", || (0..repeats).map(|_| room.packet_time()).sum()),
                Side::new("joined", || (0..repeats).map(|_| joined.packet_time()).sum()),
            ];
            harness::compare(&row, repeats * *legs as u64, &mut sides);
        }
    }
    tapped(filter);
    dead_sinks(filter);
    few_talk(filter);
    levels(filter);
    idle(filter);
}

/// Legs with a tap each, whose readers are dead, beside legs without: what a tap costs is the difference.
fn tapped(filter: &str) {
    for legs in [100, 1_000] {
        let row = format!("leg G.711, plain, {legs} legs, tapped");
        if !row.contains(filter) {
            continue;
        }
        let [mut tapped, mut plain] = [(); 2].map(|()| Room::new(CodecSpec::Pcma, None, legs));
        let _taps = tapped.tap(8_000);
        for room in [&mut tapped, &mut plain] {
            for _ in 0..50 {
                room.packet_time();
            }
        }
        let repeats = ROUNDS * (100 / legs as u64).max(1);
        let mut sides = [
            Side::new("ours", || (0..repeats).map(|_| tapped.packet_time()).sum()),
            Side::new("not tapped", || (0..repeats).map(|_| plain.packet_time()).sum()),
        ];
        harness::compare(&row, repeats * legs as u64, &mut sides);
    }
}

/// The 99th percentile of a tick with a thousand taps that nobody reads any more, beside the same whose readers keep up,
/// and beside none.
fn dead_sinks(filter: &str) {
    const PACKET_TIMES: usize = 500;
    let row = "p99 of a tick, 1000 legs, dead sinks";
    if !row.contains(filter) {
        return;
    }
    let mut rooms = [(); 3].map(|()| Room::new(CodecSpec::Pcma, None, 1_000));
    let [_dead, mut live] = [0, 1].map(|n| rooms[n].tap(8_000));
    let mut ticks_us = [(); 3].map(|()| Vec::with_capacity(2 * PACKET_TIMES));
    let mut pcm = [0; 80];
    // The first hundred fill the rings.
    for n in 0..PACKET_TIMES + 100 {
        for (room, ticks_us) in rooms.iter_mut().zip(&mut ticks_us) {
            let now_ns = room.talk();
            room.receive(now_ns);
            for half in 0..2 {
                let begin = Instant::now();
                room.tick(now_ns + half * TICK_NS);
                if n >= 100 {
                    ticks_us.push(begin.elapsed().as_nanos() as f64 / 1e3);
                }
            }
        }
        for tap in &mut live {
            while std::hint::black_box(tap.read(&mut pcm)).is_some() {}
        }
    }
    let [dead, live, none] = ticks_us.map(|mut ticks_us| {
        ticks_us.sort_by(f64::total_cmp);
        [50, 99].map(|percent| ticks_us[ticks_us.len() * percent / 100])
    });
    for (name, one) in [("dead", dead), ("read", live), ("no taps", none)] {
        let [p50, p99] = one;
        let ratio = p99 / dead[1];
        println!("{row:<44} {name:<10} p50 {p50:>8.1} us  p99 {p99:>8.1} us  ratio {ratio:.2}");
    }
}

/// A hundred legs of whom three talk; the others send what a pause is told by.
fn few_talk(filter: &str) {
    let opus = OpusConfig { sample_rate_hz: 16_000, ..OpusConfig::default() };
    for (name, codec) in [("Opus 16 kHz", CodecSpec::Opus(opus)), ("G.711", CodecSpec::Pcma)] {
        let row = format!("leg {name}, 100 legs, 3 talk");
        if !row.contains(filter) {
            continue;
        }
        let mut room = Room::with_speakers(codec, Some(Suite::AeadAes128Gcm), 100, 3);
        for _ in 0..100 {
            room.packet_time();
        }
        let run = Side::new("ours", || (0..ROUNDS).map(|_| room.packet_time()).sum());
        harness::compare(&row, ROUNDS * 100, &mut [run]);
    }
}

/// A hundred legs of whom three talk, the others in noisy rooms and without silence suppression.
fn levels(filter: &str) {
    let opus = OpusConfig { sample_rate_hz: 16_000, ..OpusConfig::default() };
    let codecs = [
        ("Opus 16 kHz", CodecSpec::Opus(opus)),
        ("G.722", CodecSpec::G722),
        ("G.711", CodecSpec::Pcma),
    ];
    for (name, codec) in codecs {
        let row = format!("leg {name}, 100 legs, 3 talk, levels");
        if !row.contains(filter) {
            continue;
        }
        let mut rooms = [LevelTrust::Authenticated, LevelTrust::Nobody]
            .map(|trust| Room::with_levels(codec.clone(), 100, 3, trust));
        for room in &mut rooms {
            for _ in 0..100 {
                room.packet_time();
            }
        }
        let [with, without] = &mut rooms;
        let mut sides = [
            Side::new("ours", || (0..ROUNDS).map(|_| with.packet_time()).sum()),
            Side::new("all decoded", || (0..ROUNDS).map(|_| without.packet_time()).sum()),
        ];
        harness::compare(&row, ROUNDS * 100, &mut sides);
    }
}

/// What a conference without members costs in 20 ms.
fn idle(filter: &str) {
    let row = "idle conference";
    if !row.contains(filter) {
        return;
    }
    let config = ConferenceConfig::default();
    let mut rooms: Vec<_> =
        (0..1_000).map(|_| Conference::new(&config).expect("conference")).collect();
    let mut outgoing = Outgoing::new(1);
    let mut tick = 0;
    let run = Side::whole("ours", || {
        for _ in 0..2 {
            tick += 1;
            for (conference, _) in &mut rooms {
                conference.tick(tick * TICK_NS, &mut outgoing);
            }
        }
    });
    harness::compare(row, 1_000, &mut [run]);
}
