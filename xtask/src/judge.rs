// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quality by what others measure, and the engines of the near end's chain.

use crate::Outcome;
use crate::step::{Step, release, step, target, tools, variable};

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
    with_engines(&format!("cargo test {all} --test engines")).run()?;
    with_engines(&format!("cargo clippy --all-targets {all} -- -D warnings")).run()
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
    tools("ffmpeg")?;
    step("benches/aec_judge/run")
        .arg(release().join("voice"))
        .arg(target().join("aec-judge"))
        .words(words)
        .run()
}
