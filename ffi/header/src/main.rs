// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the C headers from the sources in `ffi/src`: `ale-media-header FOLDER`; or, with `--manual
//! FOLDER`, a manual page for each function; or, with `--symbols FOLDER`, Debian's list of what the
//! shared library exports. A command of its own and not a build script, so that who embeds the library
//! needs neither Rust nor cbindgen to read the headers, and a stale one is found by comparing files.

mod block;
mod layout;
mod manual;
mod symbols;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let what = arguments.next_if(|argument| argument == "--manual" || argument == "--symbols");
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: ale-media-header [--manual | --symbols] FOLDER");
        return ExitCode::FAILURE;
    };
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let written = declarations(&ffi).and_then(|declarations| {
        let version = env!("CARGO_PKG_VERSION");
        let headers = layout::headers(&block::blocks(&declarations), version);
        let files = match what.as_ref().and_then(|what| what.to_str()) {
            Some("--manual") => manual::pages(&headers, version),
            Some(_) => {
                let kept = std::fs::read_to_string(ffi.join("package/debian").join(symbols::FILE));
                let kept = kept.map_err(|error| error.to_string())?;
                vec![(symbols::FILE.to_owned(), symbols::list(&headers, &kept, version)?)]
            }
            None => headers.into_iter().map(|h| (h.file.to_owned(), h.text)).collect(),
        };
        files.iter().try_for_each(|(name, text)| {
            std::fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
        })
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", ffi.display());
            ExitCode::FAILURE
        }
    }
}

/// The library's modules in the order in which a reader needs what they declare.
const SOURCES: &[&str] = &[
    "status",
    "memory",
    "codec",
    "codec_host",
    "leg_config",
    "leg",
    "leg_address",
    "leg_batch",
    "leg_event",
    "leg_jitter",
    "leg_recording",
    "leg_relay",
    "leg_stats",
    "leg_ticket",
    "mistake",
    "link",
    "conference",
    "conference_share",
    "tap",
    "talk",
    "jitter",
    "jitter_view",
    "replay",
    "mixer",
    "tones",
    "resampler",
    "voice",
    "endpoint",
    "srtp_keys",
    "srtp_backend",
    "srtp",
    "srtp_batch",
    "srtp_control",
    "srtp_checkpoint",
];

/// All that cbindgen finds, as C.
fn declarations(ffi: &Path) -> Result<String, String> {
    let config = cbindgen::Config::from_file(ffi.join("cbindgen.toml"))?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(ffi.join("src").join(source).with_extension("rs"));
    }
    let bindings = builder.generate().map_err(|error| error.to_string())?;
    let mut declarations = Vec::new();
    bindings.write(&mut declarations);
    String::from_utf8(declarations).map_err(|error| error.to_string())
}
