// SPDX-License-Identifier: MIT OR Apache-2.0
//! Phones around a conference, in simulated time.

use super::*;
use crate::codec::CodecSpec;
use crate::codec::opus::OpusConfig;
use crate::leg::{Leg, LegConfig, LegMedia, LegReceiver};
use alloc::vec::Vec;

const TICK_NS: u64 = 10_000_000;

/// A phone: its own leg, and the bridge's leg that faces it.
struct Phone {
    receiver: LegReceiver,
    media: LegMedia,
    bridge: LegReceiver,
    id: MemberId,
    hz: f32,
    heard: Vec<i16>,
}

fn leg(ssrc: u32, codec: CodecSpec) -> (LegReceiver, Box<LegMedia>) {
    let mut config = LegConfig::new(ssrc, 96, codec);
    config.rtcp_interval_ms = 0;
    let (receiver, media, _) = Leg::new(&config).unwrap();
    (receiver, Box::new(media))
}

fn phone(control: &ConferenceControl, tag: u64, codec: CodecSpec, hz: f32) -> Phone {
    let (bridge, bridge_media) = leg(100 + tag as u32, codec);
    let (receiver, media) = leg(tag as u32, codec);
    let id = control
        .join(bridge_media, JoinOptions { tag, ..Default::default() })
        .map_err(|(error, _)| error)
        .unwrap();
    Phone { receiver, media: *media, bridge, id, hz, heard: Vec::new() }
}

fn opus(sample_rate_hz: u32) -> CodecSpec {
    CodecSpec::Opus(OpusConfig { sample_rate_hz, ..Default::default() })
}

/// Everybody sings its tone for `ticks`.
fn sing(conference: &mut Conference, phones: &mut [Phone], ticks: core::ops::Range<u64>) {
    let mut outgoing = Outgoing::new(64);
    for tick in ticks {
        let now_ns = tick * TICK_NS;
        for phone in phones.iter_mut() {
            let rate = phone.media.sample_rate_hz();
            let mut pcm = vec![0; (rate / 100) as usize];
            phone.media.pull(now_ns, &mut pcm).unwrap();
            phone.heard.extend_from_slice(&pcm);
            let start = tick * u64::from(rate / 100);
            for (n, sample) in pcm.iter_mut().enumerate() {
                let t = (start + n as u64) as f32 / rate as f32;
                *sample = (3_000.0 * (core::f32::consts::TAU * phone.hz * t).sin()) as i16;
            }
            phone.media.push(&pcm).unwrap();
            while let Some(datagram) = phone.media.poll_transmit(now_ns) {
                let mut datagram = datagram.to_vec();
                let _ = phone.bridge.receive(&mut datagram, now_ns);
            }
        }
        conference.tick(now_ns, &mut outgoing);
        for datagram in outgoing.iter() {
            if let Some(phone) = phones.iter_mut().find(|phone| phone.id == datagram.member) {
                let _ = phone.receiver.receive(&mut datagram.bytes.to_vec(), now_ns);
            }
        }
    }
}

/// Amplitude of a tone at the end of what was heard.
fn amplitude(phone: &Phone, hz: f32) -> f32 {
    let rate = phone.media.sample_rate_hz();
    let tail = &phone.heard[phone.heard.len() - rate as usize / 5..];
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in tail.iter().enumerate() {
        let (sin, cos) = (core::f32::consts::TAU * hz * n as f32 / rate as f32).sin_cos();
        re += f32::from(*sample) * cos;
        im += f32::from(*sample) * sin;
    }
    2.0 * (re * re + im * im).sqrt() / tail.len() as f32
}

#[test]
fn members_of_every_rate_hear_the_others_and_not_themselves() {
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_members: 8, ..Default::default() }).unwrap();
    let codecs = [CodecSpec::Pcma, CodecSpec::Pcmu, opus(16_000), opus(48_000)];
    let mut phones: Vec<_> = codecs
        .into_iter()
        .enumerate()
        .map(|(n, codec)| phone(&control, n as u64, codec, 400.0 + 300.0 * n as f32))
        .collect();
    sing(&mut conference, &mut phones, 0..150);
    for (n, listener) in phones.iter().enumerate() {
        for (other, talker) in phones.iter().enumerate() {
            let level = amplitude(listener, talker.hz);
            if n == other {
                assert!(level < 150.0, "phone {n} hears itself at {level}");
            } else {
                assert!((2_000.0..4_000.0).contains(&level), "{n} hears {other} at {level}");
            }
        }
        assert!(conference.level_dbov(listener.id).unwrap() < 30);
    }
    assert_eq!(control.stats().members, 4);
}

