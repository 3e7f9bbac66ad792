// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concealment beside that of ITU-T G.711 Appendix I, on the speech and the losses that come with
//! the reference implementation: one frame of 10 ms in ten is lost. The measure is the segmental
//! signal-to-noise ratio over the lost frames that held speech.

use std::path::Path;

use ale_media::codec::CodecSpec;
use ale_media::jitter::{DecoderMap, JitterConfig, create};
use ale_media::rtp::RtpHeader;

const FRAME: usize = 80;
/// Largest lag that is looked for, in samples.
const MAX_LAG: usize = 800;

fn samples(name: &str) -> Option<Vec<i16>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/itu-stl/g711iplc");
    let bytes = std::fs::read(Path::new(folder).join(name)).ok()?;
    Some(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
}

/// Plays the speech in packets of 10 ms, of which those are lost that `lost` says.
fn play(speech: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut decoders = DecoderMap::new();
    let l16 = CodecSpec::from_rtpmap("L16/8000").unwrap();
    decoders.insert(96, l16.decoder(8_000).unwrap()).unwrap();
    // As deep as the adaptive delay gets with losses, from the first of them on.
    let mut config = JitterConfig::default();
    config.min_delay_ms = 60;
    let (mut writer, mut reader, _control) = create(&config, decoders).unwrap();
    let mut heard = Vec::new();
    for (n, frame) in speech.chunks_exact(FRAME).chain([[0; FRAME].as_slice(); 20]).enumerate() {
        let now_ns = 1_000_000_000 + n as u64 * 10_000_000;
        if !lost(n) {
            let header = RtpHeader {
                payload_type: 96,
                sequence: n as u16,
                timestamp: (n * FRAME) as u32,
                ..RtpHeader::default()
            };
            let mut packet = vec![0; 12 + 2 * FRAME];
            let length = header.write(&mut packet).unwrap();
            let bytes = frame.iter().flat_map(|sample| sample.to_be_bytes());
            packet.splice(length.., bytes);
            writer.insert(&packet, now_ns).unwrap();
        }
        let mut pcm = [0; FRAME];
        reader.pull(now_ns, &mut pcm).unwrap();
        heard.extend_from_slice(&pcm);
    }
    heard
}

/// By how many samples the output is late at the sample `at` of the speech, by the 20 ms before it,
/// which were not lost.
fn lag_at(speech: &[i16], output: &[i16], at: usize) -> usize {
    let piece = &speech[at - 2 * FRAME..at];
    let error = |lag: usize| -> i32 {
        let heard = &output[at - 2 * FRAME + lag..];
        piece.iter().zip(heard).map(|(&a, &b)| (i32::from(a) - i32::from(b)).abs()).sum()
    };
    (0..MAX_LAG).min_by_key(|&lag| error(lag)).unwrap()
}

/// How far the lost 10 ms of speech stand over what the output is off by there, in dB.
fn snr_db(speech: &[i16], output: &[i16], lost: usize) -> f64 {
    let lag = lag_at(speech, output, lost - FRAME / 2);
    let (mut signal, mut error) = (0.0, 1.0);
    for n in lost..lost + FRAME {
        let (a, b) = (f64::from(speech[n]), f64::from(output[n + lag]));
        signal += a * a;
        error += (a - b) * (a - b);
    }
    10.0 * (signal / error).log10()
}

#[test]
fn concealment_is_nearer_to_the_speech_than_appendix_i() {
    let (Some(speech), Some(reference)) = (samples("f2.le"), samples("f2_10.raw")) else {
        assert!(std::env::var_os("CI").is_none(), "the vectors of G.711 Appendix I are missing");
        println!("left out: the vectors of G.711 Appendix I are missing");
        return;
    };
    let lost = |n: usize| n % 10 == 9;
    let ours = play(&speech, lost);
    let (mut mine, mut theirs, mut count) = (0.0, 0.0, 0.0);
    for n in (29..270).filter(|&n| lost(n)) {
        let at = n * FRAME;
        let energy: f64 = speech[at..at + FRAME].iter().map(|&s| f64::from(s).powi(2)).sum();
        if energy > FRAME as f64 * 200.0 * 200.0 {
            mine += snr_db(&speech, &ours, at);
            theirs += snr_db(&speech, &reference, at);
            count += 1.0;
        }
    }
    assert!(count >= 10.0);
    let (mine, theirs) = (mine / count, theirs / count);
    println!("{count} losses in speech: ours {mine:.2} dB, Appendix I {theirs:.2} dB");
    assert!(mine > theirs + 3.0, "ours {mine} dB, Appendix I {theirs} dB");
}
