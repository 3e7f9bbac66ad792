// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network thread's half: [`JitterWriter`].

use core::fmt;

use super::control::{Shared, count};
use super::ingest::{PacketMeta, SlotWriter};
use crate::rtp::RtpPacket;
use crate::sync::primitive::Arc;

/// Why a packet did not go in. Each is counted; the buffer stays usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError {
    /// Not an RTP packet, or its padding is impossible.
    Malformed,
    /// The payload is larger than the configuration accepts.
    Oversized,
    /// All slots are taken: the reader does not keep up, or too much comes at once.
    NoSlot,
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an RTP packet",
            Self::Oversized => "payload larger than the jitter buffer accepts",
            Self::NoSlot => "no free slot in the jitter buffer",
        })
    }
}

impl core::error::Error for InsertError {}

/// Puts packets in; used by one thread at a time, usually the one that reads the socket.
#[derive(Debug)]
pub struct JitterWriter {
    pub(crate) slots: SlotWriter,
    pub(crate) shared: Arc<Shared>,
    pub(crate) max_payload_bytes: usize,
}

impl JitterWriter {
    /// Puts an RTP packet in that arrived at `arrival_ns`.
    ///
    /// Real-time: yes (wait-free; one copy).
    ///
    /// # Errors
    /// [`InsertError`]; the packet is counted and dropped.
    #[inline]
    pub fn insert(&mut self, rtp_packet: &[u8], arrival_ns: u64) -> Result<(), InsertError> {
        match RtpPacket::parse(rtp_packet) {
            Ok(packet) => self.insert_packet(&packet, arrival_ns),
            Err(_) => {
                count(&self.shared.inserted);
                count(&self.shared.malformed);
                Err(InsertError::Malformed)
            }
        }
    }

    /// As [`JitterWriter::insert`], for a packet that was parsed already.
    ///
    /// Real-time: yes (wait-free; one copy).
    ///
    /// # Errors
    /// [`InsertError`]; the packet is counted and dropped.
    #[inline]
    pub fn insert_packet(
        &mut self,
        packet: &RtpPacket<'_>,
        arrival_ns: u64,
    ) -> Result<(), InsertError> {
        count(&self.shared.inserted);
        let Ok(payload) = packet.payload() else {
            count(&self.shared.malformed);
            return Err(InsertError::Malformed);
        };
        if payload.len() > self.max_payload_bytes {
            count(&self.shared.oversized);
            return Err(InsertError::Oversized);
        }
        let meta = PacketMeta {
            arrival_ns,
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            payload_type: packet.payload_type(),
            marker: packet.marker(),
            ..PacketMeta::default()
        };
        if !self.slots.push(meta, payload) {
            count(&self.shared.no_slot);
            return Err(InsertError::NoSlot);
        }
        Ok(())
    }
}
