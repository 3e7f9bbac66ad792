// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is not a packet: keys, streams, events, counters.

use super::Sender;
use crate::srtp::SrtpError;
use crate::srtp::StreamState;
use crate::srtp::Suite;
use crate::srtp::crypto::CryptoKey;
use crate::srtp::event::Event;
use crate::srtp::event::Stats;
use crate::srtp::session_keys::PreparedKeys;
use crate::srtp::session_keys::RetiredKeys;

impl Sender {
    /// Bytes that [`Sender::protect`] adds: tag and master key identifier.
    pub fn rtp_overhead_bytes(&self) -> usize {
        self.half.rules.rtp_tag_bytes + self.half.rules.mki_bytes
    }

    /// Bytes that [`Sender::protect_rtcp`] adds: tag, index and master key identifier.
    pub fn rtcp_overhead_bytes(&self) -> usize {
        self.half.rules.rtcp_tag_bytes + 4 + self.half.rules.mki_bytes
    }

    /// Sends under other keys from now on, rollover counters and indices going on as they are.
    /// Returns the old keys, to be dropped elsewhere.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The new keys come back with [`SrtpError::InvalidConfig`] if they are for another suite.
    pub fn rekey(&mut self, keys: PreparedKeys) -> Result<RetiredKeys, (SrtpError, PreparedKeys)> {
        self.half.replace_keys(keys).map(RetiredKeys)
    }

    /// Sends under the key with this master key identifier from now on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::UnknownMki`].
    pub fn select_key(&mut self, mki: &[u8]) -> Result<(), SrtpError> {
        self.half.ring.active = self.half.ring.find(mki).ok_or(SrtpError::UnknownMki)?;
        Ok(())
    }

    /// Adds a stream, or gives it another state, as when a call is re-negotiated with the same
    /// keys or joined late. The indices in `state` count as used.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`], and [`SrtpError::InvalidConfig`] for indices out of range.
    pub fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        self.half.set_stream(state)
    }

    /// Forgets a stream; whether it was known. Its indices must not be sent again under the same
    /// keys, which the session can't see to any more.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.half.streams.remove(ssrc)
    }

    /// The streams, with what is needed to go on with them elsewhere.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamState> {
        self.half.states()
    }

    /// The oldest event that has not been polled yet.
    ///
    /// Real-time: yes.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.half.events.poll()
    }

    /// Counters since the half was made.
    ///
    /// Real-time: yes.
    pub fn stats(&self) -> Stats {
        self.half.stats
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.half.ring.suite
    }

    /// Memory that this half takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.half.heap_bytes()
    }

    /// Whether the batch kernels take this session's packets.
    #[inline(always)]
    pub(crate) fn batches(&self) -> bool {
        !self.half.rules.cryptex
            && !self.half.ring.has_rate()
            && self.rtp_key().is_some_and(|key| key.batches())
    }

    /// The key that packets are sealed with.
    #[inline(always)]
    pub(in crate::srtp) fn rtp_key(&self) -> Option<&CryptoKey> {
        self.half.ring.keys.get(self.half.ring.active).map(|keys| &keys.rtp)
    }
}
