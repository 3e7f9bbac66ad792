// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of the node's own, of a peer that is there to be found and checks nothing (ICE-lite, RFC 8445 section 2.5): the
//! node controls then, and has one pair, which each check chooses. They also keep the way open through a NAT.

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::ice::Credentials;
use super::stun::{self, MAX_ANSWER_BYTES, Message, Password};
use crate::random;

/// Time between two checks: a way that has been cut is open again so soon after it is there.
const INTERVAL: Duration = Duration::from_millis(500);
/// A host's address as it is seen from elsewhere (RFC 8445 section 5.1.2.1).
const PRIORITY: u32 = (110 << 24) + (65_535 << 8) + 255;
/// Longest user name that a check has room for.
const MAX_USERNAME_BYTES: usize = 48;

/// Checks of one peer.
#[derive(Debug)]
pub struct Checks {
    to: SocketAddr,
    username: String,
    password: Password,
    tie_breaker: [u8; 8],
    transaction: [u8; 12],
    sent: Option<Instant>,
    is_due: bool,
    answers: u64,
}

impl Checks {
    /// Checks of a peer that has told its credentials and where it is; `None` if they are too long, or the system has no
    /// random numbers.
    pub fn new(ours: &Credentials, theirs: &Credentials, to: SocketAddr) -> Option<Self> {
        let mut tie_breaker = [0; 8];
        let username = format!("{}:{}", theirs.fragment, ours.fragment);
        let password = Password::new(&theirs.password)?;
        let fits = username.len() <= MAX_USERNAME_BYTES && random::fill(&mut tie_breaker);
        let (sent, is_due, transaction) = (None, false, [0; 12]);
        fits.then_some(Self {
            to,
            username,
            password,
            tie_breaker,
            transaction,
            sent,
            is_due,
            answers: 0,
        })
    }

    /// Has a check sent if it is time.
    pub fn tick(&mut self, now: Instant) {
        let due = self.sent.is_none_or(|sent| now.duration_since(sent) >= INTERVAL);
        if due && random::fill(&mut self.transaction) {
            self.sent = Some(now);
            self.is_due = true;
        }
    }

    /// The check that is to be sent, and where to.
    pub fn poll(&mut self) -> Option<(BytesMut, SocketAddr)> {
        if !core::mem::take(&mut self.is_due) {
            return None;
        }
        let mut out = [0; MAX_ANSWER_BYTES];
        let (username, password) = (self.username.as_bytes(), &self.password);
        let (tie_breaker, transaction) = (&self.tie_breaker, &self.transaction);
        let bytes = stun::check(username, PRIORITY, tie_breaker, transaction, password, &mut out);
        Some((out.get(..bytes)?.into(), self.to))
    }

    /// Whether a datagram answers the last check.
    pub fn take(&mut self, datagram: &[u8]) -> bool {
        let answers = match stun::read(datagram) {
            Some(Message::Success(success)) => success.is_to(&self.transaction, &self.password),
            _ => false,
        };
        self.answers += u64::from(answers);
        answers
    }

    /// Checks that were answered.
    pub fn answers(&self) -> u64 {
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::ice::{Checked, Ice};

    #[test]
    fn who_checks_nothing_learns_from_a_check_where_the_node_is_and_answers_it() {
        let [ours, theirs] = [(); 2].map(|()| Credentials::new().unwrap());
        let (here, there) = (([192, 0, 2, 1], 4_000).into(), ([192, 0, 2, 2], 5_000).into());
        let mut checks = Checks::new(&ours, &theirs, there).unwrap();
        let mut peer = Ice::new(&theirs).unwrap();
        let now = Instant::now();
        assert!(checks.poll().is_none());
        checks.tick(now);
        let (check, to) = checks.poll().unwrap();
        assert_eq!(to, there);
        assert!(checks.poll().is_none(), "once");
        let mut out = [0; MAX_ANSWER_BYTES];
        let Checked { answer_bytes, moved } = peer.check(&check, here, false, &mut out).unwrap();
        assert!(moved && peer.address(false) == Some(here));
        let answer = &out[..answer_bytes];
        assert!(checks.take(answer) && checks.answers() == 1);
        for at in 0..answer.len() {
            let mut changed = answer.to_vec();
            changed[at] ^= 1;
            assert!(!checks.take(&changed), "{at}");
        }
        checks.tick(now + INTERVAL / 2);
        assert!(checks.poll().is_none());
        checks.tick(now + INTERVAL);
        assert!(checks.poll().is_some_and(|(next, _)| next != check));
        assert!(!checks.take(answer), "it answers another");
        let long = Credentials { fragment: "x".repeat(40), ..theirs };
        assert!(Checks::new(&ours, &long, there).is_none());
    }
}
