// SPDX-License-Identifier: MIT OR Apache-2.0
//! A hands-free telephone: an endpoint in a call by address and crypto line, over sound files and a simulated
//! room, with levels and echo return loss enhancement in the terminal.
//!
//! Where a phone has a sound card this one has two clocks in one thread: the microphone's, which the call goes
//! by, and a loudspeaker's that is some parts per million off. What the loudspeaker plays comes back into the
//! microphone through a room, beside what the near end says.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ale_media::codec::CodecSpec;
use ale_media::endpoint::{Endpoint, EndpointConfig, LineId, Profile};
use ale_media::leg::{Leg, LegConfig, SrtpConfig};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::voice;
use clap::Parser;
use examples::clock::Clock;
use examples::{Context, Failure, random};

/// Calls another phone from a simulated room.
#[derive(Debug, Parser)]
struct Options {
    /// Where the other phone receives.
    #[arg(long)]
    remote: SocketAddr,
    /// Where this one does.
    #[arg(long, default_value = "127.0.0.1:0")]
    local: SocketAddr,
    /// The other phone's a=crypto line; its key is used to receive. Plain RTP without.
    #[arg(long)]
    remote_crypto: Option<String>,
    /// Our own a=crypto line, to send by.
    #[arg(long)]
    crypto: Option<String>,
    /// What the near end says (WAV, one channel, 16 kHz); then it is silent.
    #[arg(long)]
    say: Option<PathBuf>,
    /// Where what is heard goes.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seconds that the call lasts.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How much faster than the microphone's the loudspeaker's clock runs, parts per million.
    #[arg(long, default_value_t = 200.0, allow_hyphen_values = true)]
    ppm: f64,
    /// No echo: a headset.
    #[arg(long)]
    headset: bool,
    /// No meters in the terminal.
    #[arg(long)]
    quiet: bool,
}

const RATE: u32 = 16_000;
const FRAME: usize = 160;

/// A loudspeaker on a desk: a direct way and reflections, behind what a sound card holds back.
struct Room {
    played: VecDeque<f32>,
    taps: Vec<(usize, f32)>,
    delay: usize,
    /// Samples of the loudspeaker's for one of the microphone's, and where between two of them it is.
    step: f64,
    place: f64,
}

impl Room {
    fn new(ppm: f64) -> Self {
        let mut seed = 7_u32;
        let taps = (0..60)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let strength = seed as i32 as f32 / 2_147_483_648.0 * (-(n as f32) / 12.0).exp();
                (n * 17, strength * 0.4)
            })
            .collect();
        Self {
            played: VecDeque::from(vec![0.0; RATE as usize]),
            taps,
            delay: 640,
            step: 1.0 + ppm * 1e-6,
            place: 0.0,
        }
    }

    fn play(&mut self, pcm: &[i16]) {
        self.played.extend(pcm.iter().map(|s| f32::from(*s)));
    }

    /// The microphone's next sample: of what was played, at its own clock.
    fn hear(&mut self) -> f32 {
        self.place += self.step;
        while self.place >= 1.0 && self.played.len() > RATE as usize {
            self.place -= 1.0;
            self.played.pop_front();
        }
        let newest = RATE as usize - 2 - self.delay;
        let (a, b) = (1.0 - self.place.min(1.0) as f32, self.place.min(1.0) as f32);
        let at = |n: usize| self.played.get(n).copied().unwrap_or(0.0);
        let heard = |back: usize| a * at(newest - back) + b * at(newest - back + 1);
        self.taps.iter().map(|(back, gain)| gain * heard(*back)).sum()
    }
}

fn leg(options: &Options) -> Result<LegConfig, Failure> {
    let ssrc = u32::from_ne_bytes(random()?);
    let codec = CodecSpec::from_rtpmap("L16/16000").ok_or("no L16")?;
    let mut config = LegConfig::plain(ssrc, 96, codec);
    let (Some(own), Some(theirs)) = (&options.crypto, &options.remote_crypto) else {
        if options.crypto.is_some() || options.remote_crypto.is_some() {
            return Err("both crypto lines, or none".into());
        }
        return Ok(config);
    };
    let session = |text: &str, role: &str| {
        CryptoAttribute::parse(text).context(role)?.to_config().context(role)
    };
    config.srtp = Some(SrtpConfig {
        send: session(own, "own crypto line")?,
        receive: session(theirs, "the other's crypto line")?,
    });
    Ok(config)
}

