// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions of each operation under callgrind, in the mean and in the worst case over a scene, which
//! are the same whatever else the machine does. Compared with benches/budget.txt: fails where either is
//! over 5 % above it. `--write` sets the budget anew. Valgrind shows the library a processor with AVX2 and
//! no wider.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Outcome, output, read};

const BUDGET: &str = "benches/budget.txt";

/// What an operation took.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    runs: u64,
    sum: u64,
    worst: u64,
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
    if write {
        let mut text = String::from("# operation\tmean\tworst\n");
        for row in &rows {
            let _ = writeln!(text, "{}\t{}\t{}", row.name, row.sum / row.runs, row.worst);
        }
        std::fs::write(BUDGET, text).map_err(|error| format!("{BUDGET}: {error}"))?;
    }
    let over = compare(&rows, &read(BUDGET)?);
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
            let count = count.trim().parse().unwrap_or(0);
            match rows.iter_mut().find(|row| row.name == name) {
                Some(row) => {
                    row.runs += 1;
                    row.sum += count;
                    row.worst = row.worst.max(count);
                }
                None => rows.push(Row { name: name.to_owned(), runs: 1, sum: count, worst: count }),
            }
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
    fn five_percent_are_the_bound_of_mean_and_worst_case() {
        let mut rows = Vec::new();
        take(FILE, &mut rows);
        assert!(compare(&rows, "a\t99\t101\n").is_empty());
        assert_eq!(compare(&rows, "a\t98\t101\n").len(), 1);
        assert_eq!(compare(&rows, "a\t99\t100\n").len(), 1);
        assert_eq!(compare(&rows, "b\t99\t101\n").len(), 1, "what is not listed has no budget");
    }
}
