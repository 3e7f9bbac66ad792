// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network thread's half: [`JitterWriter`].

use core::fmt;

use super::arrival::ingest::{PacketMeta, SlotWriter};
use super::arrival::red;
use super::control::Shared;
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
    /// The next packet of audio is the first of a stream.
    pub(crate) begins: bool,
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
                self.shared.inserted.add_one();
                self.shared.malformed.add_one();
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
        self.insert_at_level(packet, 0, arrival_ns)
    }

    /// As [`JitterWriter::insert_packet`], for a packet whose header says how loud it is, in -dBov
    /// (RFC 6464), and is to be believed: [`JitterReader::skip_softer_than`](super::JitterReader).
    ///
    /// Real-time: yes (wait-free; one copy).
    ///
    /// # Errors
    /// [`InsertError`]; the packet is counted and dropped.
    #[inline]
    pub fn insert_at_level(
        &mut self,
        packet: &RtpPacket<'_>,
        level_dbov: u8,
        arrival_ns: u64,
    ) -> Result<(), InsertError> {
        self.shared.inserted.add_one();
        let Ok(payload) = packet.payload() else {
            self.shared.malformed.add_one();
            return Err(InsertError::Malformed);
        };
        if payload.len() > self.max_payload_bytes {
            self.shared.oversized.add_one();
            return Err(InsertError::Oversized);
        }
        let meta = PacketMeta {
            arrival_ns,
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            payload_type: packet.payload_type(),
            level_dbov,
            marker: packet.marker(),
            begins: self.begins,
            ..PacketMeta::default()
        };
        if self.shared.takes_apart(meta.payload_type) {
            return self.insert_redundant(meta, payload);
        }
        self.push(meta, payload)
    }

    /// Says that a packet of the stream was not audio: a telephone event (RFC 4733), a keepalive (RFC
    /// 6263), forward error correction, a payload type that nobody decodes. It fills its place in the
    /// sequence, so that it is not taken for lost, and says nothing of audio or delay. Its payload is
    /// not looked at.
    ///
    /// Real-time: yes (wait-free).
    ///
    /// # Errors
    /// [`InsertError::NoSlot`]; the packet is counted, and is as good as lost.
    #[inline]
    pub fn insert_filler(
        &mut self,
        packet: &RtpPacket<'_>,
        arrival_ns: u64,
    ) -> Result<(), InsertError> {
        self.shared.inserted.add_one();
        let meta = PacketMeta {
            arrival_ns,
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            payload_type: packet.payload_type(),
            filler: true,
            ..PacketMeta::default()
        };
        self.push(meta, &[])
    }

    /// Says that the next packet of audio is the first of a stream that has nothing to do with what came
    /// before: another source was chosen, or the same one has begun anew at other sequence numbers and
    /// timestamps. It is played behind what still waits, from that packet on; without this the buffer
    /// finds out by itself, one packet later.
    ///
    /// Real-time: yes.
    pub fn begin_stream(&mut self) {
        self.begins = true;
    }

    /// Takes redundant audio apart: the primary block is the packet; older ones stand by in slots of
    /// their own, as far as there are any.
    fn insert_redundant(&mut self, meta: PacketMeta, payload: &[u8]) -> Result<(), InsertError> {
        let Some(blocks) = red::blocks(payload) else {
            self.shared.malformed.add_one();
            return Err(InsertError::Malformed);
        };
        for (n, block) in blocks.enumerate() {
            let meta = PacketMeta {
                payload_type: block.payload_type & 0x7f,
                timestamp: meta.timestamp.wrapping_sub(block.timestamp_offset),
                redundant: n > 0,
                begins: n == 0 && meta.begins,
                // The header speaks of the newest sound only.
                level_dbov: if n > 0 { 0 } else { meta.level_dbov },
                ..meta
            };
            if n == 0 {
                self.push(meta, block.payload)?;
            } else if !block.payload.is_empty() {
                self.slots.push(meta, block.payload);
            }
        }
        Ok(())
    }

    /// Puts a packet in as it reached the audio thread once before.
    pub(crate) fn push_again(&mut self, meta: PacketMeta, payload: &[u8]) {
        self.slots.push(meta, payload);
    }

    #[inline]
    fn push(&mut self, meta: PacketMeta, payload: &[u8]) -> Result<(), InsertError> {
        if !self.slots.push(meta, payload) {
            self.shared.no_slot.add_one();
            return Err(InsertError::NoSlot);
        }
        self.begins &= !meta.begins;
        Ok(())
    }
}
