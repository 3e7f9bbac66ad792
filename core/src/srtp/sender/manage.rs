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
        self.half.ring.rtp_tag_bytes + self.half.ring.mki_bytes
    }

    /// Bytes that [`Sender::protect_rtcp`] adds: tag, index and master key identifier.
    pub fn rtcp_overhead_bytes(&self) -> usize {
        self.half.ring.rtcp_tag_bytes + 4 + self.half.ring.mki_bytes
    }

    /// Sends under other keys from now on, and as their session parameters say (`KDR`,
    /// `UNENCRYPTED_SRTP`, `UNENCRYPTED_SRTCP`, another suite, identifiers of another length); rollover
    /// counters and indices go on as they are (RFC 3711 section 3.3.1). Policy, streams and header
    /// extensions stay the session's. Keys that are in use already, named and used in the same way,
    /// change nothing. Returns the keys that are not in use, to be dropped elsewhere.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The new keys come back, and nothing has changed: [`SrtpError::InvalidConfig`] if they were not
    /// made for the session's header extensions, [`SrtpError::NotPermitted`] for a suite that its
    /// policy excludes. [`Sender::can_rekey`] tells before.
    pub fn rekey(&mut self, keys: PreparedKeys) -> Result<RetiredKeys, (SrtpError, PreparedKeys)> {
        if let Err(error) = self.can_rekey(&keys) {
            return Err((error, keys));
        }
        if keys.0.is_same(&self.half.ring) {
            return Ok(RetiredKeys(keys.0));
        }
        Ok(RetiredKeys(self.half.replace_keys(keys, None)))
    }

    /// Whether [`Sender::rekey`] would take these keys: to be asked of both halves of a session before
    /// either is changed.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// Those of [`Sender::rekey`].
    pub fn can_rekey(&self, keys: &PreparedKeys) -> Result<(), SrtpError> {
        self.half.admits(keys)
    }

    /// Whether these keys are the ones in use, named and used in the same way.
    pub fn uses(&self, keys: &PreparedKeys) -> bool {
        keys.0.is_same(&self.half.ring)
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

    /// Adds a stream, or moves it forward, as when a call is re-negotiated with the same keys. The
    /// indices in `state` count as used, and so do all that have been: a state is never set back.
    /// Without [`StreamState::highest_sequence`] the counter is that of the next packet; the one that
    /// the stream has changes nothing.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`SrtpError::IndexReused`] if the stream is further already, in SRTP or SRTCP;
    /// [`SrtpError::StreamLimit`] if every place is taken by SSRCs that were named;
    /// [`SrtpError::InvalidConfig`] for indices out of range. Nothing is changed then.
    pub fn set_stream(&mut self, state: StreamState) -> Result<(), SrtpError> {
        self.half.set_stream(state, SrtpError::IndexReused)
    }

    /// Takes a stream out of the table; whether it was there. Which indices it has used is remembered:
    /// when its SSRC comes back, it goes on behind them.
    pub fn remove_stream(&mut self, ssrc: u32) -> bool {
        self.half.streams.remove(ssrc, self.half.epoch)
    }

    /// Where one stream stands, whether it is in the table or remembered.
    ///
    /// Real-time: yes.
    pub fn stream(&self, ssrc: u32) -> Option<StreamState> {
        self.half.state(ssrc)
    }

    /// SRTP packets that may still be sent under the key in use before its lifetime ends.
    ///
    /// Real-time: yes.
    pub fn packets_left(&self) -> u64 {
        self.half.ring.keys.get(self.half.ring.active).map_or(0, |keys| keys.rtp_left)
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
