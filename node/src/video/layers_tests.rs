// SPDX-License-Identifier: MIT OR Apache-2.0
//! A camera of three layers that are told apart by their names, until their sources are known.

use ale_media::rtp::extension::Writer;
use ale_media::rtp::rtcp::Packets;
use ale_media::rtp::{RtpHeader, RtpPacket};
use proptest::prelude::*;

use super::choice::Offered;
use super::feedback::{self, Feedback};
use super::input::Formats;
use super::key_frame::Codec;
use super::layers::{Came, Layers, Simulcast};

const MS: u64 = 1_000_000;
const FORMATS: Formats = Formats {
    codec: Codec::Vp8,
    payload_type: 96,
    repair: Some(97),
    transport_number: Some(3),
    send_time: None,
};
const NAMES: [&str; 3] = ["h", "m", "l"];

fn camera() -> Layers {
    let names = NAMES.map(String::from).to_vec();
    let simulcast = Simulcast { stream_id: 10, repaired_stream_id: Some(11), names };
    Layers::new(1, FORMATS, Some(&simulcast), (7, "cname"), 1_000_000)
}

/// A packet of a source, with a name by an identifier and a number of the transport.
fn packet(
    (payload_type, ssrc, sequence): (u8, u32, u16),
    name: Option<(u8, &str)>,
    number: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut room = [0; 32];
    let mut elements = Writer::new(&mut room);
    elements.push(3, &number.to_be_bytes());
    if let Some((id, name)) = name {
        elements.push(id, name.as_bytes());
    }
    let header = RtpHeader {
        payload_type,
        ssrc,
        sequence,
        extension: elements.finish(),
        ..RtpHeader::default()
    };
    let mut bytes = vec![0; header.encoded_len()];
    header.write(&mut bytes).unwrap();
    bytes.extend(payload);
    bytes
}

fn take(camera: &mut Layers, bytes: &[u8], now_ns: u64) -> Option<Came> {
    let packet = RtpPacket::parse(bytes).unwrap();
    camera.take(&packet, packet.payload().unwrap(), now_ns)
}

/// What the sender is told: the missing, by whose they are, and of which a key frame is wanted.
fn told(camera: &mut Layers, now_ns: u64) -> (Vec<(u32, u16)>, Vec<u32>) {
    let (mut missing, mut keys, mut out) = (Vec::new(), Vec::new(), [0; 1_500]);
    let mut compounds = 0;
    while let Some(used) = camera.poll_feedback(now_ns, &mut out) {
        compounds += 1;
        assert!(compounds <= 3 && Packets::new(&out[..used]).all(|packet| packet.is_ok()));
        for ssrc in 100..103 {
            feedback::read(&out[..used], ssrc, |feedback| match feedback {
                Feedback::KeyFrame => keys.push(ssrc),
                Feedback::Missing(numbers) => missing.extend(numbers.map(|n| (ssrc, n))),
                Feedback::Bandwidth(_) | Feedback::Lost(_) => {}
            });
        }
    }
    (missing, keys)
}

