// SPDX-License-Identifier: MIT OR Apache-2.0
//! Phones around a conference, in simulated time.

pub(super) use super::config::TICK_NS;
use super::*;
use crate::codec::CodecSpec;
use crate::codec::opus::OpusConfig;
use crate::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver};
use alloc::vec::Vec;

/// A phone: its own leg, and the bridge's leg that faces it.
pub(super) struct Phone {
    receiver: LegReceiver,
    media: LegMedia,
    pub(super) control: LegControl,
    bridge: LegReceiver,
    /// The control half of the bridge's leg.
    pub(super) leg: LegControl,
    pub(super) id: MemberId,
    hz: f32,
    pub(super) heard: Vec<i16>,
}

fn leg(ssrc: u32, codec: CodecSpec) -> (LegReceiver, Box<LegMedia>) {
    let mut config = LegConfig::plain(ssrc, 96, codec);
    config.rtcp_interval_ms = 0;
    let (receiver, media, _) = Leg::new(&config).unwrap();
    (receiver, Box::new(media))
}

pub(super) fn phone(control: &ConferenceControl, tag: u64, codec: CodecSpec, hz: f32) -> Phone {
    phone_with(control, tag, codec, hz, |_| {})
}

/// The same, with other settings of both legs.
pub(super) fn phone_with(
    control: &ConferenceControl,
    tag: u64,
    codec: CodecSpec,
    hz: f32,
    set: impl Fn(&mut LegConfig),
) -> Phone {
    let config = |ssrc| {
        let mut config = LegConfig::plain(ssrc, 96, codec.clone());
        config.rtcp_interval_ms = 0;
        set(&mut config);
        config
    };
    let (bridge, bridge_media, leg) = Leg::new(&config(100 + tag as u32)).unwrap();
    let (receiver, media, own) = Leg::new(&config(tag as u32)).unwrap();
    let id = control
        .join(Box::new(bridge_media), JoinOptions { tag, ..Default::default() })
        .map_err(|(error, _)| error)
        .unwrap();
    Phone { receiver, media, control: own, bridge, leg, id, hz, heard: Vec::new() }
}

pub(super) fn opus(sample_rate_hz: u32) -> CodecSpec {
    CodecSpec::Opus(OpusConfig { sample_rate_hz, ..Default::default() })
}

/// One tick: each phone, by its number, says what `say` writes, and hears what comes.
pub(super) fn tick(
    conference: &mut Conference,
    phones: &mut [Phone],
    outgoing: &mut Outgoing,
    now_ns: u64,
    mut say: impl FnMut(usize, &mut [i16]),
) {
    for (n, phone) in phones.iter_mut().enumerate() {
        let mut pcm = vec![0; (phone.media.sample_rate_hz() / 100) as usize];
        phone.media.pull(now_ns, &mut pcm).unwrap();
        phone.heard.extend_from_slice(&pcm);
        say(n, &mut pcm);
        phone.media.push(&pcm).unwrap();
        while let Some(datagram) = phone.media.poll_transmit(now_ns) {
            let mut datagram = datagram.to_vec();
            let _ = phone.bridge.receive(&mut datagram, now_ns);
        }
    }
    conference.tick(now_ns, outgoing);
    for datagram in outgoing.iter() {
        if let Some(phone) = phones.iter_mut().find(|phone| phone.id == datagram.member) {
            let _ = phone.receiver.receive(&mut datagram.bytes.to_vec(), now_ns);
        }
    }
}

/// Everybody sings its tone for `ticks`.
fn sing(conference: &mut Conference, phones: &mut [Phone], ticks: core::ops::Range<u64>) {
    let mut outgoing = Outgoing::new(64);
    let tones: Vec<_> =
        phones.iter().map(|phone| (phone.hz, phone.media.sample_rate_hz())).collect();
    for n in ticks {
        tick(conference, phones, &mut outgoing, n * TICK_NS, |who, pcm| {
            let (hz, rate) = tones[who];
            let start = n * u64::from(rate / 100);
            for (n, sample) in pcm.iter_mut().enumerate() {
                let t = (start + n as u64) as f32 / rate as f32;
                *sample = (3_000.0 * (core::f32::consts::TAU * hz * t).sin()) as i16;
            }
        });
    }
}

