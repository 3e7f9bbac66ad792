// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program says, beside what it hears of a member: at the same samples, and of use to an echo canceller.

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, ConferenceError, JoinOptions, LinkEnd,
    MemberId, Outgoing,
};
use ale_media::talk::{Talk, TalkConfig, TalkWriter};
use ale_media::tap::{
    Basis, Grant, Purpose, SinkId, TapConfig, TapEvent, TapReader, TapSource, TapState,
};

const TICK_NS: u64 = 10_000_000;
const PURPOSE: Purpose = Purpose::Assist;
const SINK: SinkId = SinkId(1);

/// A caller on a line, a program that talks, and its ear.
struct Call {
    conference: Conference,
    control: ConferenceControl,
    outgoing: Outgoing,
    line: LinkEnd,
    caller: MemberId,
    voice: TalkWriter,
    agent: MemberId,
    tap: TapReader,
    tick: u64,
}

impl Call {
    fn new(line_hz: u32, voice_hz: u32, tap_hz: u32) -> Self {
        let config = ConferenceConfig { max_members: 4, ..ConferenceConfig::default() };
        let (conference, control) = Conference::new(&config).unwrap();
        let (line, end) = LinkEnd::pair(line_hz).unwrap();
        let caller = control.join_link(Box::new(end), JoinOptions::default());
        let caller = caller.map_err(|(error, _)| error).unwrap();
        let mut config = TalkConfig::default();
        (config.sample_rate_hz, config.member_rate_hz) = (voice_hz, voice_hz);
        let (voice, end) = Talk::new(&config).unwrap();
        let agent = control.join_talk(Box::new(end), JoinOptions::default());
        let agent = agent.map_err(|(error, _)| error).unwrap();
        let mut config = TapConfig::new(TapSource::Member(caller), PURPOSE, SINK);
        (config.sample_rate_hz, config.reference) = (tap_hz, Some(agent));
        let tap = control.tap(&config).unwrap();
        let (purposes, basis) = (PURPOSE.into(), Basis::Consent);
        let grant = Grant { purposes, basis, sink: SINK, notice_version: 1, until_ns: None };
        control.grant(caller, &grant).unwrap();
        let outgoing = Outgoing::new(4);
        Self { conference, control, outgoing, line, caller, voice, agent, tap, tick: 0 }
    }

    /// 10 ms in which the caller and the program say this; what the caller hears.
    fn tick(&mut self, caller: &[i16], agent: &[i16]) -> Vec<i16> {
        self.voice.write(1, agent).unwrap();
        assert!(self.line.push(caller));
        self.conference.tick(self.tick * TICK_NS, &mut self.outgoing);
        self.tick += 1;
        let mut pcm = vec![0; self.line.frame_samples()];
        self.line.pull(&mut pcm);
        pcm
    }

    /// What the tap has: when, the caller, and the program beside it.
    fn read(&mut self) -> Option<(u64, Vec<i16>, Vec<i16>)> {
        let mut pcm = [vec![7; self.tap.frame_samples()], vec![7; self.tap.frame_samples()]];
        let [near, far] = &mut pcm;
        let frame = self.tap.read_with_reference(near, far)?;
        let [near, far] = pcm;
        Some((frame.time_ns, near, far))
    }

    fn last_state(&self) -> Option<TapState> {
        std::iter::from_fn(|| self.control.next_tap_event()).last().map(|e: TapEvent| e.state)
    }
}

/// Tones below what any of the rates can carry, at a time.
fn tones(seconds: f64) -> f64 {
    let tone = |hz: f64| (std::f64::consts::TAU * hz * seconds).sin();
    1_500.0 * (tone(331.0) + tone(1_153.0) + tone(2_377.0) + tone(2_911.0))
}

/// 10 ms of them.
fn frame(rate_hz: u32, n: u64) -> Vec<i16> {
    let samples = u64::from(rate_hz) / 100;
    let at = |k: u64| tones((n * samples + k) as f64 / f64::from(rate_hz));
    (0..samples).map(|k| at(k).round() as i16).collect()
}

