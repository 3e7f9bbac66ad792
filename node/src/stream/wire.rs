// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection's bytes, as they are or within TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

use super::PATIENCE;

/// Most that is read, or written, at a time.
const PART_BYTES: usize = 4_096;

/// A connection.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<ServerConnection>, TcpStream),
}

impl Wire {
    /// Over a connection that was taken; within TLS if that is how it is answered.
    pub(super) fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        stream.set_write_timeout(Some(PATIENCE))?;
        let Some(tls) = tls else { return Ok(Self::Plain(stream)) };
        let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(connection), stream))
    }

    /// Waits for something and adds it to `to`, which may be nothing yet: what TLS has to say for itself.
    pub(super) fn read(&mut self, wait: Duration, to: &mut Vec<u8>) -> io::Result<()> {
        let mut part = [0; PART_BYTES];
        match self {
            Self::Plain(stream) => {
                stream.set_read_timeout(Some(wait))?;
                match stream.read(&mut part)? {
                    0 => return Err(ErrorKind::UnexpectedEof.into()),
                    bytes => to.extend_from_slice(part.get(..bytes).unwrap_or_default()),
                }
            }
            Self::Tls(connection, stream) => {
                stream.set_read_timeout(Some(wait))?;
                // One read of the system's: who sends bytes one by one has its deadline looked at after each.
                if connection.read_tls(stream)? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                let processed = connection.process_new_packets();
                // Also the alert that says what was wrong.
                flush(connection, stream)?;
                let mut left = processed.map_err(io::Error::other)?.plaintext_bytes_to_read();
                while left > 0 {
                    let bytes = connection.reader().read(&mut part)?;
                    to.extend_from_slice(part.get(..bytes).unwrap_or_default());
                    left = left.saturating_sub(bytes.max(1));
                }
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Tls(connection, stream) => {
                // What waits to be sent is bounded in between.
                for part in bytes.chunks(PART_BYTES) {
                    connection.writer().write_all(part)?;
                    flush(connection, stream)?;
                }
                Ok(())
            }
        }
    }
}

fn flush(connection: &mut ServerConnection, stream: &mut TcpStream) -> io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(stream)?;
    }
    Ok(())
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Self::Tls(connection, stream) = self {
            // That nothing was cut off; who has gone need not know.
            connection.send_close_notify();
            let _ = flush(connection, stream);
        }
    }
}
