// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gives the shared library its SONAME: the name that programs ask the loader for, which changes
//! when a program built against an older header would not run any more.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libale_media.so.{major}");
    }
}
