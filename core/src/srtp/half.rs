// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both halves of a session are made of: keys, streams, rules, counters and events.

use alloc::vec::Vec;
use core::fmt;

use super::checkpoint::Description;
use super::config::{SessionConfig, SsrcPolicy};
use super::event::{Event, Events, Stats};
use super::policy::{Policy, weakness};
use super::replay::Position;
use super::session_keys::{KeyRing, PreparedKeys, TRACES, Trace};
use super::stream::Streams;
use super::{RTCP_INDEX_LIMIT, SrtpError, StreamState};

/// See the [module documentation](self).
pub(super) struct Half {
    pub(super) ring: KeyRing,
    pub(super) streams: Streams,
    pub(super) rules: Rules,
    /// Counts re-keyings, from 1.
    pub(super) epoch: u32,
    /// Of the keys before those that are at hand.
    pub(super) traces: [Trace; TRACES],
    pub(super) stats: Stats,
    pub(super) events: Events,
}

/// What of the configuration matters for each packet, whatever the keys.
pub(super) struct Rules {
    pub(super) any_ssrc: bool,
    pub(super) cryptex: bool,
    pub(super) encrypted_extensions: Vec<u8>,
    pub(super) initial_roc: u32,
    pub(super) policy: Policy,
    pub(super) allow_null_cipher: bool,
    /// Nothing of the above, nor of the keys, asks for more than header, text and tag.
    pub(super) ordinary: bool,
}

impl Half {
    /// Takes all memory of a half.
    ///
    /// # Errors
    /// As [`SessionConfig::validate`], and [`SrtpError::UnavailableBackend`].
    pub(super) fn new(config: &SessionConfig, sends: bool) -> Result<Self, SrtpError> {
        let ring = PreparedKeys::new(config)?.0;
        let mut half = Self {
            rules: Rules {
                any_ssrc: config.ssrcs == SsrcPolicy::Any,
                cryptex: config.cryptex,
                encrypted_extensions: config.encrypted_extensions.clone(),
                initial_roc: config.initial_roc,
                policy: config.policy,
                allow_null_cipher: config.allow_null_cipher,
                ordinary: false,
            },
            ring,
            streams: Streams::new(config.max_streams, config.replay_window, sends),
            epoch: 1,
            traces: [Trace::default(); TRACES],
            stats: Stats::default(),
            events: Events::default(),
        };
        half.note_ring();
        if let SsrcPolicy::Only(list) = &config.ssrcs {
            for &ssrc in list {
                if half.streams.find(ssrc).is_none() {
                    half.streams.insert(ssrc, config.initial_roc, half.epoch)?;
                }
            }
        }
        half.report_weakness();
        Ok(half)
    }

    /// Works out anew what the keys in use and the rules ask for together.
    fn note_ring(&mut self) {
        self.rules.ordinary = !self.rules.cryptex
            && self.rules.encrypted_extensions.is_empty()
            && !self.ring.plain_rtp
            && self.ring.is_ordinary();
    }

    fn report_weakness(&mut self) {
        let suite = self.ring.suite;
        if let Some(weakness) = weakness(suite) {
            self.report(Event::WeakSuite { suite, weakness });
        }
    }

    /// Whether keys can take the place of those in use.
    ///
    /// # Errors
    /// [`SrtpError::InvalidConfig`], [`SrtpError::NotPermitted`].
    pub(super) fn admits(&self, keys: &PreparedKeys) -> Result<(), SrtpError> {
        let for_headers = keys.0.keys.iter().any(|key| key.header.is_some());
        if for_headers == self.rules.encrypted_extensions.is_empty() {
            return Err(SrtpError::InvalidConfig);
        }
        let (policy, null) = (self.rules.policy, self.rules.allow_null_cipher);
        if policy.permits(keys.0.suite, null) { Ok(()) } else { Err(SrtpError::NotPermitted) }
    }

