// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a call is kept as, so that another process with the same addresses and ports takes it over when this one has
//! died: records that are sealed with a key that both know, in a store.
//!
//! No key stream may be used twice, whatever becomes of either process:
//!
//! 1. A record has checkpoints of the call's SRTP sessions, which reserve packets ahead
//!    ([`ale_media::srtp::checkpoint`]). What is live stops where the reservation of the record in the store ends.
//! 2. Only when a record is in the store is its reservation confirmed; it takes the place of the one before at once.
//! 3. Who takes over sends only what lies beyond the reservation, and only once a record of its own is in the store.
//! 4. A store is one process's at a time. Of a folder the system says so, and frees it when the process dies. In Redis
//!    who begins takes the place of the one before, and each write is compared with whose place it is: the one before
//!    is told so by its next write, confirms nothing any more and ends the calls.
//! 5. A record that is older than [`MAX_AGE_MS`] is not taken over: a folder that lost its last writes with the
//!    machine comes back later than that. A Redis may be back at once, or be followed by a replica: what it says that it
//!    has must be on its disk, or with as many replicas as there are to follow it.

mod record;
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(test)]
mod replicas_tests;
mod store;
#[cfg(test)]
mod tests;

use core::fmt;
use std::sync::Arc;

use ale_media::srtp::checkpoint::Wrapping;
use hmac::{Hmac, KeyInit, Mac};
use rtc_crypto::{AeadAlgorithm, AeadCipher};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use record::{
    AgreedRecord, CallRecord, EndRecord, KeysRecord, LineRecord, MemberRecord, SpeechRecord,
    SrtpRecord, StreamRecord, SubscribedRecord, SubscriptionRecord,
};
#[cfg(feature = "redis")]
pub use redis::Redis;
pub use store::{Failure, Folder, Store, StoreError};

use crate::random;

/// A record of this age is not taken over any more.
pub const MAX_AGE_MS: u64 = 10_000;
/// What records begin with: a name and a version.
const MAGIC: [u8; 7] = *b"ALECALL";
const VERSION: u8 = 2;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Longest record: of a call with the most media lines.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// Why a record was refused, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverError {
    /// It was sealed with another key, under another name, or is damaged.
    Sealed,
    /// It is of another version.
    Version,
    /// It is none that this version reads.
    Content,
    /// It is too old.
    Stale,
    /// The system has no random numbers, or no cipher.
    System,
}

impl fmt::Display for FailoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed => "it was sealed with another key, or is damaged",
            Self::Version => "it is of another version",
            Self::Content => "it is none that this version reads",
            Self::Stale => "it is too old",
            Self::System => "the system has no random numbers, or no cipher",
        })
    }
}

impl core::error::Error for FailoverError {}

/// The keys that records are sealed with.
pub struct Vault {
    sessions: Arc<Zeroizing<[u8; 32]>>,
    records: Box<dyn AeadCipher>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

fn derived(key: &[u8; 32], label: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(label);
    Some(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// The name that a call is kept by: its own has characters of all kinds, and tells who called.
pub fn name(call_id: &str) -> String {
    use core::fmt::Write as _;
    Sha256::digest(call_id).iter().take(16).fold(String::new(), |mut name, byte| {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

impl Vault {
    /// The keys that a secret is the source of.
    ///
    /// # Errors
    /// [`FailoverError::System`].
    pub fn new(key: &[u8; 32]) -> Result<Self, FailoverError> {
        let system = FailoverError::System;
        let sessions = Arc::new(derived(key, b"sessions").ok_or(system)?);
        let records = derived(key, b"records").ok_or(system)?;
        let provider = rtc_crypto::default_provider().map_err(|_| system)?;
        let records = provider.crypto().new_aead(AeadAlgorithm::Aes256Gcm, &records[..]);
        Ok(Self { sessions, records: records.map_err(|_| system)? })
    }

    /// The key of checkpoints of sessions.
    pub fn session_key(&self) -> &Arc<Zeroizing<[u8; 32]>> {
        &self.sessions
    }

    /// Seals a record under the name that it is kept by.
    ///
    /// # Errors
    /// [`FailoverError`].
    pub fn seal(&mut self, name: &str, record: &CallRecord) -> Result<Vec<u8>, FailoverError> {
        let text = record.written().ok_or(FailoverError::Content)?;
        let mut sealed = MAGIC.to_vec();
        sealed.push(VERSION);
        let mut nonce = [0; NONCE_BYTES];
        // Drawn: two of 2^32 records are alike with a probability of 2^-33 (NIST SP 800-38D section 8.3).
        if !random::fill(&mut nonce) {
            return Err(FailoverError::System);
        }
        sealed.extend(nonce);
        let at = sealed.len();
        sealed.extend_from_slice(&text);
        let mut tag = [0; TAG_BYTES];
        let plain = sealed.get_mut(at..).ok_or(FailoverError::System)?;
        self.records
            .seal_in_place(&nonce, name.as_bytes(), plain, &mut tag)
            .map_err(|_| FailoverError::System)?;
        sealed.extend(tag);
        Ok(sealed)
    }

    /// Opens a record that was kept under a name.
    ///
    /// # Errors
    /// [`FailoverError`].
    pub fn open(
        &mut self,
        name: &str,
        sealed: &[u8],
        now_ms: u64,
    ) -> Result<CallRecord, FailoverError> {
        let refused = FailoverError::Sealed;
        let rest = sealed.strip_prefix(&MAGIC).and_then(<[u8]>::split_first).ok_or(refused)?;
        let (&version, rest) = rest;
        if version != VERSION {
            return Err(FailoverError::Version);
        }
        if rest.len() > MAX_RECORD_BYTES {
            return Err(refused);
        }
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(refused)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(refused)?;
        let mut text = Zeroizing::new(text.to_vec());
        self.records.open_in_place(nonce, name.as_bytes(), &mut text, tag).map_err(|_| refused)?;
        let record = CallRecord::read(&text).ok_or(FailoverError::Content)?;
        // One of the future is of another clock: nobody knows how old it is.
        if record.written_ms.abs_diff(now_ms) > MAX_AGE_MS {
            return Err(FailoverError::Stale);
        }
        Ok(record)
    }
}

/// A wrapping for one checkpoint; `None` if the system has no random numbers.
pub fn wrapping(key: &[u8; 32]) -> Option<Wrapping<'_>> {
    let mut nonce = [0; NONCE_BYTES];
    random::fill(&mut nonce).then_some(Wrapping { key, nonce })
}
