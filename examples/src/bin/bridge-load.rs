// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many legs a core carries: conferences in real time on one or more threads, without sockets or
//! with UDP on loopback.
//!
//! The phones' own work is done beside and not counted; the engine's time is what a bridge does for all
//! legs in 10 ms: unprotect, insert, pull, mix, encode, protect, and with `--udp` receive and send. It
//! is told by the clock and as the threads' own, which other work on the machine does not lengthen. Exit
//! code 1 if it took longer than 10 ms of a thread's own time, allocated, one of the listeners that are
//! sampled (in each conference a talker and a silent one) did not hear the others, or heard itself, or
//! the heap has grown.
#![allow(unsafe_code)] // A global allocator is unsafe to implement.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ale_media::codec::CodecSpec;
use ale_media::codec::opus::OpusConfig;
use ale_media::conference::shard::{PHASES, plan};
use ale_media::srtp::Suite;
use clap::Parser;
use examples::Failure;
use examples::clock::{BEAT, Clock, Spent};
use examples::load::{Lane, Load, Outcome, Silence};
use indicatif::ProgressBar;

thread_local! {
    /// Allocations and frees on this thread.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that the process has taken from the heap and not given back.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
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
    /// What the silent ones send.
    #[arg(long, value_enum, default_value_t = Silence::Coded)]
    silence: Silence,
    /// Codec, as in a=rtpmap.
    #[arg(long, default_value = "PCMA/8000")]
    codec: String,
    /// Rate at which Opus is coded and decoded, in Hz: 8000, 12000, 16000, 24000 or 48000.
    #[arg(long, default_value_t = 48_000)]
    opus_rate: u32,
    /// Complexity of Opus's encoder, 0 to 10.
    #[arg(long, default_value_t = OpusConfig::default().complexity)]
    complexity: u8,
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
    /// Does the work of two ticks in one where nobody can tell.
    #[arg(long)]
    joined_ticks: bool,
    /// Sends by UDP sockets on loopback; sending and receiving are the engine's time then.
    #[arg(long)]
    udp: bool,
    /// Mutes silent members at random, and lets them leave and come again in other codecs.
    #[arg(long)]
    soak: bool,
    /// Threads beside it that do nothing but take processor time.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64))]
    hogs: u32,
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
    let mut codec = CodecSpec::from_rtpmap(&options.codec)
        .ok_or_else(|| format!("codec {} is unknown", options.codec))?;
    if let CodecSpec::Opus(opus) = &mut codec {
        opus.sample_rate_hz = options.opus_rate;
        opus.complexity = options.complexity;
    }
    let suite = match options.suite.as_str() {
        "none" => None,
        name => Some(Suite::from_sdes_name(name).ok_or_else(|| format!("suite {name}?"))?),
    };
    let load = Load {
        legs: options.legs as usize,
        talkers: options.talkers.min(options.legs - 1) as usize,
        speakers: options.speakers as usize,
        silence: options.silence,
        codec,
        suite,
        limiter: options.limiter,
        joined_ticks: options.joined_ticks,
        udp: options.udp,
        soak: options.soak,
    };
    let costs = vec![u64::from(options.legs); options.conferences as usize];
    let plan = plan(&costs, options.threads as usize);
    let seconds = options.duration as usize;
    let progress = ProgressBar::new(u64::from(options.duration));
    let memory = Mutex::new(Vec::with_capacity(seconds));
    let over = AtomicBool::new(false);
    let outcomes = thread::scope(|scope| {
        for _ in 0..options.hogs {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let threads: Vec<_> = (0..options.threads as usize)
            .map(|thread| {
                let rooms = plan.iter().filter(|worker| **worker == thread).count();
                let (load, progress, memory) = (&load, &progress, &memory);
                scope.spawn(move || {
                    let each_second = |second: u64| {
                        if thread == 0 {
                            progress.set_position(second);
                            memory
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push(Memory::now());
                        }
                    };
                    drive(Lane::new(load, rooms)?, seconds, each_second)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        let outcomes: Vec<_> =
            joined.map(|outcome| outcome.map_err(|_| "a thread has panicked")?).collect();
        over.store(true, Ordering::Relaxed);
        outcomes
    });
    progress.finish_and_clear();
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    Ok(report(options, &outcomes, &memory.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// What the process holds of memory, in KiB.
#[derive(Debug, Clone, Copy)]
struct Memory {
    heap_kib: usize,
    /// Where the system tells.
    resident_kib: Option<u64>,
}

impl Memory {
    fn now() -> Self {
        Self { heap_kib: LIVE.load(Ordering::Relaxed) / 1024, resident_kib: resident_kib() }
    }
}

/// Resident memory in KiB, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// One thread's work for so many seconds. `each_second` is told how many have passed.
fn drive(
    mut lane: Lane,
    seconds: usize,
    mut each_second: impl FnMut(u64),
) -> Result<Outcome, Failure> {
    let (clock, begin) = (Clock::start(), Instant::now());
    let mut beats = Vec::with_capacity(seconds * 100);
    let mut allocations = 0;
    for tick in 0..seconds * 100 {
        let mut spent = Spent::default();
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
            each_second(tick as u64 / 100 + 1);
        }
    }
    Ok(Outcome { beats, allocations, ..lane.outcome() })
}

/// Prints median, upper percentiles and maximum of what `of` says of the beats. Returns how many are
/// above 10 ms.
fn print_times(name: &str, beats: &[Spent], of: fn(&Spent) -> Duration) -> usize {
    let mut times: Vec<_> = beats.iter().map(of).collect();
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let over = times.iter().filter(|time| **time > BEAT).count();
    let (p50, p99, p9999, max) = (at(0.5), at(0.99), at(0.9999), at(1.0));
    println!("{name} in 10 ms: p50 {p50:?}, p99 {p99:?}, p99.99 {p9999:?}, max {max:?}");
    println!("    above 10 ms: {over} of {}", times.len());
    over
}

/// Prints what the process held of memory. Returns whether it held no more in the last third of the
/// time than in the middle one, but for 2 % that depend on who is there in which codec.
fn print_memory(memory: &[Memory]) -> bool {
    let (Some(first), Some(last)) = (memory.first(), memory.last()) else { return true };
    let resident = |memory: &Memory| memory.resident_kib.map_or("?".into(), |kib| kib.to_string());
    println!(
        "heap: {} KiB after a second, {} KiB at the end; resident: {} and {} KiB",
        first.heap_kib,
        last.heap_kib,
        resident(first),
        resident(last)
    );
    let third = memory.len() / 3;
    let mean = |part: &[Memory]| part.iter().map(|m| m.heap_kib).sum::<usize>() / part.len().max(1);
    let (middle, end) = (mean(&memory[third..2 * third]), mean(&memory[2 * third..]));
    println!("    means of its thirds: {}, {middle}, {end} KiB", mean(&memory[..third]));
    third == 0 || end <= middle + middle / 50
}

fn report(options: &Options, outcomes: &[Outcome], memory: &[Memory]) -> bool {
    let beats: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.beats).copied().collect();
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let (hearing, rooms) = (sum(|o| o.hearing as u64), sum(|o| o.rooms as u64));
    let (misses, allocations) = (sum(|o| o.misses), sum(|o| o.allocations));
    let legs = f64::from(options.conferences * options.legs) / f64::from(options.threads);
    println!(
        "{} conferences of {} legs, {}, {}, {} threads",
        options.conferences, options.legs, options.codec, options.suite, options.threads
    );
    print_times("engine's time by the clock", &beats, |spent| spent.wall);
    let over = print_times("engine's own time", &beats, |spent| spent.own);
    println!("ticks that came 10 ms late: {misses}");
    let mean = beats.iter().map(|spent| spent.own).sum::<Duration>() / beats.len() as u32;
    println!("legs a core, at the mean: {:.0}", legs * BEAT.as_secs_f64() / mean.as_secs_f64());
    println!("allocations in the engine's time: {allocations}");
    let flat = print_memory(memory);
    println!("sampled listeners that hear the talkers: {hearing} of {rooms}");
    hearing == rooms && allocations == 0 && flat && (options.any_time || over == 0)
}