/// By how many samples the tones come earlier than their time says, to an eighth, and what is left of them then, in dB
/// below them.
fn shift(pcm: &[i16], begin: f64, rate_hz: u32) -> (f64, f64) {
    let energy = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let left = |shift: f64| {
        let at = |k: usize| tones(begin + (k as f64 + shift) / f64::from(rate_hz));
        let error = pcm.iter().enumerate().map(|(k, s)| (f64::from(*s) - at(k)).powi(2));
        10.0 * (energy / error.sum::<f64>().max(1.0)).log10()
    };
    let shifts = (-24..=24).map(|eighth| f64::from(eighth) / 8.0);
    shifts.map(|by| (by, left(by))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

/// Both say the same at the same time. Filters of an even length delay by half a step of the rate that two rates have
/// in common less than by whole samples, and nothing else is between the two.
#[test]
fn the_reference_lies_beside_the_frame_to_the_sample() {
    for line_hz in [8_000, 16_000, 48_000] {
        for voice_hz in [8_000, 16_000, 32_000, 48_000] {
            for tap_hz in [8_000, 12_000, 16_000, 24_000, 32_000, 48_000] {
                let mut call = Call::new(line_hz, voice_hz, tap_hz);
                let mut frames = 0;
                for n in 0..8 {
                    call.tick(&frame(line_hz, n), &frame(voice_hz, n));
                    let (time_ns, near, far) = call.read().unwrap();
                    if n < 4 {
                        continue;
                    }
                    for (who, pcm) in [("caller", near), ("program", far)] {
                        let (by, db) = shift(&pcm, time_ns as f64 / 1e9, tap_hz);
                        let which = format!("{who} of {line_hz} and {voice_hz} at {tap_hz}");
                        assert!((0.0..=0.5).contains(&by), "{which}: {by} samples early");
                        assert!(db > 20.0, "{which}: {db} dB");
                        frames += 1;
                    }
                }
                assert_eq!(frames, 8);
            }
        }
    }
}

#[test]
fn only_a_programs_voice_is_a_reference_and_only_beside_one_member() {
    let call = Call::new(8_000, 16_000, 16_000);
    let tap = |source, reference| {
        let mut config = TapConfig::new(source, PURPOSE, SINK);
        config.reference = Some(reference);
        call.control.tap(&config).err()
    };
    let of_caller = TapSource::Member(call.caller);
    assert_eq!(tap(of_caller, call.agent), None);
    assert_eq!(tap(of_caller, call.caller), Some(ConferenceError::InvalidConfig));
    for source in [TapSource::Mix, TapSource::Packets(call.caller)] {
        assert_eq!(tap(source, call.agent), Some(ConferenceError::InvalidConfig));
    }
    call.control.leave(call.agent).unwrap();
    assert_eq!(tap(of_caller, call.agent), Some(ConferenceError::UnknownMember));
}

/// Two persons of whom one takes the place that the program had: nothing of it is in the tap that the program left.
#[test]
fn who_takes_the_programs_place_is_no_reference() {
    let mut call = Call::new(8_000, 8_000, 8_000);
    let said = [900; 80];
    call.tick(&[5; 80], &said);
    assert_eq!(call.read().map(|(_, near, far)| (near, far)), Some((vec![5; 80], said.to_vec())));
    call.control.leave(call.agent).unwrap();
    call.tick(&[5; 80], &said);
    assert_eq!(call.read().map(|(_, near, far)| (near, far)), Some((vec![5; 80], vec![0; 80])));
    while call.control.reclaim().is_some() {}
    let (mut other, end) = LinkEnd::pair(8_000).unwrap();
    let joined = call.control.join_link(Box::new(end), JoinOptions::default());
    let joined = joined.map_err(|(error, _)| error).unwrap();
    for _ in 0..3 {
        other.push(&[77; 80]);
        call.line.push(&[5; 80]);
        call.conference.tick(call.tick * TICK_NS, &mut call.outgoing);
        call.tick += 1;
        assert_eq!(call.read().map(|(_, n, f)| (n, f)), Some((vec![5; 80], vec![0; 80])));
    }
    assert!(call.control.set_muted(joined, true).is_ok());
}

/// With the member's, and nothing of it is left either.
#[test]
fn the_reference_goes_with_what_stands_beside_it() {
    let mut call = Call::new(8_000, 48_000, 16_000);
    let tick = |call: &mut Call| {
        let n = call.tick;
        call.tick(&frame(8_000, n), &frame(48_000, n));
    };
    let sounds = |pcm: &[i16]| pcm.iter().any(|sample| *sample != 0);
    for _ in 0..3 {
        tick(&mut call);
    }
    let read = |call: &mut Call| std::iter::from_fn(|| call.read()).last();
    assert!(read(&mut call).is_some_and(|(_, near, far)| sounds(&near) && sounds(&far)));
    // Muted, the others don't hear it, and so there is no echo of it.
    call.control.set_muted(call.agent, true).unwrap();
    for _ in 0..3 {
        tick(&mut call);
    }
    assert!(read(&mut call).is_some_and(|(_, near, far)| sounds(&near) && !sounds(&far)));
    call.control.set_muted(call.agent, false).unwrap();
    for _ in 0..3 {
        tick(&mut call);
    }
    let id = call.tap.id();
    call.control.pause_tap(id, true).unwrap();
    tick(&mut call);
    assert_eq!(call.last_state(), Some(TapState::Paused));
    assert!(read(&mut call).is_some_and(|(_, near, far)| !sounds(&near) && !sounds(&far)));
    call.control.pause_tap(id, false).unwrap();
    tick(&mut call);
    tick(&mut call);
    call.control.withdraw(call.caller, PURPOSE.into()).unwrap();
    assert!(call.read().is_none(), "taken before");
    tick(&mut call);
    assert_eq!(call.tap.residue(), 0);
}

/// Without the reference the same tap is the member's alone.
#[test]
fn who_reads_the_frame_alone_gets_the_member() {
    let mut call = Call::new(8_000, 8_000, 8_000);
    let mut pcm = [0; 160];
    for _ in 0..2 {
        call.tick(&[11; 80], &[900; 80]);
        let frame = call.tap.read(&mut pcm).unwrap();
        assert_eq!((frame.samples, &pcm[..80], &pcm[80..]), (80, &[11; 80][..], &[0; 80][..]));
        assert!(call.tap.read_with_reference(&mut pcm, &mut [0; 79]).is_none(), "no room");
    }
}

/// A line of 60 ms that gives back a tenth of what is played to it: what is left of the program's voice once the
/// canceller has had three seconds, and that somebody who speaks is still heard.
#[cfg(feature = "process-sonora")]
#[test]
fn an_agent_does_not_hear_itself_over_a_lines_echo() {
    use ale_media::voice::{self, Settings};
    use std::collections::VecDeque;

    const RATE: u32 = 16_000;
    let mut settings = Settings::off();
    settings.echo_cancellation = true;
    let engine = voice::Sonora::new(RATE).unwrap();
    let (mut render, mut capture) =
        voice::create(RATE, 0, &settings, vec![Box::new(engine)]).unwrap();
    let mut call = Call::new(8_000, RATE, RATE);
    let energy = |pcm: &[i16]| pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let mut seed = 1_u32;
    let mut noise = |hz: f64, n: u64, samples: u64| -> Vec<i16> {
        let mut one = |k: u64| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let syllable = ((n * samples + k) as f64 / (samples * 100) as f64 * hz).sin().abs();
            (f64::from(seed as i32) / 2_147_483_648.0 * 9_000.0 * syllable) as i16
        };
        (0..samples).map(&mut one).collect()
    };
    // What is on its way round; the conference's own tick is part of the 60 ms.
    let mut round: VecDeque<Vec<i16>> = VecDeque::from(vec![vec![0; 80]; 5]);
    let (mut echo, mut left, mut said, mut kept) = (0.0, 0.0, 0.0, 0.0);
    for n in 0..900 {
        // The agent speaks; in the last three seconds the caller does.
        let (echoes, speaks) = ((300..600).contains(&n), n >= 600);
        let agent = if speaks { vec![0; 160] } else { noise(3.1, n, 160) };
        let own = if speaks { noise(2.3, n, 80) } else { vec![0; 80] };
        let back = round.pop_front().unwrap();
        let caller: Vec<i16> = own.iter().zip(&back).map(|(own, back)| own + back / 10).collect();
        round.push_back(call.tick(&caller, &agent));
        let (_, mut near, far) = call.read().unwrap();
        let before = energy(&near);
        render.push(&far);
        capture.process(&mut near).unwrap();
        let after = energy(&near);
        if echoes {
            (echo, left) = (echo + before, left + after);
        } else if n >= 700 {
            (said, kept) = (said + before, kept + after);
        }
    }
    let (less_db, kept_db) = (10.0 * (echo / left.max(1.0)).log10(), 10.0 * (kept / said).log10());
    println!("the echo is {less_db:.1} dB softer, who speaks {kept_db:.1} dB louder");
    assert!(echo > 1e6, "there was an echo: {echo}");
    assert!(less_db > 15.0, "{less_db} dB");
    assert!(kept_db > -3.0, "{kept_db} dB");
}
