// SPDX-License-Identifier: MIT OR Apache-2.0
//! Binding requests of STUN (RFC 8489) as ICE sends them (RFC 8445 section 7): read, authenticated by short-term
//! credentials, and answered. Pure functions, without an allocation.

use core::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Longest answer: header, an IPv6 address, what was not understood, integrity and fingerprint.
pub const MAX_ANSWER_BYTES: usize = 128;

const HEADER_BYTES: usize = 20;
const COOKIE: u32 = 0x2112_a442;
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Longest password: a block of SHA-1.
const MAX_PASSWORD_BYTES: usize = 64;
/// Unknown attributes that an answer names.
const MAX_UNKNOWN: usize = 8;

/// What the first two bytes say.
mod kind {
    pub(super) const REQUEST: u16 = 0x0001;
    pub(super) const INDICATION: u16 = 0x0011;
    pub(super) const SUCCESS: u16 = 0x0101;
    pub(super) const ERROR: u16 = 0x0111;
}

/// Attributes that are known here.
mod attribute {
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN: u16 = 0x000a;
    pub(super) const INTEGRITY_SHA256: u16 = 0x001c;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const CONTROLLED: u16 = 0x8029;
    pub(super) const CONTROLLING: u16 = 0x802a;
}

/// A binding request, as far as it can be read without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'m> {
    /// `USERNAME`: fragment of who is asked, a colon, fragment of who asks.
    pub username: &'m [u8],
    /// `USE-CANDIDATE`: the pair is chosen.
    pub nominates: bool,
    /// `ICE-CONTROLLED`: who asks believes that the other side controls.
    pub controlled: bool,
    transaction: &'m [u8; 12],
    /// What the integrity is over, but for the length in the header.
    before_integrity: &'m [u8],
    integrity: &'m [u8; 20],
    /// Attributes that must be understood, and are not.
    unknown: [u16; MAX_UNKNOWN],
    unknown_count: usize,
}

/// An answer that says that a request was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success<'m> {
    transaction: &'m [u8; 12],
    before_integrity: &'m [u8],
    integrity: &'m [u8; 20],
}

impl Success<'_> {
    /// Whether it answers the request of this transaction, by who has the password.
    pub fn is_to(&self, transaction: &[u8; 12], password: &Password) -> bool {
        self.transaction == transaction
            && is_authentic(self.before_integrity, self.integrity, password)
    }
}

/// A password of ICE, as a key.
#[derive(Clone)]
pub struct Password([u8; MAX_PASSWORD_BYTES]);

