// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays an RTP stream out of a capture as a receiver would have heard it: every packet at its
//! arrival time through the jitter buffer, a pull every 10 ms.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use ale_media::codec::CodecSpec;
use ale_media::jitter::{
    self, DecoderMap, JitterConfig, JitterReader, JitterWriter, Operation, PullInfo, Replay,
};
use ale_media::rtp::{RtpPacket, is_rtcp};
use ale_media::srtp::{MasterKey, Receiver, SessionConfig, Suite};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use clap::Parser;
use examples::capture::{self, Datagram};
use examples::delay_plot;

/// Plays an RTP stream out of a capture (pcap, pcapng, rtpdump) through the jitter buffer.
#[derive(Debug, Parser)]
struct Arguments {
    /// The capture.
    #[arg(required_unless_present = "replay")]
    capture: Option<PathBuf>,
    /// Plays a black box's log instead of a capture.
    #[arg(long, value_name = "LOG", conflicts_with_all = ["capture", "start", "duration", "ssrc", "srtp"])]
    replay: Option<PathBuf>,
    /// Where a log goes that --replay plays again.
    #[arg(long, value_name = "LOG")]
    black_box: Option<PathBuf>,
    /// Receiver time 0, in seconds of the capture's clock; by default the first packet's.
    #[arg(long, value_parser = seconds)]
    start: Option<f64>,
    /// Seconds to play; by default to half a second after the last packet.
    #[arg(long, value_parser = day)]
    duration: Option<f64>,
    /// What a payload type means, as in SDP: 0=PCMU/8000, 96=opus/48000, 13=CN/8000. Repeatable;
    /// the static types are known.
    #[arg(long = "payload-type", value_name = "TYPE=NAME/CLOCK")]
    payload_types: Vec<String>,
    /// The stream to play; by default whichever comes.
    #[arg(long, value_parser = parse_ssrc)]
    ssrc: Option<u32>,
    /// SRTP suite and master key with salt, as in SDES:
    /// AES_CM_128_HMAC_SHA1_80:base64 (RFC 4568).
    #[arg(long, value_name = "SUITE:BASE64KEY")]
    srtp: Option<String>,
    /// Rate of the PCM.
    #[arg(long, default_value_t = 8000)]
    rate: u32,
    /// What Opus may spend on concealment, 0 to 10: from 5 on neural, from 6 and 7 on with
    /// enhancement (feature opus-deep).
    #[arg(long, default_value_t = 0, value_name = "COMPLEXITY")]
    opus_complexity: u8,
    /// Where the sound goes.
    #[arg(long, value_name = "WAV")]
    out: Option<PathBuf>,
    /// Where one line per pull goes: pull,t_ms,op,delay_ms.
    #[arg(long, value_name = "CSV")]
    log: Option<PathBuf>,
    /// Where a drawing of the delay and of what was done about it goes.
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
    /// How many independent streams to play side by side, for measuring the cost.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    streams: u16,
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

/// Room for an hour of G.711.
const BLACK_BOX_BYTES: u32 = 64 << 20;
/// The longest that is played unless asked for: what a capture's clock says may be nonsense.
const DAY_NS: u64 = 86_400_000_000_000;

/// A point in time that fits a 64-bit count of nanoseconds.
fn seconds(text: &str) -> Result<f64, String> {
    in_range(text, 1e10)
}

/// A length of time that a WAV file can hold.
fn day(text: &str) -> Result<f64, String> {
    in_range(text, 86_400.0)
}

fn in_range(text: &str, highest: f64) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=highest).contains(&value) => Ok(value),
        _ => Err(format!("expected seconds from 0 to {highest}")),
    }
}

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
        return replay(arguments, log);
    }
    let Some(path) = &arguments.capture else { return Err("no capture".into()) };
    let mut datagrams =
        capture::read(path).map_err(|error| format!("{}: {error}", path.display()))?.datagrams;
    // What is neither RTP nor wanted goes first: an SRTP session has room for few streams.
    datagrams.retain(|d| {
        let packet = RtpPacket::parse(&d.payload);
        !is_rtcp(&d.payload)
            && packet.is_ok_and(|p| arguments.ssrc.is_none_or(|ssrc| p.ssrc() == ssrc))
    });
    datagrams.sort_by_key(|d| d.arrival_ns);
    if let Some(srtp) = &arguments.srtp {
        unprotect(srtp, &mut datagrams)?;
    }
    let Some((first, last)) = datagrams.first().zip(datagrams.last()) else {
        return Err("no RTP in this capture".into());
    };
    let start_ns = arguments.start.map_or(first.arrival_ns, |s| (s * 1e9).round() as u64);
    let end_ns = last.arrival_ns.saturating_sub(start_ns).saturating_add(500_000_000);
    let end_ns = end_ns.min(DAY_NS);
    let duration_ns = arguments.duration.map_or(end_ns, |s| (s * 1e9).round() as u64);
    let mut streams = Vec::new();
    for _ in 0..arguments.streams {
        streams.push(stream(arguments)?);
    }
    play(arguments, &datagrams, start_ns, duration_ns, &mut streams)?;
    if let Some(path) = &arguments.black_box {
        std::fs::write(path, streams[0].1.black_box())?;
    }
    if arguments.stats {
        for (name, value) in streams[0].1.stats().iter() {
            println!("{name:24} {}", value as i64);
        }
    }
    Ok(())
}

