// SPDX-License-Identifier: MIT OR Apache-2.0
//! Load on a bridge: one thread's conferences, the phones that talk into them, and the way between the
//! two, in memory or by UDP sockets on loopback.

mod tape;
mod wire;

use std::sync::Arc;

use ale_media::codec::CodecSpec;
use ale_media::conference::shard::{Hosted, Worker, WorkerControl, worker};
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, JoinedTicks, MemberId, Outgoing,
};
use ale_media::leg::{Leg, LegConfig, LegMedia, LegReceiver, LevelTrust, SrtpConfig};
use ale_media::srtp::Suite;

use self::tape::Tape;
use self::wire::{BATCH, Parcel, Wire};
use crate::clock::Spent;
use crate::{Context, Failure};

/// Amplitude of each talker's tone.
pub const AMPLITUDE: f32 = 3_000.0;
/// What of it a listener must hear, and the most that it may hear of itself.
const ENOUGH: f32 = 0.5;
const ECHO: f32 = 0.05;

/// What those who are silent send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Silence {
    /// Packets as of speech, as phones without voice activity detection do.
    Coded,
    /// Nothing (DTX, or comfort noise).
    Suppressed,
    /// Packets whose headers tell that they are silent (RFC 6464).
    Levels,
}

/// What is to be carried.
#[derive(Debug, Clone)]
pub struct Load {
    /// Legs of each conference.
    pub legs: usize,
    /// Legs of each that talk; the others are silent.
    pub talkers: usize,
    /// How many are heard at a time, 0 for all.
    pub speakers: usize,
    /// What the silent ones send.
    pub silence: Silence,
    /// What the legs send and receive.
    pub codec: CodecSpec,
    /// Encryption.
    pub suite: Option<Suite>,
    /// Limits instead of clamping.
    pub limiter: bool,
    /// Does the work of two ticks in one; every other conference in the other's free ticks.
    pub joined_ticks: bool,
    /// Sends by UDP sockets on loopback.
    pub udp: bool,
    /// Silent members are muted, leave, and come again in other codecs, at random.
    pub soak: bool,
}

struct Phone {
    media: LegMedia,
    receiver: LegReceiver,
    member: MemberId,
    samples: usize,
}

struct Room {
    control: ConferenceControl,
    phones: Vec<Phone>,
    /// What the listeners have heard in the last second: the first phone, which talks, and the last,
    /// which does not.
    heard: [Vec<i16>; 2],
}

/// One thread's conferences and their phones.
pub struct Lane {
    load: Load,
    rooms: Vec<Room>,
    worker: Worker,
    control: WorkerControl,
    /// The bridge's network halves, room by room.
    bridges: Vec<LegReceiver>,
    wire: Wire,
    /// What each talker says, and what the silent ones do.
    tapes: Vec<Arc<Tape>>,
    random: u64,
}

/// What a thread has to say at the end.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The engine's own time, a 10 ms beat each.
    pub beats: Vec<Spent>,
    /// Conferences whose sampled listeners hear the others, and not themselves.
    pub hearing: usize,
    /// Conferences.
    pub rooms: usize,
    /// Deadlines that the worker has missed.
    pub misses: u64,
    /// Allocations and frees in the engine's time.
    pub allocations: u64,
}

fn hz(talker: usize) -> f32 {
    400.0 + 150.0 * talker as f32
}

/// A phone, the bridge's network half that faces it, and its member. What the phone sends comes from
/// `tape` if there is one.
fn phone(
    load: &Load,
    codec: &CodecSpec,
    tape: Option<&Arc<Tape>>,
    leg: usize,
    control: &ConferenceControl,
) -> Result<(Phone, LegReceiver), Failure> {
    let mut near = LegConfig::plain(leg as u32, 96, codec.clone());
    let mut far = LegConfig::plain(!(leg as u32), 96, codec.clone());
    if let Some(tape) = tape {
        near.send.codec = tape.codec();
    }
    // A steady tone is background to a voice activity detector, so that talkers go without.
    near.silence_suppression =
        load.silence == Silence::Suppressed && leg % load.legs >= load.talkers;
    if load.silence == Silence::Levels {
        near.header_extensions.audio_level = Some(1);
        far.header_extensions.audio_level = Some(1);
        far.level_trust = LevelTrust::Everybody;
    }
    if let Some(suite) = load.suite {
        let (a, b) = (testkit::keys(suite, leg as u8), testkit::keys(suite, !(leg as u8)));
        near.srtp = Some(SrtpConfig { send: a.clone(), receive: b.clone() });
        far.srtp = Some(SrtpConfig { send: b, receive: a });
    }
    let (receiver, media, _) = Leg::new(&near).context("phone")?;
    let (bridge, half, _) = Leg::new(&far).context("leg")?;
    let options = JoinOptions::tagged(leg as u64);
    let member = control.join(Box::new(half), options).map_err(|(error, _)| error)?;
    let samples = (codec.format().sample_rate_hz / 100) as usize;
    Ok((Phone { media, receiver, member, samples }, bridge))
}

