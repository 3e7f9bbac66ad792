// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of HTTP to another node: into a conference there by WHIP (RFC 9725), and out of it. They block, and are made
//! on threads of their own.

use core::fmt;
use core::str::FromStr;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// How long connecting, and all of an answer, may take.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
/// Longest answer: a description and its head.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where a conference of another node is: `http://HOST[:PORT]/whip/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    path: String,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("http://").ok_or("a link begins with http://")?;
        let (host, path) = rest.split_once('/').ok_or("a link has a path")?;
        if host.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a link has a host, and no spaces");
        }
        // A host alone has HTTP's port; an address of IPv6 has colons of its own.
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let host = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { host, path: format!("/{path}") })
    }
}

/// Why another node did not let this one in.
#[derive(Debug)]
pub enum LinkError {
    /// It could not be asked.
    Network(io::Error),
    /// It refused.
    Status(u16),
    /// Its answer is none.
    Answer,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the other node answers {status}"),
            Self::Answer => f.write_str("what the other node answers is no answer"),
        }
    }
}

impl core::error::Error for LinkError {}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Network(error)
    }
}

/// What another node has answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Entered {
    /// Where the session ends with a `DELETE`.
    pub session: String,
    /// The answer to the offer.
    pub answer: Vec<u8>,
}

/// Asks to be let into a conference of another node.
///
/// # Errors
/// [`LinkError`].
pub fn enter(to: &Address, token: &str, offer: &str) -> Result<Entered, LinkError> {
    let answer = ask("POST", &to.host, &to.path, token, offer.as_bytes())?;
    let (status, head, body) = parts(&answer).ok_or(LinkError::Answer)?;
    if status != 201 {
        return Err(LinkError::Status(status));
    }
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim())
    });
    // On the node that was asked, wherever it says that this is.
    let session = location.filter(|at| at.starts_with('/')).ok_or(LinkError::Answer)?;
    Ok(Entered { session: session.to_owned(), answer: body.to_vec() })
}

/// Ends a session there; nothing is to be done where that fails.
pub fn leave(to: &Address, token: &str, session: &str) {
    if let Err(error) = ask("DELETE", &to.host, session, token, b"") {
        tracing::debug!(%error, "a session of a link ends by itself");
    }
}

fn ask(method: &str, host: &str, path: &str, token: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut refused = io::Error::other("the other node has no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(mut stream) => {
                let until = Instant::now() + ANSWER;
                let head = format!(
                    "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
                     Content-Type: application/sdp\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream.set_write_timeout(Some(ANSWER))?;
                stream.write_all(head.as_bytes())?;
                stream.write_all(body)?;
                return answer(&mut stream, until);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// All of an answer, until it is whole or the connection ends.
fn answer(stream: &mut TcpStream, until: Instant) -> io::Result<Vec<u8>> {
    let (mut read, mut part) = (Vec::new(), [0; 4_096]);
    while !is_whole(&read) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || read.len() > MAX_ANSWER_BYTES {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => break,
            bytes => read.extend_from_slice(part.get(..bytes).unwrap_or_default()),
        }
    }
    Ok(read)
}

/// Status, head and body of an answer; a body that is shorter than it says is none.
fn parts(answer: &[u8]) -> Option<(u16, &str, &[u8])> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = core::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let said = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let bytes = said.transpose().ok()?.unwrap_or(0);
    Some((status, head, answer.get(end + 4..)?.get(..bytes)?))
}

fn is_whole(answer: &[u8]) -> bool {
    parts(answer).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_a_host_a_path_and_a_port() {
        for (text, host, path) in [
            ("http://hub/whip/1", "hub:80", "/whip/1"),
            ("http://192.0.2.1:8080/whip/1", "192.0.2.1:8080", "/whip/1"),
            ("http://[2001:db8::1]/whip/1", "[2001:db8::1]:80", "/whip/1"),
            ("http://[2001:db8::1]:81/", "[2001:db8::1]:81", "/"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((&address.host[..], &address.path[..]), (host, path));
        }
        for text in ["https://hub/whip/1", "hub/whip/1", "http://hub", "http:///x", "http://a/b c"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer =
            b"HTTP/1.1 201 Created\r\nLocation: /whip/1/x\r\nContent-Length: 4\r\n\r\nv=0\n";
        let (status, head, body) = parts(answer).unwrap();
        assert_eq!((status, body), (201, &b"v=0\n"[..]));
        assert!(head.contains("Location: /whip/1/x"));
        assert!((0..answer.len()).all(|bytes| !is_whole(&answer[..bytes])));
        assert!(parts(b"HTTP/1.1 x\r\n\r\n").is_none());
        assert!(parts(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n").is_none());
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parts(&bytes);
            let _ = parts(&[b"HTTP/1.1 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat());
        }
    }
}
