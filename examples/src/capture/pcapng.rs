// SPDX-License-Identifier: MIT OR Apache-2.0
//! pcapng (draft-ietf-opsawg-pcapng): blocks that say their own length, in sections that say
//! their own byte order. Blocks that hold no frame, and options that say nothing about time, are
//! passed over by their lengths, whatever they are.

use super::{CaptureError, Damage, Order, Reading};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// Obsolete, but still about.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// What a section says of an interface.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    snap_bytes: u32,
    /// `if_tsresol`.
    resolution: u8,
    /// `if_tsoffset`.
    offset_s: i64,
}

impl Interface {
    fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: order.u16(body, 0)?.into(),
            snap_bytes: order.u32(body, 4)?,
            resolution: 6,
            offset_s: 0,
        };
        let mut at = 8;
        // Options that are cut short end the list.
        while let (Some(code), Some(length)) = (order.u16(body, at), order.u16(body, at + 2)) {
            let value = body.get(at + 4..at + 4 + usize::from(length));
            match (code, value) {
                (0, _) | (_, None) => break,
                (9, Some(&[resolution, ..])) => interface.resolution = resolution,
                (14, Some(value)) => {
                    interface.offset_s = order.u64(value, 0).map_or(0, |v| v as i64);
                }
                _ => {}
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        Some(interface)
    }

    fn arrival_ns(&self, high: u32, low: u32) -> u64 {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let offset_ns = i128::from(self.offset_s) * 1_000_000_000;
        let ns = ticks_to_ns(ticks, self.resolution) + offset_ns;
        ns.clamp(0, u64::MAX.into()) as u64
    }
}

/// Timestamps count in negative powers of ten, or of two when the top bit is set.
fn ticks_to_ns(ticks: u64, resolution: u8) -> i128 {
    let ticks = i128::from(ticks);
    let exponent = u32::from(resolution & 0x7f);
    if resolution & 0x80 != 0 {
        return (ticks * 1_000_000_000) >> exponent;
    }
    match exponent {
        0..=9 => ticks * 10_i128.pow(9 - exponent),
        10..=38 => ticks / 10_i128.pow(exponent - 9),
        _ => 0,
    }
}

pub(super) fn parse(bytes: &[u8], reading: &mut Reading) -> Result<(), CaptureError> {
    let mut order = Order::Little;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut last_ns = 0;
    let mut at = 0;
    while at < bytes.len() {
        // A section's type reads the same in either order, and its order comes before its length.
        if bytes[at..].starts_with(&SECTION.to_be_bytes()) {
            match bytes.get(at + 8..at + 12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => order = Order::Big,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => order = Order::Little,
                _ if at == 0 => {
                    let reason = "a section of no known byte order";
                    return Err(CaptureError::Header(Damage { offset: 0, reason }));
                }
                _ => {
                    reading.damage(at, "a section of no known byte order");
                    break;
                }
            }
            interfaces.clear();
        }
        let (Some(kind), Some(length)) = (order.u32(bytes, at), order.u32(bytes, at + 4)) else {
            reading.damage(at, "the file ends in the middle of a block");
            break;
        };
        if length < 12 {
            reading.damage(at, "a block shorter than its own header");
            break;
        }
        // Lengths are multiples of four; a writer that forgot to round pads all the same.
        let length = (length as usize).next_multiple_of(4);
        let end = at.saturating_add(length);
        let body = bytes.get(at + 8..end.saturating_sub(4).min(bytes.len())).unwrap_or_default();
        let whole = end <= bytes.len();
        match kind {
            INTERFACE if whole => match Interface::read(order, body) {
                Some(interface) => interfaces.push(interface),
                None => {
                    reading.damage(at, "an interface's description is too short");
                    break;
                }
            },
            ENHANCED_PACKET | PACKET | SIMPLE_PACKET => {
                if let Err(reason) = packet(kind, order, body, &interfaces, &mut last_ns, reading) {
                    // Such a packet is not read, but the next block is where it says.
                    reading.damage(at, reason);
                }
            }
            _ => {}
        }
        if !whole {
            reading.damage(at, "the file ends in the middle of a block");
            break;
        }
        at = end;
    }
    Ok(())
}

fn packet(
    kind: u32,
    order: Order,
    body: &[u8],
    interfaces: &[Interface],
    last_ns: &mut u64,
    reading: &mut Reading,
) -> Result<(), &'static str> {
    const SHORT: &str = "a packet's block is too short";
    const UNKNOWN: &str = "a packet of an interface that was not described";
    let word = |n: usize| order.u32(body, 4 * n).ok_or(SHORT);
    let (interface, time, captured, start) = match kind {
        SIMPLE_PACKET => {
            let interface = interfaces.first().ok_or(UNKNOWN)?;
            // No time, and no length but the original one: the rest is the snapshot length's.
            let limit = if interface.snap_bytes == 0 { u32::MAX } else { interface.snap_bytes };
            (interface, None, word(0)?.min(limit), 4)
        }
        _ => {
            let index = match kind {
                PACKET => order.u16(body, 0).ok_or(SHORT)?.into(),
                _ => word(0)?,
            };
            let interface = interfaces.get(index as usize).ok_or(UNKNOWN)?;
            (interface, Some((word(1)?, word(2)?)), word(3)?, 20)
        }
    };
    if let Some((high, low)) = time {
        *last_ns = interface.arrival_ns(high, low);
    }
    let end = (captured as usize).saturating_add(start).min(body.len());
    reading.frame(*last_ns, interface.link, body.get(start..end).ok_or(SHORT)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_count_in_what_the_interface_says() {
        assert_eq!(ticks_to_ns(5, 6), 5_000);
        assert_eq!(ticks_to_ns(5, 9), 5);
        assert_eq!(ticks_to_ns(5_000, 12), 5);
        assert_eq!(ticks_to_ns(512, 0x80 | 10), 500_000_000);
        assert_eq!(ticks_to_ns(u64::MAX, 0xff), 0);
        let interface = Interface { link: 1, snap_bytes: 0, resolution: 0, offset_s: -2 };
        assert_eq!(interface.arrival_ns(0, 1), 0);
        assert_eq!(interface.arrival_ns(0, 5), 3_000_000_000);
        assert_eq!(interface.arrival_ns(u32::MAX, u32::MAX), u64::MAX);
    }
}
