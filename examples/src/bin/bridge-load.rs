// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many legs a core carries: conferences in real time on one thread, without sockets.
//!
//! The phones' own work is done beside and not counted; a tick is what a bridge does for all legs in
//! 10 ms: unprotect, insert, pull, mix, encode, protect. Exit code 1 if a tick took longer than 10
//! ms, or a listener that was sampled did not hear every talker.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, MemberId, Outgoing,
};
use ale_media::leg::{Leg, LegConfig, LegMedia, LegReceiver, SrtpConfig};
use ale_media::srtp::{MasterKey, SessionConfig, Suite};
use clap::Parser;
use examples::clock::{BEAT, Beat, Clock};
use examples::{Context, Failure};
use indicatif::ProgressBar;

/// What of a talker's amplitude a listener must hear.
const ENOUGH: f32 = 0.5;
const AMPLITUDE: f32 = 3_000.0;

/// Conferences in real time on one thread: ticks, misses, legs a core.
#[derive(Parser)]
struct Options {
    /// Conferences.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    conferences: u32,
    /// Legs of each.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=8_192))]
    legs: u32,
    /// Legs of each that talk; the others are silent.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    talkers: u32,
    /// How many are heard at a time, 0 for all.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=16))]
    speakers: u32,
    /// Codec, as in a=rtpmap.
    #[arg(long, default_value = "PCMA/8000")]
    codec: String,
    /// Encryption: none, or the name of an SDES suite.
    #[arg(long, default_value = "none")]
    suite: String,
    /// Seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=7_200))]
    duration: u32,
    /// Limits instead of clamping.
    #[arg(long)]
    limiter: bool,
    /// Mutes, and lets leave and join again, silent members at random.
    #[arg(long)]
    soak: bool,
}

struct Phone {
    media: LegMedia,
    receiver: LegReceiver,
    bridge: LegReceiver,
    member: MemberId,
}

