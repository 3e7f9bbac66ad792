// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures that were damaged in any way are read or refused, and never more comes out than went in.

use examples::capture;

/// An rtpdump of some packets.
fn rtpdump() -> Vec<u8> {
    let mut file = b"#!rtpplay1.0 192.0.2.1/4000\n".to_vec();
    file.extend([0; 16]);
    for n in 0..6_u16 {
        let mut packet = vec![0x80, 0];
        packet.extend(n.to_be_bytes());
        packet.extend([0, 0, n as u8, 0, 0, 0, 0, 7]);
        packet.extend([0x55; 40]);
        file.extend((8 + packet.len() as u16).to_be_bytes());
        file.extend((packet.len() as u16).to_be_bytes());
        file.extend(u32::from(n * 20).to_be_bytes());
        file.extend(packet);
    }
    file
}

/// A pcap of some packets of UDP over IPv4 over Ethernet.
fn pcap() -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, 1] {
        file.extend(word.to_be_bytes());
    }
    for n in 0..6_u8 {
        let payload = [&[0x80, 0, 0, n, 0, 0, n, 0, 0, 0, 0, 7][..], &[0x55; 40]].concat();
        let udp = 8 + payload.len() as u16;
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((20 + udp).to_be_bytes());
        frame.extend([0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0x0f, 0xa0, 0x0f, 0xa2]);
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        for word in [0, u32::from(n) * 20_000, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_be_bytes());
        }
        file.extend(frame);
    }
    file
}

#[test]
fn damaged_captures_are_read_or_refused() {
    for whole in [rtpdump(), pcap()] {
        assert!(capture::parse(&whole).is_ok(), "the true one is read");
        let mut refused = 0;
        for at in 0..whole.len() {
            let _ = capture::parse(&whole[..at]);
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                refused += u32::from(capture::parse(&damaged).is_err());
            }
        }
        assert!(refused > 20, "{refused}");
    }
}
