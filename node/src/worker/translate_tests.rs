// SPDX-License-Identifier: MIT OR Apache-2.0
//! A voice from one codec into another, with time as an argument.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ale_media::codec::{CodecSpec, g711};
use ale_media::leg::{Leg, LegConfig, LegControl};

use super::*;
use crate::ports::{Ports, Sockets};
use crate::worker::Passing;

fn end(codec: CodecSpec, payload_type: u8, peer: SocketAddr) -> (End<Voice>, LegControl) {
    let mut config = LegConfig::plain(0x5e1f, payload_type, codec);
    config.remote.rtp = Some(peer);
    config.sample_rate_hz = Some(8_000);
    config.rtcp_interval_ms = 0;
    let (receiver, media, control) = Leg::new(&config).unwrap();
    let ports = Ports::new(IpAddr::from([127, 0, 0, 1]), 23_200, 23_399, 0, 0);
    let (sockets, counters) = (Sockets::Own(ports.bind().unwrap()), Arc::default());
    (
        End {
            facing: Facing {
                sockets,
                rtcp_mux: false,
                peer: None,
                passing: Passing::default(),
                playing: None,
                ear: None,
                counters,
            },
            media: Voice { receiver, media, at_checkpoint: 0 },
        },
        control,
    )
}

#[test]
fn what_is_said_in_mu_law_is_heard_in_a_law_and_the_silence_back() {
    let phones = [0, 1].map(|_| {
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        phone
    });
    let [alice, bob] = phones.each_ref().map(|phone| phone.local_addr().unwrap());
    let mut ends = [end(CodecSpec::Pcmu, 0, alice).0, end(CodecSpec::Pcma, 8, bob).0];
    let tone =
        |n: usize| (8_000.0 * (n as f64 * 440.0 * core::f64::consts::TAU / 8_000.0).sin()) as i16;
    let mut heard = Vec::new();
    for n in 0..100_usize {
        let now_ns = n as u64 * TICK_NS;
        let mut packet = vec![0x80, 0, 0, n as u8, 0, 0, 0, 0, 0, 0, 0, 9];
        packet[4..8].copy_from_slice(&(n as u32 * 160).to_be_bytes());
        packet.extend((0..160).map(|k| g711::Law::Mu.from_linear(tone(n * 160 + k))));
        let bytes = packet.len();
        let End { facing, media } = &mut ends[0];
        take(facing, &mut media.receiver, &mut packet, bytes, Some(alice), now_ns);
        cross(&mut ends, now_ns);
        let mut packet = [0; 2048];
        let bytes = phones[1].recv(&mut packet).unwrap();
        assert_eq!((bytes, packet[1] & 0x7f), (172, 8));
        heard.extend(packet[12..bytes].iter().map(|&byte| g711::Law::A.to_linear(byte)));
        let bytes = phones[0].recv(&mut packet).unwrap();
        assert_eq!((bytes, packet[1] & 0x7f), (172, 0));
        assert!(
            packet[12..bytes].iter().all(|&b| g711::Law::Mu.to_linear(b).abs() <= 8),
            "an echo"
        );
    }
    // Half a second in, the tone is there: its power at 440 Hz is nearly all there is.
    let heard = &heard[8_000 / 2..8_000 / 2 + 8_000];
    let (mut real, mut imaginary, mut power) = (0.0, 0.0, 0.0);
    for (n, &sample) in heard.iter().enumerate() {
        let (sin, cos) = (n as f64 * 440.0 * core::f64::consts::TAU / 8_000.0).sin_cos();
        (real, imaginary) = (real + f64::from(sample) * cos, imaginary + f64::from(sample) * sin);
        power += f64::from(sample).powi(2);
    }
    let amplitude = 2.0 * real.hypot(imaginary) / heard.len() as f64;
    assert!((7_600.0..8_400.0).contains(&amplitude), "{amplitude}");
    let of_the_tone = amplitude.powi(2) / 2.0 * heard.len() as f64 / power;
    assert!(of_the_tone > 0.99, "{of_the_tone}");
    assert_eq!(ends[0].facing.counters.rtp_packets.load(Ordering::Relaxed), 100);
}
