// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP and SRTCP: media and its reports, encrypted and authenticated (RFC 3711, RFC 6188,
//! RFC 7714), with encrypted header extensions (RFC 6904, RFC 9335).
//!
//! | to do this | use |
//! |---|---|
//! | describe a session | [`SessionConfig`], [`Suite`], [`MasterKey`], [`Policy`] |
//! | read or write `a=crypto` | [`sdes`] (RFC 4568) |
//! | use what DTLS exports | [`dtls`] (RFC 5764) |
//! | protect what is sent | [`Sender`] |
//! | unprotect what is received | [`Receiver`] |
//! | do both for many sessions at once | [`protect_batch`], [`unprotect_batch`] |
//! | re-key while traffic flows | [`PreparedKeys`] |
//! | bring other cryptography | [`backend::Backend`] |
//! | go on in another process | [`checkpoint`] |
//! | find out what is wrong | [`SrtpError`], [`Event`], [`Stats`] |
//!
//! A call has two sessions, one a direction, with different keys: a [`Sender`] on the thread that
//! makes packets and a [`Receiver`] on the thread that reads the socket. They share nothing, so
//! there is no lock. Both are `Send` and are used through `&mut self`.
//!
//! What is refused is refused with its own [`SrtpError`], counted in [`Stats`], and changes
//! neither the session nor the packet's bytes: packets are authenticated before they are
//! decrypted.
//!
//! Memory is taken when a half is made. With one of the kernels for x86-64, one stream and the
//! default window a half takes about 2.5 KiB, keys and kernels' tables included, and each further
//! stream some 240 bytes, a hundred of them for what is remembered of streams that have made room; a session
//! of one stream each way stays within 5 KiB, which a test holds it to. The portable AES keeps larger
//! round keys: up to 3.5 KiB a half.
//!
//! Not in here: key agreement (DTLS, MIKEY, ZRTP), and RFC 4771's rollover counter in the packet.
//!
//! ```
//! use ale_media::srtp::{MasterKey, Receiver, Sender, SessionConfig, Suite};
//! # fn main() -> Result<(), ale_media::srtp::SrtpError> {
//! let key = MasterKey::new(&[7; 16], &[9; 12])?;
//! let config = SessionConfig::new(Suite::AeadAes128Gcm, key);
//! let mut sender = Sender::new(&config)?;
//! let mut receiver = Receiver::new(&config)?;
//!
//! let mut packet = [0_u8; 12 + 160 + 16]; // header, payload, room for the trailer
//! packet[0] = 0x80;
//! let len = sender.protect(&mut packet, 172)?;
//! assert_eq!(len, 188);
//! assert_eq!(receiver.unprotect(&mut packet[..len])?, 172);
//! # Ok(())
//! # }
//! ```

mod batch;
pub mod checkpoint;
mod config;
mod crypto;
mod diagnosis;
pub mod dtls;
mod error;
mod event;
mod extension;
mod half;
mod index;
mod kdf;
#[cfg(feature = "key-log")]
mod key_log;
mod keys;
mod policy;
mod receiver;
mod replay;
pub mod sdes;
mod sender;
mod session_keys;
mod stream;
mod suite;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod wipe;
#[cfg(test)]
mod wiped_tests;

pub use batch::{Job, Sessions, protect_batch, unprotect_batch};
pub use config::{MAX_KEYS, MAX_ROC_RETRY, MAX_STREAMS, SessionConfig, SsrcPolicy};
pub use crypto::{Engine, Kernel, backend};
pub use error::SrtpError;
pub use event::{Event, FailureCause, Stats};
pub use keys::{MAX_MKI_BYTES, MAX_RTCP_LIFETIME, MAX_RTP_LIFETIME, MasterKey};
pub use policy::{Policy, Weakness};
pub use receiver::Receiver;
pub use sender::Sender;
pub use session_keys::{PreparedKeys, RetiredKeys};
pub use suite::Suite;
pub use wipe::wiping_stack;

use stream::Stream;

/// Most bytes that protecting adds to any packet: the longest tag, the SRTCP index, a 4-byte
/// extension (RFC 9335) and the longest master key identifier.
pub const MAX_TRAILER_BYTES: usize = 16 + 4 + 4 + MAX_MKI_BYTES;

/// Longest packet: what a datagram can hold. Far longer ones would make the block counter of
/// counter mode, which has 16 bits (RFC 3711 section 4.1.1), run into the index.
pub const MAX_PACKET_BYTES: usize = 65535;

/// Bytes of an SRTCP packet that are never encrypted: the first header and the sender's SSRC.
const RTCP_CLEAR_BYTES: usize = 8;
/// SRTCP indices are 31 bits wide.
const RTCP_INDEX_LIMIT: u64 = 1 << 31;

/// Where a stream stands: what has to be carried over when a call is re-negotiated with the same
/// keys, or given to a late joiner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamState {
    /// The stream.
    pub ssrc: u32,
    /// The rollover counter: of the highest index so far, or of the first packet to come.
    pub roc: u32,
    /// Sequence number of the highest SRTP index so far; `None` before the first packet.
    pub highest_sequence: Option<u16>,
    /// Highest SRTCP index so far; `None` before the first packet.
    pub rtcp_index: Option<u32>,
}

impl StreamState {
    /// A stream that has not begun, whose first packet will have this rollover counter.
    pub fn new(ssrc: u32, roc: u32) -> Self {
        Self { ssrc, roc, highest_sequence: None, rtcp_index: None }
    }

    fn of(stream: &Stream) -> Self {
        let highest = stream.reference();
        Self {
            ssrc: stream.ssrc,
            roc: stream.next_roc(),
            highest_sequence: highest.map(|index| index as u16),
            rtcp_index: stream.rtcp.highest().map(|index| index as u32),
        }
    }
}

/// The SSRC of a compound RTCP packet's first sender, after a look at its version and length.
fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    match packet.first_chunk::<RTCP_CLEAR_BYTES>() {
        Some(&[first, _, _, _, a, b, c, d]) if first >> 6 == 2 => {
            Ok(u32::from_be_bytes([a, b, c, d]))
        }
        _ => Err(SrtpError::Malformed),
    }
}
