// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's side of time: the engine takes time as an argument, and this is where it comes from.

use std::thread;
use std::time::{Duration, Instant};

/// Length of a beat.
pub const BEAT: Duration = Duration::from_millis(10);

/// A monotonic clock that starts at zero. Copies show the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at zero now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// A beat every 10 ms. A beat that comes late does not delay those after it.
#[derive(Debug)]
pub struct Beat {
    next: Instant,
}

impl Beat {
    /// The first beat comes at once.
    #[must_use]
    pub fn start() -> Self {
        Self { next: Instant::now() }
    }

    /// Waits for the next beat.
    pub fn wait(&mut self) {
        if let Some(left) = self.next.checked_duration_since(Instant::now()) {
            thread::sleep(left);
        }
        self.next += BEAT;
    }
}
