// SPDX-License-Identifier: MIT OR Apache-2.0
//! NG over streams: TCP, and HTTP (`POST /ng`, or a WebSocket). A thread a connection, of which there are few, asks the
//! control thread; who is slow or silent costs nobody but itself, and that for a while.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::bencode::{self, BencodeError};
use super::http::{self, HttpError, MAX_BODY_BYTES, MAX_HEAD_BYTES};
use super::server::MAX_COOKIE_BYTES;
use super::websocket::{self, Kind};
use crate::config::Network;

/// Connections at a time; further ones are closed at once.
const MAX_CONNECTIONS: usize = 64;
/// How long a request may take from its first byte to its last, and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may say nothing between requests.
const SILENCE: Duration = Duration::from_secs(120);
/// How long the control thread may take.
const ANSWER: Duration = Duration::from_secs(10);
const STACK_BYTES: usize = 256 * 1024;
const NG: &str = "application/x-rtpengine-ng";

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Cookies and dictionaries, one after the other.
    Tcp,
    /// HTTP, and WebSockets within.
    Http,
}

/// A request for the control thread.
#[derive(Debug)]
pub struct Asked {
    /// Cookie and dictionary.
    pub message: Vec<u8>,
    /// Who asks.
    pub from: SocketAddr,
    /// Where the answer goes; none for what is not answered.
    pub answer: SyncSender<Vec<u8>>,
}

/// How connections ask the control thread.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Requests.
    pub asked: Sender<Asked>,
    /// Wakes it.
    pub bell: Arc<OwnedFd>,
}

/// Takes connections at an address from these networks, on threads that end with the process; the address.
///
/// # Errors
/// What the system says.
pub fn serve(
    listen: SocketAddr,
    speech: Speech,
    allowed: Vec<Network>,
    ask: Ask,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)?;
    let address = listener.local_addr()?;
    let connections = Arc::new(AtomicUsize::new(0));
    thread::Builder::new().name(String::from("ng")).stack_size(STACK_BYTES).spawn(move || {
        for stream in listener.incoming() {
            let Ok((stream, from)) = stream.and_then(|s| s.peer_addr().map(|from| (s, from)))
            else {
                // Out of files, or one that has left already: not at the speed of a loop.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let ip = from.ip().to_canonical();
            let place = Place::take(&connections);
            let (true, Some(place)) = (allowed.iter().any(|n| n.contains(ip)), place) else {
                continue;
            };
            let ask = ask.clone();
            // Without a thread the connection ends.
            let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
                let mut connection = Connection { stream, from, ask, read: Vec::new() };
                let _ = match speech {
                    Speech::Tcp => connection.tcp(),
                    Speech::Http => connection.http(),
                };
                drop(place);
            });
        }
    })?;
    Ok(address)
}

