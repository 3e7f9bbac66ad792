// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library under sequences of calls: any order, any of a few objects or none, any numbers. What
//! the header asks of callers is kept (an object is destroyed once, memory is as long as it is said to
//! be); everything else may be wrong.
#![allow(unsafe_code)] // The C library's functions take pointers.

mod backend;
mod buffer;
mod checkpoint;
mod codec;
mod endpoint;
mod input;
mod leg;
mod lines;
mod mixer;
mod orders;
mod relay;
mod replay;
mod room;
mod session;
mod share;
mod talk;
mod tap;
mod tools;
mod voice;

use std::ptr::null_mut;
use std::rc::Rc;

use ale_media_capi::codec_host::ale_host_codec;
use ale_media_capi::conference::ale_conference;
use ale_media_capi::conference_share::ale_partial_sums;
use ale_media_capi::endpoint::{
    ale_endpoint_control, ale_endpoint_microphone, ale_endpoint_speaker,
};
use ale_media_capi::jitter::{ale_jitter_reader, ale_jitter_writer};
use ale_media_capi::jitter_view::ale_jitter_control;
use ale_media_capi::leg::{ale_leg_control, ale_leg_media, ale_leg_receiver};
use ale_media_capi::leg_relay::ale_repacketizer;
use ale_media_capi::link::ale_link_end;
use ale_media_capi::mixer::ale_mixer;
use ale_media_capi::replay::ale_jitter_replay;
use ale_media_capi::resampler::ale_resampler;
use ale_media_capi::srtp::ale_srtp;
use ale_media_capi::srtp_backend::ale_srtp_backend;
use ale_media_capi::status::ale_status;
use ale_media_capi::talk::ale_talk;
use ale_media_capi::tap::ale_tap;
use ale_media_capi::tones::ale_tones;
use ale_media_capi::voice::{ale_voice_capture, ale_voice_render};

use backend::Engine;
use checkpoint::Checkpoint;
use input::Input;

const PLACES: usize = 3;

type Places<T> = [*mut T; PLACES];

/// The objects there are; NULL where there is none.
struct Objects {
    mixers: Places<ale_mixer>,
    sessions: Places<ale_srtp>,
    backends: Places<ale_srtp_backend>,
    codecs: Places<ale_host_codec>,
    writers: Places<ale_jitter_writer>,
    readers: Places<ale_jitter_reader>,
    controls: Places<ale_jitter_control>,
    replays: Places<ale_jitter_replay>,
    receivers: Places<ale_leg_receiver>,
    media: Places<ale_leg_media>,
    orders: Places<ale_leg_control>,
    rooms: Places<ale_conference>,
    ends: Places<ale_link_end>,
    sums: Places<ale_partial_sums>,
    taps: Places<ale_tap>,
    talks: Places<ale_talk>,
    regroupers: Places<ale_repacketizer>,
    tones: Places<ale_tones>,
    resamplers: Places<ale_resampler>,
    renders: Places<ale_voice_render>,
    captures: Places<ale_voice_capture>,
    microphones: Places<ale_endpoint_microphone>,
    speakers: Places<ale_endpoint_speaker>,
    endpoints: Places<ale_endpoint_control>,
    /// What backends work with; their sessions need them as long as they live.
    engines: Vec<Rc<Engine>>,
    /// The packet that a session has protected last.
    protected: Vec<u8>,
    checkpoints: [Checkpoint; PLACES],
    /// A black box's.
    log: Vec<u8>,
}

