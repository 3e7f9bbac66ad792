// SPDX-License-Identifier: MIT OR Apache-2.0
//! A phone on the command line: says a WAV file to a host and port and keeps what comes back.
//!
//! Point ffmpeg or baresip at it, or another one:
//! `phone --local 127.0.0.1:5004 --remote 127.0.0.1:5006 --send said.wav --receive heard.wav`

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ale_media::codec::CodecSpec;
use ale_media::leg::{LegConfig, LegStats, SrtpConfig};
use ale_media::srtp::Policy;
use ale_media::srtp::sdes::CryptoAttribute;
use clap::Parser;
use examples::clock::Clock;
use examples::endpoint::Phone;
use examples::speech;
use examples::{Context, Failure, random};

/// A single RTP or SRTP endpoint.
#[derive(Parser)]
struct Options {
    /// Where to listen, ADDRESS:PORT.
    #[arg(long, default_value = "127.0.0.1:5004")]
    local: SocketAddr,
    /// Where to send, ADDRESS:PORT.
    #[arg(long)]
    remote: SocketAddr,
    /// WAV file to say; without it, silence.
    #[arg(long)]
    send: Option<PathBuf>,
    /// WAV file for what is heard.
    #[arg(long)]
    receive: Option<PathBuf>,
    /// Codec, as PAYLOAD-TYPE=NAME/CLOCK.
    #[arg(long, default_value = "0=PCMU/8000")]
    codec: String,
    /// Packet time in ms.
    #[arg(long, default_value_t = 20)]
    packet_ms: u16,
    /// Keys of both directions, an a=crypto line (RFC 4568).
    #[arg(long)]
    crypto: Option<String>,
    /// Keys of what is received, if others than `--crypto`.
    #[arg(long)]
    receive_crypto: Option<String>,
    /// Accepts suites with tags of 32 bits.
    #[arg(long)]
    legacy_suites: bool,
    /// Source (SSRC) of what is sent; without it, random.
    #[arg(long)]
    ssrc: Option<u32>,
    /// Seconds; without it, as long as there is something to say.
    #[arg(long)]
    duration: Option<f32>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("phone: {error}");
            ExitCode::FAILURE
        }
    }
}

fn codec(text: &str) -> Result<(u8, CodecSpec), Failure> {
    let malformed = || format!("--codec {text}: expected PAYLOAD-TYPE=NAME/CLOCK");
    let (number, encoding) = text.split_once('=').ok_or_else(malformed)?;
    let number = number.parse().map_err(|_| malformed())?;
    let spec = CodecSpec::from_rtpmap(encoding)
        .ok_or_else(|| format!("--codec {text}: unknown codec {encoding}"))?;
    Ok((number, spec))
}

fn run(options: &Options) -> Result<(), Failure> {
    let (payload_type, spec) = codec(&options.codec)?;
    let rate_hz = spec.format().sample_rate_hz;
    // Two phones with one source would take each other for an echo of themselves (RFC 3550 section 8.2).
    let ssrc = match options.ssrc {
        Some(ssrc) => ssrc,
        None => u32::from_ne_bytes(random()?),
    };
    let mut config = LegConfig::plain(ssrc, payload_type, spec);
    config.initial_sequence = u16::from_ne_bytes(random()?);
    config.initial_timestamp = u32::from_ne_bytes(random()?);
    config.send.packet_ms = options.packet_ms;
    config.cname = "phone".to_owned();
    if let Some(line) = &options.crypto {
        let parse = |line: &str| CryptoAttribute::parse(line).context(line);
        let mut send = parse(line)?.to_config().context("--crypto")?;
        let mut receive = match &options.receive_crypto {
            Some(line) => parse(line)?.to_config().context("--receive-crypto")?,
            None => send.clone(),
        };
        if options.legacy_suites {
            send.policy = Policy::Legacy;
            receive.policy = Policy::Legacy;
        }
        config.srtp = Some(SrtpConfig { send, receive });
    }
    let said = match &options.send {
        Some(path) => speech::read_wav(path, rate_hz)?,
        None => Vec::new(),
    };
    let seconds = options.duration.unwrap_or(said.len() as f32 / rate_hz as f32 + 0.5);
    let length = Duration::try_from_secs_f32(seconds).context("--duration")?;
    let socket = UdpSocket::bind(options.local).context(options.local)?;
    let phone = Phone::start(&config, socket, options.remote, said, Clock::start())?;
    thread::sleep(length);
    let (heard, control) = phone.stop()?;
    if let Some(path) = &options.receive {
        speech::write_wav(path, rate_hz, &heard)?;
    }
    print(&control.stats());
    Ok(())
}

fn print(stats: &LegStats) {
    println!(
        "sent {} packets, received {}; lost {:.1} %, concealed {:.1} %, jitter {:.1} ms, delay {:.0} ms, \
         round trip {:.0} ms, MOS {:.2}",
        stats.media.packets,
        stats.receiver.packets,
        stats.loss_percent,
        stats.concealed_percent,
        stats.jitter_ms,
        stats.jitter.mean_delay_us as f32 * 1e-3,
        stats.round_trip_ms,
        stats.quality.map_or(0.0, |quality| quality.mos)
    );
    for (name, count) in stats.receiver.iter() {
        let trouble = ["malformed", "authentication_failed", "replayed", "srtp_refused"];
        let more = ["unknown_payload_type", "unknown_ssrc", "oversized", "no_slot"];
        if count > 0 && (trouble.contains(&name) || more.contains(&name)) {
            println!("refused, {name}: {count}");
        }
    }
}
