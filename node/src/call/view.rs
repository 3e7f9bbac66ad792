// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a call in a conference, and why nothing is heard of it.

use core::sync::atomic::{AtomicU64, Ordering};

use super::Call;
use super::line::LineEnd;
use crate::video::key_frame::Codec;
use crate::web::view;

/// Louder than this a member speaks, in -dBov: above the background of an office.
const SPEECH_DBOV: u64 = 50;
/// How long a member counts as speaking after its last loud tick: pauses between words.
const HOLD_NS: u64 = 600_000_000;
/// How long nothing may come until that is told: phones with silence suppression send noise more often.
const SILENCE_NS: u64 = 5_000_000_000;

impl Call {
    /// Notes whether the member speaks just now.
    pub fn listen(&mut self, now_ns: u64) {
        let Some(member) = &mut self.member else { return };
        let leg = self.lines.first().and_then(|line| line.end(0)?.leg());
        let Some(stats) = leg.map(|leg| leg.stats()) else { return };
        // Before anything was pulled the gauge is that of full scale.
        let heard = stats.jitter.samples > 0 && stats.quality.is_some();
        if heard && stats.media.pulled_level_dbov < SPEECH_DBOV {
            member.spoke_ns = Some(now_ns);
        }
    }

    /// Packet times of a member's in which nothing was sent, since nobody spoke.
    pub fn suppressed(&self) -> u64 {
        let leg = self.lines.first().and_then(|line| line.end(0)?.leg());
        leg.filter(|_| self.member.is_some()).map_or(0, |leg| leg.stats().media.suppressed)
    }

    /// What is known of it as a member, with the conference's name.
    pub fn view(&self, now_ns: u64) -> Option<(&str, view::Member)> {
        let (member, line) = (self.member.as_ref()?, self.lines.first()?);
        let (end, id) = (line.end(0)?, line.path()?);
        let leg = end.leg()?;
        let stats = leg.stats();
        let speaks = member.spoke_ns.is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < HOLD_NS);
        let told = view::Member {
            id,
            name: member.name.clone(),
            speaking: speaks && !self.is_muted(),
            muted: self.is_held(),
            listening: member.hears(),
            codec: member.codec(),
            video: member.video().map(Codec::name),
            suite: end.suite(),
            delay_ms: stats.jitter.mean_delay_us as f32 / 1_000.0 + stats.round_trip_ms / 2.0,
            loss_percent: stats.loss_percent,
            jitter_ms: stats.jitter_ms,
            mos: stats.quality.map(|quality| quality.mos),
            packets: end.counters.rtp_packets.load(Ordering::Relaxed),
            silent: end.silence(member.says(), self.signalled_ns, now_ns),
            standings: Vec::new(),
        };
        Some((&member.conference, told))
    }
}

impl Call {
    /// What comes from each party, and why nothing is heard of it.
    pub fn streams(&self, call_id: &str, now_ns: u64) -> view::Call {
        let mut streams = Vec::new();
        for line in &self.lines {
            for (end, tag) in line.ends.iter().zip(&self.tags) {
                let Some(end) = end else { continue };
                let said = end.said.as_ref();
                let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
                let silent = match said {
                    None => Some(String::from("nothing has been agreed on")),
                    Some(said) => end.silence(said.sends, self.signalled_ns, now_ns),
                };
                streams.push(view::Stream {
                    tag: tag.clone().unwrap_or_default(),
                    media: said.map(|said| said.media.clone()).unwrap_or_default(),
                    port: end.port,
                    suite: end.suite(),
                    packets: counted(&end.counters.rtp_packets),
                    refused: counted(&end.counters.refused),
                    unnegotiated: counted(&end.counters.unnegotiated),
                    silent,
                });
            }
        }
        let conference = self.member.as_ref().map(|member| member.conference.clone());
        view::Call { call_id: call_id.to_owned(), conference, streams }
    }
}

impl LineEnd {
    /// Why nothing is heard of its peer, if nothing is; `says` is whether it wants to be.
    pub(crate) fn silence(&self, says: bool, since_ns: u64, now_ns: u64) -> Option<String> {
        if let Some(reason) = &self.failure {
            return Some(format!("no keys: {reason}"));
        }
        if self.passing.blocked {
            return Some(String::from("blocked"));
        }
        if self.passing.silenced {
            return Some(String::from("muted"));
        }
        if !says {
            return Some(String::from("only listens, or is on hold"));
        }
        let counters = &self.counters;
        let refused = counters.refused.load(Ordering::Relaxed);
        match counters.last_arrival_ns.load(Ordering::Relaxed) {
            0 if self.waits_for_keys() => Some(String::from("no handshake yet")),
            0 if refused > 0 => Some(format!("all of {refused} datagrams were refused")),
            0 => {
                let waited_s = now_ns.saturating_sub(since_ns) / 1_000_000_000;
                Some(format!("nothing has come for {waited_s} s"))
            }
            at_ns if now_ns.saturating_sub(at_ns) > SILENCE_NS => {
                Some(format!("nothing has come for {} s", (now_ns - at_ns) / 1_000_000_000))
            }
            _ => {
                let packets = counters.rtp_packets.load(Ordering::Relaxed);
                let all = packets > 0 && packets == counters.unnegotiated.load(Ordering::Relaxed);
                let told = "the other party has not negotiated what comes";
                all.then(|| String::from(told))
            }
        }
    }
}
