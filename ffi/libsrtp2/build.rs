// SPDX-License-Identifier: MIT OR Apache-2.0
//! The name under which programs that are linked with libsrtp 2 look for it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libsrtp2.so.1");
}