impl core::fmt::Debug for Password {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// A password of up to 64 characters, which HMAC-SHA1 takes as they are; `None` for a longer one.
    pub fn new(text: &str) -> Option<Self> {
        let mut key = [0; MAX_PASSWORD_BYTES];
        key.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(key))
    }
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'m> {
    /// A request to be answered.
    Request(Request<'m>),
    /// An answer to a request of ours.
    Success(Success<'m>),
    /// A keepalive, which nobody answers (RFC 8445 section 11).
    Indication,
}

/// Reads a datagram; `None` for what is neither a request with credentials nor an indication, or is malformed.
pub fn read(datagram: &[u8]) -> Option<Message<'_>> {
    let (header, mut rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    let [k0, k1, l0, l1, cookie @ .., _, _, _, _, _, _, _, _, _, _, _, _] = header;
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    if *cookie != COOKIE.to_be_bytes() || length != rest.len() || !length.is_multiple_of(4) {
        return None;
    }
    let kind = u16::from_be_bytes([*k0, *k1]);
    match kind {
        kind::REQUEST | kind::SUCCESS => {}
        kind::INDICATION => return Some(Message::Indication),
        _ => return None,
    }
    let mut username = None;
    let (mut nominates, mut controlled) = (false, false);
    let (mut unknown, mut unknown_count) = ([0; MAX_UNKNOWN], 0);
    let mut integrity: Option<(&[u8; 20], &[u8])> = None;
    let mut closed = false;
    while !rest.is_empty() {
        let at = datagram.len() - rest.len();
        let (head, after) = rest.split_first_chunk::<4>()?;
        let [t0, t1, n0, n1] = *head;
        let (name, bytes) =
            (u16::from_be_bytes([t0, t1]), usize::from(u16::from_be_bytes([n0, n1])));
        let value = after.get(..bytes)?;
        rest = after.get(bytes.next_multiple_of(4)..)?;
        if name == attribute::FINGERPRINT {
            // The last one, and over all before it.
            let said = u32::from_be_bytes(value.try_into().ok()?);
            if !rest.is_empty() || said != fingerprint(datagram.get(..at)?) {
                return None;
            }
            closed = true;
            continue;
        }
        if integrity.is_some() {
            // What follows the integrity is not authenticated.
            continue;
        }
        match name {
            attribute::USERNAME => username = username.or(Some(value)),
            attribute::USE_CANDIDATE => nominates = true,
            attribute::CONTROLLED => controlled = true,
            attribute::INTEGRITY => integrity = Some((value.try_into().ok()?, datagram.get(..at)?)),
            attribute::PRIORITY | attribute::INTEGRITY_SHA256 => {}
            name if name < 0x8000 => {
                if let Some(place) = unknown.get_mut(unknown_count) {
                    *place = name;
                    unknown_count += 1;
                }
            }
            _ => {}
        }
    }
    // ICE wants both (RFC 8445 section 7.1).
    let (integrity, before_integrity) = integrity.filter(|_| closed)?;
    if kind == kind::SUCCESS {
        let transaction = header.last_chunk()?;
        return Some(Message::Success(Success { transaction, before_integrity, integrity }));
    }
    Some(Message::Request(Request {
        username: username?,
        nominates,
        controlled,
        transaction: header.last_chunk()?,
        before_integrity,
        integrity,
        unknown,
        unknown_count,
    }))
}

impl Request<'_> {
    /// The fragment of who is asked (RFC 8445 section 7.2.2).
    pub fn asked(&self) -> &[u8] {
        self.username.split(|byte| *byte == b':').next().unwrap_or_default()
    }

    /// Whether who asks has the password.
    pub fn is_authentic(&self, password: &Password) -> bool {
        is_authentic(self.before_integrity, self.integrity, password)
    }

    /// Whether it has attributes that must be understood and are not.
    pub fn is_understood(&self) -> bool {
        self.unknown_count == 0
    }

    /// Writes that it was received, and whence; the bytes of the answer.
    pub fn succeed(
        &self,
        from: SocketAddr,
        password: &Password,
        out: &mut [u8; MAX_ANSWER_BYTES],
    ) -> usize {
        let mut answer = Answer::new(kind::SUCCESS, self.transaction, out);
        let port = from.port() ^ (COOKIE >> 16) as u16;
        let mut mask = [0; 16];
        mask[..4].copy_from_slice(&COOKIE.to_be_bytes());
        mask[4..].copy_from_slice(self.transaction);
        let (family, address) = match from.ip() {
            IpAddr::V4(ip) => (1, &ip.octets()[..]),
            IpAddr::V6(ip) => (2, &ip.octets()[..]),
        };
        let mut value = [0; 20];
        value[1] = family;
        value[2..4].copy_from_slice(&port.to_be_bytes());
        for ((to, byte), mask) in value[4..].iter_mut().zip(address).zip(mask) {
            *to = byte ^ mask;
        }
        let bytes = 4 + address.len();
        answer.attribute(attribute::XOR_MAPPED_ADDRESS, value.get(..bytes).unwrap_or_default());
        answer.close(password)
    }

    /// Writes why it was refused: 420 with what was not understood, or 487 (role conflict); the bytes of the
    /// answer.
    pub fn refuse(&self, password: &Password, out: &mut [u8; MAX_ANSWER_BYTES]) -> usize {
        let mut answer = Answer::new(kind::ERROR, self.transaction, out);
        if self.is_understood() {
            answer.attribute(attribute::ERROR_CODE, &[0, 0, 4, 87]);
            return answer.close(password);
        }
        answer.attribute(attribute::ERROR_CODE, &[0, 0, 4, 20]);
        let mut names = [0; 2 * MAX_UNKNOWN];
        let unknown = self.unknown.iter().take(self.unknown_count);
        for (to, name) in names.chunks_exact_mut(2).zip(unknown) {
            to.copy_from_slice(&name.to_be_bytes());
        }
        let names = names.get(..2 * self.unknown_count).unwrap_or_default();
        answer.attribute(attribute::UNKNOWN, names);
        answer.close(password)
    }
}

