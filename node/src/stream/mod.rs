// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections of TCP that ask for something: a thread each, of which there are few. Who is slow or silent costs nobody
//! but itself, and that for a while.

mod wire;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use wire::Wire;

use crate::config::Network;
use crate::http::{MAX_BODY_BYTES, MAX_HEAD_BYTES};

/// Connections at a time; further ones are closed at once.
pub(crate) const MAX_CONNECTIONS: usize = 64;
/// How long a request may take from its first byte to its last, and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
const STACK_BYTES: usize = 256 * 1024;

/// Where connections are taken.
#[derive(Debug, Clone)]
pub struct Port {
    /// The address.
    pub address: SocketAddr,
    /// How TLS is answered; none is spoken without.
    pub tls: Option<Arc<ServerConfig>>,
}

impl From<SocketAddr> for Port {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// Takes connections at an address from these networks, on threads that end with the process, and has each served;
/// the address. Before a request, and between two, a connection may say nothing for `silence`.
pub(crate) fn serve(
    port: Port,
    name: &str,
    allowed: Vec<Network>,
    silence: Duration,
    served: impl Fn(Stream) -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<SocketAddr> {
    let Port { address, tls } = port;
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let connections = Arc::new(AtomicUsize::new(0));
    thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
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
            let (served, tls) = (served.clone(), tls.clone());
            // Without a thread the connection ends.
            let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
                let _ = Wire::new(stream, tls)
                    .and_then(|wire| served(Stream { wire, from, silence, read: Vec::new() }));
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

/// A connection.
pub(crate) struct Stream {
    wire: Wire,
    /// Who asks.
    pub(crate) from: SocketAddr,
    silence: Duration,
    /// What has come and not been taken.
    read: Vec<u8>,
}

impl Stream {
    /// Reads until `whole` finds what it wants, for as long as a request may take.
    pub(crate) fn until<T>(&mut self, whole: impl Fn(&[u8]) -> Option<T>) -> io::Result<T> {
        let (mut deadline, mut begun) = (None, false);
        loop {
            if let Some(found) = whole(&self.read) {
                return Ok(found);
            }
            if self.read.len() > MAX_HEAD_BYTES + MAX_BODY_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            let idle = (self.read.is_empty() && !begun).then_some(self.silence);
            let left = left(&mut deadline, idle, Instant::now());
            self.wire.read(left.ok_or(ErrorKind::TimedOut)?, &mut self.read)?;
            // A handshake is of the request's time, too.
            begun = true;
        }
    }

    /// So many bytes of what has been read.
    pub(crate) fn take(&mut self, bytes: usize) -> Vec<u8> {
        let rest = self.read.split_off(bytes.min(self.read.len()));
        core::mem::replace(&mut self.read, rest)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write(bytes)
    }
}

/// How long to wait for more, if at all: so long for a request that has not begun, and for one that has until
/// its deadline, which its first byte sets.
fn left(deadline: &mut Option<Instant>, idle: Option<Duration>, now: Instant) -> Option<Duration> {
    if idle.is_some() {
        return idle;
    }
    let deadline = *deadline.get_or_insert(now + PATIENCE);
    deadline.checked_duration_since(now).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_request_has_its_time_and_no_more_however_many_bytes_come() {
        let (start, mut deadline) = (Instant::now(), None);
        let silence = Some(Duration::from_secs(120));
        assert_eq!(left(&mut deadline, silence, start), silence);
        let first = start + Duration::from_secs(60);
        assert_eq!(left(&mut deadline, None, first), Some(PATIENCE));
        let bytes =
            (1..).map(|n| left(&mut deadline, None, first + n * Duration::from_millis(100)));
        let waits: Vec<_> = bytes.take(100).collect();
        assert_eq!(waits.iter().flatten().count(), 49);
        assert_eq!(waits.iter().flatten().max(), Some(&(PATIENCE - Duration::from_millis(100))));
    }
}
