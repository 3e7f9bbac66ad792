// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fragments of descriptions that tell of ICE alone (RFC 8840 section 9): what browsers add to theirs one by one, and
//! what both sides tell when they begin anew.

use core::fmt::Write as _;
use core::net::IpAddr;

use super::rewrite::candidate;
use crate::peer::ice::Credentials;

/// Lengths of a fragment's name and of a password (RFC 8839 section 5.4).
const FRAGMENT: core::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: core::ops::RangeInclusive<usize> = 22..=256;

/// The node's end of a media line, as a fragment tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// What it tells of itself.
    pub credentials: Credentials,
    /// The line's transport and first format, as in `m=`.
    pub line: String,
    /// Its name (`a=mid`).
    pub mid: Option<String>,
    /// Where it is.
    pub address: IpAddr,
    /// The port of RTP, which RTCP shares.
    pub port: u16,
}

impl Fragment {
    /// The text.
    pub fn text(&self) -> String {
        let Self { credentials, line, mid, address, port } = self;
        let mut text = format!("a=ice-lite\r\nm={line}\r\n");
        // Writing to a String does not fail.
        if let Some(mid) = mid {
            let _ = write!(text, "a=mid:{mid}\r\n");
        }
        let Credentials { fragment, password } = credentials;
        let _ = write!(text, "a=ice-ufrag:{fragment}\r\na=ice-pwd:{password}\r\n");
        let told = candidate(1, *address, *port);
        let _ = write!(text, "a=candidate:{told}\r\na=end-of-candidates\r\n");
        text
    }
}

/// What a fragment's author tells of itself; `None` if that is not there, or can't be such.
pub fn credentials(text: &[u8]) -> Option<Credentials> {
    let text = core::str::from_utf8(text).ok()?;
    let value = |name: &str| text.lines().find_map(|line| line.trim_end().strip_prefix(name));
    let fit = |value: &&str, lengths: core::ops::RangeInclusive<usize>| {
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
        lengths.contains(&value.len()) && value.bytes().all(plain)
    };
    let fragment = value("a=ice-ufrag:").filter(|value| fit(value, FRAGMENT))?.to_owned();
    let password = value("a=ice-pwd:").filter(|value| fit(value, PASSWORD))?.to_owned();
    Some(Credentials { fragment, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_that_the_grammar_has() {
        // RFC 9725 section 4.3.3, the second example.
        let restart = "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
                       a=mid:0\r\na=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n\
                       a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\n";
        let read = credentials(restart.as_bytes()).unwrap();
        assert_eq!((&read.fragment[..], &read.password[..]), ("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k"));
        for wrong in [
            restart.replace("ysXw", "ysX"),
            restart.replace("ysXw", "ys w"),
            restart.replace("ysXw", &"x".repeat(257)),
            restart.replace("/zAP9Gp5k", ""),
            restart.replace("a=ice-pwd", "a=pwd"),
            String::new(),
        ] {
            assert_eq!(credentials(wrong.as_bytes()), None, "{wrong}");
        }
        let credentials_of = Fragment {
            credentials: read.clone(),
            line: "audio 9 UDP/TLS/RTP/SAVPF 111".into(),
            mid: Some("0".into()),
            address: [192, 0, 2, 7].into(),
            port: 30_000,
        };
        let text = credentials_of.text();
        assert_eq!(credentials(text.as_bytes()), Some(read));
        assert!(text.contains(" 192.0.2.7 30000 typ host\r\na=end-of-candidates\r\n"), "{text}");
    }
}
