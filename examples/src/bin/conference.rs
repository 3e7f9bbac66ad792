// SPDX-License-Identifier: MIT OR Apache-2.0
//! The main job: an encrypted conference of phones over a bad network, on real speech.
//!
//! Desk phones (G.711), soft clients (Opus) and a phone written in C talk to a bridge, each over a
//! relay that loses, delays and reorders. At the end there is a WAV file of what each one heard, a
//! report, and exit code 1 if anybody failed to hear anybody else.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::leg::{LegConfig, LegControl, LegStats, SrtpConfig};
use ale_media::srtp::sdes::{CryptoAttribute, CryptoLine};
use ale_media::srtp::{MasterKey, Suite};
use clap::Parser;
use examples::bridge::Bridge;
use examples::clock::Clock;
use examples::endpoint::Phone;
use examples::hearing::{Hearing, Sound, compare};
use examples::relay::{Impairment, Relay};
use examples::report::{self, Party, Sample};
use examples::speech::{self, Part};
use examples::{Context, Failure, random};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Time between two looks at the statistics.
const LOOK: Duration = Duration::from_millis(250);
/// What of a talker's speech a listener must have heard.
const ENOUGH: f32 = 0.5;
/// Silence at the end, in which the last words arrive.
const TAIL: Duration = Duration::from_secs(1);

/// An encrypted conference of phones on this machine, and a report about it.
#[derive(Parser)]
struct Options {
    /// Seconds that the call lasts.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(10..=3600))]
    duration: u32,
    /// Where the network's random numbers start.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Packets lost, in percent, in bursts.
    #[arg(long, default_value_t = 3.0, value_parser = percent)]
    loss: f64,
    /// Mean of the delay on top of 20 ms, in ms.
    #[arg(long, default_value_t = 8.0, value_parser = milliseconds)]
    jitter: f64,
    /// Phones; the first four are two desk phones, a soft client and a phone in C.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=64))]
    legs: u32,
    /// Plain RTP.
    #[arg(long)]
    no_encrypt: bool,
    /// Folder for the report and the recordings.
    #[arg(long, default_value = "out/conference")]
    out: PathBuf,
    /// Folder of WAV files to speak from.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/speech"))]
    speech: PathBuf,
    /// No live table.
    #[arg(long)]
    quiet: bool,
    /// The phone written in C; without it that place is a desk phone in Rust.
    #[arg(long)]
    c_phone: Option<PathBuf>,
}

fn percent(text: &str) -> Result<f64, String> {
    in_range(text, 50.0, "a percentage from 0 to 50")
}

fn milliseconds(text: &str) -> Result<f64, String> {
    in_range(text, 500.0, "milliseconds from 0 to 500")
}

fn in_range(text: &str, highest: f64, what: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=highest).contains(&value) => Ok(value),
        _ => Err(format!("expected {what}")),
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conference: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A party of the call, as planned.
struct Plan {
    name: String,
    codec: CodecSpec,
    payload_type: u8,
    suite: Option<Suite>,
    in_c: bool,
}

impl Plan {
    fn new(number: u32, options: &Options) -> Result<Self, Failure> {
        let (kind, codec, payload_type, suite, in_c) = match number % 4 {
            0 => ("desk-phone-a-law", "PCMA/8000", 8, Suite::AesCm128HmacSha1_80, false),
            1 => ("desk-phone-mu-law", "PCMU/8000", 0, Suite::AesCm128HmacSha1_80, false),
            2 => ("soft-client-opus", "opus/48000/2", 96, Suite::AeadAes128Gcm, false),
            _ => ("c-desk-phone", "PCMA/8000", 8, Suite::AesCm128HmacSha1_80, true),
        };
        let name = if number < 4 { kind.to_owned() } else { format!("{kind}-{}", number / 4 + 1) };
        let codec =
            CodecSpec::from_rtpmap(codec).ok_or_else(|| format!("{codec} is not in this build"))?;
        let suite = (!options.no_encrypt).then_some(suite);
        let in_c = in_c && options.c_phone.is_some();
        Ok(Self { name, codec, payload_type, suite, in_c })
    }

    fn description(&self) -> String {
        let suite = self.suite.map_or("unencrypted", Suite::sdes_name);
        let program = if self.in_c { ", a separate process written in C" } else { "" };
        format!("{}, {suite}{program}", self.codec.name())
    }

    fn rate_hz(&self) -> u32 {
        self.codec.format().sample_rate_hz
    }
}

/// Both ends of one party's leg: the phone's and the bridge's, and the keys as SDP would carry
/// them.
struct Ends {
    phone: LegConfig,
    bridge: LegConfig,
    phone_line: Option<CryptoLine>,
    bridge_line: Option<CryptoLine>,
}

