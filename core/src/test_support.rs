// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tests of several modules share: where the reference data lies, and keys. What needs the public
//! interface alone is in `testkit`.

use std::path::Path;

use crate::srtp::{MasterKey, SessionConfig, Suite};

/// A file below the repository's `vectors`. A crate by itself has none: the test says so and is left
/// out; CI insists on it.
pub(crate) fn vector(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors")).join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs {}: {error}", path.display());
            eprintln!("left out: {} ({error})", path.display());
            None
        }
    }
}

/// A file of the ITU-T Software Tool Library's vectors.
pub(crate) fn itu_vector(name: &str) -> Option<Vec<u8>> {
    vector(&format!("itu-stl/{name}"))
}

/// Keys of one direction, the same for the same seed.
pub(crate) fn keys(suite: Suite, seed: u8) -> SessionConfig {
    let material = alloc::vec![seed; suite.key_bytes() + suite.salt_bytes()];
    SessionConfig::new(suite, MasterKey::from_concatenated(suite, &material).unwrap())
}
