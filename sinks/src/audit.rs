// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who was tapped, for whom and what for, written so that nobody changes it unnoticed.
//!
//! Lines of text, each with the SHA-256 of the line before it and its own words. Every few lines, and at the
//! end, one is signed: an HMAC (RFC 2104) over the chain so far, with a key of the host's. Whoever has no key
//! can compute a chain anew, but not its signatures; what stands behind the last signature is told by
//! [`verify`] as not signed. Never sound, never keys.
//!
//! ```text
//! 0 1767225600000000000 opened version=1 #9b3c…
//! 1 1767225601000000000 asked by=anna tap=0 source=member:0 purpose=transcribe sink=7 #51d0…
//! 2 1767225601010000000 denied tap=0 source=member:0 purpose=transcribe sink=7 reason=unknown #e07f…
//! 3 1767225602000000000 signed hmac-sha256=4f1a… #0c92…
//! ```

use std::fmt;

use ale_media::conference::MemberId;
use ale_media::tap::{Grant, Purposes, TapConfig, TapEvent, TapId, TapSource, TapState};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const HASH_BYTES: usize = 32;
type Hash = [u8; HASH_BYTES];

/// What happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// Somebody asked for a tap.
    Asked {
        /// Who, by any name: it is written so that it stays one word.
        by: &'a str,
        /// Which tap it became; `None` if it was refused.
        tap: Option<TapId>,
        /// What was asked for.
        config: &'a TapConfig,
    },
    /// A member is called so by the host.
    Named(MemberId, &'a str),
    /// A member has agreed.
    Granted(MemberId, &'a Grant),
    /// A member has taken it back.
    Withdrawn(MemberId, Purposes),
    /// A tap has begun, was denied, paused, or has ended.
    Tap(&'a TapEvent),
    /// A voice that is a machine's has joined, or has gone.
    Synthetic(MemberId, bool),
}

/// Writes the chain: text to append, a line at a time. No I/O.
pub struct Audit {
    key: Hmac<Sha256>,
    /// Lines between two signatures.
    interval: u64,
    unsigned: u64,
    sequence: u64,
    head: Hash,
    text: String,
}

impl Audit {
    /// Begins a chain that is signed with this key every `interval` lines.
    pub fn new(key: &[u8], interval: u64, unix_ns: u64) -> Self {
        let mut audit = Self::at(key, interval, 0, [0; HASH_BYTES]);
        audit.line(unix_ns, "opened version=1");
        audit
    }

    /// Goes on with a chain that was written before.
    ///
    /// # Errors
    /// What [`verify`] finds wrong with it, and [`Fault::Closed`] for one that has been closed.
    pub fn resume(key: &[u8], interval: u64, text: &str, unix_ns: u64) -> Result<Self, Fault> {
        let found = verify(text, Some(key))?;
        if found.closed {
            return Err(Fault::Closed);
        }
        let mut audit = Self::at(key, interval, found.lines, found.head);
        audit.line(unix_ns, "resumed");
        Ok(audit)
    }

    fn at(key: &[u8], interval: u64, sequence: u64, head: Hash) -> Self {
        Self { key: keyed(key), interval, unsigned: 0, sequence, head, text: String::new() }
    }

    /// Adds what happened.
    pub fn add(&mut self, unix_ns: u64, entry: &Entry<'_>) {
        self.line(unix_ns, &words(entry));
        self.sign_in_time(unix_ns);
    }

    /// The same in one of several conferences, of which each counts members and taps for itself: `in=` names it.
    pub fn add_in(&mut self, unix_ns: u64, conference: &str, entry: &Entry<'_>) {
        self.line(unix_ns, &format!("{} in={}", words(entry), word(conference)));
        self.sign_in_time(unix_ns);
    }

    fn sign_in_time(&mut self, unix_ns: u64) {
        if self.unsigned >= self.interval.max(1) {
            self.sign(unix_ns);
        }
    }

    /// Signs the chain so far; also by the clock, where little happens.
    pub fn sign(&mut self, unix_ns: u64) {
        let signature = signature(&self.key, &self.head);
        self.line(unix_ns, &format!("signed hmac-sha256={}", hex(&signature)));
        self.unsigned = 0;
    }

    /// Ends the chain, signed: what is cut off of it from now on is found.
    pub fn close(&mut self, unix_ns: u64) {
        self.line(unix_ns, "closed");
        self.sign(unix_ns);
    }

    /// What is to be appended since the last call, whole lines.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The last line's hash, for who keeps it elsewhere: then a cut chain is found that has not been closed.
    pub fn head(&self) -> String {
        hex(&self.head)
    }

    fn line(&mut self, unix_ns: u64, words: &str) {
        let line = format!("{} {unix_ns} {words}", self.sequence);
        self.head = chained(&self.head, &line);
        self.text += &format!("{line} #{}\n", hex(&self.head));
        self.sequence += 1;
        self.unsigned += 1;
    }
}

/// What a chain that holds is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Lines.
    pub lines: u64,
    /// Lines behind the last signature, which whoever writes the file can have changed; all of them without a
    /// key.
    pub unsigned_lines: u64,
    /// Whether it was closed: else lines may have been cut off of its end.
    pub closed: bool,
    /// The last line's hash.
    pub head: [u8; 32],
}

/// What is wrong with a chain; lines are counted from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is nothing.
    Empty,
    /// Not a line of a chain, or one that was not written to its end.
    Malformed(u64),
    /// It was changed, or it or one before it was removed, added or moved.
    Changed(u64),
    /// A signature that is not by this key.
    Signature(u64),
    /// Something stands behind the end.
    Closed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is nothing"),
            Self::Malformed(line) => write!(f, "line {line} is no line of an audit, or not whole"),
            Self::Changed(line) => {
                write!(
                    f,
                    "line {line} was changed, or lines were removed, added or moved before it"
                )
            }
            Self::Signature(line) => write!(f, "line {line} was not signed with this key"),
            Self::Closed => f.write_str("the audit has been closed before its end"),
        }
    }
}