#[test]
fn who_leaves_is_not_heard_any_more_and_its_place_can_be_taken_again() {
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_members: 2, ..Default::default() }).unwrap();
    let mut phones =
        vec![phone(&control, 0, CodecSpec::Pcma, 400.0), phone(&control, 1, opus(16_000), 900.0)];
    sing(&mut conference, &mut phones, 0..100);
    assert!(amplitude(&phones[0], 900.0) > 2_000.0);
    let gone = phones[1].id;
    control.leave(gone).unwrap();
    assert_eq!(control.leave(gone), Err(ConferenceError::UnknownMember));
    let (_, media) = leg(9, CodecSpec::Pcmu);
    let refused = control.join(media, JoinOptions::default());
    assert!(matches!(refused, Err((ConferenceError::Full, _))));
    sing(&mut conference, &mut phones, 100..200);
    assert!(amplitude(&phones[0], 900.0) < 50.0);
    assert_eq!(control.reclaim().map(|(id, _)| id), Some(gone));
    assert!(control.reclaim().is_none());
    let (_, media) = leg(9, CodecSpec::Pcmu);
    let id = control.join(media, JoinOptions::default()).map_err(|(error, _)| error).unwrap();
    assert_ne!(id, gone);
    assert_eq!(control.set_muted(gone, true), Err(ConferenceError::UnknownMember));
}

#[test]
fn muting_and_gain_take_effect_for_the_others() {
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_members: 4, ..Default::default() }).unwrap();
    let mut phones = vec![
        phone(&control, 0, CodecSpec::Pcma, 400.0),
        phone(&control, 1, CodecSpec::Pcma, 900.0),
    ];
    control.set_gain(phones[1].id, 0.5).unwrap();
    sing(&mut conference, &mut phones, 0..100);
    assert!((1_300.0..1_700.0).contains(&amplitude(&phones[0], 900.0)));
    control.set_muted(phones[1].id, true).unwrap();
    sing(&mut conference, &mut phones, 100..200);
    assert!(amplitude(&phones[0], 900.0) < 50.0);
    assert!(amplitude(&phones[1], 400.0) > 2_000.0, "who is muted still hears");
    for factor in [f32::NAN, -1.0, 9.0, f32::INFINITY] {
        assert_eq!(control.set_gain(phones[0].id, factor), Err(ConferenceError::InvalidGain));
    }
}

#[test]
fn a_thousand_joins_take_effect_in_one_tick() {
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_members: 1_000, ..Default::default() }).unwrap();
    for n in 0..1_000 {
        let (_, media) = leg(n, CodecSpec::Pcmu);
        control.join(media, JoinOptions::default()).map_err(|(error, _)| error).unwrap();
    }
    conference.tick(0, &mut Outgoing::new(1));
    assert_eq!(control.stats().members, 1_000);
}

#[test]
fn datagrams_that_do_not_fit_wait_for_the_next_tick() {
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_members: 4, ..Default::default() }).unwrap();
    for n in 0..3 {
        let (_, media) = leg(n, CodecSpec::Pcmu);
        control.join(media, JoinOptions::default()).map_err(|(error, _)| error).unwrap();
    }
    let mut outgoing = Outgoing::new(1);
    let mut sent = 0;
    for tick in 0..20 {
        conference.tick(tick * TICK_NS, &mut outgoing);
        sent += outgoing.len();
    }
    assert!(sent >= 19, "{sent}");
    assert!(conference.stats().deferred > 0);
}

#[test]
fn an_impossible_size_is_refused() {
    for max_members in [0, 8_193] {
        let config = ConferenceConfig { max_members, ..Default::default() };
        assert_eq!(Conference::new(&config).err(), Some(ConferenceError::InvalidConfig));
    }
}
