// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many legs a core carries: conferences in real time on one or more threads, without sockets or
//! with UDP on loopback.
//!
//! The phones' own work is done beside and not counted; the engine's time is what a bridge does for all
//! legs in 10 ms: unprotect, insert, pull, mix, encode, protect, and with `--udp` receive and send. Exit
//! code 1 if it took longer than 10 ms, allocated, or one of the listeners that are sampled (in each
//! conference a talker and a silent one) did not hear the others, or heard itself.
#![allow(unsafe_code)] // A global allocator is unsafe to implement.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::conference::shard::{PHASES, plan};
use ale_media::srtp::Suite;
use clap::Parser;
use examples::Failure;
use examples::clock::{BEAT, Clock};
use examples::load::{Lane, Load, Outcome};
use indicatif::ProgressBar;

thread_local! {
    /// Allocations and frees on this thread.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Conferences in real time: ticks, misses, legs a core.
#[derive(Parser)]
struct Options {
    /// Conferences.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    conferences: u32,
    /// Legs of each.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=8_192))]
    legs: u32,
    /// Legs of each that talk; the others are silent.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    talkers: u32,
    /// How many are heard at a time, 0 for all.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=16))]
    speakers: u32,
    /// Codec, as in a=rtpmap.
    #[arg(long, default_value = "PCMA/8000")]
    codec: String,
    /// Encryption: none, or the name of an SDES suite.
    #[arg(long, default_value = "none")]
    suite: String,
    /// Seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=7_200))]
    duration: u32,
    /// Threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Limits instead of clamping.
    #[arg(long)]
    limiter: bool,
    /// Sends by UDP sockets on loopback; sending and receiving are the engine's time then.
    #[arg(long)]
    udp: bool,
    /// Mutes silent members at random, and lets them leave and come again in other codecs.
    #[arg(long)]
    soak: bool,
    /// Time is only reported: for machines that do other things meanwhile.
    #[arg(long)]
    any_time: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bridge-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Failure> {
    let codec = CodecSpec::from_rtpmap(&options.codec)
        .ok_or_else(|| format!("codec {} is unknown", options.codec))?;
    let suite = match options.suite.as_str() {
        "none" => None,
        name => Some(Suite::from_sdes_name(name).ok_or_else(|| format!("suite {name}?"))?),
    };
    let load = Load {
        legs: options.legs as usize,
        talkers: options.talkers.min(options.legs - 1) as usize,
        speakers: options.speakers as usize,
        codec,
        suite,
        limiter: options.limiter,
        udp: options.udp,
        soak: options.soak,
    };
    let costs = vec![u64::from(options.legs); options.conferences as usize];
    let plan = plan(&costs, options.threads as usize);
    let seconds = options.duration as usize;
    let progress = ProgressBar::new(u64::from(options.duration));
    let outcomes = thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads as usize)
            .map(|thread| {
                let rooms = plan.iter().filter(|worker| **worker == thread).count();
                let (load, progress) = (&load, &progress);
                scope.spawn(move || {
                    let show = |second: u64| {
                        if thread == 0 {
                            progress.set_position(second);
                        }
                    };
                    drive(Lane::new(load, rooms)?, seconds, show)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|outcome| outcome.map_err(|_| "a thread has panicked")?).collect::<Vec<_>>()
    });
    progress.finish_and_clear();
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    Ok(report(options, &outcomes))
}

/// Resident memory in KiB, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// One thread's work for so many seconds.
fn drive(mut lane: Lane, seconds: usize, show: impl Fn(u64)) -> Result<Outcome, Failure> {
    let (clock, begin) = (Clock::start(), Instant::now());
    let mut beats = Vec::with_capacity(seconds * 100);
    let mut allocations = 0;
    let mut settled_kib = None;
    for tick in 0..seconds * 100 {
        let mut spent = Duration::ZERO;
        for phase in 0..PHASES {
            let due = begin + BEAT * tick as u32 + BEAT / PHASES as u32 * phase as u32;
            if let Some(left) = due.checked_duration_since(Instant::now()) {
                thread::sleep(left);
            }
            if phase == 0 {
                spent += lane.talk(tick, clock.now_ns())?;
            }
            let before = COUNT.get();
            spent += lane.serve(clock.now_ns());
            // The first second meets everything for the first time.
            allocations += if tick < 100 { 0 } else { COUNT.get() - before };
        }
        beats.push(spent);
        if tick % 100 == 99 {
            show(tick as u64 / 100 + 1);
        }
        if tick == 150 {
            settled_kib = resident_kib();
        }
    }
    if let (Some(before), Some(after)) = (settled_kib, resident_kib()) {
        println!("resident memory: {before} KiB after 1.5 s, {after} KiB at the end");
    }
    Ok(Outcome { beats, allocations, ..lane.outcome() })
}

fn report(options: &Options, outcomes: &[Outcome]) -> bool {
    let mut beats: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.beats).copied().collect();
    beats.sort();
    let at = |share: f64| beats[((beats.len() - 1) as f64 * share) as usize];
    let mean = beats.iter().sum::<Duration>() / beats.len() as u32;
    let over = beats.iter().filter(|beat| **beat > BEAT).count();
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let (hearing, rooms) = (sum(|o| o.hearing as u64), sum(|o| o.rooms as u64));
    let (misses, allocations) = (sum(|o| o.misses), sum(|o| o.allocations));
    let legs = f64::from(options.conferences * options.legs) / f64::from(options.threads);
    println!(
        "{} conferences of {} legs, {}, {}, {} threads",
        options.conferences, options.legs, options.codec, options.suite, options.threads
    );
    println!("engine's time in 10 ms: p50 {:?}, p99 {:?}, max {:?}", at(0.5), at(0.99), at(1.0));
    println!("above 10 ms: {over} of {}; ticks that came 10 ms late: {misses}", beats.len());
    println!("legs a core, at the mean: {:.0}", legs * BEAT.as_secs_f64() / mean.as_secs_f64());
    println!("allocations in the engine's time: {allocations}");
    println!("sampled listeners that hear the talkers: {hearing} of {rooms}");
    hearing == rooms && allocations == 0 && (options.any_time || over == 0)
}
