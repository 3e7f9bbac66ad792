// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checkpoints of a line's sessions, between two packets: what another process goes on with.

use std::net::SocketAddr;

use ale_media::conference::MemberId;
use ale_media::leg::{LegMedia, LegReceiver};
use ale_media::srtp::checkpoint::{MAX_RESERVE, generation};
use ale_media::srtp::{self, SrtpError};

use super::{Ends, Mix, Relay};
use crate::failover::{SrtpRecord, StreamRecord, wrapping};

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
    /// The stream that the node itself makes for the peer, behind all that is reserved; none where packets are passed
    /// on.
    pub stream: Option<StreamRecord>,
}

/// Where the sending half of a member's leg is: the conference's number, and its place there.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// The conference.
    pub mix: u64,
    /// The member.
    pub member: MemberId,
}

/// The sending half of a member's leg.
pub(super) fn seated(mixes: &mut [Mix], seat: Option<Seat>) -> Option<&mut LegMedia> {
    let Seat { mix, member } = seat?;
    mixes.iter_mut().find(|one| one.id == mix)?.conference.leg(member)
}

/// Takes checkpoints of a path's ends, of which a member's sending half is `seated`; `None` while one has no keys, or
/// what it sends has not begun.
pub(crate) fn take(
    ends: &mut Ends,
    seated: Option<&mut LegMedia>,
    key: &[u8; 32],
) -> Option<Vec<EndCheckpoint>> {
    match ends {
        Ends::Relay([first, second]) => {
            Some(vec![of_relay(&mut first.media, key)?, of_relay(&mut second.media, key)?])
        }
        Ends::Translate(ends) => {
            let of = |voice: &mut super::Voice| {
                of_leg(&mut voice.receiver, &mut voice.media, &mut voice.at_checkpoint, key)
            };
            ends.iter_mut().map(|end| of(&mut end.media)).collect()
        }
        Ends::Mix(end) => {
            let heard = &mut end.media;
            let taken = of_leg(&mut heard.receiver, seated?, &mut heard.at_checkpoint, key)?;
            Some(vec![taken])
        }
    }
}

/// The checkpoints of these generations are kept.
pub(crate) fn confirm(ends: &mut Ends, seated: Option<&mut LegMedia>, generations: &[u64]) {
    // One that is not the latest any more is followed by that.
    let confirm = |sender: Option<&mut srtp::Sender>, generation: &u64| {
        if let Some(sender) = sender {
            sender.confirm_checkpoint(*generation);
        }
    };
    match ends {
        Ends::Relay(ends) => ends
            .iter_mut()
            .zip(generations)
            .for_each(|(end, of)| confirm(end.media.sender.srtp_mut(), of)),
        Ends::Translate(ends) => ends
            .iter_mut()
            .zip(generations)
            .for_each(|(end, of)| confirm(end.media.media.srtp_mut(), of)),
        Ends::Mix(_) => {
            if let (Some(media), Some(of)) = (seated, generations.first()) {
                confirm(media.srtp_mut(), of);
            }
        }
    }
}

fn of_relay(relay: &mut Relay, key: &[u8; 32]) -> Option<EndCheckpoint> {
    relay.receiver.apply_commands();
    relay.sender.apply_commands();
    if !relay.sender.is_ready() {
        return None;
    }
    let remote = [relay.receiver.remote_address(), relay.receiver.remote_rtcp_address()];
    let reserve = reserve(&mut relay.at_checkpoint, relay.sender.stats().packets);
    let srtp = match relay.sender.srtp_mut() {
        Some(sender) => Some(of_session(relay.receiver.srtp(), sender, reserve, key)?),
        None => None,
    };
    let (srtp, generation) = srtp.unzip();
    Some(EndCheckpoint { srtp, generation: generation.unwrap_or(0), remote, stream: None })
}

fn of_leg(
    receiver: &mut LegReceiver,
    media: &mut LegMedia,
    at_checkpoint: &mut u64,
    key: &[u8; 32],
) -> Option<EndCheckpoint> {
    // Keys are taken in with the next frame that is sent, and the next packet that comes.
    if !media.is_ready() {
        return None;
    }
    let remote = [receiver.remote_address(), media.remote_rtcp_address()];
    let reserve = reserve(at_checkpoint, media.stats().packets);
    let mut stream = StreamRecord::from(media.position());
    stream.sequence = stream.sequence.wrapping_add(reserve as u16);
    let srtp = match media.srtp_mut() {
        Some(sender) => Some(of_session(receiver.srtp().as_deref(), sender, reserve, key)?),
        None => None,
    };
    let (srtp, generation) = srtp.unzip();
    let generation = generation.unwrap_or(0);
    Some(EndCheckpoint { srtp, generation, remote, stream: Some(stream) })
}

/// How many packets to reserve for a sender that has sent so many by now.
fn reserve(at_checkpoint: &mut u64, packets: u64) -> u32 {
    let since = packets.saturating_sub(core::mem::replace(at_checkpoint, packets));
    (2 * since + SPARE).min(u64::from(MAX_RESERVE)) as u32
}

/// Checkpoints of both halves of an SRTP session, and their generation.
fn of_session(
    receiver: Option<&srtp::Receiver>,
    sender: &mut srtp::Sender,
    reserve: u32,
    key: &[u8; 32],
) -> Option<(SrtpRecord, u64)> {
    let send = match sender.checkpoint(&wrapping(key)?, reserve) {
        Ok(send) => send,
        Err(SrtpError::InvalidConfig) => return None,
        Err(error) => {
            tracing::warn!(%error, "no checkpoint");
            return None;
        }
    };
    let generation = generation(&send)?;
    let receive = receiver?.checkpoint(&wrapping(key)?, generation).ok()?;
    Some((SrtpRecord { send, receive }, generation))
}
