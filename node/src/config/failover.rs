// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that are kept for another process.

use core::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ConfigError, Token};

/// Longest name of an instance: it stands in keys of Redis.
const INSTANCE_BYTES: usize = 64;
/// Replicas of a Redis.
const MOST_REPLICAS: u8 = 16;

/// Calls that are kept for another process with the same addresses and ports, which takes them over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failover {
    /// The folder that they are kept in; none by default.
    pub folder: Option<PathBuf>,
    /// The Redis that they are kept in instead.
    pub redis: Option<Redis>,
    /// What they are sealed with, which both processes know.
    pub key: Option<Secret>,
    /// How often each call is kept, in ms.
    pub interval_ms: u32,
}

/// A Redis that calls are kept in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Where it is, as `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]` or `unix:///PATH`; a secret.
    pub url: Token,
    /// Whose calls these are, where several nodes keep theirs in one Redis: of the one that runs, and of who takes over
    /// from it.
    pub instance: String,
    /// How many replicas must have a record before it counts: all that may take the place of the Redis.
    #[serde(default)]
    pub replicas: u8,
    /// How long it may take, in ms; the control thread waits meanwhile.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u16,
}

fn default_timeout_ms() -> u16 {
    100
}

impl Default for Failover {
    fn default() -> Self {
        Self { folder: None, redis: None, key: None, interval_ms: 400 }
    }
}

impl Failover {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { folder, redis, key, interval_ms } = self;
        let wrong = |why| Err(ConfigError::Failover(why));
        if folder.is_none() && redis.is_none() {
            return Ok(());
        }
        if folder.is_some() && redis.is_some() {
            return wrong("a folder or redis, not both");
        }
        if key.as_ref().is_none_or(|key| key.bytes().is_none()) {
            return wrong("it wants a key of 64 hexadecimal digits");
        }
        if *interval_ms < 100 {
            return wrong("interval_ms is 100 at least");
        }
        redis.as_ref().map_or(Ok(()), Redis::check)
    }
}

impl Redis {
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |why| Err(ConfigError::Failover(why));
        if cfg!(not(feature = "redis")) {
            return wrong("this node was built without redis");
        }
        if !is_url(&self.url.0) {
            return wrong("redis wants redis://HOST or unix:///PATH, without TLS");
        }
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let named = (1..=INSTANCE_BYTES).contains(&self.instance.len());
        if !named || !self.instance.bytes().all(plain) {
            return wrong("instance: up to 64 letters, digits and - . _ ~");
        }
        if self.replicas > MOST_REPLICAS || !(10..=1_000).contains(&self.timeout_ms) {
            return wrong("replicas is 16 at most, timeout_ms from 10 to 1000");
        }
        Ok(())
    }
}

/// Whether a URL is one of Redis.
#[cfg(feature = "redis")]
fn is_url(url: &str) -> bool {
    crate::failover::redis::is_url(url)
}

#[cfg(not(feature = "redis"))]
fn is_url(_: &str) -> bool {
    false
}

/// 32 random bytes in hexadecimal digits; a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl Secret {
    /// The bytes, if it is of 64 digits.
    pub fn bytes(&self) -> Option<Zeroizing<[u8; 32]>> {
        let mut bytes = Zeroizing::new([0; 32]);
        let (digits, rest) = self.0.as_bytes().as_chunks::<2>();
        if digits.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(digits) {
            let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
            *byte = (high? << 4 | low?) as u8;
        }
        Some(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_calls_wants_a_key_and_one_place() {
        let key = format!("key = \"{}\"\n", "0f".repeat(32));
        let redis = "[redis]\ninstance = \"a\"\nurl = ";
        let there = cfg!(feature = "redis");
        for (text, is_fit) in [
            (String::new(), true),
            (String::from("folder = \"x\""), false),
            (format!("{key}folder = \"x\""), true),
            (format!("{key}folder = \"x\"\ninterval_ms = 99"), false),
            (format!("{key}folder = \"x\"\n{redis}\"redis://x\""), false),
            (format!("{redis}\"redis://x\""), false),
            (format!("{key}{redis}\"redis://x\""), there),
            (format!("{key}{redis}\"unix:///x\""), there),
            (format!("{key}{redis}\"http://x\""), false),
            (format!("{key}{redis}\"rediss://x\""), false),
            (format!("{key}{redis}\"redis://x\"\nreplicas = 2\ntimeout_ms = 10"), there),
            (format!("{key}{redis}\"redis://x\"\nreplicas = 17"), false),
            (format!("{key}{redis}\"redis://x\"\ntimeout_ms = 9"), false),
            (format!("{key}{redis}\"redis://x\"").replace("\"a\"", "\"a{\""), false),
        ] {
            let read: Failover = toml::from_str(&text).unwrap();
            assert_eq!(read.check().is_ok(), is_fit, "{text}: {:?}", read.check());
        }
        let said: Failover = toml::from_str(&format!("{key}{redis}\"redis://:word@x\"")).unwrap();
        assert!(!format!("{said:?}").contains("word"), "a secret");
    }
}
