// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the recogniser got what it should, and nothing else.

use std::fmt;

use ale_media_sinks::audit::verify;

use super::Line;
use super::room::Account;
use super::script::{NAMES, REFUSES, Script, WITHDRAWS};

/// Of all words.
const MOST_ERRORS: f64 = 0.1;
/// A final line should come so soon after its last word: printed, since it is the machine's to keep.
const SOON_S: f64 = 1.0;
/// A frame, by which sums of seconds may differ.
const FRAME_S: f64 = 0.021;
/// Words at the end of the cut sentence that nobody may have heard.
const NOT_HEARD: usize = 5;

/// What came out.
#[derive(Debug)]
pub(crate) struct Verdict {
    words: usize,
    errors: usize,
    /// Seconds from the last word to the final line, of each sentence.
    finals_s: Vec<f64>,
    missing: usize,
    refused: Account,
    refused_lines: usize,
    withdrawn: Account,
    granted_s: f64,
    cut: String,
    cut_holds: bool,
    audit: Result<u64, String>,
}

impl Verdict {
    pub(crate) fn of(
        script: &Script,
        lines: &[Line],
        accounts: &[Account],
        audit: &str,
        key: &[u8],
    ) -> Self {
        let (mut words, mut errors, mut finals_s, mut missing) = (0, 0, Vec::new(), 0);
        for said in script.said.iter().filter(|said| script.is_whole(said)) {
            let (begin_s, end_s) = (seconds(said.begin_tick), seconds(said.end_tick));
            let own: Vec<&Line> = lines
                .iter()
                .filter(|line| line.who == said.who && line.begin_s < end_s && line.end_s > begin_s)
                .collect();
            let text: Vec<&str> = own.iter().map(|line| line.text.as_str()).collect();
            let expected = spoken(&said.text);
            words += expected.len();
            errors += distance(&expected, &spoken(&text.join(" ")));
            match own.last() {
                Some(last) => finals_s.push(last.came_s - end_s),
                None => missing += 1,
            }
        }
        let (mut cut, mut cut_holds) = (String::new(), false);
        if let Some(said) = script.cut() {
            let from_s = seconds(said.begin_tick);
            let after = lines.iter().filter(|line| line.who == WITHDRAWS && line.end_s > from_s);
            cut = after.map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ");
            let (whole, got) = (spoken(&said.text), spoken(&cut));
            let tail = whole.get(whole.len().saturating_sub(NOT_HEARD)..).unwrap_or_default();
            cut_holds = got.len() < whole.len() && !got.ends_with(tail) && !cut.is_empty();
        }
        let granted_s = seconds(script.withdrawal_tick);
        Self {
            words,
            errors,
            finals_s,
            missing,
            refused: accounts[REFUSES],
            refused_lines: lines.iter().filter(|line| line.who == REFUSES).count(),
            withdrawn: accounts[WITHDRAWS],
            granted_s,
            cut,
            cut_holds,
            audit: verify(audit, Some(key)).map(|found| found.lines).map_err(|e| e.to_string()),
        }
    }

    /// Whether nothing got where it should not, and enough where it should.
    pub(crate) fn holds(&self) -> bool {
        self.error_rate() <= MOST_ERRORS
            && self.missing == 0
            && self.refused_lines == 0
            && self.refused.taken_s == 0.0
            && self.refused.recognised_s == Some(0.0)
            && self.withdrawn.taken_s <= self.granted_s + FRAME_S
            && self.withdrawn.recognised_s.is_some_and(|s| s <= self.granted_s + FRAME_S)
            && self.cut_holds
            && self.audit.is_ok()
    }

    fn error_rate(&self) -> f64 {
        self.errors as f64 / self.words.max(1) as f64
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = |account: &Account| {
            account.recognised_s.map_or("an unknown number of".to_owned(), |s| format!("{s:.2}"))
        };
        let rate = 100.0 * self.error_rate();
        writeln!(f, "- word error rate: {rate:.1} % ({} of {} words)", self.errors, self.words)?;
        let slowest = self.finals_s.iter().copied().fold(0.0, f64::max);
        let mut sorted = self.finals_s.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let soon = sorted.iter().filter(|s| **s <= SOON_S).count();
        writeln!(
            f,
            "- final lines after the last word: median {median:.2} s, slowest {slowest:.2} s, {soon} of {} within \
             {SOON_S} s; {} sentences have none",
            sorted.len(),
            self.missing
        )?;
        writeln!(
            f,
            "- {} has not agreed: {} lines, {:.2} s taken, {} s received",
            NAMES[REFUSES],
            self.refused_lines,
            self.refused.taken_s,
            received(&self.refused)
        )?;
        writeln!(
            f,
            "- {} took it back after {:.2} s: {:.2} s taken, {} s received; of that sentence: \"{}\"",
            NAMES[WITHDRAWS],
            self.granted_s,
            self.withdrawn.taken_s,
            received(&self.withdrawn),
            self.cut
        )?;
        match &self.audit {
            Ok(lines) => writeln!(f, "- audit: {lines} lines, signed and whole"),
            Err(fault) => writeln!(f, "- audit: {fault}"),
        }
    }
}

fn seconds(tick: usize) -> f64 {
    tick as f64 / 100.0
}

/// Words as they sound, not as they are written.
fn spoken(text: &str) -> Vec<String> {
    let plain =
        |c: char| if c.is_alphanumeric() || c == '\'' { c.to_ascii_lowercase() } else { ' ' };
    let text: String = text.chars().map(plain).collect();
    let full = |word: &str| match word {
        "mr" => "mister".to_owned(),
        word => word.to_owned(),
    };
    text.split_whitespace().map(full).collect()
}

/// Words to be changed, left out or put in to make one of the other.
fn distance(from: &[String], to: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (n, word) in from.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], n + 1);
        for (m, other) in to.iter().enumerate() {
            let swapped = diagonal + usize::from(word != other);
            diagonal = row[m + 1];
            row[m + 1] = swapped.min(diagonal + 1).min(row[m] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_they_sound() {
        assert_eq!(spoken("Mr. John, cold-hearted"), ["mister", "john", "cold", "hearted"]);
        for (from, to, errors) in [
            ("a b c", "a b c", 0),
            ("a b c", "a c", 1),
            ("a", "b a c", 2),
            ("a b", "x y", 2),
            ("", "a", 1),
        ] {
            assert_eq!(distance(&spoken(from), &spoken(to)), errors, "{from}, {to}");
        }
    }
}