fn is_authentic(before: &[u8], integrity: &[u8; 20], password: &Password) -> bool {
    let mut mac = mac(password, before);
    mac.update(before.get(HEADER_BYTES..).unwrap_or_default());
    // In constant time.
    mac.verify_slice(integrity).is_ok()
}

/// Writes a check of the side that controls, which chooses the pair with it (RFC 8445 section 7.1); its bytes.
pub fn check(
    username: &[u8],
    priority: u32,
    tie_breaker: &[u8; 8],
    transaction: &[u8; 12],
    password: &Password,
    out: &mut [u8; MAX_ANSWER_BYTES],
) -> usize {
    let mut check = Answer::new(kind::REQUEST, transaction, out);
    check.attribute(attribute::USERNAME, username);
    check.attribute(attribute::PRIORITY, &priority.to_be_bytes());
    check.attribute(attribute::CONTROLLING, tie_breaker);
    check.attribute(attribute::USE_CANDIDATE, &[]);
    check.close(password)
}

/// An answer as it is written. Its room is a constant that holds the longest.
struct Answer<'o> {
    out: &'o mut [u8; MAX_ANSWER_BYTES],
    bytes: usize,
}

impl<'o> Answer<'o> {
    fn new(kind: u16, transaction: &[u8; 12], out: &'o mut [u8; MAX_ANSWER_BYTES]) -> Self {
        out.fill(0);
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[4..8].copy_from_slice(&COOKIE.to_be_bytes());
        out[8..20].copy_from_slice(transaction);
        Self { out, bytes: HEADER_BYTES }
    }

    fn attribute(&mut self, name: u16, value: &[u8]) {
        let end = self.bytes + 4 + value.len();
        let Some(room) = self.out.get_mut(self.bytes..end) else { return };
        let (head, body) = room.split_at_mut(4);
        head[..2].copy_from_slice(&name.to_be_bytes());
        head[2..].copy_from_slice(&(value.len() as u16).to_be_bytes());
        body.copy_from_slice(value);
        self.bytes = end.next_multiple_of(4);
    }

    /// The header's length, as if so many bytes followed what is there.
    fn set_length(&mut self, more: usize) {
        let length = (self.bytes + more - HEADER_BYTES) as u16;
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
    }

    fn close(mut self, password: &Password) -> usize {
        let written = self.out.get(..self.bytes).unwrap_or_default();
        let mut mac = mac(password, written);
        mac.update(written.get(HEADER_BYTES..).unwrap_or_default());
        let integrity: [u8; 20] = mac.finalize().into_bytes().into();
        self.attribute(attribute::INTEGRITY, &integrity);
        self.set_length(8);
        let fingerprint = fingerprint(self.out.get(..self.bytes).unwrap_or_default());
        self.attribute(attribute::FINGERPRINT, &fingerprint.to_be_bytes());
        self.bytes
    }
}

/// The code over a message's header, whose length is that up to and with the integrity.
fn mac(password: &Password, message: &[u8]) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new(&password.0.into());
    let length = (message.len() + 24).saturating_sub(HEADER_BYTES) as u16;
    mac.update(message.get(..2).unwrap_or_default());
    mac.update(&length.to_be_bytes());
    mac.update(message.get(4..HEADER_BYTES).unwrap_or_default());
    mac
}

/// CRC-32 of ISO 3309, mixed as RFC 8489 section 14.7 wants.
fn fingerprint(message: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in message {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc ^ FINGERPRINT_XOR
}

/// A request by the writer of answers, which the RFC's vector holds to it.
#[cfg(test)]
pub(crate) fn written(attributes: &[(u16, &[u8])], password: &str) -> Vec<u8> {
    let mut out = [0; MAX_ANSWER_BYTES];
    let mut message = Answer::new(kind::REQUEST, b"twelve bytes", &mut out);
    attributes.iter().for_each(|(name, value)| message.attribute(*name, value));
    let bytes = message.close(&Password::new(password).unwrap());
    out[..bytes].to_vec()
}

#[cfg(test)]
#[path = "stun_tests.rs"]
mod tests;
