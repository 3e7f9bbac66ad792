// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our library beside others: in the place of libsrtp, and in calls with peers.

use std::path::PathBuf;

use crate::step::{
    archive, cc, compile, make_folder, program_at, release, step, target, tools, variable,
};
use crate::{Outcome, c};

/// The library with libsrtp 2's ABI.
pub(crate) fn libsrtp2(_: &[String]) -> Outcome {
    step("cargo build --release -p ale-media-libsrtp2").run()?;
    let folder = release().join("libsrtp2");
    make_folder(&folder)?;
    step("install -m 755")
        .arg(release().join("libsrtp2.so"))
        .arg(folder.join("libsrtp2.so.1"))
        .run()
}

/// Real hosts on it, beside Debian's libsrtp: those whose packages are there.
pub(crate) fn relink(_: &[String]) -> Outcome {
    libsrtp2(&[])?;
    for host in ["gstreamer", "gstreamer_rekey", "aiortc", "linphone"] {
        step(&format!("ffi/libsrtp2/tests/{host}"))
            .arg(release().join("libsrtp2"))
            .arg(target().join(format!("relink-{host}")))
            .run()?;
    }
    Ok(())
}

/// Calls with baresip, ffmpeg, GStreamer and pylibsrtp, by what is heard.
pub(crate) fn interop(_: &[String]) -> Outcome {
    libsrtp2(&[])?;
    c::sip_bridge(&[])?;
    tools("baresip ffmpeg gst-launch-1.0 gst-srtp python3-venv srtp.h")?;
    for program in ["tone", "srtp_pipe"] {
        let source = PathBuf::from(format!("ffi/tests/interop/{program}.c"));
        compile(&cc(), &source, &release().join("c").join(program), &[&archive()])?;
    }
    step("ffi/tests/interop/run").arg(release()).arg(target().join("interop")).run()
}

/// The softphone by a sound card that is PulseAudio's, with FIFOs for loudspeaker and microphone.
pub(crate) fn devices(_: &[String]) -> Outcome {
    tools("pulseaudio alsa.h")?;
    step("cargo test -p examples --features devices --test devices -- --nocapture").run()
}

/// Three people, two of whom have agreed, a recogniser and a summary on this machine.
pub(crate) fn demo_ai(_: &[String]) -> Outcome {
    let python = python_with("ai", "-r examples/ai/requirements.txt")?;
    step("cargo build --release -p examples --bin ai-conference").run()?;
    program_at(&release().join("ai-conference"))
        .arg("--python")
        .arg(python)
        .words(&variable("DEMO_FLAGS", ""))
        .run()
}

/// An hour of a voice to servers of PyPI and npm, and a recording to ffmpeg.
pub(crate) fn sinks_peers(_: &[String]) -> Outcome {
    tools("ffmpeg npm")?;
    let python = python_with("sinks-peers", "websockets==17.4")?;
    let folder = target().join("sinks-peers");
    step("npm install --silent --no-fund --no-audit ws@8.23.0 asterisk-audiosocket@0.1.0 --prefix")
        .arg(&folder)
        .run()?;
    step("cargo test -p ale-media-sinks --test peers --test files_opus -- --ignored")
        .env("SINKS_PYTHON", python)
        .env("SINKS_NODE", folder)
        .run()
}

/// A Python with these packages.
fn python_with(name: &str, packages: &str) -> Result<PathBuf, String> {
    tools("python3-venv")?;
    let folder = target().join(name);
    step("python3 -m venv").arg(&folder).run()?;
    let pip = program_at(&folder.join("bin/pip"));
    pip.words("install --quiet --disable-pip-version-check").words(packages).run()?;
    Ok(folder.join("bin/python"))
}
