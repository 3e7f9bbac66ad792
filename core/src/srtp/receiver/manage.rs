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
    /// Accepts packets under other keys from now on, in the form that their session parameters say, and
    /// under the present ones for
    /// [`SessionConfig::rekey_overlap_packets`](crate::srtp::SessionConfig) more. Suite, identifiers and
    /// their length may change; the same identifier may stand for another key, and what does not
    /// authenticate under the new one is tried under the old. Policy, streams and header extensions
    /// stay the session's. Rollover counters and replay windows go on; a peer that counts from 0
    /// again under keys that are new is followed. Keys that are in use already, named and used in the
    /// same way, change nothing; where a peer has not used the present keys yet, the ones before them
    /// go on to count.
    ///
    /// Returns keys that are not needed any more, if there are any, to be dropped elsewhere.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`Sender::rekey`](crate::srtp::Sender::rekey).
    pub fn rekey(
        &mut self,
        keys: PreparedKeys,
    ) -> Result<Option<RetiredKeys>, (SrtpError, PreparedKeys)> {
        if let Err(error) = self.can_rekey(&keys) {
            return Err((error, keys));
        }
        if keys.0.is_same(&self.half.ring) {
            return Ok(Some(RetiredKeys(keys.0)));
        }
        let peer_has_not_followed = self.overlaps() && !self.half.ring.heard;
        let back = self.previous.as_ref().is_some_and(|previous| keys.0.is_same(previous));
        let old = self.half.replace_keys(keys, self.previous.as_ref());
        self.overlap_left = self.overlap;
        self.failures = 0;
        self.reported = 0;
        if peer_has_not_followed && !back {
            return Ok(Some(RetiredKeys(old)));
        }
        Ok(self.previous.replace(old).map(RetiredKeys))
    }

    /// Whether [`Receiver::rekey`] would take these keys: to be asked of both halves of a session before
    /// either is changed.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// Those of [`Receiver::rekey`].
    pub fn can_rekey(&self, keys: &PreparedKeys) -> Result<(), SrtpError> {
        self.half.admits(keys)
    }

    /// Whether these keys are the ones in use, named and used in the same way.
    pub fn uses(&self, keys: &PreparedKeys) -> bool {
        keys.0.is_same(&self.half.ring)
    }

    /// Ends the overlap: the previous keys don't count any more, and come back to be dropped
    /// elsewhere.
    ///
    /// Real-time: yes.
    pub fn retire_previous_keys(&mut self) -> Option<RetiredKeys> {
        self.overlap_left = 0;
        self.previous.take().map(RetiredKeys)
    }

    /// The previous keys, once the overlap is over, to be dropped elsewhere; to be asked now and then.
    ///
    /// Real-time: yes.
    pub fn take_retired_keys(&mut self) -> Option<RetiredKeys> {
        if self.overlap_left > 0 { None } else { self.previous.take().map(RetiredKeys) }
    }

    /// Adds a stream, or moves it forward, as when a call is re-negotiated with the same keys or
    /// joined late. Indices up to those in `state` count as received, and so do all that have been: a
    /// state is never set back. Without [`StreamState::highest_sequence`] the counter is that of the
    /// next packet; the one that the stream has changes nothing.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::TooOld`] if the stream is further already, in SRTP or SRTCP;
    /// [`SrtpError::StreamLimit`] if every place is taken by SSRCs that were named;
    /// [`SrtpError::InvalidConfig`] for indices out of range. Nothing is changed then.
    pub fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        self.half.set_stream(state, SrtpError::TooOld)
    }

    /// Takes a stream out of the table; whether it was there. What it takes to tell a replay is
    /// remembered: when its SSRC comes back, it goes on where it was.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.half.streams.remove(ssrc, self.half.epoch)
    }

    /// Where one stream stands, whether it is in the table or remembered.
    ///
    /// Real-time: yes.
    pub fn stream(&self, ssrc: u32) -> Option<StreamState> {
        self.half.state(ssrc)
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
