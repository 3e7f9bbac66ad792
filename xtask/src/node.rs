// SPDX-License-Identifier: MIT OR Apache-2.0
//! The media node: on one machine with a proxy before it, as a package, and for a long time.

use std::path::PathBuf;

use crate::Outcome;
use crate::step::{release, step, target, variable};

/// The node's program, built.
fn program() -> Result<PathBuf, String> {
    step("cargo build --release -p ale-media-node").run()?;
    Ok(release().join("ale-media-node"))
}

/// Installs what is missing. Debian has proxies where only root's path goes.
fn proxy(names: &str) -> Outcome {
    let path = format!("{}:/usr/sbin", variable("PATH", "/usr/bin:/bin"));
    step(".ci/install-tools").words(names).env("PATH", path).run()
}

/// A node, Kamailio and a page, until Ctrl-C.
pub(crate) fn edge(_: &[String]) -> Outcome {
    proxy("kamailio")?;
    step("node/edge/run").arg(program()?).run()
}

/// The same by what a browser and a phone hear and show, and what two browsers see of each other.
pub(crate) fn edge_test(_: &[String]) -> Outcome {
    // Where they can't be had the test says so and is left out; in CI it must not be.
    if let Err(error) = proxy("kamailio chromium baresip") {
        println!("edge-test: left out: {error}");
        return if variable("CI", "").is_empty() { Ok(()) } else { Err(error) };
    }
    step("node/edge/test.py").arg(program()?).arg(target().join("edge-test")).run()?;
    step("node/edge/video.py").arg(program()?).arg(target().join("edge-video")).run()
}

/// A Debian package.
pub(crate) fn deb(_: &[String]) -> Outcome {
    let program = program()?;
    let build = step("node/package/build-deb").arg(program);
    build.arg(env!("CARGO_PKG_VERSION")).arg(target().join("deb")).run()
}

/// Calls come and go for SECONDS, and the node is killed now and then.
pub(crate) fn soak(_: &[String]) -> Outcome {
    let program = program()?;
    step("node/tests/soak.py").arg(program).arg(variable("SECONDS", "600")).run()
}

/// The node beside programs of others, in short form: calls that come and go, OpenSSL, browsers, phones and a proxy.
pub(crate) fn test(arguments: &[String]) -> Outcome {
    let program = program()?;
    step("node/tests/soak.py").arg(&program).arg("20").run()?;
    step("node/tests/openssl_peer.py").arg(&program).run()?;
    edge_test(arguments)?;
    // What these need is installed by now, or they say that they are left out.
    step("node/edge/to_phone.py").arg(&program).arg(target().join("edge-to-phone")).run()?;
    step("node/edge/calls.py").arg(program).arg(target().join("edge-calls")).run()
}
