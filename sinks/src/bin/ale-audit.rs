// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verifies an audit: `ale-audit verify FILE [--key KEY-FILE] [--head HASH] [--open]`.
//!
//! Fails where a line was changed, removed, added or moved, where the chain was cut, and where lines are not
//! signed with the key in the file. `--head` is the last line's hash as it was kept elsewhere; `--open` is for
//! an audit that still goes on, whose last lines need be neither signed nor the last.

use std::process::ExitCode;

use ale_media_sinks::audit::verify;

struct Options {
    file: String,
    key: Option<String>,
    head: Option<String>,
    open: bool,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("usage: ale-audit verify FILE [--key KEY-FILE] [--head HASH] [--open]");
        return ExitCode::FAILURE;
    };
    match run(&options) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ale-audit: {}: {error}", options.file);
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    if arguments.next()? != "verify" {
        return None;
    }
    let mut options = Options { file: arguments.next()?, key: None, head: None, open: false };
    while let Some(argument) = arguments.next() {
        match &argument[..] {
            "--key" => options.key = Some(arguments.next()?),
            "--head" => options.head = Some(arguments.next()?),
            "--open" => options.open = true,
            _ => return None,
        }
    }
    Some(options)
}

fn run(options: &Options) -> Result<String, String> {
    let text = std::fs::read_to_string(&options.file).map_err(|error| error.to_string())?;
    let key = options.key.as_ref().map(std::fs::read).transpose();
    let key = key.map_err(|error| format!("key: {error}"))?;
    let found = verify(&text, key.as_deref()).map_err(|fault| fault.to_string())?;
    let head: String = found.head.iter().map(|byte| format!("{byte:02x}")).collect();
    match &options.head {
        Some(kept) if !kept.eq_ignore_ascii_case(&head) => {
            return Err(format!("ends with another line than the one that was kept: {head}"));
        }
        None if !found.closed && !options.open => {
            return Err("was not closed: lines may be missing at its end (--head, --open)".into());
        }
        _ => (),
    }
    if key.is_some() && found.unsigned_lines > 0 && !options.open {
        return Err(format!("{} lines behind the last signature", found.unsigned_lines));
    }
    let signed = found.lines - found.unsigned_lines;
    Ok(format!("{} lines, {signed} of them signed, the last {head}", found.lines))
}
