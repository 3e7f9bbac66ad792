// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any AI on a conversation: three people confer, two of them have agreed to be transcribed.
//!
//! Each person's voice goes by AudioSocket to a recogniser on this machine, whose lines appear with names and times
//! as they come. Who has not agreed has neither a line nor a sample there; one takes her consent back in the middle
//! of a sentence. Then the transcript goes to whatever is behind a chat-completions interface for a summary. Exit
//! code 1 if a word got where it should not, or too many got nowhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use examples::clock::{Beat, Clock};
use examples::{Context, Failure, random};

mod judge;
mod report;
mod room;
mod script;
mod service;

use judge::Verdict;
use room::Room;
use service::{Heard, Service};

/// What the recogniser may need after the last word.
const TAIL: Duration = Duration::from_secs(10);

/// Three people in a conference, a recogniser, a summary, and a report about who was heard.
#[derive(Parser)]
struct Options {
    /// Python with what `examples/ai/requirements.txt` names.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// A chat-completions interface; without it a small one on this machine. Its key is taken from CHAT_KEY.
    #[arg(long)]
    chat: Option<String>,
    /// The model's name there.
    #[arg(long, default_value = "extractive")]
    model: String,
    /// Folder for the report, the transcript and the audit.
    #[arg(long, default_value = "out/ai-conference")]
    out: PathBuf,
    /// Folder of the WAV files that are spoken, and what is said in them.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/speech"))]
    speech: PathBuf,
}

/// The programs in Python.
const AI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ai");

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ai-conference: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Failure> {
    fs::create_dir_all(&options.out).context(options.out.display())?;
    let script = script::read(&options.speech)?;
    let clock = Clock::start();
    let (told, heard) = mpsc::channel();
    let recogniser = Service::start(&options.python, &Path::new(AI).join("recogniser.py"))?;
    let address = recogniser.address();
    let mut recogniser = recogniser.listen(clock, told)?;

    let key: [u8; 32] = random()?;
    let mut room = Room::new(&script, address, &key)?;
    let mut beat = Beat::start();
    let begin_ns = clock.now_ns();
    let mut lines = Vec::new();
    for tick in 0..script.ticks {
        room.tick(tick)?;
        while let Ok(word) = heard.try_recv() {
            lines.extend(room.place(word, begin_ns).inspect(report::show));
        }
        beat.wait();
    }
    room.hang_up();
    // Until each has been said goodbye to, and the lines that were on their way have come.
    while room.is_open() {
        let Ok(word) = heard.recv_timeout(TAIL) else { break };
        lines.extend(room.place(word, begin_ns).inspect(report::show));
    }
    recogniser.stop();
    let audit = room.close_audit();

    lines.sort_by(|a, b| a.begin_s.total_cmp(&b.begin_s));
    let transcript = report::transcript(&lines);
    let file = options.out.join("transcript.txt");
    fs::write(&file, &transcript).context(file.display())?;
    let summary = ask(options, &file)?;
    let verdict = Verdict::of(&script, &lines, &room.accounts(), &audit, &key);
    report::write(&options.out, &script, &transcript, &summary, &verdict)?;
    fs::write(options.out.join("audit.log"), &audit).context("audit.log")?;
    fs::write(options.out.join("audit.key"), key).context("audit.key")?;
    println!("\n{summary}\n{verdict}report: {}", options.out.join("report.md").display());
    Ok(verdict.holds())
}

/// Has the transcript summed up.
fn ask(options: &Options, transcript: &Path) -> Result<String, Failure> {
    let mut own = None;
    let url = match &options.chat {
        Some(url) => url.clone(),
        None => {
            let service = Service::start(&options.python, &Path::new(AI).join("chat.py"))?;
            let url = format!("http://{}/v1/chat/completions", service.address());
            own = Some(service);
            url
        }
    };
    let answer = Command::new(&options.python)
        .arg(Path::new(AI).join("ask.py"))
        .args(["--url", &url, "--model", &options.model])
        .arg(transcript)
        .output()
        .context(options.python.display())?;
    drop(own);
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// A line of the transcript, placed in the conversation's time.
#[derive(Debug, Clone)]
struct Line {
    /// Which person.
    who: usize,
    name: &'static str,
    begin_s: f64,
    end_s: f64,
    /// When it came.
    came_s: f64,
    text: String,
}

impl Room<'_> {
    /// Takes in what the recogniser says.
    fn place(&mut self, heard: Heard, begin_ns: u64) -> Option<Line> {
        let person = self.people.iter_mut().find(|person| person.uuid == heard.speaker)?;
        if let Some(seconds) = heard.closed_s {
            person.recognised_s = Some(seconds);
            return None;
        }
        Some(Line {
            who: person.who,
            name: person.name,
            begin_s: person.placed(heard.begin_s),
            end_s: person.placed(heard.end_s),
            came_s: heard.at_ns.saturating_sub(begin_ns) as f64 / 1e9,
            text: heard.text,
        })
    }
}