type Stream = (JitterWriter, JitterReader);

fn stream(arguments: &Arguments) -> Result<Stream, Box<dyn Error>> {
    let mut config = JitterConfig::at_rate(arguments.rate);
    if arguments.black_box.is_some() {
        config.black_box_bytes = BLACK_BOX_BYTES;
        config.black_box_audio = true;
    }
    let (writer, reader, _) = jitter::create(&config, decoders(arguments, arguments.rate)?)?;
    Ok((writer, reader))
}

fn decoders(arguments: &Arguments, rate: u32) -> Result<DecoderMap, Box<dyn Error>> {
    let mut map = DecoderMap::new();
    for payload_type in 0..96 {
        let codec = CodecSpec::from_static_payload_type(payload_type);
        // 44.1 kHz, which two static types have, is no rate of the buffer.
        if let Some(codec) = codec.filter(|c| c.format().sample_rate_hz.is_multiple_of(8000)) {
            map.insert(payload_type, codec.decoder(rate)?)?;
        }
    }
    map.insert_comfort_noise(13)?;
    for argument in &arguments.payload_types {
        let (number, encoding) =
            argument.split_once('=').ok_or_else(|| format!("{argument}: not TYPE=NAME/CLOCK"))?;
        let number: u8 = number.parse().map_err(|_| format!("{argument}: no payload type"))?;
        let name = encoding.split('/').next().unwrap_or("").to_ascii_uppercase();
        match name.as_str() {
            "CN" => map.insert_comfort_noise(number)?,
            "RED" => map.insert_redundant(number)?,
            // Known not to be sound: counted and passed over.
            "TELEPHONE-EVENT" => {}
            _ => {
                let mut codec = CodecSpec::from_rtpmap(encoding)
                    .ok_or_else(|| format!("{argument}: no decoder for this encoding"))?;
                if let CodecSpec::Opus(config) = &mut codec {
                    config.decoder_complexity = arguments.opus_complexity;
                }
                map.insert(number, codec.decoder(rate)?)?;
            }
        }
    }
    Ok(map)
}

/// Plays a log and says whether everything was decided as it was then.
fn replay(arguments: &Arguments, path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // The rate is in the log; static payload types are decoded at it.
    let rate = Replay::new(&bytes, decoders(arguments, arguments.rate)?)?.sample_rate_hz();
    let mut replay = Replay::new(&bytes, decoders(arguments, rate)?)?;
    let mut sink = Sink::new(arguments, rate)?;
    let (mut pulls, mut other) = (0_u64, 0_u64);
    let mut began_ns = None;
    while let Some((pull, pcm)) = replay.pull()? {
        let mut info = pull.again.unwrap_or_default();
        if pull.again.is_none() {
            info.operation = pull.operation;
            info.delay_ms = pull.delay_ms;
            info.target_delay_ms = pull.target_delay_ms;
        }
        other += u64::from(!pull.agrees);
        let began_ns = *began_ns.get_or_insert(pull.now_ns);
        sink.take(pulls, pull.now_ns.saturating_sub(began_ns) / 1_000_000, info, pcm)?;
        pulls += 1;
    }
    sink.finish()?;
    match (replay.has_audio(), replay.is_whole()) {
        (false, _) => println!("{pulls} pulls; the log has no audio"),
        (true, true) => println!("{pulls} pulls, {other} decided otherwise than then"),
        (true, false) => {
            println!("{pulls} pulls, {other} decided otherwise; the beginning is lost");
        }
    }
    Ok(())
}

