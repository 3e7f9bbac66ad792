// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that takes a tap to an AudioSocket server, and what that says to a voice. It connects again when the
//! connection is gone; what the server misses meanwhile is lost in the tap's own ring.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use ale_media::talk::TalkWriter;
use ale_media::tap::TapReader;

use crate::audiosocket::{Malformed, Message, Reader, kind_of, write};
pub use crate::client::ClientStats;
use crate::client::{
    End, Packer, Running, Shared, TURN, Work, connect, count, is_timeout, to_bytes, to_pcm,
};

/// What a client is made for.
#[derive(Debug, Clone, Copy)]
pub struct ClientConfig {
    /// Whom to connect to.
    pub address: SocketAddr,
    /// The call's name, which the server is told first.
    pub uuid: [u8; 16],
}

/// A client on a thread of its own; dropped, it says goodbye and ends.
#[derive(Debug)]
pub struct Client(Running);

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
        Ok(Self(Running::start("audiosocket", Call { config, tap, voice })?))
    }

    /// Counters.
    pub fn stats(&self) -> ClientStats {
        self.0.stats()
    }

    /// Whether the tap is over and all of it has been sent.
    pub fn is_ended(&self) -> bool {
        self.0.is_ended()
    }
}

struct Call {
    config: ClientConfig,
    tap: TapReader,
    voice: Option<TalkWriter>,
}

impl Work for Call {
    fn is_over(&self) -> bool {
        self.tap.is_ended()
    }

    fn serve(&mut self, shared: &Shared) -> io::Result<End> {
        let mut stream = connect(&self.config.address)?;
        count(&shared.connections, 1);
        let mut out = Vec::new();
        write(&Message::Uuid(self.config.uuid), &mut out);
        let (mut reader, mut received) = (Reader::default(), [0; 4_096]);
        let sample_rate_hz = self.tap.config().sample_rate_hz;
        let mut packer = Packer::new(sample_rate_hz);
        let mut pcm = vec![0; self.tap.frame_samples()];
        loop {
            let over = shared.stops() || self.tap.is_ended();
            let mut send = |_, pcm: &[i16]| {
                write(&Message::Sound { sample_rate_hz, bytes: &to_bytes(pcm) }, &mut out);
            };
            while let Some(frame) = self.tap.read(&mut pcm) {
                packer.add(frame.time_ns, &pcm, &mut send);
                count(&shared.frames, 1);
            }
            pcm.fill(0);
            if over {
                packer.end(&mut send);
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
            if !self.hear(&mut reader, shared) {
                return Ok(End::HungUp);
            }
        }
    }
}

impl Call {
    /// Takes what the server says; `false` when it has said goodbye, or what can't be read.
    fn hear(&mut self, reader: &mut Reader, shared: &Shared) -> bool {
        loop {
            match reader.next_message() {
                Ok(Some(Message::Sound { bytes, .. })) => {
                    let pcm = to_pcm(bytes);
                    count(&shared.samples, pcm.len() as u64);
                    let taken = self.voice.as_mut().map(|voice| voice.write(TURN, &pcm));
                    if taken.is_some_and(|taken| taken.is_err()) {
                        count(&shared.refused, pcm.len() as u64);
                    }
                }
                Ok(Some(Message::End | Message::Error(_))) => return false,
                Ok(Some(Message::Unknown(_))) => count(&shared.refused, 1),
                Ok(Some(_)) => (),
                Ok(None) => return true,
                Err(Malformed) => {
                    count(&shared.refused, 1);
                    return false;
                }
            }
        }
    }
}
