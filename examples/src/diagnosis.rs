// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why nothing is heard, in words for who runs a phone: from the figures of its leg.

use std::net::SocketAddr;

use ale_media::leg::{LegStats, ReceiveError};

/// What is softer than this, of 32767, nobody hears: 60 dB below full scale.
const FAINT: u16 = 33;

/// What a datagram can be refused for, as the leg's figures call it.
const REFUSED: [&str; 9] = [
    "malformed",
    "authentication_failed",
    "replayed",
    "srtp_refused",
    "unknown_payload_type",
    "unknown_ssrc",
    "own_ssrc",
    "foreign_address",
    "oversized",
];

/// What came in, in the whole call or in a part of it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    datagrams: u64,
    packets: u64,
    reports: u64,
    played: u64,
    late: u64,
    undecoded: u64,
    refused: [u64; REFUSED.len()],
}

impl Figures {
    /// From the beginning to now.
    #[must_use]
    pub fn of(stats: &LegStats) -> Self {
        let count = |wanted: &str| {
            stats.receiver.iter().find(|(name, _)| *name == wanted).map_or(0, |(_, count)| count)
        };
        Self {
            datagrams: stats.receiver.datagrams,
            packets: stats.receiver.packets,
            reports: stats.receiver.rtcp_packets,
            played: stats.jitter.played,
            late: stats.jitter.late,
            undecoded: stats.jitter.dropped,
            refused: REFUSED.map(count),
        }
    }

    /// From then to now.
    #[must_use]
    pub fn since(&self, then: &Self) -> Self {
        let mut refused = self.refused;
        refused.iter_mut().zip(then.refused).for_each(|(now, then)| *now -= then);
        Self {
            datagrams: self.datagrams - then.datagrams,
            packets: self.packets - then.packets,
            reports: self.reports - then.reports,
            played: self.played.saturating_sub(then.played),
            late: self.late.saturating_sub(then.late),
            undecoded: self.undecoded - then.undecoded,
            refused,
        }
    }

    /// What was refused, by the names of the leg's figures.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REFUSED.into_iter().zip(self.refused).filter(|(_, count)| *count > 0)
    }
}

/// What is known of what came in besides figures.
#[derive(Debug, Default, Clone)]
pub struct Evidence {
    /// Why a datagram was refused last.
    pub refused: Option<ReceiveError>,
    /// Whose datagrams were refused because of where they came from.
    pub stranger: Option<SocketAddr>,
    /// The loudest sample of what was heard.
    pub peak: u16,
}

/// Why nothing is heard; `None` where something is. What the jitter buffer makes up when nothing comes
/// is nothing.
#[must_use]
pub fn why_silent(figures: &Figures, evidence: &Evidence) -> Option<String> {
    let heard = figures.played > 0 && evidence.peak > FAINT;
    (!heard).then(|| reason(figures, evidence))
}

fn reason(figures: &Figures, evidence: &Evidence) -> String {
    if figures.datagrams == 0 {
        return "nothing arrives: does the peer send to this address and port, and does a firewall \
                let it in?"
            .to_owned();
    }
    if figures.packets > 0 {
        return match figures.played {
            0 => format!(
                "{} packets arrive but none is played: {} came too late, {} could not be decoded",
                figures.packets, figures.late, figures.undecoded
            ),
            played => {
                format!("the peer sends silence: of {played} packets played none was audible")
            }
        };
    }
    // The kind that was refused most is the one to look at.
    let Some((kind, count)) = figures.refused().max_by_key(|(_, count)| *count) else {
        return match figures.reports {
            0 => format!("{} datagrams arrive that are no RTP", figures.datagrams),
            reports => format!(
                "{reports} reports (RTCP) arrive but no RTP: the peer is there, and muted or on hold"
            ),
        };
    };
    match (kind, evidence.stranger, evidence.refused) {
        ("authentication_failed", ..) => format!(
            "{count} packets arrive but SRTP authentication fails: the peer has another key or suite, or \
             does not encrypt"
        ),
        ("foreign_address", Some(from), _) => {
            format!("{count} packets arrive from {from}, which is not the peer's address")
        }
        ("unknown_payload_type", _, Some(ReceiveError::UnknownPayloadType(number))) => {
            format!("{count} packets arrive of payload type {number}, which is not that of --codec")
        }
        _ => format!("{count} packets arrive but are refused: {}", kind.replace('_', " ")),
    }
}

