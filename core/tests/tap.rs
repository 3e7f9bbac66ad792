// SPDX-License-Identifier: MIT OR Apache-2.0
//! What taps take, beside a model that looks up in a diary who had agreed: each member says a bit of its own,
//! so that every sample tells who is in it.

use std::collections::VecDeque;

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, ConferenceEvent, JoinOptions, LinkEnd,
    MemberId, Outgoing,
};
use ale_media::talk::{Talk, TalkConfig, TalkEvent};
use ale_media::tap::{
    Basis, Grant, Purpose, Purposes, Refusal, SinkId, TapConfig, TapEvent, TapId, TapReader,
    TapSource, TapState,
};
use proptest::prelude::*;

const TICK_NS: u64 = 10_000_000;
const FRAME: usize = 80;
const MEMBERS: usize = 4;

/// What may happen; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    Join {
        private: bool,
    },
    Leave(usize),
    Mute(usize, bool),
    Grant {
        who: usize,
        purposes: u8,
        sink: u32,
        ticks: Option<u64>,
    },
    Withdraw(usize, u8),
    /// Of nobody: the mix.
    Tap {
        of: Option<usize>,
        purpose: usize,
        sink: u32,
        frames: u32,
        paused: bool,
    },
    Pause(usize, bool),
    EndTap(usize),
    DropReader(usize),
    Read(usize, usize),
    /// After so many that did not come.
    Tick(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0_usize..8;
    prop_oneof![
        1 => any::<bool>().prop_map(|private| Step::Join { private }),
        1 => n.clone().prop_map(Step::Leave),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, muted)| Step::Mute(n, muted)),
        4 => (n.clone(), 0_u8..16, 0_u32..2, prop::option::of(0_u64..6))
            .prop_map(|(who, purposes, sink, ticks)| Step::Grant { who, purposes, sink, ticks }),
        2 => (n.clone(), 0_u8..16).prop_map(|(n, purposes)| Step::Withdraw(n, purposes)),
        3 => (prop::option::of(n.clone()), 0_usize..4, 0_u32..2, 1_u32..9, any::<bool>()).prop_map(
            |(of, purpose, sink, frames, paused)| Step::Tap { of, purpose, sink, frames, paused }),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, paused)| Step::Pause(n, paused)),
        1 => n.clone().prop_map(Step::EndTap),
        1 => n.clone().prop_map(Step::DropReader),
        4 => (n, 1_usize..6).prop_map(|(n, frames)| Step::Read(n, frames)),
        8 => prop_oneof![6 => Just(0_u64), 1 => 1_u64..4].prop_map(Step::Tick),
    ]
}

/// An entry of the diary about one member.
#[derive(Debug, Clone, Copy)]
enum Said {
    Yes(Grant),
    No(Purposes),
}

struct Member {
    id: MemberId,
    line: LinkEnd,
    bit: i16,
    private: bool,
    muted: bool,
    leaves: bool,
    /// All that it ever said, the oldest first.
    diary: Vec<Said>,
}

impl Member {
    /// Looks it up: what was said last about this purpose.
    fn refuses(&self, purpose: Purpose, sink: SinkId, now_ns: u64) -> Option<Refusal> {
        let last = self.diary.iter().rev().find(|said| match said {
            Said::Yes(grant) => grant.purposes.contains(purpose),
            Said::No(purposes) => purposes.contains(purpose),
        });
        match last {
            None => Some(Refusal::Unknown),
            Some(Said::Yes(grant)) if grant.until_ns.is_some_and(|until| until <= now_ns) => {
                Some(Refusal::Expired)
            }
            Some(Said::Yes(grant)) => (grant.sink != sink).then_some(Refusal::OtherSink),
            // Also of who had never agreed.
            Some(Said::No(_)) => {
                let agreed = self.diary.iter().any(|said| match said {
                    Said::Yes(grant) => grant.purposes.contains(purpose),
                    Said::No(_) => false,
                });
                Some(if agreed { Refusal::Withdrawn } else { Refusal::Unknown })
            }
        }
    }
}

