// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tests of several rooms share: where the reference data lies.

use std::path::PathBuf;

/// A file below the vectors' folder: `$ALE_VECTORS`, or `shared/vectors` beside the repository.
/// Where the folder is absent the test says so and is left out; CI insists on it.
pub(crate) fn vector(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("ALE_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors")),
        PathBuf::from,
    );
    let path = folder.join(name);
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
