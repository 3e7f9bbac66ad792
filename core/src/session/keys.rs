// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a session's packets are protected: by SRTP, not at all, or not yet.
//!
//! Keys may come after the session (DTLS-SRTP, ZRTP, a late answer). Until then nothing is sent, and what
//! arrives is kept as far as there is room, to be read when they are there. Plain RTP is what a host asks
//! for, never what is left when nobody gave keys.

use alloc::boxed::Box;
use alloc::vec;
use core::net::SocketAddr;

use crate::srtp::{self, SessionConfig, SrtpError};
use crate::within::Within;

/// Datagrams that are kept until keys come; beyond that the oldest give way.
const KEPT: usize = 16;
/// Bytes of a datagram that is kept; longer ones are not.
const KEPT_BYTES: usize = 1_500;

/// Keys for both directions.
#[derive(Debug, Clone)]
pub struct SrtpConfig {
    /// For what is sent: the local `a=crypto` line (RFC 4568 section 5.1).
    pub send: SessionConfig,
    /// For what is received: the remote `a=crypto` line.
    pub receive: SessionConfig,
}

/// Checkpoints of both directions, opened.
#[derive(Debug)]
pub struct RestoredSrtp {
    /// Of what was sent.
    pub send: srtp::checkpoint::Restored,
    /// Of what was received.
    pub receive: srtp::checkpoint::Restored,
}

/// How packets are protected.
#[derive(Debug, Clone, Default)]
pub enum Keying {
    /// Keys are still being agreed upon; they come with
    /// [`SessionControl::set_keys`](super::SessionControl::set_keys).
    #[default]
    Pending,
    /// Plain RTP.
    Plain,
    /// SRTP.
    Srtp(Box<SrtpConfig>),
}

/// What undoes the protection of what is received.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // One a session, touched with every packet.
pub(crate) enum Opener {
    Pending(Kept),
    Plain,
    Srtp(srtp::Receiver),
}

/// What protects what is sent.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
pub(crate) enum Sealer {
    Pending,
    Plain,
    Srtp(srtp::Sender),
}

impl Opener {
    pub(crate) fn new(keying: &Keying) -> Result<Self, SrtpError> {
        Ok(match keying {
            Keying::Pending => Self::Pending(Kept::new()),
            Keying::Plain => Self::Plain,
            Keying::Srtp(srtp) => Self::Srtp(srtp::Receiver::new(&srtp.receive)?),
        })
    }

    /// Whether what gets through is known to come from who has the keys.
    pub(crate) fn authenticates(&self) -> bool {
        matches!(self, Self::Srtp(_))
    }

    pub(crate) fn session(&self) -> Option<&srtp::Receiver> {
        match self {
            Self::Srtp(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut srtp::Receiver> {
        match self {
            Self::Srtp(session) => Some(session),
            _ => None,
        }
    }
}

impl Sealer {
    pub(crate) fn new(keying: &Keying) -> Result<Self, SrtpError> {
        Ok(match keying {
            Keying::Pending => Self::Pending,
            Keying::Plain => Self::Plain,
            Keying::Srtp(srtp) => Self::Srtp(srtp::Sender::new(&srtp.send)?),
        })
    }

    pub(crate) fn session(&self) -> Option<&srtp::Sender> {
        match self {
            Self::Srtp(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut srtp::Sender> {
        match self {
            Self::Srtp(session) => Some(session),
            _ => None,
        }
    }
}

/// A datagram that came before the keys.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeptDatagram {
    bytes: u16,
    pub(crate) from: Option<SocketAddr>,
    pub(crate) arrival_ns: u64,
}

/// What came before the keys, the newest of it.
#[derive(Debug)]
pub(crate) struct Kept {
    datagrams: [KeptDatagram; KEPT],
    bytes: Box<[u8]>,
    /// The oldest, and how many there are.
    first: usize,
    count: usize,
}

impl Kept {
    fn new() -> Self {
        Self {
            datagrams: [KeptDatagram::default(); KEPT],
            bytes: vec![0; KEPT * KEPT_BYTES].into(),
            first: 0,
            count: 0,
        }
    }

    /// Keeps a datagram; false if it is too long.
    pub(crate) fn keep(
        &mut self,
        datagram: &[u8],
        from: Option<SocketAddr>,
        arrival_ns: u64,
    ) -> bool {
        if datagram.len() > KEPT_BYTES {
            return false;
        }
        if self.count == KEPT {
            self.first = (self.first + 1) % KEPT;
            self.count -= 1;
        }
        let at = (self.first + self.count) % KEPT;
        self.count += 1;
        let bytes = datagram.len() as u16;
        self.datagrams.put(at, KeptDatagram { bytes, from, arrival_ns });
        self.bytes.past_mut(at * KEPT_BYTES).head_mut(datagram.len()).copy_of(datagram);
        true
    }

    /// The oldest that is kept, to be read.
    pub(crate) fn next(&mut self) -> Option<(KeptDatagram, &mut [u8])> {
        self.count = self.count.checked_sub(1)?;
        let at = self.first;
        self.first = (at + 1) % KEPT;
        let kept = *self.datagrams.get(at)?;
        Some((kept, self.bytes.past_mut(at * KEPT_BYTES).head_mut(usize::from(kept.bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_newest_datagrams_are_kept_in_their_order() {
        let mut kept = Kept::new();
        assert!(!kept.keep(&[0; KEPT_BYTES + 1], None, 0));
        for n in 0..40_u8 {
            assert!(kept.keep(&vec![n; usize::from(n)], None, u64::from(n)));
        }
        let mut seen = Vec::new();
        while let Some((datagram, bytes)) = kept.next() {
            assert!(bytes.iter().all(|&b| u64::from(b) == datagram.arrival_ns));
            assert_eq!(bytes.len() as u64, datagram.arrival_ns);
            seen.push(datagram.arrival_ns);
        }
        assert_eq!(seen, (24..40).collect::<Vec<_>>());
    }
}
