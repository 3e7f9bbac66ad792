// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a config, by name: for whoever looks for the reason of a status.

use core::ffi::{CStr, c_char};

use ale_media::jitter::JitterError;
use ale_media::leg::{Leg, LegError};
use ale_media::srtp::SrtpError;

use crate::leg::ale_leg_control;
use crate::leg_config::ale_leg_config;
use crate::panic::guard;
use crate::pointer;
use crate::status::{ale_status, ale_status_message};

/// What is wrong with a config. Strings live as long as the program.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_mistake {
    /// The member as the header spells it, "packet_ms"; "" where nothing is wrong, or no single one.
    pub member: *const c_char,
    /// A sentence in English, that of the status.
    pub reason: *const c_char,
    /// An ale_status: what the function that was given this config answers.
    pub status: i32,
    /// The number that was refused, where it is one.
    pub value: u32,
}

/// A refusal, and the member that it is about.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: ale_status,
    member: &'static CStr,
    value: u32,
}

/// Says which member a result is about.
pub(crate) trait Of<T> {
    fn of(self, member: &'static CStr) -> Result<T, Refusal>;
}

impl<T, E: Into<ale_status>> Of<T> for Result<T, E> {
    fn of(self, member: &'static CStr) -> Result<T, Refusal> {
        self.map_err(|error| Refusal { status: error.into(), member, value: 0 })
    }
}

impl From<ale_status> for Refusal {
    fn from(status: ale_status) -> Self {
        Self { status, member: c"", value: 0 }
    }
}

impl From<Refusal> for ale_status {
    fn from(refusal: Refusal) -> Self {
        refusal.status
    }
}

impl From<LegError> for Refusal {
    fn from(error: LegError) -> Self {
        let value = match error {
            LegError::PayloadType(number, _) => number.into(),
            LegError::PacketTime(ms) => ms.into(),
            LegError::PacketSize(bytes) => bytes as u32,
            _ => 0,
        };
        Self { status: error.into(), member: member(&error), value }
    }
}

/// Members of the engine's config as C spells them, where it is not the same.
const MEMBERS: [(&str, &CStr); 19] = [
    ("send.payload_type", c"send.payload_type"),
    ("send.packet_ms", c"packet_ms"),
    ("send.codec", c"send"),
    ("receive", c"receive"),
    ("pass_through", c"pass_through"),
    ("comfort_noise_payload_type", c"comfort_noise_payload_type"),
    ("telephone_events", c"telephone_event_payload_type"),
    ("keepalive_payload_type", c"keepalive_payload_type"),
    ("redundancy.payload_type", c"redundancy_payload_type"),
    ("redundancy.generations", c"redundancy_generations"),
    ("header_extensions.audio_level", c"audio_level_id"),
    ("header_extensions.mixer_levels", c"mixer_levels_id"),
    ("header_extensions.absolute_send_time", c"absolute_send_time_id"),
    ("header_extensions.mid", c"mid_id"),
    ("cname", c"cname"),
    ("max_sources", c"max_sources"),
    ("sample_rate_hz", c"sample_rate_hz"),
    ("srtp", c"send_crypto"),
    ("plain", c"keys_pending"),
];

fn member(error: &LegError) -> &'static CStr {
    match error {
        LegError::Jitter(JitterError::SampleRate) => c"sample_rate_hz",
        LegError::Jitter(JitterError::Delay) => c"min_delay_ms",
        LegError::Jitter(JitterError::PayloadType | JitterError::DecoderFormat) => c"receive",
        LegError::Jitter(_) | LegError::Fixed("jitter") => c"max_delay_ms",
        LegError::Srtp(SrtpError::NotPermitted) => c"srtp_policy",
        error => {
            let found = MEMBERS.iter().find(|(ours, _)| *ours == error.member());
            found.map_or(c"", |(_, theirs)| *theirs)
        }
    }
}

/// Says what is wrong with a config, and does nothing else: what ale_leg_create would answer, or where
/// control is not NULL, ale_leg_update of that leg. Writes up to size bytes, how large the mistake is in the
/// caller's header. Takes some 72 KiB of stack with SRTP. Exclusive to control. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT for NULL; else ALE_OK, whatever it finds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_config_check(
    control: *mut ale_leg_control,
    config: *const ale_leg_config,
    mistake: *mut ale_mistake,
    size: usize,
) -> ale_status {
    guard(|| {
        if config.is_null() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        // SAFETY: the header's contract.
        let control = unsafe { control.as_mut() };
        // SAFETY: the header's contract.
        let found = unsafe { check(control, config) };
        let refusal = found.err().unwrap_or_else(|| ale_status::ALE_OK.into());
        let found = ale_mistake {
            member: refusal.member.as_ptr(),
            reason: ale_status_message(refusal.status as i32),
            status: refusal.status as i32,
            value: refusal.value,
        };
        // SAFETY: the header's contract; two pointers and two words leave no padding.
        unsafe { pointer::write_sized(mistake, size, &found) }
    })
}

/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn check(
    control: Option<&mut ale_leg_control>,
    config: *const ale_leg_config,
) -> Result<(), Refusal> {
    // SAFETY: the caller's.
    let config = unsafe { pointer::config(config).of(c"struct_size")?.read() }?;
    match control {
        Some(control) => control.0.check_update(&config)?,
        None => drop(Leg::new(&config)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_the_header() {
        let header = include_str!("../../include/ale_media.h");
        for (_, member) in MEMBERS {
            let member = member.to_str().unwrap().replace("send.", "");
            let is_there = [" ", "*"]
                .iter()
                .any(|before| header.contains(&alloc::format!("{before}{member};")));
            assert!(is_there, "{member}");
        }
    }
}