/// The loudest sample.
#[must_use]
pub fn peak(pcm: &[i16]) -> u16 {
    pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ale_media::codec::CodecSpec;
    use ale_media::leg::{Leg, LegConfig, LegEvent, SrtpConfig};
    use ale_media::srtp::sdes::CryptoAttribute;

    const HOME: &str = "192.0.2.1:5004";
    const ELSEWHERE: &str = "192.0.2.9:4000";

    fn srtp(key: &str) -> Option<SrtpConfig> {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}");
        let config = CryptoAttribute::parse(&line).unwrap().to_config().unwrap();
        Some(SrtpConfig { send: config.clone(), receive: config })
    }

    fn config(ssrc: u32, payload_type: u8) -> LegConfig {
        LegConfig::plain(ssrc, payload_type, CodecSpec::Pcmu)
    }

    fn encrypted(ssrc: u32, key: char) -> LegConfig {
        let mut config = LegConfig::new(ssrc, 0, CodecSpec::Pcmu);
        config.srtp = srtp(&key.to_string().repeat(40));
        config
    }

    /// Why nothing is heard in the last of four seconds of a call; the peer's datagrams come from
    /// `from(second)`, or not at all.
    fn call(
        near: &LegConfig,
        far: &LegConfig,
        said: i16,
        from: impl Fn(u64) -> Option<&'static str>,
    ) -> Option<String> {
        let (mut receiver, mut media, mut control) = Leg::new(near).unwrap();
        let (_receiver, mut theirs, _control) = Leg::new(far).unwrap();
        let (mut evidence, mut then) = (Evidence::default(), Figures::default());
        for n in 0..400 {
            let now_ns = n * 10_000_000;
            let tone: Vec<i16> = (0..80).map(|i| if i % 8 < 4 { said } else { -said }).collect();
            theirs.push(&tone).unwrap();
            while let Some(datagram) = theirs.poll_transmit(now_ns) {
                let Some(from) = from(n / 100) else { continue };
                let (mut datagram, from) = (datagram.to_vec(), from.parse().unwrap());
                if receiver.receive_from(&mut datagram, from, now_ns)
                    == Err(ReceiveError::ForeignAddress)
                {
                    evidence.stranger = Some(from);
                }
            }
            let mut pcm = [0; 80];
            media.pull(now_ns, &mut pcm).unwrap();
            while let Some(event) = control.next_event() {
                if let LegEvent::Refused { error, .. } = event {
                    evidence.refused = Some(error);
                }
            }
            if n == 300 {
                then = Figures::of(&control.stats());
                evidence.peak = 0;
            }
            evidence.peak = evidence.peak.max(peak(&pcm));
        }
        why_silent(&Figures::of(&control.stats()).since(&then), &evidence)
    }

    #[test]
    fn what_is_heard_needs_no_words() {
        assert_eq!(call(&config(1, 0), &config(2, 0), 5_000, |_| Some(HOME)), None);
        assert_eq!(call(&encrypted(1, 'A'), &encrypted(2, 'A'), 5_000, |_| Some(HOME)), None);
    }

    #[test]
    fn each_way_to_hear_nothing_has_its_words() {
        let home = |_| Some(HOME);
        let ways = [
            (call(&config(1, 0), &config(2, 0), 5_000, |_| None), "nothing arrives"),
            (
                call(&config(1, 0), &config(2, 0), 5_000, |s| (s < 2).then_some(HOME)),
                "nothing arrives",
            ),
            (call(&config(1, 0), &config(2, 0), 0, home), "the peer sends silence"),
            (call(&config(1, 0), &config(2, 96), 5_000, home), "payload type 96"),
            (call(&config(1, 0), &config(1, 0), 5_000, home), "own ssrc"),
            (
                call(&encrypted(1, 'A'), &encrypted(2, 'B'), 5_000, home),
                "SRTP authentication fails",
            ),
            (call(&encrypted(1, 'A'), &config(2, 0), 5_000, home), "SRTP authentication fails"),
            // Who moves after the first two seconds is not followed in plain RTP.
            (
                call(&config(1, 0), &config(2, 0), 5_000, |s| {
                    Some(if s < 3 { HOME } else { ELSEWHERE })
                }),
                "arrive from 192.0.2.9:4000",
            ),
        ];
        for (why, words) in ways {
            let why = why.expect(words);
            assert!(why.contains(words), "{why}");
        }
    }
}
