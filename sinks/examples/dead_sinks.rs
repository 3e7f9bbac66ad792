// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a tick costs of which every member is tapped, by sinks that keep up and by dead ones, beside one that
//! nobody taps: alternately, in one run. Prints ratios; times are the machine's.
//!
//! `cargo run --release -p ale-media-sinks --example dead_sinks [MEMBERS] [SECONDS]`

use std::error::Error;
use std::time::Instant;

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, LinkEnd, Outgoing,
};
use ale_media::tap::{Basis, Grant, Purpose, SinkId, TapConfig, TapReader, TapSource};

const TICK_NS: u64 = 10_000_000;
const FRAME: usize = 80;

struct Room {
    conference: Conference,
    control: ConferenceControl,
    outgoing: Outgoing,
    lines: Vec<LinkEnd>,
    taps: Vec<TapReader>,
    ticks_ns: Vec<u64>,
}

impl Room {
    fn new(members: usize, tapped: bool) -> Result<Self, Box<dyn Error>> {
        let room_for =
            ConferenceConfig { max_members: members, max_taps: members, ..Default::default() };
        let (mut conference, control) = Conference::new(&room_for)?;
        let (mut lines, mut taps, mut outgoing) = (Vec::new(), Vec::new(), Outgoing::new(4));
        for n in 0..members {
            let (line, end) = LinkEnd::pair(8_000)?;
            let joined = control.join_link(Box::new(end), JoinOptions::default());
            let member = joined.map_err(|(error, _)| error)?;
            lines.push(line);
            if !tapped {
                continue;
            }
            let sink = SinkId(1);
            let mut tap = TapConfig::new(TapSource::Member(member), Purpose::Record, sink);
            tap.sample_rate_hz = 8_000;
            taps.push(control.tap(&tap)?);
            let (purposes, basis) = (Purpose::Record.into(), Basis::Consent);
            let grant = Grant { purposes, basis, sink, notice_version: 1, until_ns: None };
            control.grant(member, &grant)?;
            // Orders wait in a queue of their own length.
            if n % 16 == 15 {
                conference.tick(0, &mut outgoing);
                while control.next_tap_event().is_some() {}
            }
        }
        Ok(Self { conference, control, outgoing, lines, taps, ticks_ns: Vec::new() })
    }

    fn tick(&mut self, n: u64, reads: bool) {
        for (who, line) in self.lines.iter_mut().enumerate() {
            // A few talk.
            line.push(&[if who % 300 == 0 { 1_000 + (n % 50) as i16 } else { 0 }; FRAME]);
        }
        let begin = Instant::now();
        self.conference.tick(n * TICK_NS, &mut self.outgoing);
        self.ticks_ns.push(begin.elapsed().as_nanos() as u64);
        let mut pcm = [0; FRAME];
        for line in &mut self.lines {
            line.pull(&mut pcm);
        }
        while self.control.next_tap_event().is_some() {}
        for tap in self.taps.iter_mut().filter(|_| reads) {
            while tap.read(&mut pcm).is_some() {}
        }
    }

    /// Of the ticks' times, in ns.
    fn percentiles(&mut self) -> [u64; 2] {
        self.ticks_ns.sort_unstable();
        [50, 99].map(|percent| self.ticks_ns[self.ticks_ns.len() * percent / 100])
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let members = numbers.next().transpose()?.unwrap_or(1_000);
    let seconds = numbers.next().transpose()?.unwrap_or(20);
    let mut rooms =
        [Room::new(members, false)?, Room::new(members, true)?, Room::new(members, true)?];
    for n in 1..=seconds as u64 * 100 {
        for (kind, room) in rooms.iter_mut().enumerate() {
            room.tick(n, kind == 1);
        }
    }
    let [none, read, dead] = rooms.each_mut().map(Room::percentiles);
    let lost: u64 = rooms[2]
        .taps
        .iter_mut()
        .map(|tap| {
            tap.read(&mut [0; FRAME]);
            tap.lost_frames()
        })
        .sum();
    println!("{members} members on lines, {seconds} s; dead sinks have lost {lost} frames");
    for (at, name) in ["p50", "p99"].into_iter().enumerate() {
        let [none, read, dead] = [none[at], read[at], dead[at]].map(|ns| ns as f64);
        println!(
            "{name}: dead beside sinks that keep up {:.3}, tapped beside not tapped {:.3}",
            dead / read,
            read / none
        );
    }
    Ok(())
}
