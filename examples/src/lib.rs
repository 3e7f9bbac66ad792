// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the programs in `src/bin` share: sockets, threads, files and reports around the engine.
//!
//! - [`clock`]: one monotonic clock and a 10 ms beat.
//! - [`diagnosis`]: why nothing is heard.
//! - [`endpoint`]: a phone, that is a leg with a socket and two threads.
//! - [`capture`]: RTP out of pcap, pcapng and rtpdump files.
//! - [`delay_plot`]: a drawing of what a jitter buffer did.
//! - [`bridge`]: a conference with a socket a leg.
//! - [`relay`]: a network that loses, delays and reorders, the same way for the same seed.
//! - [`speech`]: recordings, and who says what when.
//! - [`hearing`]: whether somebody heard what somebody else said.
//! - [`report`]: an HTML page with plots and players.

pub mod bridge;
pub mod capture;
pub mod clock;
pub mod delay_plot;
pub mod diagnosis;
pub mod endpoint;
pub mod hearing;
pub mod load;
pub mod relay;
pub mod report;
pub mod speech;

/// Largest datagram that is read.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2_048;
/// How often a thread that reads a socket looks up whether it shall stop.
pub(crate) const POLL: std::time::Duration = std::time::Duration::from_millis(20);

/// What a program says when it gives up: what was wrong, and where.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Puts what was being done in front of an error.
pub trait Context<T> {
    /// `what` is a noun phrase: "reading speech.wav".
    ///
    /// # Errors
    /// The error, with `what` before it.
    fn context(self, what: impl std::fmt::Display) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl std::fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| format!("{what}: {error}").into())
    }
}

/// Random bytes of the system's.
///
/// # Errors
/// Where there is no `/dev/urandom`.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    use std::io::Read;
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(bytes)
}
