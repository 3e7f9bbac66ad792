// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the C header from the sources in `ffi/src`: `ale-media-header OUT`; or, with `--manual
//! OUT`, the manual page that belongs to it. A command of its own
//! and not a build script, so that who embeds the library needs neither Rust nor cbindgen to read
//! the header, and a stale one is found by comparing files.

mod manual;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let as_manual = arguments.next_if(|argument| argument == "--manual").is_some();
    let Some(out) = arguments.next() else {
        eprintln!("usage: ale-media-header [--manual] OUT");
        return ExitCode::FAILURE;
    };
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let written = cbindgen::Config::from_file(ffi.join("cbindgen.toml"))
        .and_then(|config| {
            // The modules in the order in which a reader needs them.
            let sources = [
                "status",
                "memory",
                "codec",
                "codec_host",
                "srtp_crypto",
                "srtp_backend",
                "srtp",
                "srtp_batch",
                "srtp_control",
                "srtp_checkpoint",
                "jitter",
                "jitter_view",
                "replay",
                "mixer",
                "leg",
                "leg_address",
                "leg_batch",
                "leg_event",
                "leg_relay",
                "leg_stats",
                "leg_ticket",
                "conference",
                "conference_share",
            ];
            let mut builder = cbindgen::Builder::new().with_config(config);
            for source in sources {
                builder = builder.with_src(ffi.join("src").join(source).with_extension("rs"));
            }
            builder.generate().map_err(|error| error.to_string())
        })
        .and_then(|bindings| {
            let mut header = Vec::new();
            bindings.write(&mut header);
            let header = String::from_utf8(header).map_err(|error| error.to_string())?;
            let header = tidy(&header);
            let text = match as_manual {
                true => manual::manual(&header, env!("CARGO_PKG_VERSION")),
                false => header,
            };
            std::fs::write(&out, text).map_err(|error| error.to_string())
        });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", ffi.display());
            ExitCode::FAILURE
        }
    }
}

/// Headings over the functions of each object, by the names' prefix.
const SECTIONS: [(&str, &str); 9] = [
    ("ale_version", "Library"),
    ("ale_allocator_", "Memory"),
    ("ale_host_codec_", "Codecs of the host"),
    ("ale_srtp_", "SRTP sessions"),
    ("ale_jitter_", "Jitter buffer"),
    ("ale_mixer_", "Mixer"),
    ("ale_leg_", "Legs"),
    ("ale_repacketizer_", "Other packet times"),
    ("ale_conference_", "Conferences"),
];

/// Makes the header one that can be read in a sitting: comments of one line take one line, and each
/// object's functions have a heading.
fn tidy(header: &str) -> String {
    let header = compact_comments(header);
    // cbindgen puts its trailer behind the include guard.
    let guard = "#endif  /* ALE_MEDIA_H */";
    let header = match header.split_once(guard) {
        Some((before, trailer)) => format!("{before}{}\n\n{guard}\n", trailer.trim()),
        None => header,
    };
    let mut out = String::new();
    let mut sections = SECTIONS.iter().peekable();
    for block in header.split("\n\n") {
        if let Some((prefix, title)) = sections.peek()
            && block.ends_with(");")
            && [" ", "*"].iter().any(|before| block.contains(&format!("{before}{prefix}")))
        {
            out.push_str(&format!("/* ---- {title} ---- */\n\n"));
            sections.next();
        }
        out.push_str(block.trim_matches('\n'));
        out.push_str("\n\n");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Turns three lines, the middle one text, into one; and aligns the text of longer comments.
fn compact_comments(block: &str) -> String {
    let lines: Vec<&str> = block.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = lines[at..].iter().position(|line| line.trim() == "*/").map(|n| at + n);
        match end {
            Some(end) if line.trim() == "/*" && !lines[at + 1].trim_start().starts_with('*') => {
                let text: Vec<&str> = lines[at + 1..end].iter().map(|line| line.trim()).collect();
                let one = format!("{indent}/* {} */", text.join(" "));
                if text.len() == 1 && one.len() <= 100 {
                    out.push(one);
                } else {
                    out.push(format!("{indent}/*"));
                    let marked = text.iter().map(|text| format!("{indent} * {text}"));
                    out.extend(marked.map(|line| line.trim_end().to_owned()));
                    out.push(format!("{indent} */"));
                }
                at = end + 1;
            }
            _ => {
                out.push(line.to_owned());
                at += 1;
            }
        }
    }
    out.join("\n")
}