impl std::error::Error for Fault {}

/// Follows a chain from its first line to its last, with a key its signatures, too.
///
/// # Errors
/// The first [`Fault`].
pub fn verify(text: &str, key: Option<&[u8]>) -> Result<Verified, Fault> {
    let key = key.map(keyed);
    let mut found = Verified { lines: 0, unsigned_lines: 0, closed: false, head: [0; HASH_BYTES] };
    let mut ended = false;
    for line in text.split_inclusive('\n') {
        let number = found.lines + 1;
        let malformed = Fault::Malformed(number);
        let (line, hash) =
            line.strip_suffix('\n').and_then(|l| l.rsplit_once(" #")).ok_or(malformed)?;
        let mut words = line.splitn(3, ' ');
        let sequence = words.next().and_then(|word| word.parse::<u64>().ok()).ok_or(malformed)?;
        words.next().and_then(|word| word.parse::<u64>().ok()).ok_or(malformed)?;
        let words = words.next().ok_or(malformed)?;
        let before = found.head;
        found.head = chained(&before, line);
        if sequence != found.lines || hash != hex(&found.head) {
            return Err(Fault::Changed(number));
        }
        if ended || (found.closed && !words.starts_with("signed ")) {
            return Err(Fault::Closed);
        }
        found.lines += 1;
        found.unsigned_lines += 1;
        if words == "closed" {
            found.closed = true;
        } else if let Some(told) = words.strip_prefix("signed hmac-sha256=") {
            ended = found.closed;
            let Some(key) = &key else { continue };
            let own = hex(&signature(key, &before));
            if !bool::from(own.as_bytes().ct_eq(told.as_bytes())) {
                return Err(Fault::Signature(number));
            }
            found.unsigned_lines = 0;
        }
    }
    // A chain whose last signature is missing was cut.
    found.closed = ended;
    if found.lines == 0 { Err(Fault::Empty) } else { Ok(found) }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

fn signature(key: &Hmac<Sha256>, head: &Hash) -> Hash {
    let mut mac = key.clone();
    mac.update(head);
    mac.finalize().into_bytes().into()
}

fn chained(before: &Hash, line: &str) -> Hash {
    Sha256::new().chain_update(before).chain_update(line).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Any text as one word without line breaks: what is not plain is percent-encoded (RFC 3986 section 2.1).
fn word(text: &str) -> String {
    let mut word = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'@' | b':' | b'/' => {
                word.push(char::from(byte));
            }
            _ => word += &format!("%{byte:02x}"),
        }
    }
    word
}

fn list(purposes: Purposes) -> String {
    let names: Vec<&str> = purposes.iter().map(|purpose| purpose.name()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

fn named(source: TapSource) -> String {
    match source {
        TapSource::Member(id) => format!("member:{}", id.to_u64()),
        TapSource::Packets(id) => format!("packets:{}", id.to_u64()),
        TapSource::Mix => "mix".to_owned(),
        // What is not known here is not taken for what is.
        _ => "unknown".to_owned(),
    }
}

fn words(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Asked { by, tap, config } => format!(
            "asked by={} tap={} source={} purpose={} sink={}",
            word(by),
            tap.map_or("none".to_owned(), |tap| tap.to_u64().to_string()),
            named(config.source),
            config.purpose.name(),
            config.sink.0
        ),
        Entry::Named(member, name) => {
            format!("named member={} name={}", member.to_u64(), word(name))
        }
        Entry::Granted(member, grant) => format!(
            "granted member={} purposes={} basis={} sink={} notice={} until={}",
            member.to_u64(),
            list(grant.purposes),
            format!("{:?}", grant.basis).to_lowercase(),
            grant.sink.0,
            grant.notice_version,
            grant.until_ns.map_or("open".to_owned(), |until_ns| until_ns.to_string())
        ),
        Entry::Withdrawn(member, purposes) => {
            format!("withdrawn member={} purposes={}", member.to_u64(), list(*purposes))
        }
        Entry::Synthetic(member, here) => {
            let what = if *here { "joined" } else { "left" };
            format!("synthetic {what} member={}", member.to_u64())
        }
        Entry::Tap(event) => {
            let (what, more) = match event.state {
                TapState::Waiting(Some(refusal)) => {
                    ("denied", format!(" reason={}", format!("{refusal:?}").to_lowercase()))
                }
                TapState::Taking { voices } => ("started", format!(" voices={voices}")),
                TapState::Paused => ("paused", String::new()),
                TapState::Ended => ("ended", String::new()),
                _ => ("waiting", String::new()),
            };
            let seconds = format!("{}.{:03}", event.taken_ms / 1_000, event.taken_ms % 1_000);
            format!(
                "{what} tap={} source={} purpose={} sink={} seconds={seconds}{more}",
                event.tap.to_u64(),
                named(event.source),
                event.purpose.name(),
                event.sink.0
            )
        }
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
