// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of SRTP by SDES (RFC 4568) at one end of a media line: what the node offers and answers, and which
//! of the lines that come it agrees with.

use ale_media::session::{Keying, SrtpConfig};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Policy, Suite, wiping_stack};

use crate::failover::KeysRecord;
use crate::ng::flags::Flags;
use crate::random;

/// Longest key and salt of a suite.
const MAX_KEY_BYTES: usize = 32 + 14;

/// What the node has said at one end.
#[derive(Debug, Default)]
pub struct EndKeys {
    /// Lines that were offered to the peer.
    offered: Vec<CryptoAttribute>,
    /// The line that answered the peer's, and the peer's as it came.
    answered: Option<(CryptoAttribute, String)>,
}

/// Whether flags let a suite be used.
fn permitted(suite: Suite, flags: &Flags) -> bool {
    let named =
        |list: &[String]| list.iter().any(|name| Suite::from_sdes_name(name) == Some(suite));
    !named(&flags.sdes_without) && (flags.sdes_only.is_empty() || named(&flags.sdes_only))
}

fn fresh(tag: u32, suite: Suite) -> Option<CryptoAttribute> {
    wiping_stack(|| {
        let mut bytes = [0; MAX_KEY_BYTES];
        let bytes = bytes.get_mut(..suite.key_bytes() + suite.salt_bytes())?;
        if !random::fill(bytes) {
            return None;
        }
        let key = MasterKey::from_concatenated(suite, bytes).ok()?;
        Some(CryptoAttribute::new(tag, suite, key))
    })
}

impl EndKeys {
    /// What is kept of it for another process.
    pub fn record(&self) -> KeysRecord {
        let line = |line: &CryptoAttribute| line.value().to_string();
        KeysRecord {
            offered: self.offered.iter().map(line).collect(),
            answered: self.answered.as_ref().map(|(ours, theirs)| (line(ours), theirs.clone())),
        }
    }

    /// What another process has kept; `None` if it can't be read.
    pub fn of(record: &KeysRecord) -> Option<Self> {
        let read = |line: &String| CryptoAttribute::parse(line).ok();
        let answered = match &record.answered {
            Some((ours, theirs)) => Some((read(ours)?, theirs.clone())),
            None => None,
        };
        Some(Self { offered: record.offered.iter().map(read).collect::<Option<_>>()?, answered })
    }

    /// The lines to offer to the peer: those of before, as far as they may still be used, so that an offer
    /// which changes nothing changes no key. Empty if there are none to offer.
    pub fn offer(&mut self, flags: &Flags) -> Vec<String> {
        self.offered.retain(|line| permitted(line.suite, flags));
        if self.offered.is_empty() {
            if let Some((ours, _)) =
                self.answered.as_ref().filter(|(ours, _)| permitted(ours.suite, flags))
            {
                self.offered.push(ours.clone());
            } else {
                let suites = Policy::default().suites().filter(|suite| permitted(*suite, flags));
                self.offered =
                    suites.zip(1..).filter_map(|(suite, tag)| fresh(tag, suite)).collect();
            }
        }
        self.offered.iter().map(|line| line.value().to_string()).collect()
    }

    /// The peer has answered with these lines what it was offered: the keys, if they agree.
    pub fn accept(&self, theirs: &[String]) -> Option<Keying> {
        let [theirs] = theirs else { return None };
        let agreed = self.agreed(&CryptoAttribute::parse(theirs).ok()?)?;
        Some(Keying::Srtp(Box::new(agreed)))
    }

    /// The keys that were agreed on by a line of the peer's answer; `None` if that answers none that was offered.
    pub fn agreed(&self, theirs: &CryptoAttribute) -> Option<SrtpConfig> {
        let is_it = |ours: &&CryptoAttribute| ours.tag == theirs.tag && ours.suite == theirs.suite;
        both(self.offered.iter().find(is_it)?, theirs)
    }

