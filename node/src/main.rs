// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ale-media-node`: see `node/README.md`.
fn main() {}
