// SPDX-License-Identifier: MIT OR Apache-2.0
//! rtpdump's binary format: a line of text, a header of 16 bytes, then per packet its length with
//! header, the length of the RTP packet (0 for RTCP) and milliseconds since the start.

use super::{CaptureError, Carrier, Damage, Datagram, Passed, Reading, be16, be32};

pub(super) fn parse(bytes: &[u8], reading: &mut Reading) -> Result<(), CaptureError> {
    let error = |offset, reason| Err(CaptureError::Header(Damage { offset, reason }));
    let Some(line) = bytes.iter().take(200).position(|&b| b == b'\n') else {
        return error(0, "no end of the first line");
    };
    let mut at = line + 1 + 16;
    if at > bytes.len() {
        return error(bytes.len(), "the file ends in its header");
    }
    while at < bytes.len() {
        let (Some(length), Some(packet), Some(offset_ms)) =
            (be16(bytes, at), be16(bytes, at + 2), be32(bytes, at + 4))
        else {
            reading.damage(at, "the file ends in the middle of a record");
            break;
        };
        if length < 8 {
            reading.damage(at, "a record shorter than its own header");
            break;
        }
        let (end, packet) = (at + usize::from(length), usize::from(packet));
        let data = &bytes[at + 8..end.min(bytes.len())];
        if packet == 0 {
            reading.pass(Passed::NotUdp, 1);
        } else {
            // A dump of headers only is shorter than its packets.
            let captured = data.len().min(packet);
            reading.push(Datagram {
                arrival_ns: u64::from(offset_ms) * 1_000_000,
                addresses: None,
                carrier: Carrier::Udp,
                payload: data[..captured].to_vec(),
                missing: packet - captured,
            });
        }
        if end > bytes.len() {
            reading.damage(at, "the file ends in the middle of a record");
            break;
        }
        at = end;
    }
    Ok(())
}
