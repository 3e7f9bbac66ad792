// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is not a packet: keys, streams, events, counters.

use alloc::vec::Vec;

use super::Sender;
use crate::srtp::SrtpError;
use crate::srtp::StreamState;
use crate::srtp::Suite;
use crate::srtp::checkpoint::Description;
use crate::srtp::crypto::CryptoKey;
use crate::srtp::event::Event;
use crate::srtp::event::Stats;
use crate::srtp::session_keys::KeyRing;
use crate::srtp::session_keys::PreparedKeys;
use crate::srtp::session_keys::RetiredKeys;

impl Sender {
    /// Bytes that [`Sender::protect`] adds: tag and master key identifier.
    pub fn rtp_overhead_bytes(&self) -> usize {
        self.rules.rtp_tag_bytes + self.rules.mki_bytes
    }

    /// Bytes that [`Sender::protect_rtcp`] adds: tag, index and master key identifier.
    pub fn rtcp_overhead_bytes(&self) -> usize {
        self.rules.rtcp_tag_bytes + 4 + self.rules.mki_bytes
    }

    /// Sends under other keys from now on, rollover counters and indices going on as they are.
    /// Returns the old keys, to be dropped elsewhere.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The new keys come back with [`SrtpError::InvalidConfig`] if they are for another suite.
    pub fn rekey(&mut self, keys: PreparedKeys) -> Result<RetiredKeys, (SrtpError, PreparedKeys)> {
        if keys.0.suite != self.ring.suite
            || keys.0.keys.iter().any(|k| k.header.is_some())
                == self.rules.encrypted_extensions.is_empty()
        {
            return Err((SrtpError::InvalidConfig, keys));
        }
        let mut ring = keys.0;
        ring.carry_lifetimes(&self.ring);
        self.rules.mki_bytes = ring.mki_bytes;
        self.rules.ordinary &= ring.is_ordinary();
        Ok(RetiredKeys(core::mem::replace(&mut self.ring, ring)))
    }

    /// Sends under the key with this master key identifier from now on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::UnknownMki`].
    pub fn select_key(&mut self, mki: &[u8]) -> Result<(), SrtpError> {
        self.ring.active = self.ring.find(mki).ok_or(SrtpError::UnknownMki)?;
        Ok(())
    }

    /// Adds a stream, or gives it another state, as when a call is re-negotiated with the same
    /// keys or joined late. The indices in `state` count as used.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`], and [`SrtpError::InvalidConfig`] for indices out of range.
    pub fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        crate::srtp::set_stream(&mut self.streams, state)
    }

    /// Forgets a stream; whether it was known. Its indices must not be sent again under the same
    /// keys, which the session can't see to any more.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.streams.remove(ssrc)
    }

    /// The streams, with what is needed to go on with them elsewhere.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamState> {
        self.streams.iter().map(|(stream, _)| StreamState::of(stream))
    }

    /// The oldest event that has not been polled yet.
    ///
    /// Real-time: yes.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.poll()
    }

    /// Counters since the half was made.
    ///
    /// Real-time: yes.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.ring.suite
    }

    /// Memory that this half takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.ring.heap_bytes() + self.streams.heap_bytes()
    }

    pub(in crate::srtp) fn describe(&self, out: &mut Vec<u8>) {
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

    pub(in crate::srtp) fn description_bytes(&self) -> usize {
        Description::bytes(self.rules.encrypted_extensions.len())
    }

    pub(in crate::srtp) fn ring(&self) -> &KeyRing {
        &self.ring
    }

    pub(in crate::srtp) fn ring_mut(&mut self) -> &mut KeyRing {
        &mut self.ring
    }

    pub(in crate::srtp) fn accept_known_streams_only(&mut self) {
        self.rules.any_ssrc = false;
    }

    /// Whether the batch kernels take this session's packets.
    #[inline(always)]
    pub(crate) fn batches(&self) -> bool {
        !self.rules.cryptex
            && !self.ring.has_rate()
            && self.rtp_key().is_some_and(|key| key.batches())
    }

    /// The key that packets are sealed with.
    #[inline(always)]
    pub(in crate::srtp) fn rtp_key(&self) -> Option<&CryptoKey> {
        self.ring.keys.get(self.ring.active).map(|keys| &keys.rtp)
    }
}
