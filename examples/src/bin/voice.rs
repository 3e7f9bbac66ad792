// SPDX-License-Identifier: MIT OR Apache-2.0
//! The chain of a hands-free phone over files: what is played, what the microphone hears, what is sent.

use std::path::{Path, PathBuf};

use ale_media::voice::{self, NoiseSuppression, Settings};
use clap::Parser;
use examples::{Context, Failure};

/// Takes echo and noise out of what a microphone has recorded.
#[derive(Debug, Parser)]
struct Options {
    /// What the loudspeaker plays (WAV, one channel, 8, 16, 32 or 48 kHz).
    reference: PathBuf,
    /// What the microphone hears, at the same rate.
    microphone: PathBuf,
    /// Where what is sent goes.
    out: PathBuf,
    /// The rate, which the files have to have.
    #[arg(long)]
    rate: Option<u32>,
    /// What is done: `full`, or some of `echo`, `noise`, `gain`, with commas.
    #[arg(long, default_value = "full")]
    mode: String,
    /// The jump finder is left out.
    #[arg(long)]
    no_jumps: bool,
    /// Jumps that a device tells of, as SECOND:SAMPLES, with commas.
    #[arg(long, value_delimiter = ',')]
    told: Vec<String>,
}

fn settings(options: &Options) -> Result<Settings, Failure> {
    let mut settings = Settings::off();
    settings.high_pass = true;
    for part in options.mode.split(',') {
        match part {
            "full" => settings = Settings::default(),
            "echo" => (settings.echo_cancellation, settings.follow_jumps) = (true, true),
            "noise" => settings.noise_suppression = NoiseSuppression::High,
            "gain" => settings.gain_control = true,
            other => return Err(format!("no such part: {other}").into()),
        }
    }
    settings.follow_jumps &= !options.no_jumps;
    Ok(settings)
}

fn read(path: &Path) -> Result<(u32, Vec<i16>), Failure> {
    let reader = hound::WavReader::open(path).context(path.display())?;
    let spec = reader.spec();
    if spec.channels != 1 {
        return Err(format!("{}: has {} channels", path.display(), spec.channels).into());
    }
    Ok((spec.sample_rate, reader.into_samples().collect::<Result<_, _>>()?))
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let (rate, played) = read(&options.reference)?;
    let (other, mut heard) = read(&options.microphone)?;
    if rate != other || options.rate.is_some_and(|wanted| wanted != rate) {
        return Err(format!("the rates are {rate} and {other} Hz").into());
    }
    let mut told = Vec::new();
    for jump in &options.told {
        let (second, samples) = jump.split_once(':').ok_or("a jump is SECOND:SAMPLES")?;
        told.push(((second.parse::<f64>()? * 100.0) as usize, samples.parse::<i64>()?));
    }
    let settings = settings(&options)?;
    let engines = voice::engines(rate).context("engines")?;
    let (mut render, mut capture) = voice::create(rate, 0, &settings, engines).context("chain")?;
    let frame = capture.frame_samples();
    let silence = vec![0; frame];
    for (n, pcm) in heard.chunks_exact_mut(frame).enumerate() {
        render.push(played.get(n * frame..(n + 1) * frame).unwrap_or(&silence));
        for (_, samples) in told.iter().filter(|(at, _)| *at == n) {
            capture.echo_moved(*samples);
        }
        let before = capture.stats();
        capture.process(pcm).context("frame")?;
        if capture.stats().jumps_found > before.jumps_found {
            eprintln!("{:.2} s: the echo has moved", n as f64 / 100.0);
        }
    }
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&options.out, spec).context(options.out.display())?;
    for sample in &heard {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    eprintln!("{:?}\n{:?}", capture.stats(), capture.statistics());
    Ok(())
}
