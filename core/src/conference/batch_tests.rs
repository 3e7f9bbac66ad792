// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagrams of a tick are protected together; the bytes are those of legs by themselves.

use super::config::TICK_NS;
use super::*;
use crate::codec::CodecSpec;
use crate::leg::{Leg, LegConfig, SrtpConfig};
use crate::srtp::{Policy, SessionConfig, Suite};
use crate::test_support::keys;

fn config(n: u32) -> LegConfig {
    let suites = [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm, Suite::AeadAes256Gcm];
    let codecs =
        [CodecSpec::Pcmu, CodecSpec::Pcma, CodecSpec::L16 { sample_rate_hz: 8_000, channels: 1 }];
    let mut config = LegConfig::plain(n, 96, codecs[n as usize % 3].clone());
    config.rtcp_interval_ms = 200;
    config.header_extensions.audio_level = n.is_multiple_of(2).then_some(3);
    if let Some(suite) = suites.get(n as usize % 4) {
        let session = |byte| SessionConfig { policy: Policy::Interop, ..keys(*suite, byte) };
        config.srtp = Some(SrtpConfig { send: session(n as u8), receive: session(!(n as u8)) });
    }
    config
}

#[test]
fn what_is_protected_together_has_the_bytes_of_one_after_the_other() {
    const LEGS: u32 = 90;
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_members: 100, ..Default::default() }).unwrap();
    let (ours, mut host) = LinkEnd::pair(8_000).unwrap();
    control.join_link(Box::new(ours), JoinOptions::default()).map_err(|(e, _)| e).unwrap();
    let mut alone = Vec::new();
    for n in 0..LEGS {
        let (_receiver, media, _) = Leg::new(&config(n)).unwrap();
        let options = JoinOptions { tag: u64::from(n), ..Default::default() };
        control.join(Box::new(media), options).map_err(|(e, _)| e).unwrap();
        alone.push(Leg::new(&config(n)).unwrap().1);
    }
    let mut outgoing = Outgoing::new(300);
    let mut seen = 0;
    for tick in 0..60_u64 {
        let mut pcm = [0_i16; 80];
        // Who comes hears the others rise over a tick: of silence.
        for (n, sample) in pcm.iter_mut().enumerate().filter(|_| tick > 0) {
            *sample = ((tick * 80 + n as u64) * 7_919 % 20_011) as i16 - 10_005;
        }
        host.push(&pcm);
        let now_ns = tick * TICK_NS;
        conference.tick(now_ns, &mut outgoing);
        for (n, media) in alone.iter_mut().enumerate() {
            media.push(&pcm).unwrap();
            let mut together = outgoing.iter().filter(|sent| sent.tag == n as u64);
            while let Some(datagram) = media.poll_transmit(now_ns) {
                assert_eq!(together.next().map(|sent| sent.bytes), Some(datagram), "leg {n}");
                seen += 1;
            }
            assert_eq!(together.next(), None);
        }
    }
    assert!(seen > 30 * LEGS as usize, "{seen}, with reports");
}
