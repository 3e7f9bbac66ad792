// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that takes a tap to a WebSocket server, and what that says to a voice.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use ale_media::talk::TalkWriter;
use ale_media::tap::TapReader;
use rustls::pki_types::ServerName;
use tungstenite::client::{IntoClientRequest, client_with_config};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::Request;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, WebSocket};

use super::session::{Refused, Session, SessionConfig};
use super::stream::{Stream, Tls};
use super::{ClientStats, Message};
use crate::client::{End, PATIENCE, Running, Shared, Work, connect, count, is_timeout};

/// Digits that may wait to be sent.
const DIGITS: usize = 32;
/// Messages that are read before the tap is looked at again.
const AT_ONCE: usize = 64;
/// How often a server is given time to answer a goodbye.
const GOODBYE_LOOKS: usize = 20;

/// What a client is made for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Whom to connect to.
    pub address: SocketAddr,
    /// The server's URL, `ws://host/path`: its host and path are what the server is asked for. `wss://` with TLS,
    /// where its host is also whose certificate the server has to show.
    pub url: String,
    /// How TLS is spoken: which certificates are trusted, which versions, and by which provider. One with hybrid
    /// key exchange (X25519MLKEM768) offers that first, and takes what the server has.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// What is said beside it, a token for example; `Sec-WebSocket-Protocol` for servers that want one.
    pub headers: Vec<(String, String)>,
    /// What the server says at once may be so long.
    pub max_message_bytes: usize,
    /// What is said.
    pub session: SessionConfig,
}

impl ClientConfig {
    /// One that takes messages of up to 256 KiB: eight seconds at 16 kHz.
    pub fn new(address: SocketAddr, url: &str, session: SessionConfig) -> Self {
        let url = url.to_owned();
        let max_message_bytes = 256 << 10;
        Self { address, url, tls: None, headers: Vec::new(), max_message_bytes, session }
    }

    /// Whom TLS is spoken with; `None` where the URL says other than [`ClientConfig::tls`], or names nobody.
    fn server(&self, request: &Request) -> Option<Option<Tls>> {
        match (request.uri().scheme_str()?, &self.tls) {
            ("ws", None) => Some(None),
            ("wss", Some(config)) => {
                // An IPv6 address stands in brackets there.
                let host = request.uri().host()?.trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(host).ok()?;
                Some(Some(Tls { config: Arc::clone(config), name }))
            }
            _ => None,
        }
    }

