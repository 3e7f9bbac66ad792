// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound cards: their callbacks are the endpoint's two halves, each at its own clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ale_media::endpoint::{Microphone, Speaker};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, FromSample, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedStreamConfigRange,
};
use examples::clock::Clock;
use examples::{Context, Failure};

use crate::{Network, Options, Phone, RATE};

/// Samples that are converted at a time.
const PIECE: usize = 480;

/// Says what devices there are.
pub(crate) fn list() -> Result<(), Failure> {
    let host = cpal::default_host();
    for (what, devices) in [
        ("microphone", host.input_devices().context("microphones")?.collect::<Vec<_>>()),
        ("loudspeaker", host.output_devices().context("loudspeakers")?.collect()),
    ] {
        for device in devices {
            println!(
                "{what:<12} {:<40} {}",
                name(&device)?,
                device.description().context("device")?
            );
        }
    }
    Ok(())
}

/// Goes through the call.
pub(crate) fn run(options: &Options, phone: Phone) -> Result<(), Failure> {
    let Phone { microphone, speaker, control, send, clock } = phone;
    let host = cpal::default_host();
    let input = match &options.input {
        Some(wanted) => named(host.input_devices().context("microphones")?, wanted)?,
        None => host.default_input_device().ok_or("there is no microphone")?,
    };
    let output = match &options.output {
        Some(wanted) => named(host.output_devices().context("loudspeakers")?, wanted)?,
        None => host.default_output_device().ok_or("there is no loudspeaker")?,
    };
    let errors = Arc::new(AtomicU64::new(0));
    let (config, format) = choose(input.supported_input_configs().context("microphone")?)?;
    let capturing = match format {
        SampleFormat::I16 => capture::<i16>(&input, config, microphone, send, clock, &errors),
        _ => capture::<f32>(&input, config, microphone, send, clock, &errors),
    }?;
    let (config, format) = choose(output.supported_output_configs().context("loudspeaker")?)?;
    let playing = match format {
        SampleFormat::I16 => render::<i16>(&output, config, speaker, clock, &errors),
        _ => render::<f32>(&output, config, speaker, clock, &errors),
    }?;
    println!("hears by {}, plays by {}", name(&input)?, name(&output)?);
    capturing.play().context("microphone")?;
    playing.play().context("loudspeaker")?;
    for _ in 0..options.seconds * 5 {
        thread::sleep(Duration::from_millis(200));
        if !options.quiet {
            crate::show(&control)?;
        }
    }
    drop((capturing, playing));
    println!("\n{:?}\n{:?}", control.microphone_stats(), control.speaker_stats());
    println!("errors that the devices reported: {}", errors.load(Ordering::Relaxed));
    Ok(())
}

fn name(device: &Device) -> Result<String, Failure> {
    Ok(device.id().context("device")?.to_string())
}

fn named(devices: impl Iterator<Item = Device>, wanted: &str) -> Result<Device, Failure> {
    for device in devices {
        if name(&device)? == wanted {
            return Ok(device);
        }
    }
    Err(format!("there is no device {wanted} (--devices lists them)").into())
}

/// The way to use a device at the endpoint's rate with the least conversion: 16 bits and one channel, if it has
/// that.
fn choose(
    ways: impl Iterator<Item = SupportedStreamConfigRange>,
) -> Result<(StreamConfig, SampleFormat), Failure> {
    let known = |way: &SupportedStreamConfigRange| {
        matches!(way.sample_format(), SampleFormat::I16 | SampleFormat::F32)
            && (way.min_sample_rate()..=way.max_sample_rate()).contains(&RATE)
    };
    let costs = |way: &SupportedStreamConfigRange| {
        (way.sample_format() != SampleFormat::I16, way.channels())
    };
    let way = ways.filter(known).min_by_key(costs);
    let way = way.ok_or("the device has no 16 kHz in 16 bits or single precision")?;
    let buffer_size = BufferSize::Fixed(RATE / 100);
    let config = StreamConfig { channels: way.channels(), sample_rate: RATE, buffer_size };
    Ok((config, way.sample_format()))
}

/// A stream whose callback is the microphone's. After an underrun a device may report the same error hundreds of
/// times before it goes on: they are counted.
fn capture<T>(
    device: &Device,
    config: StreamConfig,
    mut microphone: Microphone,
    mut send: Network,
    clock: Clock,
    errors: &Arc<AtomicU64>,
) -> Result<Stream, Failure>
where
    T: SizedSample,
    i16: FromSample<T>,
{
    let (channels, errors) = (usize::from(config.channels), Arc::clone(errors));
    let mut piece = [0_i16; PIECE];
    let take = move |pcm: &[T], _: &cpal::InputCallbackInfo| {
        let now_ns = clock.now_ns();
        let mut left = pcm.len() / channels;
        for part in pcm.chunks(PIECE * channels) {
            let frames = part.chunks_exact(channels);
            left -= frames.len();
            let count = frames.len();
            for (to, frame) in piece.iter_mut().zip(frames) {
                *to = frame.first().map_or(0, |sample| sample.to_sample());
            }
            let behind_ns = left as u64 * 1_000_000_000 / u64::from(RATE);
            let at_ns = now_ns.saturating_sub(behind_ns);
            microphone.capture(at_ns, &piece[..count], |_, datagram| send(datagram));
        }
    };
    let failed = move |_| {
        errors.fetch_add(1, Ordering::Relaxed);
    };
    device.build_input_stream(config, take, failed, None).context("microphone")
}

/// A stream whose callback is the loudspeaker's.
fn render<T>(
    device: &Device,
    config: StreamConfig,
    mut speaker: Speaker,
    clock: Clock,
    errors: &Arc<AtomicU64>,
) -> Result<Stream, Failure>
where
    T: SizedSample + FromSample<i16>,
{
    let (channels, errors) = (usize::from(config.channels), Arc::clone(errors));
    let mut piece = [0_i16; PIECE];
    let give = move |pcm: &mut [T], _: &cpal::OutputCallbackInfo| {
        let now_ns = clock.now_ns();
        for part in pcm.chunks_mut(PIECE * channels) {
            let count = part.len() / channels;
            speaker.render(now_ns, &mut piece[..count]);
            for (frame, sample) in part.chunks_mut(channels).zip(&piece) {
                frame.fill(T::from_sample(*sample));
            }
        }
    };
    let failed = move |_| {
        errors.fetch_add(1, Ordering::Relaxed);
    };
    device.build_output_stream(config, give, failed, None).context("loudspeaker")
}