struct Room {
    conference: Conference,
    control: ConferenceControl,
    phones: Vec<Phone>,
    /// What the last phone heard in the last second.
    heard: Vec<i16>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bridge-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn session(suite: Suite, byte: u8) -> Result<SessionConfig, Failure> {
    let material = vec![byte; suite.key_bytes() + suite.salt_bytes()];
    let key = MasterKey::from_concatenated(suite, &material).context("master key")?;
    Ok(SessionConfig::new(suite, key))
}

fn room(options: &Options, codec: &CodecSpec, suite: Option<Suite>) -> Result<Room, Failure> {
    let (conference, control) = Conference::new(&ConferenceConfig {
        max_members: options.legs as usize,
        max_speakers: options.speakers.min(options.legs) as usize,
        limiter: options.limiter,
        ..ConferenceConfig::default()
    })
    .context("conference")?;
    let mut phones = Vec::new();
    for n in 0..options.legs {
        let mut near = LegConfig::new(n, 96, codec.clone());
        let mut far = LegConfig::new(100_000 + n, 96, codec.clone());
        if let Some(suite) = suite {
            let (a, b) = (session(suite, n as u8)?, session(suite, !(n as u8))?);
            near.srtp = Some(SrtpConfig { send: a.clone(), receive: b.clone() });
            far.srtp = Some(SrtpConfig { send: b, receive: a });
        }
        let (receiver, media, _) = Leg::new(&near).context("phone")?;
        let (bridge, half, _) = Leg::new(&far).context("leg")?;
        let options = JoinOptions { tag: u64::from(n), ..JoinOptions::default() };
        let member = control.join(Box::new(half), options).map_err(|(error, _)| error)?;
        phones.push(Phone { media, receiver, bridge, member });
    }
    Ok(Room { conference, control, phones, heard: Vec::new() })
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

/// A silent member is muted or heard again, or leaves and joins again.
fn disturb(room: &mut Room, options: &Options, random: u64) -> Result<(), Failure> {
    if let Some((left, half)) = room.control.reclaim() {
        let Some(n) = room.phones.iter().position(|phone| phone.member == left) else {
            return Ok(());
        };
        let options = JoinOptions { tag: n as u64, ..JoinOptions::default() };
        room.phones[n].member = room.control.join(half, options).map_err(|(error, _)| error)?;
        return Ok(());
    }
    let silent = options.talkers as usize..room.phones.len().saturating_sub(1);
    if silent.is_empty() {
        return Ok(());
    }
    let phone = &room.phones[silent.start + random as usize % silent.len()];
    match random >> 32 & 1 {
        // Who has left already is not found.
        0 if random >> 40 & 15 == 0 => drop(room.control.leave(phone.member)),
        bit => drop(room.control.set_muted(phone.member, bit == 1)),
    }
    Ok(())
}

fn run(options: &Options) -> Result<bool, Failure> {
    let codec = CodecSpec::from_rtpmap(&options.codec)
        .ok_or_else(|| format!("codec {} is unknown", options.codec))?;
    let suite = match options.suite.as_str() {
        "none" => None,
        name => Some(Suite::from_sdes_name(name).ok_or_else(|| format!("suite {name}?"))?),
    };
    let rate_hz = codec.format().sample_rate_hz;
    let samples = (rate_hz / 100) as usize;
    let mut rooms = (0..options.conferences)
        .map(|_| room(options, &codec, suite))
        .collect::<Result<Vec<_>, _>>()?;
    let talkers = options.talkers.min(options.legs - 1) as usize;
    let mut outgoing = Outgoing::new(options.legs as usize * 2);
    let mut ticks = Vec::with_capacity(options.duration as usize * 100);
    let progress = ProgressBar::new(u64::from(options.duration));
    let (clock, mut beat) = (Clock::start(), Beat::start());
    let mut random = 1_u64;
    let mut datagrams: Vec<(usize, Vec<u8>)> = Vec::new();
    for tick in 0..options.duration as usize * 100 {
        beat.wait();
        let now_ns = clock.now_ns();
        let mut spent = Duration::ZERO;
        for room in &mut rooms {
            datagrams.clear();
            for (n, phone) in room.phones.iter_mut().enumerate() {
                let mut pcm = vec![0_i16; samples];
                for (i, sample) in pcm.iter_mut().enumerate().filter(|_| n < talkers) {
                    let t = (tick * samples + i) as f32 / rate_hz as f32;
                    *sample = (AMPLITUDE * (std::f32::consts::TAU * hz(n) * t).sin()) as i16;
                }
                phone.media.push(&pcm)?;
                while let Some(datagram) = phone.media.poll_transmit(now_ns) {
                    datagrams.push((n, datagram.to_vec()));
                }
            }
            let begin = Instant::now();
            for (n, datagram) in &mut datagrams {
                let _ = room.phones[*n].bridge.receive(datagram, now_ns);
            }
            room.conference.tick(now_ns, &mut outgoing);
            spent += begin.elapsed();
            let last = room.phones.len() - 1;
            for datagram in outgoing.iter().filter(|sent| sent.tag == last as u64) {
                let _ = room.phones[last].receiver.receive(&mut datagram.bytes.to_vec(), now_ns);
            }
            let mut pcm = vec![0; samples];
            room.phones[last].media.pull(now_ns, &mut pcm)?;
            room.heard.extend_from_slice(&pcm);
            let surplus = room.heard.len().saturating_sub(rate_hz as usize);
            room.heard.drain(..surplus);
            if options.soak {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                disturb(room, options, random)?;
            }
        }
        ticks.push(spent);
        if tick % 100 == 99 {
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(report(options, &rooms, ticks, talkers, rate_hz))
}

fn report(
    options: &Options,
    rooms: &[Room],
    mut ticks: Vec<Duration>,
    talkers: usize,
    rate_hz: u32,
) -> bool {
    ticks.sort();
    let at = |share: f64| ticks[((ticks.len() - 1) as f64 * share) as usize];
    let mean = ticks.iter().sum::<Duration>() / ticks.len() as u32;
    let misses = ticks.iter().filter(|tick| **tick > BEAT).count();
    let legs = f64::from(options.conferences * options.legs);
    let limit =
        if options.speakers == 0 { talkers } else { talkers.min(options.speakers as usize) };
    let hearing = |room: &&Room| {
        let heard = |n: &usize| amplitude(&room.heard, rate_hz, hz(*n)) > AMPLITUDE * ENOUGH;
        (0..talkers).filter(heard).count() >= limit
    };
    let good = rooms.iter().filter(hearing).count();
    println!("{} conferences of {} legs, {}", options.conferences, options.legs, options.codec);
    println!("tick p50 {:?}, p99 {:?}, max {:?}", at(0.5), at(0.99), at(1.0));
    println!("ticks above 10 ms: {misses} of {}", ticks.len());
    println!("legs a core, at the mean: {:.0}", legs * BEAT.as_secs_f64() / mean.as_secs_f64());
    println!("sampled listeners that hear the talkers: {good} of {}", rooms.len());
    misses == 0 && good == rooms.len()
}
