// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs, 20 ms at a time. The peer of G.711 is the arithmetic that everybody writes, a loop over
//! the segments; Opus is libopus, and what is compared is our way to it.

use ale_media::codec::CodecSpec;
use ale_media::codec::opus::OpusConfig;
use ale_media::dsp::resample::Resampler;

use crate::harness::{self, Side};

const REPEATS: u64 = 2_000;

/// 20 ms of something like a voice.
pub fn voice(rate_hz: u32) -> Vec<i16> {
    let count = rate_hz / 50;
    (0..count)
        .map(|n| {
            let t = n as f32 / rate_hz as f32 * std::f32::consts::TAU;
            (6_000.0 * (150.0 * t).sin() + 3_000.0 * (850.0 * t).sin()) as i16
        })
        .collect()
}

/// The codecs that are measured.
pub fn specs() -> Vec<(&'static str, CodecSpec)> {
    let opus =
        |sample_rate_hz| CodecSpec::Opus(OpusConfig { sample_rate_hz, ..OpusConfig::default() });
    vec![
        ("G.711 A-law", CodecSpec::Pcma),
        ("G.711 mu-law", CodecSpec::Pcmu),
        ("G.722", CodecSpec::G722),
        ("Opus 16 kHz", opus(16_000)),
        ("Opus 48 kHz", opus(48_000)),
    ]
}

/// mu-law as a search for the segment.
fn mu_law_by_loop(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs().min(32_635)) + 132;
    let mut segment = 7;
    while segment > 0 && magnitude & (0x80 << segment) == 0 {
        segment -= 1;
    }
    !(sign | (segment << 4) as u8 | (magnitude >> (segment + 3) & 15) as u8)
}

/// libopus without us, with the settings of [`specs`].
struct Libopus {
    encoder: opus::Encoder,
    decoder: opus::Decoder,
    payload: [u8; 1_500],
    length: usize,
}

impl Libopus {
    fn new(spec: &CodecSpec, pcm: &[i16]) -> Option<Self> {
        let CodecSpec::Opus(config) = spec else { return None };
        let mono = opus::Channels::Mono;
        let mut encoder =
            opus::Encoder::new(config.sample_rate_hz, mono, opus::Application::Voip).ok()?;
        encoder.set_bitrate(opus::Bitrate::Bits(config.bit_rate_bps as i32)).ok()?;
        encoder.set_complexity(i32::from(config.complexity)).ok()?;
        encoder.set_vbr_constraint(false).ok()?;
        encoder.set_inband_fec(config.inband_fec).ok()?;
        encoder.set_packet_loss_perc(i32::from(config.expected_loss_percent)).ok()?;
        let decoder = opus::Decoder::new(config.sample_rate_hz, mono).ok()?;
        let mut libopus = Self { encoder, decoder, payload: [0; 1_500], length: 0 };
        libopus.encode(pcm);
        Some(libopus)
    }

    fn encode(&mut self, pcm: &[i16]) {
        self.length = self.encoder.encode(pcm, &mut self.payload).expect("payload");
    }
}

/// Nanoseconds for 20 ms.
pub fn compare(filter: &str) {
    harness::print_head();
    for (name, spec) in specs() {
        let pcm = voice(spec.format().sample_rate_hz);
        let mut payload = [0; 1_500];
        let mut out = vec![0; pcm.len()];
        let mut encoder = spec.encoder().expect("encoder");
        let mut decoder = spec.decoder(spec.format().sample_rate_hz).expect("decoder");
        let repeats = if name.starts_with("Opus") { REPEATS / 20 } else { REPEATS };
        let length = encoder.encode(&pcm, &mut payload).expect("payload");
        let sent = payload;
        let mut codes = vec![0; pcm.len()];
        let row = format!("encode {name}");
        if row.contains(filter) {
            let mut sides = vec![Side::whole("ours", || {
                for _ in 0..repeats {
                    std::hint::black_box(encoder.encode(&pcm, &mut payload)).expect("payload");
                }
            })];
            if spec == CodecSpec::Pcmu {
                sides.push(Side::whole("segment search", || {
                    for _ in 0..repeats {
                        for (code, sample) in codes.iter_mut().zip(&pcm) {
                            *code = mu_law_by_loop(*sample);
                        }
                        std::hint::black_box(&codes);
                    }
                }));
            }
            if let Some(mut libopus) = Libopus::new(&spec, &pcm) {
                let pcm = &pcm;
                sides.push(Side::whole("libopus itself", move || {
                    for _ in 0..repeats {
                        std::hint::black_box(&mut libopus).encode(pcm);
                    }
                }));
            }
            harness::compare(&row, repeats, &mut sides);
        }
        let row = format!("decode {name}");
        if row.contains(filter) {
            let mut sides = vec![Side::whole("ours", || {
                for _ in 0..repeats {
                    std::hint::black_box(decoder.decode(&sent[..length], &mut out)).expect("PCM");
                }
            })];
            let mut heard = vec![0; pcm.len()];
            if let Some(mut libopus) = Libopus::new(&spec, &pcm) {
                let payload = &sent[..length];
                sides.push(Side::whole("libopus itself", move || {
                    for _ in 0..repeats {
                        let decoder = std::hint::black_box(&mut libopus.decoder);
                        decoder.decode(payload, &mut heard, false).expect("PCM");
                    }
                }));
            }
            harness::compare(&row, repeats, &mut sides);
        }
    }
    crate::g722::compare(filter);
    for (from, to) in [(8_000, 16_000), (16_000, 8_000), (8_000, 48_000), (48_000, 8_000)] {
        let row = format!("resample {} to {} kHz", from / 1_000, to / 1_000);
        if row.contains(filter) {
            let mut resampler = Resampler::new(from, to).expect("rates");
            let pcm = voice(from);
            let mut out = vec![0_i16; (to / 50) as usize];
            harness::compare(
                &row,
                REPEATS,
                &mut [Side::whole("ours", || {
                    for _ in 0..REPEATS {
                        std::hint::black_box(resampler.process(&pcm, &mut out));
                    }
                })],
            );
        }
    }
}
