// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a run of packets fails authentication: what else the latest one would authenticate with.
//!
//! Runs on the receiving thread, at the 16th failure in a row and at every doubling of that, so
//! that its cost, at most some thirty authentications, is bounded and rare. It allocates nothing
//! and changes nothing. [`Receiver::diagnose`] tries other suites too, which needs their keys
//! derived, so it is for the host to call from a thread that may take its time.

use super::crypto::{CryptoJob, CryptoKey, Engine, Kernel};
use super::event::{Event, FailureCause};
use super::receiver::{KeyPlace, Plan, Receiver};
use super::session_keys::rtp_material;
use super::wipe::wiping_stack;
use super::{SessionConfig, SrtpError, Suite};
use crate::rtp::RtpPacket;

/// Length of a run at which it is first reported.
const FIRST_REPORT: u32 = 16;
/// Rollover counters that are tried in each direction.
const ROC_RANGE: u64 = 4;

impl Receiver {
    /// Counts a failure, and reports the run when it is time.
    #[cold]
    pub(super) fn note_failure(&mut self, datagram: &mut [u8], plan: &Plan) {
        self.failures = self.failures.saturating_add(1);
        // A row as long has been reported before: packets that fail, mixed with good ones, would
        // otherwise report every sixteenth.
        let due = self.failures >= FIRST_REPORT && self.failures.is_power_of_two();
        if !due || self.failures <= self.reported {
            return;
        }
        self.reported = self.failures;
        let likely = self.likely_cause(datagram, plan);
        let event = Event::AuthenticationFailing { ssrc: plan.ssrc, count: self.failures, likely };
        self.half.report(event);
    }

    fn likely_cause(&mut self, datagram: &mut [u8], plan: &Plan) -> FailureCause {
        for step in 1..=ROC_RANGE {
            for index in [
                plan.index.checked_add(step << 16),
                plan.index.checked_sub(step << 16),
                // A peer that began anew, or never counted.
                (step == 1).then_some(plan.index & 0xffff),
            ] {
                if let Some(index) = index.filter(|&index| index != plan.index)
                    && self.verifies(datagram, &Plan { index, ..*plan })
                {
                    return FailureCause::RolloverCounter { actual: (index >> 16) as u32 };
                }
            }
        }
        for position in 0..self.half.ring.keys.len() {
            let key = KeyPlace { previous: false, position };
            if key != plan.key && self.verifies(datagram, &Plan { key, ..*plan }) {
                return FailureCause::Mki { key: position };
            }
        }
        if let Some(actual) = self.other_tag_length(datagram, plan) {
            return FailureCause::Suite { actual };
        }
        if plan.stream.is_none() && self.stats().rtp_packets > 0 {
            return FailureCause::Ssrc;
        }
        FailureCause::Key
    }

    /// Whether the packet authenticates as planned; it is left encrypted.
    fn verifies(&mut self, datagram: &mut [u8], plan: &Plan) -> bool {
        let Some(key) = self.rtp_key(plan.key) else { return false };
        verifies(key, datagram, plan, self.tail(false, plan.index), self.tag_bytes())
    }

    /// The suite whose tags are of the other length, if the packet authenticates with it.
    fn other_tag_length(&mut self, datagram: &mut [u8], plan: &Plan) -> Option<Suite> {
        let actual = match self.suite() {
            Suite::AesCm128HmacSha1_80 => Suite::AesCm128HmacSha1_32,
            Suite::AesCm128HmacSha1_32 => Suite::AesCm128HmacSha1_80,
            Suite::AesCm192HmacSha1_80 => Suite::AesCm192HmacSha1_32,
            Suite::AesCm192HmacSha1_32 => Suite::AesCm192HmacSha1_80,
            Suite::AesCm256HmacSha1_80 => Suite::AesCm256HmacSha1_32,
            Suite::AesCm256HmacSha1_32 => Suite::AesCm256HmacSha1_80,
            Suite::NullHmacSha1_80 => Suite::NullHmacSha1_32,
            Suite::NullHmacSha1_32 => Suite::NullHmacSha1_80,
            _ => return None,
        };
        let bytes = actual.tag_bytes();
        let end = (plan.end + self.tag_bytes()).checked_sub(bytes)?;
        let mut tag = [0; 16];
        tag.get_mut(..bytes)?.copy_from_slice(datagram.get(end..end + bytes)?);
        let plan = Plan { end, tag, ..*plan };
        let key = self.rtp_key(plan.key)?;
        verifies(key, datagram, &plan, self.tail(false, plan.index), bytes).then_some(actual)
    }

    /// What a packet that failed would authenticate with, tried more widely than for an event:
    /// other suites with the configuration's keys, and rollover counters with each.
    ///
    /// Real-time: no; it allocates, and takes as long as making some sessions.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] for what is not an SRTP packet, and those of making a session.
    pub fn diagnose(
        config: &SessionConfig,
        datagram: &[u8],
    ) -> Result<Option<FailureCause>, SrtpError> {
        wiping_stack(|| Self::search(config, datagram))
    }

    fn search(config: &SessionConfig, datagram: &[u8]) -> Result<Option<FailureCause>, SrtpError> {
        let packet = RtpPacket::parse(datagram).map_err(|_| SrtpError::Malformed)?;
        let (ssrc, sequence) = (packet.ssrc(), u64::from(packet.sequence()));
        let mut copy = datagram.to_vec();
        for (position, master) in config.keys.iter().enumerate() {
            for suite in Suite::ALL {
                // Suites of one key length may be mistaken for one another, and the salts of GCM
                // and counter mode differ in length only by what follows.
                if suite.key_bytes() != master.key().len() {
                    continue;
                }
                let material = rtp_material(suite, master, 0);
                let key = CryptoKey::new(suite, &material, &Engine::Builtin(Kernel::Portable))?;
                let (tag_bytes, mki_bytes) = (suite.tag_bytes(), master.mki().len());
                let Some(end) = datagram.len().checked_sub(tag_bytes + mki_bytes) else { continue };
                let at = if suite.is_aead() { end } else { end + mki_bytes };
                let mki_at = if suite.is_aead() { end + tag_bytes } else { end };
                let named = datagram.get(mki_at..mki_at + mki_bytes);
                let mut tag = [0; 16];
                let (Some(to), Some(from)) =
                    (tag.get_mut(..tag_bytes), datagram.get(at..at + tag_bytes))
                else {
                    continue;
                };
                to.copy_from_slice(from);
                for roc in 0..=16_u64 {
                    let roc = u64::from(config.initial_roc) + roc;
                    let index = roc << 16 | sequence;
                    let tail = (!suite.is_aead()).then_some(roc as u32);
                    let clear = packet.header_bytes().min(end);
                    let iv = key.iv(ssrc, index);
                    let job = CryptoJob { buffer: &mut copy, clear, end, tail, iv };
                    if key.verify(job, tag, tag_bytes) {
                        return Ok(Some(if suite != config.suite {
                            FailureCause::Suite { actual: suite }
                        } else if named != Some(master.mki()) {
                            FailureCause::Mki { key: position }
                        } else {
                            FailureCause::RolloverCounter { actual: roc as u32 }
                        }));
                    }
                }
            }
        }
        Ok(None)
    }
}

fn verifies(
    key: &CryptoKey,
    datagram: &mut [u8],
    plan: &Plan,
    tail: Option<u32>,
    tag_bytes: usize,
) -> bool {
    let iv = key.iv(plan.ssrc, plan.index);
    let job = CryptoJob { buffer: datagram, clear: plan.clear, end: plan.end, tail, iv };
    key.verify(job, plan.tag, tag_bytes)
}
