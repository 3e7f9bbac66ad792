// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both halves of a session are made of: keys, streams, rules, counters and events.

use alloc::vec::Vec;
use core::fmt;

use super::checkpoint::Description;
use super::config::{SessionConfig, SsrcPolicy};
use super::event::{Event, Events, Stats};
use super::policy::weakness;
use super::replay::Position;
use super::session_keys::{KeyRing, PreparedKeys};
use super::stream::Streams;
use super::suite::Cipher;
use super::{RTCP_INDEX_LIMIT, SrtpError, StreamState};

/// See the [module documentation](self).
pub(super) struct Half {
    pub(super) ring: KeyRing,
    pub(super) streams: Streams,
    pub(super) rules: Rules,
    pub(super) stats: Stats,
    pub(super) events: Events,
}

/// What of the configuration matters for each packet.
pub(super) struct Rules {
    pub(super) rtp_tag_bytes: usize,
    pub(super) rtcp_tag_bytes: usize,
    pub(super) mki_bytes: usize,
    pub(super) aead: bool,
    pub(super) any_ssrc: bool,
    pub(super) plain_rtp: bool,
    pub(super) plain_rtcp: bool,
    pub(super) cryptex: bool,
    pub(super) encrypted_extensions: Vec<u8>,
    pub(super) initial_roc: u32,
    /// Nothing of the above asks for more than header, text and tag.
    pub(super) ordinary: bool,
}

impl Half {
    /// Takes all memory of a half.
    ///
    /// # Errors
    /// As [`SessionConfig::validate`], and [`SrtpError::UnavailableBackend`].
    pub(super) fn new(config: &SessionConfig) -> Result<Self, SrtpError> {
        let ring = PreparedKeys::new(config)?.0;
        let suite = config.suite;
        let mut half = Self {
            rules: Rules {
                rtp_tag_bytes: suite.tag_bytes(),
                rtcp_tag_bytes: suite.rtcp_tag_bytes(),
                mki_bytes: ring.mki_bytes,
                aead: suite.cipher() == Cipher::Gcm,
                any_ssrc: config.ssrcs == SsrcPolicy::Any,
                plain_rtp: config.unencrypted_srtp,
                plain_rtcp: config.unencrypted_srtcp || suite.is_null(),
                cryptex: config.cryptex,
                encrypted_extensions: config.encrypted_extensions.clone(),
                initial_roc: config.initial_roc,
                ordinary: !config.cryptex
                    && config.encrypted_extensions.is_empty()
                    && !config.unencrypted_srtp
                    && ring.is_ordinary(),
            },
            ring,
            streams: Streams::new(config.max_streams, config.replay_window),
            stats: Stats::default(),
            events: Events::default(),
        };
        if let SsrcPolicy::Only(list) = &config.ssrcs {
            for &ssrc in list {
                if half.streams.find(ssrc).is_none() {
                    half.streams.insert(ssrc, config.initial_roc)?;
                }
            }
        }
        if let Some(weakness) = weakness(suite) {
            half.report(Event::WeakSuite { suite, weakness });
        }
        Ok(half)
    }

    /// Puts `keys` in the place of those in use, which it returns; lifetimes go on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The new keys come back with [`SrtpError::InvalidConfig`] if they are for another suite or other
    /// header extensions.
    pub(super) fn replace_keys(
        &mut self,
        keys: PreparedKeys,
    ) -> Result<KeyRing, (SrtpError, PreparedKeys)> {
        let for_headers = keys.0.keys.iter().any(|key| key.header.is_some());
        if keys.0.suite != self.ring.suite
            || for_headers == self.rules.encrypted_extensions.is_empty()
        {
            return Err((SrtpError::InvalidConfig, keys));
        }
        let mut ring = keys.0;
        ring.carry_lifetimes(&self.ring);
        self.rules.mki_bytes = ring.mki_bytes;
        self.rules.ordinary &= ring.is_ordinary();
        Ok(core::mem::replace(&mut self.ring, ring))
    }

    /// Puts a stream where `state` says, with every earlier index counted as seen.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`], and [`SrtpError::InvalidConfig`] for indices out of range.
    pub(super) fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        if state.rtcp_index.is_some_and(|index| u64::from(index) >= RTCP_INDEX_LIMIT) {
            return Err(SrtpError::InvalidConfig);
        }
        let at = match self.streams.find(state.ssrc) {
            Some(at) => at,
            None => self.streams.insert(state.ssrc, state.roc)?,
        };
        if let Some((stream, window)) = self.streams.at(at) {
            stream.initial_roc = state.roc;
            stream.rtp = Position::default();
            window.fill(0);
            if let Some(sequence) = state.highest_sequence {
                stream.rtp = Position::at(u64::from(state.roc) << 16 | u64::from(sequence));
                window.fill(u64::MAX);
            }
            stream.rtcp = Position::default();
            stream.rtcp_window = [0; _];
            if let Some(index) = state.rtcp_index {
                stream.rtcp = Position::at(u64::from(index));
                stream.rtcp_window.fill(u64::MAX);
            }
        }
        Ok(())
    }

    /// What is needed to go on with the streams elsewhere.
    pub(super) fn states(&self) -> impl ExactSizeIterator<Item = StreamState> {
        self.streams.iter().map(|(stream, _)| StreamState::of(stream))
    }

    pub(super) fn report(&mut self, event: Event) {
        self.events.push(event, &mut self.stats);
    }

    /// Memory beside the half itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.ring.heap_bytes() + self.streams.heap_bytes()
    }

    /// Writes what of the configuration a checkpoint is to agree with.
    pub(super) fn describe(&self, out: &mut Vec<u8>) {
        let rules = &self.rules;
        Description {
            suite: self.ring.suite,
            flags: [
                rules.plain_rtp,
                rules.plain_rtcp && !self.ring.suite.is_null(),
                rules.cryptex,
                false,
            ],
            rate_log2: self.ring.rate_log2,
            active: self.ring.active,
            encrypted_extensions: &rules.encrypted_extensions,
        }
        .write(out);
    }

    /// Bytes that [`Half::describe`] writes.
    pub(super) fn description_bytes(&self) -> usize {
        Description::bytes(self.rules.encrypted_extensions.len())
    }

    /// `Debug` of a half: nothing secret.
    pub(super) fn print(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("suite", &self.ring.suite)
            .field("streams", &self.streams.iter().len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
