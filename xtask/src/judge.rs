// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quality by what others measure, and the engines of the near end's chain.

use std::path::Path;

use crate::step::{
    Step, make_folder, program_at, release, rust_target, step, target, tools, variable,
};
use crate::{Outcome, verdict};

/// Voice quality on 22 networks beside NetEQ and others.
pub(crate) fn judge(_: &[String]) -> Outcome {
    step("benches/judge/run")
        .arg(release().join("playout"))
        .arg(target().join("judge"))
        .words(&variable("JUDGE", ""))
        .run()
}

fn with_engines(words: &str) -> Step {
    let words = words.replace("ENGINES", "process-webrtc,process-rnnoise");
    step(".ci/process-webrtc").arg(target().join("process-webrtc")).words(&words)
}

/// The softphone and `voice` with libwebrtc's echo canceller and RNNoise; what they need is in
/// .ci/process-webrtc.
pub(crate) fn process_webrtc(_: &[String]) -> Outcome {
    with_engines("cargo build --release -p examples --bin voice --bin softphone --features ENGINES")
        .run()
}

/// Tests of the chain with every engine.
pub(crate) fn process_test(_: &[String]) -> Outcome {
    let all = "--release -p ale-media --features ENGINES,process-sonora";
    with_engines(&format!("cargo test {all} --test engines --test tap_reference")).run()?;
    with_engines(&format!("cargo clippy --all-targets {all} -- -D warnings")).run()
}

/// The machines that a phone may be: what GNU, Rust and qemu call them.
const PHONES: [(&str, &str, &str); 2] = [
    ("aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "qemu-aarch64-static"),
    ("arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf", "qemu-arm-static"),
];
/// What the outputs of two machines may differ by, in dB of what is sent.
const DIFFERENCE_DB: f64 = -60.0;

/// The whole chain on both ARMs, by qemu: what is sent there is what is sent here.
pub(crate) fn process_cross(_: &[String]) -> Outcome {
    process_webrtc(&[])?;
    tools("arm-linux-gnueabihf-gcc aarch64-linux-gnu-gcc qemu-arm-static")?;
    let folder = target().join("process-cross");
    make_folder(&folder)?;
    let (played, heard) = (folder.join("played.wav"), folder.join("heard.wav"));
    let (pcm, echo) = echo_of_syllables();
    write_wav(&played, &pcm)?;
    write_wav(&heard, &echo)?;
    let sent_by = |run: Step, name: &str| {
        let sent = folder.join(format!("{name}.wav"));
        run.arg(&played).arg(&heard).arg(&sent).words("--rate 16000 --mode full").run()?;
        read_wav(&sent)
    };
    let here = sent_by(program_at(&release().join("voice")), "here")?;
    let mut complaints = Vec::new();
    for (triple, rust, qemu) in PHONES {
        if !rust_target("process-cross", rust) {
            continue;
        }
        let engines = folder.join(triple);
        step(".ci/process-webrtc")
            .arg(&engines)
            .words("cargo build --release -p examples --bin voice")
            .words("--features process-webrtc,process-rnnoise --target")
            .arg(rust)
            .env("TRIPLE", triple)
            .env("TARGET", rust)
            .run()?;
        let program = target().join(rust).join("release/voice");
        let there = step(qemu).words("-L").arg(format!("/usr/{triple}")).arg(&program);
        let sent = sent_by(there, triple)?;
        let energy = |pcm: &[f64]| pcm.iter().map(|v| v * v).sum::<f64>();
        let off: Vec<f64> = here.iter().zip(&sent).map(|(a, b)| a - b).collect();
        let db = 10.0 * (energy(&off).max(1e-9) / energy(&here).max(1e-9)).log10();
        println!("{rust}: what is sent differs by {db:.1} dB");
        if here.len() != sent.len() || db > DIFFERENCE_DB {
            complaints.push(format!("{rust}: {db:.1} dB, above {DIFFERENCE_DB}"));
        }
    }
    verdict(complaints, "the chain does the same on all machines".to_owned())
}

/// Noise in syllables through a loudspeaker, and a microphone that hears it 30 ms later; in the second half also a
/// tone that comes and goes, which is nobody's echo.
fn echo_of_syllables() -> (Vec<i16>, Vec<i16>) {
    let mut seed = 1_u32;
    let played: Vec<i16> = (0..160_000)
        .map(|n| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let syllable = (f64::from(n) / 16_000.0 * 3.1).sin().abs();
            (f64::from(seed.cast_signed()) / 2_147_483_648.0 * 6_000.0 * syllable) as i16
        })
        .collect();
    let at = |n: usize, delay: usize| n.checked_sub(delay).map_or(0.0, |n| f64::from(played[n]));
    let heard = (0..played.len())
        .map(|n| {
            let second = n as f64 / 16_000.0;
            let near = if second < 5.0 { 0.0 } else { (second * 1.7).sin().max(0.0) };
            let tone = 3_000.0 * near * (second * 440.0 * std::f64::consts::TAU).sin();
            (0.4 * at(n, 480) - 0.2 * at(n, 570) + 0.1 * at(n, 791) + tone) as i16
        })
        .collect();
    (played, heard)
}

/// Bytes of a WAV file before its samples.
const WAV_HEADER: usize = 44;

fn write_wav(path: &Path, pcm: &[i16]) -> Outcome {
    let bytes = 2 * pcm.len() as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(32_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, wav).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_wav(path: &Path) -> Result<Vec<f64>, String> {
    let wav = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let pcm = wav.get(WAV_HEADER..).unwrap_or_default().chunks_exact(2);
    Ok(pcm.map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect())
}

/// Echo cancellation, noise suppression and gain over simulated rooms beside peers.
pub(crate) fn aec_judge(_: &[String]) -> Outcome {
    aec(&variable("AEC", ""))
}

/// One room and three kinds of scenes: what can break, in a minute or two.
pub(crate) fn aec_quick(_: &[String]) -> Outcome {
    aec("--rooms 1 --only st_soft,jump200,nst --chains echo \
         --least st_soft:erle_5:18,jump200:erle_0_3:15,nst:pesq:3.4")
}

fn aec(words: &str) -> Outcome {
    process_webrtc(&[])?;
    tools("ffmpeg python3-venv asterisk-sounds")?;
    step("benches/aec_judge/run")
        .arg(release().join("voice"))
        .arg(target().join("aec-judge"))
        .words(words)
        .run()
}
