// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording on a thread of its own.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ale_media::tap::TapReader;

use super::RecordError;
use super::recording::{Recording, RecordingConfig, RecordingStats, Speaker};

/// Between two looks at the taps: a tenth of what waits in one by default.
const LOOK: Duration = Duration::from_millis(100);
/// Taps that may wait to be taken in.
const ORDERS: usize = 64;

type Order = (Speaker, TapReader);

/// A recording on a thread of its own; dropped, it writes what waits and ends its files.
#[derive(Debug)]
pub struct Recorder {
    orders: Option<SyncSender<Order>>,
    shared: Arc<Mutex<Told>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Told {
    stats: RecordingStats,
    errors: Vec<RecordError>,
}

impl Recorder {
    /// Opens a folder, and begins.
    ///
    /// # Errors
    /// As [`Recording::open`]; of the folder, too, if there is no thread to be had.
    pub fn start(config: &RecordingConfig) -> Result<Self, RecordError> {
        let recording = Recording::open(config)?;
        let (orders, taken) = sync_channel(ORDERS);
        let shared = Arc::new(Mutex::new(Told::default()));
        let told = Arc::clone(&shared);
        let thread = thread::Builder::new().name("recorder".into());
        let thread = thread.spawn(move || run(recording, &taken, &told));
        let thread = thread.map_err(RecordError::at(&config.folder))?;
        Ok(Self { orders: Some(orders), shared, thread: Some(thread) })
    }

    /// Takes a tap in. It is refused while 64 wait, because the disk stands still: then the tap ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`], or [`io::ErrorKind::BrokenPipe`] if the thread is gone.
    pub fn add(&self, speaker: Speaker, tap: TapReader) -> io::Result<()> {
        use std::sync::mpsc::TrySendError;
        let orders = self.orders.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        orders.try_send((speaker, tap)).map_err(|error| match error {
            TrySendError::Full(_) => io::ErrorKind::WouldBlock.into(),
            TrySendError::Disconnected(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }

    /// Counters, as of the last look at the taps.
    pub fn stats(&self) -> RecordingStats {
        lock(&self.shared).stats
    }

    /// Failures since the last call, the oldest first; at most 64 are kept.
    pub fn errors(&self) -> Vec<RecordError> {
        std::mem::take(&mut lock(&self.shared).errors)
    }

    /// Writes what waits, ends all files, and says how it went.
    pub fn finish(mut self) -> (RecordingStats, Vec<RecordError>) {
        self.stop();
        (self.stats(), self.errors())
    }

    fn stop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a thread has left that panicked with it is still whole: numbers, and a list.
fn lock(shared: &Mutex<Told>) -> MutexGuard<'_, Told> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(mut recording: Recording, orders: &Receiver<Order>, shared: &Mutex<Told>) {
    let begin = Instant::now();
    let mut next = Duration::ZERO;
    loop {
        let now = begin.elapsed();
        if now >= next {
            recording.work(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
            tell(&mut recording, shared);
            next = begin.elapsed() + LOOK;
        }
        match orders.recv_timeout(next.saturating_sub(begin.elapsed())) {
            Ok((speaker, tap)) => recording.add(speaker, tap),
            Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    recording.end_all();
    tell(&mut recording, shared);
}

fn tell(recording: &mut Recording, shared: &Mutex<Told>) {
    const MOST: usize = 64;
    let mut told = lock(shared);
    told.stats = recording.stats();
    while let Some(error) = recording.next_error() {
        if told.errors.len() < MOST {
            told.errors.push(error);
        }
    }
}