fn ends(plan: &Plan) -> Result<Ends, Failure> {
    let mut phone =
        LegConfig::plain(u32::from_ne_bytes(random()?), plan.payload_type, plan.codec.clone());
    phone.initial_sequence = u16::from_ne_bytes(random()?);
    phone.initial_timestamp = u32::from_ne_bytes(random()?);
    phone.rtcp_interval_ms = 1_000;
    phone.cname.clone_from(&plan.name);
    let mut bridge = phone.clone();
    bridge.local_ssrc = u32::from_ne_bytes(random()?);
    bridge.initial_sequence = u16::from_ne_bytes(random()?);
    bridge.initial_timestamp = u32::from_ne_bytes(random()?);
    bridge.cname = "bridge".to_owned();
    let (mut phone_line, mut bridge_line) = (None, None);
    if let Some(suite) = plan.suite {
        let attribute = || -> Result<CryptoAttribute, Failure> {
            let material: [u8; 64] = random()?;
            let material = &material[..suite.key_bytes() + suite.salt_bytes()];
            Ok(CryptoAttribute::new(1, suite, MasterKey::from_concatenated(suite, material)?))
        };
        let (near, far) = (attribute()?, attribute()?);
        let (send, receive) = (near.to_config()?, far.to_config()?);
        phone.srtp = Some(SrtpConfig { send: send.clone(), receive: receive.clone() });
        bridge.srtp = Some(SrtpConfig { send: receive, receive: send });
        (phone_line, bridge_line) = (Some(near.value()), Some(far.value()));
    }
    Ok(Ends { phone, bridge, phone_line, bridge_line })
}

/// A party of the call, on the line.
enum Line {
    Rust(Box<Phone>),
    C { process: Child, heard: PathBuf },
}

fn start_line(
    plan: &Plan,
    ends: &Ends,
    part: &Part,
    remote: std::net::SocketAddr,
    options: &Options,
    clock: Clock,
) -> Result<Line, Failure> {
    let said = speech::resample(&part.timeline, speech::RATE_HZ, plan.rate_hz())?;
    let socket = UdpSocket::bind("127.0.0.1:0").context("socket of a phone")?;
    let Some(program) = options.c_phone.as_ref().filter(|_| plan.in_c) else {
        return Ok(Line::Rust(Box::new(Phone::start(&ends.phone, socket, remote, said, clock)?)));
    };
    let said_path = options.out.join(format!("{}-says.wav", plan.name));
    let heard = options.out.join(format!("{}.wav", plan.name));
    speech::write_wav(&said_path, plan.rate_hz(), &said)?;
    let port = socket.local_addr()?.port();
    drop(socket); // The process opens its own on the same port.
    let seconds = f64::from(options.duration) + TAIL.as_secs_f64();
    let mut command = Command::new(program);
    command
        .args(["--local", &port.to_string(), "--remote", &remote.to_string()])
        .args(["--codec", "PCMA/8000", "--payload-type", &plan.payload_type.to_string()])
        .args(["--duration", &seconds.to_string()])
        .arg("--send")
        .arg(&said_path)
        .arg("--receive")
        .arg(&heard)
        .stdout(Stdio::null());
    if let (Some(near), Some(far)) = (&ends.phone_line, &ends.bridge_line) {
        command.args(["--send-crypto", near, "--receive-crypto", far]);
    }
    let process = command.spawn().context(program.display())?;
    Ok(Line::C { process, heard })
}

/// Hangs up; what was heard, and its rate.
fn end_line(plan: &Plan, line: Line) -> Result<Vec<i16>, Failure> {
    match line {
        Line::Rust(phone) => Ok(phone.stop()?.0),
        Line::C { mut process, heard } => {
            let status = process.wait()?;
            if !status.success() {
                return Err(format!("{}: ended with {status}", plan.name).into());
            }
            speech::read_wav(&heard, plan.rate_hz())
        }
    }
}

fn run(options: &Options) -> Result<bool, Failure> {
    let recordings = speech::read_folder(&options.speech)?;
    fs::create_dir_all(&options.out).context(options.out.display())?;
    let plans = (0..options.legs).map(|n| Plan::new(n, options)).collect::<Result<Vec<_>, _>>()?;
    let parts = speech::script(&recordings, plans.len(), options.duration as usize);
    let all_ends = plans.iter().map(ends).collect::<Result<Vec<_>, _>>()?;

    let clock = Clock::start();
    let bridge_configs: Vec<_> = all_ends.iter().map(|ends| ends.bridge.clone()).collect();
    let mut bridge = Bridge::start(&bridge_configs, clock)?;
    let mut relays = Vec::new();
    let mut lines = Vec::new();
    for (n, plan) in plans.iter().enumerate() {
        let relay = Relay::start(
            bridge.addresses[n],
            Impairment {
                loss_percent: options.loss,
                jitter_ms: options.jitter,
                reorder_percent: 1.0,
                spike_at: Some(u64::from(options.duration) * 50 * 2 / 3),
                seed: options.seed.wrapping_add(n as u64 * 1_000),
            },
        )?;
        let remote = relay.near_addr();
        lines.push(start_line(plan, &all_ends[n], &parts[n], remote, options, clock)?);
        relays.push(relay);
    }

    let length = Duration::from_secs(u64::from(options.duration)) + TAIL;
    let samples = watch(&plans, &mut bridge.legs, length, options.quiet)?;

    let heard = plans
        .iter()
        .zip(lines)
        .map(|(plan, line)| end_line(plan, line))
        .collect::<Result<Vec<_>, _>>()?;
    bridge.stop()?;
    relays.into_iter().for_each(Relay::stop);
    conclude(&plans, &parts, samples, &heard, options)
}

