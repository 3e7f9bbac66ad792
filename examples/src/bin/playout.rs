// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays an RTP stream out of a capture as a receiver would have heard it: every packet at its
//! arrival time through the jitter buffer, a pull every 10 ms.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use ale_media::codec::Decoder;
use ale_media::codec::g711::{G711, Law};
use ale_media::codec::opus::OpusDecoder;
use ale_media::jitter::{self, DecoderMap, JitterConfig, JitterReader, JitterWriter, Operation};
use ale_media::rtp::RtpPacket;
use clap::Parser;
use examples::capture::{self, Datagram};

/// Plays an RTP stream out of a capture (pcap, pcapng, rtpdump) through the jitter buffer.
#[derive(Debug, Parser)]
struct Arguments {
    /// The capture.
    capture: PathBuf,
    /// Receiver time 0, in seconds of the capture's clock; by default the first packet's.
    #[arg(long)]
    start: Option<f64>,
    /// Seconds to play; by default to half a second after the last packet.
    #[arg(long)]
    duration: Option<f64>,
    /// What a payload type means, as in SDP: 0=PCMU/8000, 96=opus/48000, 13=CN/8000. Repeatable;
    /// the static types are known.
    #[arg(long = "payload-type", value_name = "TYPE=NAME/CLOCK")]
    payload_types: Vec<String>,
    /// The stream to play; by default whichever comes.
    #[arg(long, value_parser = parse_ssrc)]
    ssrc: Option<u32>,
    /// Rate of the PCM.
    #[arg(long, default_value_t = 8000)]
    rate: u32,
    /// Where the sound goes.
    #[arg(long, value_name = "WAV")]
    out: Option<PathBuf>,
    /// Where one line per pull goes: pull,t_ms,op,delay_ms.
    #[arg(long, value_name = "CSV")]
    log: Option<PathBuf>,
    /// How many independent streams to play side by side, for measuring the cost.
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// Prints the counters at the end.
    #[arg(long)]
    stats: bool,
}

fn parse_ssrc(text: &str) -> Result<u32, std::num::ParseIntError> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut datagrams = capture::read(&arguments.capture)
        .map_err(|error| format!("{}: {error}", arguments.capture.display()))?
        .datagrams;
    if let Some(ssrc) = arguments.ssrc {
        datagrams.retain(|d| RtpPacket::parse(&d.payload).is_ok_and(|p| p.ssrc() == ssrc));
    }
    datagrams.sort_by_key(|d| d.arrival_ns);
    let Some((first, last)) = datagrams.first().zip(datagrams.last()) else {
        return Err("no RTP in this capture".into());
    };
    let start_ns = arguments.start.map_or(first.arrival_ns, |s| (s * 1e9).round() as u64);
    let end_ns = last.arrival_ns.saturating_sub(start_ns) + 500_000_000;
    let duration_ns = arguments.duration.map_or(end_ns, |s| (s * 1e9).round() as u64);
    let largest = datagrams.iter().map(|d| d.payload.len()).max().unwrap_or(0);
    let mut streams = Vec::new();
    for _ in 0..arguments.streams.max(1) {
        streams.push(stream(&arguments, largest)?);
    }
    play(&arguments, &datagrams, start_ns, duration_ns, &mut streams)?;
    if arguments.stats {
        for (name, value) in streams[0].1.stats().iter() {
            println!("{name:24} {}", value as i64);
        }
    }
    Ok(())
}

type Stream = (JitterWriter, JitterReader);

fn stream(arguments: &Arguments, _largest: usize) -> Result<Stream, Box<dyn Error>> {
    let config = JitterConfig::at_rate(arguments.rate);
    let mut map = DecoderMap::new();
    if arguments.rate == 8000 {
        map.insert(0, Box::new(G711(Law::Mu)))?;
        map.insert(8, Box::new(G711(Law::A)))?;
    }
    map.insert_comfort_noise(13)?;
    for argument in &arguments.payload_types {
        let (number, encoding) =
            argument.split_once('=').ok_or_else(|| format!("{argument}: not TYPE=NAME/CLOCK"))?;
        let number: u8 = number.parse().map_err(|_| format!("{argument}: no payload type"))?;
        let name = encoding.split('/').next().unwrap_or("").to_ascii_uppercase();
        let decoder: Box<dyn Decoder> = match name.as_str() {
            "PCMU" => Box::new(G711(Law::Mu)),
            "PCMA" => Box::new(G711(Law::A)),
            "OPUS" => Box::new(OpusDecoder::new(arguments.rate, 1)?),
            "CN" => {
                map.insert_comfort_noise(number)?;
                continue;
            }
            // Known not to be sound: counted and passed over.
            "TELEPHONE-EVENT" => continue,
            _ => return Err(format!("{argument}: no decoder for this encoding").into()),
        };
        map.insert(number, decoder)?;
    }
    let (writer, reader, _) = jitter::create(&config, map)?;
    Ok((writer, reader))
}

fn play(
    arguments: &Arguments,
    datagrams: &[Datagram],
    start_ns: u64,
    duration_ns: u64,
    streams: &mut [Stream],
) -> Result<(), Box<dyn Error>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: arguments.rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = arguments.out.as_ref().map(|p| hound::WavWriter::create(p, spec)).transpose()?;
    let mut log = match &arguments.log {
        Some(path) => {
            let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
            writeln!(file, "pull,t_ms,op,delay_ms")?;
            Some(file)
        }
        None => None,
    };
    let mut pcm = vec![0_i16; arguments.rate as usize / 100];
    let mut waiting = datagrams.iter().peekable();
    for pull in 0..duration_ns / 10_000_000 {
        let now_ns = start_ns + pull * 10_000_000;
        while let Some(datagram) = waiting.next_if(|d| d.arrival_ns <= now_ns) {
            for (writer, _) in streams.iter_mut() {
                // What is refused is counted.
                let _ = writer.insert(&datagram.payload, datagram.arrival_ns);
            }
        }
        // The first stream last, so that its PCM is what is kept.
        for (n, (_, reader)) in streams.iter_mut().enumerate().rev() {
            let info = reader.pull(now_ns, &mut pcm)?;
            if n > 0 {
                continue;
            }
            if let Some(log) = &mut log {
                let letter = letter(info.operation);
                writeln!(log, "{pull},{},{letter},{:.1}", pull * 10, info.delay_ms)?;
            }
        }
        if let Some(wav) = &mut wav {
            let mut samples = wav.get_i16_writer(pcm.len() as u32);
            pcm.iter().for_each(|&sample| samples.write_sample(sample));
            samples.flush()?;
        }
    }
    if let Some(wav) = wav {
        wav.finalize()?;
    }
    Ok(())
}

fn letter(operation: Operation) -> char {
    match operation {
        Operation::Silence => 's',
        Operation::ComfortNoise => 'c',
        Operation::Accelerate => 'a',
        Operation::Expand => 'p',
        Operation::Conceal => 'e',
        _ => 'n',
    }
}
