// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's side of time: the engine takes time as an argument, and this is where it comes from.

use std::ops::AddAssign;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

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

/// How long something took: by the clock on the wall, and of the thread's own time, which stands still
/// while the processor does other things.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spent {
    /// From the begin to the end.
    pub wall: Duration,
    /// What of it the thread was running.
    pub own: Duration,
}

impl Spent {
    /// The time of `work`, and what it returns.
    pub fn on<T>(work: impl FnOnce() -> T) -> (Self, T) {
        let (begin, own) = (Instant::now(), thread_time());
        let done = work();
        (Self { wall: begin.elapsed(), own: thread_time().saturating_sub(own) }, done)
    }

    /// Without `part`, which was spent on something else.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        let wall = self.wall.saturating_sub(part.wall);
        Self { wall, own: self.own.saturating_sub(part.own) }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.wall += more.wall;
        self.own += more.own;
    }
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
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
