// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member's video, where it shares the transport of its voice.

use std::sync::Arc;

use ale_media::session::{
    Keying, PayloadTypes, Role, SessionConfig, SessionControl, SessionError, create,
};

use super::CallError;
use crate::random;
use crate::sdp::VideoLine;
use crate::video::CLOCK_HZ;
use crate::video::key_frame::Codec;
use crate::video::layers::Layers;
use crate::video::output::{Output, Start};
use crate::worker::{Burst, Camera, CameraCounters};

/// What a conference lets a member have of video.
#[derive(Debug, Clone, Copy)]
pub struct Video {
    /// The conference's number.
    pub mix: u64,
    /// What is spoken there already.
    pub codec: Option<Codec>,
    /// The most that a camera may send, in bits a second; 0 for no video.
    pub limit_bps: u64,
}

impl Video {
    /// Codecs that a member may choose from.
    pub(super) fn codecs(&self) -> &[Codec] {
        match &self.codec {
            _ if self.limit_bps == 0 => &[],
            Some(codec) => core::slice::from_ref(codec),
            None => &Codec::ALL,
        }
    }
}

/// What a member has been told of its video.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) line: VideoLine,
    pub(super) start: Start,
    pub(super) cname: String,
    /// Figures.
    pub(super) counters: Arc<CameraCounters>,
}

impl Told {
    pub(super) fn new(line: VideoLine) -> Option<Self> {
        let ssrc = random::ssrc(true)?;
        let start = Start {
            ssrc,
            // Both are sent under one key, so that they must never be the same.
            repair_ssrc: ssrc ^ 1,
            sequences: [random::number()? as u16 >> 1, random::number()? as u16 >> 1],
            timestamp: random::number()?,
        };
        let cname = format!("{:08x}{:08x}", random::number()?, random::number()?);
        Some(Self { line, start, cname, counters: Arc::default() })
    }

    /// The camera of the path of a number, for its worker, and the half of its session that takes keys.
    pub(super) fn make(
        &self,
        path: u64,
        video: &Video,
    ) -> Result<(Camera, SessionControl), CallError> {
        let Self { line, start, cname, counters } = self;
        let formats = line.formats;
        let mut config = SessionConfig::new(start.ssrc);
        config.keying = Keying::Pending;
        let mut types = PayloadTypes::new();
        let numbers = [Some(formats.payload_type), formats.repair];
        for number in numbers.into_iter().flatten() {
            types.set(number, Role::PassThrough, CLOCK_HZ);
        }
        config.payload_types = types;
        // Reports are the input's and the output's.
        config.rtcp_interval_ms = 0;
        config.extended_reports = false;
        let made = create(&config);
        let (receiver, sender, control) =
            made.map_err(|error| CallError::Session(SessionError::Srtp(error)))?;
        let limit_bps = video.limit_bps;
        let simulcast = line.simulcast.as_ref();
        let source = (start.ssrc, &cname[..]);
        let camera = Camera {
            mix: video.mix,
            types: numbers.into_iter().flatten().fold(0, |types, number| types | 1 << number),
            receiver,
            sender,
            input: line.sends.then(|| Layers::new(path, formats, simulcast, source, limit_bps)),
            output: line.receives.then(|| Output::new(formats, *start, cname, line.most_bps)),
            limit_bps,
            burst: Burst::default(),
            is_watched: false,
            heard_ns: 0,
            is_live: true,
            counters: Arc::clone(counters),
        };
        Ok((camera, control))
    }
}
