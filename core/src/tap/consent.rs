// SPDX-License-Identifier: MIT OR Apache-2.0
//! What somebody has agreed to, and that it stands no longer.
//!
//! A grant is a state of the member on the audio thread. A withdrawal is not an order that waits there: it
//! moves a number that the tick compares with the one that the grant was made under, and that readers compare
//! with their frames'. So it can't be refused, can't be overtaken by a grant from before it, and holds from
//! the moment the call returns.

use alloc::boxed::Box;
use core::ops::BitOr;
use core::sync::atomic::{AtomicU32, Ordering};

/// What a voice is used for. There is none for telling who somebody is, or how somebody feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Sound that is kept.
    Record,
    /// Speech that is turned into text.
    Transcribe,
    /// What was said is looked into: quality, topics.
    Analyse,
    /// A machine that takes part: answers, translates, looks things up.
    Assist,
}

/// How many purposes there are.
pub(crate) const PURPOSES: usize = 4;

impl Purpose {
    /// All of them, in order.
    pub const ALL: [Self; PURPOSES] = [Self::Record, Self::Transcribe, Self::Analyse, Self::Assist];

    /// The word for it in an audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Transcribe => "transcribe",
            Self::Analyse => "analyse",
            Self::Assist => "assist",
        }
    }
}

/// A set of purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Purposes(u8);

impl Purposes {
    /// None.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << PURPOSES) - 1);

    /// The set with these bits, the first for [`Purpose::Record`]; `None` for bits that stand for nothing.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits & !Self::ALL.0 == 0).then_some(Self(bits))
    }

    /// As [`Purposes::from_bits`] takes them.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether one is among them.
    pub fn contains(self, purpose: Purpose) -> bool {
        self.0 & (1 << purpose as u8) != 0
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |purpose| self.contains(*purpose))
    }
}

impl From<Purpose> for Purposes {
    fn from(purpose: Purpose) -> Self {
        Self(1 << purpose as u8)
    }
}

impl BitOr for Purposes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a use stands on: Article 6(1) of the GDPR, letters a to f.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Basis {
    /// (a): the person has agreed.
    #[default]
    Consent,
    /// (b): a contract with the person.
    Contract,
    /// (c): the law asks for it.
    LegalObligation,
    /// (d): somebody's life.
    VitalInterests,
    /// (e): a public task.
    PublicTask,
    /// (f): interests that outweigh the person's.
    LegitimateInterests,
}

impl Basis {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Consent,
        Self::Contract,
        Self::LegalObligation,
        Self::VitalInterests,
        Self::PublicTask,
        Self::LegitimateInterests,
    ];
}

/// Who receives what is tapped, by the host's own number: a store, a recogniser, a company. A person
/// agrees to a receiver, not to a socket: several taps may go to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SinkId(pub u32);

/// What somebody agrees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    /// What for.
    pub purposes: Purposes,
    /// On what grounds.
    pub basis: Basis,
    /// To whom.
    pub sink: SinkId,
    /// Which text the person was shown, by the host's own number.
    pub notice_version: u32,
    /// When it ends, by the clock of the ticks; `None` with the membership.
    pub until_ns: Option<u64>,
}

/// How a member stands to one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Consent {
    /// Nobody has said anything, which counts as no.
    #[default]
    Unknown,
    /// Agreed.
    Granted(Grant),
    /// It was agreed once, and its time is over; it stays so, also when the clock is set back.
    Expired,
    /// Taken back.
    Withdrawn,
}

/// Why a tap does not take a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody has said anything.
    Unknown,
    /// The grant is for another receiver.
    OtherSink,
    /// The grant's time is over.
    Expired,
    /// The grant was taken back.
    Withdrawn,
    /// The peer's description asks not to be recorded ([`Preference`](super::Preference)).
    Preference,
}

/// How many withdrawals there were: of a member for a purpose, and of anybody for a purpose.
#[derive(Debug)]
pub(crate) struct Withdrawals {
    of_places: Box<[[AtomicU32; PURPOSES]]>,
    of_anybody: [AtomicU32; PURPOSES],
}