impl Objects {
    fn none() -> Self {
        Self {
            mixers: [null_mut(); PLACES],
            sessions: [null_mut(); PLACES],
            backends: [null_mut(); PLACES],
            codecs: [null_mut(); PLACES],
            writers: [null_mut(); PLACES],
            readers: [null_mut(); PLACES],
            controls: [null_mut(); PLACES],
            replays: [null_mut(); PLACES],
            receivers: [null_mut(); PLACES],
            media: [null_mut(); PLACES],
            orders: [null_mut(); PLACES],
            rooms: [null_mut(); PLACES],
            ends: [null_mut(); PLACES],
            sums: [null_mut(); PLACES],
            taps: [null_mut(); PLACES],
            talks: [null_mut(); PLACES],
            regroupers: [null_mut(); PLACES],
            tones: [null_mut(); PLACES],
            resamplers: [null_mut(); PLACES],
            renders: [null_mut(); PLACES],
            captures: [null_mut(); PLACES],
            microphones: [null_mut(); PLACES],
            speakers: [null_mut(); PLACES],
            endpoints: [null_mut(); PLACES],
            engines: Vec::new(),
            protected: Vec::new(),
            checkpoints: Default::default(),
            log: Vec::new(),
        }
    }

    /// # Safety
    /// Each is NULL or alive.
    unsafe fn destroy(&mut self) {
        // SAFETY: the caller's; nothing is used afterwards.
        unsafe {
            for n in 0..PLACES {
                mixer::destroy(self, n);
                backend::destroy(self, n);
                session::destroy(self, n);
                codec::destroy(self, n);
                buffer::destroy(self, n);
                replay::destroy(self, n);
                leg::destroy(self, n);
                room::destroy(self, n);
                room::destroy_end(self, n);
                share::destroy(self, n);
                tap::destroy(self, n);
                talk::destroy(self, n);
                relay::destroy(self, n);
                tools::destroy(self, n);
                voice::destroy(self, n);
                endpoint::destroy(self, n);
            }
        }
        for engine in &self.engines {
            engine.assert_idle();
        }
    }
}

/// A panic within the library is a bug, and so told. Whether a call has done what it was to do.
fn check(status: ale_status) -> bool {
    assert_ne!(status as i32, ale_status::ALE_ERR_INTERNAL as i32);
    status as i32 == 0
}

/// Takes an object from its place.
fn take<T>(place: &mut *mut T) -> *mut T {
    std::mem::replace(place, null_mut())
}

/// A config with its defaults, which are the same by both functions.
macro_rules! defaults {
    ($init:ident, $init_sized:ident) => {{
        let mut config = std::mem::MaybeUninit::zeroed();
        assert!(check($init(config.as_mut_ptr())));
        assert!(check($init_sized(config.as_mut_ptr(), size_of_val(&config))));
        config.assume_init()
    }};
}
use defaults;

/// Takes the input as a list of calls: a byte that says which, then its arguments.
///
/// # Panics
/// When a call panics within the library.
pub fn calls(data: &[u8]) {
    let mut input = Input::new(data);
    let mut objects = Objects::none();
    while !input.is_empty() {
        let what = input.choice(17);
        // SAFETY: the objects are NULL or alive, one thread uses them, and memory that is passed is
        // as long as it is said to be.
        unsafe {
            match what {
                0 => mixer::call(&mut objects, &mut input),
                1 | 2 => session::call(&mut objects, &mut input),
                3 => lines::call(&mut input),
                4 => checkpoint::call(&mut objects, &mut input),
                5 => backend::call(&mut objects, &mut input),
                6 => codec::call(&mut objects, &mut input),
                7 => buffer::call(&mut objects, &mut input),
                8 => replay::call(&mut objects, &mut input),
                9 | 10 => leg::call(&mut objects, &mut input),
                11 => orders::call(&mut objects, &mut input),
                12 | 13 => room::call(&mut objects, &mut input),
                14 if input.choice(2) == 0 => share::call(&mut objects, &mut input),
                14 => tap::call(&mut objects, &mut input),
                16 => match input.choice(4) {
                    0 => voice::call(&mut objects, &mut input),
                    1 => talk::call(&mut objects, &mut input),
                    2 => endpoint::call(&mut objects, &mut input),
                    _ => tools::call(&mut objects, &mut input),
                },
                _ => relay::call(&mut objects, &mut input),
            }
        }
    }
    // SAFETY: each is NULL or alive.
    unsafe { objects.destroy() };
}
