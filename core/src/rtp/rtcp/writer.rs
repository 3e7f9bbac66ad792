// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing compound packets.

use super::wire::{
    CNAME, GOODBYE, RECEIVER_REPORT, ReportBlock, RtcpError, SENDER_REPORT, SOURCE_DESCRIPTION,
    SenderInfo,
};
use crate::within::Within;

/// Writes a compound packet into a caller's buffer, one packet after another.
#[derive(Debug)]
pub struct CompoundWriter<'a> {
    out: &'a mut [u8],
    used: usize,
}

impl<'a> CompoundWriter<'a> {
    /// Starts at the front of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, used: 0 }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds a sender report.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`RtcpError::Capacity`], [`RtcpError::TooMany`]; nothing is written then. The same for the
    /// other packets.
    pub fn sender_report(
        &mut self,
        ssrc: u32,
        info: &SenderInfo,
        blocks: &[ReportBlock],
    ) -> Result<(), RtcpError> {
        let body = self.packet(SENDER_REPORT, blocks.len(), 24 + 24 * blocks.len())?;
        put(body, 0, ssrc);
        put(body, 4, (info.ntp >> 32) as u32);
        put(body, 8, info.ntp as u32);
        put(body, 12, info.rtp_timestamp);
        put(body, 16, info.packets);
        put(body, 20, info.octets);
        put_blocks(body.past_mut(24), blocks);
        Ok(())
    }

    /// Adds a receiver report.
    ///
    /// # Errors
    /// See [`CompoundWriter::sender_report`].
    pub fn receiver_report(&mut self, ssrc: u32, blocks: &[ReportBlock]) -> Result<(), RtcpError> {
        let body = self.packet(RECEIVER_REPORT, blocks.len(), 4 + 24 * blocks.len())?;
        put(body, 0, ssrc);
        put_blocks(body.past_mut(4), blocks);
        Ok(())
    }

    /// Adds a source description with one CNAME.
    ///
    /// # Errors
    /// See [`CompoundWriter::sender_report`].
    pub fn source_description(&mut self, ssrc: u32, cname: &[u8]) -> Result<(), RtcpError> {
        let length = u8::try_from(cname.len()).map_err(|_| RtcpError::TooMany)?;
        // The item list ends with at least one zero byte and is padded to a word (section 6.5).
        let body =
            self.packet(SOURCE_DESCRIPTION, 1, (4 + 2 + cname.len() + 1).next_multiple_of(4))?;
        body.fill(0);
        put(body, 0, ssrc);
        body.put_all(4, [CNAME, length]);
        body.span_mut(6..6 + cname.len()).copy_of(cname);
        Ok(())
    }

    /// Adds a BYE for one source.
    ///
    /// # Errors
    /// See [`CompoundWriter::sender_report`].
    pub fn goodbye(&mut self, ssrc: u32) -> Result<(), RtcpError> {
        let body = self.packet(GOODBYE, 1, 4)?;
        put(body, 0, ssrc);
        Ok(())
    }

    /// Writes a header and gives the body's room.
    pub(super) fn packet(
        &mut self,
        kind: u8,
        count: usize,
        body: usize,
    ) -> Result<&mut [u8], RtcpError> {
        if count > 31 {
            return Err(RtcpError::TooMany);
        }
        let packet = self.out.get_mut(self.used..self.used + 4 + body);
        let (header, body) =
            packet.and_then(<[u8]>::split_first_chunk_mut).ok_or(RtcpError::Capacity)?;
        self.used += header.len() + body.len();
        // Length counts words less one, so the header's own word drops out.
        let [w0, w1] = ((body.len() / 4) as u16).to_be_bytes();
        *header = [0x80 | count as u8, kind, w0, w1];
        Ok(body)
    }
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes.put_all(at, value.to_be_bytes());
}

fn put_blocks(bytes: &mut [u8], blocks: &[ReportBlock]) {
    for (out, block) in bytes.as_chunks_mut::<24>().0.iter_mut().zip(blocks) {
        let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        put(out, 0, block.ssrc);
        put(out, 4, u32::from(block.fraction_lost) << 24 | lost);
        put(out, 8, block.highest_sequence);
        put(out, 12, block.jitter_ticks);
        put(out, 16, block.last_sender_report);
        put(out, 20, block.delay_since_last_sender_report);
    }
}