/// A frame as it should be: when, what every sample is, and whether it stands for a pause.
type Frame = (u64, i16, bool);

struct Tap {
    reader: Option<TapReader>,
    id: TapId,
    source: TapSource,
    purpose: Purpose,
    sink: SinkId,
    slots: usize,
    paused: bool,
    ends: bool,
    waiting: VecDeque<Frame>,
    /// Frames in its memory, read or not.
    remains: usize,
    state: Option<TapState>,
    told: Option<TapState>,
}

struct World {
    conference: Conference,
    control: ConferenceControl,
    outgoing: Outgoing,
    members: Vec<Member>,
    gone: Vec<Member>,
    taps: Vec<Tap>,
    now_ns: u64,
    started: bool,
    joined: u32,
    frames_read: usize,
}

impl World {
    fn new() -> Self {
        let config =
            ConferenceConfig { max_members: MEMBERS, max_taps: 6, ..ConferenceConfig::default() };
        let (conference, control) = Conference::new(&config).unwrap();
        Self {
            conference,
            control,
            outgoing: Outgoing::new(MEMBERS),
            members: Vec::new(),
            gone: Vec::new(),
            taps: Vec::new(),
            now_ns: 1_000_000_000,
            started: false,
            joined: 0,
            frames_read: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        let (members, taps) = (self.members.len().max(1), self.taps.len().max(1));
        match *step {
            Step::Join { private } => self.join(private),
            Step::Leave(n) => {
                if let Some(member) = self.members.get_mut(n % members) {
                    let is_new = !std::mem::replace(&mut member.leaves, true);
                    assert_eq!(self.control.leave(member.id).is_ok(), is_new);
                }
            }
            Step::Mute(n, muted) => {
                if let Some(member) = self.members.get_mut(n % members)
                    && self.control.set_muted(member.id, muted).is_ok()
                {
                    member.muted = muted;
                }
            }
            Step::Grant { who, purposes, sink, ticks } => {
                let Some(member) = self.members.get_mut(who % members) else { return };
                let grant = Grant {
                    purposes: Purposes::from_bits(purposes).unwrap(),
                    basis: Basis::Consent,
                    sink: SinkId(sink),
                    notice_version: 1,
                    until_ns: ticks.map(|ticks| self.now_ns + ticks * TICK_NS),
                };
                let taken = self.control.grant(member.id, &grant);
                assert_eq!(taken.is_ok(), !member.leaves, "{taken:?}");
                if taken.is_ok() {
                    member.diary.push(Said::Yes(grant));
                }
            }
            Step::Withdraw(n, purposes) => self.withdraw(n % members, purposes),
            Step::Tap { of, purpose, sink, frames, paused } => {
                let source = match of.map(|n| self.members.get(n % members)) {
                    Some(Some(member)) => TapSource::Member(member.id),
                    Some(None) => return,
                    None => TapSource::Mix,
                };
                let (purpose, sink) = (Purpose::ALL[purpose], SinkId(sink));
                let mut config = TapConfig::new(source, purpose, sink);
                (config.sample_rate_hz, config.buffer_ms) = (8_000, frames * 10);
                config.paused = paused;
                let Ok(reader) = self.control.tap(&config) else { return };
                self.taps.push(Tap {
                    id: reader.id(),
                    reader: Some(reader),
                    source,
                    purpose,
                    sink,
                    slots: frames.next_power_of_two() as usize,
                    paused,
                    ends: false,
                    waiting: VecDeque::new(),
                    remains: 0,
                    state: None,
                    told: None,
                });
            }
            Step::Pause(n, paused) => {
                if let Some(tap) = self.taps.get_mut(n % taps)
                    && self.control.pause_tap(tap.id, paused).is_ok()
                {
                    tap.paused = paused;
                }
            }
            Step::EndTap(n) => {
                if let Some(tap) = self.taps.get_mut(n % taps) {
                    let _ = self.control.end_tap(tap.id);
                    tap.ends = true;
                }
            }
            Step::DropReader(n) => {
                if let Some(tap) = self.taps.get_mut(n % taps) {
                    tap.reader = None;
                    tap.ends = true;
                }
            }
            Step::Read(n, frames) => self.read(n % taps, frames),
            Step::Tick(missed) => self.tick(missed),
        }
    }

    fn join(&mut self, private: bool) {
        let (line, end) = LinkEnd::pair(8_000).unwrap();
        let options = JoinOptions { private, ..JoinOptions::default() };
        let Ok(id) = self.control.join_link(Box::new(end), options) else { return };
        let bit = 16 << (self.joined % 8);
        self.joined += 1;
        let diary = Vec::new();
        self.members.push(Member { id, line, bit, private, muted: false, leaves: false, diary });
    }

    /// Nothing from before it is given from here on, whether a tick comes or not.
    fn withdraw(&mut self, n: usize, purposes: u8) {
        let Some(member) = self.members.get_mut(n) else { return };
        let purposes = Purposes::from_bits(purposes).unwrap();
        self.control.withdraw(member.id, purposes).unwrap();
        member.diary.push(Said::No(purposes));
        for tap in self.taps.iter_mut().filter(|tap| purposes.contains(tap.purpose)) {
            // Withdrawals are counted a place: what waits of who had it before goes, too.
            let is_its = |id: MemberId| id.to_u64() as u32 == member.id.to_u64() as u32;
            if !matches!(tap.source, TapSource::Member(id) if !is_its(id)) {
                tap.waiting.clear();
                // The next tick wipes, if the tap lives to see it.
                let lives = tap.state != Some(TapState::Ended);
                tap.remains = if lives { 0 } else { tap.remains };
            }
        }
    }

    fn read(&mut self, n: usize, frames: usize) {
        let Some(tap) = self.taps.get_mut(n) else { return };
        let Some(reader) = &mut tap.reader else { return };
        let mut pcm = [0x7fff; FRAME];
        for _ in 0..frames {
            let read = reader.read(&mut pcm);
            let read = read.map(|frame| {
                assert!(pcm.iter().all(|sample| *sample == pcm[0]), "{pcm:?}");
                assert!(pcm[0] == 0 || frame.level_dbov < 127);
                (frame.time_ns, pcm[0], frame.paused)
            });
            self.frames_read += usize::from(read.is_some());
            assert_eq!(read, tap.waiting.pop_front(), "{:?}", tap.source);
        }
    }

    fn tick(&mut self, missed: u64) {
        self.now_ns += if self.started { (missed + 1) * TICK_NS } else { 0 };
        self.started = true;
        for member in &mut self.members {
            member.line.push(&[member.bit; FRAME]);
            member.line.pull(&mut [0; FRAME]);
        }
        self.conference.tick(self.now_ns, &mut self.outgoing);
        for tap in &mut self.taps {
            tap.expect(&self.members, self.now_ns);
        }
        while let Some(event) = self.control.next_tap_event() {
            self.hear(&event);
        }
        for tap in &self.taps {
            assert_eq!(tap.told, tap.state, "{:?}", tap.source);
            if let Some(reader) = &tap.reader {
                assert!(tap.remains > 0 || reader.residue() == 0, "{} words", reader.residue());
            }
        }
        self.taps.retain(|tap| tap.state != Some(TapState::Ended) || tap.reader.is_some());
        let (gone, here) = std::mem::take(&mut self.members).into_iter().partition(|m| m.leaves);
        self.members = here;
        let gone: Vec<Member> = gone;
        self.gone.extend(gone);
        while self.control.reclaim().is_some() {}
    }

    fn hear(&mut self, event: &TapEvent) {
        assert_eq!(event.at_ns, self.now_ns);
        if let Some(tap) = self.taps.iter_mut().find(|tap| tap.id == event.tap) {
            assert_ne!(tap.told, Some(event.state), "told twice");
            tap.told = Some(event.state);
        }
    }
}

impl Tap {
    /// What a tick must bring it.
    fn expect(&mut self, members: &[Member], now_ns: u64) {
        if self.state == Some(TapState::Ended) {
            return;
        }
        let here = || members.iter().filter(|member| !member.leaves);
        let of = match self.source {
            TapSource::Member(id) => here().find(|member| member.id == id).map(Some),
            _ => Some(None),
        };
        let (Some(of), false) = (of, self.ends) else {
            self.state = Some(TapState::Ended);
            self.ends = true;
            return;
        };
        let (state, sample) = match of {
            Some(member) => match member.refuses(self.purpose, self.sink, now_ns) {
                None => (TapState::Taking { voices: 1 }, if member.muted { 0 } else { member.bit }),
                refusal => (TapState::Waiting(refusal), 0),
            },
            None => {
                let agreed: Vec<&Member> = here()
                    .filter(|m| !m.private && m.refuses(self.purpose, self.sink, now_ns).is_none())
                    .collect();
                let sum = agreed.iter().filter(|m| !m.muted).map(|m| m.bit).sum();
                match agreed.len() {
                    0 => (TapState::Waiting(None), 0),
                    count => (TapState::Taking { voices: count as u16 }, sum),
                }
            }
        };
        let takes = matches!(state, TapState::Taking { .. });
        self.state = Some(if takes && self.paused { TapState::Paused } else { state });
        if !takes {
            return;
        }
        self.waiting.push_back((now_ns, if self.paused { 0 } else { sample }, self.paused));
        self.remains += 1;
        if self.waiting.len() > self.slots {
            self.waiting.pop_front();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_sample_is_taken_without_a_live_grant(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for _ in 0..3 {
            world.join(false);
        }
        for step in &steps {
            world.step(step);
        }
        world.tick(0);
        for n in 0..world.taps.len() {
            world.read(n, 300);
        }
    }
}

/// The property above is not empty: sound does come through.
#[test]
fn who_has_agreed_is_heard_in_the_tap_and_in_the_mix() {
    let mut world = World::new();
    world.join(false);
    world.join(false);
    for n in 0..2 {
        world.step(&Step::Grant { who: n, purposes: 15, sink: 1, ticks: None });
        let of = if n == 0 { Some(0) } else { None };
        world.step(&Step::Tap { of, purpose: 2, sink: 1, frames: 8, paused: false });
    }
    for _ in 0..5 {
        world.tick(0);
    }
    assert_eq!(world.taps[1].waiting[4], (world.now_ns, 16 + 32, false));
    world.read(0, 6);
    world.read(1, 6);
    assert_eq!(world.frames_read, 10);
}

/// A program's voice is marked, heard by the others, and told who speaks over it.
#[test]
fn a_voice_of_a_program_is_marked_paced_and_told_who_interrupts() {
    let mut world = World::new();
    world.join(false);
    let config = TalkConfig::default();
    let (mut voice, end) = Talk::new(&config).unwrap();
    let bot = world.control.join_talk(Box::new(end), JoinOptions::default());
    let bot = bot.map_err(|(error, _)| error).unwrap();
    let (purpose, sink) = (Purpose::Record, SinkId(1));
    let mut tap = TapConfig::new(TapSource::Member(bot), purpose, sink);
    tap.sample_rate_hz = 24_000;
    let mut tap = world.control.tap(&tap).unwrap();
    let grant = Grant {
        purposes: purpose.into(),
        basis: Basis::Contract,
        sink,
        notice_version: 1,
        until_ns: None,
    };
    world.control.grant(bot, &grant).unwrap();
    voice.write(1, &[4_000; 48_000]).unwrap();
    let (mut heard, mut told, mut pcm) = (0, Vec::new(), [0; 240]);
    for n in 0..250 {
        let talks = n >= 60;
        let member = &mut world.members[0];
        // Like a voice, and not like a tone that lasts.
        let wave = |k: usize| if k % 16 < 8 { 6_000 } else { -6_000 };
        member
            .line
            .push(&std::array::from_fn::<i16, FRAME, _>(|k| if talks { wave(k) } else { 0 }));
        let mut from_bot = [0; FRAME];
        member.line.pull(&mut from_bot);
        heard += usize::from(from_bot.iter().any(|sample| sample.unsigned_abs() > 3_000));
        world.conference.tick(n * TICK_NS, &mut world.outgoing);
        while let Some(frame) = tap.read(&mut pcm) {
            assert!(frame.synthetic && frame.member == Some(bot));
        }
        told.extend(std::iter::from_fn(|| voice.next_event()).map(|event| (n, event)));
    }
    assert!((198..=202).contains(&heard), "two seconds written at once take two: {heard}");
    assert_eq!(world.control.next_event(), Some(ConferenceEvent::Synthetic(bot)));
    let member = world.members[0].id;
    let at = |wanted| told.iter().find(|(_, event)| *event == wanted).map(|(n, _)| *n);
    assert!(at(TalkEvent::Overlap(member)).is_some_and(|n| (60..70).contains(&n)), "{told:?}");
    assert!(at(TalkEvent::BargeIn(member)).is_some_and(|n| (130..140).contains(&n)), "{told:?}");
    assert!(at(TalkEvent::Drained).is_some());
    assert!(at(TalkEvent::Overlap(bot)).is_none());
}

/// Asked for by a description, with a grant for recording that stands all the time.
#[test]
fn a_peer_that_asks_not_to_be_recorded_is_not_and_asking_for_it_is_no_grant() {
    use ale_media::tap::Preference;
    let (mut conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let (mut line, end) = LinkEnd::pair(8_000).unwrap();
    let member = control.join_link(Box::new(end), JoinOptions::default());
    let member = member.map_err(|(error, _)| error).unwrap();
    let tapped = |source, purpose| {
        let mut config = TapConfig::new(source, purpose, SinkId(1));
        config.sample_rate_hz = 8_000;
        control.tap(&config).unwrap()
    };
    let mut record = tapped(TapSource::Member(member), Purpose::Record);
    let mut mix = tapped(TapSource::Mix, Purpose::Record);
    let mut assist = tapped(TapSource::Member(member), Purpose::Assist);
    let (mut outgoing, mut now_ns, mut pcm) = (Outgoing::new(4), 0, [0; FRAME]);
    // What each of the three gets of a tick, and the first one's last state.
    let mut tick = || {
        line.push(&[77; FRAME]);
        conference.tick(now_ns, &mut outgoing);
        now_ns += TICK_NS;
        let mut state = None;
        while let Some(event) = control.next_tap_event() {
            state = (event.tap == record.id()).then_some(event.state).or(state);
        }
        let got = [&mut record, &mut mix, &mut assist].map(|tap| tap.read(&mut pcm).is_some());
        (got, state)
    };
    control.set_preference(member, Preference::On).unwrap();
    assert_eq!(tick(), ([false; 3], Some(TapState::Waiting(Some(Refusal::Unknown)))));
    let purposes = Purposes::from(Purpose::Record) | Purpose::Assist.into();
    let (basis, sink) = (Basis::Consent, SinkId(1));
    let grant = Grant { purposes, basis, sink, notice_version: 1, until_ns: None };
    control.grant(member, &grant).unwrap();
    assert_eq!(tick(), ([true; 3], Some(TapState::Taking { voices: 1 })));
    for refused in [Preference::Off, Preference::Pause] {
        control.set_preference(member, refused).unwrap();
        let why = TapState::Waiting(Some(Refusal::Preference));
        assert_eq!(tick(), ([false, false, true], Some(why)));
        control.set_preference(member, Preference::None).unwrap();
        assert_eq!(tick(), ([true; 3], Some(TapState::Taking { voices: 1 })));
    }
}
