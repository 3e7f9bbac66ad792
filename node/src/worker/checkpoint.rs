// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checkpoints of a line's sessions, between two packets: what another process goes on with.

use std::net::SocketAddr;

use ale_media::srtp::SrtpError;
use ale_media::srtp::checkpoint::{MAX_RESERVE, generation};

use super::{End, Relay};
use crate::failover::{SrtpRecord, wrapping};

/// Packets that are reserved beyond twice as many as came since the last checkpoint: a second of voice and half as
/// much in all, since where the next one is late nothing is sent.
const SPARE: u64 = 30;

/// What an end's session is to another process.
#[derive(Debug)]
pub struct EndCheckpoint {
    /// Of its SRTP session; none in plain RTP.
    pub srtp: Option<SrtpRecord>,
    /// What is to be confirmed when it is kept; 0 without SRTP.
    pub generation: u64,
    /// Where its peer sends RTP from, and RTCP.
    pub remote: [Option<SocketAddr>; 2],
}

/// Takes checkpoints of both ends; `None` while an end has no keys, or what it sends has not begun.
pub(crate) fn take(ends: &mut [End<Relay>; 2], key: &[u8; 32]) -> Option<[EndCheckpoint; 2]> {
    let [first, second] = ends;
    Some([of(&mut first.media, key)?, of(&mut second.media, key)?])
}

fn of(relay: &mut Relay, key: &[u8; 32]) -> Option<EndCheckpoint> {
    relay.receiver.apply_commands();
    relay.sender.apply_commands();
    if !relay.sender.is_ready() {
        return None;
    }
    let remote = [relay.receiver.remote_address(), relay.receiver.remote_rtcp_address()];
    let packets = relay.sender.stats().packets;
    let since = packets.saturating_sub(relay.at_checkpoint);
    let Some(sender) = relay.sender.srtp_mut() else {
        return Some(EndCheckpoint { srtp: None, generation: 0, remote });
    };
    let reserve = (2 * since + SPARE).min(u64::from(MAX_RESERVE)) as u32;
    let send = match sender.checkpoint(&wrapping(key)?, reserve) {
        Ok(send) => send,
        Err(SrtpError::InvalidConfig) => return None,
        Err(error) => {
            tracing::warn!(%error, "no checkpoint");
            return None;
        }
    };
    relay.at_checkpoint = packets;
    let generation = generation(&send)?;
    let receive = relay.receiver.srtp()?.checkpoint(&wrapping(key)?, generation).ok()?;
    Some(EndCheckpoint { srtp: Some(SrtpRecord { send, receive }), generation, remote })
}

/// The checkpoints of these generations are kept.
pub(crate) fn confirm(ends: &mut [End<Relay>; 2], generations: [u64; 2]) {
    for (end, generation) in ends.iter_mut().zip(generations) {
        if let Some(sender) = end.media.sender.srtp_mut() {
            // One that is not the latest any more is followed by that.
            sender.confirm_checkpoint(generation);
        }
    }
}
