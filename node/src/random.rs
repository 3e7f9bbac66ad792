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

/// A synchronization source (RFC 3550 section 5.1). Voice and video may share keys, under which no source may be of
/// both: the top bit keeps them apart.
pub fn ssrc(video: bool) -> Option<u32> {
    number().map(|number| number >> 1 | u32::from(video) << 31)
}

/// A random number; `None` if the system has none to give.
pub fn number() -> Option<u32> {
    let mut bytes = [0; 4];
    fill(&mut bytes).then(|| u32::from_ne_bytes(bytes))
}
