// SPDX-License-Identifier: MIT OR Apache-2.0
//! Load on a bridge: one thread's conferences, the phones that talk into them, and the way between the
//! two, in memory or by UDP sockets on loopback.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::conference::shard::{Hosted, Worker, WorkerControl, worker};
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, MemberId, Outgoing,
};
use ale_media::leg::{
    Arrival, Leg, LegConfig, LegMedia, LegReceiver, MAX_DATAGRAM_BYTES, SrtpConfig, receive_batch,
};
use ale_media::srtp::{MasterKey, SessionConfig, Suite};

use crate::{Context, Failure};

/// Amplitude of each talker's tone.
pub const AMPLITUDE: f32 = 3_000.0;
/// What of it a listener must hear.
const ENOUGH: f32 = 0.5;
/// Bytes of the mark in front of a datagram: one socket serves all legs.
const MARK_BYTES: usize = 4;
/// Datagrams that are taken from the socket at a time.
const BATCH: usize = 64;

/// What is to be carried.
#[derive(Debug, Clone)]
pub struct Load {
    /// Legs of each conference.
    pub legs: usize,
    /// Legs of each that talk; the others are silent.
    pub talkers: usize,
    /// How many are heard at a time, 0 for all.
    pub speakers: usize,
    /// What the legs send and receive.
    pub codec: CodecSpec,
    /// Encryption.
    pub suite: Option<Suite>,
    /// Limits instead of clamping.
    pub limiter: bool,
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
    /// What the last phone has heard in the last second.
    heard: Vec<i16>,
}

/// One thread's conferences and their phones.
pub struct Lane {
    load: Load,
    rooms: Vec<Room>,
    worker: Worker,
    control: WorkerControl,
    /// The bridge's network halves, room by room.
    bridges: Vec<LegReceiver>,
    /// Bridge and phones, where datagrams go by UDP.
    sockets: Option<[UdpSocket; 2]>,
    /// Datagrams on their way to the bridge, and from it to the phones that are listened to.
    to_bridge: Vec<Parcel>,
    to_phones: Vec<Parcel>,
    random: u64,
}

struct Parcel {
    leg: usize,
    length: usize,
    bytes: [u8; MAX_DATAGRAM_BYTES],
}

impl Parcel {
    fn new(leg: usize, datagram: &[u8]) -> Self {
        let mut bytes = [0; MAX_DATAGRAM_BYTES];
        let length = datagram.len().min(bytes.len());
        bytes[..length].copy_from_slice(&datagram[..length]);
        Self { leg, length, bytes }
    }
}

/// What a thread has to say at the end.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The engine's own time, a 10 ms beat each.
    pub beats: Vec<Duration>,
    /// Conferences whose sampled listener hears the talkers.
    pub hearing: usize,
    /// Conferences.
    pub rooms: usize,
    /// Deadlines that the worker has missed.
    pub misses: u64,
    /// Allocations and frees in the engine's time.
    pub allocations: u64,
}

fn session(suite: Suite, byte: u8) -> Result<SessionConfig, Failure> {
    let material = vec![byte; suite.key_bytes() + suite.salt_bytes()];
    let key = MasterKey::from_concatenated(suite, &material).context("master key")?;
    Ok(SessionConfig::new(suite, key))
}

fn hz(talker: usize) -> f32 {
    400.0 + 150.0 * talker as f32
}

/// Amplitude of a tone in `pcm`.
fn amplitude(pcm: &[i16], rate_hz: u32, hz: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let (sin, cos) = (std::f32::consts::TAU * hz * n as f32 / rate_hz as f32).sin_cos();
        re += f32::from(*sample) * cos;
        im += f32::from(*sample) * sin;
    }
    2.0 * re.hypot(im) / pcm.len().max(1) as f32
}

/// A phone, the bridge's network half that faces it, and its member.
fn phone(
    load: &Load,
    codec: &CodecSpec,
    leg: usize,
    control: &ConferenceControl,
) -> Result<(Phone, LegReceiver), Failure> {
    let mut near = LegConfig::new(leg as u32, 96, codec.clone());
    let mut far = LegConfig::new(!(leg as u32), 96, codec.clone());
    if let Some(suite) = load.suite {
        let (a, b) = (session(suite, leg as u8)?, session(suite, !(leg as u8))?);
        near.srtp = Some(SrtpConfig { send: a.clone(), receive: b.clone() });
        far.srtp = Some(SrtpConfig { send: b, receive: a });
    }
    let (receiver, media, _) = Leg::new(&near).context("phone")?;
    let (bridge, half, _) = Leg::new(&far).context("leg")?;
    let options = JoinOptions { tag: leg as u64, ..JoinOptions::default() };
    let member = control.join(Box::new(half), options).map_err(|(error, _)| error)?;
    let samples = (codec.format().sample_rate_hz / 100) as usize;
    Ok((Phone { media, receiver, member, samples }, bridge))
}

