// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays the RTP streams of a capture as a receiver would have heard them: every packet at its
//! arrival time through the jitter buffer, a pull every 10 ms, each direction apart.

mod decoders;
mod listing;
mod options;
mod replay;
mod sink;

use std::error::Error;
use std::process::ExitCode;

use ale_media::jitter::{self, JitterConfig, JitterReader, JitterWriter};
use ale_media::rtp::RtpPacket;
use clap::Parser;
use examples::capture::streams::{self, Stream};
use examples::capture::{self, Datagram};

use decoders::{Types, decoders, unprotect};
use options::{Arguments, numbered};
use sink::Sink;

/// Room for an hour of G.711.
const BLACK_BOX_BYTES: u32 = 64 << 20;
/// The longest that is played unless asked for: what a capture's clock says may be nonsense.
const DAY_NS: u64 = 86_400_000_000_000;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(log) = &arguments.replay {
        return replay::replay(arguments, log);
    }
    let Some(path) = &arguments.capture else { return Err("no capture".into()) };
    let capture = capture::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let types = Types::of(arguments)?;
    let streams = streams::find(&capture.datagrams, arguments.ssrc);
    if arguments.list {
        listing::list(&capture, &streams, &types);
        return Ok(());
    }
    let mut playable = Vec::new();
    for direction in streams::directions(&streams) {
        let mut packets = packets(&capture.datagrams, &direction, &types);
        if let Some(srtp) = &arguments.srtp {
            unprotect(srtp, &mut packets)?;
        }
        if packets.iter().any(|packet| is_sound(packet, &types)) {
            playable.push((direction, packets));
        }
    }
    let notes = listing::notes(&capture, &streams, &types, playable.is_empty());
    if playable.is_empty() {
        let nothing = if streams.is_empty() { "no RTP in this capture" } else { "nothing to play" };
        let why = notes.iter().map(|note| format!("\n  {note}")).collect::<String>();
        return Err(format!("{}: {nothing}{why}", path.display()).into());
    }
    notes.iter().for_each(|note| eprintln!("playout: {note}"));
    let several = playable.len() > 1;
    for (index, (direction, packets)) in playable.iter().enumerate() {
        let number = several.then_some(index + 1);
        if let Some(number) = number {
            println!("{number}: {}", listing::direction(&capture, direction));
        }
        play(arguments, number, packets)?;
    }
    Ok(())
}

/// The whole packets of a direction, in the order in which they came.
fn packets(datagrams: &[Datagram], direction: &[&Stream], types: &Types) -> Vec<Datagram> {
    let mut packets = Vec::new();
    for stream in direction {
        let whole = stream.packets.iter().filter_map(|&index| datagrams.get(index));
        let mut whole: Vec<_> = whole.filter(|packet| packet.missing == 0).cloned().collect();
        let clock_hz = types.clock_hz(stream).unwrap_or(8_000);
        if stream.is_untimed(clock_hz) {
            streams::arrivals_as_sent(&mut whole, clock_hz);
        }
        packets.append(&mut whole);
    }
    packets.sort_by_key(|packet| packet.arrival_ns);
    packets
}

fn is_sound(packet: &Datagram, types: &Types) -> bool {
    RtpPacket::parse(&packet.payload).is_ok_and(|p| types.is_sound(p.payload_type()))
}

type Buffer = (JitterWriter, JitterReader);

fn buffer(arguments: &Arguments) -> Result<Buffer, Box<dyn Error>> {
    let mut config = JitterConfig::at_rate(arguments.rate);
    config.min_delay_ms = arguments.min_delay;
    if arguments.black_box.is_some() {
        config.black_box_bytes = BLACK_BOX_BYTES;
        config.black_box_audio = true;
    }
    let (writer, reader, _) = jitter::create(&config, decoders(arguments, arguments.rate)?)?;
    Ok((writer, reader))
}

/// Plays packets and writes what the options ask for, under a number if it is one of several.
fn play(
    arguments: &Arguments,
    number: Option<usize>,
    packets: &[Datagram],
) -> Result<(), Box<dyn Error>> {
    let Some((first, last)) = packets.first().zip(packets.last()) else { return Ok(()) };
    let start_ns = arguments.start.map_or(first.arrival_ns, |s| (s * 1e9).round() as u64);
    let end_ns = last.arrival_ns.saturating_sub(start_ns).saturating_add(500_000_000);
    let duration_ns = arguments.duration.map_or(end_ns.min(DAY_NS), |s| (s * 1e9).round() as u64);
    let mut buffers = Vec::new();
    for _ in 0..arguments.streams {
        buffers.push(buffer(arguments)?);
    }
    let mut sink = Sink::new(arguments, number, arguments.rate)?;
    let mut pcm = vec![0_i16; arguments.rate as usize / 100];
    let mut waiting = packets.iter().peekable();
    for pull in 0..duration_ns / 10_000_000 {
        let now_ns = start_ns + pull * 10_000_000;
        while let Some(packet) = waiting.next_if(|packet| packet.arrival_ns <= now_ns) {
            for (writer, _) in &mut buffers {
                // What is refused is counted.
                let _ = writer.insert(&packet.payload, packet.arrival_ns);
            }
        }
        // The first buffer last, so that its PCM is what is kept.
        for (n, (_, reader)) in buffers.iter_mut().enumerate().rev() {
            let info = reader.pull(now_ns, &mut pcm)?;
            if n == 0 {
                sink.take(pull, pull * 10, info, &pcm)?;
            }
        }
    }
    let Some((_, reader)) = buffers.first() else { return Ok(()) };
    sink.histogram = reader.arrival_histogram().collect();
    sink.finish()?;
    if let Some(path) = &arguments.black_box {
        std::fs::write(numbered(path, number), reader.black_box())?;
    }
    if arguments.stats {
        for (name, value) in reader.stats().iter() {
            println!("{name:24} {}", value as i64);
        }
    }
    Ok(())
}