impl Lane {
    /// Makes `rooms` conferences with all their legs.
    ///
    /// # Errors
    /// What can't be made.
    pub fn new(load: &Load, rooms: usize) -> Result<Self, Failure> {
        let (worker, mut control) = worker(rooms.max(1));
        let wire = match load.udp {
            true => Wire::udp()?,
            false => Wire::memory(rooms * load.legs * 2 + BATCH, rooms * 16 + BATCH),
        };
        // The last is the silent ones'.
        let tapes =
            (0..=load.talkers).map(|_| Tape::new(&load.codec)).collect::<Result<Vec<_>, _>>()?;
        let (mut all, mut bridges) = (Vec::new(), Vec::new());
        for room in 0..rooms {
            let config = ConferenceConfig {
                max_members: load.legs,
                max_speakers: load.speakers.min(load.legs),
                limiter: load.limiter,
                joined_ticks: match (load.joined_ticks, room % 2) {
                    (false, _) => JoinedTicks::No,
                    (true, 0) => JoinedTicks::FromFirst,
                    (true, _) => JoinedTicks::FromSecond,
                },
                ..ConferenceConfig::default()
            };
            let (conference, speaks_for) = Conference::new(&config).context("conference")?;
            let mut phones = Vec::new();
            for n in 0..load.legs {
                let (tape, leg) = (tapes.get(n.min(load.talkers)), room * load.legs + n);
                let (phone, bridge) = phone(load, &load.codec, tape, leg, &speaks_for)?;
                phones.push(phone);
                bridges.push(bridge);
            }
            let outgoing = Outgoing::new(load.legs * 2);
            let hosted = Hosted { name: room as u64, conference, outgoing };
            control.give(Box::new(hosted)).map_err(|_| "no room for a conference")?;
            all.push(Room { control: speaks_for, phones, heard: Default::default() });
        }
        let load = load.clone();
        Ok(Self { load, rooms: all, worker, control, bridges, wire, tapes, random: 1 })
    }

    /// 10 ms of all phones: they say what they say, hear what has come, and with `soak` something
    /// happens to one of each room. Returns the engine's time among it: with sockets the bridge takes
    /// what is sent before a buffer is full.
    ///
    /// # Errors
    /// What the phones or the host do wrong.
    pub fn talk(&mut self, tick: usize, now_ns: u64) -> Result<Spent, Failure> {
        let (legs, talkers, mut engine) = (self.load.legs, self.load.talkers, Spent::default());
        hear(&mut self.wire, &mut self.rooms, legs, now_ns);
        self.tapes.iter().for_each(|tape| tape.advance());
        let mut sent = 0;
        for (r, room) in self.rooms.iter_mut().enumerate() {
            for (n, phone) in room.phones.iter_mut().enumerate() {
                let mut pcm = vec![0_i16; phone.samples];
                let rate = (phone.samples * 100) as f32;
                for (i, sample) in pcm.iter_mut().enumerate().filter(|_| n < talkers) {
                    let t = (tick * phone.samples + i) as f32 / rate;
                    *sample = (AMPLITUDE * (std::f32::consts::TAU * hz(n) * t).sin()) as i16;
                }
                phone.media.push(&pcm)?;
                while let Some(datagram) = phone.media.poll_transmit(now_ns) {
                    self.wire.send_to_bridge(Parcel::new(r * legs + n, datagram));
                    sent += 1;
                    if self.load.udp && sent % BATCH == 0 {
                        let (wire, bridges) = (&mut self.wire, &mut self.bridges);
                        engine += Spent::on(|| wire.take_at_bridge(bridges, now_ns)).0;
                    }
                }
            }
            for (who, heard) in [0, legs - 1].into_iter().zip(&mut room.heard) {
                let Some(phone) = room.phones.get_mut(who) else { continue };
                let mut pcm = vec![0; phone.samples];
                phone.media.pull(now_ns, &mut pcm)?;
                heard.extend_from_slice(&pcm);
                heard.drain(..heard.len().saturating_sub(100 * phone.samples));
            }
        }
        if self.load.soak {
            for room in 0..self.rooms.len() {
                self.disturb(room)?;
            }
        }
        Ok(engine)
    }

