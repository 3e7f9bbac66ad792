// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that were given, by whom they were given to and the cookie: who has lost one asks again with
//! the same cookie, and gets the same bytes without anything being done a second time.
//!
//! Bounded in number, in bytes and in time; the oldest give way.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// Most answers that are kept.
const MAX_ANSWERS: usize = 8192;
/// Most bytes of answers that are kept.
const MAX_BYTES: usize = 8 << 20;
/// How long: proxies give up after some seconds.
const KEPT_NS: u64 = 30_000_000_000;

type Key = (SocketAddr, Box<[u8]>);

/// The answers.
#[derive(Debug, Default)]
pub struct Answers {
    of: HashMap<Key, Box<[u8]>>,
    /// From the oldest on.
    order: VecDeque<(u64, Key)>,
    bytes: usize,
}

impl Answers {
    /// The answer that was given to this cookie.
    pub fn given(&self, to: SocketAddr, cookie: &[u8]) -> Option<&[u8]> {
        self.of.get(&(to, cookie.into())).map(|answer| &answer[..])
    }

    /// Keeps an answer; of two to the same cookie the first.
    pub fn keep(&mut self, to: SocketAddr, cookie: &[u8], answer: &[u8], now_ns: u64) {
        self.expire(now_ns);
        let key = (to, Box::from(cookie));
        if self.of.contains_key(&key) {
            return;
        }
        self.bytes += answer.len();
        self.order.push_back((now_ns, key.clone()));
        self.of.insert(key, answer.into());
        while self.of.len() > MAX_ANSWERS || self.bytes > MAX_BYTES {
            self.forget_oldest();
        }
    }

    /// Forgets what has had its time.
    pub fn expire(&mut self, now_ns: u64) {
        let old = |at: &u64| now_ns.saturating_sub(*at) > KEPT_NS;
        while self.order.front().is_some_and(|(at, _)| old(at)) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front()
            && let Some(answer) = self.of.remove(&key)
        {
            self.bytes -= answer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_first_answer_is_repeated_to_who_had_it() {
        let mut answers = Answers::default();
        answers.keep(asker(1), b"c", b"first", 0);
        answers.keep(asker(1), b"c", b"second", 1);
        assert_eq!(answers.given(asker(1), b"c"), Some(&b"first"[..]));
        assert_eq!(answers.given(asker(2), b"c"), None, "cookies of others are theirs");
        answers.expire(KEPT_NS);
        assert!(answers.given(asker(1), b"c").is_some());
        answers.expire(KEPT_NS + 1);
        assert_eq!(answers.given(asker(1), b"c"), None);
        assert_eq!(answers.bytes, 0);
    }

    #[test]
    fn number_and_bytes_are_bounded_and_the_newest_stay() {
        let mut answers = Answers::default();
        for n in 0..3 * MAX_ANSWERS as u32 {
            answers.keep(asker(1), &n.to_be_bytes(), &[0; 4096], u64::from(n));
            assert!(answers.of.len() <= MAX_ANSWERS && answers.bytes <= MAX_BYTES);
            assert_eq!(answers.of.len(), answers.order.len());
            assert!(answers.given(asker(1), &n.to_be_bytes()).is_some());
        }
        assert_eq!(answers.bytes, MAX_BYTES);
    }
}
