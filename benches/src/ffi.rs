// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a C caller pays more than a Rust caller: the same objects and calls through the shared
//! library, by addresses as a program in C has them, and through the crate.
#![allow(unsafe_code)] // calls a C library

use std::ffi::{CString, c_char, c_void};
use std::mem::transmute;

use ale_media::mixer::{Mixer, MixerConfig};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{Sender, Suite};

use crate::dynamic::Loaded;
use crate::harness::{self, Side};

/// Calls in a run.
const CALLS: u64 = 20_000;
const SAMPLES: usize = 80;

type Init = unsafe extern "C" fn(*mut c_void) -> i32;
type Create = unsafe extern "C" fn(*const c_void, *mut *mut c_void) -> i32;
type Add = unsafe extern "C" fn(*mut c_void, *mut u64) -> i32;
type Input = unsafe extern "C" fn(*mut c_void, u64, *const i16, usize) -> i32;
type Output = unsafe extern "C" fn(*mut c_void, u64, *mut i16, usize) -> i32;
type Level = unsafe extern "C" fn(*mut c_void, u64, *mut u8) -> i32;
type Protect = unsafe extern "C" fn(*mut c_void, *mut u8, usize, usize, *mut usize) -> i32;
type Destroy = unsafe extern "C" fn(*mut c_void);

/// The functions that are measured, as `ale_media.h` declares them.
struct Library {
    mixer: (Init, Create, Destroy),
    srtp: (Init, Create, Destroy),
    add: Add,
    input: Input,
    output: Output,
    level: Level,
    protect: Protect,
}

impl Library {
    /// The one that lies beside this program, or that `ALE_LIBRARY` names.
    fn load() -> Option<Self> {
        let beside = || Some(std::env::current_exe().ok()?.with_file_name("libale_media.so"));
        let path = std::env::var_os("ALE_LIBRARY").map(Into::into).or_else(beside)?;
        let library = Loaded::open(path.to_str()?)?;
        let symbol = |name: &str| library.symbol(name);
        // SAFETY: these are the signatures in the header; there is no NULL among the symbols.
        unsafe {
            Some(Self {
                mixer: (
                    transmute::<*mut c_void, Init>(symbol("ale_mixer_config_init")?),
                    transmute::<*mut c_void, Create>(symbol("ale_mixer_create")?),
                    transmute::<*mut c_void, Destroy>(symbol("ale_mixer_destroy")?),
                ),
                srtp: (
                    transmute::<*mut c_void, Init>(symbol("ale_srtp_config_init")?),
                    transmute::<*mut c_void, Create>(symbol("ale_srtp_create")?),
                    transmute::<*mut c_void, Destroy>(symbol("ale_srtp_destroy")?),
                ),
                add: transmute::<*mut c_void, Add>(symbol("ale_mixer_add")?),
                input: transmute::<*mut c_void, Input>(symbol("ale_mixer_input")?),
                output: transmute::<*mut c_void, Output>(symbol("ale_mixer_output")?),
                level: transmute::<*mut c_void, Level>(symbol("ale_mixer_level")?),
                protect: transmute::<*mut c_void, Protect>(symbol("ale_srtp_protect")?),
            })
        }
    }
}

/// Room for a config, of which the size and the first members are written here.
#[repr(C)]
struct Config {
    struct_size: u32,
    number: u32,
    text: *const c_char,
    rest: [u64; 64],
}

/// Makes an object by its config's defaults and, if there is one, a key line.
fn make((init, create, _): (Init, Create, Destroy), line: Option<&CString>) -> *mut c_void {
    let mut config = Config { struct_size: 0, number: 0, text: std::ptr::null(), rest: [0; 64] };
    let mut object = std::ptr::null_mut();
    // SAFETY: the room is larger than either config; the line is the member behind two numbers.
    let status = unsafe {
        init((&raw mut config).cast());
        if let Some(line) = line {
            config.text = line.as_ptr();
        }
        create((&raw const config).cast(), &mut object)
    };
    assert_eq!(status, 0, "creation");
    object
}

fn row(name: &str, filter: &str, rust: impl FnMut(), c: impl FnMut()) {
    if !name.contains(filter) {
        return;
    }
    let costs = harness::measure(CALLS, &mut [Side::whole("Rust", rust), Side::whole("C", c)]);
    println!(
        "{name:<36} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>7.1}",
        costs[0].minimum,
        costs[0].median,
        costs[1].minimum,
        costs[1].median,
        costs[1].median - costs[0].median
    );
}

