// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our codecs beside ffmpeg's on human speech. Without ffmpeg a test says so and is left out; CI
//! insists on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ale_media::codec::CodecSpec;

/// Runs ffmpeg from one file to another; `false` where there is none.
fn ffmpeg(before: &[&str], input: &Path, after: &[&str], output: &Path) -> bool {
    let command = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-bitexact"])
        .args(before)
        .arg("-i")
        .arg(input)
        .args(after)
        .arg(output)
        .status();
    match command {
        Ok(status) => {
            assert!(status.success(), "ffmpeg {before:?} {after:?}: {status}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg: {error}");
            eprintln!("left out: no ffmpeg ({error})");
            false
        }
    }
}

fn speech() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/speech");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("speech")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wav"))
        .collect();
    files.sort();
    assert!(files.len() >= 5);
    files
}

fn samples(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).expect("PCM");
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Where two sequences differ first.
fn difference<T: PartialEq>(ours: &[T], theirs: &[T]) -> Option<usize> {
    assert!(theirs.len() >= ours.len());
    ours.iter().zip(theirs).position(|(a, b)| a != b)
}

/// ffmpeg must decode our bytes to our samples, and where `encodes_alike` give the same bytes.
fn same_as_ffmpeg(spec: CodecSpec, name: &str, encodes_alike: bool) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rate = spec.format().sample_rate_hz;
    let rate_text = rate.to_string();
    for (n, wav) in speech().iter().enumerate() {
        let file = |kind: &str| folder.join(format!("{name}-{n}.{kind}"));
        let (pcm_file, coded_file, back_file) = (file("pcm"), file("coded"), file("back"));
        let raw = ["-f", "s16le", "-ar", &rate_text, "-ac", "1"];
        if !ffmpeg(&[], wav, &raw, &pcm_file) {
            return;
        }
        let coded = ["-c:a", name, "-f", "data", "-map", "0:a"];
        ffmpeg(&raw, &pcm_file, &coded, &coded_file);
        let theirs = std::fs::read(&coded_file).expect("coded");
        let format = match name {
            "g722" => "g722",
            "pcm_alaw" => "alaw",
            "pcm_mulaw" => "mulaw",
            _ => "s16be",
        };
        let input = ["-f", format, "-ar", &rate_text, "-ac", "1"];
        let input = if name == "g722" { &input[..2] } else { &input[..] };
        let pcm = samples(&pcm_file);
        let (mut encoder, mut decoder) =
            (spec.encoder().expect("encoder"), spec.decoder(rate).expect("decoder"));
        let (mut ours, mut back) = (Vec::new(), Vec::new());
        for packet in pcm.chunks((rate / 50) as usize) {
            let packet = &packet[..packet.len() & !1];
            let mut payload = [0; 4_000];
            let length = encoder.encode(packet, &mut payload).expect("payload");
            let mut out = [0; 4_000];
            let count = decoder.decode(&payload[..length], &mut out).expect("PCM");
            ours.extend_from_slice(&payload[..length]);
            back.extend_from_slice(&out[..count]);
        }
        assert!(ours.len() > 8_000, "there is something to compare");
        if encodes_alike {
            let at = difference(&ours, &theirs);
            assert_eq!(at, None, "{name}: encoded bytes of {}", wav.display());
        }
        std::fs::write(&coded_file, &ours).expect("coded");
        ffmpeg(input, &coded_file, &["-f", "s16le"], &back_file);
        let at = difference(&back, &samples(&back_file));
        assert_eq!(at, None, "{name}: decoded samples of {}", wav.display());
    }
}

#[test]
fn g722_is_ffmpegs_to_the_bit_on_speech() {
    same_as_ffmpeg(CodecSpec::G722, "g722", true);
}

#[test]
fn g711_is_decoded_alike_by_ffmpeg() {
    // ffmpeg encodes to the nearest level, the ITU's reference by intervals.
    same_as_ffmpeg(CodecSpec::Pcma, "pcm_alaw", false);
    same_as_ffmpeg(CodecSpec::Pcmu, "pcm_mulaw", false);
}

#[test]
fn l16_is_ffmpegs_big_endian_pcm() {
    same_as_ffmpeg(CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 }, "pcm_s16be", true);
}
