// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a session is made from: suite, keys, limits and flags. Checked once, when the session is
//! made; never on the packet path.

use alloc::vec;
use alloc::vec::Vec;

use super::crypto::Engine;
use super::keys::MasterKey;
use super::policy::Policy;
use super::{SrtpError, Suite};

/// Most master keys in one session.
pub const MAX_KEYS: usize = 8;
/// Most streams in one half of a session.
pub const MAX_STREAMS: usize = 16384;

/// Most rollover counters that are tried beyond the likely one.
pub const MAX_ROC_RETRY: u8 = 4;

/// Which SSRCs a half accepts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SsrcPolicy {
    /// Any, as they turn up: where [`SessionConfig::max_streams`] are known, the one that has been
    /// idle longest makes room.
    #[default]
    Any,
    /// These, and those that are added later by name.
    Only(Vec<u32>),
}

/// What one half of a session is made from. A call has two of them, for its two directions, with
/// different keys.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionConfig {
    /// The crypto suite.
    pub suite: Suite,
    /// One to [`MAX_KEYS`] master keys. Several need master key identifiers (MKI) of one length;
    /// the sender begins with the first.
    pub keys: Vec<MasterKey>,
    /// Which suites are acceptable at all. Default [`Policy::Interop`].
    pub policy: Policy,
    /// Bits of the SRTP replay window: a power of two from 64 to 32768. Default 128.
    pub replay_window: usize,
    /// Streams that are known at a time, 1 to [`MAX_STREAMS`]. Of one that makes room for another
    /// the session remembers what it takes to tell a replay. Default 4.
    pub max_streams: usize,
    /// Which SSRCs are accepted. Default any.
    pub ssrcs: SsrcPolicy,
    /// Rollover counter of a stream's first packet, for a late join. Default 0.
    pub initial_roc: u32,
    /// How many further rollover counters to try when a packet does not authenticate, at most 4:
    /// upwards, and downwards too where no packet of the stream has authenticated under the keys in
    /// use. Nothing but authentication decides. Tries have a budget: over any number of packets that
    /// fail there are at most a quarter as many, and a few to begin with, so that a flood of
    /// forgeries costs no more than a quarter again. With 4, the default, a receiver follows a gap of
    /// 200,000 packets, comes late to a stream in its fifth rollover, and follows a peer that counts
    /// from 0 again under new keys.
    pub roc_retry: u8,
    /// Packets under new keys with which the previous ones cease to count. Default 256, about five
    /// seconds of speech.
    pub rekey_overlap_packets: u32,
    /// The key derivation rate as a power of two, 0 to 24; `None` is a rate of 0, which derives
    /// once (RFC 3711 section 4.3.1). Default `None`.
    pub key_derivation_rate_log2: Option<u8>,
    /// Sends SRTCP with the E bit clear, and accepts it. Default false.
    pub unencrypted_srtcp: bool,
    /// SRTCP has tags as long as the suite's SRTP tags, 32 bits too, where RFC 3711 section 5.2 and RFC 5764
    /// section 4.1.2 want 80: for peers that leave the RFCs there. Default false.
    pub short_rtcp_tags: bool,
    /// Sends SRTP unencrypted but authenticated (SDES `UNENCRYPTED_SRTP`). Default false.
    pub unencrypted_srtp: bool,
    /// Permits the NULL suites. Default false.
    pub allow_null_cipher: bool,
    /// Header extension elements to encrypt, by identifier 1 to 255 (RFC 6904). Default none.
    pub encrypted_extensions: Vec<u8>,
    /// Encrypts header extensions and contributing sources whole (RFC 9335). Receivers accept
    /// both kinds of packet. Default false.
    pub cryptex: bool,
    /// What does the cryptography. Default: the best that this machine has.
    pub engine: Engine,
}

impl SessionConfig {
    /// The defaults named at the fields, with one master key.
    pub fn new(suite: Suite, key: MasterKey) -> Self {
        Self { keys: vec![key], ..Self::without_key(suite) }
    }