impl Withdrawals {
    pub(crate) fn new(places: usize) -> Self {
        let zeros = || [const { AtomicU32::new(0) }; PURPOSES];
        Self { of_places: (0..places).map(|_| zeros()).collect(), of_anybody: zeros() }
    }

    /// Takes back what the member at a place has agreed to.
    pub(crate) fn withdraw(&self, place: u32, purposes: Purposes) {
        let Some(of_place) = self.of_places.get(place as usize) else { return };
        for (purpose, count) in Purpose::ALL.into_iter().zip(of_place.iter().zip(&self.of_anybody))
        {
            if purposes.contains(purpose) {
                count.0.fetch_add(1, Ordering::AcqRel);
                // After the member's own: whoever has not seen this one has not passed over that one.
                count.1.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Withdrawals of a member for one purpose.
    #[inline]
    pub(crate) fn of(&self, place: u32, purpose: Purpose) -> u32 {
        let count = self.of_places.get(place as usize).and_then(|of| of.get(purpose as usize));
        count.map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Withdrawals of a member for all purposes: what a grant is made under.
    pub(crate) fn all_of(&self, place: u32) -> [u32; PURPOSES] {
        Purpose::ALL.map(|purpose| self.of(place, purpose))
    }

    /// Withdrawals of anybody for one purpose.
    #[inline]
    pub(crate) fn of_anybody(&self, purpose: Purpose) -> u32 {
        self.of_anybody.get(purpose as usize).map_or(0, |count| count.load(Ordering::Acquire))
    }
}

/// A [`Grant`] in less room: every order and every member of a conference has some for it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    /// [`u64::MAX`] for no end.
    until_ns: u64,
    sink: SinkId,
    notice_version: u32,
    purposes: Purposes,
    basis: Basis,
    /// What has become of it, on the audio thread.
    state: State,
    /// The withdrawals of its purpose that it was made under, there.
    under: u32,
}

impl From<&Grant> for Terms {
    fn from(grant: &Grant) -> Self {
        Self {
            until_ns: grant.until_ns.unwrap_or(u64::MAX),
            sink: grant.sink,
            notice_version: grant.notice_version,
            purposes: grant.purposes,
            basis: grant.basis,
            ..Self::default()
        }
    }
}

impl From<&Terms> for Grant {
    fn from(terms: &Terms) -> Self {
        Self {
            purposes: terms.purposes,
            basis: terms.basis,
            sink: terms.sink,
            notice_version: terms.notice_version,
            until_ns: Some(terms.until_ns).filter(|until_ns| *until_ns != u64::MAX),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Unknown,
    Granted,
    Expired,
    Withdrawn,
}

/// What a member has agreed to, a state a purpose.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Consents([Terms; PURPOSES]);

impl Consents {
    /// Takes a grant that was made under so many withdrawals.
    pub(crate) fn grant(&mut self, terms: &Terms, under: &[u32; PURPOSES]) {
        let standings = self.0.iter_mut().zip(under);
        for (purpose, (standing, under)) in Purpose::ALL.into_iter().zip(standings) {
            if terms.purposes.contains(purpose) {
                *standing = Terms { under: *under, state: State::Granted, ..*terms };
            }
        }
    }

    /// How the member stands to a purpose, given the withdrawals up to now.
    #[inline]
    fn standing(&mut self, purpose: Purpose, withdrawals: u32, now_ns: u64) -> &Terms {
        let standing = &mut self.0[purpose as usize % PURPOSES];
        let until_ns = standing.until_ns;
        let is_over = until_ns != u64::MAX && now_ns >= until_ns;
        standing.state = match standing.state {
            State::Unknown => State::Unknown,
            _ if standing.under != withdrawals => State::Withdrawn,
            State::Granted if is_over => State::Expired,
            state => state,
        };
        standing
    }

    /// The same, to be told.
    pub(crate) fn at(&mut self, purpose: Purpose, withdrawals: u32, now_ns: u64) -> Consent {
        let standing = self.standing(purpose, withdrawals, now_ns);
        match standing.state {
            State::Unknown => Consent::Unknown,
            State::Expired => Consent::Expired,
            State::Withdrawn => Consent::Withdrawn,
            State::Granted => Consent::Granted(standing.into()),
        }
    }

    /// Whether a tap may take the voice now.
    #[inline]
    pub(crate) fn allows(
        &mut self,
        purpose: Purpose,
        sink: SinkId,
        withdrawals: u32,
        now_ns: u64,
    ) -> Result<(), Refusal> {
        let standing = self.standing(purpose, withdrawals, now_ns);
        match standing.state {
            State::Granted if standing.sink == sink => Ok(()),
            State::Granted => Err(Refusal::OtherSink),
            State::Unknown => Err(Refusal::Unknown),
            State::Expired => Err(Refusal::Expired),
            State::Withdrawn => Err(Refusal::Withdrawn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINK: SinkId = SinkId(7);

    fn grant(purposes: Purposes, until_ns: Option<u64>) -> Terms {
        (&Grant { purposes, basis: Basis::Consent, sink: SINK, notice_version: 1, until_ns }).into()
    }

    #[test]
    fn nothing_said_is_no_and_a_grant_is_for_its_purpose_and_receiver_alone() {
        let mut consents = Consents::default();
        assert_eq!(consents.allows(Purpose::Record, SINK, 0, 0), Err(Refusal::Unknown));
        consents.grant(&grant(Purpose::Record.into(), None), &[0; PURPOSES]);
        assert_eq!(consents.allows(Purpose::Record, SINK, 0, u64::MAX), Ok(()));
        assert_eq!(consents.allows(Purpose::Transcribe, SINK, 0, 0), Err(Refusal::Unknown));
        assert_eq!(consents.allows(Purpose::Record, SinkId(8), 0, 0), Err(Refusal::OtherSink));
    }

    #[test]
    fn a_grant_is_told_as_it_was_given() {
        for until_ns in [None, Some(0), Some(7)] {
            let (purposes, basis) = (Purpose::Assist.into(), Basis::Contract);
            let grant = Grant { purposes, basis, sink: SINK, notice_version: 9, until_ns };
            assert_eq!(Grant::from(&Terms::from(&grant)), grant);
        }
    }

    #[test]
    fn what_has_expired_stays_so_when_the_clock_is_set_back() {
        let mut consents = Consents::default();
        consents.grant(&grant(Purposes::ALL, Some(100)), &[0; PURPOSES]);
        assert_eq!(consents.allows(Purpose::Assist, SINK, 0, 99), Ok(()));
        assert_eq!(consents.allows(Purpose::Assist, SINK, 0, 100), Err(Refusal::Expired));
        assert_eq!(consents.allows(Purpose::Assist, SINK, 0, 0), Err(Refusal::Expired));
    }

    #[test]
    fn a_grant_from_before_a_withdrawal_is_void_and_one_after_it_holds() {
        let withdrawals = Withdrawals::new(2);
        let mut consents = Consents::default();
        let (before, purpose) = (withdrawals.all_of(1), Purpose::Analyse);
        withdrawals.withdraw(1, purpose.into());
        consents.grant(&grant(Purposes::ALL, None), &before);
        let now = withdrawals.of(1, purpose);
        assert_eq!(consents.allows(purpose, SINK, now, 0), Err(Refusal::Withdrawn));
        assert_eq!(consents.allows(Purpose::Record, SINK, 0, 0), Ok(()), "another purpose");
        consents.grant(&grant(Purposes::ALL, None), &withdrawals.all_of(1));
        assert_eq!(consents.allows(purpose, SINK, now, 0), Ok(()));
        withdrawals.withdraw(9, Purposes::ALL);
        assert_eq!(withdrawals.of(0, purpose), 0, "somebody else");
        assert_eq!(withdrawals.of_anybody(purpose), 1);
    }
}
