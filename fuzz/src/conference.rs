// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference under arbitrary orders, joins, leaves and datagrams, which come in batches.

use ale_media::codec::CodecSpec;
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceEvent, JoinOptions, JoinedTicks, MemberId, Outgoing,
};
use ale_media::leg::{Arrival, Leg, LegConfig, LegReceiver, SrtpConfig, receive_batch};
use ale_media::srtp::Suite;

const PLACES: usize = 4;

/// Takes the input as a list of commands: a byte that says what, then its arguments. Whoever joins
/// comes back once it has left, and no member is counted twice.
///
/// # Panics
/// When the conference breaks one of its promises.
pub fn commands(data: &[u8]) {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let config = ConferenceConfig {
        max_members: PLACES,
        max_speakers: usize::from(choice & 3),
        max_pair_gains: usize::from(choice >> 2 & 3),
        limiter: choice & 16 != 0,
        encode_groups: usize::from(choice >> 5),
        joined_ticks: match choice & 3 {
            0 => JoinedTicks::FromFirst,
            3 => JoinedTicks::FromSecond,
            _ => JoinedTicks::No,
        },
        ..ConferenceConfig::default()
    };
    let (mut conference, control) = Conference::new(&config).expect("a good configuration");
    // Too little room now and then, so that datagrams wait.
    let mut outgoing = Outgoing::new(3);
    let mut receivers: Vec<LegReceiver> = Vec::new();
    let mut members: Vec<MemberId> = Vec::new();
    let (mut joined, mut left, mut back, mut now_ns) = (0_u64, 0_u64, 0_u64, 0_u64);
    while let Some((&what, after)) = rest.split_first() {
        rest = after;
        let mut take = |count: usize| {
            let (taken, after) = rest.split_at(count.min(rest.len()));
            rest = after;
            taken
        };
        let member = |members: &[MemberId], n: u8| {
            // Also names of those who were never there.
            let some = members.get(usize::from(n & 7)).copied();
            some.unwrap_or(MemberId::from_u64(u64::from(n) << 29))
        };
        match what {
            0..=39 if receivers.len() < 12 => {
                let config = leg(what, receivers.len() as u32);
                let (receiver, media, _) = Leg::new(&config).expect("a good configuration");
                receivers.push(receiver);
                let mut options = JoinOptions::tagged(u64::from(what));
                options.gain = f32::from(what) / 8.0;
                options.muted = what & 8 != 0;
                options.listening = what & 16 == 0;
                options.private = what & 32 != 0;
                if let Ok(id) = control.join(Box::new(media), options) {
                    assert!(!members.contains(&id), "a name is given once");
                    members.push(id);
                    joined += 1;
                }
            }
            40..=59 => left += u64::from(control.leave(member(&members, what)).is_ok()),
            60..=139 => {
                let datagrams: Vec<&[u8]> = (0..what & 3).map(|_| take(what.into())).collect();
                let mut datagrams: Vec<Vec<u8>> = datagrams.iter().map(|d| d.to_vec()).collect();
                let mut arrivals: Vec<Arrival<'_>> = datagrams
                    .iter_mut()
                    .enumerate()
                    .map(|(n, datagram)| Arrival::new((n * 3) % 5, datagram, now_ns))
                    .collect();
                receive_batch(&mut receivers[..], &mut arrivals);
            }
            140..=219 => {
                now_ns = now_ns.wrapping_add(u64::from(what - 138) * 5_000_000);
                conference.tick(now_ns, &mut outgoing);
                assert!(outgoing.iter().all(|sent| !sent.bytes.is_empty()));
                while let Some(event) = control.next_event() {
                    if let ConferenceEvent::DominantSpeaker(id) = event {
                        assert!(members.contains(&id));
                    }
                }
            }
            _ => {
                let &[a, b] = take(2) else { continue };
                let (a, b, factor) =
                    (member(&members, a), member(&members, b), f32::from(b) / 16.0);
                let _ = match what % 6 {
                    0 => control.set_muted(a, what & 16 != 0),
                    1 => control.set_gain(a, factor),
                    2 => control.set_listening(a, what & 16 != 0),
                    3 => control.set_private(a, what & 16 != 0),
                    4 => control.set_pair_gain(a, b, Some(factor)),
                    _ => control.set_pair_gain(a, b, None),
                };
            }
        }
        while control.reclaim().is_some() {
            back += 1;
        }
        assert!(back <= left && left <= joined);
    }
    // Two ticks on, all orders are carried out.
    for _ in 0..2 {
        now_ns = now_ns.wrapping_add(10_000_000);
        conference.tick(now_ns, &mut outgoing);
    }
    while control.reclaim().is_some() {
        back += 1;
    }
    let stats = control.stats();
    assert_eq!((back, stats.members), (left, joined - left));
}

/// A leg of any kind.
fn leg(choice: u8, ssrc: u32) -> LegConfig {
    let codec = match choice % 3 {
        0 => CodecSpec::Pcma,
        1 => CodecSpec::G722,
        _ => CodecSpec::L16 { sample_rate_hz: 32_000, channels: 1 },
    };
    let mut config = LegConfig::plain(ssrc, 0, codec);
    config.rtcp_interval_ms = 40;
    if choice & 4 != 0 {
        let keys = testkit::keys(Suite::AeadAes128Gcm, 7);
        config.srtp = Some(SrtpConfig { send: keys.clone(), receive: keys });
    }
    if choice & 16 != 0 && choice % 3 != 2 {
        config.header_extensions.mixer_levels = Some(2);
    }
    config
}