/// Takes the protection off every datagram; what fails is reported and left out.
fn unprotect(srtp: &str, datagrams: &mut Vec<Datagram>) -> Result<(), Box<dyn Error>> {
    let (suite, key) = srtp.split_once(':').ok_or("--srtp: not SUITE:BASE64KEY")?;
    let suite = Suite::from_sdes_name(suite).ok_or_else(|| format!("{suite}: unknown suite"))?;
    let key = key.strip_prefix("inline:").unwrap_or(key);
    let key = STANDARD
        .decode(key)
        .or_else(|_| STANDARD_NO_PAD.decode(key))
        .map_err(|error| format!("--srtp: {error}"))?;
    let key = MasterKey::from_concatenated(suite, &key)?;
    let mut receiver = Receiver::new(&SessionConfig::new(suite, key))?;
    let before = datagrams.len();
    let mut first_error = None;
    datagrams.retain_mut(|datagram| match receiver.unprotect(&mut datagram.payload) {
        Ok(len) => {
            datagram.payload.truncate(len);
            true
        }
        Err(error) => {
            first_error.get_or_insert(error);
            false
        }
    });
    if let Some(error) = first_error {
        let failed = before - datagrams.len();
        eprintln!("{failed} of {before} packets not unprotected, the first because: {error}");
    }
    Ok(())
}

fn play(
    arguments: &Arguments,
    datagrams: &[Datagram],
    start_ns: u64,
    duration_ns: u64,
    streams: &mut [Stream],
) -> Result<(), Box<dyn Error>> {
    let mut sink = Sink::new(arguments, arguments.rate)?;
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
            if n == 0 {
                sink.take(pull, pull * 10, info, &pcm)?;
            }
        }
    }
    sink.histogram = streams[0].1.arrival_histogram().collect();
    sink.finish()
}

/// Where what was played goes: sound, a line a pull, a drawing.
struct Sink<'a> {
    arguments: &'a Arguments,
    wav: Option<hound::WavWriter<std::io::BufWriter<std::fs::File>>>,
    log: Option<std::io::BufWriter<std::fs::File>>,
    history: Vec<PullInfo>,
    /// Delay over the fastest packets in ms, and the share of packets, if known.
    histogram: Vec<(f32, f32)>,
}

impl<'a> Sink<'a> {
    fn new(arguments: &'a Arguments, rate: u32) -> Result<Self, Box<dyn Error>> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let wav = arguments.out.as_ref().map(|p| hound::WavWriter::create(p, spec)).transpose()?;
        let mut log = None;
        if let Some(path) = &arguments.log {
            let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
            writeln!(file, "pull,t_ms,op,delay_ms")?;
            log = Some(file);
        }
        Ok(Self { arguments, wav, log, history: Vec::new(), histogram: Vec::new() })
    }

    fn take(
        &mut self,
        pull: u64,
        at_ms: u64,
        info: PullInfo,
        pcm: &[i16],
    ) -> Result<(), Box<dyn Error>> {
        if self.arguments.plot.is_some() {
            self.history.push(info);
        }
        if let Some(log) = &mut self.log {
            let letter = letter(info.operation);
            writeln!(log, "{pull},{at_ms},{letter},{:.1}", info.delay_ms)?;
        }
        if let Some(wav) = &mut self.wav {
            let mut samples = wav.get_i16_writer(pcm.len() as u32);
            pcm.iter().for_each(|&sample| samples.write_sample(sample));
            samples.flush()?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Box<dyn Error>> {
        if let Some(wav) = self.wav {
            wav.finalize()?;
        }
        if let Some(path) = &self.arguments.plot {
            delay_plot::draw(path, &self.history, &self.histogram)?;
        }
        Ok(())
    }
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