    /// The defaults named at the fields, for keys that come with [`SessionConfig::rekeyed`].
    pub fn without_key(suite: Suite) -> Self {
        Self {
            suite,
            keys: Vec::new(),
            policy: Policy::default(),
            replay_window: 128,
            max_streams: 4,
            ssrcs: SsrcPolicy::Any,
            initial_roc: 0,
            roc_retry: MAX_ROC_RETRY,
            rekey_overlap_packets: 256,
            key_derivation_rate_log2: None,
            unencrypted_srtcp: false,
            short_rtcp_tags: false,
            unencrypted_srtp: false,
            allow_null_cipher: false,
            encrypted_extensions: Vec::new(),
            cryptex: false,
            engine: Engine::default(),
        }
    }

    /// The configuration for other keys of the same session: suite, keys and session parameters
    /// (`KDR`, `UNENCRYPTED_SRTP`, `UNENCRYPTED_SRTCP`) are those of `line`, all else is this one's.
    /// What re-keying wants ([`PreparedKeys`](super::PreparedKeys)).
    #[must_use]
    pub fn rekeyed(&self, line: &Self) -> Self {
        Self {
            suite: line.suite,
            keys: line.keys.clone(),
            key_derivation_rate_log2: line.key_derivation_rate_log2,
            unencrypted_srtp: line.unencrypted_srtp,
            unencrypted_srtcp: line.unencrypted_srtcp,
            ..self.without_keys()
        }
    }

    /// The same without its keys: what a host keeps of a session for [`SessionConfig::rekeyed`]. No
    /// session can be made of it.
    #[must_use]
    pub fn without_keys(&self) -> Self {
        Self {
            suite: self.suite,
            keys: Vec::new(),
            policy: self.policy,
            replay_window: self.replay_window,
            max_streams: self.max_streams,
            ssrcs: self.ssrcs.clone(),
            initial_roc: self.initial_roc,
            roc_retry: self.roc_retry,
            rekey_overlap_packets: self.rekey_overlap_packets,
            key_derivation_rate_log2: self.key_derivation_rate_log2,
            unencrypted_srtcp: self.unencrypted_srtcp,
            short_rtcp_tags: self.short_rtcp_tags,
            unencrypted_srtp: self.unencrypted_srtp,
            allow_null_cipher: self.allow_null_cipher,
            encrypted_extensions: self.encrypted_extensions.clone(),
            cryptex: self.cryptex,
            engine: self.engine.clone(),
        }
    }

    /// Checks everything that does not depend on the machine.
    ///
    /// # Errors
    /// [`SrtpError::KeyCount`], [`SrtpError::KeyLength`], [`SrtpError::Mki`],
    /// [`SrtpError::ReplayWindow`], [`SrtpError::NotPermitted`], [`SrtpError::InvalidConfig`].
    pub fn validate(&self) -> Result<(), SrtpError> {
        let Some(first) = self.keys.first() else { return Err(SrtpError::KeyCount) };
        if self.keys.len() > MAX_KEYS || (self.keys.len() > 1 && first.mki().is_empty()) {
            return Err(SrtpError::KeyCount);
        }
        for (i, key) in self.keys.iter().enumerate() {
            if !key.fits(self.suite) {
                return Err(SrtpError::KeyLength);
            }
            if key.mki().len() != first.mki().len() {
                return Err(SrtpError::KeyCount);
            }
            if self.keys.iter().take(i).any(|other| other.mki() == key.mki()) {
                return Err(SrtpError::Mki);
            }
        }
        if !self.replay_window.is_power_of_two() || !(64..=32768).contains(&self.replay_window) {
            return Err(SrtpError::ReplayWindow);
        }
        if !self.policy.permits(self.suite, self.allow_null_cipher) {
            return Err(SrtpError::NotPermitted);
        }
        let listed = match &self.ssrcs {
            SsrcPolicy::Any => 0,
            SsrcPolicy::Only(list) => list.len(),
        };
        let in_range = (1..=MAX_STREAMS).contains(&self.max_streams)
            && listed <= self.max_streams
            && self.roc_retry <= MAX_ROC_RETRY
            && self.key_derivation_rate_log2.is_none_or(|rate| rate <= 24)
            && !self.encrypted_extensions.contains(&0)
            // RFC 9335 section 5: the two mechanisms exclude each other.
            && !(self.key_derivation_rate_log2.is_some()
                && matches!(self.engine, Engine::External(_)))
            && (!self.cryptex || self.encrypted_extensions.is_empty());
        if in_range { Ok(()) } else { Err(SrtpError::InvalidConfig) }
    }
}
