// SPDX-License-Identifier: MIT OR Apache-2.0
//! Engines of the voice chain: that they cancel an echo, and what each allocates a frame: by Rust's allocator
//! and by C++'s `new`, both counted.
#![cfg(any(feature = "process-webrtc", feature = "process-sonora", feature = "process-rnnoise"))]
#![allow(unsafe_code)] // A global allocator is unsafe to implement, and so are C++'s operators.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ale_media::voice::{self, Processor, Settings};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// C++'s operators in the place of its library's: what is taken by them is given back by `free`, as there.
#[cfg(feature = "process-webrtc")]
mod operators {
    use std::ffi::c_void;

    unsafe extern "C" {
        fn malloc(size: usize) -> *mut c_void;
    }

    /// `operator new(size_t)`.
    #[unsafe(no_mangle)]
    extern "C" fn _Znwm(size: usize) -> *mut c_void {
        super::COUNT.set(super::COUNT.get() + 1);
        // SAFETY: any size may be asked for; a null pointer would end the test at once.
        unsafe { malloc(size.max(1)) }
    }

    /// `operator new[](size_t)`.
    #[unsafe(no_mangle)]
    extern "C" fn _Znam(size: usize) -> *mut c_void {
        _Znwm(size)
    }
}

const RATE: usize = 16_000;
const FRAME: usize = RATE / 100;

/// Echo of noise in syllables through this engine, 10 ms at a time: ERLE of the last two seconds in dB, and
/// the most and the mean of allocations a frame after the first second.
fn run(engines: Vec<Box<dyn Processor>>, settings: &Settings) -> (f64, u64, f64) {
    let (mut render, mut capture) = voice::create(RATE as u32, 0, settings, engines).unwrap();
    let mut seed = 1_u32;
    let mut past = vec![0.0_f64; 8 * RATE];
    let (mut heard_energy, mut left_energy) = (0.0, 0.0);
    let (mut most, mut all) = (0, 0);
    let frames = 800;
    for n in 0..frames {
        let mut played = [0_i16; FRAME];
        for (k, sample) in played.iter_mut().enumerate() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let syllable = ((n * FRAME + k) as f64 / RATE as f64 * 3.1).sin().abs();
            *sample = (f64::from(seed as i32) / 2_147_483_648.0 * 6_000.0 * syllable) as i16;
            past[n * FRAME + k] = f64::from(*sample);
        }
        let at = |n: usize, delay: usize| n.checked_sub(delay).map_or(0.0, |n| past[n]);
        let mut heard = [0_i16; FRAME];
        for (k, sample) in heard.iter_mut().enumerate() {
            let n = n * FRAME + k;
            *sample = (0.4 * at(n, 700) - 0.2 * at(n, 790) + 0.1 * at(n, 1_011)) as i16;
        }
        let energy = |pcm: &[i16]| pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        if n >= 600 {
            heard_energy += energy(&heard);
        }
        let before = COUNT.get();
        render.push(&played);
        capture.process(&mut heard).unwrap();
        let count = COUNT.get() - before;
        if n >= 100 {
            (most, all) = (most.max(count), all + count);
        }
        if n >= 600 {
            left_energy += energy(&heard);
        }
    }
    let erle_db = 10.0 * (heard_energy / left_energy.max(1.0)).log10();
    (erle_db, most, all as f64 / f64::from(frames as u32 - 100))
}

#[test]
fn the_chain_itself_allocates_nothing() {
    let (erle_db, most, _) = run(Vec::new(), &Settings::off());
    assert!(erle_db.abs() < 1.0, "and takes nothing away: {erle_db} dB");
    assert_eq!(most, 0);
    assert_eq!(run(Vec::new(), &Settings::default()).1, 0);
}

/// Every engine of this build, made anew.
fn every_engine() -> Vec<(&'static str, Box<dyn Processor>)> {
    vec![
        #[cfg(feature = "process-webrtc")]
        ("libwebrtc", Box::new(voice::WebRtc::new(RATE as u32).unwrap())),
        #[cfg(feature = "process-sonora")]
        ("sonora", Box::new(voice::Sonora::new(RATE as u32).unwrap())),
        #[cfg(feature = "process-rnnoise")]
        ("RNNoise", Box::new(voice::RnNoise::new(RATE as u32).unwrap())),
    ]
}

/// What is off is off: noise that an engine would take away, and an echo, come through as they are.
#[test]
fn an_engine_that_is_switched_off_takes_nothing_away() {
    for (name, engine) in every_engine() {
        let (erle_db, ..) = run(vec![engine], &Settings::off());
        assert!(erle_db.abs() < 1.0, "{name} takes {erle_db} dB away");
    }
}

#[test]
#[cfg(feature = "process-webrtc")]
fn libwebrtc_cancels_and_allocates_twice_a_frame() {
    let engine = voice::WebRtc::new(RATE as u32).unwrap();
    let (erle_db, most, mean) = run(vec![Box::new(engine)], &Settings::default());
    // Noise is no speech: the judge finds 40 dB for that.
    assert!(erle_db > 15.0, "{erle_db} dB");
    // A list of one channel for each direction, by the binding; C++ nothing.
    assert!(mean <= 2.0 && most <= 2, "{mean} a frame, at most {most}");
}

#[test]
#[cfg(feature = "process-sonora")]
fn sonora_cancels_and_allocates_some_forty_times_a_frame() {
    let engine = voice::Sonora::new(RATE as u32).unwrap();
    let (erle_db, most, mean) = run(vec![Box::new(engine)], &Settings::default());
    assert!(erle_db > 25.0, "{erle_db} dB");
    assert!(mean < 60.0 && most <= 100, "{mean} a frame, at most {most}");
}

/// What a Butterworth filter of second order at 100 Hz does with a tone is known; and where nothing plays, nothing else
/// is done with it.
#[test]
#[cfg(feature = "process-sonora")]
fn sonora_leaves_the_near_end_as_a_gentle_high_pass_does() {
    let mut settings = Settings::off();
    (settings.echo_cancellation, settings.high_pass) = (true, true);
    for (hz, wanted_db) in [(60.0, -9.4), (100.0, -3.0), (200.0, -0.26), (1_000.0, 0.0)] {
        let engine: Box<dyn Processor> = Box::new(voice::Sonora::new(RATE as u32).unwrap());
        let (_render, mut capture) =
            voice::create(RATE as u32, 0, &settings, vec![engine]).unwrap();
        let (mut said, mut sent) = (0.0, 0.0);
        for n in 0..400 {
            let mut pcm: [i16; FRAME] = std::array::from_fn(|k| {
                let t = (n * FRAME + k) as f64 / RATE as f64;
                (8_000.0 * (std::f64::consts::TAU * hz * t).sin()) as i16
            });
            let energy = |pcm: &[i16]| pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
            let before = energy(&pcm);
            capture.process(&mut pcm).unwrap();
            if n >= 100 {
                (said, sent) = (said + before, sent + energy(&pcm));
            }
        }
        let gain_db = 10.0 * (sent / said).log10();
        assert!((gain_db - wanted_db).abs() < 0.3, "{hz} Hz: {gain_db} dB");
    }
}

#[test]
#[cfg(feature = "process-rnnoise")]
fn rnnoise_allocates_nothing() {
    for rate in [8_000, 16_000, 32_000, 48_000] {
        assert!(voice::RnNoise::new(rate).is_ok());
    }
    assert!(voice::RnNoise::new(44_100).is_err());
    let engine = voice::RnNoise::new(RATE as u32).unwrap();
    assert_eq!(run(vec![Box::new(engine)], &Settings::default()).1, 0);
}
