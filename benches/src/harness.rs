// SPDX-License-Identifier: MIT OR Apache-2.0
//! Alternate measurement: ours, a peer, ours, a peer, so that a change of clock speed or a busy
//! neighbour touches both. The minimum is what the code can do; the median is what it usually does.

use std::time::{Duration, Instant};

/// How often each side is measured.
const ROUNDS: usize = 25;

/// One side of a comparison: its name, and a run that returns how long the measured part took.
pub struct Side<'a> {
    /// What it is called in the table.
    pub name: String,
    /// Does the work once.
    pub run: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Side<'a> {
    /// A side whose run measures itself, so that preparation stays out.
    pub fn new(name: impl Into<String>, run: impl FnMut() -> Duration + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// A side of which everything is measured.
    pub fn whole(name: impl Into<String>, mut run: impl FnMut() + 'a) -> Self {
        Self::new(name, move || {
            let begin = Instant::now();
            run();
            begin.elapsed()
        })
    }
}

/// Nanoseconds per operation.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Of the best round.
    pub minimum: f64,
    /// Of the middle round.
    pub median: f64,
}

/// Measures the sides alternately; a run does `operations` of what is measured.
pub fn measure(operations: u64, sides: &mut [Side<'_>]) -> Vec<Cost> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); sides.len()];
    for side in sides.iter_mut() {
        (side.run)();
    }
    for _ in 0..ROUNDS {
        for (side, costs) in sides.iter_mut().zip(&mut rounds) {
            // Once unmeasured: the other sides have had the caches in between.
            (side.run)();
            costs.push((side.run)().as_nanos() as f64 / operations as f64);
        }
    }
    rounds
        .into_iter()
        .map(|mut costs| {
            costs.sort_by(f64::total_cmp);
            Cost { minimum: costs[0], median: costs[ROUNDS / 2] }
        })
        .collect()
}

/// Prints the table's head.
pub fn print_head() {
    println!(
        "{:<44} {:>9} {:>9}  {:<18} {:>9} {:>9} {:>7}",
        "row", "ours min", "median", "peer", "min ns", "median", "ratio"
    );
}

/// Measures and prints one row a peer; the first side is ours. The ratio is the peer's median to
/// ours: above 1 we are faster.
pub fn compare(row: &str, operations: u64, sides: &mut [Side<'_>]) -> Vec<Cost> {
    let costs = measure(operations, sides);
    let Some((ours, peers)) = costs.split_first() else { return costs };
    let line = |peer: &str, cost: Option<&Cost>| {
        let (minimum, median, ratio) = match cost {
            Some(c) => (
                format!("{:.1}", c.minimum),
                format!("{:.1}", c.median),
                format!("{:.2}", c.median / ours.median),
            ),
            None => Default::default(),
        };
        println!(
            "{row:<44} {:>9.1} {:>9.1}  {peer:<18} {minimum:>9} {median:>9} {ratio:>7}",
            ours.minimum, ours.median
        );
    };
    if peers.is_empty() {
        line("-", None);
    }
    for (side, cost) in sides.iter().skip(1).zip(peers) {
        line(&side.name, Some(cost));
    }
    costs
}