    /// Puts `keys` in the place of those in use, which it returns. Lifetimes go on, also those of keys
    /// that were in use some time before.
    ///
    /// Real-time: yes.
    pub(super) fn replace_keys(
        &mut self,
        keys: PreparedKeys,
        previous: Option<&KeyRing>,
    ) -> KeyRing {
        let mut ring = keys.0;
        let mut known = ring.follow_traces(&self.traces);
        for before in [Some(&self.ring), previous].into_iter().flatten() {
            ring.carry_lifetimes(before);
            known |= ring.shares_a_key(before);
        }
        ring.fresh = !known;
        self.epoch = self.epoch.wrapping_add(1).max(1);
        if known {
            self.streams.raise_to_former();
        }
        let weaker = ring.suite != self.ring.suite;
        let old = core::mem::replace(&mut self.ring, ring);
        old.leave_traces(&mut self.traces);
        self.note_ring();
        if weaker {
            self.report_weakness();
        }
        old
    }

    /// Gives a stream a state. It may only go forward: what has been sent, or received, stays so.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`]; [`SrtpError::InvalidConfig`] for indices out of range; `backward`
    /// where the stream is further already. Nothing is changed then.
    pub(super) fn set_stream(
        &mut self,
        state: StreamState,
        backward: SrtpError,
    ) -> Result<(), SrtpError> {
        if state.rtcp_index.is_some_and(|index| u64::from(index) >= RTCP_INDEX_LIMIT) {
            return Err(SrtpError::InvalidConfig);
        }
        let (ssrc, epoch) = (state.ssrc, self.epoch);
        let known = match self.streams.find(ssrc) {
            Some(at) => Some(*self.streams.at(at).ok_or(SrtpError::Internal)?.0),
            None => self.streams.recall(ssrc, epoch).map(|(stream, _)| stream),
        };
        let rtp = state.highest_sequence.map(|s| u64::from(state.roc) << 16 | u64::from(s));
        let rtcp = state.rtcp_index.map(u64::from);
        if let Some(stream) = known {
            let begun = stream.rtp.highest();
            let behind = match rtp {
                Some(index) => Some(index) < begun,
                None => begun.is_some_and(|index| state.roc < (index >> 16) as u32),
            };
            if behind || rtcp.is_some_and(|index| Some(index) < stream.rtcp.highest()) {
                return Err(backward);
            }
        }
        let at = match self.streams.find(ssrc) {
            Some(at) => at,
            None if !self.rules.any_ssrc && self.streams.is_full() => {
                return Err(SrtpError::StreamLimit);
            }
            None => self.streams.insert(ssrc, state.roc, epoch)?,
        };
        if let Some((stream, window)) = self.streams.at(at) {
            match (rtp, stream.rtp.highest()) {
                (Some(index), begun) => {
                    stream.pending = false;
                    if Some(index) > begun {
                        stream.rtp = Position::at(index);
                        stream.rtp_epoch = epoch;
                        window.fill(u64::MAX);
                    }
                }
                (None, Some(index)) => {
                    stream.pending = state.roc > (index >> 16) as u32;
                    if stream.pending {
                        stream.initial_roc = state.roc;
                    }
                }
                (None, None) => stream.initial_roc = state.roc,
            }
            if let Some(index) = rtcp
                && Some(index) > stream.rtcp.highest()
            {
                stream.rtcp = Position::at(index);
                stream.rtcp_epoch = epoch;
                stream.rtcp_window.fill(u64::MAX);
            }
        }
        Ok(())
    }

    /// What is needed to go on with the streams elsewhere.
    pub(super) fn states(&self) -> impl ExactSizeIterator<Item = StreamState> {
        self.streams.iter().map(|(stream, _)| StreamState::of(stream))
    }

    /// Where one stream stands.
    pub(super) fn state(&self, ssrc: u32) -> Option<StreamState> {
        let listed = self.streams.iter().map(|(stream, _)| *stream).find(|s| s.ssrc == ssrc);
        let known = listed.or_else(|| self.streams.recall(ssrc, self.epoch).map(|(s, _)| s));
        known.as_ref().map(StreamState::of)
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
                self.ring.plain_rtp,
                self.ring.plain_rtcp && !self.ring.suite.is_null(),
                self.ring.rtcp_tag_bytes != self.ring.suite.rtcp_tag_bytes(),
                rules.cryptex,
                rules.any_ssrc,
            ],
            policy: rules.policy,
            initial_roc: rules.initial_roc,
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