    /// The engine's work in a phase: takes what has arrived, ticks what is due, sends. Returns its time.
    pub fn serve(&mut self, now_ns: u64) -> Spent {
        let (spent, phones) = Spent::on(|| {
            self.wire.take_at_bridge(&mut self.bridges, now_ns);
            let (legs, udp, wire, rooms) =
                (self.load.legs, self.load.udp, &mut self.wire, &mut self.rooms);
            let (mut sent, mut phones) = (0, Spent::default());
            self.worker.run(now_ns, |hosted| {
                for datagram in hosted.outgoing.iter() {
                    let leg = datagram.tag as usize;
                    let parcel = Parcel::new(leg, datagram.bytes);
                    wire.send_to_phones(parcel, is_listened_to(leg, legs));
                    sent += 1;
                    if udp && sent % BATCH == 0 {
                        phones += Spent::on(|| hear(wire, rooms, legs, now_ns)).0;
                    }
                }
            });
            phones
        });
        spent.without(phones)
    }

    /// A silent member is muted or heard again, or leaves and comes again in another codec.
    fn disturb(&mut self, room: usize) -> Result<(), Failure> {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (random, legs) = (self.random, self.load.legs);
        let Some(Room { control, phones, .. }) = self.rooms.get_mut(room) else { return Ok(()) };
        if let Some((left, _half)) = control.reclaim() {
            let Some(n) = phones.iter().position(|phone| phone.member == left) else {
                return Ok(());
            };
            let others = [CodecSpec::Pcmu, CodecSpec::Pcma, CodecSpec::G722];
            let (codec, leg) = (others.get((random >> 50) as usize % 4), room * legs + n);
            let tape = self.tapes.last().filter(|_| codec.is_none());
            let codec = codec.unwrap_or(&self.load.codec);
            (phones[n], self.bridges[leg]) = phone(&self.load, codec, tape, leg, control)?;
            return Ok(());
        }
        let silent = self.load.talkers..phones.len().saturating_sub(1);
        if silent.is_empty() {
            return Ok(());
        }
        let phone = &phones[silent.start + (random >> 33) as usize % silent.len()];
        match random >> 32 & 1 {
            // Who has left already is not found.
            0 if random >> 40 & 15 == 0 => drop(control.leave(phone.member)),
            bit => drop(control.set_muted(phone.member, bit == 1)),
        }
        Ok(())
    }

    /// How many conferences there are, in how many the sampled listeners hear the talkers (by the
    /// correlation of what they hear with each talker's tone) and themselves not, and the deadlines that the worker has missed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let rate_hz = self.load.codec.format().sample_rate_hz;
        let limit = match self.load.speakers {
            0 => self.load.talkers,
            speakers => self.load.talkers.min(speakers),
        };
        let hears = |room: &&Room| {
            let [talker, listener] = &room.heard;
            let of = |pcm: &[i16], n: usize| {
                testkit::amplitude(pcm, rate_hz, f64::from(hz(n))) as f32 / AMPLITUDE
            };
            let loud =
                |pcm: &[i16]| (0..self.load.talkers).filter(|n| of(pcm, *n) > ENOUGH).count();
            loud(listener) >= limit && loud(talker) >= limit - 1 && of(talker, 0) < ECHO
        };
        Outcome {
            hearing: self.rooms.iter().filter(hears).count(),
            rooms: self.rooms.len(),
            misses: self.control.stats().misses,
            ..Outcome::default()
        }
    }
}

/// Whether a leg's phone is one of those that are listened to.
fn is_listened_to(leg: usize, legs: usize) -> bool {
    leg.is_multiple_of(legs) || leg % legs == legs - 1
}

/// What the bridge has sent reaches the phones that are listened to.
fn hear(wire: &mut Wire, rooms: &mut [Room], legs: usize, now_ns: u64) {
    while let Some(mut parcel) = wire.take_at_phones() {
        let leg = parcel.leg;
        let phone = rooms.get_mut(leg / legs).and_then(|room| room.phones.get_mut(leg % legs));
        if let Some(phone) = phone.filter(|_| is_listened_to(leg, legs)) {
            let _ = phone.receiver.receive(parcel.datagram(), now_ns);
        }
    }
}
