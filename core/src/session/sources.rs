// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sources of a session: a bounded table of sources (SSRC), each with its own reception state, and which
//! of them is listened to.
//!
//! A source counts after two packets in sequence (RFC 3550 appendix A.1), whatever their payload types. Of
//! those that send voice one is heard:
//!
//! - the one that is heard stays so while it sends;
//! - it gives way to another valid one when it has said BYE, was released, or has been silent for 100 ms
//!   (or two packet times, if that is more);
//! - to an authenticated one also as soon as two of its packets have come since the last of the one
//!   heard: a transfer costs two packets, and two that talk at once don't take turns.
//!
//! Telephone events, what is passed through, and payload types that nobody knows don't compete for the
//! voice. A full table makes room by forgetting who has been idle longest, those on probation first.

use alloc::boxed::Box;

use super::remote::QUIET_NS;
use crate::rtp::burst::{Bursts, Pattern};
use crate::rtp::reception::{Reception, Summary, Verdict};

/// After its BYE, packets of a source that were still under way are not played for so long.
const FAREWELL_NS: u64 = 200_000_000;
/// A source that was released, and has come from nowhere else, is heard again if nobody else has come for
/// so long.
const RELEASED_NS: u64 = 2_000_000_000;
/// A pause after which a source's packets count as a new run.
const RUN_PAUSE_NS: u64 = 60_000_000;
/// Longest time between two packets that is believed, for telling a pause from a long packet time.
const MAX_INTERVAL_NS: u64 = 250_000_000;

/// What a packet is to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sound, comfort noise, or redundant sound.
    Voice,
    /// A telephone event (RFC 4733).
    Event,
    /// Handed on as it is.
    PassThrough,
    /// A payload type that was not negotiated, or nothing at all (keepalives, RFC 6263).
    Unknown,
}

/// Where a packet's source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On probation.
    Probation,
    /// Valid, and the one that is listened to.
    Heard,
    /// Valid, beside the one that is listened to.
    Aside,
}

/// What the table says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) standing: Standing,
    pub(crate) verdict: Verdict,
    /// This packet has made its source the one that is listened to.
    pub(crate) turned: bool,
    /// Its sequence number is beyond all before.
    pub(crate) newest: bool,
}

/// What is known of a packet before its source is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    /// Ticks a second of its payload type's clock and the timestamp; `None` where timestamps say nothing
    /// of the network.
    pub(crate) timing: Option<(u32, u32)>,
    pub(crate) role: Role,
    pub(crate) arrival_ns: u64,
    /// The sender has the keys.
    pub(crate) authenticated: bool,
    /// It comes from where signalling says that the peer is, unlike what is heard.
    pub(crate) preferred: bool,
}

#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    reception: Reception,
    last_ns: u64,
    /// Since when, and how many, packets have come without a pause.
    run_since_ns: u64,
    run_packets: u32,
    /// Usual time between its packets.
    interval_ns: u64,
    /// When it said BYE.
    goodbye_ns: Option<u64>,
    /// When it was released; it is not listened to any more.
    released_ns: Option<u64>,
    voice: bool,
}

impl Source {
    fn new(sighting: &Sighting) -> Self {
        Self {
            ssrc: sighting.ssrc,
            reception: Reception::new(sighting.timing.map_or(0, |(clock_hz, _)| clock_hz)),
            last_ns: sighting.arrival_ns,
            run_since_ns: sighting.arrival_ns,
            run_packets: 0,
            interval_ns: 0,
            goodbye_ns: None,
            released_ns: None,
            voice: false,
        }
    }

    fn quiet_ns(&self) -> u64 {
        QUIET_NS.max(2 * self.interval_ns)
    }

