// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sender that hears of its losses, for the judge: speech goes through a leg whose redundancy follows
//! loss, over the network of a trace, to a leg that reports what it misses; and the capture is of what
//! came. Reports take the same network back.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ale_media::codec::CodecSpec;
use ale_media::codec::opus::OpusConfig;
use ale_media::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver, Redundant};
use ale_media::rtp::is_rtcp;
use clap::{Parser, ValueEnum};
use examples::{Context, Failure, speech};

const TICK_NS: u64 = 10_000_000;
const PACKET_NS: u64 = 20_000_000;
const REDUNDANT: u8 = 98;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Codec {
    Pcmu,
    Opus,
}

/// Sends speech with redundancy that follows the loss of a trace; writes what comes as a pcap.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is said.
    speech: PathBuf,
    /// A line a packet sent: its number and when it arrives, in ms after the start; no time if never.
    trace: PathBuf,
    /// Where the capture goes.
    out: PathBuf,
    /// Most payloads that a packet repeats, 0 to 4; 0 is without RED.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=4))]
    generations: u8,
    /// The codec: G.711, or Opus at 48 kHz.
    #[arg(long, value_enum, default_value_t = Codec::Pcmu)]
    codec: Codec,
    /// Opus: bits a second.
    #[arg(long, default_value_t = 24_000)]
    bit_rate: u32,
    /// Opus: in-band FEC.
    #[arg(long)]
    fec: bool,
    /// Opus: deep redundancy of so many ms (needs the feature opus-dred).
    #[arg(long, default_value_t = 0)]
    dred_ms: u16,
    /// Repeats as many payloads as that whatever is reported.
    #[arg(long)]
    always: bool,
    /// When the capture begins, in seconds.
    #[arg(long, default_value_t = 0)]
    start: u32,
}

struct End {
    receiver: LegReceiver,
    media: LegMedia,
    _control: LegControl,
}

impl Arguments {
    fn spec(&self) -> (u8, CodecSpec) {
        match self.codec {
            Codec::Pcmu => (0, CodecSpec::Pcmu),
            Codec::Opus => {
                let opus = OpusConfig {
                    bit_rate_bps: self.bit_rate,
                    inband_fec: self.fec,
                    dred_ms: self.dred_ms,
                    complexity: 9,
                    ..OpusConfig::default()
                };
                (111, CodecSpec::Opus(opus))
            }
        }
    }

    fn end(&self, ssrc: u32) -> Result<End, Failure> {
        let (payload_type, codec) = self.spec();
        let mut config = LegConfig::plain(ssrc, payload_type, codec);
        config.cname = format!("{ssrc}@example.org");
        config.rtcp_interval_ms = 1_000;
        if let generations @ 1.. = self.generations {
            config.redundancy = Some(match self.always {
                true => Redundant::always(REDUNDANT, generations),
                false => Redundant::following_loss(REDUNDANT, generations),
            });
        }
        let (receiver, media, control) = Leg::new(&config)?;
        Ok(End { receiver, media, _control: control })
    }
}

/// When packet `n` arrives; the outer `None` where the trace ends.
fn trace(path: &Path) -> Result<Vec<Option<u64>>, Failure> {
    let text = std::fs::read_to_string(path).context(path.display())?;
    let line = |line: &str| -> Result<Option<u64>, Failure> {
        let at = line.split(',').nth(1).unwrap_or("").trim();
        if at.is_empty() {
            return Ok(None);
        }
        let ms: f64 = at.parse().context(format!("{line}: no time"))?;
        Ok(Some((ms.max(0.0) * 1e6) as u64))
    };
    text.lines().map(line).collect()
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("closed-loop: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rate_hz = match arguments.codec {
        Codec::Pcmu => 8_000,
        Codec::Opus => 48_000,
    };
    let tick = rate_hz as usize / 100;
    let said = speech::read_wav(&arguments.speech, rate_hz)?;
    let network = trace(&arguments.trace)?;
    let (mut a, mut b) = (arguments.end(1)?, arguments.end(2)?);
    let mut to_b: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
    let mut to_a: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
    let mut came: Vec<(u64, Vec<u8>)> = Vec::new();
    let (mut sent, mut bytes, mut reports) = (0_usize, 0_usize, 0_usize);
    let mut pcm = vec![0; tick];
    let silence = vec![0; tick];
    let end_ns = network.len() as u64 * PACKET_NS;
    for now_ns in (0..end_ns + 1_000_000_000).step_by(TICK_NS as usize) {
        deliver(&mut to_b, &mut b, now_ns);
        deliver(&mut to_a, &mut a, now_ns);
        let at = (now_ns / TICK_NS) as usize * tick;
        for end in [&mut a, &mut b] {
            end.media.pull(now_ns, &mut pcm)?;
        }
        if now_ns < end_ns {
            a.media.push(said.get(at..at + tick).unwrap_or(&silence))?;
        }
        b.media.push(&silence)?;
        while let Some(datagram) = a.media.poll_transmit(now_ns) {
            if is_rtcp(datagram) {
                to_b.push_back((now_ns + 2 * PACKET_NS, datagram.to_vec()));
                continue;
            }
            bytes += datagram.len();
            if let Some(Some(arrival_ns)) = network.get(sent) {
                came.push((*arrival_ns, datagram.to_vec()));
                to_b.push_back((*arrival_ns, datagram.to_vec()));
            }
            sent += 1;
        }
        let row = network.get((now_ns / PACKET_NS) as usize).copied().flatten();
        while let Some(datagram) = b.media.poll_transmit(now_ns) {
            // Of the way back, only reports are of interest: as late as what is sent just then, or lost.
            if let (true, Some(arrival_ns)) = (is_rtcp(datagram), row) {
                to_a.push_back((arrival_ns.max(now_ns), datagram.to_vec()));
                reports += 1;
            }
        }
    }
    came.sort_by_key(|(arrival_ns, _)| *arrival_ns);
    std::fs::write(&arguments.out, pcap(arguments.start, &came))
        .context(arguments.out.display())?;
    println!("{sent} packets, {bytes} bytes of RTP, {reports} reports");
    Ok(())
}

/// Hands over what has come by now.
fn deliver(way: &mut VecDeque<(u64, Vec<u8>)>, end: &mut End, now_ns: u64) {
    way.make_contiguous().sort_by_key(|(arrival_ns, _)| *arrival_ns);
    while let Some((arrival_ns, _)) = way.front()
        && *arrival_ns <= now_ns
        && let Some((arrival_ns, mut datagram)) = way.pop_front()
    {
        // What is refused is counted.
        let _ = end.receiver.receive(&mut datagram, arrival_ns);
    }
}

/// A classic capture of UDP over IPv4, in microseconds.
fn pcap(start_s: u32, packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 228] {
        file.extend(word.to_be_bytes());
    }
    for (arrival_ns, packet) in packets {
        let (udp, ip) = (8 + packet.len() as u16, 28 + packet.len() as u16);
        let (seconds, rest) = (arrival_ns / 1_000_000_000, arrival_ns % 1_000_000_000);
        for word in [start_s + seconds as u32, rest as u32 / 1_000, ip.into(), ip.into()] {
            file.extend(word.to_be_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(ip.to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        for half in [40_000, 5_004, udp, 0] {
            file.extend(half.to_be_bytes());
        }
        file.extend(packet);
    }
    file
}