    /// The peer has offered these lines: the first that is understood and permitted is answered, with the
    /// key of before if it was the same then. The keys, and the line of the answer.
    pub fn answer(&mut self, theirs: &[String], flags: &Flags) -> Option<(Keying, String)> {
        let (read, line) = chosen(theirs, flags)?;
        if self.answered.as_ref().is_none_or(|(_, before)| before != line) {
            // A line of ours that this peer took goes on, as RFC 4568 section 7.1.4 wants of offers.
            let known = |ours: &&CryptoAttribute| ours.suite == read.suite;
            let mut ours = match self.offered.iter().find(known) {
                Some(ours) => ours.clone(),
                None => fresh(read.tag, read.suite)?,
            };
            (ours.tag, ours.suite_name) = (read.tag, read.suite_name);
            self.answered = Some((ours, line.clone()));
        }
        let (ours, _) = self.answered.as_ref()?;
        let keying = Keying::Srtp(Box::new(both(ours, &read)?));
        Some((keying, ours.value().to_string()))
    }
}

/// The first of the peer's lines that is understood and permitted.
fn chosen<'t>(theirs: &'t [String], flags: &Flags) -> Option<(CryptoAttribute, &'t String)> {
    theirs.iter().find_map(|line| {
        let read = CryptoAttribute::parse(line).ok()?;
        let usable = permitted(read.suite, flags)
            && Policy::default().permits(read.suite, false)
            && read.to_config().is_ok();
        usable.then_some((read, line))
    })
}

/// Whether any of a peer's lines could be answered.
pub fn any_usable(theirs: &[String], flags: &Flags) -> bool {
    chosen(theirs, flags).is_some()
}

/// Whether any suite could be offered.
pub fn any_permitted(flags: &Flags) -> bool {
    Policy::default().suites().any(|suite| permitted(suite, flags))
}

fn both(ours: &CryptoAttribute, theirs: &CryptoAttribute) -> Option<SrtpConfig> {
    Some(SrtpConfig { send: ours.to_config().ok()?, receive: theirs.to_config().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ale_media::srtp::{Receiver, Sender};

    /// What one end protects the other can read, in both directions.
    fn agree(one: &Keying, other: &Keying) -> bool {
        let (Keying::Srtp(one), Keying::Srtp(other)) = (one, other) else { return false };
        [(&one.send, &other.receive), (&other.send, &one.receive)].into_iter().all(|(from, to)| {
            let mut packet = [0_u8; 12 + 20 + 64];
            packet[0] = 0x80;
            let length = Sender::new(from).unwrap().protect(&mut packet, 32).unwrap();
            Receiver::new(to).unwrap().unprotect(&mut packet[..length]) == Ok(32)
        })
    }

    #[test]
    fn two_ends_agree_on_the_first_suite_that_both_permit() {
        for (offerer, answerer, suite) in [
            ("", "", "AEAD_AES_256_GCM"),
            ("SDES-only-AES_CM_128_HMAC_SHA1_80", "", "AES_CM_128_HMAC_SHA1_80"),
            ("", "SDES-no-AEAD_AES_256_GCM", "AEAD_AES_128_GCM"),
        ] {
            let (mut offering, mut answering) = (EndKeys::default(), EndKeys::default());
            let flags = |word: &str| {
                let mut flags = Flags::default();
                flags.word(word);
                flags
            };
            let offer = offering.offer(&flags(offerer));
            let (theirs, answer) = answering.answer(&offer, &flags(answerer)).unwrap();
            assert!(answer.contains(suite), "{answer}");
            let ours = offering.accept(core::slice::from_ref(&answer)).unwrap();
            assert!(agree(&ours, &theirs));
            // A second round changes nothing.
            assert_eq!(offering.offer(&flags(offerer)), offer);
            assert_eq!(answering.answer(&offer, &flags(answerer)).unwrap().1, answer);
        }
    }

    #[test]
    fn what_was_not_offered_is_not_accepted() {
        let mut ours = EndKeys::default();
        let offer = ours.offer(&Flags::default());
        let other_tag = offer[0].replacen('1', "9", 1);
        for answer in [vec![], vec![other_tag], vec![String::from("1 NONE inline:AAAA")], offer] {
            let expected = answer.len() == 1 && answer[0].starts_with("1 AEAD");
            assert_eq!(ours.accept(&answer).is_some(), expected, "{}", answer.len());
        }
    }

    #[test]
    fn keys_are_padded() {
        // There are phones that drop the end of a key that is not: 44 bytes of AES-256-GCM need `=`.
        let offer = EndKeys::default().offer(&Flags::default());
        assert!(
            offer[0].contains("AEAD_AES_256_GCM") && offer[0].ends_with('='),
            "{}",
            offer.len()
        );
    }
}
