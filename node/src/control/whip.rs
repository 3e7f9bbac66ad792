// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that browsers begin and end by themselves.

use core::fmt::Write as _;

use super::Control;
use super::conferences::Refused;
use crate::call::CallError;
use crate::ng::command::Flags;
use crate::random;
use crate::whip::{Question, Reply};

/// Tag of who enters by WHIP.
const TAG: &str = "whip";

impl Control {
    /// What becomes of a request.
    pub fn whip(&mut self, question: &Question, now_ns: u64) -> Reply {
        match question {
            Question::Join { conference, offer } => {
                let mut secret = [0; 16];
                if !random::fill(&mut secret) {
                    return Reply::NoRoom(CallError::Random.to_string());
                }
                let session = secret.iter().fold(String::new(), |mut text, byte| {
                    // Writing to a String does not fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                });
                let (call_id, flags) = (call_id(&session), Flags::default());
                match self.admit(&call_id, (TAG, None), conference, offer, &flags, now_ns) {
                    Ok(answer) => Reply::Joined { session, answer },
                    Err(Refused::Room(reason)) => Reply::NoRoom(reason.to_owned()),
                    Err(Refused::Call(error)) => match error {
                        CallError::Sdp(_) => Reply::Malformed(error.to_string()),
                        CallError::Conference(_) | CallError::Ports(_) | CallError::Random => {
                            Reply::NoRoom(error.to_string())
                        }
                        _ => Reply::NotAcceptable(error.to_string()),
                    },
                }
            }
            Question::Leave { conference, session } => {
                let call_id = call_id(session);
                let is_its = |call: &crate::call::Call| {
                    call.party(TAG) == Some(0)
                        && call.member.as_ref().is_some_and(|m| m.conference == *conference)
                };
                if !self.calls.get(&call_id).is_some_and(is_its) {
                    return Reply::Unknown;
                }
                self.end(&call_id);
                Reply::Left
            }
        }
    }
}

/// Sessions are calls of names that nobody guesses.
fn call_id(session: &str) -> String {
    format!("whip-{session}")
}
