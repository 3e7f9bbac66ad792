// SPDX-License-Identifier: MIT OR Apache-2.0
//! The taps of a conference, on the audio thread: who may be taken is looked at in every tick.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::config::TICK_NS;
use super::member::{Member, MemberId};
use super::rates::Rates;
use crate::dsp::resample::RATES_HZ;
use crate::jitter::PacketMeta;
use crate::tap::{Asked, Desk, DeskWays, Feed, TapSource, TapState};
use crate::within::{Within, push_in, swap_out};

/// The audio thread's ends of all taps.
pub(super) struct Taps {
    ways: DeskWays,
    #[allow(clippy::vec_box)] // They come and go as boxes: nothing is freed here.
    feeds: Vec<Box<Feed>>,
    /// Those of packets among them.
    of_packets: usize,
    /// When this tick's sound begins: that of the first tick, and 10 ms for each since.
    time_ns: Option<u64>,
}

/// What a tick has to give.
pub(super) struct Tapped<'a> {
    pub(super) desk: &'a Desk,
    pub(super) members: &'a mut [Option<Member>],
    pub(super) present: &'a [u32],
    pub(super) rates: &'a Rates,
    pub(super) now_ns: u64,
}

impl<'a> Tapped<'a> {
    /// What a voice says that a program makes, if the others hear it. A person's needs a grant.
    fn program_says(&self, id: MemberId) -> Option<&'a [i16]> {
        let member = self.members.get(id.index as usize)?.as_ref()?;
        let rates = self.rates;
        let said = rates.said(member.rate(), member.place);
        (member.id == id && member.sound.synthetic && !said.muted).then_some(said.pcm)
    }
}

impl Taps {
    pub(super) fn new(ways: DeskWays, room: usize) -> Self {
        Self { ways, feeds: Vec::with_capacity(room), of_packets: 0, time_ns: None }
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        !self.feeds.is_empty()
    }

    /// Takes a tap in.
    pub(super) fn add(&mut self, feed: Box<Feed>) {
        self.of_packets += usize::from(is_of_packets(&feed));
        push_in(&mut self.feeds, feed);
    }

    /// Goes on to the next tick, before which so many did not come.
    pub(super) fn advance(&mut self, now_ns: u64, missed: u64) {
        let step_ns = missed.saturating_add(1).saturating_mul(TICK_NS);
        self.time_ns = Some(self.time_ns.map_or(now_ns, |time_ns| time_ns.saturating_add(step_ns)));
    }

    /// Lets every tap of sound take what it may of what has been pulled.
    pub(super) fn serve(&mut self, tapped: &mut Tapped<'_>) {
        if self.feeds.len() > self.of_packets {
            self.walk(tapped, false);
        }
    }

    /// Says to which taps the packets of what is pulled next may go, by [`Member::packets_to`].
    pub(super) fn serve_packets(&mut self, tapped: &mut Tapped<'_>) {
        if self.of_packets > 0 {
            self.walk(tapped, true);
        }
    }

    /// Gives a packet to the taps that may have it: `to` and those behind it.
    pub(super) fn take_packet(
        &mut self,
        id: MemberId,
        mut to: Option<u16>,
        meta: &PacketMeta,
        payload: &[u8],
    ) {
        let time_ns = self.time_ns.unwrap_or(0);
        // As many as there are at most.
        for _ in 0..self.of_packets {
            let Some(feed) = to.and_then(|n| self.feeds.get_mut(usize::from(n))) else { return };
            if feed.config.source != TapSource::Packets(id) {
                return;
            }
            feed.take_packet(time_ns, meta, payload);
            to = feed.next;
        }
    }

    /// Goes through the taps of packets, or through the others.
    fn walk(&mut self, tapped: &mut Tapped<'_>, of_packets: bool) {
        let time_ns = self.time_ns.unwrap_or(tapped.now_ns);
        let mut n = 0;
        while let Some(feed) = self.feeds.get_mut(n) {
            if is_of_packets(feed) != of_packets {
                n += 1;
                continue;
            }
            let (source, purpose) = (feed.config.source, feed.config.purpose);
            // Before anybody is asked: who withdraws meanwhile is found by who reads.
            let withdrawals = match source.member() {
                Some(id) => tapped.desk.withdrawals.of(id.index, purpose),
                None => tapped.desk.withdrawals.of_anybody(purpose),
            };
            feed.under(withdrawals);
            let asked = if feed.is_closed() { Asked::End } else { tapped.desk.asked(feed.id) };
            let goes_on = match (asked, source) {
                (Asked::End, _) => false,
                (asked, TapSource::Mix) => {
                    self.ways.take_mix(feed, asked, tapped, time_ns);
                    true
                }
                (asked, TapSource::Member(id) | TapSource::Packets(id)) => {
                    self.ways.take_member(feed, n as u16, (id, withdrawals), asked, tapped, time_ns)
                }
            };
            if goes_on {
                n += 1;
                continue;
            }
            feed.close();
            // It waits where nobody has read what was told before.
            if !self.ways.tell(feed, TapState::Ended, tapped.now_ns) {
                n += 1;
            } else if let Some(feed) = swap_out(&mut self.feeds, n) {
                self.of_packets -= usize::from(is_of_packets(&feed));
                // Has room for all there are.
                let _ = self.ways.spent.push(feed);
            }
        }
    }
}