proptest! {
    /// Each packet that comes is one of its layer, once, whatever is lost and however long it is named; what was lost
    /// comes again by the source of repeats.
    #[test]
    fn a_packet_is_of_the_layer_that_sent_it(
        named in 2_usize..40,
        steps in prop::collection::vec((0_usize..3, 0_u8..10), 1..300),
    ) {
        let mut camera = camera();
        let (mut sent, mut again, mut number) = ([0_u16; 3], [0_u16; 3], 0);
        let mut came = [const { Vec::new() }; 3];
        for (step, (layer, fate)) in steps.into_iter().enumerate() {
            let now_ns = (step as u64 + 1) * 10 * MS;
            let (sequence, ssrc) = (sent[layer], 100 + layer as u32);
            sent[layer] += 1;
            number += 1;
            // The first packets come: who never names itself is nobody.
            if fate > 0 || usize::from(sequence) < 2 {
                let name = (usize::from(sequence) < named).then_some((10, NAMES[layer]));
                let bytes = packet((96, ssrc, sequence), name, number, &[0x10, 1, layer as u8]);
                let it = take(&mut camera, &bytes, now_ns);
                prop_assert_eq!(it.map(|it| it.run.layer), Some(layer as u8));
                prop_assert!(take(&mut camera, &bytes, now_ns).is_none(), "again");
                came[layer].push(sequence);
            }
            for (ssrc, missing) in told(&mut camera, now_ns).0 {
                let layer = ssrc as usize - 100;
                let repeats = (97, ssrc + 50, again[layer]);
                let name = (usize::from(again[layer]) < named).then_some((11, NAMES[layer]));
                again[layer] += 1;
                number += 1;
                let [high, low] = missing.to_be_bytes();
                let bytes = packet(repeats, name, number, &[high, low, 0x10, 1, layer as u8]);
                let it = take(&mut camera, &bytes, now_ns);
                prop_assert_eq!(it.map(|it| it.run.layer), Some(layer as u8));
                came[layer].push(missing);
            }
        }
        for (layer, mut came) in came.into_iter().enumerate() {
            came.sort_unstable();
            // All but what was lost last, of which nobody knows yet.
            let all: Vec<u16> = (0..came.last().map_or(0, |last| last + 1)).collect();
            prop_assert_eq!(&came, &all, "{}", NAMES[layer]);
            for sequence in came {
                let run = camera.run(layer as u8).unwrap();
                let (_, payload) = camera.kept(run, (2 << 16) + u64::from(sequence)).unwrap();
                prop_assert_eq!(payload[2], layer as u8);
            }
        }
    }
}

#[test]
fn who_has_no_name_or_another_is_no_layer() {
    let mut camera = camera();
    let of = |name| packet((96, 100, 1), name, 1, &[0x10, 0, 0]);
    for name in [None, Some((10, "x")), Some((10, "")), Some((11, "h")), Some((10, "hh"))] {
        assert!(take(&mut camera, &of(name), MS).is_none(), "{name:?}");
    }
    assert!(take(&mut camera, &of(Some((10, "h"))), MS).is_some());
    let repeat = packet((97, 150, 1), None, 1, &[0, 0, 0x10, 0, 0]);
    assert!(take(&mut camera, &repeat, MS).is_none());
    assert_eq!((camera.stats().packets, camera.stats().refused), (1, 6));
}

#[test]
fn the_layers_that_are_sent_are_told_with_what_they_take() {
    let mut camera = camera();
    let offered = |camera: &Layers, now_ns| {
        let (offered, count) = camera.offered(now_ns);
        offered[..count].to_vec()
    };
    assert_eq!(offered(&camera, 0), []);
    // 10 and 40 packets a second; a third layer has just begun.
    let mut last_ns = 0;
    for n in 0..300_u16 {
        let now_ns = u64::from(n) * 25 * MS;
        let mut film = |layer: usize, sequence| {
            let name = Some((10, NAMES[layer]));
            let bytes = packet((96, 100 + layer as u32, sequence), name, n, &[0; 1_000]);
            take(&mut camera, &bytes, now_ns);
        };
        film(0, n);
        if n % 4 == 0 {
            film(2, n / 4);
        }
        if n == 299 {
            film(1, 0);
        }
        if n == 0 {
            let begun = [2, 0].map(|layer| Offered { layer, bps: 0 });
            let mut told = offered(&camera, now_ns);
            told.sort_by_key(|offered| core::cmp::Reverse(offered.layer));
            assert_eq!(told, begun);
        }
        last_ns = now_ns;
    }
    let told = offered(&camera, last_ns);
    assert_eq!(told.iter().map(|offered| offered.layer).collect::<Vec<_>>(), [2, 0]);
    for (offered, bps) in told.iter().zip([80_000, 320_000]) {
        assert!(offered.bps.abs_diff(bps) < bps / 20, "{offered:?}");
    }
    assert_eq!(offered(&camera, last_ns + 400 * MS), [], "all pause");
}

#[test]
fn a_key_frame_is_asked_of_the_layer_that_it_is_wanted_of() {
    let mut camera = camera();
    for layer in 0..3 {
        let name = Some((10, NAMES[layer]));
        take(&mut camera, &packet((96, 100 + layer as u32, 0), name, 0, &[0x10, 1, 0]), MS);
    }
    told(&mut camera, MS);
    camera.want_key_frame(1);
    camera.want_key_frame(7);
    assert_eq!(told(&mut camera, 2 * MS), (vec![], vec![101]));
}