    /// Takes one packet in; what its sequence number says, and whether it is beyond all before.
    fn packet(&mut self, sighting: &Sighting) -> (Verdict, bool) {
        let arrival_ns = sighting.arrival_ns;
        let gap_ns = arrival_ns.saturating_sub(self.last_ns);
        if gap_ns > RUN_PAUSE_NS.max(2 * self.interval_ns) {
            self.run_since_ns = arrival_ns;
            self.run_packets = 0;
        }
        self.run_packets = self.run_packets.saturating_add(1);
        self.last_ns = self.last_ns.max(arrival_ns);
        // Events that count in a sequence of their own are no restarts of the audio.
        if sighting.role == Role::Event && self.reception.is_far(sighting.sequence) {
            return (Verdict::Valid, false);
        }
        let before = self.reception.highest_sequence();
        let verdict = match sighting.timing {
            Some((clock_hz, timestamp)) => {
                self.reception.set_clock(clock_hz);
                self.reception.packet(sighting.sequence, timestamp, arrival_ns)
            }
            None => self.reception.packet_untimed(sighting.sequence),
        };
        let highest = self.reception.highest_sequence();
        if highest == before.wrapping_add(1) && gap_ns > 0 {
            let gap_ns = gap_ns.min(MAX_INTERVAL_NS);
            self.interval_ns = (7 * self.interval_ns + gap_ns) / 8;
        }
        (verdict, highest != before || verdict == Verdict::Restarted)
    }
}

/// The sources of a session.
#[derive(Debug)]
pub(crate) struct Sources {
    table: Box<[Option<Source>]>,
    heard: Option<usize>,
    /// What was received of the one that is heard, as of its last packet.
    now: Summary,
    /// Expected and received of those that were heard before.
    past_expected: u64,
    past_received: u64,
    bursts: Bursts,
    /// Times that another one was turned to.
    pub(crate) changes: u64,
}