fn said(path: &PathBuf) -> Result<Vec<i16>, Failure> {
    let reader = hound::WavReader::open(path).context(path.display())?;
    if reader.spec().channels != 1 || reader.spec().sample_rate != RATE {
        return Err(format!("{}: one channel at 16 kHz, please", path.display()).into());
    }
    Ok(reader.into_samples().collect::<Result<_, _>>()?)
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let socket = UdpSocket::bind(options.local).context("socket")?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    println!("receives at {}", socket.local_addr()?);
    let (mut receiver, media, _control) = Leg::new(&leg(&options)?).context("leg")?;
    let mut config = EndpointConfig::new(RATE);
    if options.headset {
        config.profile = Profile::Headset;
    }
    let engines = voice::engines(RATE).context("engines")?;
    if engines.is_empty() {
        eprintln!("built without engines: the echo stays (make process-webrtc)");
    }
    let (mut microphone, mut speaker, mut control) =
        Endpoint::new(&config, engines).context("endpoint")?;
    let line = LineId::new(0).ok_or("no line")?;
    control.add(line, Box::new(media)).map_err(|(error, _)| error).context("line")?;
    let said = options.say.as_ref().map(said).transpose()?.unwrap_or_default();

    let clock = Clock::start();
    let stop = Arc::new(AtomicBool::new(false));
    let network = {
        let (socket, stop) = (socket.try_clone()?, Arc::clone(&stop));
        thread::spawn(move || {
            let mut datagram = [0; 2048];
            while !stop.load(Ordering::Relaxed) {
                if let Ok(count) = socket.recv(&mut datagram) {
                    // What is wrong with it is counted there.
                    let _ = receiver.receive(&mut datagram[..count], clock.now_ns());
                }
            }
        })
    };
    let (mut room, mut heard) = (Room::new(options.ppm), Vec::new());
    let (mut owed, mut pcm) = (0.0, [0_i16; 2 * FRAME]);
    for n in 0..options.seconds * 100 {
        let due = Duration::from_nanos((n + 1) * 10_000_000);
        thread::sleep(due.saturating_sub(Duration::from_nanos(clock.now_ns())));
        let now_ns = (n + 1) * 10_000_000;
        let frame: [i16; FRAME] = std::array::from_fn(|k| {
            let near = said.get(n as usize * FRAME + k).copied().unwrap_or(0);
            let echo = if options.headset { 0.0 } else { room.hear() };
            (f32::from(near) + echo) as i16
        });
        microphone.capture(now_ns, &frame, |_, datagram| {
            let _ = socket.send_to(datagram, options.remote);
        });
        owed += FRAME as f64 * (1.0 + options.ppm * 1e-6);
        let count = (owed as usize).min(pcm.len());
        owed -= count as f64;
        speaker.render(now_ns + 4_000_000, &mut pcm[..count]);
        room.play(&pcm[..count]);
        heard.extend_from_slice(&pcm[..count]);
        if !options.quiet && n % 20 == 19 {
            let (near, far) = (control.microphone_stats(), control.speaker_stats());
            print!(
                "\rmicrophone {} sent {} heard {}  ERLE {:>4.1} dB  clocks {:>+5} ppm  waiting {:>4.1} ms  jumps {}  underruns {}   ",
                meter(near.captured_level_dbov),
                meter(near.sent_level_dbov),
                meter(near.heard_level_dbov),
                near.echo_return_loss_enhancement_db_x10 as f64 / 10.0,
                far.correction_ppm,
                far.waiting_us as f64 / 1_000.0,
                near.jumps_found,
                far.underruns,
            );
            std::io::stdout().flush()?;
        }
    }
    stop.store(true, Ordering::Relaxed);
    network.join().map_err(|_| "the network thread panicked")?;
    println!("\n{:?}\n{:?}", control.microphone_stats(), control.speaker_stats());
    if let Some(path) = &options.out {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).context(path.display())?;
        for sample in &heard {
            writer.write_sample(*sample)?;
        }
        writer.finalize()?;
    }
    Ok(())
}

/// A level as a bar: -60 dBov and below is empty.
fn meter(dbov: u64) -> String {
    let full = (60_u64.saturating_sub(dbov) / 6) as usize;
    format!("{:<10}", "#".repeat(full.min(10)))
}