fn socket() -> Result<UdpSocket, Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("UDP socket")?;
    socket.set_nonblocking(true).context("UDP socket")?;
    Ok(socket)
}

impl Lane {
    /// Makes `rooms` conferences with all their legs.
    ///
    /// # Errors
    /// What can't be made.
    pub fn new(load: &Load, rooms: usize) -> Result<Self, Failure> {
        let (worker, mut control) = worker(rooms.max(1));
        let sockets = match load.udp {
            true => {
                let [bridge, phones] = [socket()?, socket()?];
                bridge.connect(phones.local_addr()?)?;
                phones.connect(bridge.local_addr()?)?;
                Some([bridge, phones])
            }
            false => None,
        };
        let (mut all, mut bridges) = (Vec::new(), Vec::new());
        for room in 0..rooms {
            let (conference, speaks_for) = Conference::new(&ConferenceConfig {
                max_members: load.legs,
                max_speakers: load.speakers.min(load.legs),
                limiter: load.limiter,
                ..ConferenceConfig::default()
            })
            .context("conference")?;
            let mut phones = Vec::new();
            for n in 0..load.legs {
                let (phone, bridge) = phone(load, &load.codec, room * load.legs + n, &speaks_for)?;
                phones.push(phone);
                bridges.push(bridge);
            }
            let outgoing = Outgoing::new(load.legs * 2);
            let hosted = Hosted { name: room as u64, conference, outgoing };
            control.give(Box::new(hosted)).map_err(|_| "no room for a conference")?;
            all.push(Room { control: speaks_for, phones, heard: Vec::new() });
        }
        let most = rooms * load.legs * 2 + BATCH;
        Ok(Self {
            load: load.clone(),
            rooms: all,
            worker,
            control,
            bridges,
            sockets,
            to_bridge: Vec::with_capacity(most),
            to_phones: Vec::with_capacity(rooms * 16 + BATCH),
            random: 1,
        })
    }