/// Shows the call while it runs, and keeps what was seen.
fn watch(
    plans: &[Plan],
    legs: &mut [LegControl],
    length: Duration,
    quiet: bool,
) -> Result<Vec<Vec<Sample>>, Failure> {
    let mut samples = vec![Vec::new(); plans.len()];
    let screen = MultiProgress::new();
    if quiet {
        screen.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let text = ProgressStyle::with_template("{msg}")?;
    let line = |message: String| {
        let bar = screen.add(ProgressBar::new_spinner().with_style(text.clone()));
        bar.set_message(message);
        bar
    };
    let _heading = line(format!(
        "{:22} {:>6} {:>8} {:>7} {:>10} {:>5}",
        "the bridge hears", "level", "delay", "loss", "concealed", "MOS"
    ));
    let rows: Vec<_> = plans.iter().map(|plan| line(plan.name.clone())).collect();
    let total = screen.add(ProgressBar::new(length.as_secs()).with_style(
        ProgressStyle::with_template("{bar:40.green} {pos}/{len} s")?.progress_chars("=> "),
    ));
    let start = Instant::now();
    while start.elapsed() < length {
        thread::sleep(LOOK.min(length.saturating_sub(start.elapsed())));
        let at = start.elapsed().as_secs_f32();
        for (n, leg) in legs.iter().enumerate() {
            let stats = leg.stats();
            samples[n].push(Sample { at, stats });
            rows[n].set_message(row(&plans[n].name, &stats));
        }
        total.set_position(start.elapsed().as_secs());
    }
    total.finish();
    rows.iter().for_each(ProgressBar::finish);
    Ok(samples)
}

fn row(name: &str, stats: &LegStats) -> String {
    format!(
        "{name:22} {:>3} dB {:>5.0} ms {:>5.1} % {:>8.1} % {:>5.2}",
        -i64::from(stats.media.pulled_level_dbov as u8),
        stats.jitter.delay_us as f32 * 1e-3,
        stats.loss_percent,
        stats.concealed_percent,
        stats.quality.map_or(0.0, |quality| quality.mos)
    )
}

/// Compares what was heard with what was said, writes everything down, and says whether all heard
/// each other.
fn conclude(
    plans: &[Plan],
    parts: &[Part],
    samples: Vec<Vec<Sample>>,
    heard: &[Vec<i16>],
    options: &Options,
) -> Result<bool, Failure> {
    let said = parts
        .iter()
        .map(|part| Sound::new(&part.timeline, speech::RATE_HZ))
        .collect::<Result<Vec<_>, _>>()?;
    let mut all_heard = true;
    let mut parties = Vec::new();
    for (n, (plan, samples)) in plans.iter().zip(samples).enumerate() {
        let path = options.out.join(format!("{}.wav", plan.name));
        speech::write_wav(&path, plan.rate_hz(), &heard[n])?;
        let sound = Sound::new(&heard[n], plan.rate_hz())?;
        let mut others: Vec<(String, Hearing)> = Vec::new();
        for (other, talker) in plans.iter().enumerate().filter(|(other, _)| *other != n) {
            let alone = parts[other].utterances.iter().filter(|utterance| utterance.alone);
            let spans: Vec<_> = alone.map(|utterance| utterance.span.clone()).collect();
            let hearing = compare(&said[other], &spans, &sound);
            let share = hearing.share() * 100.0;
            let verdict = if hearing.share() >= ENOUGH { "heard" } else { "DID NOT HEAR" };
            all_heard &= hearing.share() >= ENOUGH;
            println!("{} {verdict} {}: {share:.0} % of what was said", plan.name, talker.name);
            others.push((talker.name.clone(), hearing));
        }
        parties.push(Party {
            name: plan.name.clone(),
            description: plan.description(),
            samples,
            heard: others,
            wav: fs::read(&path).context(path.display())?,
        });
    }
    let report_path = options.out.join("report.html");
    let subtitle = format!(
        "{} s over a network that loses {} % in bursts, with {} ms of jitter on average, some \
         reordering and a spike of 200 ms (seed {}).",
        options.duration, options.loss, options.jitter, options.seed
    );
    report::write(&report_path, "A conference", &subtitle, &parties)?;
    announce(&report_path, all_heard);
    Ok(all_heard)
}

fn announce(report: &Path, all_heard: bool) {
    let verdict = if all_heard { "Everybody heard everybody." } else { "Somebody was not heard." };
    let report = report.canonicalize().unwrap_or_else(|_| report.to_owned());
    println!("{verdict} The report: {}", report.display());
}