/// Prints nanoseconds a call from Rust, from C, and what is between them.
pub fn compare(filter: &str) {
    let Some(library) = Library::load() else {
        eprintln!("compare ffi: needs libale_media.so beside this program: make library");
        return;
    };
    println!(
        "{:<36} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "call", "Rust min", "median", "C min", "median", "more"
    );
    mixers(&library, filter);
    sessions(&library, filter);
}

fn mixers(library: &Library, filter: &str) {
    let mut mixer = Mixer::new(&MixerConfig::default()).expect("a mixer");
    let id = mixer.add().expect("a place");
    let other = make(library.mixer, None);
    let mut other_id = 0;
    // SAFETY: a mixer and a place for the number.
    assert_eq!(unsafe { (library.add)(other, &mut other_id) }, 0);
    let pcm = [1000_i16; SAMPLES];
    let (mut heard, mut other_heard) = ([0_i16; SAMPLES], [0_i16; SAMPLES]);

    row(
        "ale_mixer_level",
        filter,
        || {
            for _ in 0..CALLS {
                std::hint::black_box(mixer.level_dbov(std::hint::black_box(id)).expect("a level"));
            }
        },
        || {
            let mut level = 0;
            for _ in 0..CALLS {
                // SAFETY: a mixer, one of its numbers and a place for the level.
                let status = unsafe { (library.level)(other, other_id, &mut level) };
                assert_eq!(status, 0);
            }
        },
    );
    row(
        "ale_mixer_input, 10 ms at 8 kHz",
        filter,
        || {
            for _ in 0..CALLS {
                let to = mixer.input(std::hint::black_box(id)).expect("a participant");
                to.copy_from_slice(std::hint::black_box(&pcm));
            }
        },
        || {
            for _ in 0..CALLS {
                // SAFETY: a mixer, one of its numbers and as many samples.
                let status = unsafe { (library.input)(other, other_id, pcm.as_ptr(), SAMPLES) };
                assert_eq!(status, 0);
            }
        },
    );
    row(
        "ale_mixer_output, 10 ms at 8 kHz",
        filter,
        || {
            for _ in 0..CALLS {
                mixer.output(std::hint::black_box(id), &mut heard).expect("a participant");
                std::hint::black_box(&heard);
            }
        },
        || {
            for _ in 0..CALLS {
                let pcm = other_heard.as_mut_ptr();
                // SAFETY: a mixer, one of its numbers and room for as many samples.
                let status = unsafe { (library.output)(other, other_id, pcm, SAMPLES) };
                assert_eq!(status, 0);
            }
        },
    );
    // SAFETY: made above and not used again.
    unsafe { (library.mixer.2)(other) };
}

fn sessions(library: &Library, filter: &str) {
    const LENGTH: usize = 172;
    let key = crate::srtp::master(Suite::AeadAes128Gcm, 1);
    let line = CryptoAttribute::new(1, Suite::AeadAes128Gcm, key).line();
    let line = CString::new(line.as_bytes()).expect("no zero byte");
    let config = crate::srtp::config(Suite::AeadAes128Gcm, 1, Default::default());
    let mut sender = Sender::new(&config).expect("a session");
    let other = make(library.srtp, Some(&line));
    let mut packet = [0_u8; LENGTH + 152];
    packet[0] = 0x80;
    let (mut other_packet, mut sequence, mut other_sequence) = (packet, 0_u16, 0_u16);
    row(
        "ale_srtp_protect, 160 B, GCM",
        filter,
        || {
            for _ in 0..CALLS {
                sequence = sequence.wrapping_add(1);
                packet[2..4].copy_from_slice(&sequence.to_be_bytes());
                sender.protect(std::hint::black_box(&mut packet), LENGTH).expect("protected");
            }
        },
        || {
            let mut length = 0;
            for _ in 0..CALLS {
                other_sequence = other_sequence.wrapping_add(1);
                other_packet[2..4].copy_from_slice(&other_sequence.to_be_bytes());
                let (packet, room) = (other_packet.as_mut_ptr(), other_packet.len());
                // SAFETY: a session and a packet with room behind it.
                let status = unsafe { (library.protect)(other, packet, LENGTH, room, &mut length) };
                assert_eq!(status, 0);
            }
        },
    );
    // SAFETY: made above and not used again.
    unsafe { (library.srtp.2)(other) };
}
