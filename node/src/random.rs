// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random numbers of the system's: keys, sources, where searches begin.

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills `bytes`; `false` if the system has none to give, and then they are not to be used.
#[must_use]
pub fn fill(bytes: &mut [u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match getrandom(&mut *rest, GetRandomFlags::empty()) {
            Ok(n) => rest = rest.get_mut(n..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// A random number; `None` if the system has none to give.
pub fn number() -> Option<u32> {
    let mut bytes = [0; 4];
    fill(&mut bytes).then(|| u32::from_ne_bytes(bytes))
}