/// Amplitude of a tone at the end of what was heard.
pub(super) fn amplitude(phone: &Phone, hz: f32) -> f32 {
    let rate_hz = phone.media.sample_rate_hz();
    let tail = &phone.heard[phone.heard.len() - rate_hz as usize / 5..];
    testkit::amplitude(tail, rate_hz, f64::from(hz)) as f32
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
fn a_conference_of_few_rates_sounds_as_one_of_all_and_refuses_the_others() {
    let heard = |rates_hz: [u32; 4]| {
        let config = ConferenceConfig { max_members: 3, rates_hz, ..Default::default() };
        let (mut conference, control) = Conference::new(&config).unwrap();
        let codecs = [CodecSpec::Pcma, opus(16_000), CodecSpec::Pcmu];
        let phones = codecs.into_iter().enumerate();
        let mut phones: Vec<_> = phones
            .map(|(n, codec)| phone(&control, n as u64, codec, 400.0 + 300.0 * n as f32))
            .collect();
        sing(&mut conference, &mut phones, 0..50);
        phones.into_iter().map(|phone| phone.heard).collect::<Vec<_>>()
    };
    assert!(heard([16_000, 0, 8_000, 0]) == heard([8_000, 16_000, 32_000, 48_000]));

    let one = ConferenceConfig { rates_hz: [0, 0, 0, 8_000], ..Default::default() };
    let (_conference, control) = Conference::new(&one).unwrap();
    let media = leg(1, opus(16_000)).1;
    let refused = control.join(media, JoinOptions::default()).err().map(|(error, _)| error);
    assert_eq!(refused, Some(ConferenceError::UnsupportedRate));
    for rates_hz in [[0; 4], [8_000, 11_025, 0, 0]] {
        let config = ConferenceConfig { rates_hz, ..Default::default() };
        assert_eq!(Conference::new(&config).err(), Some(ConferenceError::InvalidConfig));
    }
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

/// Who comes or goes in the middle of a loud tone makes no step, neither for those who stay nor, on the
/// line, for who comes or goes.
#[test]
fn comings_and_goings_are_ramps() {
    for limiter in [false, true] {
        for max_speakers in [0, 1] {
            let config = ConferenceConfig { limiter, max_speakers, ..Default::default() };
            let (mut conference, control) = Conference::new(&config).unwrap();
            let join = || {
                let (ours, end) = LinkEnd::pair(8_000).unwrap();
                let id = control.join_link(Box::new(ours), JoinOptions::default());
                (id.map_err(|(error, _)| error).unwrap(), end)
            };
            let (mut stays, mut comes) = (join(), None);
            let mut heard = [vec![0_i16], vec![0_i16]];
            for tick in 0..60 {
                if tick == 20 {
                    comes = Some(join());
                } else if tick == 40 {
                    control.leave(comes.as_ref().unwrap().0).unwrap();
                }
                // What is to be fed is a tone's crest, on which a step would be largest.
                // With one speaker, who comes is it.
                stays.1.push(&[if max_speakers == 0 { 8_000 } else { 0 }; 80]);
                if let Some(line) = &mut comes {
                    assert!(line.1.push(&[12_000; 80]) || tick > 40);
                }
                conference.tick(tick * TICK_NS, &mut Outgoing::new(1));
                let mut pcm = [0; 80];
                assert!(stays.1.pull(&mut pcm));
                heard[0].extend(pcm);
                if comes.as_mut().is_some_and(|line| line.1.pull(&mut pcm)) {
                    heard[1].extend(pcm);
                }
            }
            assert_eq!(control.stats().members, 1);
            let crest = |heard: &[i16]| heard.iter().copied().max();
            assert_eq!(crest(&heard[0]), Some(12_000));
            assert_eq!(heard[0].last(), Some(&0), "nobody is there any more");
            assert_eq!(heard[1].last(), Some(&0), "a fade ends the line");
            for heard in &heard {
                let step = heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
                assert!(
                    step < Some(400),
                    "{step:?} with limiter {limiter}, {max_speakers} speakers"
                );
            }
        }
    }
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

#[test]
fn a_coach_is_heard_by_its_trainee_alone_and_hears_everybody() {
    let config = ConferenceConfig { max_pair_gains: 4, ..Default::default() };
    let (mut conference, control) = Conference::new(&config).unwrap();
    let mut phones: Vec<_> =
        (0..3).map(|n| phone(&control, n, CodecSpec::Pcma, 400.0 + 300.0 * n as f32)).collect();
    let [coach, trainee, customer] = [phones[0].id, phones[1].id, phones[2].id];
    control.set_private(coach, true).unwrap();
    control.set_pair_gain(trainee, coach, Some(1.0)).unwrap();
    sing(&mut conference, &mut phones, 0..120);
    assert!(amplitude(&phones[1], 400.0) > 2_000.0, "the trainee hears the coach");
    assert!(amplitude(&phones[2], 400.0) < 50.0, "the customer does not");
    assert!(amplitude(&phones[0], 1_000.0) > 2_000.0, "the coach hears the customer");
    control.set_pair_gain(trainee, customer, Some(0.25)).unwrap();
    control.set_listening(customer, false).unwrap();
    sing(&mut conference, &mut phones, 120..240);
    assert!((600.0..900.0).contains(&amplitude(&phones[1], 1_000.0)), "quieter for the trainee");
    assert!(amplitude(&phones[2], 700.0) < 50.0, "who only talks hears nothing");
    assert_eq!(control.set_pair_gain(coach, coach, None), Err(ConferenceError::InvalidPair));
    let infinite = control.set_pair_gain(trainee, coach, Some(f32::INFINITY));
    assert_eq!(infinite, Err(ConferenceError::InvalidGain));
    let wide = phone(&control, 9, opus(16_000), 0.0).id;
    assert_eq!(control.set_pair_gain(trainee, wide, None), Err(ConferenceError::InvalidPair));
    assert_eq!(control.stats().refused, 3);
}

#[test]
fn a_pair_gain_that_finds_no_room_is_refused_when_it_is_given() {
    let config = ConferenceConfig { max_pair_gains: 2, ..Default::default() };
    let (mut conference, control) = Conference::new(&config).unwrap();
    let mut phones: Vec<_> =
        (0..3).map(|n| phone(&control, n, CodecSpec::Pcma, 400.0 + 300.0 * n as f32)).collect();
    let [a, b, c] = [phones[0].id, phones[1].id, phones[2].id];
    let mut at = 0;
    let mut tick = |conference: &mut Conference, phones: &mut [Phone]| {
        sing(conference, phones, at..at + 1);
        at += 1;
    };
    // Before the tick and after it, the same answers.
    for _ in 0..2 {
        control.set_pair_gain(a, b, Some(0.5)).unwrap();
        control.set_pair_gain(a, c, Some(0.5)).unwrap();
        assert_eq!(control.set_pair_gain(b, c, Some(0.5)), Err(ConferenceError::Full));
        control.set_pair_gain(a, b, Some(0.25)).expect("one that is there may change");
        control.set_pair_gain(b, c, None).expect("it has none");
        tick(&mut conference, &mut phones);
    }
    assert_eq!((control.stats().refused, conference.stats().refused), (2, 2));
    // Taken away, it ramps out for a tick; then its room is another's.
    control.set_pair_gain(a, c, None).unwrap();
    tick(&mut conference, &mut phones);
    tick(&mut conference, &mut phones);
    control.set_pair_gain(b, c, Some(0.0)).unwrap();
    assert_eq!(control.set_pair_gain(c, b, Some(0.0)), Err(ConferenceError::Full));
    // A talker that leaves takes its gains along, also those that were ordered too late.
    control.leave(c).unwrap();
    tick(&mut conference, &mut phones);
    tick(&mut conference, &mut phones);
    control.set_pair_gain(b, a, Some(0.5)).unwrap();
    tick(&mut conference, &mut phones);
    assert_eq!(control.set_pair_gain(b, c, Some(0.5)), Err(ConferenceError::UnknownMember));
    // A listener too.
    control.set_pair_gain(b, a, Some(0.25)).unwrap();
    control.leave(b).unwrap();
    tick(&mut conference, &mut phones);
    tick(&mut conference, &mut phones);
    assert!(conference.rates.pair_gains() == 0);
    assert!(control.shared_pair_slots_free(), "nothing is held");
}

#[test]
fn who_listens_again_hears_at_once() {
    let (mut conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let mut phones: Vec<_> =
        (0..2).map(|n| phone(&control, n, CodecSpec::Pcma, 400.0 + 300.0 * n as f32)).collect();
    let listener = phones[1].id;
    let mut at = 0;
    // Odd numbers of ticks leave half a packet behind.
    for pause in [1, 7, 33, 71, 161, 500] {
        sing(&mut conference, &mut phones, at..at + 120);
        control.set_listening(listener, false).unwrap();
        sing(&mut conference, &mut phones, at + 120..at + 120 + pause);
        control.set_listening(listener, true).unwrap();
        at += 120 + pause;
        sing(&mut conference, &mut phones, at..at + 120);
        at += 120;
        let heard = amplitude(&phones[1], 400.0);
        assert!(heard > 2_000.0, "{heard} after {pause} ticks");
        let stats = phones[1].control.stats();
        assert_eq!((stats.jitter.late, stats.jitter.restarts), (0, 0), "after {pause} ticks");
    }
}

#[test]
fn the_loudest_are_heard_and_the_others_are_not() {
    let config = ConferenceConfig { max_speakers: 2, ..Default::default() };
    let (mut conference, control) = Conference::new(&config).unwrap();
    let codecs = [CodecSpec::Pcma, opus(16_000), CodecSpec::Pcma, CodecSpec::Pcma];
    let mut phones: Vec<_> = codecs
        .into_iter()
        .enumerate()
        .map(|(n, codec)| phone(&control, n as u64, codec, 400.0 + 300.0 * n as f32))
        .collect();
    let mut outgoing = Outgoing::new(64);
    for n in 0..300_u64 {
        let rates: Vec<_> = phones.iter().map(|phone| phone.media.sample_rate_hz()).collect();
        tick(&mut conference, &mut phones, &mut outgoing, n * TICK_NS, |who, pcm| {
            let loudness = [0.0, 3_000.0, 3_000.0, 1_000.0][who];
            for (i, sample) in pcm.iter_mut().enumerate() {
                let t = (n as usize * pcm_len(rates[who]) + i) as f32 / rates[who] as f32;
                let hz = 400.0 + 300.0 * who as f32;
                *sample = (loudness * (core::f32::consts::TAU * hz * t).sin()) as i16;
            }
        });
    }
    assert!(amplitude(&phones[0], 700.0) > 2_000.0 && amplitude(&phones[0], 1_000.0) > 2_000.0);
    assert!(amplitude(&phones[0], 1_300.0) < 50.0, "the third is not heard");
    assert!(amplitude(&phones[3], 700.0) > 2_000.0, "and hears the others");
    assert_eq!(control.stats().speakers, 2);
    let Some(ConferenceEvent::DominantSpeaker(id)) = control.next_event() else {
        panic!("somebody leads");
    };
    assert!(id == phones[1].id || id == phones[2].id);
}

fn pcm_len(rate: u32) -> usize {
    (rate / 100) as usize
}

#[test]
fn linked_conferences_hear_each_other_without_echo() {
    let mut rooms: Vec<_> =
        (0..2).map(|_| Conference::new(&ConferenceConfig::default()).unwrap()).collect();
    let mut phones: Vec<Vec<Phone>> = (0..2)
        .map(|room: usize| {
            let phone = |n: usize| {
                let hz = 400.0 + 300.0 * (2 * room + n) as f32;
                phone(&rooms[room].1, n as u64, CodecSpec::Pcma, hz)
            };
            vec![phone(0), phone(1)]
        })
        .collect();
    let (a, b) = LinkEnd::pair(16_000).unwrap();
    let line = rooms[0]
        .1
        .join_link(Box::new(a), JoinOptions::default())
        .map_err(|(error, _)| error)
        .unwrap();
    rooms[1].1.join_link(Box::new(b), JoinOptions::default()).map_err(|(error, _)| error).unwrap();
    let mut talk = |ticks: core::ops::Range<u64>| {
        for n in ticks {
            for (room, phones) in rooms.iter_mut().zip(&mut phones) {
                sing(&mut room.0, phones, n..n + 1);
            }
        }
        let levels: Vec<Vec<f32>> = phones
            .iter()
            .flatten()
            .map(|phone| [400.0, 700.0, 1_000.0, 1_300.0].map(|hz| amplitude(phone, hz)).to_vec())
            .collect();
        levels
    };
    for (listener, levels) in talk(0..150).iter().enumerate() {
        for (talker, level) in levels.iter().enumerate() {
            if talker == listener {
                assert!(*level < 50.0, "{listener} hears itself at {level}");
            } else {
                assert!((2_500.0..3_300.0).contains(level), "{listener}: {talker} at {level}");
            }
        }
    }
    rooms[0].1.leave(line).unwrap();
    let levels = {
        for n in 150..250 {
            for (room, phones) in rooms.iter_mut().zip(&mut phones) {
                sing(&mut room.0, phones, n..n + 1);
            }
        }
        amplitude(&phones[0][0], 1_000.0)
    };
    assert!(levels < 50.0, "a room by itself again");
    assert!(rooms[0].1.reclaim().is_none(), "the line's end is dropped");
}

#[test]
fn ticks_that_do_not_come_are_counted() {
    let (mut conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let mut outgoing = Outgoing::new(4);
    for now_ms in [0_u64, 10, 24, 30, 60, 61, 70] {
        conference.tick(now_ms * 1_000_000, &mut outgoing);
    }
    assert_eq!(control.stats().missed_ticks, 2);
}