    /// 10 ms of all phones: they say what they say, hear what has come, and with `soak` something
    /// happens to one of each room. Not the engine's time.
    ///
    /// # Errors
    /// What the phones or the host do wrong.
    pub fn talk(&mut self, tick: usize, now_ns: u64) -> Result<(), Failure> {
        let (legs, talkers) = (self.load.legs, self.load.talkers);
        self.hear(now_ns);
        self.to_bridge.clear();
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
                    let parcel = Parcel::new(r * legs + n, datagram);
                    match &self.sockets {
                        Some([_, phones]) => drop(phones.send(&marked(&parcel))),
                        None => self.to_bridge.push(parcel),
                    }
                }
            }
            if let Some(last) = room.phones.last_mut() {
                let mut pcm = vec![0; last.samples];
                last.media.pull(now_ns, &mut pcm)?;
                room.heard.extend_from_slice(&pcm);
                let surplus = room.heard.len().saturating_sub(100 * last.samples);
                room.heard.drain(..surplus);
            }
        }
        if self.load.soak {
            for room in 0..self.rooms.len() {
                self.disturb(room)?;
            }
        }
        Ok(())
    }

    /// What the bridge has sent reaches the phones that are listened to.
    fn hear(&mut self, now_ns: u64) {
        let legs = self.load.legs;
        if let Some([_, phones]) = &self.sockets {
            let mut buffer = [0; MARK_BYTES + MAX_DATAGRAM_BYTES];
            while let Ok(length) = phones.recv(&mut buffer) {
                let Some((mark, datagram)) = buffer[..length].split_first_chunk() else { continue };
                let leg = u32::from_be_bytes(*mark) as usize;
                if leg % legs == legs - 1 {
                    self.to_phones.push(Parcel::new(leg, datagram));
                }
            }
        }
        for mut parcel in self.to_phones.drain(..) {
            let phone = self.rooms.get_mut(parcel.leg / legs).and_then(|r| r.phones.last_mut());
            if let Some(phone) = phone {
                let _ = phone.receiver.receive(&mut parcel.bytes[..parcel.length], now_ns);
            }
        }
    }

    /// The engine's work in a phase: takes what has arrived, ticks what is due, sends.
    pub fn serve(&mut self, now_ns: u64) -> Duration {
        let begin = Instant::now();
        match &self.sockets {
            Some([bridge, _]) => {
                let mut buffers = [[0; MARK_BYTES + MAX_DATAGRAM_BYTES]; BATCH];
                loop {
                    let mut lengths = [0; BATCH];
                    let mut count = 0;
                    while count < BATCH
                        && let Ok(length) = bridge.recv(&mut buffers[count])
                    {
                        lengths[count] = length;
                        count += 1;
                    }
                    let mut some = buffers.iter_mut().zip(lengths);
                    let mut arrivals: [Arrival<'_>; BATCH] = std::array::from_fn(|_| {
                        let marked = some.next().map(|(buffer, length)| &mut buffer[..length]);
                        match marked.and_then(<[u8]>::split_first_chunk_mut) {
                            Some((mark, datagram)) => {
                                Arrival::new(u32::from_be_bytes(*mark) as usize, datagram, now_ns)
                            }
                            None => Arrival::new(usize::MAX, &mut [], now_ns),
                        }
                    });
                    receive_batch(&mut self.bridges, &mut arrivals[..count]);
                    if count < BATCH {
                        break;
                    }
                }
            }
            None => {
                for some in self.to_bridge.chunks_mut(BATCH) {
                    let count = some.len();
                    let mut some = some.iter_mut();
                    let mut arrivals: [Arrival<'_>; BATCH] =
                        std::array::from_fn(|_| match some.next() {
                            Some(p) => Arrival::new(p.leg, &mut p.bytes[..p.length], now_ns),
                            None => Arrival::new(usize::MAX, &mut [], now_ns),
                        });
                    receive_batch(&mut self.bridges, &mut arrivals[..count]);
                }
                self.to_bridge.clear();
            }
        }
        let (legs, to_phones, sockets) = (self.load.legs, &mut self.to_phones, &self.sockets);
        self.worker.run(now_ns, |hosted| {
            for datagram in hosted.outgoing.iter() {
                let leg = datagram.tag as usize;
                match sockets {
                    Some([bridge, _]) => {
                        drop(bridge.send(&marked(&Parcel::new(leg, datagram.bytes))));
                    }
                    None if leg % legs == legs - 1 && to_phones.len() < to_phones.capacity() => {
                        to_phones.push(Parcel::new(leg, datagram.bytes));
                    }
                    None => {}
                }
            }
        });
        begin.elapsed()
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
            let codec = others.get((random >> 50) as usize % 4).unwrap_or(&self.load.codec);
            let leg = room * legs + n;
            (phones[n], self.bridges[leg]) = phone(&self.load, codec, leg, control)?;
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

    /// How many conferences there are, in how many the sampled listener hears the talkers, and the
    /// deadlines that the worker has missed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let rate_hz = self.load.codec.format().sample_rate_hz;
        let limit = match self.load.speakers {
            0 => self.load.talkers,
            speakers => self.load.talkers.min(speakers),
        };
        let hears = |room: &&Room| {
            let loud = |n: &usize| amplitude(&room.heard, rate_hz, hz(*n)) > AMPLITUDE * ENOUGH;
            (0..self.load.talkers).filter(loud).count() >= limit
        };
        Outcome {
            hearing: self.rooms.iter().filter(hears).count(),
            rooms: self.rooms.len(),
            misses: self.control.stats().misses,
            ..Outcome::default()
        }
    }
}

/// A datagram behind its mark, on the stack.
fn marked(parcel: &Parcel) -> Marked {
    let mut bytes = [0; MARK_BYTES + MAX_DATAGRAM_BYTES];
    bytes[..MARK_BYTES].copy_from_slice(&(parcel.leg as u32).to_be_bytes());
    bytes[MARK_BYTES..].copy_from_slice(&parcel.bytes);
    Marked { bytes, length: MARK_BYTES + parcel.length }
}

struct Marked {
    bytes: [u8; MARK_BYTES + MAX_DATAGRAM_BYTES],
    length: usize,
}

impl std::ops::Deref for Marked {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
