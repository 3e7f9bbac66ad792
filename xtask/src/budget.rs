// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions of each operation, in the mean and in the worst case over a scene, which are the same
//! whatever else the machine does: under callgrind, which shows the library a processor with AVX2 and no wider, and on
//! 64-bit ARM by qemu's log of what is executed. Compared with benches/budget.txt and budget-aarch64.txt: fails where
//! either is over 5 % above it. `--write` sets the budget anew.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Outcome, output, read};

const BUDGET: &str = "benches/budget.txt";
const ARM_BUDGET: &str = "benches/budget-aarch64.txt";
/// Left out on ARM: nearly all of it is libopus, at a line of the log for each of 400 million instructions.
const OPUS: &str = "leg-opus";

/// What an operation took.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    runs: u64,
    sum: u64,
    worst: u64,
}

impl Row {
    fn add(rows: &mut Vec<Self>, name: &str, count: u64) {
        match rows.iter_mut().find(|row| row.name == name) {
            Some(row) => {
                row.runs += 1;
                row.sum += count;
                row.worst = row.worst.max(count);
            }
            None => rows.push(Self { name: name.to_owned(), runs: 1, sum: count, worst: count }),
        }
    }
}

/// Measures by a program's scenes; `write` sets the budget anew.
pub(crate) fn check(program: &Path, write: bool) -> Outcome {
    let folder = std::env::temp_dir().join(format!("budget-{}", std::process::id()));
    let mut rows = Vec::new();
    for scene in output(&mut Command::new(program))?.split_whitespace() {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--tool=callgrind", "--combine-dumps=yes"]);
        valgrind.arg(format!("--callgrind-out-file={}", folder.display())).arg(program).arg(scene);
        let done = valgrind.stdout(Stdio::null()).status().map_err(|error| error.to_string())?;
        if !done.success() {
            return Err(format!("{scene}: {done}"));
        }
        take(&read(&folder.to_string_lossy())?, &mut rows);
    }
    let _ = std::fs::remove_file(&folder);
    settle(&rows, BUDGET, write)
}

/// Measures by the scenes of a program for 64-bit ARM; `write` sets the budget anew.
pub(crate) fn check_arm(program: &Path, write: bool) -> Outcome {
    let emulated = || {
        let mut qemu = Command::new("qemu-aarch64-static");
        qemu.args(["-L", "/usr/aarch64-linux-gnu"]);
        // An instruction is a block then, by the older name and the newer one.
        qemu.env("QEMU_SINGLESTEP", "1").env("QEMU_ONE_INSN_PER_TB", "1");
        qemu
    };
    let mut rows = Vec::new();
    for scene in output(emulated().arg(program))?.split_whitespace().filter(|name| *name != OPUS) {
        // Where the marks are, and what is between each two of them.
        let told = output(emulated().arg(program).arg(scene))?;
        let (marks, names) = told.split_once('\n').unwrap_or_default();
        let mut logging = emulated();
        logging.args(["-d", "nochain,exec"]).arg(program).arg(scene);
        let logging = logging.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut running = logging.spawn().map_err(|error| error.to_string())?;
        let log = running.stderr.take().ok_or("no log")?;
        let counts = between(marks, BufReader::new(log))?;
        let done = running.wait().map_err(|error| error.to_string())?;
        if !done.success() || counts.len() != names.lines().count() {
            return Err(format!("{scene}: {done}, {} runs in the log", counts.len()));
        }
        for (name, count) in names.lines().zip(counts) {
            Row::add(&mut rows, name, count);
        }
    }
    settle(&rows, ARM_BUDGET, write)
}

