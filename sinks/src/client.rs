// SPDX-License-Identifier: MIT OR Apache-2.0
//! What clients of servers have in common: a thread that connects again, counters, and frames packed as servers
//! expect them.
//!
//! A client connects again when the connection is gone, after 100 ms first and twice as long each time, up to 10 s.
//! What the server misses meanwhile is lost in the tap's own ring, and counted there: nothing is kept here.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Frames after which a connection was worth having.
const SERVED: u64 = 100;
/// How long a server may take to answer or to make room.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at the tap: less than a frame.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// Of a tap.
pub(crate) const FRAME_NS: u64 = 10_000_000;

/// All that a server says is one turn: these protocols have no name for one.
pub(crate) const TURN: u32 = 0;

/// What a client has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientStats {
    /// Connections.
    pub connections: u64,
    /// Frames of 10 ms sent.
    pub frames: u64,
    /// Samples received.
    pub samples: u64,
    /// Messages that could not be read, or were of no known kind; samples for which the voice had no room.
    pub refused: u64,
}

/// What the thread and its owner share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    stop: AtomicBool,
    pub(crate) connections: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) samples: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Shared {
    /// Whether the owner has no use for it any more.
    pub(crate) fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The tap or the client is over.
    Over,
    /// The server has hung up.
    HungUp,
}

/// What is done on the thread.
pub(crate) trait Work: Send + 'static {
    /// Connects, and serves that connection until it is gone, or all is over.
    fn serve(&mut self, shared: &Shared) -> io::Result<End>;

    /// Whether there is nothing to connect for.
    fn is_over(&self) -> bool;
}

/// A thread that works; dropped, it says goodbye and ends.
#[derive(Debug)]
pub(crate) struct Running {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(name: &str, mut work: impl Work) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name(name.into());
        let thread = thread.spawn(move || run(&mut work, &own))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn stats(&self) -> ClientStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClientStats {
            connections: read(&self.shared.connections),
            frames: read(&self.shared.frames),
            samples: read(&self.shared.samples),
            refused: read(&self.shared.refused),
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(work: &mut impl Work, shared: &Shared) {
    let mut wait = FIRST_WAIT;
    while !shared.stops() && !work.is_over() {
        let begin = shared.frames.load(Ordering::Relaxed);
        if let Ok(End::Over) = work.serve(shared) {
            return;
        }
        // A server that takes calls and hangs up at once is no better than none.
        let served = shared.frames.load(Ordering::Relaxed) - begin > SERVED;
        wait = if served { FIRST_WAIT } else { wait };
        rest(wait, shared);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Waits, and hears in between that it is to stop.
fn rest(wait: Duration, shared: &Shared) {
    let mut left = wait;
    while !left.is_zero() && !shared.stops() {
        let step = left.min(Duration::from_millis(50));
        thread::sleep(step);
        left -= step;
    }
}

/// A connection on which reading waits for less than a frame, and writing for as long as a server may take.
pub(crate) fn connect(address: &SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(LOOK))?;
    Ok(stream)
}

/// Whether an error says that nothing has come yet.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// Two frames a message: 20 ms, which is what servers expect.
#[derive(Debug)]
pub(crate) struct Packer {
    /// Samples of a message.
    samples: usize,
    pcm: Vec<i16>,
    /// When what waits began, and the frame before was.
    begin_ns: u64,
    before_ns: u64,
}

impl Packer {
    pub(crate) fn new(sample_rate_hz: u32) -> Self {
        let samples = (sample_rate_hz / 50) as usize;
        Self { samples, pcm: Vec::new(), begin_ns: 0, before_ns: 0 }
    }

    /// Adds 10 ms. What waits alone, since nothing was taken after it, is filled up with silence.
    pub(crate) fn add(&mut self, time_ns: u64, pcm: &[i16], send: &mut impl FnMut(u64, &[i16])) {
        if time_ns.wrapping_sub(self.before_ns) != FRAME_NS {
            self.end(send);
        }
        self.before_ns = time_ns;
        let was_empty = self.pcm.is_empty();
        if was_empty {
            self.begin_ns = time_ns;
        }
        self.pcm.extend(pcm);
        if !was_empty {
            self.end(send);
        }
    }

    /// Sends what waits.
    pub(crate) fn end(&mut self, send: &mut impl FnMut(u64, &[i16])) {
        if self.pcm.is_empty() {
            return;
        }
        self.pcm.resize(self.samples, 0);
        send(self.begin_ns, &self.pcm);
        self.pcm.fill(0);
        self.pcm.clear();
    }
}

/// Sound as bytes.
pub(crate) fn to_bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Bytes as sound; half a sample at their end is left out.
pub(crate) fn to_pcm(bytes: &[u8]) -> Vec<i16> {
    bytes.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
}
