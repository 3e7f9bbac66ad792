// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which version a peer asks for, by its ClientHello: the newer one is spoken with who names it (RFC 8446 section
//! 4.2.1), and the older one by the library that all others are spoken with.

use core::net::SocketAddr;
use std::time::Instant;

use super::{Handshake, MAX_DATAGRAMS, Told};

/// Datagrams that a ClientHello may take: with keys that quantum computers don't break it is two.
const MAX_PARTS: usize = 8;
const MAX_HELLO_BYTES: usize = 8_192;
/// Of records and messages (RFC 6347 sections 4.1 and 4.2.2), and of what is looked for.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HEADERS_BYTES: usize = 25;
const SUPPORTED_VERSIONS: u16 = 43;
const DTLS_1_3: [u8; 2] = [0xfe, 0xfc];

/// Begins one of two handshakes, once the peer has asked for either.
pub(super) struct Waiting<N, O> {
    newer: Option<N>,
    older: Option<O>,
    /// What has come of its message, and in which datagrams.
    hello: Vec<u8>,
    parts: Vec<(Vec<u8>, SocketAddr)>,
    datagrams: u32,
    chosen: Option<Box<dyn Handshake>>,
}

impl<N, O> Waiting<N, O>
where
    N: FnOnce() -> Box<dyn Handshake>,
    O: FnOnce() -> Box<dyn Handshake>,
{
    pub(super) fn new(newer: N, older: O) -> Self {
        Self {
            newer: Some(newer),
            older: Some(older),
            hello: Vec::new(),
            parts: Vec::new(),
            datagrams: 0,
            chosen: None,
        }
    }

    /// Takes a datagram as a part of the message; whether the newer version is asked for, once all is there.
    fn asks(&mut self, datagram: &[u8], from: SocketAddr) -> Option<bool> {
        let part = Part::of(datagram)?;
        if part.offset == 0 {
            // A first part begins anew: others may have been anybody's.
            self.hello.clear();
            self.parts.clear();
        }
        if part.offset != self.hello.len() || self.parts.len() == MAX_PARTS {
            return None;
        }
        self.hello.extend_from_slice(part.bytes);
        self.parts.push((datagram.to_vec(), from));
        (self.hello.len() == part.length).then(|| names_newer(&self.hello).unwrap_or(false))
    }
}

impl<N, O> core::fmt::Debug for Waiting<N, O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Waiting").field("chosen", &self.chosen).finish_non_exhaustive()
    }
}

impl<N, O> Handshake for Waiting<N, O>
where
    N: FnOnce() -> Box<dyn Handshake> + Send,
    O: FnOnce() -> Box<dyn Handshake> + Send,
{
    /// Nothing: it is the peer's to begin.
    fn begin(&mut self, _peer: SocketAddr, _now: Instant) {}

    fn receive(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        if let Some(chosen) = &mut self.chosen {
            chosen.receive(datagram, from, now);
            return;
        }
        if self.datagrams == MAX_DATAGRAMS {
            return;
        }
        self.datagrams += 1;
        let Some(newer) = self.asks(datagram, from) else { return };
        let chosen = match newer {
            true => self.newer.take().map(|newer| newer()),
            false => self.older.take().map(|older| older()),
        };
        let Some(mut chosen) = chosen else { return };
        for (datagram, from) in self.parts.drain(..) {
            chosen.receive(&datagram, from, now);
        }
        self.chosen = Some(chosen);
    }

    fn tick(&mut self, now: Instant) {
        if let Some(chosen) = &mut self.chosen {
            chosen.tick(now);
        }
    }

    fn told(&mut self) -> Option<Told> {
        self.chosen.as_mut()?.told()
    }

    fn is_over(&self) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.is_over())
    }
}

/// A part of a ClientHello, alone in its datagram as clients send it.
struct Part<'a> {
    /// Of the whole message, and where the part begins in it.
    length: usize,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    fn of(datagram: &'a [u8]) -> Option<Self> {
        let (headers, rest) = datagram.split_at_checked(HEADERS_BYTES)?;
        let number = |from: usize, to: usize| {
            headers
                .get(from..to)
                .unwrap_or_default()
                .iter()
                .fold(0, |n, b| n << 8 | usize::from(*b))
        };
        let (length, offset, count) = (number(14, 17), number(19, 22), number(22, 25));
        let is_hello = number(0, 1) == usize::from(HANDSHAKE)
            && number(13, 14) == usize::from(CLIENT_HELLO)
            // Nothing is protected yet.
            && number(3, 5) == 0
            && (1..=MAX_HELLO_BYTES).contains(&length)
            && offset + count <= length;
        let bytes = rest.get(..count).filter(|_| is_hello)?;
        Some(Self { length, offset, bytes })
    }
}

/// Whether a ClientHello names version 1.3; `None` if it is not well formed.
fn names_newer(hello: &[u8]) -> Option<bool> {
    let mut rest = hello.get(34..)?;
    let mut list = |length_bytes: usize| {
        let (length, behind) = rest.split_at_checked(length_bytes)?;
        let length = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let (list, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some(list)
    };
    // Session, cookie, suites, compression.
    let _ = (list(1)?, list(1)?, list(2)?, list(1)?);
    let Some(mut extensions) = list(2) else { return Some(false) };
    while let [a, b, c, d, behind @ ..] = extensions {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let (extension, behind) = behind.split_at_checked(length)?;
        if u16::from_be_bytes([*a, *b]) == SUPPORTED_VERSIONS {
            let versions = extension.get(1..).unwrap_or_default();
            return Some(versions.chunks_exact(2).any(|version| version == DTLS_1_3));
        }
        extensions = behind;
    }
    Some(false)
}