/// How many instructions of a log lie between each two marks, whose addresses are `0xBEGIN 0xEND`. A line is
/// `Trace 0: HOST [BASE/ADDRESS/FLAGS]`.
fn between(marks: &str, mut log: impl BufRead) -> Result<Vec<u64>, String> {
    let mark = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16);
    let (begin, end) = marks.split_once(' ').ok_or("no marks")?;
    let (begin, end) = (mark(begin), mark(end));
    let ((Ok(begin), Ok(end)), mut counts) = ((begin, end), Vec::new()) else {
        return Err(format!("marks: {marks}"));
    };
    let (mut line, mut running) = (String::new(), None);
    while log.read_line(&mut line).map_err(|error| error.to_string())? > 0 {
        let address = line.split('/').nth(1).and_then(|word| u64::from_str_radix(word, 16).ok());
        if address == Some(begin) {
            running = Some(0);
        } else if address == Some(end) {
            counts.extend(running.take());
        } else if let Some(count) = &mut running {
            *count += 1;
        }
        line.clear();
    }
    Ok(counts)
}

/// Sets the budget anew if it is asked for, and compares with it.
fn settle(rows: &[Row], budget: &str, write: bool) -> Outcome {
    if write {
        let mut text = String::from("# operation\tmean\tworst\n");
        for row in rows {
            let _ = writeln!(text, "{}\t{}\t{}", row.name, row.sum / row.runs, row.worst);
        }
        std::fs::write(budget, text).map_err(|error| format!("{budget}: {error}"))?;
    }
    let over = compare(rows, &read(budget)?);
    if over.is_empty() { Ok(()) } else { Err(over.join("\n")) }
}

/// Adds what callgrind's file tells: a part for each run of an operation.
fn take(text: &str, rows: &mut Vec<Row>) {
    let mut name = None;
    for line in text.lines() {
        if line.starts_with("part: ") {
            name = None;
        } else if let Some(named) = line.strip_prefix("desc: Trigger: Client Request: ") {
            name = Some(named);
        } else if let (Some(count), Some(name)) = (line.strip_prefix("summary: "), name) {
            Row::add(rows, name, count.trim().parse().unwrap_or(0));
        }
    }
}

/// Prints the table; what is over its budget.
fn compare(rows: &[Row], budget: &str) -> Vec<String> {
    println!(
        "{:<28} {:>6} {:>9} {:>9} {:>9} {:>9}",
        "operation", "runs", "mean", "budget", "worst", "budget"
    );
    let mut over = Vec::new();
    for row in rows {
        let allowed = budget.lines().find_map(|line| {
            let mut fields = line.split('\t');
            (fields.next() == Some(&row.name)).then_some(())?;
            Some((fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?))
        });
        let mean = row.sum / row.runs;
        let (most, worst) = allowed.unwrap_or((0, 0));
        println!(
            "{:<28} {:>6} {mean:>9} {most:>9} {:>9} {worst:>9}",
            row.name, row.runs, row.worst
        );
        if mean * 100 > most * 105 || row.worst * 100 > worst * 105 {
            over.push(format!("{}: over its budget", row.name));
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "part: 1\ndesc: Trigger: Client Request: a\nsummary: 100\npart: 2\ndesc: Trigger: Program \
                        termination\nsummary: 999\npart: 3\ndesc: Trigger: Client Request: a\nsummary: 106\n";

    #[test]
    fn operations_are_told_from_the_rest() {
        let mut rows = Vec::new();
        take(FILE, &mut rows);
        assert_eq!(rows, [Row { name: "a".to_owned(), runs: 2, sum: 206, worst: 106 }]);
    }

    #[test]
    fn what_lies_between_two_marks_is_counted() {
        let line = |address: &str| format!("Trace 0: 0x7f58 [0000/{address}/01/02] \n");
        let log = ["20", "10", "1", "2", "20", "3", "10", "20", "noise"].map(line).concat();
        assert_eq!(between("0x10 0x20", log.as_bytes()), Ok(vec![2, 0]));
        assert!(between("0x10", log.as_bytes()).is_err());
    }

    #[test]
    fn five_percent_are_the_bound_of_mean_and_worst_case() {
        let mut rows = Vec::new();
        take(FILE, &mut rows);
        assert!(compare(&rows, "a\t99\t101\n").is_empty());
        assert_eq!(compare(&rows, "a\t98\t101\n").len(), 1);
        assert_eq!(compare(&rows, "a\t99\t100\n").len(), 1);
        assert_eq!(compare(&rows, "b\t99\t101\n").len(), 1, "what is not listed has no budget");
    }
}