impl DeskWays {
    /// Tells a tap's state where it has changed; `false` if that finds no room.
    fn tell(&mut self, feed: &mut Feed, state: TapState, now_ns: u64) -> bool {
        let Some(event) = feed.news(state, now_ns) else { return true };
        let told = self.events.push(event).is_ok();
        if told {
            feed.has_told(state);
        }
        told
    }

    /// Takes a member's voice, or has its packets go to the feed, the `n`th; `false` when the member has gone.
    #[inline]
    fn take_member(
        &mut self,
        feed: &mut Feed,
        n: u16,
        (id, withdrawals): (MemberId, u32),
        asked: Asked,
        tapped: &mut Tapped<'_>,
        time_ns: u64,
    ) -> bool {
        let reference = feed.reference().and_then(|voice| tapped.program_says(voice));
        let member = tapped.members.get_mut(id.index as usize).and_then(Option::as_mut);
        let Some(member) = member.filter(|member| member.id == id && !member.leaving) else {
            return false;
        };
        let (purpose, sink) = (feed.config.purpose, feed.config.sink);
        let allowed = member.consents.allows(purpose, sink, withdrawals, tapped.now_ns);
        let allowed = allowed.and_then(|()| tapped.desk.preferences.allows(id, purpose));
        let state = match (allowed, asked) {
            (Err(refusal), _) => TapState::Waiting(Some(refusal)),
            (Ok(()), Asked::Go) => TapState::Taking { voices: 1 },
            (Ok(()), _) => TapState::Paused,
        };
        if !self.tell(feed, state, tapped.now_ns) {
            return true;
        }
        match state {
            TapState::Taking { .. } if is_of_packets(feed) => {
                if !tapped.rates.said(member.rate(), member.place).muted {
                    feed.next = member.packets_to.replace(n);
                }
                feed.has_taken();
            }
            TapState::Taking { .. } => {
                let said = tapped.rates.said(member.rate(), member.place);
                let rate_hz = RATES_HZ.at(member.rate());
                feed.take(said.pcm, rate_hz, time_ns, &mut member.sound, said.muted, reference);
            }
            TapState::Paused if !is_of_packets(feed) => feed.rest(time_ns),
            _ => (),
        }
        true
    }

    /// Takes the voices of all who have agreed.
    fn take_mix(&mut self, feed: &mut Feed, asked: Asked, tapped: &mut Tapped<'_>, time_ns: u64) {
        let (purpose, sink) = (feed.config.purpose, feed.config.sink);
        let mut voices = 0_u16;
        for index in tapped.present {
            let member = tapped.members.get_mut(*index as usize).and_then(Option::as_mut);
            let Some(member) = member.filter(|member| !member.leaving) else { continue };
            let withdrawals = tapped.desk.withdrawals.of(*index, purpose);
            let allowed = member.consents.allows(purpose, sink, withdrawals, tapped.now_ns);
            if allowed.is_err() || tapped.desk.preferences.allows(member.id, purpose).is_err() {
                continue;
            }
            let said = tapped.rates.said(member.rate(), member.place);
            if said.private {
                continue;
            }
            voices += 1;
            if asked == Asked::Go && !said.muted {
                feed.add(said.pcm, RATES_HZ.at(member.rate()));
            }
        }
        let state = match (voices, asked) {
            (0, _) => TapState::Waiting(None),
            (_, Asked::Go) => TapState::Taking { voices },
            _ => TapState::Paused,
        };
        match (self.tell(feed, state, tapped.now_ns), state) {
            (true, TapState::Taking { voices }) => feed.take_mix(time_ns, voices),
            (true, TapState::Paused) => feed.rest(time_ns),
            _ => feed.clear_mix(),
        }
    }
}

fn is_of_packets(feed: &Feed) -> bool {
    matches!(feed.config.source, TapSource::Packets(_))
}
