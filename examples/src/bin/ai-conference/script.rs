// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who says what when, and what each has agreed to.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use examples::speech::{RATE_HZ, read_wav};
use examples::{Context, Failure};

/// The people; all but [`REFUSES`] have agreed to be transcribed.
pub(crate) const NAMES: [&str; 3] = ["Anna", "Ben", "Clara"];
/// Nobody has asked her.
pub(crate) const REFUSES: usize = 2;
/// He takes his consent back in the middle of what he says.
pub(crate) const WITHDRAWS: usize = 1;

const TICK_SAMPLES: usize = RATE_HZ as usize / 100;
/// Between two who take turns.
const TURN_TICKS: usize = 120;
/// After which he takes it back.
const CUT_TICKS: usize = 300;
/// Of full scale: what of a recording is louder is speech.
const SPEECH: u16 = 600;

/// What one says.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) who: usize,
    pub(crate) pcm: Vec<i16>,
    /// In capitals and points no matter; empty where it is not known.
    pub(crate) text: String,
    pub(crate) begin_tick: usize,
    /// Behind the last word.
    pub(crate) end_tick: usize,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) said: Vec<Said>,
    pub(crate) withdrawal_tick: usize,
    pub(crate) ticks: usize,
}

/// Turns: who, which recording, and whether it is said over the one before.
const TURNS: [(usize, &str, bool); 9] = [
    (0, "sense_and_sensibility_01_austen_64kb-0870", false),
    (REFUSES, "005", true),
    (WITHDRAWS, "sense_and_sensibility_01_austen_64kb-0920", false),
    (0, "sense_and_sensibility_01_austen_64kb-0890", false),
    (REFUSES, "004", false),
    (WITHDRAWS, "sense_and_sensibility_01_austen_64kb-0880", false),
    (WITHDRAWS, CUT, false),
    (WITHDRAWS, "002", false),
    (0, "sense_and_sensibility_01_austen_64kb-0930", false),
];
const CUT: &str = "sense_and_sensibility_01_austen_64kb-0870";

/// Reads what is said.
pub(crate) fn read(folder: &Path) -> Result<Script, Failure> {
    let file = folder.join("transcription");
    let texts = fs::read_to_string(&file).context(file.display())?;
    let texts: HashMap<&str, &str> = texts.lines().filter_map(known).collect();
    let mut script = Script { said: Vec::new(), withdrawal_tick: 0, ticks: TURN_TICKS };
    for (who, name, over) in TURNS {
        let pcm = read_wav(&folder.join(name).with_extension("wav"), RATE_HZ)?;
        let before = script.said.last().map_or(0, |said: &Said| said.begin_tick);
        let begin_tick = if over { before + TURN_TICKS } else { script.ticks };
        let last = pcm.iter().rposition(|sample| sample.unsigned_abs() > SPEECH).unwrap_or(0);
        if who == WITHDRAWS && name == CUT {
            script.withdrawal_tick = begin_tick + CUT_TICKS;
        }
        script.ticks = script.ticks.max(begin_tick + pcm.len() / TICK_SAMPLES + TURN_TICKS);
        let text = texts.get(name).copied().unwrap_or_default().to_owned();
        let end_tick = begin_tick + last / TICK_SAMPLES;
        script.said.push(Said { who, pcm, text, begin_tick, end_tick });
    }
    Ok(script)
}

/// A recording's name and what is said in it: `<s> words </s> (name)`.
fn known(line: &str) -> Option<(&str, &str)> {
    let (text, name) = line.strip_prefix("<s>")?.split_once("</s>")?;
    Some((name.trim().strip_prefix('(')?.strip_suffix(')')?, text.trim()))
}

impl Script {
    /// What one says in 10 ms.
    pub(crate) fn frame(&self, who: usize, tick: usize) -> [i16; TICK_SAMPLES] {
        let mut frame = [0; TICK_SAMPLES];
        for said in self.said.iter().filter(|said| said.who == who && said.begin_tick <= tick) {
            let at = (tick - said.begin_tick) * TICK_SAMPLES;
            let pcm = said.pcm.get(at..).unwrap_or_default();
            frame.iter_mut().zip(pcm).for_each(|(out, sample)| *out = *sample);
        }
        frame
    }

    /// Whether all of it was to be recognised, and what it is is known.
    pub(crate) fn is_whole(&self, said: &Said) -> bool {
        said.who != REFUSES
            && !(said.who == WITHDRAWS && said.end_tick >= self.withdrawal_tick)
            && !said.text.is_empty()
    }

    /// What was being said when consent was taken back.
    pub(crate) fn cut(&self) -> Option<&Said> {
        let during = |said: &&Said| {
            said.who == WITHDRAWS
                && (said.begin_tick..said.end_tick).contains(&self.withdrawal_tick)
        };
        self.said.iter().find(during)
    }
}
