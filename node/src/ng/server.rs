// SPDX-License-Identifier: MIT OR Apache-2.0
//! From datagram to datagram: the cookie, what was answered before, and errors in the protocol's words.
//! Sans-I/O; who has the socket calls [`Server::answer`].

use std::net::{IpAddr, SocketAddr};

use super::bencode::{self, DictionaryWriter};
use super::command::Request;
use super::retransmission::Answers;
use crate::config::Network;

/// Longest cookie; proxies make some 20 bytes.
pub(super) const MAX_COOKIE_BYTES: usize = 128;

/// Who does what is asked for.
pub trait Handler {
    /// Does it and writes the answer, `result` included.
    fn handle(&mut self, request: &Request<'_>, now_ns: u64, answer: &mut DictionaryWriter<'_>);
}

/// What has come, by what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Requests that were carried out, or refused by whoever does.
    pub requests: u64,
    /// Asked again and answered with the same bytes.
    pub retransmissions: u64,
    /// From addresses that may not ask; not answered.
    pub forbidden: u64,
    /// Without a cookie; not answered.
    pub no_cookie: u64,
    /// With a cookie and no request behind it.
    pub malformed: u64,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    allowed: Vec<Network>,
    answers: Answers,
    stats: ServerStats,
}

impl Server {
    /// A server for who asks from these networks.
    pub fn new(allowed: Vec<Network>) -> Self {
        Self { allowed, answers: Answers::default(), stats: ServerStats::default() }
    }

    /// Counters.
    pub fn stats(&self) -> ServerStats {
        self.stats
    }

    /// Writes the answer to a datagram to `out`, which is emptied before; `false` if there is none.
    pub fn answer(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now_ns: u64,
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> bool {
        out.clear();
        let ip: IpAddr = from.ip().to_canonical();
        if !self.allowed.iter().any(|network| network.contains(ip)) {
            self.stats.forbidden += 1;
            return false;
        }
        let Some((cookie, message)) = split(datagram) else {
            self.stats.no_cookie += 1;
            return false;
        };
        if let Some(given) = self.answers.given(from, cookie) {
            self.stats.retransmissions += 1;
            out.extend_from_slice(given);
            return true;
        }
        out.extend_from_slice(cookie);
        out.push(b' ');
        match refusal(message) {
            Ok(message) => match Request::of(&message) {
                Ok(request) => {
                    self.stats.requests += 1;
                    bencode::dictionary(out, |answer| handler.handle(&request, now_ns, answer));
                }
                Err(error) => self.refuse(&error.to_string(), out),
            },
            Err(reason) => self.refuse(reason, out),
        }
        self.answers.keep(from, cookie, out, now_ns);
        true
    }

    fn refuse(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.stats.malformed += 1;
        bencode::dictionary(out, |answer| error(answer, reason));
    }
}

/// An answer that says why not.
pub fn error(answer: &mut DictionaryWriter<'_>, reason: &str) {
    answer.string("result", "error").string("error-reason", reason);
}

/// The cookie, and what follows its space.
fn split(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = datagram.iter().take(MAX_COOKIE_BYTES + 1).position(|&byte| byte == b' ')?;
    let (cookie, rest) = datagram.split_at(at);
    let printable = cookie.iter().all(u8::is_ascii_graphic);
    (printable && !cookie.is_empty()).then(|| (cookie, rest.get(1..).unwrap_or_default()))
}

/// The message, or why it is none.
fn refusal(message: &[u8]) -> Result<bencode::Value<'_>, &'static str> {
    match message.first() {
        None => Err("Invalid data (no payload)"),
        Some(b'd') => bencode::read(message).map_err(|_| "Could not decode bencode dictionary"),
        Some(_) => Err("Invalid NG data format"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is asked for, and says so.
    struct Counting(u64);

    impl Handler for Counting {
        fn handle(&mut self, _: &Request<'_>, _: u64, answer: &mut DictionaryWriter<'_>) {
            self.0 += 1;
            answer.string("result", "ok").number("count", self.0);
        }
    }

    fn asked(server: &mut Server, datagram: &[u8], from: &str) -> Option<String> {
        let mut out = Vec::new();
        let mut handler = Counting(server.stats.requests);
        server
            .answer(datagram, from.parse().unwrap(), 0, &mut handler, &mut out)
            .then(|| String::from_utf8(out).unwrap())
    }

    fn server() -> Server {
        Server::new(vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()])
    }

    #[test]
    fn errors_are_those_that_rtpengine_10_5_answers() {
        let server = &mut server();
        for (datagram, answer) in [
            (
                &b"c1 d7:command4:pi"[..],
                "c1 d6:result5:error12:error-reason35:Could not decode bencode dictionarye",
            ),
            (b"c2 l4:pinge", "c2 d6:result5:error12:error-reason22:Invalid NG data formate"),
            (b"c3 ", "c3 d6:result5:error12:error-reason25:Invalid data (no payload)e"),
            (
                b"c4 d7:command10:frobnicatee",
                "c4 d6:result5:error12:error-reason20:Unrecognized commande",
            ),
        ] {
            assert_eq!(asked(server, datagram, "127.0.0.1:5").as_deref(), Some(answer));
        }
        assert_eq!(server.stats().malformed, 4);
        assert_eq!(server.stats().requests, 0);
    }

    #[test]
    fn nothing_is_answered_without_a_cookie_or_from_elsewhere() {
        let server = &mut server();
        let long = [&[b'c'; MAX_COOKIE_BYTES + 1][..], b" d7:command4:pinge"].concat();
        for datagram in [&b"d7:command4:pinge"[..], b" d7:command4:pinge", b"", b"\0\x01 de", &long]
        {
            assert_eq!(asked(server, datagram, "127.0.0.1:5"), None);
        }
        assert_eq!(server.stats().no_cookie, 5);
        assert_eq!(asked(server, b"c d7:command4:pinge", "192.0.2.1:5"), None);
        assert_eq!(server.stats().forbidden, 1);
        assert!(asked(server, b"c d7:command4:pinge", "[::ffff:127.0.0.1]:5").is_some());
        assert!(asked(server, b"c d7:command4:pinge", "[::1]:5").is_some());
    }

    #[test]
    fn who_asks_again_gets_the_same_bytes_and_nothing_is_done_twice() {
        let server = &mut server();
        let ping = b"c d7:command4:pinge";
        let first = asked(server, ping, "127.0.0.1:5");
        assert_eq!(first.as_deref(), Some("c d6:result2:ok5:counti1ee"));
        assert_eq!(asked(server, ping, "127.0.0.1:5"), first);
        assert_eq!(server.stats().requests, 1);
        assert_eq!(server.stats().retransmissions, 1);
        assert_ne!(asked(server, ping, "127.0.0.1:6"), first, "another asker's cookie");
    }
}
