// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that takes a tap to an AudioSocket server, and what that says to a voice.
//!
//! It connects again when the connection is gone, after 100 ms first and twice as long each time, up to 10 s.
//! What the server misses meanwhile is lost in the tap's own ring, and counted there: nothing is kept here.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ale_media::talk::TalkWriter;
use ale_media::tap::TapReader;

use crate::audiosocket::{Malformed, Message, Reader, kind_of, write};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a server may take to answer or to make room.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at the tap: less than a frame.
const LOOK: Duration = Duration::from_millis(5);

const FRAME_NS: u64 = 10_000_000;

/// What a client is made for.
#[derive(Debug, Clone, Copy)]
pub struct ClientConfig {
    /// Whom to connect to.
    pub address: SocketAddr,
    /// The call's name, which the server is told first.
    pub uuid: [u8; 16],
}

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

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    counts: [AtomicU64; 4],
}

impl Shared {
    fn count(&self, which: usize, more: u64) {
        self.counts[which].fetch_add(more, Ordering::Relaxed);
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A client on a thread of its own; dropped, it says goodbye and ends.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Takes a tap to a server until the tap is over, and what the server says to `voice`.
    ///
    /// # Errors
    /// The system's, if there is no thread to be had; [`io::ErrorKind::InvalidInput`] for a rate that the protocol
    /// does not have.
    pub fn start(
        config: ClientConfig,
        tap: TapReader,
        voice: Option<TalkWriter>,
    ) -> io::Result<Self> {
        if kind_of(tap.config().sample_rate_hz).is_none() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let shared = Arc::new(Shared::default());
        let mut work = Work { config, tap, voice, turn: 0, shared: Arc::clone(&shared) };
        let thread = thread::Builder::new().name("audiosocket".into()).spawn(move || work.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Counters.
    pub fn stats(&self) -> ClientStats {
        let [connections, frames, samples, refused] =
            [0, 1, 2, 3].map(|n| self.shared.counts[n].load(Ordering::Relaxed));
        ClientStats { connections, frames, samples, refused }
    }

    /// Whether the tap is over and all of it has been sent.
    pub fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    config: ClientConfig,
    tap: TapReader,
    voice: Option<TalkWriter>,
    turn: u32,
    shared: Arc<Shared>,
}

/// Two frames a message: 20 ms, which is what servers expect.
struct Packer {
    sample_rate_hz: u32,
    bytes: Vec<u8>,
    /// When the frame before was.
    before_ns: u64,
}

impl Packer {
    fn new(sample_rate_hz: u32) -> Self {
        Self { sample_rate_hz, bytes: Vec::new(), before_ns: 0 }
    }

    /// Adds 10 ms. What waits alone, since nothing was taken after it, is filled up with silence.
    fn add(&mut self, time_ns: u64, pcm: &[i16], out: &mut Vec<u8>) {
        if time_ns.wrapping_sub(self.before_ns) != FRAME_NS {
            self.end(out);
        }
        self.before_ns = time_ns;
        let was_empty = self.bytes.is_empty();
        self.bytes.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        if !was_empty {
            self.end(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            return;
        }
        self.bytes.resize(2 * self.sample_rate_hz as usize / 50, 0);
        let message = Message::Sound { sample_rate_hz: self.sample_rate_hz, bytes: &self.bytes };
        write(&message, out);
        self.bytes.fill(0);
        self.bytes.clear();
    }
}

/// How a connection ended.
enum End {
    /// The tap or the client is over.
    Over,
    /// The server has hung up.
    HungUp,
}

impl Work {
    fn run(&mut self) {
        let mut wait = FIRST_WAIT;
        while !self.shared.stops() && !self.tap.is_ended() {
            let begin = self.shared.counts[1].load(Ordering::Relaxed);
            if let Ok(End::Over) = self.connect().and_then(|stream| self.serve(stream)) {
                return;
            }
            // A server that takes calls and hangs up at once is no better than none.
            let served = self.shared.counts[1].load(Ordering::Relaxed) - begin > 100;
            wait = if served { FIRST_WAIT } else { wait };
            self.rest(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Waits, and hears in between that it is to stop.
    fn rest(&self, wait: Duration) {
        let mut left = wait;
        while !left.is_zero() && !self.shared.stops() {
            let step = left.min(Duration::from_millis(50));
            thread::sleep(step);
            left -= step;
        }
    }

    fn connect(&mut self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.config.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(LOOK))?;
        self.shared.count(0, 1);
        Ok(stream)
    }

    fn serve(&mut self, mut stream: TcpStream) -> io::Result<End> {
        let mut out = Vec::new();
        write(&Message::Uuid(self.config.uuid), &mut out);
        let (mut reader, mut received) = (Reader::default(), [0; 4_096]);
        let mut packer = Packer::new(self.tap.config().sample_rate_hz);
        let mut pcm = vec![0; self.tap.frame_samples()];
        loop {
            let over = self.shared.stops() || self.tap.is_ended();
            while let Some(frame) = self.tap.read(&mut pcm) {
                packer.add(frame.time_ns, &pcm, &mut out);
                self.shared.count(1, 1);
            }
            pcm.fill(0);
            if over {
                packer.end(&mut out);
                write(&Message::End, &mut out);
            }
            stream.write_all(&out)?;
            out.clear();
            if over {
                return Ok(End::Over);
            }
            match stream.read(&mut received) {
                Ok(0) => return Ok(End::HungUp),
                Ok(count) => reader.feed(received.get(..count).unwrap_or_default()),
                Err(error) if is_timeout(&error) => continue,
                Err(error) => return Err(error),
            }
            if !self.hear(&mut reader) {
                return Ok(End::HungUp);
            }
        }
    }

    /// Takes what the server says; `false` when it has said goodbye, or what can't be read.
    fn hear(&mut self, reader: &mut Reader) -> bool {
        loop {
            match reader.next_message() {
                Ok(Some(Message::Sound { bytes, .. })) => {
                    let pcm: Vec<i16> = bytes
                        .as_chunks::<2>()
                        .0
                        .iter()
                        .map(|sample| i16::from_le_bytes(*sample))
                        .collect();
                    self.shared.count(2, pcm.len() as u64);
                    let taken = self.voice.as_mut().map(|voice| voice.write(self.turn, &pcm));
                    if taken.is_some_and(|taken| taken.is_err()) {
                        self.shared.count(3, pcm.len() as u64);
                    }
                }
                Ok(Some(Message::End | Message::Error(_))) => return false,
                Ok(Some(Message::Unknown(_))) => self.shared.count(3, 1),
                Ok(Some(_)) => (),
                Ok(None) => return true,
                Err(Malformed) => {
                    self.shared.count(3, 1);
                    return false;
                }
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
