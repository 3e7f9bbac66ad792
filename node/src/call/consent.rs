// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a party has agreed to, as the control thread knows it: to be told, and for taps that begin later. What is
//! taken is the engine's to decide, which looks at each frame anew.

use ale_media::tap::{Consent, Grant, Preference, Purpose, Purposes, SinkId};

/// A party's consent, a state a purpose, and what its description asks of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consents {
    states: [Consent; Purpose::ALL.len()],
    preference: Preference,
}

impl Consents {
    /// It has agreed to this, in place of what it had agreed to for these purposes.
    pub fn grant(&mut self, grant: &Grant) {
        self.set(grant.purposes, Consent::Granted(*grant));
    }

    /// It has taken it back.
    pub fn withdraw(&mut self, purposes: Purposes) {
        self.set(purposes, Consent::Withdrawn);
    }

    fn set(&mut self, purposes: Purposes, to: Consent) {
        let states = Purpose::ALL.into_iter().zip(&mut self.states);
        states
            .filter(|(purpose, _)| purposes.contains(*purpose))
            .for_each(|(_, state)| *state = to);
    }

    /// What its last description asks (RFC 7866 section 6.2).
    pub fn set_preference(&mut self, preference: Preference) {
        self.preference = preference;
    }

    /// See [`Consents::set_preference`].
    pub fn preference(&self) -> Preference {
        self.preference
    }

    /// What has been granted.
    pub fn grants(&self) -> impl Iterator<Item = Grant> {
        let granted = |(purpose, state): (Purpose, Consent)| match state {
            Consent::Granted(grant) => Some(Grant { purposes: purpose.into(), ..grant }),
            _ => None,
        };
        Purpose::ALL.into_iter().zip(self.states).filter_map(granted)
    }

    /// How it stands to what a sink wants, in a word.
    pub fn word(&self, purpose: Purpose, sink: SinkId, now_ns: u64) -> &'static str {
        let named = Purpose::ALL.into_iter().zip(self.states).find(|(of, _)| *of == purpose);
        let refuses = matches!(self.preference, Preference::Off | Preference::Pause);
        match named.map(|(_, state)| state).unwrap_or_default() {
            _ if refuses && purpose == Purpose::Record => "refused",
            Consent::Granted(grant)
                if grant.until_ns.is_some_and(|until_ns| now_ns >= until_ns) =>
            {
                "expired"
            }
            Consent::Granted(grant) if grant.sink == sink => "agreed",
            Consent::Withdrawn => "withdrawn",
            _ => "unasked",
        }
    }

    /// Which text it was shown, for what it has granted.
    pub fn notice_version(&self, purpose: Purpose, sink: SinkId) -> Option<u32> {
        let is_its = |grant: &Grant| grant.purposes.contains(purpose) && grant.sink == sink;
        self.grants().find(is_its).map(|grant| grant.notice_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ale_media::tap::Basis;

    #[test]
    fn what_was_said_is_told_for_its_purpose_and_receiver_alone() {
        let mut consents = Consents::default();
        let word = |consents: &Consents, purpose, now_ns| consents.word(purpose, SinkId(1), now_ns);
        assert_eq!(word(&consents, Purpose::Record, 0), "unasked");
        let purposes = Purposes::from(Purpose::Record) | Purpose::Analyse.into();
        let (basis, sink, until_ns) = (Basis::Consent, SinkId(1), Some(10));
        consents.grant(&Grant { purposes, basis, sink, notice_version: 4, until_ns });
        assert_eq!(
            (word(&consents, Purpose::Record, 9), word(&consents, Purpose::Record, 10)),
            ("agreed", "expired")
        );
        assert_eq!(word(&consents, Purpose::Assist, 0), "unasked");
        assert_eq!(consents.word(Purpose::Record, SinkId(2), 0), "unasked", "another receiver");
        assert_eq!(consents.notice_version(Purpose::Record, SinkId(1)), Some(4));
        consents.set_preference(Preference::Off);
        assert_eq!(
            (word(&consents, Purpose::Record, 0), word(&consents, Purpose::Analyse, 0)),
            ("refused", "agreed")
        );
        consents.set_preference(Preference::On);
        consents.withdraw(Purpose::Record.into());
        assert_eq!(
            (word(&consents, Purpose::Record, 0), consents.grants().count()),
            ("withdrawn", 1)
        );
    }
}
