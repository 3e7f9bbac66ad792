// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the peer's datagrams come from, learned from them: symmetric RTP (RFC 4961) behind address
//! translators (RFC 7362), by a rule that injected packets don't bend.
//!
//! | | plain RTP | SRTP |
//! |---|---|---|
//! | latches | when a source has proved valid | at the first authenticated packet |
//! | another address | refused, whatever it says | followed when an authenticated packet that is newer than all before comes from there |
//!
//! With plain RTP only [`LegControl::unlatch`](super::LegControl::unlatch) lets go, as when the
//! signalling names another address.

use core::net::SocketAddr;

#[derive(Debug, Default)]
pub(super) struct Latch {
    address: Option<SocketAddr>,
}

impl Latch {
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub(super) fn release(&mut self) {
        self.address = None;
    }

    /// Whether a datagram from there may be looked at.
    pub(super) fn admits(&self, from: SocketAddr, authenticated: bool) -> bool {
        authenticated || self.address.is_none_or(|address| address == from)
    }

    /// A valid packet came from there; `newest` if its sequence number is beyond all before. True if
    /// that makes a difference.
    pub(super) fn heard(&mut self, from: SocketAddr, newest: bool) -> bool {
        let follows = self.address.is_none() || newest;
        let changes = follows && self.address != Some(from);
        if changes {
            self.address = Some(from);
        }
        changes
    }
}
