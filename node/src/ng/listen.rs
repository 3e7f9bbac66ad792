// SPDX-License-Identifier: MIT OR Apache-2.0
//! NG over streams: TCP, and HTTP (`POST /ng`, or a WebSocket). A connection's thread asks the control thread.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::time::Duration;

use super::bencode::{self, BencodeError};
use super::server::MAX_COOKIE_BYTES;
use super::websocket::{self, Kind};
use crate::config::Network;
use crate::http::{self, HttpError};
use crate::stream::{self, Port, Stream};

/// How long the control thread may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a connection may say nothing between requests: proxies keep theirs.
const SILENCE: Duration = Duration::from_secs(120);
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
    port: Port,
    speech: Speech,
    allowed: Vec<Network>,
    ask: Ask,
) -> io::Result<SocketAddr> {
    stream::serve(port, "ng", allowed, SILENCE, move |stream| {
        let mut connection = Connection { stream, ask: ask.clone() };
        match speech {
            Speech::Tcp => connection.tcp(),
            Speech::Http => connection.http(),
        }
    })
}

struct Connection {
    stream: Stream,
    ask: Ask,
}

impl Connection {
    /// Asks the control thread; `None` for what is not answered.
    fn answer(&self, message: Vec<u8>) -> Option<Vec<u8>> {
        let (answer, answered) = sync_channel(1);
        self.ask.asked.send(Asked { message, from: self.stream.from, answer }).ok()?;
        let _ = rustix::io::write(&self.ask.bell, &1_u64.to_ne_bytes());
        answered.recv_timeout(ANSWER).ok()
    }

    fn tcp(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.stream.until(message)?.ok_or(ErrorKind::InvalidData)?;
            let message = self.stream.take(bytes);
            let answer = self.answer(message).ok_or(ErrorKind::InvalidData)?;
            self.stream.write(&answer)?;
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
        self.stream.write(&answer)
    }

    /// A request's body; `Ok(None)` if a WebSocket has begun, and the answer's status for what is neither.
    fn request(&mut self) -> io::Result<Result<Option<Vec<u8>>, &'static str>> {
        let head = self.stream.until(|read| match http::head(read) {
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
        self.stream.take(bytes);
        match (path, post, accepted) {
            (true, true, _) => {
                self.stream.until(|read| (read.len() >= body).then_some(()))?;
                Ok(Ok(Some(self.stream.take(body))))
            }
            (true, false, Some(accepted)) => {
                self.stream.write(accepted.as_bytes())?;
                Ok(Ok(None))
            }
            (true, false, None) => Ok(Err("405 Method Not Allowed")),
            (false, ..) => Ok(Err("404 Not Found")),
        }
    }

    fn websocket(&mut self) -> io::Result<()> {
        loop {
            let frame = self.stream.until(|read| websocket::read(read).transpose())?;
            let mut out = Vec::new();
            match frame {
                Err(code) => websocket::write(Kind::Close, &code.to_be_bytes(), &mut out),
                Ok(frame) => {
                    self.stream.take(frame.bytes);
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
            self.stream.write(&out)?;
            if out.first() == Some(&0x88) {
                return Ok(());
            }
        }
    }
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
