// SPDX-License-Identifier: MIT OR Apache-2.0
//! 10 ms of a tap, and what is said about them.

use crate::dsp::level::level_dbov;
use crate::member::MemberId;
use crate::sync::overwriting;

/// Words of a frame's head.
pub(crate) const HEAD: usize = 4;
pub(crate) type Writer = overwriting::Writer<HEAD>;
pub(crate) type Reader = overwriting::Reader<HEAD>;

/// What is said about 10 ms of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapFrame {
    /// When the first sample was due, by the clock of the ticks: the same for all members and taps of a
    /// conference, and without the ticks' own jitter. Where a rate had to be changed the filter's delay is
    /// taken off.
    pub time_ns: u64,
    /// Whose voice; `None` for a mix.
    pub member: Option<MemberId>,
    /// The source that was played; `None` for a mix, a line, and before the first packet.
    pub ssrc: Option<u32>,
    /// How loud, in -dBov (RFC 6464).
    pub level_dbov: u8,
    /// Somebody speaks.
    pub speech: bool,
    /// Some of it was made up for what was lost on the way.
    pub concealed: bool,
    /// Nothing came that could be played.
    pub gap: bool,
    /// Silence, because the tap was paused.
    pub paused: bool,
    /// Silence, because the others don't hear the member either.
    pub muted: bool,
    /// The voice is a program's ([`talk`](crate::talk)).
    pub synthetic: bool,
    /// Voices in it.
    pub voices: u16,
    /// Samples.
    pub samples: usize,
    /// Frames before this one that were lost because nobody read.
    pub lost_frames: u64,
}

/// How a frame's sound came to be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sound {
    pub(crate) ssrc: Option<u32>,
    pub(crate) concealed: bool,
    pub(crate) gap: bool,
    pub(crate) synthetic: bool,
    /// How loud it is, in -dBov, where that is known already.
    pub(crate) level_dbov: Option<u8>,
}

impl Sound {
    /// How loud it is, which is measured once.
    #[inline]
    pub(crate) fn level_dbov(&mut self, pcm: &[i16]) -> u8 {
        *self.level_dbov.get_or_insert_with(|| level_dbov(pcm))
    }
}

/// What the audio thread writes in front of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Head {
    pub(crate) time_ns: u64,
    pub(crate) member: Option<MemberId>,
    pub(crate) sound: Sound,
    pub(crate) level_dbov: u8,
    pub(crate) speech: bool,
    pub(crate) paused: bool,
    pub(crate) muted: bool,
    pub(crate) voices: u16,
    /// Withdrawals that it was taken under.
    pub(crate) under: u32,
}

const SPEECH: u64 = 1;
const CONCEALED: u64 = 2;
const GAP: u64 = 4;
const PAUSED: u64 = 8;
const MUTED: u64 = 16;
const HAS_SSRC: u64 = 32;
const HAS_MEMBER: u64 = 64;
const SYNTHETIC: u64 = 128;

impl Head {
    #[inline]
    pub(crate) fn to_words(self) -> [u64; HEAD] {
        let flag = |is: bool, bit: u64| if is { bit } else { 0 };
        let flags = flag(self.speech, SPEECH)
            | flag(self.sound.concealed, CONCEALED)
            | flag(self.sound.gap, GAP)
            | flag(self.paused, PAUSED)
            | flag(self.muted, MUTED)
            | flag(self.sound.synthetic, SYNTHETIC)
            | flag(self.sound.ssrc.is_some(), HAS_SSRC)
            | flag(self.member.is_some(), HAS_MEMBER);
        [
            self.time_ns,
            self.member.map_or(0, MemberId::to_u64),
            u64::from(self.sound.ssrc.unwrap_or(0)) << 32 | u64::from(self.under),
            flags | u64::from(self.level_dbov) << 8 | u64::from(self.voices) << 16,
        ]
    }

    pub(crate) fn from_words([time_ns, member, source, flags]: [u64; HEAD]) -> Self {
        let is = |bit: u64| flags & bit != 0;
        Self {
            time_ns,
            member: is(HAS_MEMBER).then(|| MemberId::from_u64(member)),
            sound: Sound {
                ssrc: is(HAS_SSRC).then_some((source >> 32) as u32),
                concealed: is(CONCEALED),
                gap: is(GAP),
                synthetic: is(SYNTHETIC),
                level_dbov: None,
            },
            level_dbov: (flags >> 8) as u8,
            speech: is(SPEECH),
            paused: is(PAUSED),
            muted: is(MUTED),
            voices: (flags >> 16) as u16,
            under: source as u32,
        }
    }

    pub(crate) fn frame(&self, samples: usize, lost_frames: u64) -> TapFrame {
        TapFrame {
            time_ns: self.time_ns,
            member: self.member,
            ssrc: self.sound.ssrc,
            level_dbov: self.level_dbov,
            speech: self.speech,
            concealed: self.sound.concealed,
            gap: self.sound.gap,
            paused: self.paused,
            muted: self.muted,
            synthetic: self.sound.synthetic,
            voices: self.voices,
            samples,
            lost_frames,
        }
    }
}
