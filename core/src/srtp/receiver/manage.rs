// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is not a packet: keys, streams, events, counters.

use super::Receiver;
use crate::srtp::SrtpError;
use crate::srtp::StreamState;
use crate::srtp::Suite;
use crate::srtp::event::Event;
use crate::srtp::event::Stats;
use crate::srtp::session_keys::PreparedKeys;
use crate::srtp::session_keys::RetiredKeys;

impl Receiver {
    /// Accepts packets under other keys from now on, and under the present ones for
    /// [`SessionConfig::rekey_overlap_packets`](crate::srtp::SessionConfig) more. Rollover counters and replay windows go on.
    /// Returns the keys before the present ones, if there were any left, to be dropped elsewhere.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The new keys come back with [`SrtpError::InvalidConfig`] if they are for another suite or
    /// have identifiers of another length.
    pub fn rekey(
        &mut self,
        keys: PreparedKeys,
    ) -> Result<Option<RetiredKeys>, (SrtpError, PreparedKeys)> {
        if keys.0.mki_bytes != self.half.rules.mki_bytes {
            return Err((SrtpError::InvalidConfig, keys));
        }
        let old = self.half.replace_keys(keys)?;
        self.overlap_left = self.overlap;
        Ok(self.previous.replace(old).map(RetiredKeys))
    }

    /// Ends the overlap: the previous keys don't count any more, and come back to be dropped
    /// elsewhere.
    ///
    /// Real-time: yes.
    pub fn retire_previous_keys(&mut self) -> Option<RetiredKeys> {
        self.overlap_left = 0;
        self.previous.take().map(RetiredKeys)
    }

    /// Adds a stream, or gives it another state, as when a call is re-negotiated with the same
    /// keys or joined late. Indices up to those in `state` count as received.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`], and [`SrtpError::InvalidConfig`] for indices out of range.
    pub fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        self.half.set_stream(state)
    }

    /// Forgets a stream; whether it was known. Old packets of it may be replayed afterwards.
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
        let previous = self.previous.as_ref().map_or(0, |ring| ring.heap_bytes());
        size_of::<Self>() + self.half.heap_bytes() + previous
    }
}
