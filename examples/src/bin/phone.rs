// SPDX-License-Identifier: MIT OR Apache-2.0
//! A phone on the command line: says a WAV file to a host and port, keeps what comes back, dials what
//! is typed, and says why it hears nothing.
//!
//! Point ffmpeg or baresip at it, or another one:
//! `phone --local 127.0.0.1:5004 --remote 127.0.0.1:5006 --send said.wav --receive heard.wav`

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::leg::{ControlError, LegConfig, LegEvent, LegStats, SrtpConfig, TelephoneEvents};
use ale_media::rtp::telephone_event::{digit_of_event, event_of_digit};
use ale_media::srtp::Policy;
use ale_media::srtp::sdes::CryptoAttribute;
use clap::Parser;
use examples::clock::Clock;
use examples::diagnosis::{Evidence, Figures, peak, why_silent};
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
    /// Digits to dial once the call stands: 0-9, *, #, A-D, ! for a hook flash, a comma for a second's
    /// pause. Those typed during the call, and ended with a return, are dialled, too.
    #[arg(long)]
    dial: Option<String>,
    /// Payload type of dialled digits (telephone-event, RFC 4733), both ways.
    #[arg(long, default_value_t = 101)]
    dtmf_payload_type: u8,
    /// Seconds; without it, as long as there is something to say, or until Ctrl-C.
    #[arg(long)]
    duration: Option<f32>,
}

/// How often it is looked for events and digits to dial.
const LOOK: Duration = Duration::from_millis(20);
/// How long nothing is heard before the phone says why.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a digit is dialled, and a comma waits.
const DIGIT_MS: u32 = 100;
const COMMA: Duration = Duration::from_secs(1);

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
    let format = spec.format();
    let rate_hz = format.sample_rate_hz;
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
    if payload_type != options.dtmf_payload_type {
        config.telephone_events =
            vec![TelephoneEvents::new(options.dtmf_payload_type, format.rtp_clock_hz)];
    }
    let spoken = options.send.is_some().then_some(said.len() as f32 / rate_hz as f32 + 0.5);
    let length = options.duration.or(spoken).map(Duration::try_from_secs_f32).transpose();
    let length = length.context("--duration")?;
    // The first Ctrl-C hangs up; the second ends a phone that hangs.
    let hang_up = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&hang_up))?;
        signal_hook::flag::register(signal, Arc::clone(&hang_up))?;
    }
    let socket = UdpSocket::bind(options.local).context(options.local)?;
    println!("listening on {}", socket.local_addr()?);
    let phone = Phone::start(&config, socket, options.remote, said, Clock::start())?;
    let mut call = Call::new(phone, options.dial.as_deref().unwrap_or_default());
    let (begin, typed) = (Instant::now(), typed_lines());
    while !hang_up.load(Ordering::Relaxed) && length.is_none_or(|length| begin.elapsed() < length) {
        call.to_dial.extend(typed.try_iter().flat_map(|line| line.chars().collect::<Vec<_>>()));
        call.look()?;
        thread::sleep(LOOK);
    }
    let (heard, control) = call.phone.stop()?;
    if let Some(path) = &options.receive {
        speech::write_wav(path, rate_hz, &heard)?;
    }
    print(&control.stats());
    let evidence = Evidence { peak: peak(&heard), ..call.evidence };
    if let Some(why) = why_silent(&Figures::of(&control.stats()), &evidence) {
        println!("nothing was heard: {why}");
    }
    Ok(())
}

/// What is typed, a line at a time. A phone in the background of a terminal must not read: it would be
/// stopped.
fn typed_lines() -> mpsc::Receiver<String> {
    let (line, lines) = mpsc::channel();
    let stdin = std::io::stdin();
    let background = stdin.is_terminal()
        && rustix::termios::tcgetpgrp(&stdin).ok() != Some(rustix::process::getpgrp());
    if !background {
        // It ends with the process, or when there is nothing more to read.
        thread::spawn(move || {
            stdin.lock().lines().map_while(Result::ok).try_for_each(|l| line.send(l))
        });
    }
    lines
}

/// A call under way.
struct Call {
    phone: Phone,
    to_dial: VecDeque<char>,
    dial_after: Instant,
    evidence: Evidence,
    /// What had come, and when, when something was heard last or a reason was given.
    then: (Instant, Figures),
    why: Option<String>,
}

impl Call {
    fn new(phone: Phone, digits: &str) -> Self {
        let now = Instant::now();
        Self {
            phone,
            to_dial: digits.chars().collect(),
            dial_after: now,
            evidence: Evidence::default(),
            then: (now, Figures::default()),
            why: None,
        }
    }

    /// Dials what is to be dialled, tells what has happened, and says why nothing is heard.
    fn look(&mut self) -> Result<(), Failure> {
        self.dial()?;
        while let Some(event) = self.phone.control.next_event() {
            match event {
                LegEvent::SourceChanged { ssrc } => println!("listening to source {ssrc:#010x}"),
                LegEvent::AddressChanged { address } => println!("the peer sends from {address}"),
                LegEvent::DigitEnded { event, duration_ms } => {
                    let digit = digit_of_event(event).unwrap_or('?');
                    println!("the peer dials {digit} for {duration_ms} ms");
                }
                LegEvent::Goodbye { .. } => println!("the peer says goodbye"),
                LegEvent::Refused { error, .. } => self.evidence.refused = Some(error),
                _ => {}
            }
        }
        self.evidence.stranger = self.phone.next_stranger().or(self.evidence.stranger);
        self.evidence.peak = self.evidence.peak.max(self.phone.peak());
        if self.then.0.elapsed() >= PATIENCE {
            let now = Figures::of(&self.phone.control.stats());
            let why = why_silent(&now.since(&self.then.1), &self.evidence);
            // Each reason once: figures within it change.
            let kind = |why: &Option<String>| {
                why.as_ref().map(|why| why.replace(|c: char| c.is_ascii_digit(), ""))
            };
            match &why {
                Some(words) if kind(&why) != kind(&self.why) => {
                    println!("nothing is heard: {words}");
                }
                _ => {}
            }
            self.why = why;
            self.then = (Instant::now(), now);
            self.evidence.peak = 0;
        }
        Ok(())
    }

    fn dial(&mut self) -> Result<(), Failure> {
        while Instant::now() >= self.dial_after {
            let Some(digit) = self.to_dial.front().copied() else { break };
            match (digit, event_of_digit(digit)) {
                (',', _) => self.dial_after = Instant::now() + COMMA,
                (_, Some(event)) => match self.phone.control.send_digit(event, DIGIT_MS, 8) {
                    Ok(()) => {}
                    // As many wait as there is room for.
                    Err(ControlError::Busy) => break,
                    Err(error) => return Err(format!("dialling {digit}: {error}").into()),
                },
                _ => println!("not a digit: {digit}"),
            }
            self.to_dial.pop_front();
        }
        Ok(())
    }
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
    for (name, count) in Figures::of(stats).refused() {
        println!("refused, {name}: {count}");
    }
    if stats.receiver.no_slot > 0 {
        println!("refused, no_slot: {}", stats.receiver.no_slot);
    }
}
