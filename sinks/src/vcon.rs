// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conversation as a vCon (draft-ietf-vcon-vcon-core-00): who took part, the recordings of a folder, and what each
//! speaker has agreed to, attached. Recordings are named by URL and SHA-512, not put in.
//!
//! A recording whose speaker's consent is not among those given is refused: there is no vCon without it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ale_media::tap::{Basis, Grant};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::files::{Entry, entries};

const VERSION: &str = "0.3.0";
/// Of an attachment: draft-howe-vcon-consent calls it so.
const CONSENT: &str = "consent";

/// What a speaker has agreed to.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// As the recording calls the speaker.
    pub who: String,
    /// What.
    pub grant: Grant,
    /// When, since 1970.
    pub at_unix_ns: u64,
    /// When it was taken back, if it was.
    pub withdrawn_unix_ns: Option<u64>,
}

/// What a vCon is called, and where its recordings are found.
#[derive(Debug, Clone)]
pub struct Export<'a> {
    /// The vCon's own name, a UUID.
    pub uuid: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// Where the folder's files are found; a file's name is put behind it.
    pub base_url: &'a str,
    /// When it is made, since 1970.
    pub created_unix_ns: u64,
}

/// Why there is no vCon.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The folder, its index or a file can't be read.
    Io(io::Error),
    /// No consent of this speaker covers this purpose.
    NotAgreed {
        /// Who.
        who: String,
        /// What for.
        purpose: String,
    },
    /// A file of which nobody knows when it began: [`RecordingConfig::clock`](crate::files::RecordingConfig::clock)
    /// was not told.
    NoTime(String),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotAgreed { who, purpose } => write!(f, "{who} has not agreed to {purpose}"),
            Self::NoTime(file) => write!(f, "{file}: it is not known when it began"),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Makes the vCon of a folder of recordings that are whole.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    folder: &Path,
    export: &Export<'_>,
    consents: &[Agreed],
) -> Result<Value, ExportError> {
    let mut people: Vec<String> = Vec::new();
    let mut dialog = Vec::new();
    for entry in entries(folder)? {
        let covers = |agreed: &Agreed| {
            let purposes = agreed.grant.purposes.iter();
            agreed.who == entry.who
                && agreed.grant.sink.0 == entry.sink
                && purposes.into_iter().any(|purpose| purpose.name() == entry.purpose)
        };
        if !consents.iter().any(covers) {
            let Entry { who, purpose, .. } = entry;
            return Err(ExportError::NotAgreed { who, purpose });
        }
        let Some(start_ns) = entry.start_unix_ns else {
            return Err(ExportError::NoTime(entry.file));
        };
        let party = party(&mut people, &entry.who);
        let kind = if entry.file.ends_with(".opus") { "audio/ogg" } else { "audio/x-wav" };
        dialog.push(json!({
            "type": "recording",
            "start": date(start_ns),
            "duration": entry.seconds,
            "parties": [party],
            "mediatype": kind,
            "filename": entry.file,
            "url": format!("{}{}", export.base_url, entry.file),
            "content_hash": format!("sha512-{}", hash(&folder.join(&entry.file))?),
        }));
    }
    let attachments: Vec<Value> = consents
        .iter()
        .map(|agreed| {
            let body = consent(agreed);
            json!({
                "purpose": CONSENT,
                "start": date(agreed.at_unix_ns),
                "party": party(&mut people, &agreed.who),
                "mediatype": "application/json",
                "encoding": "json",
                "body": body.to_string(),
            })
        })
        .collect();
    let parties: Vec<Value> = people.iter().map(|who| json!({"name": who})).collect();
    Ok(json!({
        "vcon": VERSION,
        "uuid": export.uuid,
        "created_at": date(export.created_unix_ns),
        "subject": export.subject,
        "parties": parties,
        "dialog": dialog,
        "attachments": attachments,
    }))
}

fn party(people: &mut Vec<String>, who: &str) -> usize {
    people.iter().position(|known| known == who).unwrap_or_else(|| {
        people.push(who.to_owned());
        people.len() - 1
    })
}

fn consent(agreed: &Agreed) -> Value {
    let grant = &agreed.grant;
    let status = |withdrawn: bool| if withdrawn { "withdrawn" } else { "granted" };
    let consents: Vec<Value> = grant
        .purposes
        .iter()
        .map(|purpose| {
            let status = status(agreed.withdrawn_unix_ns.is_some());
            json!({"consent": purpose.name(), "status": status})
        })
        .collect();
    let letter = Basis::ALL.iter().position(|basis| *basis == grant.basis).unwrap_or(0) as u8;
    json!({
        "consents": consents,
        "granted_at": date(agreed.at_unix_ns),
        "withdrawn_at": agreed.withdrawn_unix_ns.map(date),
        "basis": format!("GDPR Article 6(1)({})", char::from(b'a' + letter)),
        "receiver": grant.sink.0,
        "notice_version": grant.notice_version,
    })
}

fn hash(path: &Path) -> io::Result<String> {
    let (mut file, mut sum, mut piece) = (File::open(path)?, Sha512::new(), vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(URL_SAFE_NO_PAD.encode(sum.finalize()));
        }
        sum.update(piece.get(..count).unwrap_or_default());
    }
}

/// A moment as RFC 3339 has it, to the millisecond.
pub(crate) fn date(unix_ns: u64) -> String {
    let (seconds, ms) = (unix_ns / 1_000_000_000, unix_ns / 1_000_000 % 1_000);
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    // Some six hundred years at most: that is how far 64 bits of nanoseconds reach.
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", day + 1)
}

#[cfg(test)]
mod tests {
    use super::date;

    /// By `date -u -d @SECONDS`.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(date(seconds * 1_000_000_000), text);
        }
        assert!(date(u64::MAX).starts_with("2554-07-21T23:34:33.709"));
    }
}