impl Sources {
    /// A table for so many, at least 2: one that is heard, and one that may be next.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            table: (0..places.max(2)).map(|_| None).collect(),
            heard: None,
            now: Summary::default(),
            past_expected: 0,
            past_received: 0,
            bursts: Bursts::default(),
            changes: 0,
        }
    }

    /// Takes in a packet and decides whether its source is listened to.
    ///
    /// Real-time: yes.
    pub(crate) fn packet(&mut self, sighting: &Sighting) -> Seen {
        let at = self.place(sighting);
        let is_heard = self.heard == Some(at);
        let Some(Some(source)) = self.table.get_mut(at) else {
            return Seen {
                standing: Standing::Aside,
                verdict: Verdict::Probation,
                turned: false,
                newest: false,
            };
        };
        let (verdict, newest) = source.packet(sighting);
        source.voice |= sighting.role == Role::Voice;
        if let Some(since_ns) = source.goodbye_ns
            && sighting.arrival_ns.saturating_sub(since_ns) > FAREWELL_NS
        {
            // It goes on all the same.
            source.goodbye_ns = None;
        }
        if is_heard {
            let before = core::mem::replace(&mut self.now, source.reception.summary());
            match verdict {
                Verdict::Restarted => {
                    self.past_expected += u64::from(before.expected);
                    self.past_received += u64::from(before.received);
                    self.bursts.resume_elsewhere();
                }
                Verdict::Valid if newest || sighting.role != Role::Event => {
                    self.bursts.received(sighting.sequence);
                }
                Verdict::Valid | Verdict::Probation | Verdict::Suspect => {}
            }
        }
        let departed = source.goodbye_ns.is_some();
        let mut turned = false;
        let competes = match sighting.role {
            Role::Voice => true,
            // What is passed through is reported on where there is no voice.
            Role::PassThrough => !self.hears_voice(),
            Role::Event | Role::Unknown => false,
        };
        if !is_heard && verdict != Verdict::Probation && competes && self.may_be_heard(at, sighting)
        {
            self.turn_to(at);
            turned = true;
        }
        let standing = match verdict {
            Verdict::Probation => Standing::Probation,
            _ if self.heard == Some(at) && !departed => Standing::Heard,
            _ => Standing::Aside,
        };
        Seen { standing, verdict, turned, newest }
    }

    /// The source that is listened to, if any.
    pub(crate) fn heard_ssrc(&self) -> Option<u32> {
        self.heard().map(|source| source.ssrc)
    }

    /// Reception figures of the source that is listened to, and its clock.
    pub(crate) fn summary(&self) -> Option<(Summary, u32)> {
        self.heard().map(|source| (self.now, source.reception.clock_hz()))
    }

    /// Packets that all that were heard should have sent, and that came.
    pub(crate) fn call_totals(&self) -> (u64, u64) {
        let Summary { expected, received, .. } = self.now;
        (self.past_expected + u64::from(expected), self.past_received + u64::from(received))
    }

    /// How the losses of the whole call lie together.
    pub(crate) fn pattern(&self) -> Pattern {
        self.bursts.pattern()
    }

    /// A source has said BYE; true if it is the one that is listened to.
    pub(crate) fn goodbye(&mut self, ssrc: u32, now_ns: u64) -> bool {
        let at = self.find(ssrc);
        if let Some(Some(source)) = at.and_then(|at| self.table.get_mut(at)) {
            source.goodbye_ns = Some(now_ns);
        }
        at.is_some() && at == self.heard
    }

    /// Whoever is listened to is not any more, and not again as long as anybody else comes.
    pub(crate) fn release(&mut self, now_ns: u64) {
        if let Some(Some(source)) = self.heard.and_then(|at| self.table.get_mut(at)) {
            source.released_ns = Some(now_ns);
        }
    }

    fn heard(&self) -> Option<&Source> {
        self.table.get(self.heard?)?.as_ref()
    }

    fn hears_voice(&self) -> bool {
        self.heard().is_some_and(|source| source.voice)
    }

    /// Whether a valid source may take the place of the one that is heard.
    fn may_be_heard(&self, at: usize, sighting: &Sighting) -> bool {
        let Some(Some(source)) = self.table.get(at) else { return false };
        if source.goodbye_ns.is_some() {
            return false;
        }
        let now_ns = sighting.arrival_ns;
        let Some(heard) = self.heard() else { return true };
        if let Some(since_ns) = source.released_ns {
            // Only where nobody has come in its place.
            if now_ns.saturating_sub(since_ns) < RELEASED_NS
                || now_ns.saturating_sub(heard.last_ns) < RELEASED_NS
            {
                return false;
            }
        }
        let silent_ns = now_ns.saturating_sub(heard.last_ns);
        heard.goodbye_ns.is_some()
            || heard.released_ns.is_some()
            || sighting.preferred
            || (sighting.role == Role::Voice && !heard.voice)
            || silent_ns >= heard.quiet_ns()
            || (sighting.authenticated
                && source.run_packets >= 2
                && heard.last_ns < source.run_since_ns)
    }

    fn turn_to(&mut self, at: usize) {
        (self.past_expected, self.past_received) = self.call_totals();
        if let Some(voice) = self.heard().map(|source| source.voice) {
            // What was only reported on for want of a voice is no change of it.
            let passed =
                !voice && self.table.get(at).is_some_and(|s| s.as_ref().is_some_and(|s| s.voice));
            self.changes += u64::from(!passed);
        }
        self.bursts.resume_elsewhere();
        self.heard = Some(at);
        if let Some(Some(source)) = self.table.get_mut(at) {
            source.released_ns = None;
            // What it sent while nobody listened is not of the call.
            source.reception.begin_anew();
            self.now = source.reception.summary();
        }
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        self.table.iter().position(|place| place.as_ref().is_some_and(|s| s.ssrc == ssrc))
    }

    /// The place of a packet's source, which is made if it is new.
    fn place(&mut self, sighting: &Sighting) -> usize {
        if let Some(at) = self.heard
            && self
                .table
                .get(at)
                .is_some_and(|p| p.as_ref().is_some_and(|s| s.ssrc == sighting.ssrc))
        {
            return at;
        }
        if let Some(at) = self.find(sighting.ssrc) {
            return at;
        }
        let at = self.victim();
        if let Some(place) = self.table.get_mut(at) {
            *place = Some(Source::new(sighting));
        }
        at
    }

    /// A free place, or that of the one who matters least.
    fn victim(&self) -> usize {
        let mut victim = (0, (true, u64::MAX));
        for (at, place) in self.table.iter().enumerate() {
            let Some(source) = place else { return at };
            let worth = (source.reception.is_valid(), source.last_ns);
            if self.heard != Some(at) && worth <= victim.1 {
                victim = (at, worth);
            }
        }
        victim.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn voice(ssrc: u32, sequence: u16, ms: u64) -> Sighting {
        Sighting {
            ssrc,
            sequence,
            timing: Some((8_000, u32::from(sequence) * 160)),
            role: Role::Voice,
            arrival_ns: ms * MS,
            authenticated: false,
            preferred: false,
        }
    }

    fn sealed(ssrc: u32, sequence: u16, ms: u64) -> Sighting {
        Sighting { authenticated: true, ..voice(ssrc, sequence, ms) }
    }

    /// Feeds packets of `make` every 20 ms from `from_ms`; when the source was first heard.
    fn stream(
        sources: &mut Sources,
        make: fn(u32, u16, u64) -> Sighting,
        ssrc: u32,
        from_ms: u64,
        count: u16,
    ) -> Option<u64> {
        let mut first = None;
        for n in 0..count {
            let ms = from_ms + 20 * u64::from(n);
            if sources.packet(&make(ssrc, 100 + n, ms)).standing == Standing::Heard {
                first = first.or(Some(ms));
            }
        }
        first
    }

    #[test]
    fn an_authenticated_source_is_heard_at_its_second_packet_however_many_there_were() {
        let mut sources = Sources::new(4);
        for n in 0..50 {
            let from_ms = u64::from(n) * 1_000;
            let first = stream(&mut sources, sealed, 7 + n, from_ms, 50);
            assert_eq!(first, Some(from_ms + 20), "source {n}");
        }
        assert_eq!(sources.changes, 49);
    }

    #[test]
    fn of_two_that_send_at_once_the_one_that_is_heard_stays() {
        for make in [voice, sealed] {
            let mut sources = Sources::new(4);
            stream(&mut sources, make, 1, 0, 50);
            for n in 0..1_000_u16 {
                let ms = 1_000 + 20 * u64::from(n);
                // Jitter: now and then one comes right behind the other's next.
                let late = if n % 7 == 0 { 19 } else { 0 };
                sources.packet(&make(2, 5_000 + n, ms + 1));
                sources.packet(&make(1, 150 + n, ms + late));
                assert_eq!(sources.heard_ssrc(), Some(1));
            }
            assert_eq!(sources.changes, 0);
        }
    }

    #[test]
    fn a_plain_source_waits_until_the_other_has_stopped() {
        let mut sources = Sources::new(4);
        stream(&mut sources, voice, 1, 0, 50);
        // Its last packet came at 980 ms.
        assert_eq!(stream(&mut sources, voice, 2, 990, 20), Some(1_090));
        // A BYE or a release ends the wait.
        assert!(sources.goodbye(2, 1_400 * MS));
        assert_eq!(stream(&mut sources, voice, 3, 1_400, 10), Some(1_420));
        sources.release(1_600 * MS);
        assert_eq!(stream(&mut sources, voice, 4, 1_600, 10), Some(1_620));
    }

    #[test]
    fn who_was_released_does_not_come_back_beside_another() {
        let mut sources = Sources::new(4);
        stream(&mut sources, sealed, 1, 0, 50);
        sources.release(1_000 * MS);
        for n in 0..100_u16 {
            let ms = 1_000 + 20 * u64::from(n);
            sources.packet(&sealed(1, 150 + n, ms));
            sources.packet(&sealed(2, 900 + n, ms + 3));
            assert_eq!(sources.heard_ssrc(), Some(if n == 0 { 1 } else { 2 }));
        }
    }

    #[test]
    fn packets_under_way_at_a_bye_are_not_played_and_who_goes_on_is_heard_again() {
        let mut sources = Sources::new(4);
        stream(&mut sources, voice, 1, 0, 50);
        assert!(sources.goodbye(1, 1_000 * MS));
        assert!(!sources.goodbye(9, 1_000 * MS));
        assert_eq!(sources.packet(&voice(1, 150, 1_010)).standing, Standing::Aside);
        assert_eq!(sources.packet(&voice(1, 151, 1_500)).standing, Standing::Heard);
    }

    #[test]
    fn other_streams_beside_the_voice_change_nothing() {
        let mut sources = Sources::new(4);
        for n in 0..500_u16 {
            let ms = 20 * u64::from(n);
            let seen = sources.packet(&sealed(1, n, ms));
            assert_eq!(seen.standing == Standing::Heard, n > 0);
            for k in 0..4 {
                let role = Role::PassThrough;
                let video = Sighting { role, ..sealed(2, n * 4 + k, ms + u64::from(k)) };
                sources.packet(&video);
            }
            let event = Sighting { role: Role::Event, timing: None, ..sealed(3, n, ms) };
            assert_ne!(sources.packet(&event).standing, Standing::Heard);
        }
        assert_eq!((sources.heard_ssrc(), sources.changes), (Some(1), 0));
    }

    #[test]
    fn unknown_payload_types_are_no_loss_and_events_of_their_own_count_no_restart() {
        let mut sources = Sources::new(4);
        for n in 0..200_u16 {
            let mut sighting = voice(1, n, 20 * u64::from(n));
            if n % 2 == 1 {
                (sighting.role, sighting.timing) = (Role::Unknown, None);
            }
            sources.packet(&sighting);
            if n < 4 {
                continue;
            }
            let elsewhere = Sighting {
                role: Role::Event,
                timing: None,
                ..voice(1, 40_000 + n, 20 * u64::from(n))
            };
            assert_ne!(sources.packet(&elsewhere).verdict, Verdict::Restarted);
        }
        let (expected, received) = sources.call_totals();
        assert_eq!(expected, received);
        assert_eq!(sources.summary().unwrap().0.jitter_ticks, 0);
    }

    #[test]
    fn losses_of_the_whole_call_are_kept_over_changes_and_restarts() {
        let mut sources = Sources::new(4);
        let mut ms = 0;
        for (ssrc, base) in [(1, 0), (2, 700), (2, 30_000)] {
            for n in 0..1_000_u16 {
                ms += 20;
                if n % 5 != 4 {
                    sources.packet(&sealed(ssrc, base + n, ms));
                }
            }
        }
        let (expected, received) = sources.call_totals();
        let lost = expected - received;
        assert!((590..=600).contains(&lost), "{lost} of {expected}");
    }

    #[test]
    fn junk_does_not_keep_a_source_on_probation() {
        let mut sources = Sources::new(8);
        let mut heard = 0;
        for n in 0..500_u16 {
            heard += u32::from(
                sources.packet(&voice(1, n, 20 * u64::from(n))).standing == Standing::Heard,
            );
            for k in 0..5 {
                let junk = u32::from(n) * 7_919 + k + 10;
                sources.packet(&voice(junk, junk as u16, 20 * u64::from(n) + 5));
            }
        }
        assert_eq!(heard, 499);
    }

    proptest! {
        #[test]
        fn any_packets_leave_one_heard_and_the_sums_sane(
            steps in prop::collection::vec((0_u32..6, any::<u16>(), 0_u64..200, 0_u8..4, any::<bool>(), 0_u8..20), 0..400)
        ) {
            let mut sources = Sources::new(3);
            let mut ms = 0;
            let mut heard = Vec::new();
            for (ssrc, sequence, pause, role, authenticated, order) in steps {
                ms += pause;
                let role = [Role::Voice, Role::Event, Role::PassThrough, Role::Unknown][usize::from(role)];
                let timing = (role == Role::Voice).then_some((8_000, u32::from(sequence)));
                let sighting = Sighting { role, authenticated, timing, ..voice(ssrc, sequence % 50, ms) };
                let seen = sources.packet(&sighting);
                if seen.turned {
                    heard.push(ssrc);
                }
                if order == 0 { sources.goodbye(ssrc, ms * MS); }
                if order == 1 { sources.release(ms * MS); }
                prop_assert_eq!(sources.heard_ssrc(), heard.last().copied());
                let (expected, received) = sources.call_totals();
                prop_assert!(expected < 1 << 40 && received < 1 << 40);
            }
        }
    }
}