/// A place among the connections, given back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(connections));
        (connections.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Connection {
    stream: TcpStream,
    from: SocketAddr,
    ask: Ask,
    read: Vec<u8>,
}

impl Connection {
    /// Reads until `whole` finds what it wants, for as long as a request may take.
    fn until<T>(&mut self, whole: impl Fn(&[u8]) -> Option<T>) -> io::Result<T> {
        let mut deadline = None;
        loop {
            if let Some(found) = whole(&self.read) {
                return Ok(found);
            }
            if self.read.len() > MAX_HEAD_BYTES + MAX_BODY_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            let left = left(&mut deadline, !self.read.is_empty(), Instant::now());
            self.stream.set_read_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
            let mut part = [0; 4_096];
            match self.stream.read(&mut part)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                bytes => self.read.extend_from_slice(part.get(..bytes).unwrap_or_default()),
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Vec<u8> {
        let rest = self.read.split_off(bytes.min(self.read.len()));
        core::mem::replace(&mut self.read, rest)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(PATIENCE))?;
        self.stream.write_all(bytes)
    }

    /// Asks the control thread; `None` for what is not answered.
    fn answer(&self, message: Vec<u8>) -> Option<Vec<u8>> {
        let (answer, answered) = sync_channel(1);
        self.ask.asked.send(Asked { message, from: self.from, answer }).ok()?;
        let _ = rustix::io::write(&self.ask.bell, &1_u64.to_ne_bytes());
        answered.recv_timeout(ANSWER).ok()
    }

    fn tcp(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.until(message)?.ok_or(ErrorKind::InvalidData)?;
            let message = self.take(bytes);
            let answer = self.answer(message).ok_or(ErrorKind::InvalidData)?;
            self.write(&answer)?;
        }
    }

    fn http(&mut self) -> io::Result<()> {
        let answer = match self.request()? {
            Ok(Some(body)) => {
                let answer = self.answer(body);
                let status = if answer.is_some() { "200 OK" } else { "400 Bad Request" };
                let body = answer.unwrap_or_default();
                [http::answer(status, NG, body.len()).into_bytes(), body].concat()
            }
            Ok(None) => return self.websocket(),
            Err(status) => http::answer(status, "text/plain", 0).into_bytes(),
        };
        self.write(&answer)
    }

    /// A request's body; `Ok(None)` if a WebSocket has begun, and the answer's status for what is neither.
    fn request(&mut self) -> io::Result<Result<Option<Vec<u8>>, &'static str>> {
        let head = self.until(|read| match http::head(read) {
            Ok(None) => None,
            Ok(Some(head)) => Some(Ok((
                head.bytes,
                head.body_bytes(),
                (head.method == "POST", head.target == "/ng"),
                websocket::accept(&head),
            ))),
            Err(error) => Some(Err(error)),
        })?;
        let refused = |error: HttpError| Ok(Err(error.status()));
        let (bytes, (post, path), accepted, body) = match head {
            Ok((bytes, Ok(body), asked, accepted)) => (bytes, asked, accepted, body),
            Ok((_, Err(error), ..)) | Err(error) => return refused(error),
        };
        self.take(bytes);
        match (path, post, accepted) {
            (true, true, _) => {
                self.until(|read| (read.len() >= body).then_some(()))?;
                Ok(Ok(Some(self.take(body))))
            }
            (true, false, Some(accepted)) => {
                self.write(accepted.as_bytes())?;
                Ok(Ok(None))
            }
            (true, false, None) => Ok(Err("405 Method Not Allowed")),
            (false, ..) => Ok(Err("404 Not Found")),
        }
    }

    fn websocket(&mut self) -> io::Result<()> {
        loop {
            let frame = self.until(|read| websocket::read(read).transpose())?;
            let mut out = Vec::new();
            match frame {
                Err(code) => websocket::write(Kind::Close, &code.to_be_bytes(), &mut out),
                Ok(frame) => {
                    self.take(frame.bytes);
                    match frame.kind {
                        kind @ (Kind::Text | Kind::Binary) => match self.answer(frame.payload) {
                            Some(answer) => websocket::write(kind, &answer, &mut out),
                            None => continue,
                        },
                        Kind::Ping => websocket::write(Kind::Pong, &frame.payload, &mut out),
                        Kind::Close => websocket::write(Kind::Close, &frame.payload, &mut out),
                        Kind::Pong => continue,
                    }
                }
            }
            self.write(&out)?;
            if out.first() == Some(&0x88) {
                return Ok(());
            }
        }
    }
}

/// How long to wait for more, if at all: a while for a request that has not begun, and for one that has until
/// its deadline, which its first byte sets.
fn left(deadline: &mut Option<Instant>, begun: bool, now: Instant) -> Option<Duration> {
    if !begun {
        return Some(SILENCE);
    }
    let deadline = *deadline.get_or_insert(now + PATIENCE);
    deadline.checked_duration_since(now).filter(|left| !left.is_zero())
}

/// Bytes of the message that a stream begins with; `Some(None)` if it begins with none.
fn message(stream: &[u8]) -> Option<Option<usize>> {
    let Some(space) = stream.iter().position(|&byte| byte == b' ') else {
        return (stream.len() > MAX_COOKIE_BYTES).then_some(None);
    };
    match bencode::extent(stream.get(space + 1..).unwrap_or_default()) {
        Ok(bytes) => Some(Some(space + 1 + bytes)),
        Err(BencodeError::Cut) => None,
        Err(_) => Some(None),
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