    fn request(&self) -> Result<Request, Error> {
        let mut request = self.url.as_str().into_client_request()?;
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse()?;
            let value: HeaderValue = value.parse()?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

/// A client on a thread of its own; dropped, it says goodbye and ends.
#[derive(Debug)]
pub struct Client {
    running: Running,
    digits: SyncSender<char>,
}

impl Client {
    /// Takes a tap to a server until the tap is over or the server hangs up, and what the server says to `voice`,
    /// which has the tap's rate.
    ///
    /// # Errors
    /// The system's, if there is no thread to be had; [`io::ErrorKind::InvalidInput`] for a rate that the dialect
    /// does not have or that is not the tap's, and for a URL or headers that can't be sent.
    pub fn start(
        config: ClientConfig,
        tap: TapReader,
        voice: Option<TalkWriter>,
    ) -> io::Result<Self> {
        let session = &config.session;
        let is_valid = session.is_valid() && session.sample_rate_hz == tap.config().sample_rate_hz;
        let request = config.request().ok().filter(|_| is_valid);
        let request = request.ok_or(io::ErrorKind::InvalidInput)?;
        let tls = config.server(&request).ok_or(io::ErrorKind::InvalidInput)?;
        let (digits, pressed) = sync_channel(DIGITS);
        let work = Call {
            address: config.address,
            tls,
            request,
            max_message_bytes: config.max_message_bytes,
            tap,
            session: Session::new(config.session, voice),
            pressed,
            told: (0, 0),
        };
        Ok(Self { running: Running::start("websocket", work)?, digits })
    }

    /// Tells the server that a digit was pressed; `false` while too many wait.
    pub fn digit(&self, digit: char) -> bool {
        self.digits.try_send(digit).is_ok()
    }

    /// Counters.
    pub fn stats(&self) -> ClientStats {
        self.running.stats()
    }

    /// Whether the tap is over and all of it has been sent, or the server has hung up.
    pub fn is_ended(&self) -> bool {
        self.running.is_ended()
    }
}

struct Call {
    address: SocketAddr,
    tls: Option<Tls>,
    request: Request,
    max_message_bytes: usize,
    tap: TapReader,
    session: Session,
    pressed: Receiver<char>,
    /// What has been added to the counters of the session's.
    told: (u64, u64),
}

impl Work for Call {
    fn is_over(&self) -> bool {
        self.tap.is_ended()
    }

    fn serve(&mut self, shared: &Shared) -> io::Result<End> {
        let stream = Stream::new(connect(&self.address)?, self.tls.as_ref())?;
        let mut socket = self.greet(stream, shared)?;
        count(&shared.connections, 1);
        self.session.connect();
        let mut pcm = vec![0; self.tap.frame_samples()];
        loop {
            let over = shared.stops() || self.tap.is_ended();
            while let Some(frame) = self.tap.read(&mut pcm) {
                self.session.frame(frame.time_ns, &pcm);
                count(&shared.frames, 1);
            }
            pcm.fill(0);
            self.pressed.try_iter().for_each(|digit| self.session.digit(digit));
            self.session.look();
            if over {
                self.session.end();
            }
            while let Some(message) = self.session.next_message() {
                socket.send(wire(message)).map_err(failed)?;
            }
            if over {
                return goodbye(socket);
            }
            let heard = self.hear(&mut socket, shared);
            self.count(shared);
            match heard? {
                Ok(()) => (),
                Err(Refused::HangUp) => {
                    goodbye(socket)?;
                    return Ok(End::Over);
                }
                Err(_) => return Ok(End::HungUp),
            }
        }
    }
}

impl Call {
    /// Asks the server for a WebSocket.
    fn greet(&self, stream: Stream, shared: &Shared) -> io::Result<WebSocket<Stream>> {
        let begin = Instant::now();
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.max_message_bytes))
            .max_frame_size(Some(self.max_message_bytes));
        let mut answer = client_with_config(self.request.clone(), stream, Some(config));
        loop {
            match answer {
                Ok((socket, _)) => return Ok(socket),
                Err(HandshakeError::Failure(error)) => return Err(failed(error)),
                // Nothing has come for as long as a look.
                Err(HandshakeError::Interrupted(half)) => {
                    if shared.stops() || begin.elapsed() > PATIENCE {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    answer = half.handshake();
                }
            }
        }
    }

    /// Takes what the server says, until there is nothing or enough.
    fn hear(
        &mut self,
        socket: &mut WebSocket<Stream>,
        shared: &Shared,
    ) -> io::Result<Result<(), Refused>> {
        for _ in 0..AT_ONCE {
            let heard = match socket.read() {
                Ok(tungstenite::Message::Text(text)) => self.session.hear_text(text.as_str()),
                Ok(tungstenite::Message::Binary(bytes)) => self.session.hear_binary(&bytes),
                // Pings are answered by the socket itself.
                Ok(_) => Ok(()),
                Err(Error::Io(error)) if is_timeout(&error) => return Ok(Ok(())),
                Err(error) => {
                    if matches!(error, Error::Capacity(_) | Error::Utf8(_)) {
                        count(&shared.refused, 1);
                    }
                    return Err(failed(error));
                }
            };
            if heard.is_err() {
                return Ok(heard);
            }
        }
        Ok(Ok(()))
    }

    fn count(&mut self, shared: &Shared) {
        let now = (self.session.samples(), self.session.refused());
        count(&shared.samples, now.0 - self.told.0);
        count(&shared.refused, now.1 - self.told.1);
        self.told = now;
    }
}

fn wire(message: Message) -> tungstenite::Message {
    match message {
        Message::Text(text) => tungstenite::Message::text(text),
        Message::Binary(bytes) => tungstenite::Message::binary(bytes),
    }
}

/// Closes the connection (RFC 6455 section 7), and gives the server a moment to say so, too.
fn goodbye(mut socket: WebSocket<Stream>) -> io::Result<End> {
    socket.close(None).map_err(failed)?;
    for _ in 0..GOODBYE_LOOKS {
        match socket.read() {
            Ok(_) => (),
            Err(Error::Io(error)) if is_timeout(&error) => (),
            Err(_) => break,
        }
    }
    socket.get_mut().end();
    Ok(End::Over)
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
