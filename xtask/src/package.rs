// SPDX-License-Identifier: MIT OR Apache-2.0
//! The library as it is installed and packed. `make install` does the first, so that it needs no more than
//! make, Rust, a C compiler and cmake.

use std::path::PathBuf;

use crate::c::itself;
use crate::step::{cc, make_folder, remove_folder, rust_tools, step, target, tools};
use crate::{Outcome, read};

/// The installed library as its users find it: pkg-config, CMake, and beside others.
pub(crate) fn test(_: &[String]) -> Outcome {
    let stage = target().join("stage");
    remove_folder(&stage)?;
    step("make install DESTDIR=").arg(format!("PREFIX={}", stage.display())).run()?;
    step("ffi/tests/package/run")
        .arg(stage)
        .arg(target().join("package-test"))
        .env("CC", cc())
        .env("XTASK", itself()?)
        .run()
}

fn packages() -> PathBuf {
    target().join("deb")
}

/// Debian packages of library, headers and manual, debug symbols apart. Installed here, and packed by
/// debhelper in a folder of their own.
pub(crate) fn deb(_: &[String]) -> Outcome {
    tools("dh")?;
    let changelog = "ffi/package/debian/changelog";
    let version = env!("CARGO_PKG_VERSION");
    if !read(changelog)?.starts_with(&format!("ale-media ({version}-")) {
        return Err(format!("{changelog} lacks {version}"));
    }
    let built = packages().join("build");
    remove_folder(&packages())?;
    make_folder(&built)?;
    step("cp -R ffi/package/debian").arg(&built).run()?;
    let architecture = step("dpkg-architecture -qDEB_HOST_MULTIARCH").output()?;
    // Debian's files can be read by all, whatever those of who builds them can.
    step("sh -c")
        .arg("umask 022 && exec \"$@\"")
        .words("sh make install PREFIX=/usr")
        .arg(format!("LIBDIR=lib/{}", architecture.trim()))
        .arg(format!("DESTDIR={}", built.join("stage").display()))
        .run()?;
    step("ffi/package/notices --debian").arg(built.join("debian/copyright")).run()?;
    step("sh -c")
        .arg("umask 022 && cd \"$0\" && exec debian/rules binary")
        .arg(&built)
        .env("DEB_RULES_REQUIRES_ROOT", "no")
        .run()
}

/// What lintian says of the packages, and README's program and a phone built on them installed.
pub(crate) fn deb_test(_: &[String]) -> Outcome {
    if !step("dpkg --version").silent().succeeds() {
        println!("deb-test: skipped, there is no dpkg");
        return Ok(());
    }
    deb(&[])?;
    tools("lintian")?;
    step("ffi/tests/package/deb")
        .arg(packages())
        .arg(target().join("deb-test"))
        .env("CC", cc())
        .run()
}

/// A bill of materials of the library (CycloneDX).
pub(crate) fn sbom(_: &[String]) -> Outcome {
    if !rust_tools("cargo-cyclonedx") {
        return Err("needs cargo-cyclonedx".to_owned());
    }
    make_folder(&target())?;
    step("ffi/package/sbom").arg(target().join("ale-media.cdx.json")).run()
}

/// The library built twice in different places: the bytes must be the same.
pub(crate) fn reproducible(_: &[String]) -> Outcome {
    step("ffi/package/reproducible").run()
}
