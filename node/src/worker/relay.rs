// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that go on as they are, when they come.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use ale_media::session::{Incoming, SessionReceiver, SessionSender, Standing};

use super::numbers::{Numbered, Renumbering};
use super::{End, MAX_DATAGRAM_BYTES, Playing, count};

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;

/// Both halves of a session.
#[derive(Debug)]
pub struct Relay {
    /// What comes from the peer.
    pub receiver: SessionReceiver,
    /// What is sent to the peer.
    pub sender: SessionSender,
    /// Packets that had been sent at the last checkpoint.
    pub at_checkpoint: u64,
    /// By which payload types what comes from the peer goes on.
    pub numbering: Renumbering,
}

/// What silence is made of in the codec of a static payload type, where that is one byte (G.711).
fn silence(payload_type: u8) -> Option<u8> {
    match payload_type {
        0 => Some(0xff),
        8 => Some(0xd5),
        _ => None,
    }
}

/// A datagram of `bytes` in `buffer` came at `near`, from there; without an address if ICE says that it is the
/// peer's.
pub(super) fn forward(
    near: &mut End<Relay>,
    far: &mut End<Relay>,
    buffer: &mut [u8],
    bytes: usize,
    from: Option<SocketAddr>,
    now_ns: u64,
) {
    if bytes > MAX_DATAGRAM_BYTES {
        return count(&near.facing.counters.refused, 1);
    }
    let Some(datagram) = buffer.get_mut(..bytes) else { return };
    // What an order of the control thread has changed is changed before a packet goes by it.
    far.media.receiver.apply_commands();
    far.media.sender.apply_commands();
    let sent = match near.media.receiver.receive(datagram, from, now_ns) {
        Ok(Incoming::Rtp(rtp)) => {
            let (plain_bytes, payload_bytes) = (rtp.packet.datagram().len(), rtp.payload.len());
            let payload = rtp.payload_offset..rtp.payload_offset + payload_bytes;
            // A source proves itself with its second packet; the first goes on only from where the peer is.
            let proven = rtp.standing == Standing::Heard
                || from.is_none()
                || near.media.receiver.remote_address() == from;
            if !proven {
                return count(&near.facing.counters.refused, 1);
            }
            near.facing.counters.last_arrival_ns.store(now_ns, Ordering::Relaxed);
            let numbered = near.media.numbering.apply(buffer, payload.clone());
            let Ok(Numbered { digits, unnegotiated }) = numbered else {
                return count(&near.facing.counters.refused, 1);
            };
            count(&near.facing.counters.unnegotiated, unnegotiated.into());
            count(&near.facing.counters.rtp_packets, 1);
            count(&near.facing.counters.rtp_bytes, bytes as u64);
            if let (Some(ear), Some(packet)) = (&mut near.facing.ear, buffer.get(..plain_bytes)) {
                ear.packet(packet, now_ns);
            }
            let passing = near.facing.passing;
            // Its peer hears something else just now.
            let covered = far.facing.playing.as_deref().is_some_and(Playing::is_heard);
            if covered || passing.blocked || (passing.no_digits && digits) {
                return;
            }
            if passing.silenced {
                let silence = buffer.get(1).and_then(|second| silence(second & 0x7f));
                let payload = buffer.get_mut(payload);
                let (Some(payload), Some(silence)) = (payload, silence) else { return };
                payload.fill(silence);
            }
            let to = far.facing.to(false, far.media.receiver.remote_address());
            let sealed = far.media.sender.seal(plain_bytes, payload_bytes, buffer);
            far.facing.sockets.send(false, buffer, sealed, to)
        }
        Ok(Incoming::Rtcp { bytes: plain_bytes, .. }) => {
            count(&near.facing.counters.rtcp_packets, 1);
            count(&near.facing.counters.rtcp_bytes, bytes as u64);
            let to = far.facing.to(true, far.media.receiver.remote_rtcp_address());
            let sealed = far.media.sender.seal_rtcp(plain_bytes, buffer);
            far.facing.sockets.send(!far.facing.rtcp_mux, buffer, sealed, to)
        }
        Ok(_) | Err(_) => return count(&near.facing.counters.refused, 1),
    };
    if !sent {
        count(&far.facing.counters.unsent, 1);
    }
}
