// SPDX-License-Identifier: MIT OR Apache-2.0
//! A hands-free telephone: an endpoint in a call by address and crypto line, with levels and echo return loss
//! enhancement in the terminal; over a sound card where it is built with the feature `devices`, over sound files
//! and a simulated room otherwise.

#[cfg(feature = "devices")]
mod devices;
mod room;

use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ale_media::codec::CodecSpec;
use ale_media::endpoint::{
    Endpoint, EndpointConfig, EndpointControl, LineId, Microphone, Profile, Speaker,
};
use ale_media::leg::{Leg, LegConfig, SrtpConfig};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::voice;
use clap::Parser;
use examples::clock::Clock;
use examples::{Context, Failure, random};

/// Calls another phone.
#[derive(Debug, Parser)]
struct Options {
    /// Where the other phone receives.
    #[arg(long, required_unless_present = "devices", default_value = "127.0.0.1:9")]
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
    /// Lists the sound cards' devices, and ends.
    #[arg(long)]
    devices: bool,
    /// Speaks and hears by sound cards instead of files and a room.
    #[arg(long, conflicts_with_all = ["say", "out", "ppm"])]
    device: bool,
    /// The microphone's and the loudspeaker's device, as `--devices` names them; the system's choice without.
    #[arg(long, requires = "device")]
    input: Option<String>,
    #[arg(long, requires = "device")]
    output: Option<String>,
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

/// The endpoint's and its leg's.
const RATE: u32 = 16_000;

/// Sends a datagram to the other phone.
type Network = Box<dyn FnMut(&[u8]) + Send>;

/// A phone in a call.
struct Phone {
    microphone: Microphone,
    speaker: Speaker,
    control: EndpointControl,
    send: Network,
    clock: Clock,
}

#[cfg(not(feature = "devices"))]
mod devices {
    //! Without the feature.

    use super::{Failure, Options, Phone};

    const LACKS: &str = "built without `devices` (cargo build -p examples --features devices; needs ALSA's headers)";

    pub(crate) fn list() -> Result<(), Failure> {
        Err(LACKS.into())
    }

    pub(crate) fn run(_: &Options, _: Phone) -> Result<(), Failure> {
        Err(LACKS.into())
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

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    if options.devices {
        return devices::list();
    }
    let socket = UdpSocket::bind(options.local).context("socket")?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    println!("receives at {}", socket.local_addr()?);
    let (mut receiver, media, _control) = Leg::new(&leg(&options)?).context("leg")?;
    let mut config = EndpointConfig::new(RATE);
    if options.headset {
        config.profile = Profile::Headset;
    }
    if options.device {
        // Sound servers call back in blocks of their own, and late.
        config.playout_ms = 60;
    }
    let engines = voice::engines(RATE).context("engines")?;
    if engines.is_empty() {
        eprintln!("built without engines: the echo stays (make process-webrtc)");
    }
    let (microphone, speaker, mut control) = Endpoint::new(&config, engines).context("endpoint")?;
    let line = LineId::new(0).ok_or("no line")?;
    control.add(line, Box::new(media)).map_err(|(error, _)| error).context("line")?;

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
    let remote = options.remote;
    let send = Box::new(move |datagram: &[u8]| {
        // As if it had been lost on the way.
        let _ = socket.send_to(datagram, remote);
    });
    let phone = Phone { microphone, speaker, control, send, clock };
    let called =
        if options.device { devices::run(&options, phone) } else { room::run(&options, phone) };
    stop.store(true, Ordering::Relaxed);
    network.join().map_err(|_| "the network thread panicked")?;
    called
}

/// Levels and figures in a line of the terminal.
fn show(control: &EndpointControl) -> Result<(), Failure> {
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
    Ok(std::io::stdout().flush()?)
}

/// A level as a bar: -60 dBov and below is empty.
fn meter(dbov: u64) -> String {
    let full = (60_u64.saturating_sub(dbov) / 6) as usize;
    format!("{:<10}", "#".repeat(full.min(10)))
}
