// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who hears whom in a conference, with time as an argument.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ale_media::codec::{CodecSpec, g711::Law};
use ale_media::conference::{ConferenceConfig, ConferenceControl, JoinOptions, MemberId};
use ale_media::leg::{Leg, LegConfig};

use super::*;
use crate::ports::{Ports, Sockets};
use crate::worker::{Facing, MIX_TICK_NS, Passing};

type Paths = Vec<Option<Box<Path>>>;

const TONES_HZ: [usize; 3] = [400, 1_000, 2_200];
const AMPLITUDE: f64 = 4_000.0;

fn path(id: u64, peer: SocketAddr, control: &ConferenceControl) -> (Box<Path>, MemberId) {
    let mut config = LegConfig::plain(0x5e1f + id as u32, 0, CodecSpec::Pcmu);
    config.remote.rtp = Some(peer);
    config.rtcp_interval_ms = 0;
    let (receiver, media, _) = Leg::new(&config).unwrap();
    let member = control.join(Box::new(media), JoinOptions::tagged(id)).unwrap();
    let sockets = Sockets::Own(
        Ports::new(IpAddr::from([127, 0, 0, 1]), 23_600, 23_699, 0, 0).bind().unwrap(),
    );
    let (peer, passing, counters) = (None, Passing::default(), Arc::default());
    let facing =
        Facing { sockets, rtcp_mux: true, peer, passing, playing: None, ear: None, counters };
    let media = Heard::new(receiver, None);
    (Box::new(Path { id, ends: Ends::Mix(End { facing, media }) }), member)
}

/// Amplitude of a tone in samples of whole periods.
fn amplitude(samples: &[i16], hz: usize) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (sin, cos) = (core::f64::consts::TAU * (n * hz) as f64 / 8_000.0).sin_cos();
        (real, imaginary) = (real + f64::from(sample) * cos, imaginary + f64::from(sample) * sin);
    }
    2.0 * f64::hypot(real, imaginary) / samples.len() as f64
}

#[test]
fn each_hears_the_others_and_not_itself_and_nothing_goes_to_who_has_left() {
    let (conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let mut mix = Mix { id: 1, conference, outgoing: Outgoing::new(8) };
    let phones = [0, 1, 2].map(|_| {
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        phone
    });
    let addresses = phones.each_ref().map(|phone| phone.local_addr().unwrap());
    // Numbers of paths are not their places.
    let made = [0, 1, 2].map(|n| path(70 + n as u64, addresses[n], &control));
    let last = made[2].1;
    let mut paths: Paths = made.into_iter().map(|(path, _)| Some(path)).collect();
    let places: HashMap<u64, usize> = (0..3).map(|n| (70 + n as u64, n)).collect();
    let mut heard = [const { Vec::new() }; 3];
    let mut speak = |n: usize, present: usize, heard: &mut [Vec<i16>; 3], paths: &mut Paths| {
        for k in 0..present {
            let mut packet = vec![0x80, 0, 0, n as u8, 0, 0, 0, 0, 0, 0, 0, 9];
            packet[4..8].copy_from_slice(&(n as u32 * 160).to_be_bytes());
            packet.extend((n * 160..n * 160 + 160).map(|at| {
                let turn = core::f64::consts::TAU * (at * TONES_HZ[k]) as f64 / 8_000.0;
                Law::Mu.from_linear((AMPLITUDE * turn.sin()) as i16)
            }));
            let bytes = packet.len();
            let Ends::Mix(end) = &mut paths[k].as_mut().unwrap().ends else { panic!() };
            take(end, &mut packet, bytes, Some(addresses[k]), 2 * n as u64 * MIX_TICK_NS);
        }
        for tick in 2 * n as u64..2 * n as u64 + 2 {
            super::tick(&mut mix, paths, &places, tick * MIX_TICK_NS);
        }
        for (phone, heard) in phones.iter().zip(heard).take(present) {
            let mut packet = [0; 2048];
            let bytes = phone.recv(&mut packet).unwrap();
            assert_eq!((bytes, packet[1] & 0x7f), (172, 0));
            heard.extend(packet[12..bytes].iter().map(|&byte| Law::Mu.to_linear(byte)));
        }
    };
    for n in 0..100 {
        speak(n, 3, &mut heard, &mut paths);
    }
    for (own, heard) in heard.iter().enumerate() {
        for (other, hz) in TONES_HZ.into_iter().enumerate() {
            let found = amplitude(&heard[4_000..12_000], hz);
            let expected = if own == other { 0.0..40.0 } else { 3_800.0..4_200.0 };
            assert!(expected.contains(&found), "{found} of {other} at {own}");
        }
    }
    control.leave(last).unwrap();
    heard = [const { Vec::new() }; 3];
    for n in 100..160 {
        speak(n, 2, &mut heard, &mut paths);
        // The tick after the order says good-bye in its last packet, if one was begun.
        if n == 110 {
            phones[2].set_nonblocking(true).unwrap();
            while phones[2].recv(&mut [0; 2048]).is_ok() {}
        }
    }
    assert!(phones[2].recv(&mut [0; 2048]).is_err(), "something went to who has left");
    for (at, other) in [(0, 1), (1, 0)] {
        let heard = &heard[at][1_600..9_600];
        assert!((3_800.0..4_200.0).contains(&amplitude(heard, TONES_HZ[other])));
        assert!(amplitude(heard, TONES_HZ[2]) < 40.0);
    }
    assert_eq!(control.reclaim().map(|(id, _)| id), Some(last));
}
